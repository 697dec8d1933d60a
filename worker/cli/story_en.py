"""What an event says in English: the first line is what happened, the others are details and what to do next.

Pure: data to lines. In Chinese: `story_zh`.
"""

from collections.abc import Callable
from typing import Any, Final

from contracts.texts import FAILURES, REJECTIONS
from worker.cli.story_parts import (
    archived,
    candidate_lines,
    clock,
    file_line,
    first_lines,
    invoice_line,
    item_line,
    names,
)


def warning(told: dict[str, Any]) -> str:
    """One warning of an event."""
    return f"warning: {told.get('path') or ''} {told.get('message')}"


def _qr_required(data: dict[str, Any]) -> list[str]:
    until, attempt = clock(data.get("expiresAt")), data.get("attempt")
    return [f"scan this with the face of the seller's user before {until} (attempt {attempt})"]


def _completed(data: dict[str, Any]) -> list[str]:
    invoice = data.get("invoice") or {}
    number = invoice.get("invoiceNumber")
    found = ", found without the gateway's reply" if data.get("reconciled") else ""
    lines = [f"invoice {number + ' ' if number else ''}issued to {invoice.get('buyerName') or 'the buyer'}{found}"]
    if data.get("invoiceUrl"):
        lines.append(f"PDF: {data['invoiceUrl']}")
    return lines


def _confirmed(data: dict[str, Any]) -> list[str]:
    matches = {True: ", as expected", False: ", NOT the expected total", None: ""}[data.get("expectedTotalMatches")]
    when = str(data.get("invoiceDate") or "")[:10]
    total = data.get("totalPriceAndTax")
    first = f"invoice {data.get('invoiceNumber')}{f' of {when}' if when else ''}"
    return [first + (f", total {total}{matches}" if total else ""), *map(file_line, data.get("files") or [])]


def _unconfirmed(data: dict[str, Any]) -> list[str]:
    return [
        f"issued, but its number was not found in {_count(data.get('lookUps') or 0, 'look-up')}",
        f"look for it at the tax bureau; fapiao-worker status {data.get('commandId')}",
    ]


def _failed(data: dict[str, Any]) -> list[str]:
    again = "may be sent again under a new id" if data.get("retryable") else "sending it again as it is will not help"
    why, entry = data.get("gatewayMessage"), FAILURES.get(str(data.get("code")))
    said = [f"the gateway says: {why}"] if why else []
    first = f"{data.get('code')} at stage {data.get('stage')}: {data.get('message')}"
    return [first, *said, again, *([entry.en.action] if entry else [])]


def _rejected(data: dict[str, Any]) -> list[str]:
    faults = [f"{error.get('path') or '(message)'}: {error.get('message')}" for error in data.get("errors") or []]
    entry = REJECTIONS.get(str(data.get("code")))
    return [str(data.get("code")), *faults, *([entry.en.action] if entry else [])]


def _in_doubt(data: dict[str, Any]) -> list[str]:
    lines = [f"submitted, outcome unknown: {data.get('reason')}", "do not send this order again"]
    if data.get("needsPerson"):
        command_id = data.get("commandId")
        lines += [line for found in data.get("candidates") or [] for line in candidate_lines(found)]
        lines += [
            "look at the tax bureau whether the invoice exists, then decide:",
            f"fapiao-worker resolve {command_id} --issued NUMBER",
            f"fapiao-worker resolve {command_id} --not-issued",
        ]
    elif data.get("nextLookAt"):
        lines.append(f"the worker looks again at {clock(data['nextLookAt'])}")
    return lines


def _page(data: dict[str, Any]) -> list[str]:
    found = data.get("invoices") or []
    if data.get("late"):
        return [f"files of {_count(len(found), 'invoice')} came late", *_first([*map(invoice_line, found)])]
    number, total_page = data.get("pageNumber"), data.get("totalPage")
    place = f"page {number}" + (f" of {total_page}" if total_page else "")
    if (data.get("parts") or 1) > 1:
        place += f", part {data.get('part')} of {data.get('parts')}"
    return [f"{place}: {_count(len(found), 'invoice')}", *_first([*map(invoice_line, found)])]


