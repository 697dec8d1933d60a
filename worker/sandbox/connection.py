"""A connection to the port: HTTP requests are answered here, a WebSocket handshake is left to websockets.

Guaranteed: a connection serves one request after the other until it has been idle for a while, as usual servers do,
so a client's pool of connections is really used. websockets alone would close it after each answer. A body is read
where its length is told and small; the connection of a request with a body is closed after the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Final

from websockets.asyncio.server import ServerConnection

from worker.sandbox.calls import Answer, Call, Stream

LONGEST_REQUEST_LINE: Final = 8192
"""What usual servers take (trap 77: batch ids to keep the address short)."""
_LARGEST_HEAD: Final = 65_536
_LARGEST_BODY: Final = 1024 * 1024
_BODY_SECONDS: Final = 60.0
_FURTHEST_BEHIND: Final = 4 * 1024 * 1024
"""Bytes that the reader of a stream may have waiting; it may come again, and go on from where it was."""
_HEAD_END: Final = b"\r\n\r\n"
_TOO_LONG: Final = Answer(HTTPStatus.REQUEST_URI_TOO_LONG, "text/plain", b"the address is too long\n")
_TOO_LARGE: Final = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain", b"a body has at most 1 MiB\n")
_NO_LENGTH: Final = Answer(HTTPStatus.LENGTH_REQUIRED, "text/plain", b"a body needs a Content-Length\n")


@dataclass(slots=True)
class ListeningPort:
    """What all connections of a port share. ``respond`` gets the call and whether it is the connection's first."""

    respond: Callable[[Call, bool], Awaitable[Answer | Stream | None]]
    is_endpoint: Callable[[str], bool]
    keep_alive_seconds: float
    connections: set["PortConnection"] = field(default_factory=set)

    def hang_up(self) -> None:
        """Cut every connection that has not become a WebSocket."""
        for connection in tuple(self.connections):
            connection.transport.abort()


class PortConnection(ServerConnection):
    """One connection; ``connection_to`` makes its class."""

    _port: ClassVar[ListeningPort]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._is_websocket = False
        self._is_fresh = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        super().connection_made(transport)
        self._port.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        self._port.connections.discard(self)
        self._rest()
        if self._answering is not None:
            self._answering.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        if self._is_websocket:
            super().data_received(data)
            return
        self._waiting += data
        self._take_next()

    def _take_next(self) -> None:
        if self._answering is not None:
            return
        self._rest()
        head, end, rest = self._waiting.partition(_HEAD_END)
        if not end:
            if len(head) > _LARGEST_HEAD:
                self.transport.abort()
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        method, _, target = line.rpartition(" ")[0].partition(" ")
        if self._port.is_endpoint(target) or not target:
            self._become_websocket()
            return
        # A look-up with a body is a GET, and answered at once.
        body, rest, refused = _body(headers, rest) if method == "POST" else (bytearray(), rest, None)
        if body is None:
            self._idle = self.loop.call_later(_BODY_SECONDS, self.transport.abort)
            return
        self._waiting = rest
        refused = _TOO_LONG if len(line) > LONGEST_REQUEST_LINE else refused
        keeps = self._port.keep_alive_seconds > 0 and line.endswith("HTTP/1.1") and _keeps(headers)
        call = Call(method, target, headers, bytes(body))
        self._answering = self.loop.create_task(self._answer(call, refused, keeps=keeps))

    def _become_websocket(self) -> None:
        self._is_websocket = True
        self._port.connections.discard(self)
        super().data_received(bytes(self._waiting))

    async def _answer(self, call: Call, refused: Answer | None, *, keeps: bool) -> None:
        try:
            told = refused or await self._port.respond(call, self._is_fresh)
            if isinstance(told, Stream):
                await self._go_on_telling(told, has_body=call.method != "HEAD")
                told = None
        except Exception:
            self.transport.abort()
            raise
        self._answering, self._is_fresh = None, False
        if told is None:
            self.transport.abort()
            return
        self.transport.write(_written(told, keeps=keeps, has_body=call.method != "HEAD"))
        if not keeps:
            self.transport.close()
            return
        self._idle = self.loop.call_later(self._port.keep_alive_seconds, self.transport.close)
        if self._waiting:
            self._take_next()

    async def _go_on_telling(self, told: Stream, *, has_body: bool) -> None:
        head = {"Content-Type": told.content_type, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self.transport.write(_head(HTTPStatus.OK, {**head, "Connection": "close"}))
        if not has_body:
            return
        async with aclosing(told.pieces) as pieces:
            async for piece in pieces:
                if self.transport.get_write_buffer_size() > _FURTHEST_BEHIND:
                    return
                self.transport.write(piece)

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def connection_to(port: ListeningPort) -> type[PortConnection]:
    """A class of connections that share this port: websockets takes a class and nothing else."""
    return type("ConnectionToPort", (PortConnection,), {"_port": port})


def _keeps(headers: Mapping[str, str]) -> bool:
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return not has_body and headers.get("connection", "").lower() != "close"


def _body(headers: Mapping[str, str], rest: bytearray) -> tuple[bytearray | None, bytearray, Answer | None]:
    """The body, what comes behind it, and why it is refused; no body yet where more of it is to come."""
    if "transfer-encoding" in headers:
        return bytearray(), bytearray(), _NO_LENGTH
    told = headers.get("content-length", "0")
    if not (told.isascii() and told.isdigit() and len(told) < 10):
        return bytearray(), bytearray(), _NO_LENGTH
    length = int(told)
    if length > _LARGEST_BODY:
        return bytearray(), bytearray(), _TOO_LARGE
    return (None, rest, None) if len(rest) < length else (rest[:length], rest[length:], None)


def _written(told: Answer, *, keeps: bool, has_body: bool) -> bytes:
    headers = {
        "Content-Type": told.content_type,
        "Content-Length": str(len(told.body)),
        "Cache-Control": "no-store",
        "Connection": "keep-alive" if keeps else "close",
        **dict(told.headers),
    }
    return _head(told.status, headers) + (told.body if has_body else b"")


def _head(status: HTTPStatus, headers: Mapping[str, str]) -> bytes:
    told = {"Server": "fapiao-sandbox", "X-Content-Type-Options": "nosniff", **headers}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
