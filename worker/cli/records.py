"""`status`, `list`, `resolve`, `cancel`, `replay`: what the journal knows of commands, and a person's decisions."""

from datetime import datetime
from typing import Annotated, Any

import typer

from worker.cli import story
from worker.cli.terminal import load_settings, quiet_logs, run, say, say_json, table

CommandId = Annotated[str, typer.Argument(metavar="ID", help="The command's id.")]
Source = Annotated[str | None, typer.Option("--source", help="The tenant, where several used the id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


def status(command_id: CommandId, source: Source = None, as_json: AsJson = False) -> None:
    """Show a command and its events. Exit code 1 if there is none."""

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=False) as operations:
            return await operations.status(command_id, source)

    _show(run(work()), as_json=as_json)


def list_(
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="Only these; may be repeated. unconfirmed: issued, and no look-up found the number. "
            "broken: the worker met a fault of its own.",
        ),
    ] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List commands, newest first."""

    async def work() -> list[dict[str, Any]]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=False) as operations:
            return await operations.commands(state or (), limit)

    commands = run(work())
    if as_json:
        say_json(commands)
    elif not commands:
        say("No such commands.")
    else:
        names = ("receivedAt", "state", "type", "commandSource", "commandId", "userId", "orderNo")
        table(
            ["received", "state", "type", "source", "id", "user", "order"],
            [[str(command[name] or "-") for name in names] for command in commands],
        )


def resolve(
    command_id: CommandId,
    issued: Annotated[
        str | None, typer.Option("--issued", metavar="NUMBER", help="It was issued, under this number of 20 digits.")
    ] = None,
    not_issued: Annotated[bool, typer.Option("--not-issued", help="No invoice was issued.")] = False,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Decide a command in doubt, after looking at the tax bureau. It ends with its final event; there is no way back.

    Exit code 1 if it is not in doubt, or the number belongs to another command.
    """

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=True) as operations:
            return await operations.resolve(command_id, source, issued=issued, not_issued=not_issued)

    _show(run(work()), as_json=as_json)


def cancel(command_id: CommandId, source: Source = None, as_json: AsJson = False) -> None:
    """End a command that was not submitted, as failed with cancelled; its orderNo is free again.

    Exit code 1 if it was submitted already, or has ended.
    """

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=True) as operations:
            return await operations.cancel(command_id, source)

    _show(run(work()), as_json=as_json)


def replay(command_id: CommandId, source: Source = None, as_json: AsJson = False) -> None:
    """Publish all of a command's events again, under the same ids; consumers drop what they know."""

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=True) as operations:
            return await operations.replay(command_id, source)

    replayed = run(work())
    if as_json:
        say_json(replayed)
    else:
        say(f"{replayed['copies']} copies queued; the running worker publishes them.")


def _until(moment: str) -> str:
    """How far it is from now, in words."""
    from worker.clock import SystemClock

    seconds = (datetime.fromisoformat(moment) - SystemClock().now()).total_seconds()
    if seconds <= 0:
        return "due"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"in {seconds / length:.0f} {unit}"
    return f"in {seconds:.0f} s"


def _rest(seller: dict[str, Any] | None) -> str | None:
    if seller is None:
        return None
    return f"{seller['refusals']} orders of the seller were refused in a row; one tries at {seller['until']}"


def _show(command: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(command)
        return
    say(f"{command['type']}  {command['commandId']}  {command['state']}", style="strong")
    facts = {
        "source": command["commandSource"],
        "user": command["userId"],
        "order": command["orderNo"],
        "invoice": command["invoiceNumber"],
        "received": command["receivedAt"],
        "submitted": command["submittedAt"],
        "ended": command["settledAt"],
        "deadline": command["deadline"],
        "attempts": command["attempts"],
        "look-ups": command["lookUps"] or None,
        "next look": command["soughtAt"] and f"{command['soughtAt']} ({_until(command['soughtAt'])})",
        "reply to": command["replyTo"],
        "held": _rest(command.get("sellerRests")),
    }
    for name, value in facts.items():
        if value is not None:
            say(f"  {name:<10} {value}")
    for number, event in enumerate(command["events"], start=1):
        story.tell(event, is_past=number < len(command["events"]))
        if event["undeliverable"]:
            say(f"{'':22}its reply queue is missing: fapiao-worker replies list", style="warn")
        elif event["unpublished"]:
            say(f"{'':22}not confirmed by the broker yet: {', '.join(event['unpublished'])}", style="faint")
