"""Discounts folded into unit prices, for the gateway takes no line that takes something off.

Guarantees that a line with a discount comes to its old amount less the discount, exact to the cent, whatever rounding
its new price needs; a discount for which no such price exists is refused with the nearest that has one. Pure arithmetic
in decimals.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from contracts.commands import Discount, InvoiceItem, IssueInvoice
from contracts.events import DiscountFolded, FieldError
from contracts.gateway import plain_number
from contracts.limits import CENT, EXACT, InvoiceLimits, line_amount, named

_DISCOUNTS: Final = "/discounts"


def fold(command: IssueInvoice, limits: InvoiceLimits) -> tuple[IssueInvoice, list[DiscountFolded], list[FieldError]]:
    """The command with the discounts in its prices, what was done, and what could not be done."""
    items = list(command.invoice.invoiceItems)
    folded: list[DiscountFolded] = []
    errors: list[FieldError] = []
    for line, given in _by_line(command.discounts).items():
        index = line - 1
        places = [place for place, discount in given if _places(discount) > 2]
        errors += [_error(f"{_DISCOUNTS}/{place}/amount", "must have at most 2 decimal places") for place in places]
        if index >= len(items):
            message = f"must name a line of invoiceItems, from 1 to {len(items)}; a number beyond them came"
            errors += [_error(f"{_DISCOUNTS}/{place}/line", message) for place, _ in given]
        elif not places:
            amount = sum((discount.amount for _, discount in given), Decimal(0))
            price = _price(items[index], amount, limits)
            if isinstance(price, str):
                errors.append(_error(f"{_DISCOUNTS}/{given[0][0]}/amount", price))
                continue
            folded.append(_told(line, amount, items[index], price))
            items[index] = items[index].model_copy(update={"unitPrice": price})
    if errors or not folded:
        return command, [], errors
    invoice = command.invoice.model_copy(update={"invoiceItems": items})
    return command.model_copy(update={"invoice": invoice, "discounts": []}), folded, []


def _by_line(discounts: Sequence[Discount]) -> dict[int, list[tuple[int, Discount]]]:
    """Line to its discounts, each with its place in the list. Several for one line add up."""
    found: dict[int, list[tuple[int, Discount]]] = {}
    for place, discount in enumerate(discounts):
        found.setdefault(discount.line, []).append((place, discount))
    return found


def _price(item: InvoiceItem, amount: Decimal, limits: InvoiceLimits) -> Decimal | str:
    """The new unit price, or why there is none."""
    wanted = line_amount(item) - amount
    if wanted < 0:
        return "must be at most what the line comes to; a larger discount came. Spread it over other lines"
    exact = EXACT.divide(wanted, item.quantity)
    places = _room(exact, limits)
    price = EXACT.quantize(exact, Decimal(1).scaleb(-places))
    if _amount(item, price) == wanted:
        return _short(price)
    nearest = _nearest(item, wanted, price, places)
    return (
        f"cannot be folded into the line's price to the cent: a price has {places} decimal places here "
        f"({named('max_decimal_places')}, {named('max_number_chars')}). The nearest discount here that works is "
        f"{line_amount(item) - nearest}"
    )


def _room(price: Decimal, limits: InvoiceLimits) -> int:
    """How many decimal places such a price may have."""
    whole = len(plain_number(EXACT.to_integral_value(price)))
    return max(0, min(limits.max_decimal_places, limits.max_number_chars - whole - 1))


def _nearest(item: InvoiceItem, wanted: Decimal, price: Decimal, places: int) -> Decimal:
    """The amount closest to the wanted one that some price comes to. With two prices that are as close, the lower one:
    nobody is asked for more than they expect."""
    step = Decimal(1).scaleb(-places)
    near: Iterable[Decimal] = (price + turn * step for turn in (-1, 0, 1))
    candidates = (_amount(item, each) for each in near if each >= 0)
    return min(candidates, key=lambda amount: (abs(amount - wanted), amount))


def _amount(item: InvoiceItem, price: Decimal) -> Decimal:
    return line_amount(item.model_copy(update={"unitPrice": price}))


def _told(line: int, amount: Decimal, item: InvoiceItem, price: Decimal) -> DiscountFolded:
    return DiscountFolded(
        line=line,
        amount=EXACT.quantize(amount, CENT),
        unitPriceBefore=_short(item.unitPrice),
        unitPrice=price,
        lineAmountBefore=line_amount(item),
        lineAmount=_amount(item, price),
    )


def _short(value: Decimal) -> Decimal:
    return Decimal(plain_number(value))


def _places(discount: Discount) -> int:
    return len(plain_number(discount.amount).partition(".")[2])


def _error(path: str, message: str) -> FieldError:
    return FieldError(path=path, message=message)
