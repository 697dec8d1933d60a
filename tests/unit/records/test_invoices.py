"""Typed invoices: what they say, and how they say that they were not told."""

from decimal import Decimal

import pytest
from typing_extensions import override

from contracts.commands import Invoice, InvoiceItem
from contracts.envelope import dumps, loads
from tests.builders import make_invoice
from worker.records import IssuedReply, Line, ListedInvoice, SubmittedInvoice


def journaled(**members: object) -> dict[str, object]:
    data: dict[str, object] = loads(dumps({"invoice": make_invoice() | members, "expectedTotal": "100.00"}))
    return data


def test_a_submission_is_read_from_the_journaled_data() -> None:
    sent = make_invoice()
    read = SubmittedInvoice.read(journaled(remark="订单号:1", sellerBankShow=1))
    assert (read.seller_id, read.seller_name) == (sent["sellerIndentification"], sent["sellerName"])
    assert (read.buyer_id, read.buyer_name) == (sent["buyerIndentification"], sent["buyerName"])
    assert (read.buyer_type, read.buyer_invoice_type) == (sent["buyerType"], sent["buyerInvoiceType"])
    assert (read.remark, read.prints_bank, read.expected_total) == ("订单号:1", True, Decimal("100.00"))
    first = sent["invoiceItems"][0]
    assert read.lines[0].name == first["name"]
    assert read.lines[0].price == Decimal(str(first["unitPrice"]))
    assert read.total == sum(
        Decimal(str(one["quantity"])) * Decimal(str(one["unitPrice"])) for one in sent["invoiceItems"]
    )


def test_data_that_were_forgotten_are_no_submission() -> None:
    with pytest.raises(KeyError):
        SubmittedInvoice.read({})


@pytest.mark.parametrize("name", ["buyerIndentification", "remark", "buyerBankShow", "sellerBankShow"])
def test_what_a_submission_may_leave_out_was_sent_empty(name: str) -> None:
    data = journaled()
    del data["invoice"][name]  # type: ignore[attr-defined]
    read = SubmittedInvoice.read(data)
    assert read.buyer_id == "" or name != "buyerIndentification"
    assert read.remark == "" or name != "remark"
    assert not read.prints_bank


def test_a_buyer_is_a_person_where_the_order_says_so() -> None:
    assert SubmittedInvoice.read(journaled(buyerType=1)).is_person
    assert not SubmittedInvoice.read(journaled(buyerType=0)).is_person


def test_every_member_that_is_read_is_one_of_the_contract() -> None:
    """Misspelt in the code, none of the defaults would ever be anything but a default."""
    asked: set[str] = set()

    class Asked(dict[str, object]):
        @override
        def __getitem__(self, name: str) -> object:
            asked.add(name)
            return super().__getitem__(name)

        @override
        def get(self, name: str, default: object = None) -> object:
            asked.add(name)
            return super().get(name, default)

    invoice = journaled()["invoice"]
    assert isinstance(invoice, dict)
    lines = [Asked(line) for line in invoice["invoiceItems"]]
    SubmittedInvoice.read({"invoice": Asked(invoice | {"invoiceItems": lines})})
    assert asked <= set(Invoice.model_fields) | set(InvoiceItem.model_fields)


def test_a_listed_invoice_is_named_by_its_number() -> None:
    assert ListedInvoice("7", number="26332000000000000001").identity == "26332000000000000001"
    assert ListedInvoice("7").identity == "id:7"


@pytest.mark.parametrize(
    ("total", "without", "tax", "with_tax"),
    [("113", "100", "13", "113"), (None, "100", "13", "113"), (None, "100", None, None), (None, None, "13", None)],
)
def test_amount_and_tax_make_the_total_where_it_is_left_out(
    total: str | None, without: str | None, tax: str | None, with_tax: str | None
) -> None:
    def money(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    listed = ListedInvoice("1", total=money(total), total_without_tax=money(without), total_tax=money(tax))
    assert listed.with_tax == money(with_tax)


@pytest.mark.parametrize(
    ("kind", "is_special"),
    [
        ("数电票(普通发票)", False),
        ("数电票（增值税专用发票）", True),
        ("增值税专票", True),
        ("电子普票", False),
        ("数电票", None),
        (None, None),
    ],
)
def test_the_type_says_whether_it_is_special(kind: str | None, is_special: bool | None) -> None:
    assert ListedInvoice("1", invoice_type=kind).is_special is is_special


def test_what_is_not_told_is_none() -> None:
    reply, listed = IssuedReply(), ListedInvoice("1")
    assert {getattr(reply, name) for name in ("seller_id", "buyer_name", "remark", "lines", "number")} == {None}
    assert {getattr(listed, name) for name in ("buyer_name", "note", "dated", "total", "status")} == {None}
    assert Line() == Line(None, None, None, None, None)
