"""Amounts as people and exports write them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.gateway.values import amount_of, invoice_number_of, sign_of


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1,234.50", "1234.50"),
        ("1,234,567", "1234567"),
        ("￥1,234.50", "1234.50"),
        ("¥ 12.00", "12.00"),
        ("1,234.50元", "1234.50"),
        ("1,234.50 圆", "1234.50"),
        ("RMB 5", "5"),
        ("人民币5元", "5"),
        ("１２３４．５０", "1234.50"),
        ("1 234 567.00", "1234567.00"),
        ("1'234.5", "1234.5"),
        ("(1,234.50)", "-1234.50"),
        ("（1,234.50）", "-1234.50"),
        ("1,234.50-", "-1234.50"),
        ("－5", "-5"),
        ("−5.5", "-5.5"),
        ("-￥5.50", "-5.50"),
        ("￥-5.50", "-5.50"),
        ("+5", "5"),
        ("CN¥1,234.50", "1234.50"),
        ("1234.50元整", "1234.50"),
        ("1,234.50(含税)", "1234.50"),
        ("\u200b1234.5000\ufeff", "1234.50"),
        ("1\u202f234.50", "1234.50"),
        (".5", "0.5"),
        ("价税合计:￥1,234.50", "1234.50"),
        ("1,234.50（元）", "1234.50"),
        ("'1234.50", "1234.50"),
        ('="1234.50"', "1234.50"),
        ("1’234.50", "1234.50"),
        ("负1,234.50", "-1234.50"),
        ("人民币：5", "5"),
        ("5.00元（大写：伍元整）", "5"),
        ("金额:5", "5"),
        ("税额 0.30", "0.30"),
        ("（小写）￥5.00", "5"),
        ("人民币(小写)5.00", "5"),
        (12, "12"),
        (Decimal("0.10"), "0.10"),
    ],
)
def test_an_amount_is_read_however_it_is_written(value: Any, amount: str) -> None:
    assert amount_of(value) == Decimal(amount)


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "-", "--", "元", "1,5", "1.234,50", "12,34,567", "1,2345", "1,234 567", "(5)-", "--5", "5--", "(5"),
        *("about 3", "500分", "0.05万元", "伍元整", "NaN", "Infinity", "1" * 42, True, None, [], {}, 1.5),
    ],
    ids=str,
)
def test_what_may_be_another_amount_is_none(value: Any) -> None:
    assert amount_of(value) is None


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_separators_change_nothing(amount: Decimal) -> None:
    for text in (f"{amount:,}", f"￥{amount:,}", f"{amount:,}元", f"({-amount:,})" if amount < 0 else f"{amount}"):
        assert amount_of(text) == amount


@given(st.text(max_size=60) | st.text("0123456789,.-()（）￥¥元 '", max_size=30))
def test_nothing_raises_and_what_is_read_is_bounded(text: str) -> None:
    amount = amount_of(text)

    assert amount is None or (amount.is_finite() and abs(amount.adjusted()) <= 41)


@pytest.mark.parametrize(
    "word", ["蓝字", "蓝票", "蓝字发票", "藍字", "蓝字（正数）", "正票", "正数", "Blue", "1", 1, True, "是"]
)
def test_a_blue_invoice_is_positive(word: Any) -> None:
    assert sign_of(word) is True


@pytest.mark.parametrize(
    "word", ["红字", "红票", "红字电子发票", "紅字", "否(红字)", "负票", "負數", "red invoice", "0", 0, False, "否"]
)
def test_a_red_invoice_is_negative(word: Any) -> None:
    assert sign_of(word) is False


@pytest.mark.parametrize("word", ["", "?", "正常", "红冲", "非正数", None, 2, []])
def test_any_other_word_is_no_sign(word: Any) -> None:
    assert sign_of(word) is None


@pytest.mark.parametrize(
    ("told", "number"),
    [
        *((each, "26332000000000000001") for each in ("26332000000000000001", 26332000000000000001)),
        *((each, "26332000000000000001") for each in (" 26332000000000000001\n", "2633-2000-0000-0000-0001")),
        *((each, "26332000000000000001") for each in ("发票号码:26332000000000000001", "26332000000000000001(数电)")),
        ("２６３３２０００", "26332000"),
        ("12345678", "12345678"),
        *((each, None) for each in (None, "", "无", "-", "null", "0", "00000000", 1, "1", "26332*********00001")),
        *((each, None) for each in ("2.6332E19", Decimal("2.6332E19"), "263320000000000000011", "2633…", True)),
        ("26332000000000000001,26332000000000000002", None),
        *((each, "26332000000000000001") for each in ("NO.26332000000000000001", "№ 26332000000000000001")),
        *((int(float(each)), None) for each in (26332000000000000001, 26332000000012345678)),
    ],
)
def test_what_could_be_shown_for_many_invoices_names_none(told: Any, number: str | None) -> None:
    """A count (trap 57), a word, a mask: taken for a number, it would be one command's and rule out every other one."""
    assert invoice_number_of(told) == number
