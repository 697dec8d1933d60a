"""Which invoices fit a query's condition, judged on our side."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import make_condition, make_found, make_listed
from worker.flows.invoices import fits_condition, is_positive
from worker.records import BEIJING

SECOND = timedelta(seconds=1)
FITTING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"buyerName": "ABC"}, {}),
    ({"buyerName": "ＡＢＣ公司"}, {}),
    ({"buyerIdentificationNumber": "91330701-ma2dfb848m"}, {}),
    ({"countETicketNumbers": "24332000000000000001"}, {}),
    ({"invoiceSource": "电子发票服务平台"}, {"invoiceSource": " 电子发票服务平台"}),
    ({"invoiceType": "数电票(普通发票)"}, {"invoiceType": "数电票（普通发票）"}),
    ({"invoiceType": "全电发票(普通发票)"}, {"invoiceType": "电子发票(普通发票)"}),
    ({"invoiceType": "数电票(增值税专用发票)"}, {"invoiceType": "数电票(专用发票)"}),
    ({"isInvoicePositive": True}, {}),
    ({"isInvoicePositive": False}, {"isInvoicePositive": False}),
    ({"isInvoicePositive": False}, {"isInvoicePositive": None, "totalPriceAndTax": Decimal(-1)}),
    ({"startInvoiceValue": "200"}, {}),
    ({"startInvoiceValue": "226", "endInvoiceValue": "226"}, {}),
    ({"endInvoiceValue": "200.00"}, {}),
]
STRANGE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"buyerName": "ABD"}, {}),
    ({"buyerIdentificationNumber": "91330701MA2DFB848X"}, {}),
    ({"sellerName": "nobody"}, {}),
    ({"sellerIdentificationNumber": "91330701MA2M37T86X"}, {}),
    ({"countETicketNumbers": "24332000000000000002"}, {}),
    ({"invoiceSource": "增值税发票管理系统"}, {"invoiceSource": "电子发票服务平台"}),
    ({"invoiceType": "数电票(专用发票)"}, {"invoiceType": "数电票(普通发票)"}),
    ({"isInvoicePositive": True}, {"isInvoicePositive": False}),
    ({"isInvoicePositive": True}, {"isInvoicePositive": None, "totalPriceAndTax": Decimal("-0.01")}),
    ({"startInvoiceValue": "226.01"}, {}),
    ({"endInvoiceValue": "199.99"}, {}),
    ({"startInvoiceValue": "201", "endInvoiceValue": "225"}, {}),
]


@pytest.mark.parametrize(("condition", "members"), FITTING, ids=str)
def test_invoice_fits(condition: dict[str, Any], members: dict[str, Any]) -> None:
    assert fits_condition(make_condition(**condition), make_listed(**members))


@pytest.mark.parametrize(("condition", "members"), STRANGE, ids=str)
def test_invoice_does_not_fit(condition: dict[str, Any], members: dict[str, Any]) -> None:
    assert not fits_condition(make_condition(**condition), make_listed(**members))


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(
    "condition",
    [
        {"buyerName": "x"},
        {"buyerIdentificationNumber": "x"},
        {"countETicketNumbers": "1"},
        {"invoiceSource": "x"},
        {"invoiceType": "x"},
    ],
    ids=str,
)
def test_what_an_invoice_does_not_say_neither_fits_nor_contradicts(condition: dict[str, Any], nothing: Any) -> None:
    assert fits_condition(make_condition(**condition), make_listed(1, **dict.fromkeys(condition, nothing)))


def test_invoice_that_says_no_amount_no_sign_and_no_date_stays_in() -> None:
    silent: dict[str, Any] = dict.fromkeys(["totalAmount", "totalPriceAndTax", "isInvoicePositive", "invoiceDate"])

    assert fits_condition(make_condition(startInvoiceValue="1", isInvoicePositive=True), make_listed(1, **silent))


@pytest.mark.parametrize(
    ("moment", "fits"),
    [
        (datetime(2026, 1, 1, tzinfo=BEIJING), True),
        (datetime(2026, 1, 1, tzinfo=BEIJING) - SECOND, False),
        (datetime(2026, 1, 2, tzinfo=BEIJING) - SECOND, True),
        (datetime(2026, 1, 2, tzinfo=BEIJING), False),
    ],
)
def test_days_are_beijings_and_both_are_included(moment: datetime, fits: bool) -> None:
    assert fits_condition(make_condition(), make_listed(invoiceDate=moment)) is fits


@pytest.mark.parametrize("echo", [0, 1, None])
def test_echo_of_the_query_type_counts_for_nothing(echo: Any) -> None:
    assert fits_condition(make_condition(queryType=0), make_listed(queryType=echo))


@pytest.mark.parametrize(
    ("said", "total", "positive"),
    [(True, "-1", True), (False, "1", False), (None, "1", True), (None, "0", True), (None, "-1", False)],
)
def test_sign_is_what_the_invoice_says_before_what_its_total_shows(said: Any, total: str, positive: bool) -> None:
    assert is_positive(make_found(isInvoicePositive=said, totalPriceAndTax=Decimal(total))) is positive


def test_sign_of_an_invoice_that_says_nothing_is_not_guessed() -> None:
    assert is_positive(make_found(isInvoicePositive=None, totalPriceAndTax=None)) is None
