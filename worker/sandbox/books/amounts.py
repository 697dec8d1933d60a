"""What an invoice of the sandbox adds up to, in figures and in the capitals that Chinese invoices carry.

Pure. The manual gives neither a tax rate nor the basis of ``unitPrice`` (trap 28). The sandbox takes the price
as tax-inclusive and shows 1 % tax, so that the total equals the sum of quantity times price. That is a
convention of this stand-in and proves nothing about the vendor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

TAX_RATE: Final = Decimal("0.01")
_CENT: Final = Decimal("0.01")
_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿", "万亿")


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """One line of an invoice; amounts in yuan, two decimals. ``total`` = ``amount`` + ``tax``."""

    name: str
    spec: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    tax: Decimal
    total: Decimal


def priced(items: Sequence[dict[str, Any]]) -> tuple[IssuedLine, ...]:
    """Price the items of an ``invoice_info``. Numbers are ``int`` or ``Decimal``."""
    return tuple(_line(item) for item in items)


def printed(line: IssuedLine) -> tuple[str, ...]:
    """The cells of a line as an invoice shows them: name, spec, unit, quantity, price, amount, rate, tax."""
    return (
        line.name,
        line.spec,
        line.unit,
        f"{line.quantity.normalize():f}",
        f"{line.unit_price.normalize():f}",
        f"{line.amount:.2f}",
        f"{TAX_RATE * 100:.0f}%",
        f"{line.tax:.2f}",
    )


def cents(value: Decimal) -> Decimal:
    """Round to two decimals, half up, as invoices do."""
    return value.quantize(_CENT, ROUND_HALF_UP)


def in_capitals(amount: Decimal) -> str:
    """Write yuan the way 价税合计（大写） does: ``100.5`` is ``壹佰元伍角整``."""
    sign, amount = ("负" if amount < 0 else ""), cents(abs(amount))
    yuan, rest = divmod(int(amount * 100), 100)
    jiao, fen = divmod(rest, 10)
    text = _whole(yuan) + "元" if yuan or not rest else ""
    if not rest:
        return f"{sign}{text}整"
    if jiao:
        text += _DIGITS[jiao] + "角"
    elif yuan:
        text += "零"
    return sign + text + (_DIGITS[fen] + "分" if fen else "整")


def _line(item: dict[str, Any]) -> IssuedLine:
    quantity, unit_price = Decimal(item["quantity"]), Decimal(item["unitPrice"])
    total = cents(quantity * unit_price)
    amount = cents(total / (1 + TAX_RATE))
    return IssuedLine(
        name=item["name"],
        spec=item["spec"],
        unit=item["unit"],
        quantity=quantity,
        unit_price=unit_price,
        amount=amount,
        tax=total - amount,
        total=total,
    )


def _whole(yuan: int) -> str:
    if yuan == 0:
        return "零"
    text, gap = "", False
    for group in reversed(range(len(_GROUPS))):
        part = yuan // 10 ** (4 * group) % 10_000
        if part == 0:
            gap = bool(text)
            continue
        if text and (gap or part < 1000):
            text += "零"
        text, gap = text + _below_ten_thousand(part) + _GROUPS[group], False
    return text


def _below_ten_thousand(part: int) -> str:
    text, gap = "", False
    for place in reversed(range(4)):
        digit = part // 10**place % 10
        if digit == 0:
            gap = bool(text)
            continue
        text += ("零" if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return text
