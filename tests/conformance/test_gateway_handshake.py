"""The gateway client against handshakes that fail, and against servers that are no gateway at all."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Opcode
from websockets.http11 import Request, Response

from contracts.failures import FailureCode
from tests.conformance.gateway_peer import heard, login, raw_server, self_signed, session_with, settings_for
from worker.errors import Permanent, Transient
from worker.gateway.client import WebSocketGateway
from worker.ports import (
    Disconnected,
)
from worker.sandbox.server import Sandbox, SandboxOptions


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose scans confirm themselves at once."""
    async with Sandbox(SandboxOptions(qr="never", auto_scan_seconds=0.05)) as running:
        yield running


# ---- the handshake -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user_id", "code"), [("deny-401", FailureCode.GATEWAY_UNAUTHORIZED), ("deny-403", FailureCode.GATEWAY_FORBIDDEN)]
)
async def test_trap_5_a_refused_identity_is_permanent(sandbox: Sandbox, user_id: str, code: FailureCode) -> None:
    with pytest.raises(Permanent) as raised:
        await WebSocketGateway(settings_for(sandbox.url)).connect(user_id)
    assert raised.value.code is code


@pytest.mark.parametrize("user_id", ["deny-503", "deny-refuse"])
async def test_trap_6_a_gateway_that_is_unwell_is_transient(sandbox: Sandbox, user_id: str) -> None:
    with pytest.raises(Transient) as raised:
        await WebSocketGateway(settings_for(sandbox.url)).connect(user_id)
    assert user_id not in str(raised.value)


async def test_nobody_listening_is_transient() -> None:
    with pytest.raises(Transient, match="refuses connections"):
        await WebSocketGateway(settings_for("ws://127.0.0.1:9")).connect("1111")


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(hang) as url:
        with pytest.raises(Transient, match="in time"):
            await WebSocketGateway(settings_for(url, connect_timeout_seconds=0.1)).connect("1111")


@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b""])
async def test_a_server_that_is_no_websocket_is_transient(answer: bytes) -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with raw_server(speak) as url:
        with pytest.raises(Transient):
            await WebSocketGateway(settings_for(url)).connect("1111")


async def test_a_server_that_speaks_tls_badly_is_transient() -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with raw_server(speak) as url:
        with pytest.raises(Transient):
            await WebSocketGateway(settings_for(url.replace("ws:", "wss:"))).connect("1111")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, with its key, in one file."""
    return self_signed(tmp_path)


@contextlib.asynccontextmanager
async def secure_server(certificate: Path) -> AsyncIterator[str]:
    """A WebSocket server over TLS that hears everything and answers nothing."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with scripted(
        lambda _connection, _request: None, lambda connection: connection.wait_closed(), ssl=tls
    ) as url:
        yield url.replace("ws:", "wss:")


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    async with secure_server(certificate) as url:
        with pytest.raises(Transient, match="certificate is not trusted: self-signed certificate"):
            await WebSocketGateway(settings_for(url)).connect("1111")


async def test_a_trusted_certificate_lets_in(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async with secure_server(certificate) as url, session_with(url) as session:
        await session.login(login())
        assert session.is_open


@contextlib.asynccontextmanager
async def scripted(
    handshake: Callable[[ServerConnection, Request], Response | None],
    talk: Callable[[ServerConnection], Any],
    **options: Any,
) -> AsyncIterator[str]:
    """A WebSocket server with a mind of its own."""
    quiet = logging.getLogger("tests.quiet")
    quiet.setLevel(logging.CRITICAL)
    async with serve(
        talk, "127.0.0.1", 0, process_request=handshake, logger=quiet, close_timeout=0.1, **options
    ) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_no_redirect_is_followed() -> None:
    visits: list[str] = []

    def move(connection: ServerConnection, request: Request) -> Response:
        visits.append(request.path)
        response = connection.respond(302, "moved")
        response.headers["Location"] = "/elsewhere"
        return response

    async with scripted(move, lambda connection: connection.wait_closed()) as url:
        with pytest.raises(Transient, match="302"):
            await WebSocketGateway(settings_for(url)).connect("1111")

    assert visits == ["/invoice?userId=1111"]


async def test_retry_after_is_told() -> None:
    def busy(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(429, "later")
        response.headers["Retry-After"] = "7"
        return response

    async with scripted(busy, lambda connection: connection.wait_closed()) as url:
        with pytest.raises(Transient) as raised:
            await WebSocketGateway(settings_for(url)).connect("1111")

    assert raised.value.retry_after == timedelta(seconds=7)


async def test_the_handshake_carries_the_headers_and_offers_no_compression() -> None:
    seen: list[Request] = []

    def look(_connection: ServerConnection, request: Request) -> None:
        seen.append(request)

    headers = {"X-Token": "abc"}
    async with (
        scripted(look, lambda connection: connection.wait_closed()) as url,
        session_with(f"{url}/prefix", gateway_headers=headers),
    ):
        pass

    [request] = seen
    assert request.headers["X-Token"] == "abc"
    assert request.headers["User-Agent"] == "fapiao-worker"
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert request.path == "/prefix/invoice?userId=%E7%94%A8%E6%88%B7%2F1%20%262"


async def test_a_gateway_that_closes_is_told_by_its_code() -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(4001, "kicked")

    async with scripted(lambda _connection, _request: None, close) as url, session_with(url) as session:
        assert await heard(session) == Disconnected("closed:4001")


async def test_trap_12_a_gateway_that_finds_our_frame_too_big_says_oversized() -> None:
    async def listen(connection: ServerConnection) -> None:
        async for _ in connection:
            pass

    async with (
        scripted(lambda _connection, _request: None, listen, max_size=64) as url,
        session_with(url) as session,
    ):
        await session.login(login())
        assert await heard(session) == Disconnected("oversized")


async def test_trap_11_a_gateway_that_falls_silent_is_found_by_pings() -> None:
    """It has answered some before."""

    async def freeze(connection: ServerConnection) -> None:
        await asyncio.sleep(1)
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with (
        scripted(lambda _connection, _request: None, freeze, ping_interval=None) as url,
        session_with(url, gateway_ping_seconds=0.1) as session,
    ):
        assert await heard(session) == Disconnected("pings_unanswered")


async def test_a_gateway_that_never_answers_a_ping_is_not_left_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Its scans are healthy; once it is said which setting sends no pings."""

    async def mute(connection: ServerConnection) -> None:
        send = connection.protocol.send_frame
        connection.protocol.send_frame = lambda frame: None if frame.opcode is Opcode.PONG else send(frame)  # type: ignore[method-assign]
        await asyncio.sleep(0.8)
        await connection.send('{"type":"login","data":"0"}')
        await connection.wait_closed()

    async with (
        scripted(lambda _connection, _request: None, mute, ping_interval=None) as url,
        session_with(url, gateway_ping_seconds=0.1) as session,
    ):
        assert not isinstance(await heard(session), Disconnected)
        assert session.is_open
    assert capsys.readouterr().out.count("gateway_answers_no_pings") == 1


async def test_closing_a_frozen_gateway_is_bounded() -> None:
    async def freeze(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with scripted(lambda _connection, _request: None, freeze, ping_interval=None) as url:
        session = await WebSocketGateway(settings_for(url, close_timeout_seconds=0.1)).connect("1111")
        async with asyncio.timeout(60):  # nothing else would end it
            await session.close()
        assert not session.is_open
