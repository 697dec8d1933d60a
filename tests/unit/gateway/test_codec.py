"""Values of the codec that no trap names."""

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from tests.unit.gateway.dialogue import INVOICE, LOGIN, PASSWORD, SUBMISSION
from worker.gateway.codec import (
    IgnoredReason,
    Reply,
    decimal_of,
    flag_of,
    invoice_frame,
    login_frame,
    read_frame,
    text_of,
)
from worker.ports import Submission


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


def test_members_that_the_manual_does_not_know_are_not_sent() -> None:
    text = invoice_frame(Submission({**INVOICE, "traceId": "x"}, "a", SecretStr("b")))

    assert "traceId" not in text


def test_an_envelope_is_read_with_its_data_unwrapped() -> None:
    reply = read_frame('{"type":" LOGIN ","sendToId":1111,"data":"{\\"data\\":\\"1\\"}"}')

    assert isinstance(reply, Reply)
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
