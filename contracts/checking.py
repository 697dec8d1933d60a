"""What an order would become: the invoice as it would be sent, and its total read with and without tax. Pure.

Guarantees that no password is in it. The manual does not say whether a unit price includes tax, so both readings are
told, for each usual tax rate; which one holds, the first real invoice shows (`expectedTotalMatches`).
"""

from decimal import Decimal
from typing import Final

from contracts.commands import Invoice, InvoiceItem, IssueInvoice
from contracts.events import CheckedTotal
from contracts.gateway import plain_number
from contracts.invoices import InvoiceToSend, ItemToSend
from contracts.limits import CENT, EXACT, line_amount

MASKED: Final = "***"
OF_THE_CREDENTIAL: Final = "(the credential's phone)"
"""Stands where only the worker that has the credential knows more."""
TAX_RATES: Final = ("0", "0.01", "0.03", "0.05", "0.06", "0.09", "0.13")
"""The rates in use, as fractions."""


def invoice_to_send(command: IssueInvoice) -> InvoiceToSend:
    """The data of `invoice_info`, with decimals exact and passwords masked."""
    invoice = command.invoice
    account = invoice.sellerLoginAccount or (command.login.phone if command.login is not None else OF_THE_CREDENTIAL)
    members = {name: getattr(invoice, name) for name in Invoice.model_fields if name != "invoiceItems"}
    items = [_item(item) for item in invoice.invoiceItems]
    secrets = {"sellerLoginAccount": account, "sellerLoginPassword": MASKED}
    return InvoiceToSend.model_validate({**members, **secrets, "invoiceItems": items})


def _item(item: InvoiceItem) -> ItemToSend:
    """Numbers as they are sent: without zeros that carry nothing."""
    quantity, price = (Decimal(plain_number(number)) for number in (item.quantity, item.unitPrice))
    return ItemToSend(name=item.name, quantity=quantity, spec=item.spec, unit=item.unit, unitPrice=price)


def lines_total(command: IssueInvoice) -> Decimal:
    """The sum of the lines, each rounded to the cent."""
    return sum((line_amount(item) for item in command.invoice.invoiceItems), Decimal(0))


def totals(command: IssueInvoice) -> list[CheckedTotal]:
    """The total under each reading: prices with tax, then without, by rate."""
    amounts = [line_amount(item) for item in command.invoice.invoiceItems]
    return [
        _total(amounts, Decimal(rate), command.expectedTotal, with_tax=with_tax)
        for with_tax in (True, False)
        for rate in TAX_RATES
    ]


def _total(amounts: list[Decimal], rate: Decimal, expected: Decimal | None, *, with_tax: bool) -> CheckedTotal:
    """Tax is rounded line by line, as the bureau does."""
    told = sum(amounts, Decimal(0))
    if with_tax:
        tax = sum((amount - EXACT.quantize(EXACT.divide(amount, 1 + rate), CENT) for amount in amounts), Decimal(0))
        amount = told - tax
    else:
        tax = sum((EXACT.quantize(EXACT.multiply(amount, rate), CENT) for amount in amounts), Decimal(0))
        amount = told
    whole = amount + tax
    return CheckedTotal(
        pricesIncludeTax=with_tax,
        taxRate=rate,
        totalAmount=EXACT.quantize(amount, CENT),
        totalTax=EXACT.quantize(tax, CENT),
        totalPriceAndTax=EXACT.quantize(whole, CENT),
        expectedTotalMatches=None if expected is None else whole == expected,
    )
