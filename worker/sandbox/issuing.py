"""The conversation on ``/invoice``: a login, then orders, each by its script: pauses, QRs, scans, an answer.

Guaranteed: a submission is in the ledger before anything else is done with it. Once begun, an exchange goes on without
its socket, as a vendor's back end would: the person can still scan, the invoice is still issued, and the reply goes to
whatever socket the map has for the ``userId`` by then, or nowhere.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.gateway import INVOICE_INFO, INVOICE_PDF, INVOICE_QRCODE, LOGIN
from worker.sandbox.alterations import altered, asked_changes
from worker.sandbox.books.ledger import BookedInvoice
from worker.sandbox.cassettes import URL
from worker.sandbox.cassettes import steps as replayed
from worker.sandbox.dialogue import (
    LOGIN_REASON,
    AwaitScan,
    Cut,
    FailQr,
    Issue,
    Pause,
    Say,
    SayRefused,
    SendGarbage,
    SendResult,
    ShowQr,
    Step,
    as_told,
    script,
)
from worker.sandbox.faults import Asked, asked_by_password, asked_in, unheard
from worker.sandbox.house import House
from worker.sandbox.page.scanning import qr_data
from worker.sandbox.replies import bent_result, frame, other_invoice, result, status
from worker.sandbox.tapes import Tape
from worker.sandbox.vendor import Scan, ScanState, invoice_violations, login_violations

_ACCEPTED: Final = ("1", 1)
"""How the vendor says that a login holds; `True` is 1."""


async def hear(house: House, user_id: str, socket: int, told: Any) -> None:
    """Take a frame that came on ``/invoice``; a slow login holds up the next frame."""
    type_word = told.get("type") if isinstance(told, dict) else None
    if type_word == INVOICE_INFO:
        await _take_order(house, user_id, socket, told.get("data"))
    elif type_word == LOGIN:
        await _log_in(house, user_id, socket, told.get("data"))
    else:
        house.complain(user_id, socket, ["a frame that the manual does not know"])


async def _log_in(house: House, user_id: str, socket: int, data: Any) -> None:
    violations = login_violations(data)
    house.complain(user_id, socket, violations)
    asked = house.faults.take(user_id, "login") | ({} if violations else asked_by_password(data["password"]))
    delay = house.options.login_delay_seconds + asked.get("login_slow", 0.0)
    if delay:
        await house.clock.sleep(delay)
    if "login_dropped" in asked:
        house.cut(socket)
        return
    if "login_silent" in asked:
        return
    (told,) = house.behaviours.take_login(user_id) or (_login_answer(asked, is_sound=not violations),)
    house.vendor.logged_in(user_id, socket, accepted=told in _ACCEPTED)
    await house.send(user_id, frame(LOGIN, user_id, told, asked))


def _login_answer(asked: Asked, *, is_sound: bool) -> Any:
    if "login_reason" in asked:
        return LOGIN_REASON
    return status(is_sound and "login_refused" not in asked, asked)


async def _take_order(house: House, user_id: str, socket: int, order: Any) -> None:
    violations = invoice_violations(order)
    tape = house.tape(house.ledger.submit(user_id, order, tuple(violations)).sequence, user_id, order)
    house.vendor.exchange_began(user_id)
    house.complain(user_id, socket, violations)
    if violations or not house.vendor.is_logged_in(socket):
        house.vendor.exchange_ended(user_id)
        tape.tell(house.clock.monotonic(), INVOICE_PDF, status(False, {}))
        tape.is_over = True
        await house.send(user_id, frame(INVOICE_PDF, user_id, status(False, {}), {}))
        return
    for lost in unheard({"invoice"}, order["buyerName"], order["remark"]):
        house.feed.add("fault.unheard", user_id, socket, lost, remark=order["remark"])
    asked = house.faults.take(user_id, "invoice") | asked_in(order["buyerName"], order["remark"])
    exchange = Issuing(house, user_id, socket, order, asked, tape)
    steps = _steps(house, user_id, order, asked)
    if any(isinstance(step, (AwaitScan, Pause)) for step in steps):
        house.begin(exchange.perform(steps))
    else:
        await exchange.perform(steps)


def _steps(house: House, user_id: str, order: dict[str, Any], asked: Asked) -> tuple[Step, ...]:
    """What was recorded, or laid down, or else what usually follows."""
    cassette = house.replays.take(user_id)
    if cassette is not None:
        return replayed(cassette, order)
    return as_told(house.behaviours.of(user_id)) or script(
        asked,
        qr=_wants_scan(house, order),
        issue_delay_seconds=house.options.issue_delay_seconds,
    )


def _wants_scan(house: House, order: dict[str, Any]) -> bool:
    if house.options.qr == "auto":
        return not house.vendor.knows_face(order["sellerLoginAccount"])
    return house.options.qr == "always"


_MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Issuing:
    """One order on its way."""

    house: House
    user_id: str
    socket: int
    order: dict[str, Any] = field(repr=False)
    asked: Asked
    tape: Tape
    scan: Scan | None = None
    invoice: BookedInvoice | None = None

    async def perform(self, steps: tuple[Step, ...]) -> None:
        """Go through the steps; a scan that is declined or expires ends the exchange."""
        try:
            for step in steps:
                if isinstance(step, AwaitScan):
                    if not await self._scanned():
                        await self._say_status(INVOICE_QRCODE)
                        return
                else:
                    await self._do(step)
        finally:
            self.house.vendor.exchange_ended(self.user_id)
            self.tape.is_over = True
            self._happened("order.ended", self.tape.invoice)

    async def _do(self, step: Step) -> None:
        match step:
            case Pause(seconds):
                await self.house.clock.sleep(seconds)
            case ShowQr(form, works):
                await self._show_qr(form, works=works)
            case FailQr():
                await self._say_status(INVOICE_QRCODE)
            case Issue(as_draft, listed_after_seconds):
                self._issue(as_draft, listed_after_seconds)
            case SayRefused():
                await self._say_status(INVOICE_PDF)
            case Say(type_word, data):
                await self._send(type_word, self._with_address(data))
            case SendResult(whose):
                await self._send_result(whose)
            case SendGarbage(mebibytes):
                text = "x" * int(mebibytes * _MEBIBYTE) or "<html>502 Bad Gateway</html>"
                self.tape.tell(self.house.clock.monotonic(), "", "not JSON")
                await self.house.send(self.user_id, text)
            case Cut():
                self.tape.tell(self.house.clock.monotonic(), "", "the socket is cut")
                self.house.cut(self.socket)

    def _issue(self, as_draft: bool, listed_after_seconds: float | None) -> None:
        self.invoice = self.house.ledger.issue(
            self.user_id, self.order, as_draft=as_draft, listed_after_seconds=listed_after_seconds
        )
        self.tape.invoice = self.invoice.number
        self.tape.state = "invoice.drafted" if as_draft else "invoice.issued"
        self._happened(self.tape.state, self.invoice.number)

    def _happened(self, event: str, about: str) -> None:
        self.house.feed.add(event, self.user_id, self.socket, about, remark=self.tape.remark)

    def _with_address(self, data: Any) -> Any:
        """Data of a record: the invoice's address is this sandbox's."""
        if self.invoice is None:
            return data
        if isinstance(data, dict):
            return {name: self._with_address(value) for name, value in data.items()}
        return data.replace(URL, self.house.file_url(self.invoice.number)) if isinstance(data, str) else data

    async def _scanned(self) -> bool:
        if self.scan is None:
            return True
        outcome = await self.house.scans.outcome(self.scan)
        self.tape.state = f"scan.{outcome}"
        return outcome is ScanState.CONFIRMED

    async def _show_qr(self, form: Any, *, works: bool) -> None:
        if self.scan is not None:
            self.house.scans.settle(self.scan.token, ScanState.SUPERSEDED)
        self.scan = self.house.scans.show(self.user_id, self.order, works=works)
        self.tape.state = "qr.shown"
        data = qr_data(self.house.scan_url(self.scan.token), form)
        await self._send(INVOICE_QRCODE, data)

    async def _say_status(self, type_word: str) -> None:
        await self._send(type_word, status(False, self.asked))

    async def _send_result(self, whose: str) -> None:
        user_id, order, number = self.user_id, self.order, "unknown"
        if whose != "own":
            order = other_invoice(order)
        if whose == "other_user":
            user_id += "0"
        elif self.invoice is not None:
            number = self.invoice.number
        as_draft = whose == "own" and self.invoice is not None and self.invoice.is_draft
        url = self.house.file_url(number)
        told = result(order, user_id=user_id, url=url, as_draft=as_draft)
        if whose == "own":
            changes = (*asked_changes(self.asked, "echo"), *self.house.behaviours.of(self.user_id).result)
            told = altered(told, changes, self._issued_at())
        type_word, data = bent_result(told, self.asked)
        await self._send(type_word, data, user_id)

    def _issued_at(self) -> datetime:
        return datetime.fromisoformat(self.invoice.issued_at) if self.invoice is not None else self.house.ledger.now()

    async def _send(self, type_word: str, data: Any, send_to: str | None = None) -> None:
        text = frame(type_word, send_to or self.user_id, data, self.asked)
        self.tape.tell(self.house.clock.monotonic(), type_word, data)
        binary = "binary_frame" in self.asked and type_word == INVOICE_PDF
        await self.house.send(self.user_id, text.encode() if binary else text)
