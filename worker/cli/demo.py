"""`demo`: one invoice from command to PDF, with the sandbox as gateway, told as it happens.

Guarantees: uses a prefix and a database of its own, so it meets nobody else's queues; ends what it started and deletes
what it declared, also when interrupted, unless `--keep` asks it to stay.
"""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from contracts.envelope import dumps, loads
from worker.cli import story
from worker.cli.orders import Order, read_order
from worker.cli.send import TIMED_OUT, Watch
from worker.cli.terminal import (
    FAILED,
    INTERRUPTED,
    Stop,
    explained,
    is_terminal,
    load_settings,
    quiet_logs,
    say,
)
from worker.errors import NotFound, WorkerError
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.cli.demo_stage import Stage

AUTO_SCAN_SECONDS = 2.0
EXAMPLE = "invoice.issue.json"


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, for orders of your own.")] = False,
    auto_scan: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Scan by itself after so long; without a terminal it does so after 2 s."),
    ] = None,
    timeout: Annotated[float, typer.Option(help="How long the invoice may take, in seconds.", min=1)] = 300,
) -> None:
    """Issue one sample invoice against the sandbox, through the broker of FAPIAO_AMQP_URL, and show every step."""
    if auto_scan is None and not is_terminal():
        auto_scan = AUTO_SCAN_SECONDS

    async def work() -> int:
        from worker.cli.demo_stage import Stage

        settings = load_settings()
        quiet_logs(settings)
        _stop_once_on_a_signal()
        try:
            async with Stage(settings, auto_scan) as stage:
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


def _stop_once_on_a_signal() -> None:
    """Cancel this task at the first signal. Further ones change nothing: they would cut the clearing up short, and
    sandbox and worker would stay behind. SIGHUP is the terminal's window being closed."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen: list[int] = []

    def stop(number: int) -> None:
        if not seen and task is not None:
            task.cancel()
        seen.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)


async def _play(stage: "Stage", timeout_seconds: float) -> int:
    from worker.cli.broker import broker
    from worker.cli.demo_stage import fetch_pdf

    say("Fapiao Worker: one invoice, from command to PDF", style="strong")
    say(f"  broker    {stage.broker_address}, queues {stage.settings.prefix}.*")
    say(f"  sandbox   {stage.sandbox_url}   (stands in for the tax gateway)")
    say(f"  worker    {stage.health_url}/readyz   journal {stage.database}")
    say(f"  scan      {_who_scans(stage.auto_scan_seconds)}")
    say()
    order = example_order()
    async with broker(stage.settings) as connection:
        reply_to, bodies = await connection.listen()
        await connection.publish(order, reply_to)
        say(f"1. published {order.type} {order.id}: RabbitMQ confirmed it")
        command = await _journaled(stage.settings, order)
        say(f"2. journaled: it survives any crash from here on (state {command['state']}). Its events:")
        final = await _watch(bodies, timeout_seconds)
    data = final.get("data") or {}
    if story.outcome_of(final) != "completed":
        return FAILED
    size = await fetch_pdf(data.get("invoiceUrl"))
    say(f"3. fetched the PDF: {size} bytes, it opens (%PDF)", style="good")
    return 0


async def _journaled(settings: Settings, order: Order) -> dict[str, Any]:
    """Ask the worker's control socket until it knows the command."""
    from pathlib import Path

    from worker.journal import sqlite_path
    from worker.ops.control import RemoteOperations, socket_path

    path = Path(sqlite_path(settings.database_url.get_secret_value()))
    remote = RemoteOperations(socket_path(path))
    for _ in range(100):
        try:
            return await remote.status(order.id, order.source)
        except NotFound:
            await asyncio.sleep(0.1)
    raise Stop("The worker did not journal the command within 10 s.")


async def _watch(bodies: "asyncio.Queue[bytes | None]", timeout_seconds: float) -> dict[str, Any]:
    """Show the events; the final one."""
    watch = Watch(as_json=False)
    try:
        async with asyncio.timeout(timeout_seconds):
            while (body := await bodies.get()) is not None:
                if watch.show(body) is not None:
                    return watch.event
    except TimeoutError:
        raise Stop(f"The invoice was not issued within {timeout_seconds:g} s.", TIMED_OUT) from None
    raise Stop("The broker was lost while waiting.")


def example_order() -> Order:
    """The order of `contracts/examples` under a fresh id and order number, so that the sample itself is left to the
    user: a second command for one order number gets the first one's outcome."""
    from importlib.resources import files

    command = loads((files("contracts") / "examples" / EXAMPLE).read_bytes())
    command["id"] = f"demo-{uuid4().hex[:8]}"
    command["data"]["orderNo"] = command["id"]
    return read_order(dumps(command))


def _who_scans(auto_scan_seconds: float | None) -> str:
    if auto_scan_seconds is None:
        return "by you: open the link under the QR, and confirm"
    return f"confirmed by the sandbox itself after {auto_scan_seconds:g} s"


def _how_to_go_on() -> None:
    say()
    say("Go on:", style="strong")
    say("  fapiao-worker demo --keep            the same, and stays up for orders of your own")
    say("  fapiao-worker send order.json        publish one of your own")
    say("  fapiao-worker settings               everything that can be set")
    say("  contracts/README.md                  the messages, for your own program")


async def _stay(stage: "Stage") -> None:
    say()
    say("It stays up. In another terminal:", style="strong")
    for line in stage.exports():
        say(f"  {line}")
    say(f"  fapiao-worker send {stage.example_path}")
    say("  fapiao-worker list")
    say("A new order of your own needs an id and an orderNo of its own; the same again repeats the same outcome.")
    say()
    say("Ctrl-C ends it and deletes its queues.")
    await stage.until_one_ends()
    raise WorkerError(f"A part of the demo ended by itself. {stage.last_words()}")
