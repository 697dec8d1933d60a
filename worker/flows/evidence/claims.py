"""Which submissions could claim which listed invoices, and who competes with whom. Pure.

Guarantees that a submission which is not among an invoice's claimants was ruled out, or that the invoice fits another
submission exactly. Built in small steps, for a seller may have thousands of open numbers and invoices, many of them
alike. What fits exactly is kept as a span, a stretch of the invoices in the order of time, and not pair by pair.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Final

from worker.flows.evidence.index import InvoiceIndex
from worker.flows.evidence.members import (
    Comparison,
    Fit,
    MemberDifference,
    Weight,
    compare,
    is_too_late,
    is_too_old,
    weigh,
)
from worker.flows.evidence.subjects import NEVER, Listed, Order, Subject, later

BREATH: Final = 200
"""Comparisons between two pauses: a few milliseconds."""
MOST_CLAIMS: Final = 200
"""Of one submission that nothing fits exactly; where there are more, it cannot be told which anyway."""
_FEW: Final = 64
"""Claims that are kept one by one."""

Look = Callable[[Order], Iterator[Listed]]
Compared = dict[str, tuple[Listed, Comparison]]
"""By the invoice's identity."""
Groups = list[tuple[list[int], list[str]]]
"""Keys of submissions, and names of invoices."""


@dataclass(frozen=True, slots=True)
class Span:
    """What fits a submission exactly: a stretch of the invoices that fit all of its kind, in the order of time."""

    names: Sequence[str]
    places: Mapping[str, int]
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[str]:
        return iter(self.names[self.start : self.stop])

    def __contains__(self, name: str) -> bool:
        return self.start <= self.places.get(name, -1) < self.stop


