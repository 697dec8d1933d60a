"""`send`: publish a command, show its events as they come, end with what became of it. `check`: what would become of an
order, without a broker, a journal or a gateway.

Guarantees: a body that needs no change is published byte for byte; what needs one keeps exact decimals.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from contracts.envelope import loads
from contracts.kinds import CommandType
from worker.cli import story
from worker.cli.outgoing import OutgoingCommand, Wishes, read_command
from worker.cli.terminal import INTERRUPTED, USAGE, Stop, explained, note, quiet_settings, run, said, say_json
from worker.errors import BrokerLost

if TYPE_CHECKING:
    from worker.settings import Settings

REJECTED = 2
"""Exit code of `check`."""
IN_DOUBT: Final = 3
TIMED_OUT: Final = 4
_EXIT_CODES: Final = {"completed": 0, "failed": 1, "rejected": 2}
_ISSUED: Final = f"{CommandType.ISSUE}.completed"
_CONFIRMATIONS: Final = {"confirmed": 0, "unconfirmed": IN_DOUBT}


def send(  # noqa: PLR0913, PLR0917  one parameter per option
    file: Annotated[str, typer.Argument(help="A CloudEvents file, or a command's bare data; - reads stdin.")],
    type_: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="Command type, for bare data: invoice.issue, .query, .download, .items, .files, .stored, .check, "
            "or .audit.",
        ),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Command id, instead of the file's.")] = None,
    new_id: Annotated[bool, typer.Option("--new-id", help="Send it as a new command, under a fresh id.")] = False,
    source: Annotated[str | None, typer.Option("--source", help="The tenant, instead of the file's.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until the final event.")] = True,
    wait_confirmed: Annotated[
        bool, typer.Option("--wait-confirmed", help="After an issue, stay until its number is known.")
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="How long to stay, in seconds.", min=0.1)] = 900,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
) -> None:
    """Publish a command and show its events; the QR is drawn in the terminal.

    Exit code: 0 completed, 1 failed, 2 rejected or not published, 3 in doubt (a person must look), 4 timed out. With
    --wait-confirmed also 3 if no look-up found the number.
    The same id again never issues twice: it repeats the first one's outcome.
    """

    async def work() -> int:
        settings = quiet_settings()
        command = read_command(read_file(file), Wishes(id=id_, source=source, type=type_, new_id=new_id))
        watch = Watch(as_json=as_json, until_confirmed=wait_confirmed)
        return await deliver(settings, command, watch, timeout if wait else None)

    raise typer.Exit(run(work()))


class Watch:
    """Follows one command: shows each of its events once, and knows when to stop."""

    def __init__(self, *, as_json: bool, until_confirmed: bool = False) -> None:
        self._as_json = as_json
        self._until_confirmed = until_confirmed
        self._seen: set[str] = set()
        self.event: dict[str, Any] = {}
        """The last one shown."""

    def show(self, body: bytes) -> int | None:
        """Show an event; the exit code, if it is the end."""
        event: dict[str, Any] = loads(body)
        identifier = str(event.get("id"))
        if identifier in self._seen:
            return None
        self._seen.add(identifier)
        self._tell(body, event)
        self.event = event
        return self._exit_code()

    def _tell(self, body: bytes, event: dict[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")), flush=True)
        else:
            story.tell(event)

    def _exit_code(self) -> int | None:
        outcome, data = story.outcome_of(self.event), self.event.get("data") or {}
        if outcome == "in_doubt" and data.get("needsPerson"):
            return IN_DOUBT
        if self._until_confirmed:
            if outcome in _CONFIRMATIONS:
                return _CONFIRMATIONS[outcome]
            if self.event.get("type") == _ISSUED and not (data.get("invoice") or {}).get("invoiceNumber"):
                return None
        return _EXIT_CODES.get(outcome)


async def deliver(settings: "Settings", command: OutgoingCommand, watch: Watch, timeout_seconds: float | None) -> int:
    """Publish it and follow it to its end, or, without a time-out, to the broker's confirm. Raises `Stop`."""
    from worker.cli.broker import broker

    async with broker(settings) as connection:
        if timeout_seconds is None:
            await _publish(connection, command, None)
            await _published(connection, command)
            return 0
        # An invoice's number comes a minute after the final event, when nobody may be here any more.
        reply_to, bodies = await connection.listen(outlives=command.type == CommandType.ISSUE)
        _check_reply_to(settings, reply_to, connection.user_id)
        await _publish(connection, command, reply_to)
        await _published(connection, command)
        try:
            return await _follow(bodies, watch, command, timeout_seconds)
        except asyncio.CancelledError:
            note(f"Interrupted. The command goes on without you: fapiao-worker status {command.id}")
            return INTERRUPTED


