"""`dead list|replay`: messages that were no command, or died in the broker, in the queue `<prefix>.dead`."""

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
    from worker.cli.broker import DeadLetter

app = typer.Typer(no_args_is_help=True, help="Messages that were no command, or that the broker itself dead-lettered.")


@app.command("list")
def list_(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List dead letters, oldest first. Bodies are not shown: they may hold a password.

    They are read without being acknowledged. RabbitMQ 4.0 to 4.2 counts each look as a delivery, and a queue with a
    delivery limit drops a message that was delivered too often: do not poll this.
    """

    letters = [asdict(letter) for letter in run(_look(limit, _Wanted()))]
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

    Useful after an upgrade that understands them. One that is still no command comes back. Without a selection, or
    where more letters fit than were named, it says how many there are and asks; where nobody can answer, say --yes.
    One that the broker does not take is named and stays, and those behind it are sent; exit code 1 then.
    """
    wanted = _Wanted(frozenset(letters) if letters else None, code)
    if letters or not (code or yes):
        wanted = _agreed(wanted, run(_look(limit, wanted)), limit, yes=yes)
    count, left = run(_send(limit, wanted))
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


async def _look(limit: int, wanted: _Wanted) -> "list[DeadLetter]":
    settings = load_settings()
    quiet_logs(settings)
    from worker.cli.broker import broker

    async with broker(settings) as connection:
        return [letter async for letter, _ in connection.dead_letters(limit) if wanted.fits(letter)]


def _agreed(wanted: _Wanted, found: "list[DeadLetter]", limit: int, *, yes: bool) -> _Wanted:
    """Just these letters, where a person has named each, or says yes to all. Raises `typer.Exit`."""
    names = wanted.names or frozenset()
    missing = names - {name for letter in found for name in (letter.letter, letter.id)}
    with explained():
        if missing:
            raise Stop(
                f"Not among the oldest {limit} dead letters: {', '.join(sorted(missing))}. None was sent.", USAGE
            )
        if not yes and len(found) > len(names):
            _ask(len(found))
    return _Wanted(frozenset(letter.letter for letter in found), wanted.code)


def _ask(count: int) -> None:
    if not can_ask():
        raise Stop(
            f"{count} dead letters would be sent again. Say which, as `fapiao-worker dead list` names them, or --code, "
            "or --yes for all of these. None was sent.",
            USAGE,
        )
    if not typer.confirm(f"Send {count} dead letters again?", err=True):
        raise Stop("None was sent.")


async def _send(limit: int, wanted: _Wanted) -> tuple[int, list[dict[str, Any]]]:
    settings = load_settings()
    quiet_logs(settings)
    from worker.cli.broker import broker

    replayed, left = 0, []
    async with broker(settings) as connection:
        async for letter, message in connection.dead_letters(limit):
            if not wanted.fits(letter):
                continue
            try:
                await connection.send_again(letter, message)
                replayed += 1
            except Stop as reason:
                left.append({"id": letter.id, "source": letter.source, "code": letter.code, "why": str(reason)})
    return replayed, left


def _readable(letter: dict[str, Any]) -> dict[str, Any]:
    """Its names may be no text: a broker takes any bytes."""
    from worker.ops.redaction import visible

    return {name: visible(value) if isinstance(value, str) else value for name, value in letter.items()}
