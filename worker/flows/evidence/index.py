"""Listed invoices, put where a submission finds the few that may be its own. Pure.

Guarantees that what is not handed out for a submission would have been ruled out by `members.compare`. A seller may
have thousands of invoices for a buyer called 个人, and the worker's other lanes wait meanwhile.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from contracts.limits import HIGHEST_WITH_TAX
from worker.flows.evidence.subjects import CENT, FEN, Listed, Order


def _range(in_order: Sequence[Decimal], low: Decimal, high: Decimal) -> Sequence[Decimal]:
    return in_order[bisect_left(in_order, low) : bisect_right(in_order, high)]


class InvoiceIndex:
    """Listed invoices by their totals and by their notes."""

    def __init__(self) -> None:
        self._by_total: dict[int, dict[Decimal, dict[str, list[Listed]]]] = {}
        """By whole yuan, total and note."""
        self._half_told: dict[Decimal, list[Listed]] = {}
        self._untold: list[Listed] = []
        self._by_note: dict[str, list[Listed]] = {}
        self._halves: Sequence[Decimal] = ()

    @classmethod
    def of(cls, invoices: Iterable[Listed]) -> "InvoiceIndex":
        """With these, in one go."""
        index = cls()
        for each in invoices:
            index.put(each)
        index.close()
        return index

    def close(self) -> None:
        """Call it when the last invoice is in, and before the first search."""
        self._halves = sorted(self._half_told)

    def put(self, listed: Listed) -> None:
        """One more."""
        told = set(listed.amounts)
        note = listed.note.plain
        for total in told:
            self._by_total.setdefault(int(total), {}).setdefault(total, {}).setdefault(note, []).append(listed)
        if len(told) == 1 and (listed.with_tax is None or listed.without_tax is None):
            self._half_told.setdefault(next(iter(told)), []).append(listed)
        if not told:
            self._untold.append(listed)
        if note:
            self._by_note.setdefault(note, []).append(listed)

    def likely(self, order: Order) -> Iterator[Listed]:
        """Those of the right total whose note says the same, or nothing: only these can be exactly the same."""
        for notes in self._of_total(order, order.tolerance):
            if order.sent.prints_bank:
                for each in notes.values():
                    yield from each
            else:
                yield from notes.get("", ())
                if order.remark.plain:
                    yield from notes.get(order.remark.plain, ())

    def holds_remark(self, order: Order) -> bool:
        """Whether a note of the right total has the remark and more beside it."""
        remark = order.remark.plain
        at_total = self._of_total(order, order.tolerance)
        return any(remark in note and note != remark for notes in at_total for note in notes)

    def possible(self, order: Order) -> Iterator[Listed]:
        """All that may be evidence in any degree; some of them twice."""
        for unit in (1, FEN):
            for notes in self._of_total(order, order.nearness, unit):
                for each in notes.values():
                    yield from each
        for total in order.totals:
            low, high = total / HIGHEST_WITH_TAX - order.nearness, total * HIGHEST_WITH_TAX + order.nearness
            for half in _range(self._halves, low, high):
                yield from self._half_told[half]
        yield from self._untold
        yield from self._marked(order)

    def _of_total(self, order: Order, slack: Decimal, unit: int = 1) -> Iterator[dict[str, list[Listed]]]:
        """Of the order's total or the expected one, or as near to it as this, in so many to a yuan."""
        totals = [total * unit for total in order.totals]
        slack *= unit
        yuans = {yuan for each in totals for yuan in range(int(each - slack), int(each + slack) + 1)}
        for yuan in sorted(yuans):
            for total, notes in self._by_total.get(yuan, {}).items():
                if any(abs(total - each) <= slack for each in totals):
                    yield notes

    def _marked(self, order: Order) -> Iterator[Listed]:
        """Whatever its total is: the note says that it is this one's."""
        remark = order.remark.plain
        if not remark:
            return
        if not order.sent.prints_bank:
            yield from self._by_note.get(remark, ())
            return
        for note, each in self._by_note.items():
            if remark in note:
                yield from each


@dataclass(frozen=True)
class Wanted:
    """What is sought, so that of a page only the invoices are kept that may be somebody's."""

    totals: Sequence[Decimal] = ()
    """In order."""
    widest: Decimal = CENT
    """The largest nearness of them."""
    remarks: frozenset[str] = field(default_factory=frozenset)
    held: tuple[str, ...] = ()
    """Remarks beside which bank data may be printed."""

    @classmethod
    def of(cls, orders: Iterable[Order]) -> "Wanted":
        """By these submissions."""
        some = list(orders)
        totals = {total for each in some for total in each.totals}
        remarks = {each.remark.plain for each in some if not each.sent.prints_bank}
        held = {each.remark.plain for each in some if each.sent.prints_bank}
        return cls(
            totals=sorted(totals),
            widest=max((each.nearness for each in some), default=CENT),
            remarks=frozenset(remarks - {""}),
            held=tuple(sorted(held - {""})),
        )

    def may_be(self, listed: Listed) -> bool:
        """Whether this one may be somebody's."""
        told = listed.amounts
        if not self.totals:
            return False
        if not told or any(self._is_near(each / unit, each / unit) for each in told for unit in (1, FEN)):
            return True
        is_half = listed.with_tax is None or listed.without_tax is None
        if is_half and self._is_near(told[0] / HIGHEST_WITH_TAX, told[0] * HIGHEST_WITH_TAX):
            return True
        note = listed.note.plain
        return note in self.remarks or any(each in note for each in self.held)

    def _is_near(self, low: Decimal, high: Decimal) -> bool:
        return bool(_range(self.totals, low - self.widest, high + self.widest))
