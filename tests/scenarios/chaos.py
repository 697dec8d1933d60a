"""Worker processes killed, frozen, stopped and cut off at random under load, and what became of every command.

    tests/run chaos --minutes 10 --on postgres,sqlite,bare --seed 7

`bare` is the consumer of `tests/benchmarks/bare_consumer.py` in the worker's place, on the same plan. Plan, faults and
strokes follow from the seed; the moments at which they meet do not. Exit code 1 where the worker broke a promise.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg

from tests import servers
from tests.conftest import delete_amqp_objects
from tests.scenarios.chaos_checker import Counts
from tests.scenarios.chaos_fleet import WatchedSandbox
from tests.scenarios.chaos_run import GATEWAY, SETTINGS, Run, Weather
from tests.scenarios.chaos_stacks import BareStack, ChaosStack

REPLICAS = {"postgres": 3, "bare": 3, "sqlite": 1}


async def run_on(name: str, amqp_url: str, database_url: str, weather: Weather, folder: Path) -> Run:
    """Run one contestant on its store."""
    if name == "bare":  # what it has not answered by then it never will
        weather = replace(weather, drain_seconds=40)
    prefix = f"t{uuid.uuid4().hex[:12]}"
    kind = BareStack if name == "bare" else ChaosStack
    try:
        async with kind(amqp_url, prefix, database_url, folder, GATEWAY, SETTINGS, WatchedSandbox) as stack:
            run = Run(stack, weather)
            await run.go(lambda fleet: fleet.torment(weather.seconds), replicas=REPLICAS[name])
    finally:
        await delete_amqp_objects(amqp_url, prefix)
    return run


# ---- the command line --------------------------------------------------------------------------------


async def run_all(names: Sequence[str], weather: Weather) -> int:
    """One contestant after the other on servers of our own; the exit code."""
    broker, described = servers.shared_rabbit(print)
    database, stored = servers.shared_postgres(print)
    code = 0
    counted: dict[str, Counts] = {}
    try:
        for name in names:
            with tempfile.TemporaryDirectory(prefix="fapiao-chaos-") as folder:
                url = f"sqlite:///{folder}/journal.db"
                if name == "postgres":
                    url = await _new_database(stored[servers.DATABASE_URL])
                run = await run_on(name, described[servers.AMQP_URL], url, weather, Path(folder))
                print(f"{name}, seed {weather.seed}, {weather.seconds:.0f} s: {run.verdict.counts}", flush=True)
                counted[name] = run.verdict.counts
                if name != "bare" and run.verdict.violations:
                    code = 1
                    print(run.report(), flush=True)
    finally:
        broker.close()
        database.close()
    show(counted)
    return code


def show(counted: Mapping[str, Counts]) -> None:
    """The contestants side by side."""
    print(f"\n{'':<14}" + "".join(f"{name:>12}" for name in counted))
    for line in vars(Counts()):
        print(f"{line.replace('_', ' '):<14}" + "".join(f"{getattr(one, line):>12}" for one in counted.values()))


async def _new_database(server: str) -> str:
    name = f"chaos{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="tests/run chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of load, for each contestant")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="printed; the same plan again")
    parser.add_argument("--on", default="postgres,sqlite,bare", help="contestants, in this order")
    parser.add_argument("--per-second", type=float, default=6.0, help="messages published")
    options = parser.parse_args()
    weather = Weather(options.seed, options.minutes * 60, per_second=options.per_second)
    print(f"seed {weather.seed}", flush=True)
    return asyncio.run(run_all(options.on.split(","), weather))


if __name__ == "__main__":
    sys.exit(main())
