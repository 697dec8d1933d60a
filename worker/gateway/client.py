"""`worker.ports.Gateway`: opens sockets on `/invoice` and `/web/invoice`, one per session, and speaks on them.

Guaranteed: a socket never reconnects and never sends a frame twice; `receive` may be cancelled without losing a
frame; once anything went wrong it is over for good. After a send, nothing here claims to know whether the frame
arrived.
Not known here: who may have a session when, what frames mean (`session`), and what an answer means
for a command.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import quote

import structlog
from typing_extensions import override

from contracts.gateway import INVOICE_PATH, QUERY_PATH
from worker.errors import SubmissionInDoubt, Transient
from worker.gateway import websocket
from worker.gateway.connection import Connection, ConnectionClosed, Pongs
from worker.gateway.credentials import AskHeaders, headers_of
from worker.gateway.scanner import QrScanner
from worker.gateway.session import InvoiceSession, QueryDialogue
from worker.gateway.websocket import SocketLimits
from worker.ports import (
    Disconnected,
    DownloadTold,
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    Observe,
    Operation,
    PageShown,
    QrShown,
    QueryEvent,
    QueryOrder,
    QueryRefused,
    SessionEvent,
    Submission,
    observe_nothing,
)
from worker.settings import Settings
from worker.tls import gateway_tls

log = structlog.get_logger()

_SMALL_SERVER_BUFFER_BYTES: Final = 7 * 1024
"""Beyond this a gateway with Tomcat's usual buffer of 8192 may close the socket instead of reading (trap 12)."""

EventT = TypeVar("EventT")
HeardT = TypeVar("HeardT", covariant=True)  # noqa: PLC0105


class _Dialogue(Protocol[HeardT]):
    def receive_text(self, frame: str | bytes) -> HeardT: ...


class _OpenSocket(Generic[EventT]):
    """What both kinds of session do with their socket. `answered_by` tells which operation an event answers."""

    def __init__(
        self,
        socket: Connection,
        dialogue: _Dialogue[EventT],
        limits: SocketLimits,
        observe: Observe,
        answered_by: Callable[[EventT], Operation | None],
    ) -> None:
        self._socket = socket
        self._dialogue = dialogue
        self._limits = limits
        self._observe = observe
        self._answered_operation = answered_by
        self._clock = asyncio.get_running_loop().time
        self._asked: dict[Operation, float] = {}
        """What is waited for, and since when."""
        self._over: Disconnected | None = None
        self._is_closing = False

    @property
    def is_open(self) -> bool:
        return self._over is None and not self._is_closing and self._socket.is_open

    @property
    def has_unheard(self) -> bool:
        return self._socket.has_unread

    async def _next_event(self) -> EventT | Disconnected:
        """Safe to cancel: the library keeps a frame until it is taken."""
        if self._over is not None:
            return self._over
        try:
            frame = await self._socket.recv()
        except (ConnectionClosed, OSError) as exc:
            return self._end(exc)
        event = self._dialogue.receive_text(frame)
        self._measure(event)
        return event

    async def close(self) -> None:
        self._is_closing = True
        try:
            async with asyncio.timeout(self._limits.close_timeout_seconds):
                await self._socket.close()
        except Exception as exc:
            # There is nothing left to save, and a caller has nothing left to do.
            log.info("gateway_close_failed", error=type(exc).__name__)
        finally:
            self._socket.transport.abort()

    async def _send(self, operation: Operation, frame: str, if_lost: Transient | SubmissionInDoubt) -> None:
        text = frame.encode()
        if len(text) > _SMALL_SERVER_BUFFER_BYTES:
            log.warning("gateway_frame_large", bytes=len(text))
        self._asked[operation] = self._clock()
        try:
            if not self._socket.send_at_once(text):
                # A peer that stopped reading would hold it for ever where keep-alive is off.
                async with asyncio.timeout(self._limits.open_timeout_seconds):
                    await self._socket.send(text)
        except (ConnectionClosed, OSError) as exc:
            self._end(exc)
            raise if_lost from exc

    def _measure(self, event: EventT) -> None:
        operation = self._answered_operation(event)
        since = None if operation is None else self._asked.pop(operation, None)
        if operation is not None and since is not None:
            self._observe(operation, self._clock() - since)

    def _end(self, exc: Exception) -> Disconnected:
        if self._over is None:
            self._over = Disconnected(websocket.closing_reason(exc))
        self._socket.transport.abort()
        return self._over


