"""The lines of a story that are the same in both languages, or nearly so: an invoice, its items and files, and on what
an outcome rests. Pure: data to lines.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from worker.cli.terminal import said

_MOST_LINES: Final = 5
"""Of a page of fifty; the events and `fapiao-worker invoices` have all of them."""
_MEMBERS: Final = ("invoiceNumber", "invoiceDate", "totalPriceAndTax", "buyerName", "note", "remark", "invoiceStatus")


def candidate_lines(found: dict[str, Any]) -> list[str]:
    """One candidate: which invoice it is, and in what it differs from the order. A result of the gateway that settled
    nothing (a stray) is one too, with the address of its PDF."""
    known = "  ".join(str(found[name]) for name in _MEMBERS if found.get(name))
    if found.get("laidAside"):
        stray = said("the gateway gave this result, and it fitted nothing", "网关曾返回此结果，但未能对应任何订单")
        return [f"{stray}: {known or '-'}  {found.get('invoiceUrl') or ''}".rstrip(), *difference_lines(found)]
    return [f"{said('perhaps: ', '可能是：')}{known}", *difference_lines(found)]


def difference_lines(data: dict[str, Any]) -> list[str]:
    """What was sent and what is listed, member by member."""
    return [f"  {_difference(each)}" for each in data.get("differs") or []]


def _difference(each: dict[str, Any]) -> str:
    member, sent, listed = each.get("member"), _shown(each.get("sent")), _shown(each.get("listed"))
    return said(f"{member} differs: sent {sent}, listed {listed}", f"{member} 不同：提交的是 {sent}，查到的是 {listed}")


def _shown(value: Any) -> str:
    return "-" if value in {None, ""} else str(value)


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


def first_lines(lines: list[str]) -> list[str]:
    """The first few, and how many more there are in words."""
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], said(f"… and {more} more", f"…… 还有 {more} 条")]


def names(found: list[str]) -> str:
    """The first few names, and how many more there are in words."""
    more = len(found) - _MOST_LINES
    return ", ".join(found[:_MOST_LINES]) + (said(f" and {more} more", f" …… 还有 {more} 条") if more > 0 else "")


def _joined(*cells: Any) -> str:
    return "  ".join(str(cell) for cell in cells if cell)


def clock(moment: Any, unknown: str = "        ") -> str:
    """The local time of day of an RFC 3339 text."""
    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return unknown


def moment(told: Any) -> str:
    """An RFC 3339 text as a person reads it: day, time and offset where the terminal is; anything else as it came."""
    try:
        return datetime.fromisoformat(str(told)).astimezone().isoformat(" ", "seconds")
    except ValueError:
        return str(told)


def percent(fraction: Any) -> str:
    """0.13 as 13%."""
    try:
        return f"{(Decimal(str(fraction)) * 100).normalize():f}%"
    except InvalidOperation:
        return str(fraction)


def archived(data: dict[str, Any]) -> list[str]:
    """`invoice.issue.archived` and `invoice.query.archived`."""
    kept, missing = data.get("files") or [], data.get("missing") or []
    files = said(f"{len(kept)} file{'' if len(kept) == 1 else 's'} in the vault", f"已存入保管库 {len(kept)} 个文件")
    lacking = said(f", {len(missing)} could not be had", f"，{len(missing)} 个未能取得") if missing else ""
    others = [each for each in kept if each.get("differs")]
    return [
        files + lacking,
        *first_lines([*map(_missing, missing), *map(_differs, others), *map(_kept, kept)]),
    ]


def _missing(file: dict[str, Any]) -> str:
    return said("missing", "缺少") + f"  {file.get('invoiceNumber')}.{file.get('type')}  {file.get('reason')}"


def _differs(file: dict[str, Any]) -> str:
    members = ", ".join(str(each.get("member")) for each in file["differs"])
    return f"{file.get('vaultKey')}  " + said(f"says another {members} than the list", f"与清单不符：{members}")


def _kept(file: dict[str, Any]) -> str:
    return f"{file.get('type', '')!s:<4} {file.get('vaultKey')}"
