"""Where queries look: the ledger of what was issued here, and behind it the archive, newest first.

Pure. Whoever asks names a company; it finds what that company issued or received. The archive is of the past, so
what the ledger has comes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from unicodedata import normalize

from worker.sandbox.books.archive import ISSUED, Archive, Drawn, Shelf
from worker.sandbox.books.ledger import BookedInvoice, Ledger
from worker.sandbox.faults import MAGIC_VALUE

SOURCE: Final = "电子发票服务平台"
EVERY_SOURCE: Final = "全部"
ORDINARY: Final = "数电票(普通发票)"
SPECIAL: Final = "数电票(增值税专用发票)"
_KEPT_SELECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class QueryFilter:
    """What a query asks for. Empty text and ``None`` are no filter; days are Beijing's, both included.

    ``name`` and ``tax_id`` are the counterparty's: the buyer's of what was issued, the seller's of what was received.
    """

    company: str
    query_type: int
    first_day: date | None = None
    last_day: date | None = None
    name: str = ""
    tax_id: str = ""
    number: str = ""
    code: str = ""
    kind: str = ""
    source: str = ""
    is_positive: bool | None = None
    least: Decimal | None = None
    most: Decimal | None = None

    def unfiltered(self) -> "QueryFilter":
        """The same question of a gateway that heeds no filter."""
        return QueryFilter(self.company, self.query_type)

    @property
    def needs_only_days(self) -> bool:
        """Whether the days and the company alone decide."""
        return replace(self, first_day=None, last_day=None) == self.unfiltered()


def wanted(company: str, condition: dict[str, Any]) -> QueryFilter:
    """Read a condition that keeps to the manual. Magic values in names are no filter."""
    query_type = condition["queryType"]
    side = "buyer" if query_type == ISSUED else "seller"
    return QueryFilter(
        company=company,
        query_type=query_type,
        first_day=date.fromisoformat(condition["startInvoiceDate"]),
        last_day=date.fromisoformat(condition["endInvoiceDate"]),
        name=_plain(MAGIC_VALUE.sub("", condition.get(f"{side}Name") or "")),
        tax_id=condition.get(f"{side}IdentificationNumber") or "",
        number=condition.get("countETicketNumbers") or condition.get("invoiceNumber") or "",
        code=condition.get("invoiceCode") or "",
        kind=_plain(condition.get("invoiceType") or ""),
        source=condition.get("invoiceSource") or "",
        is_positive={"是": True, "否": False}.get(condition.get("isInvoicePositive") or ""),
        least=_money(condition.get("startInvoiceValue")),
        most=_money(condition.get("endInvoiceValue")),
    )


def kind_of(invoice: BookedInvoice) -> str:
    """The vendor's word for the type of an invoice."""
    return SPECIAL if invoice.order.get("buyerInvoiceType") == 1 else ORDINARY


class Selection:
    """What a query found, newest first: looking at ten rows costs ten rows."""

    def __init__(self, issued: Sequence[BookedInvoice], archived: Drawn) -> None:
        self._issued, self._archived = issued, archived

    def __len__(self) -> int:
        return len(self._issued) + len(self._archived)

    def rows(self, start: int, stop: int) -> list[BookedInvoice]:
        """The invoices from ``start`` up to ``stop``, as far as there are any."""
        behind = len(self._issued)
        return [*self._issued[start:stop], *self._archived[max(0, start - behind) : max(0, stop - behind)]]


class Books:
    """The ledger and the archive as one."""

    def __init__(self, ledger: Ledger, archive: Archive) -> None:
        self._ledger, self._archive = ledger, archive
        self._positions: Callable[[Shelf, QueryFilter], Sequence[int]] = lru_cache(_KEPT_SELECTIONS)(self._matching)

    def find(self, number: str) -> BookedInvoice | None:
        """The invoice of this number; drafts too, for they have a file."""
        return self._ledger.invoices.get(number) or self._archive.find(number)

    def by_id(self, identity: int) -> BookedInvoice | None:
        """The invoice of this row of a query."""
        return self._ledger.by_id(identity) or self._archive.by_id(identity)

    def select(self, what: QueryFilter) -> Selection:
        """Find the invoices that fit."""
        issued = [i for i in self._ledger.listed(what.company, what.query_type) if _fits(i, what)]
        shelf = self._archive.shelf(what.company, what.query_type)
        return Selection(issued, Drawn(self._archive, shelf, self._positions(shelf, what) if shelf else ()))

    def strangers(self, count: int) -> list[BookedInvoice]:
        """Invoices of a company that never asks."""
        return [self._archive.stranger(position + 1) for position in range(count)]

    def _matching(self, shelf: Shelf, what: QueryFilter) -> Sequence[int]:
        positions = self._archive.positions(what.first_day, what.last_day)
        if what.needs_only_days:
            return positions
        parties = (what.name, what.tax_id)
        return [
            position
            for position in positions
            if (not any(parties) or _is_party(self._archive.counterparty(shelf, position), *parties))
            and _fits(self._archive.draw(shelf, position), what)
        ]


def _fits(invoice: BookedInvoice, what: QueryFilter) -> bool:
    day, order = date.fromisoformat(invoice.issued_at[:10]), invoice.order
    side = "buyer" if what.query_type == ISSUED else "seller"
    return (
        (what.first_day is None or what.first_day <= day)
        and (what.last_day is None or day <= what.last_day)
        and _is_party((order[f"{side}Name"], order[f"{side}Indentification"]), what.name, what.tax_id)
        and what.number in ("", invoice.number)
        and not what.code
        and what.kind in ("", kind_of(invoice))
        and what.source in ("", EVERY_SOURCE, SOURCE)
        and (what.is_positive is None or what.is_positive is (invoice.total >= 0))
        # Adding up thousands of invoices that nobody asked the amount of takes longer than all else.
        and (
            (what.least is None and what.most is None)
            or _is_between(invoice.total - invoice.tax, what.least, what.most)
        )
    )


def _is_party(party: tuple[str, str], name: str, tax_id: str) -> bool:
    return name in _plain(party[0]) and tax_id in ("", party[1])


def _is_between(amount: Decimal, least: Decimal | None, most: Decimal | None) -> bool:
    return (least is None or least <= amount) and (most is None or amount <= most)


def _plain(text: str) -> str:
    return normalize("NFKC", text).strip()


def _money(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)
