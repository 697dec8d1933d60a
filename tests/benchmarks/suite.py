"""All benchmarks, interleaved: `tests/benchmarks/run`. Compare the ratios, not the figures: machines drift."""

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from tests import servers
from tests.benchmarks import measures, report, store
from tests.benchmarks.contestants import PEERS, stub_gateway
from tests.benchmarks.measures import Figures, Places

Measure = Callable[[str, Places], Awaitable[Figures]]
ALL = ("throughput", "new users", "latency", "parked", "beside parked", "big tenant", "store", "replicas")
OF_PEERS = {"throughput", "new users", "latency"}


def contestants_of(measure: str, options: argparse.Namespace) -> list[str]:
    """The store's own measure has stores, not consumers; fairness is nothing that a bare consumer has, and peers host
    the shortest exchange alone."""
    if measure == "store":
        return ["sqlite", "postgres"]
    named: list[str] = options.contestants.split(",")
    if measure == "replicas":
        return [name for name in named if name == "worker-postgres"]
    if measure in {"beside parked", "big tenant"}:
        return [name for name in named if name.startswith("worker")]
    return [name for name in named if measure in OF_PEERS or name not in PEERS]


def measures_of(options: argparse.Namespace) -> dict[str, Measure]:
    """By name, with the sizes that were asked for."""
    commands = options.commands
    return {
        "throughput": lambda name, places: measures.throughput(name, places, commands, options.users),
        "new users": lambda name, places: measures.throughput(name, places, commands, commands),
        "latency": lambda name, places: measures.latency(name, places, max(20, commands // 15), 25),
        "parked": lambda name, places: measures.parked(name, places, options.scans),
        "beside parked": lambda name, places: measures.beside_parked(
            name, places, options.scans, commands, options.users
        ),
        "big tenant": lambda name, places: measures.big_tenant(name, places, commands),
        "replicas": lambda name, places: measures.replicas(name, places, commands, options.users),
        "store": lambda name, places: store.costs(name, places.postgres_url, options.waiting),
    }


async def run(options: argparse.Namespace, places: Places) -> report.Results:
    """Every round takes each contestant once for each measure, in turns."""
    wanted = options.only.split(",") if options.only else list(ALL)
    chosen = {name: measure for name, measure in measures_of(options).items() if name in wanted}
    results: dict[str, dict[str, list[Figures]]] = {name: {} for name in chosen}
    for turn in range(options.rounds):
        for measure, ask in chosen.items():
            if turn and measure in {"parked", "store"}:
                continue  # what does not drift is measured once
            for contestant in contestants_of(measure, options):
                figures = await ask(contestant, places)
                results[measure].setdefault(contestant, []).append(figures)
                said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                print(f"round {turn + 1} {measure} {contestant}: {said}", flush=True)
    return results


def main() -> None:
    """Read the options, run, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=3000, help="per round and contestant")
    parser.add_argument("--users", type=int, default=200, help="different userIds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scans", type=int, default=2000, help="parked scans")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="commands that wait while claims are measured")
    parser.add_argument("--contestants", default="bare,worker,worker-postgres", help=f"of these and {', '.join(PEERS)}")
    parser.add_argument("--only", default="", help=f"of: {', '.join(ALL)}")
    parser.add_argument("--into", type=Path, default=Path("bench-results"), help="folder for JSON, table and pictures")
    parser.add_argument("--shared-servers", action="store_true", help="those of the environment, not ones of its own")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.shared_servers:
            broker, database = servers.shared_rabbit(print)[0], servers.shared_postgres(print)[0]
        else:
            broker, database = servers.start_rabbit(print), servers.start_postgres(print)
        stack.callback(broker.close)
        stack.callback(database.close)
        quick, scanning = stack.enter_context(stub_gateway()), stack.enter_context(stub_gateway("--qr"))
        places = Places(broker.url(), quick, scanning, database.url())
        load = os.getloadavg()[0]
        results = asyncio.run(run(options, places))
    about = {
        "command": " ".join(["tests/benchmarks/run", *sys.argv[1:]]),
        "at": time.strftime("%Y-%m-%d %H:%M"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load before": round(load, 2),
    }
    report.write(results, options.into, about)
    print(f"\n{report.table(results)}\nload before: {load:.2f}; written to {options.into}")


if __name__ == "__main__":
    main()
