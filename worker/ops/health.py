"""Probes and metrics over HTTP: `/livez`, `/readyz`, `/metrics`.

Guarantees: live means that the event loop turns and no task died that the worker cannot do without; ready
means that it can take commands and tell of them, and an answer that says no names what is missing. The gateway
is never part of it, for a restart would not bring the vendor back: beside the verdict stands what commands wait for.
Requests are small, short and few by force. Knows nothing of what is being probed.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

import structlog

from worker.addresses import at
from worker.clock import Clock, machine_time
from worker.errors import ConfigurationError
from worker.ops.conditions import Missing
from worker.ops.metrics import Metrics
from worker.records import Backlog

log = structlog.get_logger()

STALLED_AFTER_SECONDS: Final = 30.0
CLOCK_STEP_SECONDS: Final = 2.0
_CHECK_TIMEOUT_SECONDS: Final = 2.0
_REQUEST_TIMEOUT_SECONDS: Final = 5.0
_MAX_HEAD_BYTES: Final = 8192
_MAX_CONNECTIONS: Final = 64
_BEAT_SECONDS: Final = 0.5
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(slots=True)
class Health:
    """What is known of the worker's condition. Parts report to it or are asked."""

    clock: Clock
    metrics: Metrics
    wall: Callable[[], datetime] = machine_time
    draining: bool = False
    _last_beat: float | None = None
    _clock_offset: float | None = None
    _dead: list[str] = field(default_factory=list)
    _flags: dict[str, Callable[[], bool]] = field(default_factory=dict)
    _questions: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    _mentioned: dict[str, Callable[[], bool]] = field(default_factory=dict)

    def require(self, name: str, is_up: Callable[[], bool]) -> None:
        """Ready only while `is_up()`. The name is shown to operators."""
        self._flags[name] = is_up

    def require_answer(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        """Ready only if `ask()` returns, without an exception and within two seconds."""
        self._questions[name] = ask

    def mention(self, name: str, holds: Callable[[], bool]) -> None:
        """Told beside the verdict while `holds()`; it makes nobody less ready."""
        self._mentioned[name] = holds

    def drain(self) -> None:
        """Not ready from now on."""
        self.draining = True
        self.metrics.draining()

    def died(self, task: str) -> None:
        """A task ended that the worker cannot do without; only a restart helps."""
        self._dead.append(task)

    async def run(self) -> None:
        """Beat until cancelled: proves that the event loop turns, and measures by how much it is late."""
        while True:
            before = self.clock.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            self.beat(late_seconds=self.clock.monotonic() - before - _BEAT_SECONDS)
            self.watch_clock()

    def watch_clock(self) -> None:
        """Say when the machine's time was set. What it means for what waits is told in `SystemClock`."""
        offset = self.wall().timestamp() - self.clock.monotonic()
        if self._clock_offset is not None and abs(offset - self._clock_offset) > CLOCK_STEP_SECONDS:
            log.warning("clock_stepped", seconds=round(offset - self._clock_offset, 1))
        self._clock_offset = offset

    def beat(self, late_seconds: float = 0.0) -> None:
        """The loop turned."""
        self._last_beat = self.clock.monotonic()
        self.metrics.loop_lagged(max(0.0, late_seconds))

    def illness(self) -> list[str]:
        """Why the process should be restarted; empty while it lives."""
        found = [f"{task} died" for task in self._dead]
        if self._last_beat is not None:
            silence = self.clock.monotonic() - self._last_beat
            if silence > STALLED_AFTER_SECONDS:
                found.append(f"the event loop last turned {silence:.0f} s ago")
        return found

    async def missing(self) -> list[str]:
        """What keeps it from taking commands; empty when ready."""
        found: list[str] = [Missing.TIME] if self.draining else []
        found += [name for name, is_up in self._flags.items() if not is_up()]
        answers = await asyncio.gather(*(_answers(ask) for ask in self._questions.values()))
        found += [name for name, answered in zip(self._questions, answers, strict=True) if not answered]
        return found

    def mentioned(self) -> list[str]:
        """What commands wait for although the worker is ready."""
        return [name for name, holds in self._mentioned.items() if holds()]


async def _answers(ask: Callable[[], Awaitable[object]]) -> bool:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
            await ask()
    except Exception:  # noqa: BLE001, RUF100  whatever is wrong, it does not answer
        return False
    return True


def _listener(host: str, port: int) -> socket.socket:
    """A socket that is bound. For every address of the machine: one for both families, since a cluster that is IPv6
    only probes the pod's IPv6 address; IPv4 alone where there is no IPv6."""
    if host not in {"*", ""}:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _bound(socket.socket(family, socket.SOCK_STREAM), address)
    try:
        both = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return _bound(both, ("::", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        return _bound(socket.socket(socket.AF_INET, socket.SOCK_STREAM), ("0.0.0.0", port))  # noqa: S104  as asked


def _bound(listener: socket.socket, address: Any) -> socket.socket:
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: str = _PLAIN


class HealthServer:
    """The HTTP listener. `async with HealthServer(…)`; port 0 takes a free one, see `port`."""

    def __init__(
        self, health: Health, backlog: Callable[[datetime], Awaitable[Backlog]], *, host: str, port: int
    ) -> None:
        self._health = health
        self._backlog = backlog
        self._host = host
        self._asked_port = port
        self._open = 0
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            return self._asked_port
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        """Listen. Raises `ConfigurationError` if the address is taken or not ours."""
        try:
            listener = _listener(self._host, self._asked_port)
            self._server = await asyncio.start_server(
                self._serve, sock=listener, limit=_MAX_HEAD_BYTES, backlog=_MAX_CONNECTIONS
            )
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {at(self._host, self._asked_port)} for probes and metrics ({error.strerror}). Set "
                "FAPIAO_HTTP_PORT to a free port (0 turns it off), or FAPIAO_HTTP_HOST to an address of this machine."
            ) from error
        log.info("health_listening", host=self._host, port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_SECONDS):
                await self._converse(reader, writer)
        except (TimeoutError, OSError):
            # A prober that went away or dawdles is its own problem. What it does not read would keep its socket open.
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = "GET"
        if self._open > _MAX_CONNECTIONS:
            answer = _Answer(503, b"too many connections\n")
        else:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError:
                answer = _Answer(431, b"request too large\n")
            except asyncio.IncompleteReadError:
                return
            else:
                method, target, accept = _parse(head)
                answer = await self._answer(method, target, accept)
        writer.write(_encode(answer, with_body=method != "HEAD"))
        await writer.drain()

    async def _answer(self, method: str, target: str, accept: str) -> _Answer:
        if not method:
            return _Answer(400, b"not HTTP\n")
        if method not in {"GET", "HEAD"}:
            return _Answer(405, b"only GET and HEAD\n")
        match target.partition("?")[0]:
            case "/livez":
                return _verdict(self._health.illness())
            case "/readyz":
                return _verdict(await self._health.missing(), self._health.mentioned())
            case "/metrics":
                await self._health.metrics.refresh(self._backlog)
                body, content_type = self._health.metrics.expose(accept)
                return _Answer(200, body, content_type)
            case _:
                return _Answer(404, b"there are /livez, /readyz and /metrics\n")


def _verdict(complaints: list[str], mentioned: Sequence[str] = ()) -> _Answer:
    said = [*(complaints or ["ok"]), *mentioned]
    return _Answer(503 if complaints else 200, "".join(f"{line}\n" for line in said).encode())


def _parse(head: bytes) -> tuple[str, str, str]:
    """Method, target and Accept of a request; an empty method for what is not HTTP/1."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return "", "", ""
    accept = ""
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "accept":
            accept = value.strip()
    return words[0], words[1], accept


def _encode(answer: _Answer, *, with_body: bool) -> bytes:
    allow = "Allow: GET, HEAD\r\n" if answer.status == 405 else ""
    head = (
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        f"Cache-Control: no-store\r\n{allow}"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (answer.body if with_body else b"")
