"""Invoices that look-ups bring, between the gateway's port, the journal and the events. Pure.

Whether one fits a query's condition is judged on our side, for an unknown filter may be ignored (trap 56). What an
invoice does not say neither fits nor contradicts, so it stays in.
"""

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from contracts.envelope import dumps
from contracts.gateway import plain_number
from worker.flows.vocabulary import Details
from worker.records import BEIJING, Dated, FileRow, Findings, FoundRow, ListedInvoice
from worker.texts import folded, folded_code

_NUMBER: Final = re.compile(r"\d{8,20}", re.ASCII)
"""What is no invoice's number (a count, for one: trap 57) says nothing of whose it is."""

_CLOCKS: Final = timedelta(hours=1)
"""More than clocks differ by."""
_AHEAD: Final = timedelta(hours=8)
"""Beijing's clock, of UTC's."""
_A_DAY: Final = timedelta(days=1) - timedelta(microseconds=1)
_NUMBERS: Final = re.compile(r"(?<!\d)\d{8,20}(?!\d)", re.ASCII)


def found_row(invoice: ListedInvoice, query_type: int, *, lacks_files: bool = False) -> FoundRow:
    """The invoice as it is stored."""
    return FoundRow(
        identity=invoice.identity,
        invoice_id=invoice.gateway_id,
        number=invoice.number,
        query_type=query_type,
        invoice_date=None if invoice.dated is None else invoice.dated.shown,
        seller_id=invoice.seller_id or "",
        seller_name=invoice.seller_name or "",
        buyer_id=invoice.buyer_id or "",
        buyer_name=invoice.buyer_name or "",
        total=None if invoice.total is None else plain_number(invoice.total),
        data=dumps(dict(invoice.told)),
        lacks_files=lacks_files,
    )


_AMOUNTS: Final = ("totalPriceAndTax", "totalAmount", "totalTax")


@dataclass(frozen=True, slots=True)
class ListedRows:
    """The invoices of a list's pages so far, each once, with what their rows tell of amounts, by hashes: sixteen bytes
    for an invoice, for a list may have a hundred thousand, and a worker reads many lists at once."""

    names: Sequence[int] = ()
    amounts: Sequence[int] = ()

    @classmethod
    def of(cls, amounts: Mapping[int, int]) -> "ListedRows":
        """From what `as_mapping` gives."""
        return cls(array("q", amounts), array("q", amounts.values()))

    def as_mapping(self) -> dict[int, int]:
        """The amounts, by what names the invoice."""
        return dict(zip(self.names, self.amounts, strict=True))

    def __len__(self) -> int:
        return len(self.names)


def seen_of(rows: Iterable[ListedInvoice]) -> dict[int, int]:
    """By what names an invoice, the amounts that its last row tells: with tax, without, and the tax."""
    return {hash(each.identity): _amounts_of(each) for each in rows}


def is_new_without_number(rows: Iterable[ListedInvoice], before: Mapping[int, int]) -> bool:
    """Whether one of these may have come before under another id (trap 63): as two invoices it would count twice."""
    return any(each.number is None and hash(each.identity) not in before for each in rows)


def _amounts_of(row: ListedInvoice) -> int:
    return hash((row.total, row.total_without_tax, row.total_tax))


def invoices_of(rows: Sequence[ListedInvoice], before: Mapping[int, int] | None = None) -> list[ListedInvoice]:
    """The invoices of a list's rows; `before` is what `seen_of` tells of earlier pages. A list may have a row for each
    line of an invoice, and no such row tells what the invoice comes to. Rows of lines are known by this: they share an
    identity, and differ in amounts, or in members that the manual has for no invoice; without a number, by another row
    of the same party, date and note. They are left without amounts."""
    lines: dict[str, set[object]] = {}
    shares: dict[object, list[bool]] = {}
    for each in rows:
        told = _amounts_of(each)
        mine = lines.setdefault(each.identity, set())
        mine.add((told, str(each.told.get("extra"))))
        if (before or {}).get(hash(each.identity), told) != told:
            mine.add(None)
        shares.setdefault(_party(each), []).append(each.number is not None)
    return [
        each
        if len(lines[each.identity]) == 1 and (all(shares[_party(each)]) or len(shares[_party(each)]) == 1)
        else _without_amounts(each)
        for each in rows
    ]


def dated_by(rows: Sequence[ListedInvoice], now: datetime) -> list[ListedInvoice]:
    """The same, where those that would be hours from now have Beijing's reading of their dates: many programs write an
    offset of zero behind Beijing's time, and no invoice is dated tomorrow."""
    limit = now + _CLOCKS
    return [each if each.dated is None or each.dated.earliest <= limit else _in_beijing(each, limit) for each in rows]


