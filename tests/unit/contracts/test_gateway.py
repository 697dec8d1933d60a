"""The vendor's frames leave exactly as the manual has them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.gateway import (
    InvoiceInfo,
    InvoiceInfoRequest,
    InvoiceItem,
    InvoicePdf,
    Login,
    LoginRequest,
    Reply,
    dumps,
    plain_number,
)

INVOICE_INFO_MEMBERS = [
    "buyerAddress",
    "buyerBank",
    "buyerBankAccount",
    "buyerEmail",
    "buyerIndentification",
    "buyerName",
    "buyerPhone",
    "buyerInvoiceType",
    "buyerBankShow",
    "buyerType",
    "invoiceItems",
    "remark",
    "sellerBank",
    "sellerBankAccount",
    "sellerIndentification",
    "sellerLoginAccount",
    "sellerLoginPassword",
    "sellerName",
    "sellerBankShow",
]
INVOICE_PDF_MEMBERS = [
    "buyerName",
    "buyerIndentification",
    "buyerAddress",
    "buyerPhone",
    "buyerInvoiceType",
    "buyerType",
    "buyerEmail",
    "buyerBank",
    "buyerBankAccount",
    "buyerBankShow",
    "sellerBankShow",
    "vipId",
    "isDrafts",
    "invoiceItems",
    "sellerName",
    "sellerIndentification",
    "sellerBank",
    "sellerBankAccount",
    "sellerLoginAccount",
    "sellerLoginPassword",
    "invoiceUrl",
    "sellerAddress",
    "sellerPhone",
    "remark",
]
INTEGERS = {"buyerInvoiceType", "buyerBankShow", "buyerType", "sellerBankShow"}


def login(**changes: Any) -> Login:
    return Login(companyCode="c", phone="p", password="top-secret", area="zhejiang", role="法定代表人", **changes)


def invoice(**changes: Any) -> InvoiceInfo:
    item = InvoiceItem(name="商品A", quantity=Decimal("2.00"), spec="规格A", unit="件", unitPrice=Decimal("100.10"))
    values: dict[str, Any] = {name: 0 if name in INTEGERS else "文" for name in INVOICE_INFO_MEMBERS}
    return InvoiceInfo(**{**values, "invoiceItems": (item,), **changes})


def test_login_has_the_manuals_members_in_the_manuals_order() -> None:
    assert dumps(LoginRequest(data=login())) == (
        '{"type":"login","data":{"companyCode":"c","phone":"p","password":"top-secret",'
        '"area":"zhejiang","role":"法定代表人"}}'
    )


def test_a_company_name_is_sent_when_it_is_known() -> None:
    assert dumps(login(companyName="甲公司")).endswith('"role":"法定代表人","companyName":"甲公司"}')


def test_invoice_info_has_all_nineteen_members_in_the_manuals_order() -> None:
    sent = json.loads(dumps(InvoiceInfoRequest(data=invoice())))
    assert list(sent) == ["type", "data"]
    assert list(sent["data"]) == INVOICE_INFO_MEMBERS
    assert list(sent["data"]["invoiceItems"][0]) == ["name", "quantity", "spec", "unit", "unitPrice"]


def test_numbers_leave_as_exact_plain_json_numbers() -> None:
    assert '"quantity":2,' in dumps(invoice())
    assert '"unitPrice":100.1}' in dumps(invoice())
    assert dumps({"n": [Decimal("1E+3"), Decimal("1E-8"), Decimal("-0.00")]}) == '{"n":[1000,0.00000001,0]}'


@given(st.decimals(allow_nan=False, allow_infinity=False, places=13))
def test_a_written_number_reads_back_as_the_same_decimal(value: Decimal) -> None:
    text = plain_number(value)
    assert "e" not in text.lower()
    assert Decimal(text) == value


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_number_for_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="JSON has no number"):
        plain_number(Decimal(value))


def test_a_binary_float_never_reaches_the_wire() -> None:
    with pytest.raises(TypeError, match="float"):
        dumps({"unitPrice": 0.1})
    with pytest.raises(ValidationError):
        InvoiceItem(name="a", quantity=Decimal(1), spec="", unit="", unitPrice=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{1: "a"}, {"a": object()}])
def test_what_json_has_no_form_for_is_refused(value: dict[Any, Any]) -> None:
    with pytest.raises(TypeError):
        dumps(value)


def test_outbound_frames_are_closed_and_strict() -> None:
    with pytest.raises(ValidationError):
        invoice(buyerIdentification="the right spelling is not the vendor's")
    with pytest.raises(ValidationError):
        invoice(buyerType="0")


def test_a_password_is_not_in_a_repr() -> None:
    assert "top-secret" not in repr(LoginRequest(data=login()))
    assert "top-secret" not in repr(InvoiceInfoRequest(data=invoice(sellerLoginPassword="top-secret")))
    assert "top-secret" not in repr(InvoicePdf(sellerLoginPassword="top-secret"))


def test_invoice_pdf_names_the_manuals_members_and_keeps_more() -> None:
    assert list(InvoicePdf.model_fields) == INVOICE_PDF_MEMBERS
    assert InvoicePdf.model_validate({"remark": "a", "novel": 1}).model_extra == {"novel": 1}


def test_a_reply_carries_text_or_an_object() -> None:
    assert Reply.model_validate_json('{"type":"login","sendToId":"1111","data":"1"}').data == "1"
    assert Reply.model_validate_json('{"type":"invoice_pdf","sendToId":"1","data":{}}').data == {}
