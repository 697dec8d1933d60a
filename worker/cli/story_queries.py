"""Tells a person what a query brought: one line, and the first of what was found. Pure: data to lines.

The first line is what happened, the others are details and what to do next.
"""

from collections.abc import Callable
from typing import Any, Final

_MOST_LINES: Final = 5
"""Of a page of fifty; the events and `fapiao-worker invoices` have all of them."""


def page(data: dict[str, Any]) -> list[str]:
    """`invoice.query.page`."""
    found = data.get("invoices") or []
    if data.get("late"):
        return [f"files of {_count(len(found), 'invoice')} came late", *_first([*map(invoice_line, found)])]
    number, total_page = data.get("pageNumber"), data.get("totalPage")
    place = f"page {number}" + (f" of {total_page}" if total_page else "")
    if (data.get("parts") or 1) > 1:
        place += f", part {data.get('part')} of {data.get('parts')}"
    return [f"{place}: {_count(len(found), 'invoice')}", *_first([*map(invoice_line, found)])]


def query_completed(data: dict[str, Any]) -> list[str]:
    """`invoice.query.completed`."""
    found = (_count(data.get(f"{what}Count") or 0, what) for what in ("invoice", "item", "file"))
    lines = [f"{', '.join(found)}, on {_count(data.get('pages') or 0, 'page')}"]
    if data.get("isCut"):
        lines.append("the cap of pages ended it: raise FAPIAO_QUERY_MAX_PAGES, or ask for fewer days")
    if data.get("missingInvoices"):
        lines.append(f"the gateway counted {data['missingInvoices']} more: rows may have shifted; query again")
    if data.get("missingItems"):
        lines.append(f"without items: {_names(data['missingItems'])} (invoice.items asks again)")
    if data.get("missingFiles"):
        lines.append(f"lack files: {_names(data['missingFiles'])} (invoice.files asks again)")
    download = data.get("download") or {}
    if download.get("date"):
        lines.append(f'the gateway could not get all files: send invoice.download with date "{download["date"]}"')
    return lines


def download_completed(data: dict[str, Any]) -> list[str]:
    """`invoice.download.completed`."""
    return [f"the gateway has the files of {data.get('date')} now; invoice.files tells where"]


def items_completed(data: dict[str, Any]) -> list[str]:
    """`invoice.items.completed`."""
    items = data.get("items") or []
    return [_count(len(items), "item"), *_first([*map(item_line, items)])]


def files_completed(data: dict[str, Any]) -> list[str]:
    """`invoice.files.completed`."""
    files = data.get("files") or []
    lines = [_count(len(files), "file"), *map(file_line, files)]
    if data.get("missingFiles"):
        lines.append(f"lack files: {_names(data['missingFiles'])}")
    return lines


def stored_completed(data: dict[str, Any]) -> list[str]:
    """`invoice.stored.completed`."""
    found = data.get("invoices") or []
    lines = [invoice_line({**each["invoice"], "files": each.get("files")}) for each in found]
    total = data.get("total") or 0
    some = f"{len(found)} of " if total > len(found) else ""
    return [f"{some}{_count(total, 'stored invoice')}", *_first(lines)]


def confirmed(data: dict[str, Any]) -> list[str]:
    """`invoice.issue.confirmed`."""
    matches = {True: ", as expected", False: ", NOT the expected total", None: ""}[data.get("expectedTotalMatches")]
    when = str(data.get("invoiceDate") or "")[:10]
    total = data.get("totalPriceAndTax")
    first = f"invoice {data.get('invoiceNumber')}{f' of {when}' if when else ''}"
    return [first + (f", total {total}{matches}" if total else ""), *map(file_line, data.get("files") or [])]


def unconfirmed(data: dict[str, Any]) -> list[str]:
    """`invoice.issue.unconfirmed`."""
    return [
        f"issued, but its number was not found in {_count(data.get('lookUps') or 0, 'look-up')}",
        f"look for it at the tax bureau; fapiao-worker status {data.get('commandId')}",
    ]


def invoice_line(invoice: dict[str, Any]) -> str:
    """One invoice: number, day, counterparty, total, and which files there are."""
    received = invoice.get("queryType") == 1
    partner = invoice.get("sellerName") if received else invoice.get("buyerName")
    files = " ".join(str(file.get("type")) for file in invoice.get("files") or [])
    name = invoice.get("countETicketNumbers") or f"id {invoice.get('id')}"
    return _joined(name, str(invoice.get("invoiceDate") or "")[:10], partner, invoice.get("totalPriceAndTax"), files)


def item_line(item: dict[str, Any]) -> str:
    """One line of an invoice: name, amount, rate, tax."""
    return _joined(item.get("itemName"), item.get("amount"), item.get("taxRate"), item.get("tax"))


def file_line(file: dict[str, Any]) -> str:
    """Where one file is."""
    return f"{file.get('type', '')!s:<4} {file.get('url')}"


def first_lines(lines: list[str], more: Callable[[int], str]) -> list[str]:
    """The first few, and how many more there are in words."""
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], more(len(lines) - _MOST_LINES)]


def names(found: list[str], more: Callable[[int], str]) -> str:
    """The first few names, and how many more there are in words."""
    rest = f" {more(len(found) - _MOST_LINES)}" if len(found) > _MOST_LINES else ""
    return ", ".join(found[:_MOST_LINES]) + rest


def _first(lines: list[str]) -> list[str]:
    return first_lines(lines, lambda count: f"… and {count} more")


def _names(found: list[str]) -> str:
    return names(found, lambda count: f"and {count} more")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _joined(*cells: Any) -> str:
    return "  ".join(str(cell) for cell in cells if cell)
