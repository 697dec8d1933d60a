"""Invoices between the gateway's port, the journal and the events."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import dumps, loads
from contracts.invoices import StoredInvoice
from tests.builders import MOMENT, as_listed, identity_of, make_found, make_listed
from tests.lane_fakes import make_file
from worker.flows.invoices import findings_of, found_row, lacking_ids, parts_of, trusted, with_details
from worker.flows.stored import stored_invoice
from worker.flows.vocabulary import Details
from worker.records import CommandState, FileRow, ListedInvoice, Stored

FOUND = make_found()
LISTED = make_listed()
ID = FOUND["id"]


def test_invoice_is_named_by_its_number_and_not_by_an_id_that_changes() -> None:
    assert identity_of(FOUND) == identity_of(make_found(id="7")) == FOUND["countETicketNumbers"]


@pytest.mark.parametrize("nothing", [None, ""])
def test_invoice_without_a_number_is_named_by_its_id(nothing: Any) -> None:
    invoice = make_found(countETicketNumbers=nothing)

    assert identity_of(invoice) == f"id:{ID}"
    assert found_row(as_listed(invoice), 0).number is None


def test_row_keeps_what_is_told_of_the_invoice() -> None:
    row = found_row(LISTED, 1)

    assert (row.query_type, row.invoice_id, row.total) == (1, ID, "226")
    assert set(loads(row.data)) == set(FOUND)


@pytest.mark.parametrize(("total", "kept"), [(Decimal("1E+3"), "1000"), (Decimal("-0.10"), "-0.1"), (None, None)])
def test_row_keeps_the_total_exactly(total: Any, kept: Any) -> None:
    assert found_row(make_listed(totalPriceAndTax=total), 0).total == kept


def test_row_of_an_invoice_that_says_nothing_is_whole() -> None:
    row = found_row(ListedInvoice("7"), 0)

    assert (row.seller_id, row.buyer_name, row.invoice_date, row.total) == ("", "", None, None)


@pytest.mark.parametrize(
    ("have", "wanted", "lacks"),
    [
        ((), (), False),
        ((), ("pdf",), True),
        (("pdf",), ("pdf",), False),
        (("pdf",), ("pdf", "xml"), True),
        (("pdf", "xml", "ofd"), ("pdf",), False),
    ],
)
def test_invoice_that_lacks_a_wanted_file_is_marked(
    have: tuple[str, ...], wanted: tuple[str, ...], lacks: bool
) -> None:
    details = Details(files=tuple(make_file(ID, name) for name in have))

    assert findings_of((LISTED,), details, user_id="1111", types=wanted).invoices[0].lacks_files is lacks
    assert lacking_ids([ID], details, wanted) == ((ID,) if lacks else ())


def test_items_that_are_not_ready_replace_nothing() -> None:
    findings = findings_of((LISTED,), Details({ID: (), "8": ({"itemName": "商品A"},)}), user_id="1111")

    assert list(findings.items) == ["8"]


def test_file_without_a_number_is_trusted_and_one_of_another_is_not() -> None:
    own = make_file(ID, "pdf")
    strange = {**make_file(ID, "xml"), "countETicketNumbers": "24332000000000000099"}
    of_others = {**make_file("8", "xml"), "countETicketNumbers": "1"}

    assert trusted(Details(files=(own, strange, of_others)), {ID: LISTED.number}).files == (own, of_others)


def test_file_that_tells_a_count_in_place_of_a_number_is_trusted() -> None:
    """Trap 57: the manual calls the member a count as well."""
    file = {**make_file(ID, "pdf"), "countETicketNumbers": "1"}

    assert trusted(Details(files=(file,)), {ID: LISTED.number}).files == (file,)


def test_invoice_without_a_number_cannot_contradict_its_files() -> None:
    file = {**make_file(ID, "pdf"), "countETicketNumbers": "1"}

    assert trusted(Details(files=(file,)), {ID: None}).files == (file,)


@pytest.mark.parametrize(("items", "files"), [(True, True), (True, False), (False, True), (False, False)])
def test_page_tells_of_each_invoice_what_was_asked_for(items: bool, files: bool) -> None:
    told = with_details(
        FOUND, Details({ID: ({"itemName": "商品A"},)}, (make_file("8", "pdf"),)), items=items, files=files
    )

    assert ("items" in told, "files" in told) == (items, files)
    assert not files or told["files"] == []


@given(st.lists(st.text(max_size=40), max_size=30), st.integers(1, 400))
def test_parts_keep_every_invoice_in_order_and_only_a_lone_one_is_too_large(notes: list[str], most: int) -> None:
    invoices = [{"id": str(number), "note": note} for number, note in enumerate(notes)]

    parts = parts_of(invoices, most)

    assert [each for part in parts for each in part] == invoices
    assert len(parts) >= 1
    assert all(len(part) == 1 or sum(len(dumps(each)) + 1 for each in part) <= most for part in parts if part)


def test_what_is_stored_is_told_as_the_contract_has_it() -> None:
    file = FileRow(ID, "pdf", "https://files.example/1.pdf", FOUND["countETicketNumbers"])
    stored = Stored(
        found_row(LISTED, 0), "1111", dumps([{"itemName": "a"}]), (file,), MOMENT, "a", CommandState.COMPLETED
    )

    told = StoredInvoice.model_validate(stored_invoice(stored))

    assert told.invoice.totalPriceAndTax == Decimal("226.00")
    assert (told.items[0].itemName, told.files[0].url) == ("a", file.url)
