"""The probes, asked over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from worker.errors import ConfigurationError
from worker.ops import health as health_module
from worker.ops.health import STALLED_AFTER_SECONDS, Health, HealthServer
from worker.ops.metrics import Metrics
from worker.records import Backlog

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Stands still until told."""

    seconds = 0.0
    moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds


async def _backlog(_now: datetime) -> Backlog:
    return Backlog(1, None, 0, 0, 0, None, 0, 0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def health(clock: FakeClock) -> Health:
    return Health(clock, Metrics(clock), wall=clock.now)


@pytest.fixture
async def server(health: Health) -> AsyncIterator[HealthServer]:
    async with HealthServer(health, _backlog, host="127.0.0.1", port=0) as server:
        yield server


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_probes_are_answered_on_both_families_by_default(health: Health, address: str) -> None:
    """A cluster that is IPv6 only probes the pod's IPv6 address."""
    async with HealthServer(health, _backlog, host="*", port=0) as server:
        reader, writer = await asyncio.open_connection(address, server.port)
        writer.write(b"GET /livez HTTP/1.1\r\n\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.readline(), 60)
        writer.close()


def test_a_clock_that_is_set_is_told(health: Health, clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    """Forward or back; a steady one is not."""
    for seconds in (0.0, 1.0, 2.0):
        clock.seconds, clock.moment = seconds, NOW + timedelta(seconds=seconds)
        health.watch_clock()
    assert "clock_stepped" not in capsys.readouterr().out
    clock.moment = NOW - timedelta(hours=1)
    health.watch_clock()
    assert "seconds=-3602.0" in capsys.readouterr().out


async def _ask(server: HealthServer, request: bytes) -> tuple[int, str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = (await asyncio.wait_for(reader.read(), 60)).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split(" ")[1]), head, body


async def _get(server: HealthServer, path: str) -> tuple[int, str]:
    status, _, body = await _ask(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return status, body


async def test_it_lives_while_the_loop_turns_and_nothing_died(
    server: HealthServer, health: Health, clock: FakeClock
) -> None:
    assert await _get(server, "/livez") == (200, "ok\n")

    health.beat()
    clock.seconds = STALLED_AFTER_SECONDS + 1
    status, body = await _get(server, "/livez")
    assert status == 503
    assert "event loop" in body

    health.beat()
    health.died("relay")
    assert await _get(server, "/livez") == (503, "relay died\n")


async def test_it_is_ready_only_with_everything_and_names_what_is_missing(server: HealthServer, health: Health) -> None:
    up = {"consumer": False, "publisher": True}
    health.require("consumer", lambda: up["consumer"])
    health.require("publisher", lambda: up["publisher"])

    assert await _get(server, "/readyz") == (503, "consumer\n")

    up["consumer"] = True
    assert await _get(server, "/readyz?verbose=1") == (200, "ok\n")

    health.drain()
    assert await _get(server, "/readyz") == (503, "draining\n")
    assert await _get(server, "/livez") == (200, "ok\n")


async def test_what_commands_wait_for_is_told_beside_the_verdict(server: HealthServer, health: Health) -> None:
    """A gateway that is away makes nobody less ready."""
    is_away, is_up = [True], [True]
    health.require("consumer", lambda: is_up[0])
    health.mention("the gateway", lambda: is_away[0])

    assert await _get(server, "/readyz") == (200, "ok\nthe gateway\n")
    is_up[0] = False
    assert await _get(server, "/readyz") == (503, "consumer\nthe gateway\n")
    is_up[0], is_away[0] = True, False
    assert await _get(server, "/readyz") == (200, "ok\n")


async def test_a_part_that_is_asked_must_answer_in_time(
    server: HealthServer, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_CHECK_TIMEOUT_SECONDS", 0.05)
    faults: list[str] = ["refuse"]

    async def ping() -> None:
        if faults == ["refuse"]:
            raise OSError("refused")
        if faults == ["hang"]:
            await asyncio.Event().wait()

    health.require_answer("journal", ping)

    assert await _get(server, "/readyz") == (503, "journal\n")
    faults[:] = ["hang"]
    assert await _get(server, "/readyz") == (503, "journal\n")
    faults.clear()
    assert await _get(server, "/readyz") == (200, "ok\n")


async def test_metrics_are_served_with_the_backlog_fresh(server: HealthServer) -> None:
    status, head, body = await _ask(server, b"GET /metrics HTTP/1.1\r\nAccept: */*\r\n\r\n")

    assert status == 200
    assert "Content-Type: text/plain" in head
    assert "fapiao_commands_waiting 1.0" in body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /livez HTTP/1.1\r\n\r\n", 405),
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"hello there\r\n\r\n", 400),
        (b"\x16\x03\x01 not http\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /livez HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_other_requests_are_told_off(server: HealthServer, request_: bytes, status: int) -> None:
    assert (await _ask(server, request_))[0] == status


async def test_head_gets_the_same_head_and_no_body(server: HealthServer) -> None:
    status, head, body = await _ask(server, b"HEAD /livez HTTP/1.1\r\n\r\n")

    assert (status, body) == (200, "")
    assert "Content-Length: 3" in head


async def test_whoever_dawdles_is_cut_off(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "_REQUEST_TIMEOUT_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /livez")

    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()


async def test_whoever_reads_nothing_is_cut_off_too(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or each such connection would keep a file open, and hold up the end."""
    monkeypatch.setattr(health_module, "_REQUEST_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(health_module, "_encode", lambda *_, **__: b"x" * 50_000_000)
    with socket.create_connection(("127.0.0.1", server.port)) as asking:
        asking.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(asking, b"GET /livez HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.5)
        came = 0
        while part := await loop.sock_recv(asking, 1_000_000):
            came += len(part)

    assert came < 50_000_000, "what the system had taken by then"


async def test_a_taken_port_is_an_error_that_names_the_setting(server: HealthServer, health: Health) -> None:
    with pytest.raises(ConfigurationError, match="FAPIAO_HTTP_PORT"):
        async with HealthServer(health, _backlog, host="127.0.0.1", port=server.port):
            pass


async def test_beating_measures_how_late_the_loop_is(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "_BEAT_SECONDS", 0.0)
    task = asyncio.create_task(health.run())
    while health._last_beat is None:
        await asyncio.sleep(0)
    task.cancel()

    assert health.illness() == []