def _in_beijing(row: ListedInvoice, limit: datetime) -> ListedInvoice:
    dated = row.dated
    if dated is None or dated.earliest != dated.latest or dated.shown - _AHEAD > limit:
        return row
    moment = dated.shown - _AHEAD
    until = moment + _A_DAY if moment.time() == time() else moment
    told = {**row.told, "invoiceDate": moment} if "invoiceDate" in row.told else row.told
    return replace(row, dated=Dated(moment, moment, until), told=told)


def up_to_a_cut(invoices: Sequence[ListedInvoice]) -> list[ListedInvoice]:
    """Those of the last page that is read of a list that goes on: the next page could have gone on with the lines of
    its last invoice."""
    return [*invoices[:-1], *map(_without_amounts, invoices[-1:])]


def _without_amounts(row: ListedInvoice) -> ListedInvoice:
    """For rows that may be of one line: what that comes to is not what its invoice does. A flag that says red against
    what the amounts say stays as doubtful as it was beside them."""
    told = {name: value for name, value in row.told.items() if name not in _AMOUNTS}
    bare = replace(row, total=None, total_without_tax=None, total_tax=None, told={**told, "totalsDiffer": True})
    is_of_two_signs = row.is_positive is False and any(each > 0 for each in (row.total, row.total_without_tax) if each)
    return replace(bare, is_positive=None, may_be_red=True) if is_of_two_signs else bare


def _party(row: ListedInvoice) -> object:
    return row.seller_id, row.buyer_id, row.buyer_name, row.note, row.dated


def taken_back(rows: Iterable[ListedInvoice]) -> frozenset[str]:
    """The numbers that red invoices among these rows name, in the note or in a member that the manual does not know."""
    named = {
        number
        for each in rows
        if each.is_positive is False or each.may_be_red
        for number in _NUMBERS.findall(f"{each.note or ''} {each.told.get('extra', '')}")
        if number != each.number
    }
    return frozenset(named)


def file_row(file: Mapping[str, Any]) -> FileRow:
    """The file's address as it is stored."""
    return FileRow(file["invoiceBasicInfoId"], file["type"], file["url"], file.get("countETicketNumbers"))


def findings_of(
    invoices: Sequence[ListedInvoice],
    details: Details,
    *,
    user_id: str | None,
    query_type: int = 0,
    types: Sequence[str] = (),
) -> Findings:
    """What is to be stored; an invoice that lacks one of `types` is marked."""
    have = _types_by_invoice(details)
    return Findings(
        user_id=user_id,
        invoices=tuple(
            found_row(invoice, query_type, lacks_files=not have.get(invoice.gateway_id, set()) >= set(types))
            for invoice in invoices
        ),
        items={invoice_id: dumps(list(items)) for invoice_id, items in details.items.items() if items},
        files=tuple(map(file_row, details.files)),
    )


def lacking_ids(invoice_ids: Iterable[str], details: Details, types: Sequence[str]) -> tuple[str, ...]:
    """The invoices that lack a wanted file."""
    have = _types_by_invoice(details)
    return tuple(each for each in invoice_ids if not have.get(each, set()) >= set(types))


def trusted(details: Details, numbers: Mapping[str, str | None]) -> Details:
    """Without items and files that carry another number than the invoice they claim to be of (trap 86); `numbers` by
    the gateway's ids."""

    def is_own(invoice_id: str, told: Mapping[str, Any]) -> bool:
        ours, theirs = numbers.get(invoice_id), told.get("countETicketNumbers") or ""
        return not ours or not _NUMBER.fullmatch(theirs) or ours == theirs

    items = {each: tuple(one for one in rows if is_own(each, one)) for each, rows in details.items.items()}
    return Details(items, tuple(file for file in details.files if is_own(file["invoiceBasicInfoId"], file)))


def with_files(details: Details, files: Iterable[dict[str, Any]]) -> Details:
    """The same with more files: one address per invoice and type, the last one told."""
    known = {(file["invoiceBasicInfoId"], file["type"]): file for file in (*details.files, *files)}
    return Details(details.items, tuple(known.values()))


def with_details(invoice: Mapping[str, Any], details: Details, *, items: bool, files: bool) -> dict[str, Any]:
    """The invoice with its items and files, as a page event tells it."""
    told = dict(invoice)
    if items:
        told["items"] = list(details.items.get(str(invoice["id"]), ()))
    if files:
        told["files"] = [file for file in details.files if file["invoiceBasicInfoId"] == str(invoice["id"])]
    return told


def parts_of(invoices: Sequence[dict[str, Any]], most_bytes: int) -> list[list[dict[str, Any]]]:
    """Cut so that each part is small enough for one message; one invoice is never cut. At least one part."""
    parts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for invoice in invoices:
        length = len(dumps(invoice)) + 1
        if parts[-1] and size + length > most_bytes:
            parts.append([])
            size = 0
        parts[-1].append(invoice)
        size += length
    return parts


def _types_by_invoice(details: Details) -> dict[str, set[str]]:
    have: dict[str, set[str]] = {}
    for file in details.files:
        have.setdefault(file["invoiceBasicInfoId"], set()).add(file["type"])
    return have


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
