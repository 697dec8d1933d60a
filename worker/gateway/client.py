"""`worker.ports.Gateway`: opens sockets on `/invoice` and `/web/invoice`, one per session.

Not known here: who may have a session when, what frames mean, and what an answer means for a command.
"""

import asyncio
from dataclasses import replace
from urllib.parse import quote

from contracts.gateway import INVOICE_PATH, QUERY_PATH
from worker.gateway import websocket
from worker.gateway.headers import AskHeaders, headers_of
from worker.gateway.query_session import QueryDialogue
from worker.gateway.scanner import QrScanner
from worker.gateway.session import InvoiceSession
from worker.gateway.sockets import InvoiceSocket, QuerySocket
from worker.gateway.websocket import ClientConnection, Pongs, SocketLimits
from worker.ports import Observe, observe_nothing
from worker.settings import Settings
from worker.tls import gateway_tls


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

    async def _open(self, path: str, user_id: str, limits: SocketLimits) -> ClientConnection:
        clock = asyncio.get_running_loop().time
        began = clock()
        url = f"{self._url}{path}?userId={quote(user_id, safe='')}"
        context = None if self._tls is None else self._tls.context()
        socket = await websocket.open_socket(url, self._headers(), limits, context, self._pongs)
        self._observe("connect", clock() - began)
        return socket
