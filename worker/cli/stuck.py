"""`dead list|replay`, `replies list|resend|discard`, `accounts list|resume`: what stands still until a person acts.

Messages in the queue `<prefix>.dead`, that were no command or died in the broker; answers whose queue stayed missing
for the whole of their time; tax-bureau accounts whose logins were refused.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.desk import ask
from worker.cli.records import AsJson, Limit
from worker.cli.story_parts import moment
from worker.cli.terminal import (
    FAILED,
    USAGE,
    Stop,
    can_ask,
    explained,
    note,
    quiet_settings,
    run,
    say,
    say_json,
    show_rows,
)

if TYPE_CHECKING:
    from worker.cli.broker import Broker, DeadLetter
    from worker.cli.desk import Desk

Letters = AsyncIterator[tuple["DeadLetter", Any]]
"""Each with its message."""
Numbers = Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]...", help="As `replies list` shows them.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="As `accounts list` shows them; a beginning is enough.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
SHOWN_ID_CHARS = 12

dead = typer.Typer(no_args_is_help=True)
replies = typer.Typer(no_args_is_help=True)
accounts = typer.Typer(no_args_is_help=True)


# ---- dead letters ------------------------------------------------------------------------------------


@dead.command("list")
def list_dead(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List dead letters, oldest first. Bodies are not shown: they may hold a password.

    They are read without being acknowledged. RabbitMQ 4.0 to 4.2 counts each look as a delivery, and a queue with a
    delivery limit drops a message that was delivered too often: do not poll this.
    """

    letters = [_readable(asdict(letter)) for letter in run(_look(limit))]
    for letter in letters:
        del letter["tag"]
    columns = {name: name for name in ("letter", "code", "type", "source", "id", "size_bytes", "reason")}
    show_rows(letters, columns | {"size_bytes": "bytes"}, as_json=as_json, nothing="The dead queue is empty.")


@dead.command()
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
    from worker.cli.broker import broker

    async with broker(quiet_settings()) as connection:
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


# ---- answers whose queue is missing ------------------------------------------------------------------


@replies.command("list")
def list_replies(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List them, oldest first."""
    columns = {
        "number": "number", "createdAt": "created", "type": "event", "commandSource": "source", "commandId": "command",
        "queue": "queue", "attempts": "attempts",
    }  # fmt: skip
    found = ask(lambda desk: desk.replies(limit))
    rows = [{**each, "createdAt": moment(each["createdAt"])} for each in found]
    show_rows(found, columns, as_json=as_json, nothing="No undeliverable replies.", rows=rows)


@replies.command()
def resend(numbers: Numbers = None, every: All = False, as_json: AsJson = False) -> None:
    """Try them again, with a new time to live. Say numbers, or --all."""
    _act(lambda desk: desk.resend_replies(numbers or []), numbers, every=every, as_json=as_json)


@replies.command()
def discard(numbers: Numbers = None, every: All = False, as_json: AsJson = False) -> None:
    """Forget them; the events stay on record (`status`, `replay`). Say numbers, or --all."""
    _act(lambda desk: desk.discard_replies(numbers or []), numbers, every=every, as_json=as_json)


def _act(
    act: "Callable[[Desk], Awaitable[dict[str, int]]]", numbers: list[int] | None, *, every: bool, as_json: bool
) -> None:
    _must_choose(numbers, every=every, shown="numbers as `fapiao-worker replies list`")
    done = ask(act, writes=True)
    if as_json:
        say_json(done)
    else:
        say(", ".join(f"{count} {what}" for what, count in done.items()))
    if sum(done.values()) < len(set(numbers or [])):
        note("Not all of these numbers are there: `fapiao-worker replies list` shows them.")
        raise typer.Exit(FAILED)


# ---- accounts whose logins were refused --------------------------------------------------------------


@accounts.command("list")
def list_accounts(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List them, the latest refusal first. An account appears once per password that was refused."""
    found = ask(lambda desk: desk.accounts(limit))
    columns = {
        "id": "id", "companyCode": "company", "userId": "user", "isLookUp": "for", "refusals": "refusals",
        "refusedAt": "last", "suspendedUntil": "rests until",
    }  # fmt: skip
    rows = [
        {
            **each,
            "id": each["id"][:SHOWN_ID_CHARS],
            "isLookUp": "look-ups" if each["isLookUp"] else "orders",
            "refusedAt": moment(each["refusedAt"]),
            "suspendedUntil": moment(each["suspendedUntil"] or ""),
        }
        for each in found
    ]
    show_rows(found, columns, as_json=as_json, nothing="No account's last login was refused.", rows=rows)


@accounts.command()
def resume(ids: Ids = None, every: All = False, as_json: AsJson = False) -> None:
    """Let them log in again at once, after the login was mended. Say ids, or --all."""
    _must_choose(ids, every=every, shown="ids as `fapiao-worker accounts list`")
    done = ask(lambda desk: desk.resume_accounts(ids or []), writes=True)
    if as_json:
        say_json(done)
    else:
        say(f"{done['resumed']} resumed.")


# ---- what both ask -----------------------------------------------------------------------------------


def _must_choose(chosen: Sequence[object] | None, *, every: bool, shown: str) -> None:
    with explained():
        if bool(chosen) == every:
            raise Stop(f"Say which: {shown} shows them, or --all.", USAGE)
