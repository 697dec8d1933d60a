"""Who else could claim an invoice that a look-up saw: read from the journal a few at a time, for the worker's other
lanes wait while they are compared.

Guarantees that whoever is left out could not claim any of these invoices, or that it is said that some may be missing.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from worker.flows.evidence.verdicts import Subject, Texts
from worker.records import Command

AT_ONCE = 500
MOST_READ = 10_000
"""Submissions of the sellers that are looked at; where there are more, nothing is found by this look."""
MOST_COMPETING = 500
"""Of these, the ones that an invoice may be of."""

Read = Callable[[str, tuple[datetime, int], int], Awaitable[Sequence[Command]]]
"""`LaneJournal.rivals`."""


async def read_rivals(
    read: Read, subjects: Iterable[Subject], since: datetime, texts: Texts
) -> tuple[tuple[Command, ...], bool]:
    """The rivals of these subjects, and whether they are all."""
    sought = {subject.command.key for subject in subjects}
    competing, seen = list[Command](), 0
    for seller in sorted({subject.command.seller or "" for subject in subjects}):
        behind: tuple[datetime, int] | None = (since, 0)
        while behind is not None:
            rows = await read(seller, behind, AT_ONCE)
            others = [row for row in rows if row.key not in sought]
            competing += [row for row in others if _is_kept(row) and texts.may_be_of(Subject.read(row))]
            seen += len(rows)
            if seen >= MOST_READ or len(competing) > MOST_COMPETING or not all(map(_is_kept, others)):
                return tuple(competing), False
            behind = _last(rows) if len(rows) == AT_ONCE else None
    return tuple(competing), True


def _is_kept(command: Command) -> bool:
    """Whether its data were not forgotten with its age: without them it could claim anything."""
    return command.data != b"{}"


def _last(rows: Sequence[Command]) -> tuple[datetime, int]:
    last = rows[-1]
    return last.submitted_at or last.received_at, last.key
