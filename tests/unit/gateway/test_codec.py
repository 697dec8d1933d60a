"""Values of the codec that no trap names."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts import gateway
from tests.unit.gateway.dialogue import INVOICE, LOGIN, PASSWORD, SUBMISSION
from worker.gateway.codec import IgnoredReason, ReadReply, invoice_frame, login_frame, read_frame, result_of
from worker.gateway.values import decimal_of, flag_of, text_of
from worker.ports import Submission
from worker.records import IssuedReply, Line


@given(st.text(st.characters(codec="utf-8")))
def test_the_login_frame_has_the_bytes_that_the_contracts_model_has(text: str) -> None:
    login = replace(LOGIN, password=SecretStr(text), phone=f"1{text}")

    assert login_frame(login) == gateway.dumps(
        gateway.LoginRequest(
            data=gateway.Login(
                companyCode=login.company_code, phone=f"1{text}", password=text, area=login.area, role=login.role
            )
        )
    )


def test_the_login_frame_is_the_manuals() -> None:
    assert json.loads(login_frame(LOGIN)) == {
        "type": "login",
        "data": {
            "companyCode": "91330000SELLER0001",
            "phone": "13900000000",
            "password": PASSWORD,
            "area": "zhejiang",
            "role": "法定代表人",
        },
    }


def test_frames_are_compact_and_keep_chinese_text() -> None:
    text = invoice_frame(SUBMISSION)

    assert text.startswith('{"type":"invoice_info","data":{"buyerAddress":"",')
    assert "买方有限公司" in text


@pytest.mark.parametrize("value", [1.5, True, None, "abc", "NaN", "Infinity", "1e999", [], {}])
def test_an_amount_that_is_not_exact_is_never_sent(value: Any) -> None:
    line = {"name": "a", "quantity": "1", "unitPrice": value}

    with pytest.raises(ValueError, match="exact decimals"):
        invoice_frame(Submission({**INVOICE, "invoiceItems": [line]}, "a", SecretStr("b")))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=0, max_value=10**9)
LINES = st.builds(
    lambda name, quantity, spec, unit, price: {
        "name": name, "quantity": quantity, "spec": spec, "unit": unit, "unitPrice": price
    },
    TEXTS, AMOUNTS, TEXTS, TEXTS, AMOUNTS,
)  # fmt: skip
FLAGS = {"buyerInvoiceType", "buyerBankShow", "buyerType", "sellerBankShow"}


@given(data=st.data(), lines=st.lists(LINES, min_size=1, max_size=3))
def test_an_invoice_is_written_as_the_contracts_model_writes_it(data: st.DataObject, lines: list[Any]) -> None:
    names = [name for name in gateway.InvoiceInfo.model_fields if name != "invoiceItems"]
    members: dict[str, Any] = {name: data.draw(st.integers(0, 1) if name in FLAGS else TEXTS) for name in names}
    account, password = members["sellerLoginAccount"], members["sellerLoginPassword"]
    items = tuple(gateway.InvoiceItem(**line) for line in lines)
    model = gateway.InvoiceInfoRequest(data=gateway.InvoiceInfo(**members, invoiceItems=items))
    journaled = {**members, "invoiceItems": [{**line, "quantity": str(line["quantity"])} for line in lines]}

    assert invoice_frame(Submission(journaled, account, SecretStr(password))) == gateway.dumps(model)


@pytest.mark.parametrize("value", [1, ["a"], {"a": "b"}, "\ud800"])
def test_a_member_that_is_no_text_is_never_sent(value: Any) -> None:
    with pytest.raises(ValueError, match="text"):
        invoice_frame(Submission({**INVOICE, "buyerName": value}, "a", SecretStr("b")))


def test_members_that_the_manual_does_not_know_are_not_sent() -> None:
    text = invoice_frame(Submission({**INVOICE, "traceId": "x"}, "a", SecretStr("b")))

    assert "traceId" not in text


def test_an_envelope_is_read_with_its_data_unwrapped() -> None:
    reply = read_frame('{"type":" LOGIN ","sendToId":1111,"data":"{\\"data\\":\\"1\\"}"}')

    assert isinstance(reply, ReadReply)
    assert (reply.type, reply.send_to_id, reply.has_data, reply.data) == ("login", "1111", True, "1")


def test_what_is_no_frame_is_named() -> None:
    assert read_frame("x") is IgnoredReason.NOT_JSON
    assert read_frame("[]") is IgnoredReason.NOT_OBJECT


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (7, "7"), (Decimal("1.50"), "1.5"), (True, None), (None, None), ([], None), ({}, None)],
)
def test_text_is_read_from_text_and_numbers(value: Any, text: str | None) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "flag"),
    [("2", 2), (2, 2), (Decimal(2), 2), ("x", None), ("12", None), (12, None), (-1, None), ([], None), ("²", None)],
)
def test_flags_are_small_integers(value: Any, flag: int | None) -> None:
    assert flag_of(value) == flag


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (" 1.50 ", Decimal("1.50")),
        (3, Decimal(3)),
        (Decimal("0.1"), Decimal("0.1")),
        (0.1, None),
        (True, None),
        ("", None),
        ("1,000", None),
        ("sNaN", None),
        ("1e41", None),
        ("0e-41", None),
        (10**41, None),
    ],
)
def test_numbers_are_exact_and_bounded(value: Any, number: Decimal | None) -> None:
    assert decimal_of(value) == number


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('[1, -0, 18446744073709551615, "1.5"]', [1, 0, 2**64 - 1, "1.5"]),
        ("[0.1, 1e2]", [Decimal("0.1"), Decimal("1E+2")]),
        ('{"a": [{"b": 123456789012345678.91}]}', {"a": [{"b": Decimal("123456789012345678.91")}]}),
        ("[18446744073709551616]", [2**64]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('["\\ud800"]', ["\ud800"]),
    ],
)
def test_numbers_in_frames_are_exact_whichever_parser_reads_them(text: str, data: Any) -> None:
    reply = read_frame(f'{{"type":"x","data":{text}}}')

    assert isinstance(reply, ReadReply)
    assert reply.sent_data == data
    assert "float" not in {type(value).__name__ for value in (reply.sent_data if isinstance(data, list) else [])}


def test_each_member_of_a_typed_reply_is_the_results_own() -> None:
    """One that were read by another name would weaken evidence silently."""
    texts = ("sellerIndentification", "sellerName", "buyerIndentification", "buyerName", "remark", "invoiceNumber")
    item = {"name": "the name", "quantity": 2, "spec": "the spec", "unit": "the unit", "unitPrice": 3}
    flags = {"buyerType": 1, "buyerInvoiceType": 0, "isDrafts": 1}
    told = {**{name: f"the {name}" for name in texts}, **flags, "invoiceItems": [item], "invoiceUrl": "http://a.b/c"}
    shown = result_of(told, (), ())

    assert shown is not None
    reply = shown.reply
    assert {name: getattr(reply, name) for name in IssuedReply.__slots__ if name != "told"} == {
        "seller_id": "the sellerIndentification",
        "seller_name": "the sellerName",
        "buyer_id": "the buyerIndentification",
        "buyer_name": "the buyerName",
        "buyer_type": 1,
        "buyer_invoice_type": 0,
        "remark": "the remark",
        "lines": (Line("the name", Decimal(2), "the spec", "the unit", Decimal(3)),),
        "number": "the invoiceNumber",
        "is_draft": True,
        "invoice_url": "http://a.b/c",
    }
