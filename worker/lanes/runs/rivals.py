"""Who else could claim an invoice that a look-up saw: read from the journal a few at a time, for the worker's other
lanes wait while they are compared.

Guarantees that whoever is left out could not claim any of these invoices, or that it is said that some may be missing.
Totals, remarks and ends are compared before anything is bounded: a retail seller has thousands of open numbers for
个人, and few of them have the total that is listed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from worker.flows.evidence.index import InvoiceIndex
from worker.flows.evidence.members import is_too_old
from worker.flows.evidence.subjects import Listed, Subject
from worker.records import Command, CommandState

AT_ONCE = 100
MOST_READ = 50_000
"""Submissions of the sellers that are looked at; where there are more, nothing is found by this look."""
MOST_COMPETING = 10_000
"""Of these, the ones that an invoice may be of."""

Read = Callable[[str, tuple[datetime, int], int], Awaitable[Sequence[Command]]]
"""`LaneJournal.rivals`."""


async def read_rivals(
    read: Read, subjects: Iterable[Subject], since: datetime, candidates: Sequence[Listed], skew: timedelta
) -> tuple[tuple[Subject, ...], bool]:
    """The rivals of these subjects, and whether they are all."""
    sought = {subject.key for subject in subjects}
    sellers = sorted({subject.command.seller or "" for subject in subjects})
    index = InvoiceIndex.of(candidates)
    competing, seen = list[Subject](), 0
    for seller in sellers:
        behind: tuple[datetime, int] | None = (since, 0)
        while behind is not None:
            rows = await read(seller, behind, AT_ONCE)
            for row in rows:
                if row.key in sought:
                    continue
                rival = read_subject(row)
                if rival is not None:
                    competing += [rival] if could_claim(rival, index, skew) else []
                elif could_claim_any(row, candidates, skew):
                    return tuple(competing), False
            seen += len(rows)
            if seen >= MOST_READ or len(competing) > MOST_COMPETING:
                return tuple(competing), False
            behind = last_of(rows) if len(rows) == AT_ONCE else None
            await asyncio.sleep(0)
    return tuple(competing), True


def could_claim(rival: Subject, index: InvoiceIndex, skew: timedelta) -> bool:
    """Whether any of these may be this one's."""
    return any(_is_in_its_time(rival, listed, skew) for listed in index.possible(rival.order))


def _is_in_its_time(rival: Subject, listed: Listed, skew: timedelta) -> bool:
    return not is_too_old(rival.since, listed, skew) and listed.earliest - skew <= rival.until


def read_subject(command: Command) -> Subject | None:
    """None where its data were forgotten with its age, or cannot be read."""
    try:
        return Subject.read(command)
    except (KeyError, TypeError, ValueError):
        return None


def could_claim_any(forgotten: Command, candidates: Iterable[Listed], skew: timedelta) -> bool:
    """Nobody knows any more what it submitted: it could claim whatever was issued in its time."""
    end = forgotten.settled_at if forgotten.state is CommandState.COMPLETED else None
    since = forgotten.submitted_at or forgotten.received_at
    return any(
        not is_too_old(since, listed, skew) and (end is None or listed.earliest - skew <= end) for listed in candidates
    )


def last_of(rows: Sequence[Command]) -> tuple[datetime, int]:
    """Behind which the next rows come."""
    last = rows[-1]
    return last.submitted_at or last.received_at, last.key
