"""A listed invoice as an audit keeps it between two moments, and back. Pure.

Guarantees that what is read is what was written, so that evidence says the same of a kept row as of the page itself.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from contracts.envelope import dumps, loads
from worker.flows.evidence.status import is_dead
from worker.flows.invoices import fits_condition, seen_of
from worker.records import BEIJING, AuditedRow, Dated, ListedInvoice
from worker.texts import Text, folded, folded_code

_TEXTS: Final = (
    "gateway_id",
    "number",
    "seller_id",
    "seller_name",
    "buyer_id",
    "buyer_name",
    "note",
    "is_positive",
    "may_be_red",
    "status",
    "invoice_type",
    "source",
    "query_type",
    "drawer",
)
_AMOUNTS: Final = ("total", "total_without_tax", "total_tax")


def row_of(invoice: ListedInvoice, company: str, first: date, last: date) -> AuditedRow:
    """The row of an invoice that was listed for this company. One of the days around the period, or of another company
    (a gateway may ignore a filter), is kept as evidence, and nothing else is told of it."""
    days = {"startInvoiceDate": first.isoformat(), "endInvoiceDate": last.isoformat()}
    is_own = fits_condition({"sellerIdentificationNumber": company, **days}, invoice)
    return AuditedRow(
        identity=invoice.identity,
        number=invoice.number,
        data=_kept(invoice),
        is_in_period=is_own and _is_between(invoice, first, last),
        alike=_alike(invoice),
    )


def listed_of(row: AuditedRow) -> ListedInvoice:
    """The invoice of a row."""
    kept = loads(row.data)
    dated = kept.pop("dated")
    amounts = {name: None if kept[name] is None else Decimal(str(kept[name])) for name in _AMOUNTS}
    moments = None if dated is None else Dated(*(datetime.fromisoformat(each) for each in dated))
    return ListedInvoice(**{**kept, **amounts, "dated": moments})


def edge_of(rows: Sequence[ListedInvoice]) -> tuple[str | None, ...]:
    """What names the last invoice of a page, and the amounts that its row tells: to know its lines on the next page."""
    if not rows:
        return ()
    amounts = (getattr(rows[-1], name) for name in _AMOUNTS)
    return rows[-1].gateway_id, rows[-1].number, *(None if each is None else str(each) for each in amounts)


def before_of(edge: Sequence[str | None]) -> dict[int, int]:
    """The same as `seen_of` tells it in this process."""
    if not edge:
        return {}
    gateway_id, number, *told = edge
    total, without, tax = (None if each is None else Decimal(each) for each in told)
    row = ListedInvoice(gateway_id or "", number, total=total, total_without_tax=without, total_tax=tax)
    return seen_of([row])


def month_of(invoice: ListedInvoice) -> str | None:
    """Beijing's; None where it tells no date."""
    return None if invoice.dated is None else invoice.dated.shown.astimezone(BEIJING).strftime("%Y-%m")


def _kept(invoice: ListedInvoice) -> bytes:
    dated = invoice.dated
    moments = None if dated is None else [each.isoformat() for each in (dated.shown, dated.earliest, dated.latest)]
    values: dict[str, Any] = {name: getattr(invoice, name) for name in (*_TEXTS, *_AMOUNTS)}
    return dumps({**values, "dated": moments, "told": dict(invoice.told)})


def _is_between(invoice: ListedInvoice, first: date, last: date) -> bool:
    """By the date as it is shown: an invoice is of one day, and so of one period."""
    return invoice.dated is None or first <= invoice.dated.shown.astimezone(BEIJING).date() <= last


def _alike(invoice: ListedInvoice) -> str | None:
    """A value that two invoices share where nothing in the list tells them apart but number and date."""
    total, buyer = invoice.with_tax, _buyer(invoice)
    if total is None or total <= 0 or buyer is None or invoice.is_positive is False or is_dead(invoice.status):
        return None
    remark = Text.of_remark(invoice.note or "").plain
    told = (folded_code(invoice.seller_id or ""), buyer, str(total.normalize()), remark, str(invoice.is_special))
    return sha256("\x1f".join(told).encode()).hexdigest()[:32]


def _buyer(invoice: ListedInvoice) -> str | None:
    code = folded_code(invoice.buyer_id or "")
    if code and "*" not in code:
        return code
    return f"name {folded(invoice.buyer_name)}" if invoice.buyer_name else None
