"""What one of the two sides wrote by mistake and the other one right: never absence, never somebody else's invoice.

A tax id with a typo, an expected total in fen, a flag at its default, a price with two decimal places of eight, `/` for
an empty field: in each an accountant would look at the invoice before saying that there is none.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.builders import make_invoice, make_item
from tests.unit.flows.submissions import differing, issued, judge, kind_of, listed, subject
from worker.texts import folded_remark

BUYER, SELLER, ANOTHER = "91330701MA2DFB848M", "91330701MA2M37T86L", "91110108MA01ABCD5T"


@pytest.mark.parametrize(
    "sent",
    [
        "9133O701MA2DFB848M",  # a letter O for a zero
        "9133O7O1MA2DFB848M",
        "91330701MA2DF8848M",
        "91330701MA2DFB48M",  # one left out
        "91330701MA2DFB8488M",  # one twice
        "91330701MA2DFB484M",
        "91330710MA2DFB848M",  # two in the other order
    ],
)
def test_tax_id_that_a_register_corrected_is_a_persons_to_decide(sent: str) -> None:
    of_buyer = subject(invoice=make_invoice(buyerIndentification=sent))
    assert kind_of(judge([of_buyer], [listed(1)])[1]) == "several"

    of_seller = subject(invoice=make_invoice(sellerIndentification=sent))
    assert kind_of(judge([of_seller], [listed(1, sellerIdentificationNumber=BUYER)])[1]) == "found"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (BUYER, "91330701MA2DFB848X"),  # the order's own fits
        (BUYER, ANOTHER),
        ("91330701MA2DFB848X", "91330701MA2DFB848Y"),  # neither does
        ("9133O7O1MA2DFBB4BM", BUYER),  # four letters
    ],
)
def test_other_tax_ids_are_another_party(sent: str, told: str) -> None:
    row = listed(1, buyerIdentificationNumber=told)
    assert kind_of(judge([subject(invoice=make_invoice(buyerIndentification=sent))], [row])[1]) == "nothing"


def test_mistyped_tax_id_beside_another_name_is_another_party() -> None:
    order = make_invoice(buyerIndentification="9133O701MA2DFB848M", buyerName="宁波乙公司")
    assert kind_of(judge([subject(invoice=order)], [listed(1)])[1]) == "nothing"


@pytest.mark.parametrize("told", ["9133O7O1MA2DFB848M", "9I33O7O1MA2DFB848M"])
def test_tax_id_that_a_list_has_with_letters_for_digits_is_a_persons_to_decide(told: str) -> None:
    assert kind_of(judge([subject()], [listed(1, buyerIdentificationNumber=told)])[1]) == "several"
    assert kind_of(judge([subject()], [listed(1, sellerIdentificationNumber=told)])[1]) == "nothing"


@pytest.mark.parametrize("told", [f"CN{BUYER}", f"000000{BUYER}", f"{BUYER}00", f"{BUYER}-1"])
def test_tax_id_with_more_around_it_may_be_the_same(told: str) -> None:
    assert kind_of(judge([subject()], [listed(1, buyerIdentificationNumber=told)])[1]) in {"found", "several"}


@pytest.mark.parametrize("told", [{"totalAmount": None}, {"totalPriceAndTax": None}, {}])
def test_red_one_by_its_flag_alone_is_a_persons_to_decide(told: dict[str, Any]) -> None:
    row = listed(1, isInvoicePositive=False, **told)
    verdict = judge([subject()], [row])[1]

    assert kind_of(verdict) == "several"
    assert "isInvoicePositive" in differing(verdict)
    assert kind_of(judge([issued()], [row])[1]) == "several"


@pytest.mark.parametrize(
    ("quantity", "price", "with_tax", "without", "kind"),
    [
        ("100", "1.23456789", "139.00", "123.00", "several"),  # 123.456789, by a price of 1.23
        ("100", "1.23456789", "124.96", "110.58", "nothing"),
        ("30", "3.33333333", "99.90", "88.41", "several"),
        ("1", "100.00", "112.99", "100.02", "nothing"),
        ("10000", "0.01234567", "135.60", "120.00", "nothing"),  # never by more than half a yuan
        ("10000", "0.01234567", "139.00", "123.01", "several"),
    ],
)
def test_total_of_rounded_prices_is_a_persons_to_decide(
    quantity: str, price: str, with_tax: str, without: str, kind: str
) -> None:
    order = make_invoice(invoiceItems=[make_item(quantity=Decimal(quantity), unitPrice=Decimal(price))])
    row = listed(1, totalPriceAndTax=Decimal(with_tax), totalAmount=Decimal(without), totalTax=None)
    verdict = judge([subject(invoice=order)], [row])[1]

    assert kind_of(verdict) == kind
    assert kind == "nothing" or differing(verdict) == {"total"}


@pytest.mark.parametrize("expected", ["20000", "2000", "235"])
def test_invoice_of_a_total_that_only_a_mistaken_expectation_fits_is_never_given(expected: str) -> None:
    """The lines come to 200.00, and no tax makes more than 234.00 of them."""
    row = listed(1, totalPriceAndTax=Decimal(expected), totalAmount=Decimal(expected) / Decimal("1.13"), totalTax=None)

    assert kind_of(judge([subject(expected_total=expected)], [row])[1]) == "several"
    assert kind_of(judge([issued(expected_total=expected)], [row])[1]) == "several"
    assert kind_of(judge([subject(expected_total=expected)], [listed(1)])[1]) == "found"


FEN: dict[str, Any] = {"totalPriceAndTax": Decimal(20000), "totalAmount": Decimal(19802), "totalTax": Decimal(198)}


@pytest.mark.parametrize("left_out", [{}, {"totalAmount": None, "totalTax": None}])
def test_amounts_in_fen_are_a_persons_to_decide(left_out: dict[str, Any]) -> None:
    row = listed(1, **{**FEN, **left_out})
    verdict = judge([subject()], [row])[1]

    assert kind_of(verdict) == "several"
    assert differing(verdict) == {"total"}


def test_number_of_what_was_issued_is_found_by_its_remark_though_amounts_are_in_fen() -> None:
    order = make_invoice(remark="SO-1")
    assert kind_of(judge([issued(invoice=order)], [listed(1, note="SO-1", **FEN)])[1]) == "found"
    assert kind_of(judge([subject(invoice=order)], [listed(1, note="SO-1", **FEN)])[1]) == "several"


@pytest.mark.parametrize(
    ("remark", "another"),
    [
        ("", {"buyerIdentificationNumber": ANOTHER}),
        ("", {"totalAmount": Decimal("19801.98")}),
        ("SO-1", {"note": "SO-2"}),
        ("", {"totalPriceAndTax": Decimal(20002), "totalAmount": Decimal(19804)}),
    ],
)
def test_a_hundred_times_as_much_is_another_one_where_anything_else_says_so(
    remark: str, another: dict[str, Any]
) -> None:
    row = listed(1, **{**FEN, **another})
    assert kind_of(judge([subject(invoice=make_invoice(remark=remark))], [row])[1]) == "nothing"


def test_what_may_be_in_fen_is_in_nobodys_way() -> None:
    """An order of a hundred times as much, whose invoice it is, gets it."""
    large = subject(2, invoice=make_invoice(invoiceItems=[make_item(quantity=Decimal(200))]))
    row: dict[str, Any] = {**FEN, "sellerName": "XYZ公司"}
    told = judge([subject(1), large], [listed(1, **row)])
    assert (kind_of(told[1]), kind_of(told[2])) == ("several", "found")


@pytest.mark.parametrize("name", ["null", "undefined", "-", "无", "None"])
def test_word_for_no_name_is_no_other_name(name: str) -> None:
    order = make_invoice(buyerName="张晓明", buyerType=1, buyerIndentification="")
    row = listed(1, buyerName=name, buyerIdentificationNumber=None)
    assert kind_of(judge([subject(invoice=order)], [row])[1]) == "several"


@pytest.mark.parametrize("note", ["/", "-", "——", "//", ".", "（空）", "暂无", "没有", "[]", "{}", '""', "/\n", "无"])
@pytest.mark.parametrize("remark", ["", "订单号:SO-1"])
def test_note_that_says_that_there_is_none_contradicts_nothing(note: str, remark: str) -> None:
    verdict = judge([subject(invoice=make_invoice(remark=remark))], [listed(1, note=note)])[1]

    assert kind_of(verdict) == "found"
    assert differing(verdict) == set()


def test_remark_of_marks_that_say_something_stays() -> None:
    assert folded_remark("1/2") != ""
    assert folded_remark("★★★") != ""
    assert folded_remark("???") != ""
