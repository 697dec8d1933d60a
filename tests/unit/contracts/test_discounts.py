"""A line with a discount comes to its old amount less the discount, to the cent, or the discount is refused."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import IssueInvoice
from contracts.discounts import fold
from contracts.limits import InvoiceLimits, line_amount, number_fault
from tests.unit.contracts.orders import invoice, item

LIMITS = InvoiceLimits()
cents = st.decimals(min_value="0.01", max_value="9999", places=2)


def order(
    quantity: Decimal | int | str, price: Decimal | int | str, amount: Decimal | str, line: int = 1
) -> IssueInvoice:
    """An order of two like lines, with one discount."""
    lines = [item(quantity=quantity, unitPrice=price)] * 2
    return IssueInvoice.model_validate(
        {
            "userId": "1",
            "credential": "x",
            "invoice": invoice(invoiceItems=lines).model_dump(),
            "discounts": [{"line": line, "amount": amount}],
        }
    )


@given(st.integers(1, 5000), st.decimals(min_value="0.01", max_value="99999", places=4), cents)
def test_the_amount_is_exact_or_the_discount_is_refused(quantity: int, price: Decimal, amount: Decimal) -> None:
    given_so = order(quantity, price, amount)
    before = line_amount(given_so.invoice.invoiceItems[0])

    command, folded, errors = fold(given_so, LIMITS)

    if errors:
        assert folded == []
        assert command is given_so
    else:
        changed, kept = command.invoice.invoiceItems
        assert line_amount(changed) == before - amount == folded[0].lineAmount
        assert number_fault(changed.unitPrice, LIMITS) is None
        assert kept == given_so.invoice.invoiceItems[1]
        assert command.discounts == []


def test_a_large_quantity_is_refused_with_the_nearest_that_works() -> None:
    """With whole cents in a price, seven pieces go down by multiples of seven cents."""
    _, folded, [error] = fold(order(7, "1.00", "0.10"), InvoiceLimits(max_decimal_places=2))

    assert folded == []
    assert error.path == "/discounts/0/amount"
    assert "FAPIAO_MAX_DECIMAL_PLACES" in error.message
    assert error.message.endswith("works is 0.07")
    assert fold(order(7, "1.00", "0.07"), InvoiceLimits(max_decimal_places=2))[2] == []


@given(st.integers(2, 400), cents, st.integers(0, 3))
def test_the_nearest_that_is_named_works(quantity: int, price: Decimal, places: int) -> None:
    limits = InvoiceLimits(max_decimal_places=places)
    _, _, errors = fold(order(quantity, price, min(price, Decimal("0.37"))), limits)
    for error in errors:
        nearest = error.message.rpartition(" ")[2]
        if Decimal(nearest) > 0:
            assert fold(order(quantity, price, nearest), limits)[2] == []


def test_several_discounts_of_one_line_add_up_and_lines_are_told_apart() -> None:
    command = order(1, "100", "10")
    both = command.model_copy(
        update={"discounts": [*command.discounts, *order(1, "100", "5", 2).discounts, *command.discounts]}
    )

    folded, told, errors = fold(both, LIMITS)

    assert errors == []
    assert [line.unitPrice for line in folded.invoice.invoiceItems] == [80, 95]
    assert [(each.line, each.amount) for each in told] == [(1, Decimal(20)), (2, Decimal(5))]


def test_a_discount_of_the_whole_line_leaves_a_gift() -> None:
    folded, _, errors = fold(order(3, "33.33", "99.99"), LIMITS)

    assert errors == []
    assert folded.invoice.invoiceItems[0].unitPrice == 0


def test_numbers_that_no_bureau_takes_break_nothing() -> None:
    """They are refused for their length elsewhere."""
    for quantity, price in (("1e30", "1e30"), ("1e-30", "1e-30"), ("0." + "1" * 500, "1e20")):
        fold(order(quantity, price, "0.01"), LIMITS)
