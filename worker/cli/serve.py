"""`run`, `sandbox`, `db upgrade`: the long-running commands, and what must precede `run` on PostgreSQL."""

import asyncio
import gc
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from worker.cli.terminal import FAILED, USAGE, Stop, explained, load_settings, note, quiet_logs, say, say_json
from worker.settings import Settings

T = TypeVar("T")

database = typer.Typer(no_args_is_help=True, help="The journal's database.")


class Qr(StrEnum):
    """When the sandbox asks for a face scan."""

    ALWAYS = "always"
    AUTO = "auto"
    NEVER = "never"


def run() -> None:
    """Run the worker until SIGTERM; a second signal ends it at once. Everything is set by FAPIAO_* variables."""
    with explained():
        settings = load_settings()
        from worker.ops import cores, descriptors, logs

        if not settings.core_dumps:
            cores.forbid()
        logs.configure(settings, logs.to_stderr())
        settings = descriptors.make_room(settings)
        from worker.bootstrap import run_worker

        _collect_garbage_seldom()
        raise typer.Exit(_on_uvloop(run_worker(settings)))


def sandbox(  # noqa: PLR0913, PLR0917  one parameter per option
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets phones reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8090,
    qr: Annotated[Qr, typer.Option(help="Ask for a scan always, for the first invoice of an account, or never.")] = (
        Qr.ALWAYS
    ),
    auto_scan: Annotated[float | None, typer.Option(metavar="SECONDS", help="Scan by itself after so long.")] = None,
    ledger: Annotated[Path | None, typer.Option(metavar="PATH", help="Keep the books in this file.")] = None,
    public_url: Annotated[str | None, typer.Option(help="How phones reach it, for QRs and file addresses.")] = None,
    archive_count: Annotated[int, typer.Option(metavar="N", help="Invoices of 2024 for every company.", min=0)] = 0,
) -> None:
    """Run a stand-in for the vendor's gateway. Nothing issued there is a tax invoice."""
    with explained():
        try:
            from worker.sandbox.server import SandboxOptions, ready_line
            from worker.sandbox.server import run as run_sandbox
        except ModuleNotFoundError as error:
            raise Stop(f"The sandbox needs {error.name}: pip install 'fapiao-worker[sandbox]'.") from None

        options = SandboxOptions(
            host=host,
            port=port,
            public_url=public_url,
            qr=qr.value,
            auto_scan_seconds=auto_scan,
            ledger_path=ledger,
            archive_count=archive_count,
        )

        def announce(running: Any) -> None:
            print(ready_line(running), flush=True)
            note(f"The sandbox listens: FAPIAO_GATEWAY_URL={running.url}  books: {running.http_url}/_sandbox/ledger")

        try:
            _on_uvloop(run_sandbox(options, announce))
        except OSError as error:
            raise Stop(f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port.", USAGE) from None


@database.command()
def upgrade(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Bring the schema to this version. Workers of the version before may go on running meanwhile."""

    async def work() -> list[str]:
        from worker.clock import SystemClock
        from worker.journal import open_journal

        settings = load_settings()
        quiet_logs(settings)
        journal = open_journal(settings, SystemClock())
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

        settings = load_settings()
        quiet_logs(settings)
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


def _on_uvloop(work: Coroutine[Any, Any, T]) -> T:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
