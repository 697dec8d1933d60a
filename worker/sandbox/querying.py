"""The conversation on ``/web/invoice``: a query brings a page, a page brings a download notice, a failure a retry.

Guaranteed: one request holds login, condition and page, and there is no login frame; answers go to the newest socket
of the ``userId``, whichever endpoint it is on. A query under way goes on without its socket.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.gateway import LOGIN, QUERY_INVOICE, QUERY_INVOICE_DOWNLOAD_ZIP
from worker.sandbox.alterations import altered, asked_changes
from worker.sandbox.books.books import Selection, Wanted, wanted
from worker.sandbox.books.ledger import Invoice
from worker.sandbox.books.rows import Row, bent_page, bent_rows, moment_text, paging, row
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
    what: Wanted
    condition: dict[str, Any]
    number: int
    size: int
    asked: Asked
    found: Sequence[Invoice] = ()
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

    async def _say_page(self, invoices: Sequence[Invoice], total: int, send_to: str) -> None:
        rows = [self._row(invoice, send_to) for invoice in invoices]
        if "rows_foreign" in self.asked:
            strangers = self.house.books.strangers(_MIXED_IN)
            rows += [row(stranger, self.what.query_type, send_to) for stranger in strangers]
        told = paging(total, self.number, self.size, self.asked)
        type_word, data = bent_page(bent_rows(rows, self.asked), told, self.asked)
        await self._say(type_word, data, send_to)

    def _row(self, invoice: Invoice, send_to: str) -> Row:
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
