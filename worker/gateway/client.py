"""`worker.ports.Gateway` for `/invoice`: one socket per session, its dialogue told by `session`, its QR read.

Guaranteed: a session never reconnects and never sends a frame twice; `receive` may be cancelled without losing a
frame; once anything went wrong the session is over for good. After a send, nothing here claims to know whether
the frame arrived.
Not known here: who may have a session when, what an answer means for a command, and the query endpoint.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import quote

import structlog

from contracts.gateway import INVOICE_PATH
from worker.errors import InDoubt, Transient
from worker.gateway import websocket
from worker.gateway.scanner import QrScanner
from worker.gateway.session import InvoiceSession
from worker.gateway.websocket import ClientConnection, ConnectionClosed, SocketLimits
from worker.ports import (
    Disconnected,
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    QrShown,
    SessionEvent,
    Submission,
)
from worker.settings import Settings
from worker.tls import gateway_tls

log = structlog.get_logger()

Operation = Literal["connect", "login", "first_answer"]
Observe = Callable[[Operation, float], None]
"""Told how long something took, in seconds: opening a socket, a login's answer, a submission's first answer."""

_SMALL_SERVER_BUFFER_BYTES: Final = 7 * 1024
"""Beyond this a gateway with Tomcat's usual buffer of 8192 may close the socket instead of reading (trap 12)."""


def _observe_nothing(_operation: Operation, _seconds: float) -> None:
    pass


class WebSocketGateway:
    """The vendor's gateway at `Settings.gateway_url`. One per process; close it at the end."""

    def __init__(self, settings: Settings, *, observe: Observe = _observe_nothing) -> None:
        self._invoice_url = settings.gateway_url + INVOICE_PATH
        self._headers = {name: value.get_secret_value() for name, value in settings.gateway_headers.items()}
        self._limits = SocketLimits(
            open_timeout_seconds=settings.connect_timeout_seconds,
            close_timeout_seconds=settings.close_timeout_seconds,
            ping_seconds=settings.gateway_ping_seconds,
            max_frame_bytes=settings.max_frame_bytes,
        )
        self._tls = gateway_tls(settings) if settings.gateway_url.startswith("wss:") else None
        self._scanner = QrScanner()
        self._observe = observe

    async def connect(self, user_id: str) -> "InvoiceSocket":
        clock = asyncio.get_running_loop().time
        began = clock()
        url = f"{self._invoice_url}?userId={quote(user_id, safe='')}"
        tls = self._tls.context() if self._tls is not None else None
        socket = await websocket.open_socket(url, self._headers, self._limits, tls)
        self._observe("connect", clock() - began)
        session = InvoiceSession(user_id, max_frame_bytes=self._limits.max_frame_bytes)
        return InvoiceSocket(socket, session, self._limits, self._scanner, self._observe)

    def close(self) -> None:
        """Let go of what sessions shared. Sessions are closed by their holders."""
        self._scanner.close()


class InvoiceSocket:
    """One open socket of one `userId`."""

    def __init__(
        self,
        socket: ClientConnection,
        session: InvoiceSession,
        limits: SocketLimits,
        scanner: QrScanner,
        observe: Observe,
    ) -> None:
        self._socket = socket
        self._session = session
        self._limits = limits
        self._scanner = scanner
        self._observe = observe
        self._clock = asyncio.get_running_loop().time
        self._asked: tuple[Operation, float] | None = None
        self._undelivered: SessionEvent | None = None
        self._over: Disconnected | None = None
        self._is_closing = False

    @property
    def is_open(self) -> bool:
        return self._over is None and not self._is_closing and websocket.is_open(self._socket)

    async def login(self, login: LoginFields) -> None:
        frame = self._session.send_login(login)
        self._asked = ("login", self._clock())
        try:
            await self._send(frame)
        except (ConnectionClosed, OSError) as exc:
            self._end(exc)
            raise Transient("the connection was lost while the login was sent") from exc

    async def submit(self, submission: Submission) -> None:
        frame = self._session.send_invoice(submission)
        self._asked = ("first_answer", self._clock())
        try:
            await self._send(frame)
        except (ConnectionClosed, OSError) as exc:
            self._end(exc)
            raise InDoubt("the connection was lost while the invoice was sent") from exc

    async def receive(self) -> SessionEvent:
        if self._undelivered is None:
            self._undelivered = await self._next_event()
        event = self._undelivered
        if isinstance(event, QrShown) and event.image is not None and event.content is None:
            # Kept until here: a caller that gives up while the picture is read gets it at its next call.
            event = replace(event, content=await self._scanner.read(event.image))
        self._undelivered = None
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

    async def _send(self, frame: str) -> None:
        size = len(frame.encode())
        if size > _SMALL_SERVER_BUFFER_BYTES:
            log.warning("gateway_frame_large", bytes=size)
        # A peer that stopped reading would hold a large frame for ever where keep-alive is off.
        async with asyncio.timeout(self._limits.open_timeout_seconds):
            await self._socket.send(frame)

    async def _next_event(self) -> SessionEvent:
        if self._over is not None:
            return self._over
        try:
            frame = await self._socket.recv()
        except (ConnectionClosed, OSError) as exc:
            return self._end(exc)
        event = self._session.receive_text(frame)
        self._measure(event)
        return event

    def _measure(self, event: SessionEvent) -> None:
        if self._asked is None or isinstance(event, FrameIgnored):
            return
        operation, at = self._asked
        if (operation == "login") is isinstance(event, LoginAnswered):
            self._observe(operation, self._clock() - at)
            self._asked = None

    def _end(self, exc: Exception) -> Disconnected:
        if self._over is None:
            self._over = Disconnected(websocket.closing_reason(exc))
        self._socket.transport.abort()
        return self._over
