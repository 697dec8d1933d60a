"""`demo`: one invoice from command to number, one query and its files, with the sandbox as gateway, told as it happens.

Guarantees: uses a prefix and a database of its own, so it meets nobody else's queues; ends what it started and deletes
what it declared, also when interrupted, unless `--keep` asks it to stay.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from contracts.envelope import dumps
from worker.cli import story
from worker.cli.contracts import fresh_example
from worker.cli.invoices import show_files
from worker.cli.outgoing import OutgoingCommand, read_command
from worker.cli.parts import get
from worker.cli.send import TIMED_OUT, Watch
from worker.cli.terminal import (
    FAILED,
    INTERRUPTED,
    Stop,
    explained,
    is_terminal,
    quiet_settings,
    say,
)
from worker.errors import NotFound, WorkerError

if TYPE_CHECKING:
    from worker.cli.stages import DemoStage

AUTO_SCAN_SECONDS: Final = 2.0
_QUERY_SECONDS: Final = 60.0


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, for orders of your own.")] = False,
    auto_scan: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Scan by itself after so long; without a terminal it does so after 2 s."),
    ] = None,
    timeout: Annotated[float, typer.Option(help="How long the invoice may take, in seconds.", min=1)] = 300,
) -> None:
    """Issue a sample invoice against the sandbox, through the broker of FAPIAO_AMQP_URL, find it by a query, fetch its
    PDF, and show every step."""
    if auto_scan is None and not is_terminal():
        auto_scan = AUTO_SCAN_SECONDS

    async def work() -> int:
        from worker.cli.parts import stop_once_on_a_signal
        from worker.cli.stages import DemoStage

        settings = quiet_settings()
        stop_once_on_a_signal()
        try:
            async with DemoStage(settings, auto_scan) as stage:
                code = await _play(stage, timeout)
                if code == 0:
                    await _stay(stage) if keep else _how_to_go_on()
                return code
        except asyncio.CancelledError:
            say("Stopped; everything the demo started has ended.")
            return 0 if keep else INTERRUPTED

    with explained():
        code = asyncio.run(work())
    raise typer.Exit(code)


async def _play(stage: "DemoStage", timeout_seconds: float) -> int:
    from worker.cli.broker import broker

    say("Fapiao Worker: one invoice, from command to number, and back by a query", style="strong")
    say(f"  broker    {stage.broker_address}, queues {stage.settings.prefix}.*")
    say(f"  sandbox   {stage.sandbox_url}   (stands in for the tax gateway)")
    say(f"  worker    {stage.health_url}/readyz   journal {stage.database}")
    say(f"  scan      {_who_scans(stage.auto_scan_seconds)}")
    say()
    async with broker(stage.settings) as connection:
        reply_to, bodies = await connection.listen()
        order, query = example_order(), example_query()
        await connection.publish(order, reply_to)
        say(f"1. published {order.type} {order.id}: RabbitMQ confirmed it")
        command = await _journaled(stage, order)
        say(f"2. journaled: it survives any crash from here on (state {command['state']}). Its events:")
        issued = await _watch(bodies, timeout_seconds, until_confirmed=True)
        if story.outcome_of(issued) != "confirmed":
            return FAILED
        await connection.publish(query, reply_to)
        say(f"3. published {query.type} {query.id}: what was issued yesterday and today. Its events:")
        if story.outcome_of(await _watch(bodies, _QUERY_SECONDS)) != "completed":
            return FAILED
    say("4. the journal keeps where the files are (fapiao-worker files):")
    pdf = await _show_files(stage, issued["data"]["invoiceNumber"])
    say(f"5. fetched the PDF: {await fetch_pdf(pdf)} bytes, it opens (%PDF)", style="good")
    return 0


async def _show_files(stage: "DemoStage", number: str) -> str | None:
    """Show the addresses that are stored of an invoice; the PDF's."""
    files = (await stage.operations.files([number]))["files"]
    show_files(files)
    return next((file["url"] for file in files if file["type"] == "pdf"), None)


async def fetch_pdf(url: Any) -> int:
    """Fetch it and return its size (bytes). Raises `Stop` if it is no PDF."""
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise Stop("The event names no PDF.")
    try:
        body = await asyncio.to_thread(get, url)
    except OSError as error:
        raise Stop(f"Cannot fetch {url}: {error}.") from error
    if not body.startswith(b"%PDF"):
        raise Stop(f"What {url} returns is no PDF.")
    return len(body)


async def _journaled(stage: "DemoStage", order: OutgoingCommand) -> dict[str, Any]:
    """Ask the worker's control socket until it knows the command."""
    for _ in range(100):
        try:
            return await stage.operations.status(order.id, order.source)
        except NotFound:
            await asyncio.sleep(0.1)
    raise Stop("The worker did not journal the command within 10 s.")


async def _watch(
    bodies: "asyncio.Queue[bytes | None]", timeout_seconds: float, *, until_confirmed: bool = False
) -> dict[str, Any]:
    """Show the events of one command; the last one."""
    watch = Watch(as_json=False, until_confirmed=until_confirmed)
    try:
        async with asyncio.timeout(timeout_seconds):
            while (body := await bodies.get()) is not None:
                if watch.show(body) is not None:
                    return watch.event
    except TimeoutError:
        raise Stop(f"The command did not end within {timeout_seconds:g} s.", TIMED_OUT) from None
    raise Stop("The broker was lost while waiting.")


def example_order() -> OutgoingCommand:
    """The order of `contracts/examples` under a fresh id and order number, so that the sample itself is left to the
    user: a second command for one order number gets the first one's outcome."""
    return read_command(dumps(fresh_example("invoice.issue", "demo")))


def example_query() -> OutgoingCommand:
    """The query of `contracts/examples` under a fresh id, for yesterday and today in Beijing."""
    return read_command(dumps(fresh_example("invoice.query", "demo")))


def _who_scans(auto_scan_seconds: float | None) -> str:
    if auto_scan_seconds is None:
        return "by you: open the link under the QR, and confirm"
    return f"confirmed by the sandbox itself after {auto_scan_seconds:g} s"


def _how_to_go_on() -> None:
    say()
    say("Go on:", style="strong")
    say("  fapiao-worker dev                    broker, sandbox and worker beside your own program")
    say("  fapiao-worker demo --keep            the same, and stays up for orders of your own")
    say("  fapiao-worker send order.json        publish one of your own")
    say("  fapiao-worker settings               everything that can be set")
    say("  contracts/README.md                  the messages, for your own program")


async def _stay(stage: "DemoStage") -> None:
    say()
    say("It stays up. In another terminal:", style="strong")
    for line in stage.exports():
        say(f"  {line}")
    say(f"  fapiao-worker send {stage.example_path}")
    say("  fapiao-worker list                   commands;  status ID  shows one")
    say("  fapiao-worker invoices               what is stored of invoices")
    say("A new order of your own needs an id and an orderNo of its own; the same again repeats the same outcome.")
    say()
    say("Ctrl-C ends it and deletes its queues.")
    raise WorkerError(await stage.until_one_ends())