@dataclass(slots=True)
class Claims:
    """Who could claim what."""

    free: Mapping[str, Listed]
    exact: dict[int, Span] = field(default_factory=dict)
    """By the command's key."""
    rest: dict[int, dict[str, Fit]] = field(default_factory=dict)
    """By the command's key, then by the invoice: what a submission could claim without an exact fit, and how well it
    fits. Kept for two kinds of submissions: those that no invoice fits exactly, and those that together have fewer
    exact invoices than they are, so that one of them must have another invoice."""

    def weight_of(self, key: int) -> Weight:
        """The greatest weight that any invoice has for this submission."""
        if key in self.exact:
            return Weight.EXACT
        return max((fit.weight for fit in self.rest.get(key, {}).values()), default=Weight.AGAINST)

    def best(self, key: int) -> Iterable[str]:
        """The names of the invoices that have this greatest weight for it."""
        if key in self.exact:
            return self.exact[key]
        best = self.weight_of(key)
        return [name for name, fit in self.rest.get(key, {}).items() if fit.weight is best]

    def open_names(self, key: int) -> Iterable[str]:
        """The names of all invoices that it could claim and that nothing contradicts."""
        return chain(self.exact.get(key, ()), self.loose_names(key))

    def loose_names(self, key: int) -> list[str]:
        """Those of them that do not fit exactly."""
        return [name for name, fit in self.rest.get(key, {}).items() if fit.weight > Weight.AGAINST]

    def contradicted_names(self, key: int) -> list[str]:
        """Those that something contradicts."""
        return [name for name, fit in self.rest.get(key, {}).items() if fit.weight is Weight.AGAINST]

    def is_by_remark(self, key: int, name: str) -> bool:
        """Whether it claims this invoice for the remark alone, against what else is told."""
        fit = self.rest.get(key, {}).get(name)
        return fit is not None and fit.is_by_remark

    def has(self, key: int, name: str) -> bool:
        """Whether this invoice is among its `best`."""
        return name in self.exact[key] if key in self.exact else name in set(self.best(key))

    def differs(self, key: int, name: str) -> tuple[MemberDifference, ...]:
        """What differs between this invoice and the submission."""
        fit = self.rest.get(key, {}).get(name)
        return () if fit is None else fit.differs

    def is_early(self, key: int, name: str) -> bool:
        """Whether only clocks that differ explain its date: then order tells nothing."""
        return any(each.member == "invoiceDate" for each in self.differs(key, name))

    def may_clear(self, key: int) -> bool:
        """Whether all that it could claim is so weak that another one may be the right one."""
        return key not in self.exact and all(fit.may_clear for fit in self.rest.get(key, {}).values())

    def shown(self, key: int, most: int) -> tuple[list[str], int]:
        """The first few of all that it could claim, the best ones first, and how many there are."""
        if key in self.exact:
            return sorted(islice(self.exact[key], most)), len(self.exact[key])
        mine = self.rest.get(key, {})
        return sorted(mine, key=lambda name: (-mine[name].weight, name))[:most], len(mine)

    def groups(self) -> Generator[None, None, Groups]:
        """Groups of submissions that compete, directly or through others, with the names of the invoices that they
        compete for. A submission for which each of its invoices is contradicted competes with nobody."""
        loose: dict[int, Sequence[str]] = {}
        for work, (key, mine) in enumerate(self.rest.items(), start=1):
            if work % (BREATH // 10) == 0:
                yield
            if mine and key not in self.exact:
                loose[key] = list(self.best(key)) if self.weight_of(key) > Weight.AGAINST else []
        return (yield from _joined(self.exact, loose))


def claims_of(
    everybody: Mapping[int, Subject], free: Mapping[str, Listed], skew: timedelta, rivals: Collection[int]
) -> Generator[None, None, Claims]:
    """First what fits exactly. Then, for submissions that have no exact invoice or too few of them together, what fits
    less well and does not fit another one exactly."""
    claims = Claims(free)
    index = yield from InvoiceIndex.in_steps(free.values())
    yield from _exact_claims(_kinds(everybody.values()), index, skew, claims)
    taken: set[str] = set()
    crowded: set[int] = set()
    for keys, names in (yield from _joined(claims.exact, {})):
        if len(names) <= len(keys):
            # Each of these invoices has its owner in this group. If there were more invoices than submissions, one of
            # them would be somebody else's, and all would have to stay open to others.
            taken.update(names)
        if len(names) < len(keys):
            # Somebody in this group has none of these invoices: its own may be one that fits less well.
            crowded.update(keys)
    yield
    # One that tells a single total may tell it with tax or without: of whoever it fits exactly, it need not be.
    shared = {name for name in taken if free[name].is_half_told}
    left = yield from InvoiceIndex.in_steps(each for name, each in free.items() if name not in taken - shared)
    rest = [each for each in everybody.values() if each.key not in claims.exact or each.key in crowded]
    yield from _other_claims(_kinds(rest), left.possible, skew, rivals, claims)
    for mine in claims.rest.values():
        for name in shared & mine.keys():
            if not mine[name].is_by_rate:
                del mine[name]
    return claims


def _kinds(subjects: Iterable[Subject]) -> list[list[Subject]]:
    """Submissions in groups that compare alike, so that a listed invoice is compared with each group once."""
    kinds: dict[object, list[Subject]] = {}
    for each in subjects:
        kinds.setdefault(each.order.kind, []).append(each)
    return list(kinds.values())


def _exact_claims(
    kinds: Iterable[Sequence[Subject]], index: InvoiceIndex, skew: timedelta, claims: Claims
) -> Generator[None, None, None]:
    """An order with a remark claims invoices without a note only where no other invoice has its remark with more beside
    it: that other one may be its own."""
    work = 0
    for alike in kinds:
        work += 1
        fitting: dict[str, Listed] = {}
        is_marked = not alike[0].order.remark.plain
        for listed in index.likely(alike[0].order):
            work += 1
            if work % BREATH == 0:
                yield
            told = compare(alike[0].order, listed)
            if told is not None and listed.invoice.number is not None and told.is_exact:
                fitting[listed.identity] = listed
                is_marked = is_marked or not told.is_unmarked
        if fitting and (is_marked or not index.holds_remark(alike[0].order)):
            yield from _spans(alike, list(fitting.values()), skew, claims)


def _spans(
    alike: Sequence[Subject], fitting: Sequence[Listed], skew: timedelta, claims: Claims
) -> Generator[None, None, None]:
    """For each submission, the range of invoices of its kind that were issued in its time. A date may stand for a whole
    day. Invoices are sorted by the end of what their date may mean; `longest` widens the range, so that one whose day
    began in time is in it."""
    in_order = sorted(fitting, key=lambda each: each.latest)
    yield
    moments = [each.latest for each in in_order]
    names = [each.identity for each in in_order]
    places = {name: place for place, name in enumerate(names)}
    yield
    longest = max(_length(each) for each in in_order)
    for work, subject in enumerate(alike, start=1):
        if work % BREATH == 0:
            yield
        start = bisect_left(moments, subject.since - skew)
        stop = len(names)
        if subject.until is not NEVER:
            stop = bisect_right(moments, later(subject.until, skew + longest))
        if stop - start <= _FEW:
            own = [name for name in names[start:stop] if not is_too_late(subject.until, claims.free[name], skew)]
            if own:
                claims.exact[subject.key] = Span(own, {name: place for place, name in enumerate(own)}, 0, len(own))
        else:
            claims.exact[subject.key] = Span(names, places, start, stop)


def _length(listed: Listed) -> timedelta:
    return listed.latest - listed.earliest


def _other_claims(
    kinds: Iterable[Sequence[Subject]], look: Look, skew: timedelta, rivals: Collection[int], claims: Claims
) -> Generator[None, None, None]:
    for alike in kinds:
        order = alike[0].order
        since = min(each.since for each in alike)
        compared = yield from _compared(order, _latest_first(order, look, since, skew), MOST_CLAIMS + 1)
        is_cut = len(compared) > MOST_CLAIMS
        for subject in alike:
            mine = yield from _weighed(subject, compared, skew, rivals)
            if is_cut and not mine:
                # The dates rule all of these out; one of the many others may be its own.
                everything = yield from _compared(order, look(order), len(claims.free))
                mine = yield from _weighed(subject, everything, skew, rivals)
            if is_cut:
                # Too many to tell which, whatever these few say.
                mine = {name: replace(fit, weight=min(fit.weight, Weight.WEAK)) for name, fit in mine.items()}
            if mine:
                claims.rest[subject.key] = _without_many_against(_side_by_side(mine))
        yield


def _side_by_side(mine: dict[str, Fit]) -> dict[str, Fit]:
    """An invoice without a note counts for no more than one that has the order's remark with more beside it."""
    if not any(fit.weight is Weight.CLOSE and not fit.is_unmarked for fit in mine.values()):
        return mine
    return {
        name: replace(fit, weight=min(fit.weight, Weight.CLOSE)) if fit.is_unmarked else fit
        for name, fit in mine.items()
    }


def _without_many_against(mine: dict[str, Fit]) -> dict[str, Fit]:
    """What something contradicts is in nobody's way: a few of them are enough to be shown."""
    if len(mine) <= _FEW:
        return mine
    against = [name for name, fit in mine.items() if fit.weight is Weight.AGAINST]
    left_out = set(sorted(against)[_FEW:])
    return {name: fit for name, fit in mine.items() if name not in left_out}


def _latest_first(order: Order, look: Look, since: datetime, skew: timedelta) -> Iterator[Listed]:
    """The invoices that are not too old: first those dated after the submission, then those that are dated before it
    and could be its own only where clocks differ."""
    yield from (each for each in look(order) if each.latest >= since - skew)
    yield from (each for each in look(order) if each.latest < since - skew and not is_too_old(since, each, skew))


def _compared(order: Order, invoices: Iterable[Listed], most: int) -> Generator[None, None, Compared]:
    compared: Compared = {}
    for work, listed in enumerate(invoices, start=1):
        if work % BREATH == 0:
            yield
        if listed.identity not in compared and (told := compare(order, listed)) is not None:
            compared[listed.identity] = listed, told
        if len(compared) >= most:
            break
    return compared


def _weighed(
    subject: Subject, compared: Compared, skew: timedelta, rivals: Collection[int]
) -> Generator[None, None, dict[str, Fit]]:
    mine: dict[str, Fit] = {}
    for work, (listed, told) in enumerate(compared.values(), start=1):
        if work % BREATH == 0:
            yield
        if subject.key in rivals and is_too_late(subject.until, listed, skew):
            continue
        if (fit := weigh(subject, listed, told, skew)) is not None:
            mine[listed.identity] = fit
    return mine


# ---- who competes with whom ----------------------------------------------------------------------------


def _joined(exact: Mapping[int, Span], loose: Mapping[int, Sequence[str]]) -> Generator[None, None, Groups]:
    """Keys and names in groups that claims connect."""
    sets = _Sets()
    for key, names in loose.items():
        sets.find(key)
        for name in names:
            sets.join(key, name)
        yield
    yield from _join_spans(exact, sets)
    return (yield from sets.groups())


def _join_spans(exact: Mapping[int, Span], sets: "_Sets") -> Generator[None, None, None]:
    """Spans of the same list of invoices are one group where they overlap; each stretch is walked once."""
    by_order: dict[int, list[tuple[int, int, int]]] = {}
    for key, span in exact.items():
        by_order.setdefault(id(span.names), []).append((span.start, span.stop, key))
    yield
    for spans in by_order.values():
        spans.sort()
        names = exact[spans[0][2]].names
        anchor, reached = spans[0][2], spans[0][0]
        for start, stop, key in spans:
            if start >= reached:
                anchor, reached = key, start
            sets.join(anchor, key)
            for place in range(reached, stop):
                sets.join(anchor, names[place])
                if place % (BREATH * 10) == 0:
                    yield
            reached = max(reached, stop)
        yield


class _Sets:
    """Disjoint sets of keys and names."""

    def __init__(self) -> None:
        self._parents: dict[int | str, int | str] = {}

    def find(self, one: int | str) -> int | str:
        root = self._parents.setdefault(one, one)
        while (above := self._parents[root]) != root:
            root = above
        while self._parents[one] != root:
            self._parents[one], one = root, self._parents[one]
        return root

    def join(self, one: int | str, other: int | str) -> None:
        self._parents[self.find(other)] = self.find(one)

    def groups(self) -> Generator[None, None, Groups]:
        found: dict[int | str, tuple[list[int], list[str]]] = {}
        for work, each in enumerate(list(self._parents)):
            if work % (BREATH * 10) == 0:
                yield
            keys, names = found.setdefault(self.find(each), ([], []))
            if isinstance(each, int):
                keys.append(each)
            else:
                names.append(each)
        return list(found.values())
