"""An index of listed invoices, in which a submission finds the few that may be its own. Pure.

Guarantees that an invoice which it does not find for a submission would have been ruled out by `members.compare`. A
seller may have thousands of invoices for a buyer called 个人, and the worker's other lanes wait meanwhile.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Final

from contracts.limits import HIGHEST_WITH_TAX
from worker.flows.evidence.amounts import (
    UNITS,
    WHOLE,
    is_rounded,
    readings,
    spans,
    tax_spans,
    taxes_of,
    tell_nothing,
)
from worker.flows.evidence.subjects import CENT, Listed, Order, in_one_go

_BREATH: Final = 400
Notes = dict[str, list[Listed]]
"""Listed invoices by what their notes say."""


def _range(in_order: Sequence[Decimal], low: Decimal, high: Decimal) -> Sequence[Decimal]:
    return in_order[bisect_left(in_order, low) : bisect_right(in_order, high)]


class _Shelf:
    """Listed invoices in the order of what they come to, by any reading."""

    def __init__(self) -> None:
        self._by_amount: dict[Decimal, Notes] = {}
        self._in_order: Sequence[Decimal] = ()

    def put(self, listed: Listed) -> None:
        note = listed.note.plain
        for amount in readings(listed):
            self._by_amount.setdefault(amount, {}).setdefault(note, []).append(listed)

    def close(self) -> None:
        self._in_order = sorted(self._by_amount)

    def between(self, low: Decimal, high: Decimal) -> Iterator[Notes]:
        for amount in _range(self._in_order, low, high):
            yield self._by_amount[amount]


class InvoiceIndex:
    """Listed invoices by their totals and by their notes."""

    def __init__(self) -> None:
        self._told = _Shelf()
        self._rounded = _Shelf()
        """Those that tell no cents."""
        self._half_told = _Shelf()
        self._untold: list[Listed] = []
        self._by_note: Notes = {}

    @classmethod
    def of(cls, invoices: Iterable[Listed]) -> "InvoiceIndex":
        """With these, in one go."""
        return in_one_go(cls.in_steps(invoices))

    @classmethod
    def in_steps(cls, invoices: Iterable[Listed]) -> Generator[None, None, "InvoiceIndex"]:
        """With these. Yields after a few milliseconds of work."""
        index = cls()
        for work, each in enumerate(invoices, start=1):
            index.put(each)
            if work % _BREATH == 0:
                yield
        index.close()
        return index

    def close(self) -> None:
        """Call it when the last invoice is in, and before the first search."""
        for shelf in (self._told, self._rounded, self._half_told):
            shelf.close()

    def put(self, listed: Listed) -> None:
        """One more."""
        if not listed.amounts or tell_nothing(listed):
            self._untold.append(listed)
        if listed.amounts:
            self._told.put(listed)
            if is_rounded(listed):
                self._rounded.put(listed)
            if listed.is_half_told:
                self._half_told.put(listed)
        if listed.note.plain:
            self._by_note.setdefault(listed.note.plain, []).append(listed)

    def likely(self, order: Order) -> Iterator[Listed]:
        """Those of the right total whose note says the same, or nothing: only these can be exactly the same."""
        for notes in self._of_total(order):
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
        return any(remark in note and note != remark for notes in self._of_total(order) for note in notes)

    def _of_total(self, order: Order) -> Iterator[Notes]:
        for total in set(order.totals):
            yield from self._told.between(total - order.tolerance, total + order.tolerance)

    def possible(self, order: Order) -> Iterator[Listed]:
        """All that may be evidence in any degree; some of them several times."""
        for notes in self._near(order):
            for each in notes.values():
                yield from each
        yield from self._untold
        yield from self._marked(order)

    def _near(self, order: Order) -> Iterator[Notes]:
        """What comes to the order's total or the expected one, or nearly so, in whatever way it is told."""
        for total in set(order.totals):
            for unit in UNITS:
                told, slack = total * unit, order.nearness * unit + (CENT if unit < 1 else 0)
                yield from self._told.between(told - slack, told + slack)
                yield from self._half_told.between(told / HIGHEST_WITH_TAX - slack, told * HIGHEST_WITH_TAX + slack)
            for tax in () if order.is_anybodys else taxes_of(total):
                yield from self._half_told.between(tax - 2 * CENT, tax + 2 * CENT)
            slack = order.nearness + WHOLE
            yield from self._rounded.between(total - slack, total + slack)

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
        if not self.totals:
            return False
        if not listed.amounts or tell_nothing(listed):
            return True
        if any(self._is_near(low, high) for low, high in chain(spans(listed), tax_spans(listed))):
            return True
        note = listed.note.plain
        return note in self.remarks or any(each in note for each in self.held)

    def _is_near(self, low: Decimal, high: Decimal) -> bool:
        return bool(_range(self.totals, low - self.widest, high + self.widest))
