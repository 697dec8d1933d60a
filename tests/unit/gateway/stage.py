"""A gateway whose sockets are fakes: what is said on them, what is sent, what is measured."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

from tests.unit.gateway.dialogue import LOGIN, SUBMISSION, frame
from tests.unit.gateway.queries import order
from worker.gateway import websocket
from worker.gateway.client import WebSocketGateway
from worker.ports import Gateway, GatewaySession, LoginAnswered, QuerySession
from worker.settings import Settings

LOST = ConnectionClosedError(None, None)


class FakeTransport:
    """Remembers that it was cut."""

    is_cut = False
    is_ending = False

    def abort(self) -> None:
        self.is_cut = True

    def is_closing(self) -> bool:
        return self.is_cut or self.is_ending

    def get_write_buffer_size(self) -> int:
        return 0


class FakeSocket:
    """A socket whose other side is the test: `say` and `fail`."""

    def __init__(self) -> None:
        self.state = State.OPEN
        self.transport = FakeTransport()
        self.sent: list[str] = []
        self._send_error: Exception | None = None
        self.close_error: Exception | None = None
        self._incoming: asyncio.Queue[str | Exception] = asyncio.Queue()

    def say(self, *frames: str | Exception) -> None:
        for spoken in frames:
            self._incoming.put_nowait(spoken)

    @property
    def send_error(self) -> Exception | None:
        """What sending ends in: the connection is on its way out then."""
        return self._send_error

    @send_error.setter
    def send_error(self, error: Exception | None) -> None:
        self._send_error = error
        self.transport.is_ending = error is not None

    @property
    def protocol(self) -> "FakeSocket":
        return self

    def send_text(self, text: bytes) -> None:
        self.sent.append(text.decode())

    def send_data(self) -> None:
        pass

    async def send(self, frame: bytes, *, text: bool) -> None:
        if self._send_error is not None:
            raise self._send_error
        assert text
        self.sent.append(frame.decode())

    async def recv(self) -> str:
        spoken = await self._incoming.get()
        if isinstance(spoken, Exception):
            self.state = State.CLOSED
            raise spoken
        return spoken

    async def close(self) -> None:
        if self.close_error is not None:
            raise self.close_error
        self.state = State.CLOSED


class Stage:
    """A gateway whose sockets are fakes, and what it observed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.socket = FakeSocket()
        self.urls: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.observed: list[tuple[str, float]] = []

        async def open_socket(url: str, headers: Mapping[str, str], *_: Any) -> FakeSocket:
            self.urls.append(url)
            self.headers.append(headers)
            return self.socket

        monkeypatch.setattr(websocket, "open_socket", open_socket)
        self.gateway: Gateway = WebSocketGateway(
            Settings(_env_file=None, gateway_url="ws://gateway.test/prefix/", gateway_allow_plain=True, **settings),
            observe=lambda operation, seconds: self.observed.append((operation, seconds)),
        )

    async def submitted(self) -> GatewaySession:
        """A session that has submitted an invoice."""
        session = await self.gateway.connect("1111")
        await session.login(LOGIN)
        self.socket.say(frame("login", "1"))
        assert await session.receive() == LoginAnswered(accepted=True)
        await session.submit(SUBMISSION)
        return session

    async def queried(self) -> QuerySession:
        """A session that has asked for page 1."""
        session = await self.gateway.connect_query("1111")
        await session.query(order())
        return session
