"""`replies list|resend|discard`: answers whose queue stayed missing for the whole of their time."""

from typing import Annotated, Any

import typer

from worker.cli.records import AsJson, Limit
from worker.cli.terminal import (
    FAILED,
    USAGE,
    Stop,
    explained,
    load_settings,
    note,
    quiet_logs,
    run,
    say,
    say_json,
    table,
)

app = typer.Typer(no_args_is_help=True, help="Answers whose reply queue is missing.")

Numbers = Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]...", help="As `replies list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List them, oldest first."""

    async def work() -> list[dict[str, Any]]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=False) as operations:
            found: list[dict[str, Any]] = await operations.replies(limit)
            return found

    replies = run(work())
    if as_json:
        say_json(replies)
    elif not replies:
        say("No undeliverable replies.")
    else:
        names = ("number", "createdAt", "type", "commandSource", "commandId", "queue", "attempts")
        table(
            ["number", "created", "event", "source", "command", "queue", "attempts"],
            [[str(reply[name]) for name in names] for reply in replies],
        )


@app.command()
def resend(numbers: Numbers = None, every: All = False, as_json: AsJson = False) -> None:
    """Try them again, with a new time to live. Say numbers, or --all."""
    _act("resend_replies", numbers or [], every=every, as_json=as_json)


@app.command()
def discard(numbers: Numbers = None, every: All = False, as_json: AsJson = False) -> None:
    """Forget them; the events stay on record (`status`, `replay`). Say numbers, or --all."""
    _act("discard_replies", numbers or [], every=every, as_json=as_json)


def _act(operation: str, numbers: list[int], *, every: bool, as_json: bool) -> None:
    with explained():
        if bool(numbers) == every:
            raise Stop("Say which: numbers as `fapiao-worker replies list` shows them, or --all.", USAGE)

    async def work() -> dict[str, Any]:
        from worker.cli.desk import desk

        settings = load_settings()
        quiet_logs(settings)
        async with desk(settings, writes=True) as operations:
            done: dict[str, Any] = await getattr(operations, operation)(numbers)
            return done

    done = run(work())
    if as_json:
        say_json(done)
    else:
        say(", ".join(f"{count} {what}" for what, count in done.items()))
    if sum(done.values()) < len(set(numbers)):
        note("Not all of these numbers are there: `fapiao-worker replies list` shows them.")
        raise typer.Exit(FAILED)
