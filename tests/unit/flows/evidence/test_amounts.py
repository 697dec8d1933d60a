"""Amounts that a list tells in another way than the order does: never absence, and never by themselves somebody's."""

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal
from typing import Any

import pytest

from tests.builders import MOMENT, make_found, make_invoice, make_item
from tests.unit.flows.submissions import differing, issued, judge, kind_of, listed, subject
from worker.flows.evidence.amounts import UNITS
from worker.flows.evidence.clues import probing
from worker.flows.evidence.index import InvoiceIndex, Wanted
from worker.flows.evidence.subjects import Listed, in_one_go
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import listed_invoice

Amounts = dict[str, Any]
CENT = Decimal("0.01")
WITH_TAX, WITHOUT, TAX = "totalPriceAndTax", "totalAmount", "totalTax"
MASKED: Amounts = {"buyerIdentificationNumber": "9133**********848M", "buyerName": None}
SHOWN_TO_NOBODY: Amounts = {"buyerIdentificationNumber": None, "buyerName": None}


def order_of(price: str) -> dict[str, Any]:
    return make_invoice(invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal(price))])


def amounts_of(price: str) -> Amounts:
    """The price was with tax."""
    total = Decimal(price)
    without = (total / Decimal("1.13")).quantize(CENT)
    return {WITH_TAX: total, WITHOUT: without, TAX: total - without}


def told_as(price: str, **members: Any) -> Any:
    """The order's own invoice, with its amounts as they stand in the gateway's JSON."""
    row = make_found(1, **{"invoiceDate": MOMENT.isoformat(), **members})
    invoice = listed_invoice({**row, "isInvoicePositive": "是"}, AnswerRedactor())
    assert invoice is not None
    sought = subject(invoice=order_of(price))
    # As a page is read: what is not wanted is never judged.
    assert Wanted.of([sought.order]).may_be(Listed.of(invoice))
    return judge([sought], [invoice])[1]


@pytest.mark.parametrize("unit", [each for each in UNITS if each != 1], ids=str)
@pytest.mark.parametrize("price", ["500.00", "512.34", "12345.60"])
@pytest.mark.parametrize("left_out", [(), (WITHOUT, TAX), (WITH_TAX, TAX), (WITH_TAX,)], ids=str)
def test_amounts_in_another_unit_are_a_persons_to_decide(unit: Decimal, price: str, left_out: tuple[str, ...]) -> None:
    amounts = {name: each * unit for name, each in amounts_of(price).items() if name not in left_out}
    verdict = told_as(price, **dict.fromkeys(left_out), **amounts)

    assert kind_of(verdict) == "several"
    assert differing(verdict) == {"total"}


@pytest.mark.parametrize("rounding", [ROUND_DOWN, ROUND_CEILING, None])
@pytest.mark.parametrize(("unit", "places"), [("0.0001", "0.01"), ("0.0001", "0.0001"), ("1", "1"), ("1", "0.1")])
def test_rounded_amounts_are_a_persons_to_decide(unit: str, places: str, rounding: str | None) -> None:
    told = {
        name: (each * Decimal(unit)).quantize(Decimal(places), rounding) for name, each in amounts_of("512.34").items()
    }
    assert kind_of(told_as("512.34", **told)) == "several"


@pytest.mark.parametrize("beside", [MASKED, SHOWN_TO_NOBODY, {"invoiceDate": "2026-01-01T07:50:00+08:00"}], ids=str)
@pytest.mark.parametrize("unit", UNITS[1:], ids=str)
def test_amounts_in_another_unit_beside_what_is_not_told_are_too(unit: Decimal, beside: Amounts) -> None:
    told = {name: each * unit for name, each in amounts_of("500.00").items()}
    assert kind_of(told_as("500.00", **{**told, **beside})) == "several"


