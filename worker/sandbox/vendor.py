"""The vendor's memory: sockets by ``userId``, who is logged in, which scans are open, which downloads failed, what was
counted.

Pure. It behaves as usual Java servers do (trap 10): a map from ``userId`` to the newest socket, replies
routed through that map alone, and a late close of an old socket that removes the new one's entry
(``naive_unregister``). It counts what tests ask about: sockets of one user open at once, exchanges that overlap,
replies lost.

The gateway knows a failed download by its date text alone (trap 74), so that memory is by ``userId`` and that text,
byte for byte (trap 73). It outlives the socket, as ``invoice.download`` needs. It has nothing to do with which files
the look-ups list: the manual does not connect them.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from contracts.gateway import InvoiceInfo, InvoiceItem, Login
from contracts.gateway_query import QueryCondition, QueryInvoice, QueryPage

KEPT_SCANS: Final = 10_000
"""How many ended scans are remembered, so that a page opened late can still say what happened."""


class ScanState(StrEnum):
    """Where a QR stands."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


@dataclass(slots=True)
class Scan:
    """A QR that was shown. One that does not work stays waiting whatever the person does."""

    token: str
    user_id: str
    order: dict[str, Any] = field(repr=False)
    works: bool
    state: ScanState = ScanState.WAITING


@dataclass(slots=True)
class UserCounts:
    """What was seen of one ``userId``. ``max_concurrent`` counts sockets open at the same time, of both endpoints.

    ``pages`` counts every ``query_invoice``, ``queries`` those for a first page, ``downloads`` the retries.
    """

    opened: int = 0
    closed: int = 0
    max_concurrent: int = 0
    logins: int = 0
    login_refusals: int = 0
    submissions: int = 0
    exchanges: int = 0
    max_exchanges: int = 0
    lost_replies: int = 0
    violations: int = 0
    queries: int = 0
    pages: int = 0
    downloads: int = 0


class Vendor:
    """Sockets, logins, scans and counts. Sockets are numbers that the caller gives out."""

    def __init__(self, *, naive_unregister: bool = True) -> None:
        self._naive_unregister = naive_unregister
        self._newest: dict[str, int] = {}
        self._open: dict[str, set[int]] = {}
        self._logged_in: set[int] = set()
        self._faces_known: set[str] = set()
        self.attendance: dict[str, UserCounts] = {}
        self.scans: OrderedDict[str, Scan] = OrderedDict()

    def of(self, user_id: str) -> UserCounts:
        """The counts of a user, made on first sight."""
        seen = self.attendance.get(user_id)
        if seen is None:
            seen = self.attendance[user_id] = UserCounts()
        return seen

    def opened(self, user_id: str, socket: int) -> None:
        """Register a socket. It replaces the user's earlier one in the map; the earlier stays open."""
        seen, sockets = self.of(user_id), self._open.setdefault(user_id, set())
        sockets.add(socket)
        seen.opened += 1
        seen.max_concurrent = max(seen.max_concurrent, len(sockets))
        self._newest[user_id] = socket

    def closed(self, user_id: str, socket: int) -> None:
        """Unregister a socket; naive servers drop the user's entry even if it is another socket's by now."""
        sockets = self._open.get(user_id, set())
        if socket not in sockets:
            return
        sockets.discard(socket)
        self._logged_in.discard(socket)
        self.of(user_id).closed += 1
        if self._naive_unregister or self._newest.get(user_id) == socket:
            self._newest.pop(user_id, None)
        if not sockets:
            del self._open[user_id]

    def open_sockets(self, user_id: str) -> frozenset[int]:
        """The sockets of a user that are open now."""
        return frozenset(self._open.get(user_id, ()))

    def route(self, user_id: str) -> int | None:
        """The socket that gets the next reply for this user; ``None`` counts it as lost."""
        socket = self._newest.get(user_id)
        if socket is None:
            self.of(user_id).lost_replies += 1
        return socket

    def logged_in(self, user_id: str, socket: int, *, accepted: bool) -> None:
        """Note the outcome of a login. It holds for this socket."""
        seen = self.of(user_id)
        seen.logins += 1
        if accepted:
            self._logged_in.add(socket)
        else:
            seen.login_refusals += 1

    def is_logged_in(self, socket: int) -> bool:
        return socket in self._logged_in

    def exchange_began(self, user_id: str) -> None:
        """Note a submission, and that its exchange is under way."""
        self.of(user_id).submissions += 1
        self._began(user_id)

    def query_began(self, user_id: str, page_number: int) -> None:
        """Note that a page was asked for, and that its exchange is under way."""
        seen = self.of(user_id)
        seen.pages += 1
        seen.queries += page_number == 1
        self._began(user_id)

    def exchange_ended(self, user_id: str) -> None:
        seen = self.of(user_id)
        seen.exchanges = max(0, seen.exchanges - 1)

    def _began(self, user_id: str) -> None:
        seen = self.of(user_id)
        seen.exchanges += 1
        seen.max_exchanges = max(seen.max_exchanges, seen.exchanges)

    def knows_face(self, account: str) -> bool:
        """Whether this login account passed a scan since the start (the ``auto`` choice of QR asks)."""
        return account in self._faces_known

    def shown(self, scan: Scan) -> None:
        """Remember a QR that was shown; forget the oldest ended ones beyond ``KEPT_SCANS``."""
        self.scans[scan.token] = scan
        while len(self.scans) > KEPT_SCANS and next(iter(self.scans.values())).state is not ScanState.WAITING:
            self.scans.popitem(last=False)

    def settle_scan(self, token: str, state: ScanState) -> Scan | None:
        """Move a waiting scan on. ``None`` if it is unknown, does not work, or was settled before."""
        scan = self.scans.get(token)
        if scan is None or scan.state is not ScanState.WAITING:
            return None
        if not scan.works and state in (ScanState.CONFIRMED, ScanState.DECLINED):
            return None
        scan.state = state
        if state is ScanState.CONFIRMED:
            self._faces_known.add(str(scan.order.get("sellerLoginAccount")))
        return scan

    def forget(self) -> None:
        """Start the counts anew; sockets that are open stay open and count as opened."""
        still_open = {user_id: len(sockets) for user_id, sockets in self._open.items()}
        self.attendance = {user: UserCounts(n, 0, n) for user, n in still_open.items()}
        self.scans.clear()
        self._faces_known.clear()


