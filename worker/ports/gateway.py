"""What the worker asks of the gateway, and in which words it answers. Methods raise the errors they name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from worker.making import made_often
from worker.records import IssuedReply, ListedInvoice

Operation = Literal["connect", "login", "first_answer", "query", "download", "items", "files"]
Observe = Callable[[Operation, float], None]
"""Told how long something took, in seconds: opening a socket, a login's answer, a submission's first answer, a page,
a download's notice from its page or its retry on, an HTTP look-up that succeeded."""


def observe_nothing(_operation: Operation, _seconds: float) -> None:
    """For those who do not want to know."""


@dataclass(frozen=True, slots=True)
class LoginAnswered:
    """The login's answer."""

    accepted: bool
    reason: str | None = None
    """Why it is refused, in the gateway's words, where it says so; masked and bounded, as every reason here."""


@dataclass(frozen=True, slots=True)
class QrShown:
    """A face-scan QR: a picture as data URI, its text, or both. At least one is there."""

    image: str | None
    content: str | None


@dataclass(frozen=True, slots=True)
class QrRefused:
    """`invoice_qrcode` without a code: there is none, or the scan failed. A new code or a result may still follow."""

    reason: str | None = None
    may_be_anothers: bool = False
    """Another order of the lane still lacks its answer, and this may be that answer: the gateway does not say what it
    refuses. The session cannot know; the run sets it."""


@made_often
@dataclass(frozen=True, slots=True)
class ResultShown:
    """`invoice_pdf` with data."""

    reply: IssuedReply

    @property
    def invoice(self) -> Mapping[str, Any]:
        """As `completed` shows it."""
        return self.reply.told

    @property
    def invoice_url(self) -> str | None:
        """Where the PDF is."""
        return self.reply.invoice_url

    @property
    def is_draft(self) -> bool:
        """Whether it was saved and not issued."""
        return self.reply.is_draft


@dataclass(frozen=True, slots=True)
class ResultRefused:
    """`invoice_pdf` without an invoice: not proof that nothing was issued."""

    reason: str | None = None
    may_be_anothers: bool = False
    """As in `QrRefused`."""
    leaves_open: bool = False
    """By its reason there may be an invoice all the same: what failed is a file or a mail, or nobody waited for it."""
    evidence: str | None = None
    """The frame as JSON, without secrets, where it names an invoice all the same."""


@dataclass(frozen=True, slots=True)
class FrameIgnored:
    """A frame that says nothing to this session; `body` is kept without secrets where it may be evidence."""

    reason: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session is over. What was sent may or may not have arrived."""

    reason: str


@dataclass(frozen=True)
class PageShown:
    """A page of a query. What it does not say is None."""

    invoices: tuple[ListedInvoice, ...]
    total: int | None = None
    current_page: int | None = None
    total_page: int | None = None
    has_next: bool | None = None
    unreadable: int = 0
    """Rows that were left out, for they have no id that can be read."""
    is_doubtful: bool = False
    """What stands beside the rows may say that they are not all."""

    @cached_property
    def digest(self) -> str:
        """Tells whether two pages hold the same rows; empty for an empty page. Rows of one invoice may be its lines."""
        names = "\n".join(f"{row.identity} {row.total} {row.total_without_tax}" for row in self.invoices)
        return sha256(names.encode()).hexdigest()[:32] if names else ""

    @property
    def proves_no_absence(self) -> bool:
        """Whether there may be invoices that it does not show."""
        return self.is_doubtful or self.unreadable > 0


@dataclass(frozen=True, slots=True)
class QueryRefused:
    """`query_invoice` without a page."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadTold:
    """`query_invoice_download_zip`: done, or failed with the text to retry with; failed without one where the notice
    could not be read as either (trap 73)."""

    ok: bool
    date: str | None = None


SessionEvent = LoginAnswered | QrShown | QrRefused | ResultShown | ResultRefused | FrameIgnored | Disconnected
QueryEvent = LoginAnswered | PageShown | QueryRefused | DownloadTold | ResultShown | FrameIgnored | Disconnected


@made_often
@dataclass(frozen=True, slots=True)
class LoginFields:
    """A login in the vendor's words, ready to be sent."""

    company_code: str
    phone: str
    password: SecretStr
    area: str
    role: str
    company_name: str | None = None
    """Only for queries."""


