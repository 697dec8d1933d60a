"""`dead list|replay`: messages that were no command, or died in the broker, in the queue `<prefix>.dead`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.records import AsJson, Limit
from worker.cli.terminal import (
    FAILED,
    USAGE,
    Stop,
    can_ask,
    explained,
    load_settings,
    note,
    quiet_logs,
    run,
    say,
    say_json,
    table,
)

if TYPE_CHECKING:
    from worker.cli.broker import Broker, DeadLetter

Letters = AsyncIterator[tuple["DeadLetter", Any]]
"""Each with its message."""

app = typer.Typer(no_args_is_help=True, help="Messages that were no command, or that the broker itself dead-lettered.")


@app.command("list")
def list_(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List dead letters, oldest first. Bodies are not shown: they may hold a password.

    They are read without being acknowledged. RabbitMQ 4.0 to 4.2 counts each look as a delivery, and a queue with a
    delivery limit drops a message that was delivered too often: do not poll this.
    """

    letters = [asdict(letter) for letter in run(_look(limit))]
    if as_json:
        say_json([_readable({name: value for name, value in letter.items() if name != "tag"}) for letter in letters])
    elif not letters:
        say("The dead queue is empty.")
    else:
        names = ("letter", "code", "type", "source", "id", "size_bytes", "reason")
        table(
            ["letter", "code", "type", "source", "id", "bytes", "reason"],
            [[str(letter[name] or "-") for name in names] for letter in letters],
        )


@app.command()
def replay(
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="[LETTER]...", help="As `dead list` names them, or a message's id.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Look at so many, the oldest.")] = 100,
    code: Annotated[str | None, typer.Option("--code", help="Only those with this code.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish dead letters to the commands exchange again, as they came, oldest first. Say which, or a --code.

    Useful after an upgrade that understands them. One that is still no command comes back. Without a selection it says
    how many there are and asks; where nobody can answer, say --yes. So do where a name fits several.
    One that the broker does not take is named and stays, and those behind it are sent; exit code 1 then.
    """
    if not (letters or code or yes):
        limit = run(_count(limit))
        _ask(limit)
    count, left = run(_send(limit, _Wanted(frozenset(letters) if letters else None, code), yes=yes))
    if as_json:
        say_json({"replayed": count, "left": [_readable(letter) for letter in left]})
    else:
        say(f"{count} sent again.")
    for letter in left:
        note(f"left where it is: {letter['id'] or '(no id)'} of {letter['source'] or '(no source)'}: {letter['why']}")
    if left:
        raise typer.Exit(FAILED)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which letters: those with one of these names or ids, and with this code; None says nothing."""

    names: frozenset[str] | None = None
    code: str | None = None

    def fits(self, letter: "DeadLetter") -> bool:
        is_named = self.names is None or not self.names.isdisjoint((letter.letter, letter.id))
        return is_named and self.code in (None, letter.code)


@asynccontextmanager
async def _connected() -> "AsyncIterator[Broker]":
    settings = load_settings()
    quiet_logs(settings)
    from worker.cli.broker import broker

    async with broker(settings) as connection:
        yield connection


async def _look(limit: int) -> "list[DeadLetter]":
    async with _connected() as connection:
        return [letter async for letter, _ in connection.dead_letters(limit)]


async def _count(limit: int) -> int:
    async with _connected() as connection:
        return min(limit, await connection.dead_count())


def _ask(count: int) -> None:
    if not count:
        return
    with explained():
        if not can_ask():
            raise Stop(
                f"{count} dead letters would be sent again. Say which, as `fapiao-worker dead list` names them, or "
                "--code, or --yes for all of these. None was sent.",
                USAGE,
            )
        if not typer.confirm(f"Send {count} dead letters again?", err=True):
            raise Stop("None was sent.")


async def _send(limit: int, wanted: _Wanted, *, yes: bool) -> tuple[int, list[dict[str, Any]]]:
    replayed, left = 0, []
    async with _connected() as connection:
        letters = connection.dead_letters(limit)
        async for letter, message in letters if wanted.names is None else _named(letters, wanted, limit, yes=yes):
            if not wanted.fits(letter):
                continue
            try:
                await connection.send_again(letter, message)
                replayed += 1
            except Stop as reason:
                left.append({"id": letter.id, "source": letter.source, "code": letter.code, "why": str(reason)})
    return replayed, left


async def _named(letters: Letters, wanted: _Wanted, limit: int, *, yes: bool) -> Letters:
    """Those that are wanted, once all have been looked at: where one is missing, or two fit one name, none."""
    chosen = [(letter, message) async for letter, message in letters if wanted.fits(letter)]
    names = wanted.names or frozenset()
    missing = names - {name for letter, _ in chosen for name in (letter.letter, letter.id)}
    if missing:
        raise Stop(f"Not among the oldest {limit} dead letters: {', '.join(sorted(missing))}. None was sent.", USAGE)
    if len(chosen) > len(names) and not yes:
        those = ", ".join(letter.letter for letter, _ in chosen)
        raise Stop(f"More than one fits: {those}. Say which of these, or --yes for all. None was sent.", USAGE)
    for each in chosen:
        yield each


def _readable(letter: dict[str, Any]) -> dict[str, Any]:
    """Its names may be no text: a broker takes any bytes."""
    from worker.ops.redaction import visible

    return {name: visible(value) if isinstance(value, str) else value for name, value in letter.items()}
