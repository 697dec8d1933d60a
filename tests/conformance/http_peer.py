"""An HTTP server with a mind of its own: it answers what a test tells it to, in order, and remembers what it heard."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

REASONS = {200: "OK", 302: "Found", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Heard:
    """A request: its target as it stood on the wire, its headers by lower-case name, and its connection's number."""

    target: str
    headers: dict[str, str]
    connection: int


@dataclass
class HttpPeer:
    """Serves `answers` one by one, and the last of them for ever. An answer is raw bytes, or None to cut."""

    answers: list[bytes | None]
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    under_way: int = 0
    most_under_way: int = 0
    gate: Callable[[], Any] | None = None
    """Awaited before each answer."""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await self._answer_one(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.heard.append(Heard(first.split(" ")[1], headers, number))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate is not None:
                await self.gate()
        finally:
            self.under_way -= 1
        if answer is None:
            return False
        writer.write(answer)
        await writer.drain()
        return True


def answer(status: int = 200, told: Any = None, *headers: str) -> bytes:
    """A whole HTTP answer; `told` is JSON unless it is bytes."""
    body = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode()
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def rows(*told: Any) -> bytes:
    """A successful look-up with these rows."""
    return answer(200, {"code": 0, "msg": "", "data": list(told)})


@contextlib.asynccontextmanager
async def http_peer(*answers: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, HttpPeer]]:
    """A server on loopback; gives the WebSocket address that a gateway there would have."""
    peer = HttpPeer(list(answers))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(peer.talk(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "ws" if tls is None else "wss"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", peer
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await server.wait_closed()
        await asyncio.gather(*tasks, return_exceptions=True)
