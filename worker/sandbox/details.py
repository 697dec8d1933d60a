"""The two HTTP look-ups: the items of an invoice, and where the files of some invoices are.

They know no user (trap 86) and read nothing but the address (trap 77). What leaves the manual is answered with 400
and counted. The faults of these calls can only be armed from outside: there is no text in them to ask in.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from contracts.gateway import dumps
from contracts.gateway_query import FILE_PATH, ITEM_PATH
from worker.sandbox.alterations import altered
from worker.sandbox.books.rows import FILE_TYPES, Row, bent_rows, file_rows, item_rows
from worker.sandbox.calls import Answer
from worker.sandbox.faults import Asked
from worker.sandbox.house import House

LARGEST_ID: Final = 2**63 - 1
_LONGEST_ID: Final = 19
_STATUSES: Final = {
    "http_401": HTTPStatus.UNAUTHORIZED,
    "http_403": HTTPStatus.FORBIDDEN,
    "http_429": HTTPStatus.TOO_MANY_REQUESTS,
    "http_500": HTTPStatus.INTERNAL_SERVER_ERROR,
    "http_503": HTTPStatus.SERVICE_UNAVAILABLE,
}


def is_look_up(path: str) -> bool:
    """Whether an address is one of the two; a prefix may stand before it."""
    return f"{ITEM_PATH}/" in path or path.endswith(FILE_PATH)


async def look_up(house: House, target: str, method: str) -> Answer | None:
    """Answer a call; ``None`` asks to cut the connection instead."""
    seen = house.lookups
    seen.under_way += 1
    seen.max_concurrent = max(seen.max_concurrent, seen.under_way)
    try:
        parts = urlsplit(target)
        if method != "GET":
            return _refused(house, "not a GET")
        if f"{ITEM_PATH}/" in parts.path:
            return await _items(house, unquote(parts.path.rpartition(f"{ITEM_PATH}/")[2]), parts.query)
        return await _files(house, parts.query)
    finally:
        seen.under_way -= 1


async def _items(house: House, identity: str, query: str) -> Answer | None:
    house.lookups.items += 1
    if not _is_id(identity) or query:
        return _refused(house, "invoiceBasicInfoId is not a long" if not query else "items take no parameters")
    asked = house.faults.take("", "items")
    invoice = house.books.by_id(int(identity))
    rows = item_rows(invoice) if invoice is not None and "items_none" not in asked else []
    if "items_foreign" in asked:
        rows += item_rows(house.books.strangers(1)[0])
    return await _answer(house, bent_rows(rows, asked), asked)


async def _files(house: House, query: str) -> Answer | None:
    house.lookups.files += 1
    ids, types, faults = _file_parameters(query)
    if faults:
        return _refused(house, "; ".join(faults))
    house.lookups.file_ids += len(ids)
    asked = house.faults.take("", "files")
    if "files_types_missing" in asked:
        types = types[:1]
    rows = [] if "files_none" in asked else _rows_of(house, ids, types)
    if "files_foreign" in asked:
        rows += file_rows(house.books.strangers(1)[0], types, house.file_url)
    if "files_urls_relative" in asked:
        rows = [{**told, "url": urlsplit(told["url"]).path} for told in rows]
    return await _answer(house, bent_rows(rows, asked), asked)


def _rows_of(house: House, ids: list[int], types: list[str]) -> list[Row]:
    rows, before = [], house.lookups.asked_before
    for identity in dict.fromkeys(ids):
        invoice = house.books.by_id(identity)
        if invoice is None:
            continue
        if before[identity] < house.options.files_not_ready:
            before[identity] += 1
            continue
        changes, at = house.behaviours.of(invoice.user_id).files, datetime.fromisoformat(invoice.issued_at)
        rows += [altered(told, changes, at) for told in file_rows(invoice, types, house.file_url)]
    return rows


def _file_parameters(query: str) -> tuple[list[int], list[str], list[str]]:
    """Ids, types and violations. Keys may repeat, hold commas, or end in ``[]``: which one is meant is not said."""
    told: dict[str, list[str]] = {"invoiceIdList": [], "typeList": []}
    faults = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        key = name.removesuffix("[]")
        if key in told:
            told[key] += value.split(",")
        else:
            faults.append(f"{name} is not in the manual")
    ids, types = told["invoiceIdList"], told["typeList"] or list(FILE_TYPES)
    if not ids:
        faults.append("invoiceIdList is missing")
    faults += ["an id is not a long" for identity in ids if not _is_id(identity)][:1]
    faults += ["a type is not in the manual" for kind in types if kind not in FILE_TYPES][:1]
    return ([] if faults else [int(identity) for identity in ids]), types, faults


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID and int(text) <= LARGEST_ID


def _refused(house: House, why: str) -> Answer:
    house.lookups.violations += 1
    house.feed.add("manual.violated", about=why)
    return _json({"code": 400, "msg": why, "data": None}, HTTPStatus.BAD_REQUEST)


async def _answer(house: House, rows: list[Row], asked: Asked) -> Answer | None:
    if "http_slow" in asked:
        await house.clock.sleep(asked["http_slow"])
    if "http_cut" in asked:
        return None
    if "http_redirect" in asked:
        elsewhere = f"http://localhost:{house.port}/_sandbox/elsewhere"
        return Answer(HTTPStatus.FOUND, "text/plain", b"", (("Location", elsewhere),))
    name = next((name for name in _STATUSES if name in asked), None)
    if name is not None:
        headers = (("Retry-After", f"{asked[name]:g}"),) if asked[name] else ()
        return _json({"code": _STATUSES[name].value, "msg": name, "data": None}, _STATUSES[name], headers)
    if "http_not_json" in asked:
        return Answer(HTTPStatus.OK, "text/html", b"<html>502 Bad Gateway</html>")
    if "http_business_error" in asked:
        return _json({"code": 500, "msg": "系统繁忙", "data": None})
    data: Any = None if "http_data_null" in asked else rows
    return _json({"code": 200 if "http_code_200" in asked else 0, "msg": "", "data": data})


def _json(
    told: dict[str, Any], status: HTTPStatus = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    return Answer(status, "application/json; charset=utf-8", dumps(told).encode("utf-8", "replace"), headers)