def _query_completed(data: dict[str, Any]) -> list[str]:
    found = (_count(data.get(f"{what}Count") or 0, what) for what in ("invoice", "item", "file"))
    lines = [f"{', '.join(found)}, on {_count(data.get('pages') or 0, 'page')}"]
    if data.get("isCut"):
        lines.append("the list may not be whole: raise FAPIAO_QUERY_MAX_PAGES, or ask for fewer days")
    if data.get("missingInvoices"):
        lines.append(f"the gateway counted {data['missingInvoices']} more: rows may have shifted; query again")
    if data.get("missingItems"):
        lines.append(f"without items: {_names(data['missingItems'])} (invoice.items asks again)")
    if data.get("missingFiles"):
        lines.append(f"files lacking: {_names(data['missingFiles'])} (invoice.files asks again)")
    download = data.get("download") or {}
    if download.get("date"):
        lines.append(f'the gateway could not get all files: send invoice.download with date "{download["date"]}"')
    return lines


def _download_completed(data: dict[str, Any]) -> list[str]:
    return [f"the gateway has the files of {data.get('date')} now; invoice.files tells where"]


def _items_completed(data: dict[str, Any]) -> list[str]:
    items = data.get("items") or []
    return [_count(len(items), "item"), *_first([*map(item_line, items)])]


def _files_completed(data: dict[str, Any]) -> list[str]:
    files = data.get("files") or []
    lines = [_count(len(files), "file"), *map(file_line, files)]
    if data.get("missingFiles"):
        lines.append(f"files lacking: {_names(data['missingFiles'])}")
    return lines


def _stored_completed(data: dict[str, Any]) -> list[str]:
    found = data.get("invoices") or []
    lines = [invoice_line({**each["invoice"], "files": each.get("files")}) for each in found]
    total = data.get("total") or 0
    some = f"{len(found)} of " if total > len(found) else ""
    return [f"{some}{_count(total, 'stored invoice')}", *_first(lines)]


def _first(lines: list[str]) -> list[str]:
    return first_lines(lines, lambda count: f"… and {count} more")


def _names(found: list[str]) -> str:
    return names(found, lambda count: f"and {count} more")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _check_completed(data: dict[str, Any]) -> list[str]:
    if not data.get("accepted"):
        return ["would be rejected", *_check_faults(data)]
    lines = ["would be accepted; nothing was sent", *_check_faults(data)]
    lines += map(_folded, data.get("discountsFolded") or [])
    if data.get("totals"):
        lines.append(f"the lines come to {data.get('linesTotal')}; nobody knows yet whether that includes tax:")
        lines += map(_reading, data["totals"])
    return lines


def _check_faults(data: dict[str, Any]) -> list[str]:
    faults = [f"{error.get('path') or '(message)'}: {error.get('message')}" for error in data.get("errors") or []]
    odd = data.get("warnings") or []
    return faults + [f"warning {each.get('code')}, {each.get('path')}: {each.get('message')}" for each in odd]


def _folded(folded: dict[str, Any]) -> str:
    return (
        f"line {folded['line']}: {folded['amount']} off, unit price {folded['unitPriceBefore']} becomes "
        f"{folded['unitPrice']}, line {folded['lineAmount']}"
    )


def _reading(total: dict[str, Any]) -> str:
    reading = "with tax" if total.get("pricesIncludeTax") else "without tax"
    matches = "  = expectedTotal" if total.get("expectedTotalMatches") else ""
    return (
        f"prices {reading}, rate {total.get('taxRate')}: {total.get('totalAmount')} + {total.get('totalTax')} = "
        f"{total.get('totalPriceAndTax')}{matches}"
    )


def _audit_finding(data: dict[str, Any]) -> list[str]:
    from worker.cli import audit_report

    return audit_report.findings(data)


def _audit_completed(data: dict[str, Any]) -> list[str]:
    from worker.cli import audit_report

    return audit_report.completed(data)


WORDS: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "invoice.issue.qr_required": _qr_required,
    "invoice.issue.completed": _completed,
    "failed": _failed,
    "rejected": _rejected,
    "invoice.issue.in_doubt": _in_doubt,
    "invoice.query.page": _page,
    "invoice.issue.confirmed": _confirmed,
    "invoice.issue.unconfirmed": _unconfirmed,
    "archived": archived,
    "invoice.query.completed": _query_completed,
    "invoice.download.completed": _download_completed,
    "invoice.items.completed": _items_completed,
    "invoice.files.completed": _files_completed,
    "invoice.stored.completed": _stored_completed,
    "invoice.check.completed": _check_completed,
    "invoice.audit.finding": _audit_finding,
    "invoice.audit.completed": _audit_completed,
}
"""By event type, else by outcome."""
