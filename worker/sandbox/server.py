"""One port that is the vendor: WebSocket ``/invoice`` and ``/web/invoice``, look-ups, pages, files and controls.

Guaranteed: a socket that has begun to close is counted as closed before another of its ``userId``, on whichever
endpoint, is counted as open. Knows nothing of the worker. What is said on the two endpoints is for ``issuing`` and
``querying``.
"""

import asyncio
import json
import logging
import signal
import socket as sockets
from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from itertools import count
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from contracts.gateway import INVOICE_PATH, QUERY_PATH
from worker.clock import Clock
from worker.sandbox import issuing, querying
from worker.sandbox.calls import Answer, Call, Stream
from worker.sandbox.connection import ListeningPort, connection_to
from worker.sandbox.control import answer
from worker.sandbox.faults import asked_by_user_id
from worker.sandbox.house import House, SandboxOptions
from worker.sandbox.masking import secrets_in
from worker.sandbox.querying import is_look_up, look_up

__all__ = ["Sandbox", "SandboxOptions", "ready_line", "run"]

_HANDSHAKE_STATUS: Final = {"handshake_401": 401, "handshake_403": 403, "handshake_503": 503}
_LONGEST_TYPE: Final = 40
_quiet = logging.getLogger("worker.sandbox.websockets")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class Sandbox(House):
    """The running stand-in: ``async with Sandbox(options) as sandbox``. Everything public may be inspected."""

    def __init__(self, options: SandboxOptions | None = None, clock: Clock | None = None) -> None:
        """Open the ledger. Raises ``OSError`` if its file cannot be opened."""
        super().__init__(options, clock)
        self._port = ListeningPort(self._respond, _is_endpoint, self.options.keep_alive_seconds)
        self._server: Server | None = None
        self._numbers = count(1)
        self._connections: dict[int, ServerConnection] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises ``OSError`` if the port is taken."""
        self._server = await serve(
            self._talk,
            self.options.host,
            self.options.port,
            process_request=self._admit,
            create_connection=connection_to(self._port),
            open_timeout=None,
            compression=None,
            max_size=self.options.max_message_bytes,
            ping_interval=None,
            close_timeout=1,
            server_header="fapiao-sandbox",
            logger=_quiet,
            backlog=4096,
        )

    async def stop(self) -> None:
        """Cut what is open, end all exchanges, close the ledger."""
        await self.end_exchanges()
        self.scans.forget()
        if self._server is not None:
            self.drop()
            self._server.close()
            self._port.hang_up()
            await self._server.wait_closed()
        self.ledger.close()

    @property
    @override
    def port(self) -> int:
        """The port it listens on. Raises ``RuntimeError`` before ``start``."""
        if self._server is None:
            raise RuntimeError("the sandbox is not listening yet")
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    @override
    def url(self) -> str:
        """The gateway address for the worker, without a path."""
        host = "127.0.0.1" if self.options.host in ("0.0.0.0", "::", "") else self.options.host  # noqa: S104
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    @override
    def http_url(self) -> str:
        """The address of pages, files and controls, as QRs and results name it."""
        if self.options.public_url:
            return self.options.public_url.rstrip("/")
        if self.options.host in ("0.0.0.0", ""):  # noqa: S104
            return f"http://{_lan_address()}:{self.port}"
        return "http" + self.url.removeprefix("ws")

    @override
    def drop(self, user_id: str | None = None) -> int:
        """Cut the open sockets of a user (or all) without a closing handshake; returns how many."""
        due = [
            number
            for number, connection in self._connections.items()
            if user_id is None or _user_id(connection.request) == user_id
        ]
        for number in due:
            self.cut(number)
        return len(due)

    @override
    async def send(self, user_id: str, message: str | bytes) -> None:
        """Send to the user's newest socket, as the map has it now; a lost message is only counted."""
        number = self.vendor.route(user_id)
        if number is None:
            self.note(user_id, 0, "frame.lost", frame=_text_of(message))
            return
        try:
            await self._connections[number].send(message)
        except (ConnectionClosed, KeyError):
            self.vendor.of(user_id).lost_replies += 1
            self.note(user_id, number, "frame.lost", frame=_text_of(message))
        else:
            self.note(user_id, number, "frame.sent", frame=_text_of(message))

    @override
    def cut(self, socket: int) -> None:
        """Cut a socket without a closing handshake."""
        connection = self._connections.get(socket)
        if connection is not None:
            connection.transport.abort()

    async def _respond(self, call: Call, is_fresh: bool) -> Answer | Stream | None:
        if is_look_up(call.path):
            self.lookups.connections += is_fresh
            return await look_up(self, call.target, call.method)
        if call.method not in ("GET", "HEAD", "POST"):
            return Answer(
                HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"GET or POST\n", (("Allow", "GET, HEAD, POST"),)
            )
        return await answer(self, call)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        user_id = _user_id(request)
        if not user_id:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "userId is missing\n")
        asked = [asked_by_user_id(user_id), *self.faults.take(user_id, "handshake")]
        name = next((name for name in asked if name), None)
        if name is None:
            return None
        self.note(user_id, 0, "session.denied", name)
        if name == "handshake_refuse":
            connection.transport.abort()
        return connection.respond(HTTPStatus(_HANDSHAKE_STATUS.get(name, 503)), f"{name}\n")

    async def _talk(self, connection: ServerConnection) -> None:
        user_id, number = _user_id(connection.request), next(self._numbers)
        self._sweep(user_id)
        self._connections[number] = connection
        self.vendor.opened(user_id, number)
        self.note(user_id, number, "session.opened", _path(connection.request.path) if connection.request else "")
        try:
            async for message in connection:
                await self._hear(connection, user_id, number, message)
        except ConnectionClosed:
            pass
        finally:
            self._leave(user_id, number)

    def _sweep(self, user_id: str) -> None:
        """Take leave of this user's sockets that are closing, before a new one is counted beside them."""
        for number in self.vendor.open_sockets(user_id):
            connection = self._connections.get(number)
            if connection is None or connection.state is not State.OPEN:
                self._leave(user_id, number)

    def _leave(self, user_id: str, number: int) -> None:
        if self._connections.pop(number, None) is not None:
            self.vendor.closed(user_id, number)
            self.note(user_id, number, "session.closed")

    async def _hear(self, connection: ServerConnection, user_id: str, number: int, message: str | bytes) -> None:
        try:
            told = json.loads(message, parse_float=Decimal, parse_constant=_no_such_number)
        except ValueError:
            told = None
        self.feed.hide(user_id, secrets_in(told))
        self.note(user_id, number, "frame.heard", _type_of(told), frame=_text_of(message))
        hear = (
            querying.hear
            if connection.request and _path(connection.request.path).endswith(QUERY_PATH)
            else issuing.hear
        )
        await hear(self, user_id, number, told)