async def _publish(connection: Any, command: OutgoingCommand, reply_to: str | None) -> None:
    try:
        await connection.publish(command, reply_to)
    except BrokerLost as error:
        raise Stop(
            f"The broker was lost before it confirmed the command ({error}). Send it again under the same id: "
            f"--id {command.id} never issues twice.",
            TIMED_OUT,
        ) from error


async def _follow(
    bodies: "asyncio.Queue[bytes | None]", watch: Watch, command: OutgoingCommand, timeout_seconds: float
) -> int:
    try:
        async with asyncio.timeout(timeout_seconds):
            while (body := await bodies.get()) is not None:
                code = watch.show(body)
                if code is not None:
                    return code
    except TimeoutError:
        so_far = f"; the last event was {story.outcome_of(watch.event)}" if watch.event else "; no event came"
        raise Stop(
            f"Not ended after {timeout_seconds:g} s{so_far}. It goes on: fapiao-worker status {command.id}", TIMED_OUT
        ) from None
    raise Stop(
        "The broker was lost while waiting. The command is safe; its events are on record: fapiao-worker status "
        f"{command.id}. Sending it again under the same id (--id {command.id}) shows the outcome and never issues "
        "twice.",
        TIMED_OUT,
    )


async def _published(connection: Any, command: OutgoingCommand) -> None:
    minted = said(" (new)", "（新）") if command.is_id_minted else ""
    what, whose = said("published", "已发布"), said("source", "来源")
    note(f"{what} {command.type}  id {command.id}{minted}  {whose} {command.source}")
    queue = await connection.unattended_queue(command.type)
    if queue is not None:
        note(
            said(
                f"No worker takes from queue {queue} at the moment: it waits there until one runs.",
                f"目前没有工作进程从队列 {queue} 取命令：消息在队列中等待。",
            )
        )


def _check_reply_to(settings: "Settings", reply_to: str, user_id: str | None) -> None:
    from worker.intake.routes import ReplyPattern

    if not ReplyPattern(settings.reply_to_pattern).allows(reply_to, user_id):
        raise Stop(
            f"FAPIAO_REPLY_TO_PATTERN does not let replies go to {reply_to}: use --no-wait, then `status`.",
            USAGE,
        )


def read_file(file: str) -> bytes:
    """A file's bytes, or stdin's. Raises `Stop`."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Stop(f"Cannot read {file}: {error.strerror}.", USAGE) from None


def check(
    file: Annotated[str, typer.Argument(help="A CloudEvents file, or a command's bare data; - reads stdin.")],
    type_: Annotated[str, typer.Option("--type", help="Command type, for bare data.")] = "invoice.issue",
    as_json: Annotated[bool, typer.Option("--json", help="Print what invoice.check would answer, as JSON.")] = False,
) -> None:
    """Judge an order as the worker would, with the settings that are here; nothing is published or sent.

    Shows every fault and warning at once, what would be sent, and the total read with and without tax.
    Exit code: 0 it would be accepted, 2 it would be rejected.
    """
    with explained():
        event = examined(read_file(file), type_, quiet_settings())
    if as_json:
        say_json(event["data"])
    else:
        story.tell(event)
    data = event["data"]
    raise typer.Exit(0 if data.get("accepted") else REJECTED)


def examined(body: bytes, command_type: str, settings: Any) -> dict[str, Any]:
    """The event that tells it. Raises `ConfigurationError` for settings that cannot be."""
    from worker.clock import SystemClock
    from worker.intake.admission import AdmissionRules, examine
    from worker.intake.reading import Incoming

    incoming = Incoming(
        body=body.removeprefix(b"\xef\xbb\xbf"),
        content_type=None,
        message_id="check",
        type=command_type,
        routing_key=command_type,
        app_id="cli",
        reply_to=None,
        correlation_id=None,
        user_id=None,
        headers={},
        received_at=SystemClock().now(),
    )
    told: dict[str, Any] = json.loads(examine(incoming, AdmissionRules.from_settings(settings, ())).body)
    return told