@dataclass(frozen=True, slots=True)
class QueryOrder:
    """One page to ask for (manual: query_invoice). `condition` has the vendor's members, days as `yyyy-MM-dd`."""

    login: LoginFields
    condition: dict[str, Any]
    page_size: int
    page_number: int


@made_often
@dataclass(frozen=True, slots=True)
class Submission:
    """What `invoice_info` carries: the journaled invoice, and the seller's account from the same credential."""

    invoice: dict[str, Any]
    seller_account: str
    seller_password: SecretStr = field(repr=False)


class GatewaySession(Protocol):
    """One open WebSocket of one `userId`."""

    @property
    def is_open(self) -> bool:
        """Whether it may be used again; False after any surprise."""
        ...

    @property
    def has_unheard(self) -> bool:
        """Whether something has come that `receive` has not told yet."""
        ...

    async def login(self, login: LoginFields) -> None:
        """Send the login frame (manual: 登录税务局). Raises `Transient` if the connection is gone."""
        ...

    async def submit(self, submission: Submission) -> None:
        """Send `invoice_info` (manual: 开票). The one act that cannot be repeated: raises `InDoubt` if the connection
        is lost while sending, for part of it may have arrived."""
        ...

    async def receive(self) -> SessionEvent:
        """The next thing the gateway says. Safe to cancel. After `Disconnected` it says nothing else."""
        ...

    async def close(self) -> None:
        """Close and wait for the handshake, bounded in time. Never raises."""
        ...


class QuerySession(Protocol):
    """One open WebSocket of one `userId` on the query side."""

    @property
    def is_open(self) -> bool:
        """Whether it may be used again; False after any surprise."""
        ...

    @property
    def has_unheard(self) -> bool:
        """Whether something has come that `receive` has not told yet."""
        ...

    async def query(self, order: QueryOrder) -> None:
        """Ask for a page (manual: 查询发票基本信息); the request logs in by itself. Raises `Transient` if the
        connection is gone, `ValueError` for what cannot be written as the manual has it."""
        ...

    async def retry_download(self, date: str) -> None:
        """Ask for a failed download again (manual: query_invoice_download_zip), the text byte for byte. Raises
        `Transient` if the connection is gone."""
        ...

    async def receive(self) -> QueryEvent:
        """The next thing the gateway says. Safe to cancel. After `Disconnected` it says nothing else."""
        ...

    async def close(self) -> None:
        """Close and wait for the handshake, bounded in time. Never raises."""
        ...


class Gateway(Protocol):
    """The vendor's gateway. One socket per `userId` over both kinds of session: the caller sees to that."""

    async def connect(self, user_id: str) -> GatewaySession:
        """Open a session on `/invoice?userId=`. Raises `Transient` (try again) or `Permanent` with
        `gateway_unauthorized` or `gateway_forbidden`. Sends nothing."""
        ...

    async def connect_query(self, user_id: str) -> QuerySession:
        """Open a session on `/web/invoice?userId=`. Raises as `connect`. Sends nothing."""
        ...


class InvoiceDetails(Protocol):
    """The gateway's HTTP look-ups. Bounded in concurrency over all callers; repeats what failed in passing (429, 5xx,
    transport) with growing delays, and then raises `Transient`. Raises `Permanent` with `gateway_unauthorized`,
    `gateway_forbidden` or `http_error` for what repeating cannot help."""

    async def items(self, invoice_id: str) -> tuple[dict[str, Any], ...]:
        """The items of one invoice as `contracts.invoices.FoundItem` has them; empty where they are not ready. Items
        that say they are another invoice's are left out."""
        ...

    async def files(self, invoice_ids: Sequence[str], types: Sequence[str]) -> tuple[dict[str, Any], ...]:
        """Where the files of these invoices are, as `contracts.invoices.InvoiceFile` has them, in batches; what is not
        ready is not there. Files of invoices or types that nobody asked for are left out; addresses are absolute."""
        ...


class Credentials(Protocol):
    """Logins by name."""

    def load(self, name: str) -> LoginFields:
        """Read one. Raises `Permanent(credential_missing)` if it is not there or is no login."""
        ...
