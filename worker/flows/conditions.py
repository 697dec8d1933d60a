"""Whether an invoice fits a query's condition, judged on our side: an unknown filter may be ignored (trap 56).

Pure. What an invoice does not say neither fits nor contradicts, so it stays in.
"""

from collections.abc import Mapping
from datetime import date, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from worker.records import ListedInvoice
from worker.texts import folded, folded_code

BEIJING: Final = timezone(timedelta(hours=8))
_ALIASES: Final = (("全电发票", "数电票"), ("电子发票", "数电票"), ("增值税专用发票", "专用发票"))
"""Names of the same type in exports of other years and other vendors."""


def fits_condition(condition: Mapping[str, Any], invoice: ListedInvoice) -> bool:
    """`condition` as journaled, in the vendor's words. The echo of `queryType` counts for nothing (trap 66)."""
    return (
        _fits_text(condition.get("invoiceSource"), invoice.source)
        and _fits_type(condition.get("invoiceType"), invoice.invoice_type)
        and _fits_sign(condition.get("isInvoicePositive"), invoice.is_positive)
        and _fits_code(condition.get("countETicketNumbers"), invoice.number)
        and _fits_code(condition.get("buyerIdentificationNumber"), invoice.buyer_id)
        and _fits_code(condition.get("sellerIdentificationNumber"), invoice.seller_id)
        and _fits_name(condition.get("buyerName"), invoice.buyer_name)
        and _fits_name(condition.get("sellerName"), invoice.seller_name)
        and _fits_value(condition, invoice)
        and _fits_days(condition, invoice)
    )


def is_positive(invoice: Mapping[str, Any]) -> bool | None:
    """Whether the invoice is no negative (red) one; by its sign where it does not say (trap 68)."""
    said = invoice.get("isInvoicePositive")
    if said is not None:
        return bool(said)
    total = invoice.get("totalPriceAndTax")
    return None if total is None else bool(total >= 0)


def _fits_text(wanted: str | None, told: str | None) -> bool:
    return not wanted or not told or folded(wanted) == folded(told)


def _fits_type(wanted: str | None, told: str | None) -> bool:
    return not wanted or not told or _type_name(wanted) == _type_name(told)


def _type_name(text: str) -> str:
    name = folded(text)
    for alias, usual in _ALIASES:
        name = name.replace(alias, usual)
    return name


def _fits_sign(wanted: bool | None, told: bool | None) -> bool:
    return wanted is None or told is None or told is wanted


def _fits_code(wanted: str | None, told: str | None) -> bool:
    return not wanted or not told or folded_code(wanted) == folded_code(told)


def _fits_name(wanted: str | None, told: str | None) -> bool:
    """Part of a name is enough: whether the gateway wants the whole, nobody says."""
    return not wanted or not told or folded(wanted) in folded(told)


def _fits_value(condition: Mapping[str, Any], invoice: ListedInvoice) -> bool:
    """With tax or without, the manual does not say: either may lie between the bounds."""
    values = [value for value in (invoice.total_without_tax, invoice.with_tax) if value is not None]
    low, high = condition.get("startInvoiceValue"), condition.get("endInvoiceValue")
    return not values or any(
        (low is None or value >= Decimal(str(low))) and (high is None or value <= Decimal(str(high)))
        for value in values
    )


def _fits_days(condition: Mapping[str, Any], invoice: ListedInvoice) -> bool:
    """Beijing's days, under any reading of the date: one that may be of a day stays in."""
    if invoice.dated is None:
        return True
    earliest, latest = (each.astimezone(BEIJING).date() for each in (invoice.dated.earliest, invoice.dated.latest))
    first, last = date.fromisoformat(condition["startInvoiceDate"]), date.fromisoformat(condition["endInvoiceDate"])
    return first <= latest and earliest <= last
