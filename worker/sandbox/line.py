"""A connection to the port: HTTP requests are answered here, a WebSocket handshake is left to websockets.

Guaranteed: a connection serves one request after the other until it has been idle for a while, as usual servers do,
so a client's pool of connections is really used. websockets alone would close it after each answer. Request bodies
are not read: a request that has one is answered, and its connection closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Final

from websockets.asyncio.server import ServerConnection

from worker.sandbox.answers import Answer

LONGEST_REQUEST_LINE: Final = 8192
"""What usual servers take (trap 77: batch ids to keep the address short)."""
_LARGEST_HEAD: Final = 65_536
_HEAD_END: Final = b"\r\n\r\n"
_TOO_LONG: Final = Answer(HTTPStatus.REQUEST_URI_TOO_LONG, "text/plain", b"the address is too long\n")


@dataclass(slots=True)
class Switchboard:
    """What all lines of a port share. ``respond`` gets method, target and whether the line is fresh."""

    respond: Callable[[str, str, bool], Awaitable[Answer | None]]
    is_endpoint: Callable[[str], bool]
    keep_alive_seconds: float
    lines: set["Line"] = field(default_factory=set)

    def hang_up(self) -> None:
        """Cut every line that has not become a WebSocket."""
        for line in tuple(self.lines):
            line.transport.abort()


class Line(ServerConnection):
    """One connection; ``line_to`` makes its class."""

    _switchboard: ClassVar[Switchboard]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._is_websocket = False
        self._is_fresh = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        super().connection_made(transport)
        self._switchboard.lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        self._switchboard.lines.discard(self)
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
        if self._switchboard.is_endpoint(target) or not target:
            self._become_websocket()
            return
        self._waiting = rest
        keeps = self._switchboard.keep_alive_seconds > 0 and line.endswith("HTTP/1.1") and _keeps(headers)
        self._answering = self.loop.create_task(self._answer(method, target, len(line), keeps=keeps))

    def _become_websocket(self) -> None:
        self._is_websocket = True
        self._switchboard.lines.discard(self)
        super().data_received(bytes(self._waiting))

    async def _answer(self, method: str, target: str, length: int, *, keeps: bool) -> None:
        too_long = length > LONGEST_REQUEST_LINE
        try:
            told = _TOO_LONG if too_long else await self._switchboard.respond(method, target, self._is_fresh)
        except Exception:
            self.transport.abort()
            raise
        self._answering, self._is_fresh = None, False
        if told is None:
            self.transport.abort()
            return
        self.transport.write(_written(told, keeps=keeps, has_body=method != "HEAD"))
        if not keeps:
            self.transport.close()
            return
        self._idle = self.loop.call_later(self._switchboard.keep_alive_seconds, self.transport.close)
        if self._waiting:
            self._take_next()

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def line_to(switchboard: Switchboard) -> type[Line]:
    """A class of connections that share this switchboard: websockets takes a class and nothing else."""
    return type("LineToSwitchboard", (Line,), {"_switchboard": switchboard})


def _keeps(headers: Mapping[str, str]) -> bool:
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return not has_body and headers.get("connection", "").lower() != "close"


def _written(told: Answer, *, keeps: bool, has_body: bool) -> bytes:
    headers = {
        "Content-Type": told.content_type,
        "Content-Length": str(len(told.body)),
        "Cache-Control": "no-store",
        "Connection": "keep-alive" if keeps else "close",
        "Server": "fapiao-sandbox",
        **dict(told.headers),
    }
    lines = [f"HTTP/1.1 {told.status.value} {told.status.phrase}", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (told.body if has_body else b"")
