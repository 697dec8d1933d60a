"""Evidence, read and judged a little at a time: leases, heartbeats and the worker's other lanes share this loop.

The rivals, which could claim an invoice that a look-up saw too, are read from the journal. Guarantees that a submission
which is left out could claim none of these invoices, or that the caller is told that some may be missing. They are
found by buyer, total and remark, and compared before any bound counts: a retail seller has thousands of open numbers
for 个人, and few of them have the total that is listed.
"""

import asyncio
import gc
from bisect import bisect_right
from collections.abc import AsyncIterator, Collection, Generator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from typing import TypeVar

from worker.flows.evidence.clues import probing
from worker.flows.evidence.index import InvoiceIndex
from worker.flows.evidence.members import is_too_late, is_too_old, oldest
from worker.flows.evidence.subjects import NEVER, Listed, Subject, later
from worker.flows.evidence.verdicts import Verdict, judge
from worker.lanes.lane_session import Insist
from worker.ports import LaneJournal
from worker.records import Command, CommandState, Probes

T = TypeVar("T")

AT_ONCE = 100
PROBES_AT_ONCE = 200
MOST_READ = 50_000
"""Submissions that are looked at; where there are more, nothing is found by this look."""
MOST_COMPETING = 10_000
"""Submissions among these that a listed invoice may be of."""


async def read_rivals(  # noqa: PLR0913, PLR0917  whom to ask, whose, and of which invoices
    journal: LaneJournal,
    insist: Insist,
    subjects: Iterable[Subject],
    since: datetime,
    candidates: Sequence[Listed],
    skew: timedelta,
) -> tuple[tuple[Subject, ...], bool]:
    """The rivals of these subjects, and whether they are all."""
    sought = {subject.key for subject in subjects}
    sellers = sorted({subject.command.seller or "" for subject in subjects})
    index, probes = await in_steps(InvoiceIndex.in_steps(candidates)), await in_steps(probing(candidates))
    dates = TimeSpans((each.earliest, each.latest) for each in candidates)
    competing, seen = dict[int, Subject](), set[int]()
    for seller in sellers:
        pages = (
            all_rivals(journal, insist, seller, since)
            if probes is None
            else _found_by(journal, insist, seller, since, probes)
        )
        async for rows in pages:
            for row in rows:
                if row.key in sought or row.key in seen:
                    continue
                rival = read_subject(row)
                if rival is None and dates.touch(*time_of(row, skew)):
                    # Its data are forgotten, and one of these was issued in its time: nothing shows whose that is.
                    return tuple(competing.values()), False
                if rival is not None and could_claim(rival, index, skew):
                    competing[rival.key] = rival
            seen.update(row.key for row in rows)
            if len(seen) >= MOST_READ or len(competing) > MOST_COMPETING:
                return tuple(competing.values()), False
            await asyncio.sleep(0)
    return tuple(competing.values()), True


async def all_rivals(
    journal: LaneJournal, insist: Insist, seller: str, since: datetime
) -> AsyncIterator[Sequence[Command]]:
    """All of the seller's, page by page: an invoice whose total is not told could be anybody's."""
    behind: tuple[datetime, int] | None = (since, 0)
    while behind is not None:
        rows = await insist(partial(journal.rivals, seller, behind, AT_ONCE))
        yield rows
        behind = (submitted_at(rows[-1]), rows[-1].key) if len(rows) == AT_ONCE else None


async def _found_by(
    journal: LaneJournal, insist: Insist, seller: str, since: datetime, probes: Probes
) -> AsyncIterator[Sequence[Command]]:
    count = max(len(probes.totals), len(probes.marks), 1)
    for start in range(0, count, PROBES_AT_ONCE):
        part = slice(start, start + PROBES_AT_ONCE)
        some, after = Probes(probes.totals[part], probes.marks[part]), 0
        while True:
            rows = await insist(partial(journal.rivals_by_clues, seller, (since, after), some, AT_ONCE))
            yield rows
            if len(rows) < AT_ONCE:
                break
            after = rows[-1].key


def could_claim(rival: Subject, index: InvoiceIndex, skew: timedelta) -> bool:
    """Whether any of these may be this one's."""
    return any(_is_in_its_time(rival, listed, skew) for listed in index.possible(rival.order))


def _is_in_its_time(rival: Subject, listed: Listed, skew: timedelta) -> bool:
    return not is_too_old(rival.since, listed, skew) and not is_too_late(rival.until, listed, skew)


def read_subject(command: Command) -> Subject | None:
    """None where its data were forgotten with its age, or cannot be read."""
    try:
        return Subject.read(command)
    except (KeyError, TypeError, ValueError):
        return None


class TimeSpans:
    """Spans of time, put where one that touches another is found without a walk through all of them: a hundred
    submissions held against five thousand invoices would stop the loop for an eighth of a second, page after page."""

    def __init__(self, spans: Iterable[tuple[datetime, datetime]]) -> None:
        in_order = sorted(spans)
        self._begins = [begin for begin, _ in in_order]
        self._last_ends = [*accumulate((end for _, end in in_order), max)]
        """Of those that begin so early, the latest end."""

    def touch(self, begin: datetime, end: datetime) -> bool:
        """Whether one of them does."""
        count = bisect_right(self._begins, end)
        return count > 0 and self._last_ends[count - 1] >= begin


def time_of(forgotten: Command, skew: timedelta) -> tuple[datetime, datetime]:
    """When the invoice of a submission whose data were forgotten may have been issued: it could claim any of that
    time."""
    end = (forgotten.settled_at or NEVER) if forgotten.state is CommandState.COMPLETED else NEVER
    return oldest(submitted_at(forgotten), skew), later(end, skew)


def submitted_at(command: Command) -> datetime:
    """When it was, or may have been at the earliest."""
    return command.submitted_at or command.received_at


async def judged(  # noqa: PLR0913  the evidence, and how far it goes
    subjects: Sequence[Subject],
    candidates: Sequence[Listed],
    bound: Collection[str],
    skew: timedelta,
    *,
    rivals: Sequence[Subject],
    are_all_rivals: bool,
) -> Mapping[int, Verdict]:
    """As `judge`, by the command's key."""
    return await in_steps(judge(subjects, candidates, bound, skew, rivals=rivals, are_all_rivals=are_all_rivals))


async def in_steps(steps: Generator[None, None, T]) -> T:
    """What these come to; whatever else waits goes on between them."""
    was_collecting = gc.isenabled()
    # Thousands of small things are made here, none in a circle: looking for circles among all that the process
    # holds would stop the loop for longer than all else.
    gc.disable()
    try:
        while True:
            try:
                next(steps)
            except StopIteration as end:
                told: T = end.value
                return told
            await asyncio.sleep(0)
    finally:
        if was_collecting:
            gc.enable()
