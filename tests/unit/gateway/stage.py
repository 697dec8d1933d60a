"""A gateway whose sockets are fakes: what is said on them, what is sent, what is measured."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

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

    def abort(self) -> None:
        self.is_cut = True


class FakeSocket:
    """A socket whose other side is the test: `say` and `fail`."""

    def __init__(self) -> None:
        self.is_open = True
        self.has_unread = False
        self.transport = FakeTransport()
        self.sent: list[str] = []
        self.send_error: Exception | None = None
        """What sending ends in: the connection is on its way out then."""
        self.close_error: Exception | None = None
        self._incoming: asyncio.Queue[str | Exception] = asyncio.Queue()

    def say(self, *frames: str | Exception) -> None:
        for spoken in frames:
            self._incoming.put_nowait(spoken)

    def send_at_once(self, text: bytes) -> bool:
        if self.send_error is None:
            self.sent.append(text.decode())
        return self.send_error is None

    async def send(self, _text: bytes) -> None:
        assert self.send_error is not None
        raise self.send_error

    async def recv(self) -> str:
        spoken = await self._incoming.get()
        if isinstance(spoken, Exception):
            self.is_open = False
            raise spoken
        return spoken

    async def close(self) -> None:
        if self.close_error is not None:
            raise self.close_error
        self.is_open = False


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
