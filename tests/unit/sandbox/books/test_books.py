"""Queries find what a company issued or received, whoever issued it, and heed every filter."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from worker.sandbox.books.archive import Archive
from worker.sandbox.books.books import ORDINARY, SPECIAL, Books, QueryFilter, kind_of, wanted
from worker.sandbox.books.ledger import BookedInvoice, Ledger

SELLER, BUYER = "91330000SANDBOX002", "91330000SANDBOX001"
ORDER: dict[str, Any] = {
    "buyerName": "甲公司（杭州）",
    "buyerIndentification": BUYER,
    "buyerInvoiceType": 0,
    "sellerName": "乙公司",
    "sellerIndentification": SELLER,
    "remark": "command-1",
    "invoiceItems": [{"name": "a", "quantity": 1, "spec": "", "unit": "", "unitPrice": Decimal("101.00")}],
}


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 4, 9, 16, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def found(books: Books, company: str = SELLER, query_type: int = 0, **filters: Any) -> list[BookedInvoice]:
    selection = books.select(QueryFilter(company, query_type, **filters))
    return selection.rows(0, len(selection))


def test_a_company_finds_what_it_issued_and_received_under_any_user_but_no_drafts() -> None:
    ledger = Ledger(clock=Clock())
    first, second = ledger.issue("u", ORDER), ledger.issue("v", ORDER)
    ledger.issue("u", ORDER, as_draft=True)
    ledger.issue("u", {**ORDER, "sellerIndentification": "other"})
    books = Books(ledger, Archive())
    assert found(books) == [second, first]
    assert found(books, company=BUYER) == []
    assert len(found(books, company=BUYER, query_type=1)) == 3


def test_the_ledger_comes_before_the_archive_and_a_page_may_span_both() -> None:
    ledger, archive = Ledger(clock=Clock()), Archive(count=7)
    issued = [ledger.issue("u", ORDER) for _ in range(3)]
    selection = Books(ledger, archive).select(QueryFilter(SELLER, 0))
    past = list(archive.invoices(SELLER, 0))
    assert len(selection) == 10
    assert selection.rows(0, 5) == [*reversed(issued), *past[:2]]
    assert selection.rows(2, 4) == [issued[0], past[0]]
    assert selection.rows(8, 12) == past[5:]
    assert selection.rows(10, 20) == []


def test_an_invoice_that_is_listed_late_is_found_late_and_one_that_never_is_never() -> None:
    clock = Clock()
    ledger = Ledger(clock=clock)
    books = Books(ledger, Archive())
    late = ledger.issue("u", ORDER, listed_after_seconds=2)
    ledger.issue("u", ORDER, listed_after_seconds=None)
    assert found(books) == []
    clock.at += timedelta(seconds=2)
    assert found(books) == [late]
    clock.at += timedelta(days=365)
    assert found(books) == [late]


def test_invoices_are_found_by_number_and_by_row_but_a_draft_has_no_row() -> None:
    ledger, archive = Ledger(clock=Clock()), Archive(count=3)
    issued, draft = ledger.issue("u", ORDER), ledger.issue("u", ORDER, as_draft=True)
    past = archive.invoices(SELLER, 0)[0]
    books = Books(ledger, archive)
    assert [books.find(i.number) for i in (issued, draft, past)] == [issued, draft, past]
    assert [books.by_id(i.row_id) for i in (issued, draft, past)] == [issued, None, past]
    ledger.clear()
    assert (books.find(issued.number), books.by_id(issued.row_id)) == (None, None)


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"first_day": date(2026, 4, 10), "last_day": date(2026, 4, 10)}, True),
        ({"first_day": date(2026, 4, 11)}, False),
        ({"last_day": date(2026, 4, 9)}, False),
        ({"name": "甲公司(杭州)"}, True),
        ({"name": "杭州"}, True),
        ({"name": "丙"}, False),
        ({"tax_id": BUYER}, True),
        ({"tax_id": BUYER[:-1]}, False),
        ({"number": "1"}, False),
        ({"code": "3300"}, False),
        ({"kind": ORDINARY}, True),
        ({"kind": SPECIAL}, False),
        ({"source": "全部"}, True),
        ({"source": "增值税发票管理系统"}, False),
        ({"is_positive": True}, True),
        ({"is_positive": False}, False),
        ({"least": Decimal(100), "most": Decimal(100)}, True),
        ({"least": Decimal("100.01")}, False),
        ({"most": Decimal("99.99")}, False),
    ],
)
def test_each_filter_is_heeded(filters: dict[str, Any], fits: bool) -> None:
    """Days are Beijing's: 16:30 UTC is the day after. The value is the amount without tax."""
    ledger = Ledger(clock=Clock())
    ledger.issue("u", ORDER)
    assert bool(found(Books(ledger, Archive()), **filters)) is fits


@pytest.mark.parametrize(
    "filters",
    [
        {"name": "杭州"},
        {"is_positive": False},
        {"kind": SPECIAL},
        {"first_day": date(2024, 5, 1), "last_day": date(2024, 5, 31), "most": Decimal(1000)},
    ],
)
def test_the_archive_heeds_filters_as_the_ledger_does(filters: dict[str, Any]) -> None:
    archive = Archive(count=600)
    numbers = [invoice.number for invoice in found(Books(Ledger(), archive), **filters)]

    def fits(invoice: BookedInvoice) -> bool:
        day = date.fromisoformat(invoice.issued_at[:10])
        return (
            filters.get("name", "") in invoice.order["buyerName"]
            and filters.get("is_positive", invoice.total >= 0) == (invoice.total >= 0)
            and filters.get("kind", kind_of(invoice)) == kind_of(invoice)
            and filters.get("first_day", day) <= day <= filters.get("last_day", day)
            and invoice.total - invoice.tax <= filters.get("most", Decimal("Infinity"))
        )

    expected = [invoice.number for invoice in archive.invoices(SELLER, 0) if fits(invoice)]
    assert 0 < len(expected) < 600
    assert numbers == expected


def test_one_number_finds_one_invoice_of_the_archive() -> None:
    archive = Archive(count=600)
    invoice = archive.invoices(SELLER, 0)[300]
    assert found(Books(Ledger(), archive), number=invoice.number) == [invoice]


def test_a_condition_is_read_in_the_vendors_words_without_its_magic_values() -> None:
    condition = {
        "queryType": 1,
        "startInvoiceDate": "2024-04-01",
        "endInvoiceDate": "2024-04-12",
        "buyerName": "not the counterparty of what was received",
        "sellerName": "甲公司（杭州）#fault=page_nested=2",
        "sellerIdentificationNumber": "S",
        "countETicketNumbers": "",
        "invoiceNumber": "24332000000000000001",
        "isInvoicePositive": "否",
        "startInvoiceValue": Decimal("1.5"),
        "endInvoiceValue": 7,
    }
    assert wanted("C", condition) == QueryFilter(
        "C",
        1,
        date(2024, 4, 1),
        date(2024, 4, 12),
        name="甲公司(杭州)",
        tax_id="S",
        number="24332000000000000001",
        is_positive=False,
        least=Decimal("1.5"),
        most=Decimal(7),
    )
