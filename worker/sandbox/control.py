"""What can be asked of the sandbox over HTTP: scan pages, files, books, faults.

Every address answers GET and POST alike, with its parameters in the query, because the WebSocket library that
serves this port reads no request bodies. Nothing here is protected: the sandbox belongs on a test machine.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from contracts.gateway import dumps
from worker.sandbox.alterations import Behaviour
from worker.sandbox.answers import Answer
from worker.sandbox.books.ledger import Invoice
from worker.sandbox.faults import ANY_USER, FAULTS, Armed
from worker.sandbox.house import LOOK_UP_COUNTS, AskedPage, House
from worker.sandbox.pages import front_page, scan_page, unknown_page
from worker.sandbox.papers.ofd import ofd
from worker.sandbox.papers.pdf import pdf
from worker.sandbox.papers.xml import xml
from worker.sandbox.vendor import ScanState

_LISTED = 1000
"""How many entries a list shows when no ``limit`` is given."""
_SHOWN = 10
"""How many invoices of the archive are shown when no ``limit`` is given."""


async def answer(house: House, target: str) -> Answer:
    """Answer a request for ``target`` (path and query). Never raises for what a client may send."""
    parts = urlsplit(target)
    asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    place = [unquote(piece) for piece in parts.path.split("/") if piece]
    match place:
        case []:
            return _html(front_page(house.url, len(house.waiting_scans())))
        case ["scan", token, *rest]:
            return _scan(house, token, rest)
        case ["files", name]:
            return await _file(house, *name.rpartition(".")[::2])
        case ["_sandbox", *rest] if (ask := _ASKS.get("/".join(rest))) is not None:
            try:
                return _json(ask(house, asked))
            except (KeyError, ValueError) as problem:
                return _json({"error": str(problem)}, HTTPStatus.BAD_REQUEST)
        case _:
            return _html(unknown_page("此地址"), HTTPStatus.NOT_FOUND)


def _scan(house: House, token: str, rest: list[str]) -> Answer:
    scan = house.vendor.scans.get(token)
    if scan is None:
        return _html(unknown_page("此二维码"), HTTPStatus.NOT_FOUND)
    if rest == ["confirm"]:
        house.scans.settle(token, ScanState.CONFIRMED)
    elif rest == ["decline"]:
        house.scans.settle(token, ScanState.DECLINED)
    elif rest:
        return _html(unknown_page("此地址"), HTTPStatus.NOT_FOUND)
    return _html(scan_page(scan))


async def _file(house: House, number: str, kind: str) -> Answer:
    invoice, form = house.books.find(number), _FILES.get(kind)
    if invoice is None or form is None:
        return _html(unknown_page("此文件"), HTTPStatus.NOT_FOUND)
    content_type, draw = form
    return Answer(HTTPStatus.OK, content_type, await asyncio.to_thread(draw, invoice))


def _ledger(house: House, asked: Mapping[str, str]) -> Any:
    remark, limit = asked.get("remark"), int(asked.get("limit", _LISTED))
    ledger = house.ledger
    submissions = [s for s in ledger.submissions if remark is None or s.remark == remark]
    invoices = [i for i in ledger.invoices.values() if remark is None or i.order.get("remark") == remark]
    twice = {r: n for r, n in ledger.submissions_by_remark.items() if n > 1 and remark in (None, r)}
    return {
        "submissionCount": len(submissions),
        "invoiceCount": sum(not i.is_draft for i in invoices),
        "submittedTwice": twice,
        "violations": sum(bool(s.violations) for s in submissions),
        "submissions": [asdict(s) for s in submissions[-limit:]],
        "invoices": [
            invoice_facts(i, ledger.submissions_of(str(i.order.get("remark", "")))) for i in invoices[-limit:]
        ],
    }


def invoice_facts(invoice: Invoice, submissions: int) -> dict[str, Any]:
    """Tell an invoice in the words of the ledger endpoint; amounts are JSON numbers in yuan."""
    order = invoice.order
    return {
        "invoiceNumber": invoice.number,
        "issuedAt": invoice.issued_at,
        "userId": invoice.user_id,
        "isDraft": invoice.is_draft,
        "sellerName": order["sellerName"],
        "sellerIndentification": order["sellerIndentification"],
        "buyerName": order["buyerName"],
        "buyerIndentification": order["buyerIndentification"],
        "remark": order["remark"],
        "totalAmount": invoice.total - invoice.tax,
        "totalTax": invoice.tax,
        "totalPriceAndTax": invoice.total,
        "submissions": submissions,
        "invoiceItems": order["invoiceItems"],
        "invoiceId": str(invoice.row_id),
        "listedAt": invoice.listed_at or invoice.issued_at,
    }


def _submissions(house: House, asked: Mapping[str, str]) -> Any:
    del asked
    return dict(house.ledger.submissions_by_remark)


def _sessions(house: House, asked: Mapping[str, str]) -> Any:
    only = asked.get("userId")
    seen = {u: a for u, a in house.vendor.attendance.items() if only in (None, u)}
    return {
        "maxConcurrent": max((a.max_concurrent for a in seen.values()), default=0),
        "maxExchanges": max((a.max_exchanges for a in seen.values()), default=0),
        "openSockets": sum(a.opened - a.closed for a in seen.values()),
        "users": {u: {**asdict(a), "open": len(house.vendor.open_sockets(u))} for u, a in seen.items()},
    }


def _queries(house: House, asked: Mapping[str, str]) -> Any:
    only, limit = asked.get("userId"), int(asked.get("limit", _LISTED))
    pages = [page for page in house.queries if only in (None, page.user_id)]
    return {
        "pageCount": len(pages),
        "pages": [_asked_page(page) for page in pages[-limit:]],
        "lookUps": {name: getattr(house.lookups, name) for name in LOOK_UP_COUNTS},
    }


def _asked_page(page: AskedPage) -> dict[str, Any]:
    filters = {name: _plain(value) for name, value in asdict(page.wanted).items() if value not in (None, "")}
    return {
        "at": page.at,
        "userId": page.user_id,
        "filters": filters,
        "pageNumber": page.page_number,
        "pageSize": page.page_size,
        "rows": page.rows,
    }


def _archive(house: House, asked: Mapping[str, str]) -> Any:
    archive, limit = house.archive, int(asked.get("limit", _SHOWN))
    company = asked.get("companyCode", archive.company)
    invoices = list(archive.invoices(company, int(asked.get("queryType", 0)))[:limit]) if company else []
    return {
        "total": archive.total,
        "seed": archive.seed,
        "from": archive.first_day.isoformat(),
        "to": archive.last_day.isoformat(),
        "companyCode": company,
        "invoices": [invoice_facts(invoice, 0) for invoice in invoices],
    }


def _elsewhere(house: House, asked: Mapping[str, str]) -> Any:
    """The other host that a redirect leads to; a client that follows it hands its headers to a stranger."""
    del asked
    house.lookups.redirects_followed += 1
    return {"code": 0, "msg": "", "data": []}


def _journal(house: House, asked: Mapping[str, str]) -> Any:
    only, limit = asked.get("userId"), int(asked.get("limit", _LISTED))
    names = ("at", "userId", "socket", "what", "about")
    entries = [dict(zip(names, e, strict=True)) for e in house.journal if only in (None, e[1])]
    return entries[-limit:]


def _faults(house: House, asked: Mapping[str, str]) -> Any:
    del asked
    table = {
        name: {"phases": list(f.phases), "effect": f.effect, "default": _number(f.value)} for name, f in FAULTS.items()
    }
    return {"armed": [_armed(a) for a in house.faults], "table": table}


def _set_fault(house: House, asked: Mapping[str, str]) -> Any:
    value = float(asked["value"]) if "value" in asked else None
    user_id, times = asked.get("userId", ANY_USER), int(asked.get("times", 1))
    return {"armed": _armed(house.faults.arm(asked["name"], user_id, times, value))}


def _clear_faults(house: House, asked: Mapping[str, str]) -> Any:
    del asked
    house.faults.clear()
    return {"armed": []}


def _set_behaviour(house: House, asked: Mapping[str, str]) -> Any:
    house.behaviours.set(asked["userId"], Behaviour.read(json.loads(asked["behaviour"])))
    return {"set": asked["userId"]}


def _clear_behaviours(house: House, asked: Mapping[str, str]) -> Any:
    del asked
    house.behaviours.clear()
    return {"cleared": True}


def _scans(house: House, asked: Mapping[str, str]) -> Any:
    only = asked.get("userId")
    return [
        {"userId": s.user_id, "url": house.scan_url(s.token), "remark": s.order["remark"], "works": s.works}
        for s in house.waiting_scans()
        if only in (None, s.user_id)
    ]


def _confirm_scans(house: House, asked: Mapping[str, str]) -> Any:
    only = asked.get("userId")
    due = [s.token for s in house.waiting_scans() if only in (None, s.user_id)]
    return {"confirmed": sum(house.scans.settle(token, ScanState.CONFIRMED) for token in due)}


def _drop(house: House, asked: Mapping[str, str]) -> Any:
    return {"dropped": house.drop(asked.get("userId"))}


def _reset(house: House, asked: Mapping[str, str]) -> Any:
    del asked
    house.reset()
    return {"reset": True}


_ASKS: Mapping[str, Callable[[House, Mapping[str, str]], Any]] = {
    "ledger": _ledger,
    "submissions": _submissions,
    "sessions": _sessions,
    "queries": _queries,
    "archive": _archive,
    "elsewhere": _elsewhere,
    "journal": _journal,
    "faults": _faults,
    "faults/set": _set_fault,
    "faults/clear": _clear_faults,
    "behaviour/set": _set_behaviour,
    "behaviour/clear": _clear_behaviours,
    "scans": _scans,
    "scans/confirm": _confirm_scans,
    "drop": _drop,
    "reset": _reset,
}


_FILES: Mapping[str, tuple[str, Callable[[Invoice], bytes]]] = {
    "pdf": ("application/pdf", pdf),
    "ofd": ("application/ofd", ofd),
    "xml": ("application/xml", xml),
}


def _armed(armed: Armed) -> dict[str, Any]:
    return {"name": armed.name, "userId": armed.user_id, "times": armed.times, "value": _number(armed.value)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, str)) else str(value)


def _number(value: float | None) -> Any:
    return None if value is None else str(value)


def _json(data: Any, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    text = dumps({"data": data})[len('{"data":') : -1]
    return Answer(status, "application/json; charset=utf-8", text.encode("utf-8", "replace"))


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(status, "text/html; charset=utf-8", text.encode("utf-8", "replace"))