class InvoiceSocket(_OpenSocket[SessionEvent]):
    """One open socket on `/invoice`. Reads the QRs that come."""

    def __init__(
        self,
        socket: Connection,
        session: InvoiceSession,
        limits: SocketLimits,
        scanner: QrScanner,
        observe: Observe,
    ) -> None:
        super().__init__(socket, session, limits, observe, _invoice_answered_by)
        self._session = session
        self._scanner = scanner
        self._undelivered: SessionEvent | None = None

    @property
    @override
    def has_unheard(self) -> bool:
        return self._undelivered is not None or super().has_unheard

    async def login(self, login: LoginFields) -> None:
        lost = Transient("the connection was lost while the login was sent")
        await self._send("login", self._session.send_login(login), lost)

    async def submit(self, submission: Submission) -> None:
        lost = SubmissionInDoubt("the connection was lost while the invoice was sent")
        await self._send("first_answer", self._session.send_invoice(submission), lost)

    async def receive(self) -> SessionEvent:
        if self._undelivered is None:
            self._undelivered = await self._next_event()
        event = self._undelivered
        if isinstance(event, QrShown) and event.image is not None and event.content is None:
            # Kept until here: a caller that gives up while the picture is read gets it at its next call.
            event = replace(event, content=await self._scanner.read(event.image))
        self._undelivered = None
        return event


def _invoice_answered_by(event: SessionEvent) -> Operation | None:
    if isinstance(event, FrameIgnored):
        return None
    return "login" if isinstance(event, LoginAnswered) else "first_answer"


class QuerySocket(_OpenSocket[QueryEvent]):
    """One open socket on `/web/invoice`."""

    def __init__(self, socket: Connection, dialogue: QueryDialogue, limits: SocketLimits, observe: Observe) -> None:
        super().__init__(socket, dialogue, limits, observe, _query_answered_by)
        self._queries = dialogue

    async def query(self, order: QueryOrder) -> None:
        lost = Transient("the connection was lost while the query was sent")
        await self._send("query", self._queries.send_query(order), lost)

    async def retry_download(self, date: str) -> None:
        lost = Transient("the connection was lost while the retry of a download was sent")
        await self._send("download", self._queries.send_retry(date), lost)

    async def receive(self) -> QueryEvent:
        event = await self._next_event()
        if isinstance(event, PageShown):
            # The gateway now downloads what the page showed, and tells when that is done.
            self._asked["download"] = self._clock()
            if event.unreadable:
                log.warning("gateway_rows_unreadable", rows=event.unreadable)
        return event


def _query_answered_by(event: QueryEvent) -> Operation | None:
    match event:
        case PageShown() | QueryRefused() | LoginAnswered(accepted=False):
            return "query"
        case DownloadTold():
            return "download"
        case _:
            return None


class WebSocketGateway:
    """The vendor's gateway at `Settings.gateway_url`. One per process; close it at the end."""

    def __init__(
        self, settings: Settings, *, headers: AskHeaders | None = None, observe: Observe = observe_nothing
    ) -> None:
        """`headers` are asked anew for each handshake, for they may have been rotated; without it, as in `settings`."""
        self._url = settings.gateway_url
        self._base_url = settings.gateway_http_base
        self._headers = headers or headers_of(settings)
        self._limits = SocketLimits(
            open_timeout_seconds=settings.connect_timeout_seconds,
            close_timeout_seconds=settings.close_timeout_seconds,
            ping_seconds=settings.gateway_ping_seconds,
            max_frame_bytes=settings.max_frame_bytes,
        )
        self._query_limits = replace(self._limits, max_frame_bytes=settings.max_page_bytes)
        self._tls = gateway_tls(settings) if settings.gateway_url.startswith("wss:") else None
        self._pongs = Pongs(settings.gateway_ping_seconds)
        self._scanner = QrScanner()
        self._observe = observe

    async def connect(self, user_id: str) -> InvoiceSocket:
        socket = await self._open(INVOICE_PATH, user_id, self._limits)
        session = InvoiceSession(user_id, max_frame_bytes=self._limits.max_frame_bytes, base_url=self._base_url)
        return InvoiceSocket(socket, session, self._limits, self._scanner, self._observe)

    async def connect_query(self, user_id: str) -> QuerySocket:
        socket = await self._open(QUERY_PATH, user_id, self._query_limits)
        limits = self._query_limits
        dialogue = QueryDialogue(user_id, max_frame_bytes=limits.max_frame_bytes, base_url=self._base_url)
        return QuerySocket(socket, dialogue, self._query_limits, self._observe)

    def close(self) -> None:
        """Let go of what sessions shared. Sessions are closed by their holders."""
        self._scanner.close()

    async def _open(self, path: str, user_id: str, limits: SocketLimits) -> Connection:
        clock = asyncio.get_running_loop().time
        began = clock()
        url = f"{self._url}{path}?userId={quote(user_id, safe='')}"
        context = None if self._tls is None else self._tls.context()
        socket = await websocket.open_socket(url, self._headers(), limits, context, self._pongs)
        self._observe("connect", clock() - began)
        return socket
