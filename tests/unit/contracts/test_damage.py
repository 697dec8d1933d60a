"""Texts that an encoding broke are told from those that could be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.damage import LOST, MISREAD, NOTHING, QUESTION_MARKS, damage, damage_of_name
from contracts.limits import InvoiceLimits, check_invoice
from tests.unit.contracts.orders import invoice, item

COMPANY = "示例购买方有限公司"
_UTF8_AS_LATIN = MISREAD.format("UTF-8", "Latin-1")
COMMON = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("示例\ufffd公司", LOST),
        ("锟斤拷锟斤拷", LOST),
        (COMPANY.encode().decode("latin-1"), _UTF8_AS_LATIN),
        (COMPANY.encode().decode("cp1252", "ignore"), _UTF8_AS_LATIN),
        (COMPANY.encode().decode("cp1252", "replace"), LOST),
        (COMPANY.encode("gbk").decode("latin-1"), MISREAD.format("GBK", "Latin-1")),
        ("示例购买方公司".encode().decode("gb18030", "replace"), LOST),
        ("示例购买方有限".encode().decode("gb18030", "ignore"), None),
        ("示例购买公司".encode().decode("gb18030"), MISREAD.format("UTF-8", "GBK")),
        ("?????????", QUESTION_MARKS),
        ("??(??)", QUESTION_MARKS),
        ("null", NOTHING),
        ("[object Object]", NOTHING),
    ],
)
def test_a_broken_name_is_told_with_its_cause(text: str, why: str | None) -> None:
    assert damage_of_name(text) == why


@pytest.mark.parametrize(
    "name",
    [
        COMPANY,
        "Müller & Söhne GmbH",
        "Café “José’s”",
        "ÄÖÜ",
        "Łódź Sp. z o.o.",
        "李××××",
        "张··",
        "¥100–200 ±0.5°",
        "Jennifer Null",
        "Qué? ¡Sí!",
        "株式会社サンプル",
        "예시 주식회사",
        "𠮷野家",
        "?",
    ],
)
def test_a_name_that_could_be_meant_is_left_alone(name: str) -> None:
    assert damage_of_name(name) is None


@given(st.text(st.sampled_from(COMMON), min_size=2, max_size=40))
def test_chinese_that_was_read_rightly_is_never_broken(text: str) -> None:
    assert damage(text) is None


@given(st.text(st.sampled_from(COMMON), min_size=2, max_size=40))
def test_chinese_whose_bytes_were_read_one_by_one_is_always_broken(text: str) -> None:
    assert damage(text.encode().decode("latin-1")) == _UTF8_AS_LATIN


@pytest.mark.parametrize("member", ["buyerName", "buyerAddress", "remark", "sellerName", "sellerBank"])
def test_every_text_of_an_invoice_is_looked_at(member: str) -> None:
    errors, _ = check_invoice(invoice(**{member: "示例\ufffd"}), InvoiceLimits())
    assert [(error.path, error.message) for error in errors] == [(f"/invoice/{member}", LOST)]


@pytest.mark.parametrize("member", ["name", "spec", "unit"])
def test_every_text_of_a_line_is_looked_at(member: str) -> None:
    errors, _ = check_invoice(invoice(invoiceItems=[item(), item(**{member: "\ufffd"})]), InvoiceLimits())
    assert [error.path for error in errors] == [f"/invoice/invoiceItems/1/{member}"]


def test_words_for_nothing_may_stand_where_they_are_no_name() -> None:
    assert check_invoice(invoice(remark="null", buyerAddress="??"), InvoiceLimits())[0] == []


def test_a_question_mark_in_a_name_is_unusual() -> None:
    """A rare character that an encoding lacks is lost that way."""
    _, warnings = check_invoice(invoice(buyerName="刘?军"), InvoiceLimits())
    assert [(warning.code, warning.path) for warning in warnings] == [("name_unusual", "/invoice/buyerName")]