def login_violations(data: Any) -> list[str]:
    """Say where the data of a ``login`` leave the manual; empty if they fit. Never repeats a value."""
    if not isinstance(data, dict):
        return ["data is not an object"]
    known = list(Login.model_fields)
    faults = [f"{name} is missing" for name in known if name not in data and name != "companyName"]
    faults += [f"{name} is not in the manual" for name in data if name not in known]
    return faults + [f"{name} is not text" for name in known if name in data and not isinstance(data[name], str)]


def invoice_violations(data: Any) -> list[str]:
    """Say where the data of an ``invoice_info`` leave the manual; empty if they fit. Never repeats a value.

    A number is an ``int`` or a ``Decimal``. The manual calls ``quantity`` an integer; fractions pass here.
    """
    if not isinstance(data, dict):
        return ["data is not an object"]
    faults = _members_off(data, InvoiceInfo.model_fields, _IS_INTEGER, "")
    items = data.get("invoiceItems")
    if not isinstance(items, list) or not items:
        return [*faults, "invoiceItems is not a list with at least one line"]
    for index, item in enumerate(items):
        if isinstance(item, dict):
            faults += _members_off(item, InvoiceItem.model_fields, _IS_NUMBER, f"invoiceItems[{index}].")
        else:
            faults.append(f"invoiceItems[{index}] is not an object")
    return faults


_IS_INTEGER: Final = frozenset({"buyerInvoiceType", "buyerBankShow", "buyerType", "sellerBankShow"})
_IS_NUMBER: Final = frozenset({"quantity", "unitPrice"})


def _members_off(data: dict[str, Any], known: Any, numbers: frozenset[str], at: str) -> list[str]:
    faults = [f"{at}{name} is missing" for name in known if name not in data]
    for name, value in data.items():
        if name not in known:
            faults.append(f"{at}{name} is not in the manual")
        elif name in numbers:
            if isinstance(value, (str, bool, list, dict)) or value is None:
                faults.append(f"{at}{name} is not a number")
            elif numbers is _IS_INTEGER and not isinstance(value, int):
                faults.append(f"{at}{name} is not an integer")
        elif name != "invoiceItems" and not isinstance(value, str):
            faults.append(f"{at}{name} is not text")
    return faults


def query_violations(data: Any) -> list[str]:
    """Say where the data of a ``query_invoice`` leave the manual; empty if they fit. Never repeats a value."""
    if not isinstance(data, dict) or not all(isinstance(data.get(part), dict) for part in QueryInvoice.model_fields):
        return ["data is not an object with login, condition and page"]
    faults = [f"{name} is not in the manual" for name in data if name not in QueryInvoice.model_fields]
    faults += [f"login.{fault}" for fault in login_violations(data["login"])]
    for name, value in data["condition"].items():
        if name not in QueryCondition.model_fields:
            faults.append(f"condition.{name} is not in the manual")
        elif name in _IS_VALUE and (isinstance(value, bool) or not isinstance(value, (int, Decimal, type(None)))):
            faults.append(f"condition.{name} is not a number")
        elif name not in _IS_VALUE | _IS_NEEDED and not isinstance(value, (str, type(None))):
            faults.append(f"condition.{name} is not text")
    for name, fits in _NEEDED:
        if not fits(data["condition"].get(name)):
            faults.append(f"condition.{name} is missing or not what the manual says")
    for name in QueryPage.model_fields:
        value = data["page"].get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            faults.append(f"page.{name} is not an integer from 1")
    return faults + [f"page.{name} is not in the manual" for name in data["page"] if name not in QueryPage.model_fields]


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_IS_VALUE: Final = frozenset({"startInvoiceValue", "endInvoiceValue"})
_NEEDED: Final[tuple[tuple[str, Callable[[Any], bool]], ...]] = (
    ("queryType", lambda value: value in (0, 1) and type(value) is int),
    ("startInvoiceDate", _is_day),
    ("endInvoiceDate", _is_day),
)
_IS_NEEDED: Final = frozenset(name for name, _ in _NEEDED)


ALWAYS: Final = 10**9
"""So many failures that no client sees the end of them."""


class Downloads:
    """The failed downloads of all users."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], int] = {}

    def fail(self, user_id: str, date: str, more: int = 0) -> None:
        """Note a failure that was told; retries fail so many times ``more``, then succeed."""
        self._left[user_id, date] = more

    def knows(self, user_id: str, date: str) -> bool:
        """Whether this user was told of a failure in exactly these bytes."""
        return (user_id, date) in self._left

    def retry(self, user_id: str, date: str) -> bool:
        """Try a known one again; true once it succeeds, and ever after."""
        left = self._left[user_id, date]
        self._left[user_id, date] = max(0, left - 1)
        return left == 0

    def forget(self) -> None:
        self._left.clear()
