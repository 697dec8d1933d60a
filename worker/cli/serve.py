"""`run`, `db upgrade`: the long-running commands, and what must precede `run` on PostgreSQL."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from worker.cli.terminal import FAILED, Stop, explained, load_settings, note, quiet_settings, say, say_json
from worker.clock import Clock
from worker.settings import Settings

T = TypeVar("T")

database = typer.Typer(no_args_is_help=True)


def run() -> None:
    """Run the worker until SIGTERM; a second signal ends it at once. Everything is set by FAPIAO_* variables."""
    run_by(None)


def run_by(clock: Clock | None) -> None:
    """As `run`, by another clock than the machine's: the sandbox's, in `dev` alone."""
    with explained():
        settings = load_settings()
        from worker.ops import logs
        from worker.service import forbid_core_files, make_room

        if not settings.core_dumps:
            forbid_core_files()
        logs.configure(settings, logs.to_stderr())
        settings = make_room(settings)
        from worker.bootstrap import run_worker

        _collect_garbage_seldom()
        raise typer.Exit(on_uvloop(run_worker(settings, clock=clock)))


@database.command()
def upgrade(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Bring the schema to this version. Workers of the version before may go on running meanwhile."""

    async def work() -> list[str]:
        from worker.clock import SystemClock
        from worker.journal import open_journal

        journal = open_journal(quiet_settings(), SystemClock())
        try:
            return list(await journal.upgrade())
        finally:
            await journal.close()

    with explained():
        applied = asyncio.run(work())
    if as_json:
        say_json({"applied": applied})
    else:
        say("\n".join(f"applied {name}" for name in applied) or "The schema is this version's already.")


@database.command()
def rekey(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Seal the passwords of unfinished commands anew, with the first of FAPIAO_JOURNAL_KEYS.

    To rotate: put a new key before the old ones, restart every worker, run this, then take the old keys away. Workers
    may go on meanwhile. Exit code 1 if something is still sealed with another key.
    """

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = quiet_settings()
        async with desk(settings, writes=True) as operations:
            done = await operations.rekey()
        _check_whose_key(settings, done["keyId"])
        return done

    with explained():
        done = asyncio.run(work())
    if as_json:
        say_json(done)
    else:
        say(f"{done['resealed']} commands sealed anew with key {done['keyId']}.")
    if not done["isComplete"]:
        note("Some are still sealed with another key: a worker runs that has the new key not yet, or not first.")
        raise typer.Exit(FAILED)
    if not as_json:
        say("Nothing is sealed with another key: the old ones may be taken away.")


def _check_whose_key(settings: Settings, key_id: str) -> None:
    """With SQLite a running worker does the work, with the keys that it was started with."""
    from worker.journal.sealing import Sealer, parse_keys

    if settings.journal_keys and Sealer(parse_keys(settings.journal_keys)).sealing_id.hex() != key_id:
        raise Stop("The running worker seals with another key than the first one here: restart it with these keys.")


def _collect_garbage_seldom() -> None:
    """What was imported stays, and what commands make is freed by reference counts: looking for cycles at Python's
    usual pace took 3 % of the CPU, and more with thousands of parked scans."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def on_uvloop(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end on the faster loop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