async def run(options: SandboxOptions, announce: Callable[[Sandbox], None]) -> None:
    """Run until SIGINT or SIGTERM. ``announce`` is called once it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stopped.set)
    async with Sandbox(options) as sandbox:
        announce(sandbox)
        await stopped.wait()


def ready_line(sandbox: Sandbox) -> str:
    """One line of JSON that tells a program where the sandbox is."""
    return json.dumps(
        {
            "event": "sandbox_ready",
            "gateway": sandbox.url,
            "http": sandbox.http_url,
            "control": f"{sandbox.http_url}/_sandbox/ledger",
        }
    )


def _type_of(told: object) -> str:
    """A client's word for what it says, cut to what is no essay."""
    return str(told.get("type", ""))[:_LONGEST_TYPE] if isinstance(told, dict) else ""


def _text_of(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode("utf-8", "replace")


def _path(target: str) -> str:
    return urlsplit(target).path


def _is_endpoint(target: str) -> bool:
    return _path(target).endswith((INVOICE_PATH, QUERY_PATH))


def _user_id(request: Request | None) -> str:
    query = parse_qs(urlsplit(request.path).query) if request is not None else {}
    return query.get("userId", [""])[-1]


def _no_such_number(word: str) -> None:
    raise ValueError(f"JSON has no number called {word}")


def _lan_address() -> str:
    """The address under which a phone in the same network finds this machine; nothing is sent to find it."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
