"""What all conversations of the stand-in share: books, faults, scans, counts, notes, and the wire to its clients.

Nobody here opens a socket: whoever does (`server`) makes a house by saying how to send and cut. Knows nothing of the
worker.
"""

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from worker.clock import Clock
from worker.sandbox.alterations import Behaviours
from worker.sandbox.books.archive import Archive
from worker.sandbox.books.books import Books, QueryFilter
from worker.sandbox.books.ledger import Ledger
from worker.sandbox.cassettes import Replays
from worker.sandbox.faults import FaultBook
from worker.sandbox.feed import Feed
from worker.sandbox.tapes import Tape, Tapes
from worker.sandbox.timepiece import Timepiece
from worker.sandbox.vendor import Downloads, Scan, ScanState, Vendor

_FIRST_DAY: Final = date(2024, 1, 1)
_LAST_DAY: Final = date(2024, 12, 31)


def _words(meaning: str, metavar: str | None = None, least: float | None = None) -> dict[str, Any]:
    words = {"help": meaning, "metavar": metavar, "least": least}
    return {name: word for name, word in words.items() if word is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves; each field says what it means. `None` for a path is memory."""

    host: str = field(default="127.0.0.1", metadata=_words("Where to listen; 0.0.0.0 lets phones reach it."))
    port: int = field(default=0, metadata=_words("0 takes a free one.", least=0))
    public_url: str | None = field(
        default=None, metadata=_words("How phones reach it, for QRs and file addresses.", "URL")
    )
    qr: Literal["auto", "always", "never"] = field(
        default="always", metadata=_words("Ask for a scan always, for the first invoice of each account, or never.")
    )
    auto_scan_seconds: float | None = field(
        default=None, metadata=_words("Scans confirm themselves after so long.", "SECONDS", least=0)
    )
    qr_valid_seconds: float = field(default=300.0, metadata=_words("A QR then expires.", "SECONDS", least=0))
    login_delay_seconds: float = field(default=0.0, metadata=_words("How slow logins are.", "SECONDS", least=0))
    issue_delay_seconds: float = field(default=0.0, metadata=_words("How slow issuing is.", "SECONDS", least=0))
    query_delay_seconds: float = field(
        default=0.0, metadata=_words("How slow pages of a query are.", "SECONDS", least=0)
    )
    download_delay_seconds: float = field(
        default=0.0, metadata=_words("How slow the notices behind them are.", "SECONDS", least=0)
    )
    ledger_path: Path | None = field(default=None, metadata=_words("Keep the books in this file.", "PATH"))
    clock_path: Path | None = field(default=None, metadata=_words("Keep the clock's offset in this file.", "PATH"))
    archive_count: int = field(default=0, metadata=_words("Invoices of the past, of every company.", "N", least=0))
    archive_seed: int = field(default=1, metadata=_words("Another seed is another past.", "N"))
    archive_from: date = field(default=_FIRST_DAY, metadata=_words("The archive's first day.", "DAY"))
    archive_to: date = field(default=_LAST_DAY, metadata=_words("The archive's last day.", "DAY"))
    archive_company: str | None = field(default=None, metadata=_words("The only company that has an archive.", "CODE"))
    files_not_ready: int = field(
        default=0, metadata=_words("So many first look-ups of an invoice's files find none.", "N", least=0)
    )
    notice_per_page: bool = field(
        default=True, metadata=_words("A download notice behind every page, or the last alone.")
    )
    keep_alive_seconds: float = field(
        default=60.0,
        metadata=_words("An idle HTTP connection is closed after so long; 0: after each answer.", "SECONDS", least=0),
    )
    naive_unregister: bool = field(
        default=True,
        metadata=_words("A late close of an old socket removes the new one's route, as usual servers do, or not."),
    )
    max_message_bytes: int = field(
        default=1024 * 1024, metadata=_words("A longer frame closes the socket.", "BYTES", least=1)
    )


_KEPT_NOTES: Final = 10_000


class AskedPage(NamedTuple):
    """One page that a query was answered with. Holds no secret."""

    at: str
    user_id: str
    wanted: QueryFilter
    page_number: int
    page_size: int
    rows: int


@dataclass(slots=True)
class LookUps:
    """What was seen of these calls. ``max_concurrent`` counts calls that were answered at the same time,
    ``connections`` those that a look-up opened."""

    items: int = 0
    files: int = 0
    file_ids: int = 0
    violations: int = 0
    redirects_followed: int = 0
    connections: int = 0
    max_concurrent: int = 0
    under_way: int = field(default=0, repr=False)
    asked_before: Counter[int] = field(default_factory=Counter, repr=False)


LOOK_UP_COUNTS: Final = tuple(each.name for each in fields(LookUps) if each.repr)


class ScanDesk:
    """The scans that people have yet to make."""

    def __init__(
        self, vendor: Vendor, clock: Timepiece, feed: Feed, *, valid_seconds: float, auto_seconds: float | None
    ) -> None:
        self._vendor = vendor
        self._clock = clock
        self._feed = feed
        self._valid_seconds = valid_seconds
        self._auto_seconds = auto_seconds
        self._waiting: dict[str, asyncio.Future[ScanState]] = {}
        self._confirming: set[asyncio.Task[None]] = set()

    def show(self, user_id: str, order: dict[str, Any], *, works: bool) -> Scan:
        """Open a scan; one that works confirms itself after ``auto_seconds``, where that is set."""
        scan = Scan(secrets.token_urlsafe(7), user_id, order, works)
        self._vendor.shown(scan)
        if works:
            self._waiting[scan.token] = asyncio.get_running_loop().create_future()
            if self._auto_seconds is not None:
                task = asyncio.create_task(self._confirm_later(scan.token, self._auto_seconds))
                self._confirming.add(task)
                task.add_done_callback(self._confirming.discard)
        self._feed.add("qr.shown", user_id, about=scan.token, remark=str(order.get("remark", "")))
        return scan

    async def _confirm_later(self, token: str, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.settle(token, ScanState.CONFIRMED)

    def settle(self, token: str, state: ScanState) -> bool:
        """End a scan; false if it had ended, cannot end this way, or is unknown."""
        scan = self._vendor.settle_scan(token, state)
        if scan is None:
            return False
        self._feed.add(f"scan.{state}", scan.user_id, about=token, remark=str(scan.order.get("remark", "")))
        waiting = self._waiting.pop(token, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(state)
        return True

    def forget(self) -> None:
        """Drop all scans; whoever waited for one must have been cancelled."""
        self._waiting.clear()
        for task in self._confirming:
            task.cancel()

    async def outcome(self, scan: Scan) -> ScanState:
        """Wait for the person, or for the QR to expire."""
        waiting = self._waiting.get(scan.token)
        if waiting is None:
            return scan.state
        expiry = asyncio.ensure_future(self._clock.sleep(self._valid_seconds))
        try:
            await asyncio.wait((waiting, expiry), return_when=asyncio.FIRST_COMPLETED)
        finally:
            expiry.cancel()
        if not waiting.done():
            self.settle(scan.token, ScanState.EXPIRED)
        return await waiting


class House(ABC):
    """Everything that is remembered; conversations take it and talk through it. Everything public may be inspected."""

    def __init__(self, options: SandboxOptions | None = None, clock: Clock | None = None) -> None:
        """Open the ledger. Raises ``OSError`` if its file, or the clock's, cannot be opened."""
        self.options = options or SandboxOptions()
        self.clock = Timepiece(clock, self.options.clock_path)
        self.vendor = Vendor(naive_unregister=self.options.naive_unregister)
        self.ledger = Ledger(self.options.ledger_path, self.clock)
        self.faults = FaultBook()
        self.behaviours = Behaviours()
        self.replays = Replays()
        self.feed = Feed(self.clock.now)
        self.tapes = Tapes()
        self.scans = ScanDesk(
            self.vendor,
            self.clock,
            self.feed,
            valid_seconds=self.options.qr_valid_seconds,
            auto_seconds=self.options.auto_scan_seconds,
        )
        self.seed(
            Archive(
                count=self.options.archive_count,
                seed=self.options.archive_seed,
                first_day=self.options.archive_from,
                last_day=self.options.archive_to,
                company=self.options.archive_company,
            )
        )
        self.downloads = Downloads()
        self.lookups = LookUps()
        self.queries: deque[AskedPage] = deque(maxlen=_KEPT_NOTES)
        self._exchanges: set[asyncio.Task[None]] = set()

    # ---- the wire ------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def port(self) -> int:
        """The port it listens on. Raises ``RuntimeError`` before it does."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The gateway address for the worker, without a path."""

    @property
    @abstractmethod
    def http_url(self) -> str:
        """The address of pages, files and controls, as QRs and results name it."""

    @abstractmethod
    async def send(self, user_id: str, message: str | bytes) -> None:
        """Send to the user's newest socket, as the map has it now; a lost message is only counted."""

    @abstractmethod
    def cut(self, socket: int) -> None:
        """Cut a socket without a closing handshake."""

    @abstractmethod
    def drop(self, user_id: str | None = None) -> int:
        """Cut the open sockets of a user (or all) without a closing handshake; returns how many."""

    def scan_url(self, token: str) -> str:
        """The page behind a QR."""
        return f"{self.http_url}/scan/{token}"

    def file_url(self, number: str, kind: str = "pdf") -> str:
        """Where a file of an invoice is."""
        return f"{self.http_url}/files/{number}.{kind}"

    # ---- what goes on --------------------------------------------------------------------------------

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Go on with this beside everything else, until it ends or the house is reset or left."""
        task = asyncio.create_task(work)
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)

    async def end_exchanges(self) -> None:
        """Cancel what goes on, and wait for it."""
        for task in self._exchanges:
            task.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    def seed(self, archive: Archive) -> None:
        """Lay out another past. What the ledger holds stays."""
        self.archive = archive
        self.books = Books(self.ledger, archive)

    def reset(self) -> None:
        """Forget books, counts, scans and faults, and end exchanges under way. Open sockets stay, and the clock goes
        on from where it is."""
        for task in self._exchanges:
            task.cancel()
        self.ledger.clear()
        self.faults.clear()
        self.behaviours.clear()
        self.replays.clear()
        self.feed.clear()
        self.tapes.clear()
        self.queries.clear()
        self.downloads.forget()
        self.lookups = LookUps()
        self.scans.forget()
        self.vendor.forget()
        self.feed.add("sandbox.reset")

    def waiting_scans(self) -> list[Scan]:
        """The QRs that are shown and not settled, oldest first."""
        return [scan for scan in self.vendor.scans.values() if scan.state is ScanState.WAITING]

    def confirm(self, token: str) -> bool:
        """Confirm a scan as the page's button does; false if it cannot be."""
        return self.scans.settle(token, ScanState.CONFIRMED)

    # ---- notes ---------------------------------------------------------------------------------------

    def complain(self, user_id: str, socket: int, violations: list[str]) -> None:
        """Count a frame that leaves the manual, and say where."""
        if violations:
            self.vendor.of(user_id).violations += 1
            self.feed.add("manual.violated", user_id, socket, "; ".join(violations))

    def note(self, user_id: str, socket: int, event: str, about: str = "", *, frame: str = "") -> None:
        """Enter what happened on a socket."""
        self.feed.add(event, user_id, socket, about, frame=frame)

    def tape(self, number: int, user_id: str, order: Any) -> Tape:
        """Begin the tape of an order that was entered in the ledger under this number."""
        tape = self.tapes.begin(
            number,
            self.clock.now().isoformat(),
            user_id,
            order,
            self.clock.monotonic(),
            self.feed.secrets_of(user_id),
        )
        self.feed.add("order.received", user_id, about=str(number), remark=tape.remark)
        return tape

    def note_query(self, user_id: str, what: QueryFilter, number: int, size: int, rows: int) -> None:
        """Enter a page that was told in the log of queries."""
        self.queries.append(AskedPage(self.clock.now().isoformat(), user_id, what, number, size, rows))
        self.feed.add("query.answered", user_id, about=f"page {number}, {rows} rows")
