"""What is held against each other: a submission whose invoice is sought, and an invoice that is listed, each with what
is compared of it worked out once. Pure."""

import pickle
from collections.abc import Collection, Generator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeVar
from zlib import compress, decompress

from contracts.envelope import loads
from contracts.limits import HIGHEST_WITH_TAX
from worker.flows.evidence.names import is_anybody
from worker.flows.evidence.status import counts, is_dead, status_when_taken_back
from worker.making import made_often
from worker.records import Command, CommandState, ListedInvoice, SubmittedInvoice
from worker.texts import Text, folded, folded_code, says_nothing

MOST_WEIGHED: Final = 50_000
"""Listed invoices of one look-up that may be somebody's; where there are more, it finds none."""
_QUICKLY: Final = 1
T = TypeVar("T")

CENT: Final = Decimal("0.01")
_MOST_ROUNDED: Final = Decimal("0.50")
EVER: Final = datetime.min.replace(tzinfo=UTC)
NEVER: Final = datetime.max.replace(tzinfo=UTC)


def later(moment: datetime, delay: timedelta) -> datetime:
    """By so much, but not after the end of time."""
    return NEVER if delay >= NEVER - moment else moment + delay


@dataclass(frozen=True, slots=True)
class Order:
    """A submission as it compares."""

    sent: SubmittedInvoice
    seller: str
    buyer: str
    """The buyer's tax id, folded; "" where it has none."""
    name: Text
    seller_name: str
    """Folded."""
    remark: Text
    total: Decimal
    """Sum of quantity times price; whether tax is in it, nobody says (trap 28)."""
    tolerance: Decimal
    """Each line may be rounded by a cent."""
    nearness: Decimal
    """Each unit price may be: whoever keeps two decimal places of it comes to another total."""
    expected: Decimal | None
    """价税合计 as the caller expects it; None where it named none, or less than the lines come to: tax can only add to
    them, so it is mistaken, and would fit somebody else's invoice."""
    is_expected_high: bool
    """It is more than any tax makes of the lines: fen for yuan, or something that they do not say. An invoice of that
    total may be this one's, and may be somebody else's."""

    @classmethod
    def of(cls, sent: SubmittedInvoice) -> "Order":
        """From what was sent."""
        total, tolerance, expected = sent.total, CENT * len(sent.lines), sent.expected_total
        if expected is not None and expected + tolerance < total:
            expected = None
        rounded = CENT * sum((line.quantity for line in sent.lines if line.quantity), Decimal(0))
        return cls(
            sent=sent,
            seller=folded_code(sent.seller_id),
            buyer=folded_code(sent.buyer_id),
            name=Text.of_name(sent.buyer_name, is_person=sent.is_person),
            seller_name=folded(sent.seller_name),
            remark=Text.of_remark(sent.remark),
            total=total,
            tolerance=tolerance,
            nearness=max(tolerance, min(rounded, _MOST_ROUNDED)),
            expected=expected,
            is_expected_high=expected is not None and expected > total * HIGHEST_WITH_TAX + tolerance,
        )

    @property
    def totals(self) -> tuple[Decimal, ...]:
        """Its own, and the expected one."""
        return (self.total,) if self.expected is None else (self.total, self.expected)

    @property
    def is_anybodys(self) -> bool:
        """Whether the buyer is 个人: many invoices of a seller have that one."""
        return not self.buyer and is_anybody(self.name)

    @property
    def kind(self) -> tuple[object, ...]:
        """All by which it is compared with a listed invoice: orders of one kind compare alike, but for their time."""
        sent = self.sent
        return (
            *(self.seller, self.buyer, self.name.plain, sent.is_person, self.remark.plain, sent.prints_bank),
            *(self.total, self.tolerance, self.nearness, sent.expected_total),
            *(sent.buyer_invoice_type, sent.seller_name),
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """A submission whose invoice is sought, or that could have one."""

    command: Command
    order: Order

    @classmethod
    def read(cls, command: Command) -> "Subject":
        """From the journaled data. Raises `KeyError` where they were forgotten."""
        return cls(command, Order.of(SubmittedInvoice.read(loads(command.data))))

    @property
    def key(self) -> int:
        """The command's."""
        return self.command.key

    @property
    def is_issued(self) -> bool:
        """Whether the gateway said that there is an invoice: only its number is sought."""
        return self.command.state is CommandState.COMPLETED

    @property
    def since(self) -> datetime:
        """When it was submitted, or came in at the latest."""
        return self.command.submitted_at or self.command.received_at

    @property
    def until(self) -> datetime:
        """When it ended, where the gateway said that there is an invoice: none that was issued later is its own."""
        return self.command.settled_at or NEVER if self.is_issued else NEVER


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A listed invoice as it compares."""

    invoice: ListedInvoice
    seller: str
    seller_name: str
    """Folded."""
    drawer: str
    """Folded."""
    buyer: str
    person: Text
    """The buyer's name, as that of a natural person."""
    name: Text
    """The same as that of anybody else."""
    note: Text
    with_tax: Decimal | None
    without_tax: Decimal | None
    amounts: tuple[Decimal, ...]
    """Of these, the ones that are told."""
    earliest: datetime
    latest: datetime

    @classmethod
    def of(cls, invoice: ListedInvoice) -> "Listed":
        """From the gateway's list. A date that is not told contradicts nothing; a total of zero is none."""
        name = "" if says_nothing(invoice.buyer_name or "") else invoice.buyer_name or ""
        dated = invoice.dated
        with_tax, without_tax = invoice.with_tax or None, invoice.total_without_tax or None
        return cls(
            invoice=invoice,
            seller=_code_of(invoice.seller_id),
            seller_name=folded(invoice.seller_name or ""),
            drawer=folded(invoice.drawer or ""),
            buyer=_code_of(invoice.buyer_id),
            person=_name_of(name, is_person=True),
            name=_name_of(name, is_person=False),
            note=Text.of_remark(invoice.note or ""),
            with_tax=with_tax,
            without_tax=without_tax,
            amounts=tuple(each for each in (with_tax, without_tax) if each is not None),
            earliest=EVER if dated is None else dated.earliest,
            latest=NEVER if dated is None else dated.latest,
        )

    @property
    def is_half_told(self) -> bool:
        """Whether only one of the two is; twice the same, without a word of the tax, is one."""
        told = self.amounts
        return len(told) == 1 or (len(told) > 1 and told[0] == told[1] and self.invoice.total_tax is None)

    @property
    def identity(self) -> str:
        """What names the invoice."""
        return self.invoice.identity


def in_one_go(steps: Generator[None, None, T]) -> T:
    """What these come to, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            told: T = end.value
            return told


@dataclass(frozen=True, slots=True)
class ListedPages:
    """Listed invoices, kept packed page by page until the end of their list. That takes a thirtieth of the memory; a
    worker may read the lists of hundreds of accounts at once, each with thousands of invoices that look alike."""

    pages: tuple[bytes, ...] = ()
    last: tuple[ListedInvoice, ...] = ()
    """Of the last page; most lists have one. They wait for nothing, so it would not pay to pack them."""
    count: int = 0

    @property
    def is_full(self) -> bool:
        """Whether there are more than can be weighed: a gateway gone mad would fill the memory."""
        return self.count > MOST_WEIGHED

    def with_page(self, invoices: Iterable[ListedInvoice], *, is_last: bool) -> "ListedPages":
        """These too."""
        page = tuple(invoices)
        count = self.count + len(page)
        if is_last or not page:
            return ListedPages(self.pages, page, count)
        packed = compress(pickle.dumps(page, pickle.HIGHEST_PROTOCOL), _QUICKLY)
        return ListedPages((*self.pages, packed), count=count)

    def unpacked(self, taken_back: Collection[str]) -> Generator[None, None, tuple[Listed, ...]]:
        """Each of them once, and `marked`. One that is listed twice may be dead in one of its rows. Yields after each
        page."""
        kept: dict[str, Listed] = {}
        for page in (*self.pages, None):
            # Nobody else has had these bytes.
            invoices = self.last if page is None else pickle.loads(decompress(page))  # noqa: S301
            for each in map(Listed.of, invoices):
                before = kept.get(each.identity)
                if before is None or counts(before.invoice.status) or is_dead(each.invoice.status):
                    kept[each.identity] = each
            yield
        return marked(kept.values(), taken_back)


def marked(candidates: Iterable[Listed], taken_back: Collection[str]) -> tuple[Listed, ...]:
    """The same, where those with one of these numbers have a status by which they count no more: a red invoice of the
    list names them, whatever their own rows say."""
    return tuple(
        Listed.of(replace(each.invoice, status=status_when_taken_back(each.invoice.status)))
        if each.invoice.number in taken_back
        else each
        for each in candidates
    )


@lru_cache(maxsize=1024)
def _name_of(name: str, *, is_person: bool) -> Text:
    """The same few parties come in row after row."""
    return Text.of_name(name, is_person=is_person)


@lru_cache(maxsize=1024)
def _code_of(listed: str | None) -> str:
    """A tax id as it compares; what is one character all along stands for none."""
    code = folded_code(listed or "")
    return code if len(set(code)) > 1 else ""
