"""The archive is the same for the same seed, adds up to the cent, and costs nothing until somebody looks."""

from datetime import date
from decimal import Decimal

import pytest

from worker.sandbox.books.archive import ISSUED, RECEIVED, STRANGER, Archive

COMPANY = "91330000SANDBOX002"


def test_the_same_seed_is_the_same_past_and_another_seed_another() -> None:
    first, again, other = (list(Archive(count=50, seed=seed).invoices(COMPANY, ISSUED)) for seed in (1, 1, 2))
    assert first == again
    assert [invoice.order for invoice in first] != [invoice.order for invoice in other]


def test_amounts_add_up_exactly_and_some_are_negative() -> None:
    invoices = list(Archive(count=1000).invoices(COMPANY, ISSUED))
    for invoice in invoices:
        assert sum((line.total for line in invoice.lines), Decimal(0)) == invoice.total
        assert sum((line.amount for line in invoice.lines), Decimal(0)) + invoice.tax == invoice.total
        assert len({line.total > 0 for line in invoice.lines}) == 1
    assert 10 < sum(invoice.total < 0 for invoice in invoices) < 60
    assert {len(invoice.lines) for invoice in invoices} == {1, 2, 3, 4}
    assert {invoice.order["buyerInvoiceType"] for invoice in invoices} == {0, 1}


def test_a_special_invoice_has_a_buyer_with_a_tax_id() -> None:
    orders = [invoice.order for invoice in Archive(count=1000).invoices(COMPANY, ISSUED)]
    assert all(order["buyerIndentification"] for order in orders if order["buyerInvoiceType"] == 1)
    assert any(not order["buyerIndentification"] for order in orders)


def test_dates_lie_between_the_days_newest_first() -> None:
    archive = Archive(count=500, first_day=date(2024, 2, 1), last_day=date(2024, 2, 29))
    dates = [invoice.issued_at for invoice in archive.invoices(COMPANY, ISSUED)]
    assert dates == sorted(dates, reverse=True)
    assert (dates[-1][:10], dates[0][:10]) == ("2024-02-01", "2024-02-29")


def test_positions_of_some_days_are_exactly_those_days() -> None:
    archive = Archive(count=366, first_day=date(2024, 1, 1), last_day=date(2024, 12, 31))
    shelf = archive.shelf(COMPANY, ISSUED)
    assert shelf is not None
    within = [archive.draw(shelf, at).issued_at[:10] for at in archive.positions(date(2024, 3, 1), date(2024, 3, 31))]
    every = [archive.draw(shelf, at).issued_at[:10] for at in archive.positions()]
    assert within == [day for day in every if "2024-03-01" <= day <= "2024-03-31"]
    assert not archive.positions(date(2025, 1, 1), date(2025, 2, 1))


def test_the_company_sells_what_it_issued_and_buys_what_it_received() -> None:
    archive = Archive(count=5)
    assert {invoice.order["sellerIndentification"] for invoice in archive.invoices(COMPANY, ISSUED)} == {COMPANY}
    assert {invoice.order["buyerIndentification"] for invoice in archive.invoices(COMPANY, RECEIVED)} == {COMPANY}
    assert all(invoice.order["sellerIndentification"] for invoice in archive.invoices(COMPANY, RECEIVED))


def test_numbers_and_ids_are_unique_over_companies_and_questions() -> None:
    archive = Archive(count=200)
    invoices = [i for company in ("A", "B") for question in (0, 1) for i in archive.invoices(company, question)]
    assert len({invoice.number for invoice in invoices}) == 800
    assert len({invoice.row_id for invoice in invoices}) == 800
    for invoice in invoices:
        assert archive.find(invoice.number) == invoice
        assert archive.by_id(invoice.row_id) == invoice


def test_what_nobody_asked_for_is_not_found_unless_the_company_is_known() -> None:
    (invoice,) = Archive(count=1).invoices(COMPANY, ISSUED)
    assert Archive(count=1).find(invoice.number) is None
    assert Archive(count=1, company=COMPANY).find(invoice.number) == invoice
    assert Archive(count=1, company=COMPANY).by_id(invoice.row_id) == invoice


def test_a_number_off_by_a_year_or_beyond_the_count_is_not_found() -> None:
    archive = Archive(count=1)
    (invoice,) = archive.invoices(COMPANY, ISSUED)
    assert archive.find("23" + invoice.number[2:]) is None
    assert archive.find(f"{int(invoice.number) + 1}") is None
    assert archive.by_id(invoice.row_id + 1) is None


def test_the_archive_of_one_company_or_of_none_is_empty_for_others() -> None:
    assert len(Archive(count=9, company="A").invoices("A", ISSUED)) == 9
    assert len(Archive(count=9, company="A").invoices("B", ISSUED)) == 0
    assert list(Archive(count=0).invoices("A", ISSUED)) == []


def test_a_slice_of_an_archive_is_drawn_when_it_is_looked_at() -> None:
    invoices = Archive(count=4_000_000).invoices(COMPANY, ISSUED)
    assert len(invoices) == 4_000_000
    assert [invoice.number[-7:] for invoice in invoices[:2]] == ["4000000", "3999999"]
    assert invoices[-1].number[-7:] == "0000001"


def test_two_companies_whose_shelves_would_be_one_have_two(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(count=1)
    monkeypatch.setattr(Archive, "_draw", lambda self, what: bytes(32))
    first, second = archive.shelf("A", ISSUED), archive.shelf("B", ISSUED)
    assert first is not None
    assert second is not None
    assert second.code == first.code + 1
    assert archive.shelf("A", ISSUED) == first


def test_a_stranger_is_nobody_who_asks() -> None:
    stranger = Archive().stranger(1)
    assert stranger.order["sellerIndentification"] == STRANGER
    assert stranger != Archive().stranger(2)


@pytest.mark.parametrize(
    "plan", [{"count": -1}, {"count": 2**22}, {"first_day": date(2025, 1, 2), "last_day": date(2025, 1, 1)}]
)
def test_an_archive_that_makes_no_sense_is_refused(plan: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="archive"):
        Archive(**plan)  # type: ignore[arg-type]
