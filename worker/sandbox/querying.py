"""What may be asked of the archive: the conversation on ``/web/invoice``, where a query brings a page, a page brings a
download notice, a failure a retry; and over HTTP the items of an invoice, and where the files of some invoices are.

Guaranteed: one request holds login, condition and page, and there is no login frame; answers go to the newest socket
of the ``userId``, whichever endpoint it is on. A query under way goes on without its socket. The HTTP look-ups
know no user (trap 86) and read nothing but the address (trap 77). What leaves the manual is answered with 400 and
counted. The faults of these calls can only be armed from outside: there is no text in them to ask in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from contracts.gateway import LOGIN, QUERY_INVOICE, QUERY_INVOICE_DOWNLOAD_ZIP, dumps
from contracts.gateway_query import FILE_PATH, ITEM_PATH
from worker.sandbox.alterations import altered, asked_changes
from worker.sandbox.books.books import QueryFilter, Selection, wanted
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.books.rows import (
    FILE_TYPES,
    Row,
    bent_page,
    bent_rows,
    file_rows,
    item_rows,
    moment_text,
    paging,
    row,
)
from worker.sandbox.calls import Answer
from worker.sandbox.dialogue import LOGIN_REASON
from worker.sandbox.faults import Asked, asked_by_password, asked_in, unheard
from worker.sandbox.house import House
from worker.sandbox.replies import frame, status
from worker.sandbox.vendor import ALWAYS, query_violations

GARBAGE = "<html>502 Bad Gateway</html>"
_MIXED_IN = 2


async def hear(house: House, user_id: str, socket: int, told: Any) -> None:
    """Take a frame that came on ``/web/invoice``. Queries run beside the reading of further frames."""
    type_word = told.get("type") if isinstance(told, dict) else None
    if type_word == QUERY_INVOICE:
        _take_query(house, user_id, socket, told.get("data"))
    elif type_word == QUERY_INVOICE_DOWNLOAD_ZIP:
        house.begin(_download_again(house, user_id, socket, told.get("data")))
    else:
        house.complain(user_id, socket, ["a frame that the manual does not know here"])


def _take_query(house: House, user_id: str, socket: int, data: Any) -> None:
    violations = query_violations(data)
    house.complain(user_id, socket, violations)
    if violations:
        house.begin(house.send(user_id, frame(QUERY_INVOICE, user_id, status(False, {}), {})))
        return
    condition, page = data["condition"], data["page"]
    names = (condition.get("buyerName") or "", condition.get("sellerName") or "")
    for lost in unheard({"login", "query", "download"}, *names):
        house.feed.add("fault.unheard", user_id, socket, lost)
    asked = {
        **house.faults.take(user_id, "query"),
        **house.faults.take(user_id, "download"),
        **asked_by_password(data["login"]["password"]),
        **asked_in(*names),
    }
    house.vendor.query_began(user_id, page["pageNumber"])
    what = wanted(data["login"]["companyCode"], condition)
    house.begin(Inquiry(house, user_id, socket, what, condition, page["pageNumber"], page["pageSize"], asked).run())


async def _download_again(house: House, user_id: str, socket: int, date: Any) -> None:
    house.vendor.of(user_id).downloads += 1
    asked = house.faults.take(user_id, "download")
    if not isinstance(date, str) or not house.downloads.knows(user_id, date):
        house.complain(user_id, socket, ["a download that never failed, or not in these bytes"])
        await house.send(user_id, frame(QUERY_INVOICE_DOWNLOAD_ZIP, user_id, date, asked))
        return
    await house.clock.sleep(house.options.download_delay_seconds + asked.get("download_late", 0.0))
    odd = _odd_notice(asked)
    if "download_dropped" in asked:
        house.cut(socket)
    elif odd is not None:
        await house.send(user_id, frame(QUERY_INVOICE_DOWNLOAD_ZIP, user_id, odd, asked))
    elif "download_silent" not in asked:
        data = status(True, asked) if house.downloads.retry(user_id, date) else date
        await house.send(user_id, frame(QUERY_INVOICE_DOWNLOAD_ZIP, user_id, data, asked))


def _odd_notice(asked: Asked) -> str | None:
    if "download_zero" in asked:
        return "0"
    return "下载异常" if "download_garbage" in asked else None


@dataclass(slots=True)
class Inquiry:
    """One page on its way, and the notice behind it."""

    house: House
    user_id: str
    socket: int
    what: QueryFilter
    condition: dict[str, Any]
    number: int
    size: int
    asked: Asked
    found: Sequence[BookedInvoice] = ()
    total: int = 0

    async def run(self) -> None:
        """Answer; faults decide how far it comes."""
        try:
            answered = await self._answer()
        finally:
            self.house.vendor.exchange_ended(self.user_id)
        if answered and "download_before_page" not in self.asked:
            await self._notify()

    async def _answer(self) -> bool:
        asked, options = self.asked, self.house.options
        slow = asked.get("query_slow", 0.0) + asked.get("login_slow", 0.0)
        await self.house.clock.sleep(options.query_delay_seconds + slow)
        if asked.keys() & {"query_dropped", "login_dropped"}:
            self.house.cut(self.socket)
            return False
        if asked.keys() & {"query_silent", "login_silent"}:
            return False
        if asked.keys() & {"login_refused", "login_reason"}:
            self.house.vendor.of(self.user_id).login_refusals += 1
            await self._say(LOGIN, LOGIN_REASON if "login_reason" in asked else status(False, asked))
            return False
        if "query_refused" in asked:
            await self._say(QUERY_INVOICE, status(False, asked))
            return False
        return await self._tell_page()

    async def _tell_page(self) -> bool:
        asked = self.asked
        self._look()
        if "query_login_told" in asked:
            await self._say(LOGIN, status(True, asked))
        if "download_before_page" in asked:
            await self._notify()
        if "query_other_send_to" in asked:
            strangers = self.house.books.strangers(_MIXED_IN)
            await self._say_page(strangers, len(strangers), f"{self.user_id}0")
        if asked.keys() & {"query_garbage", "query_garbage_only"}:
            await self.house.send(self.user_id, GARBAGE)
        if "query_garbage_only" in asked:
            return False
        for _ in range(1 + ("query_twice" in asked)):
            await self._say_page(self.found, self.total, self.user_id)
        if "query_dropped_after_page" in asked:
            self.house.cut(self.socket)
            return False
        return True

    def _look(self) -> None:
        """Find the rows of this page, and how many there are in all."""
        what = self.what.unfiltered() if "query_filters_ignored" in self.asked else self.what
        listed: Selection = self.house.books.select(what)
        hidden = self._not_there_yet(len(listed))
        start = hidden + (0 if "paging_repeats" in self.asked else (self.number - 1) * self.size)
        self.found, self.total = listed.rows(start, start + self.size), len(listed) - hidden
        self.house.note_query(self.user_id, self.what, self.number, self.size, len(self.found))

    def _not_there_yet(self, total: int) -> int:
        """How many of the newest invoices will only appear while the caller turns pages."""
        per_page = int(self.asked.get("rows_shift", 0))
        return max(0, min(total // 2, per_page * -(-total // self.size)) - per_page * (self.number - 1))

    async def _say_page(self, invoices: Sequence[BookedInvoice], total: int, send_to: str) -> None:
        rows = [self._row(invoice, send_to) for invoice in invoices]
        if "rows_foreign" in self.asked:
            strangers = self.house.books.strangers(_MIXED_IN)
            rows += [row(stranger, self.what.query_type, send_to) for stranger in strangers]
        told = paging(total, self.number, self.size, self.asked)
        type_word, data = bent_page(bent_rows(rows, self.asked), told, self.asked)
        await self._say(type_word, data, send_to)

    def _row(self, invoice: BookedInvoice, send_to: str) -> Row:
        """The invoice as whoever ordered it made the vendor write it."""
        asked = asked_in(invoice.order["buyerName"], invoice.order["remark"])
        changes = (*asked_changes(asked, "listed"), *self.house.behaviours.of(invoice.user_id).row)
        told = row(invoice, self.what.query_type, send_to)
        return altered(told, changes, datetime.fromisoformat(invoice.issued_at)) if changes else told

    async def _notify(self) -> None:
        options, asked = self.house.options, self.asked
        if not options.notice_per_page and self.number * self.size < self.total:
            return
        await self.house.clock.sleep(options.download_delay_seconds + asked.get("download_late", 0.0))
        if "download_dropped" in asked:
            self.house.cut(self.socket)
        elif "download_silent" not in asked:
            for data in self._notices() * (1 + ("download_twice" in asked)):
                await self._say(QUERY_INVOICE_DOWNLOAD_ZIP, data)

    def _notices(self) -> list[Any]:
        asked = self.asked
        odd = _odd_notice(asked)
        if odd is not None:
            return [odd]
        if not asked.keys() & {"download_fails", "download_never", "download_two_dates"}:
            return [status(True, asked)]
        dates = self._dates()
        more = ALWAYS if "download_never" in asked else max(0, int(asked.get("download_fails", 1)) - 1)
        for date in dates:
            self.house.downloads.fail(self.user_id, date, more)
        return list(dates)

    def _dates(self) -> list[str]:
        start = f"{self.condition['startInvoiceDate']} 00:00:00"
        dates = [moment_text(self.found[0]) if self.found else start]
        if "download_two_dates" in self.asked:
            other = moment_text(self.found[-1]) if self.found else start
            dates.append(start if other == dates[0] else other)
        return dates

    async def _say(self, type_word: str, data: Any, send_to: str | None = None) -> None:
        text = frame(type_word, send_to or self.user_id, data, self.asked)
        binary = "query_binary" in self.asked and type_word != LOGIN
        await self.house.send(self.user_id, text.encode() if binary else text)


# ---- over HTTP ------------------------------------------------------------------------------------------

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
