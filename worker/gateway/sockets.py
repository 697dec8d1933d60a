"""Open sockets of one `userId`: `worker.ports.GatewaySession` and `QuerySession`.

Guaranteed: a socket never reconnects and never sends a frame twice; `receive` may be cancelled without losing a
frame; once anything went wrong it is over for good. After a send, nothing here claims to know whether the frame
arrived.
Not known here: what frames mean (`session`, `query_session`), and what an answer means for a command.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, Protocol, TypeVar

import structlog
from typing_extensions import override

from worker.errors import InDoubt, Transient
from worker.gateway import websocket
from worker.gateway.query_session import QueryDialogue
from worker.gateway.scanner import QrScanner
from worker.gateway.session import InvoiceSession
from worker.gateway.websocket import ClientConnection, ConnectionClosed, SocketLimits
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
)

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
        socket: ClientConnection,
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
        return self._over is None and not self._is_closing and websocket.is_open(self._socket)

    @property
    def has_unheard(self) -> bool:
        return websocket.has_unread(self._socket)

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

    async def _send(self, operation: Operation, frame: str, if_lost: Transient | InDoubt) -> None:
        text = frame.encode()
        if len(text) > _SMALL_SERVER_BUFFER_BYTES:
            log.warning("gateway_frame_large", bytes=len(text))
        self._asked[operation] = self._clock()
        try:
            if not websocket.send_at_once(self._socket, text):
                # A peer that stopped reading would hold it for ever where keep-alive is off.
                async with asyncio.timeout(self._limits.open_timeout_seconds):
                    await self._socket.send(text, text=True)
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
        socket: ClientConnection,
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
        lost = InDoubt("the connection was lost while the invoice was sent")
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

    def __init__(
        self, socket: ClientConnection, dialogue: QueryDialogue, limits: SocketLimits, observe: Observe
    ) -> None:
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