@pytest.mark.parametrize(
    "told",
    [
        *(
            "500分",
            "0.05万元",
            "0.05万",
            "伍佰元整",
            "500,00",
            "-",
            "***",
            "5**.**",
            "400-600",
            "约500",
            "NaN",
            True,
            None,
            0,
        ),
        *({"value": "500.00"}, {"amount": {"yuan": 500}}, ["500.00"], True, None, 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("members", [(WITH_TAX, WITHOUT, TAX), (WITH_TAX,)], ids=["all", "the total"])
def test_amount_that_cannot_be_read_proves_no_absence(told: Any, members: tuple[str, ...]) -> None:
    rest = amounts_of("500.00")
    assert kind_of(told_as("500.00", **{**rest, **dict.fromkeys(members, told)})) in {"several", "found"}
    assert (
        kind_of(told_as("500.00", **dict.fromkeys(rest), **{f"{name}（万元）": told for name in members})) == "several"
    )


@pytest.mark.parametrize("told", ["￥500.00", "500.00元", "CNY 500.00", "５００．００", 500, "500"])
def test_amount_as_people_write_it_is_read(told: Any) -> None:
    assert kind_of(told_as("500.00", **{**amounts_of("500.00"), WITH_TAX: told})) == "found"


@pytest.mark.parametrize(
    "change",
    [
        lambda told: {name: -each for name, each in told.items()},
        lambda told: {**told, WITH_TAX: -told[WITH_TAX]},
        lambda told: {**told, WITH_TAX: told[WITHOUT]},
        lambda told: {**told, WITH_TAX: Decimal(-1)},
        lambda told: {WITH_TAX: told[WITHOUT], WITHOUT: None, TAX: None},
    ],
    ids=["negative", "negative total", "the same twice", "a placeholder", "without tax by the other name"],
)
def test_amounts_that_contradict_each_other_or_the_flag_prove_no_absence(change: Any) -> None:
    assert kind_of(told_as("512.34", **change(amounts_of("512.34")))) == "several"


def named(total: str | None, without: str | None, tax: str | None) -> Any:
    """Which of the invoice's amounts stands under which name."""
    places = {"total": WITH_TAX, "net": WITHOUT, "tax": TAX}
    return lambda told: {
        name: None if of is None else told[places[of]]
        for name, of in zip((WITH_TAX, WITHOUT, TAX), (total, without, tax), strict=True)
    }


@pytest.mark.parametrize("price", ["512.34", "100.00"])
@pytest.mark.parametrize("is_net", [False, True], ids=["with tax", "without tax"])
@pytest.mark.parametrize(
    "names",
    [
        *(
            (None, "total", "tax"),
            ("tax", "net", "total"),
            ("tax", "net", None),
            ("tax", "net", "tax"),
            ("tax", None, None),
        ),
        *((None, "tax", None), ("tax", "tax", None), ("tax", "tax", "tax"), ("net", "tax", "total")),
        *(("tax", "total", "net"), ("total", "tax", "net"), ("total", "tax", "tax"), ("net", "total", "tax")),
        *(("total", "total", "tax"), ("total", "total", "total"), ("net", "net", "net"), (None, "tax", "net")),
    ],
    ids=str,
)
def test_amounts_under_each_others_names_prove_no_absence(price: str, is_net: bool, names: Any) -> None:
    total = str((Decimal(price) * Decimal("1.13")).quantize(CENT)) if is_net else price
    told = told_as(price, **named(*names)(amounts_of(total)))

    assert kind_of(told) in {"several", "found"}


@pytest.mark.parametrize(
    ("price", "other"),
    [(one, other) for one in ("113.00", "100.00") for other in ("113.00", "100.00", "13.00") if one != other],
)
@pytest.mark.parametrize("is_asked", [True, False], ids=["sought", "rival"])
@pytest.mark.parametrize(
    "names",
    [
        *(("total", "tax", "net"), ("total", "tax", None), ("total", "total", "tax"), ("net", "tax", "total")),
        *(("tax", "net", "total"), ("tax", "total", "net"), ("tax", "tax", "tax"), ("net", "net", "tax")),
        *((None, "tax", "net"), (None, "total", "net"), (None, "net", "total"), ("tax", None, "total")),
    ],
    ids=str,
)
def test_amounts_under_each_others_names_are_given_to_nobody_while_they_may_be_two_orders(
    price: str, other: str, is_asked: bool, names: Any
) -> None:
    """One order has its invoice listed so, and the other one has none: neither's number, and nobody's absence."""
    row = listed(1, **named(*names)({WITH_TAX: Decimal("113.00"), WITHOUT: Decimal("100.00"), TAX: Decimal("13.00")}))
    own, theirs = subject(1, invoice=order_of(price)), subject(2, invoice=order_of(other))
    probes = in_one_go(probing([Listed.of(row)]))
    told = judge([own, theirs], [row]) if is_asked else judge([theirs], [row], rivals=[own])

    assert probes is None or any(each.low <= int(Decimal(price) * 100) <= each.high for each in probes.totals)
    assert kind_of(told[2]) != "found"
    assert not is_asked or kind_of(told[1]) == "several"


def test_amounts_under_each_others_names_are_the_one_orders_that_they_fit() -> None:
    swapped = listed(1, **named("total", "tax", "net")(amounts_of("226.00")))

    assert kind_of(judge([subject(invoice=order_of("226.00"))], [swapped])[1]) == "found"


@pytest.mark.parametrize("off", ["-1", "1", "-0.50", "0.05", "-10"])
def test_amounts_that_are_all_off_by_as_much_as_they_are_apart_prove_no_absence(off: str) -> None:
    told = {name: each + Decimal(off) for name, each in amounts_of("512.34").items()}
    assert kind_of(told_as("512.34", **told)) == "several"


@pytest.mark.parametrize("told", [-1, "-1", "-1.00", 1, 9999])
@pytest.mark.parametrize("members", [(WITH_TAX, WITHOUT, TAX), (WITH_TAX,)], ids=["all", "the total"])
@pytest.mark.parametrize("flag", ["是", None])
def test_placeholder_for_all_amounts_proves_no_absence(told: Any, members: tuple[str, ...], flag: str | None) -> None:
    row = make_found(1, invoiceDate=MOMENT.isoformat(), isInvoicePositive=flag, **dict.fromkeys(amounts_of("1")))
    invoice = listed_invoice({**row, **dict.fromkeys(members, told)}, AnswerRedactor())
    assert invoice is not None
    is_amount = members == (WITH_TAX,) and told in {1, 9999}

    assert kind_of(judge([subject(invoice=order_of("512.34"))], [invoice])[1]) == (
        "nothing" if is_amount else "several"
    )


def test_red_invoice_of_one_yuan_is_red() -> None:
    row = make_found(1, isInvoicePositive=None, totalPriceAndTax="-1.00", totalAmount="-0.88", totalTax="-0.12")
    invoice = listed_invoice(row, AnswerRedactor())

    assert invoice is not None
    assert (invoice.total, invoice.is_positive) == (Decimal("-1.00"), False)


def test_one_amount_that_may_be_the_tax_is_in_no_way_of_orders_of_just_anybody() -> None:
    """A shop has hundreds of invoices for 个人, of any small amount."""
    lone = listed(1, buyerName="个人", buyerIdentificationNumber=None, totalAmount=None, totalTax=None)
    row = replace(lone, total=Decimal("26.00"))
    nobody, somebody = (
        make_invoice(buyerName=name, buyerIndentification="", buyerType=1) for name in ("个人", "张晓明")
    )
    assert kind_of(judge([subject(invoice=nobody)], [row])[1]) == "nothing"
    assert kind_of(judge([subject(invoice=somebody)], [replace(row, buyer_name="张晓明")])[1]) == "several"


@pytest.mark.parametrize("price", ["500.00", "50.00", "5000.00"])
@pytest.mark.parametrize("told", ["501.50", "250.00", "0.80", "4900.00"])
def test_other_amounts_are_another_invoice(price: str, told: str) -> None:
    order = subject(invoice=order_of(price))
    assert kind_of(judge([order], [listed(1, **amounts_of(told))])[1]) == "nothing"


def test_what_may_be_in_another_unit_is_never_given_and_in_nobodys_way() -> None:
    small, large = subject(1, invoice=order_of("500.00")), subject(2, invoice=order_of("5.00"))
    row = listed(1, sellerName="XYZ公司", **amounts_of("5.00"))
    told = judge([small, large], [row])

    assert (kind_of(told[1]), kind_of(told[2])) == ("several", "found")
    assert kind_of(judge([issued(invoice=order_of("500.00"))], [row])[1]) == "several"


@pytest.mark.parametrize("note", ["SO-12", "SO-1 收款人:李四"])
def test_number_in_a_remark_that_is_not_the_same_gives_no_invoice_of_another_total(note: str) -> None:
    """Of what was surely issued a total in another unit is believed beside the same remark alone."""
    order = {**order_of("500.00"), "remark": "SO-1"}
    told = {name: each * 100 for name, each in amounts_of("500.00").items()}

    assert kind_of(judge([issued(invoice=order)], [listed(1, note=note, **told)])[1]) == "several"
    assert kind_of(judge([issued(invoice=order)], [listed(1, note="SO-1", **told)])[1]) == "found"


@pytest.mark.parametrize("huge", [Decimal("9e39"), Decimal("1e-39"), Decimal("-9e39")])
def test_absurd_amounts_are_another_invoice(huge: Decimal) -> None:
    invoice = listed(1, totalPriceAndTax=huge, totalAmount=huge, totalTax=huge, isInvoicePositive=True)
    index = InvoiceIndex.of([Listed.of(invoice)])

    assert list(index.possible(subject().order)) == []
    assert kind_of(judge([subject()], [invoice])[1]) == "nothing"
