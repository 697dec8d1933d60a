"""Amounts add up, and Chinese capitals read as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.books.amounts import in_capitals, priced


@pytest.mark.parametrize(
    ("amount", "capitals"),
    [
        ("0", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("1.05", "壹元零伍分"),
        ("10", "壹拾元整"),
        ("100.50", "壹佰元伍角整"),
        ("1001", "壹仟零壹元整"),
        ("10500.5", "壹万零伍佰元伍角整"),
        ("100000", "壹拾万元整"),
        ("100010.01", "壹拾万零壹拾元零壹分"),
        ("1000000001", "壹拾亿零壹元整"),
        ("120034567.89", "壹亿贰仟零叁万肆仟伍佰陆拾柒元捌角玖分"),
        ("-500", "负伍佰元整"),
    ],
)
def test_an_amount_in_capitals(amount: str, capitals: str) -> None:
    assert in_capitals(Decimal(amount)) == capitals


@given(st.decimals("0.01", "99999999", places=2), st.integers(1, 999))
def test_amount_and_tax_of_a_line_add_up_to_its_total(price: Decimal, quantity: int) -> None:
    (line,) = priced([{"name": "a", "spec": "", "unit": "", "quantity": quantity, "unitPrice": price}])
    assert line.total == price * quantity
    assert line.amount + line.tax == line.total
    assert line.amount >= line.tax >= 0


def test_a_hundred_and_one_yuan_carry_one_yuan_of_tax() -> None:
    (line,) = priced([{"name": "a", "spec": "", "unit": "", "quantity": 1, "unitPrice": 101}])
    assert (line.amount, line.tax) == (Decimal("100.00"), Decimal("1.00"))
