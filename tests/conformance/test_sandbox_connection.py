"""The sandbox's port serves HTTP as usual servers do: one connection for many requests, until it has been idle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.conformance.sandbox_peer import COMPANY, PAST, files_of
from tests.plain_http import NO_TLS
from worker.sandbox.connection import LONGEST_REQUEST_LINE
from worker.sandbox.server import Sandbox, SandboxOptions

ITEM = "/web/invoice/item/1778381047770263553"


class Raw:
    """A client that sends and reads bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, *lines: str) -> tuple[str, dict[str, str], bytes]:
        """Send a request with these lines; returns status line, headers and body."""
        self.writer.write("\r\n".join([*lines, "Host: h", "", ""]).encode())
        return await self.hear()

    async def hear(self, *, has_body: bool = True) -> tuple[str, dict[str, str], bytes]:
        async with asyncio.timeout(60):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers["Content-Length"])) if has_body else b""
        return head[0], headers, body

    async def is_closed(self) -> bool:
        """Whether nothing more comes but the end, however it comes."""
        try:
            async with asyncio.timeout(60):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def raw(sandbox: Sandbox) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def test_one_connection_serves_many_requests_and_a_pool_is_counted() -> None:
    async with Sandbox(PAST) as sandbox:
        identity = sandbox.archive.invoices(COMPANY, 0)[0].row_id
        async with httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False) as http:
            for _ in range(20):
                assert (await http.get(sandbox.http_url + files_of(identity))).json()["data"]
        assert (sandbox.lookups.files, sandbox.lookups.connections) == (20, 1)


async def test_requests_may_come_in_pieces_or_together() -> None:
    async with Sandbox(PAST) as sandbox, raw(sandbox) as client:
        for piece in (f"GET {ITEM} HT", "TP/1.1\r\nHost: h\r", "\n\r\n" + f"GET {ITEM} HTTP/1.1\r\n\r\n"):
            client.writer.write(piece.encode())
            await client.writer.drain()
            await asyncio.sleep(0)
        assert [(await client.hear())[0] for _ in range(2)] == ["HTTP/1.1 200 OK"] * 2


@pytest.mark.parametrize(
    "lines",
    [
        (f"GET {ITEM} HTTP/1.1", "Connection: close"),
        (f"GET {ITEM} HTTP/1.0",),
        (f"GET {ITEM} HTTP/1.1", "Content-Length: 3"),
    ],
)
async def test_a_connection_is_closed_when_asked_to_or_when_a_body_follows(lines: tuple[str, ...]) -> None:
    async with Sandbox(PAST) as sandbox, raw(sandbox) as client:
        status, headers, _ = await client.ask(*lines)
        assert (status, headers["Connection"]) == ("HTTP/1.1 200 OK", "close")
        assert await client.is_closed()


async def test_an_idle_connection_is_closed_and_keeping_can_be_turned_off() -> None:
    for seconds, said in ((0.05, "keep-alive"), (0.0, "close")):
        async with Sandbox(SandboxOptions(keep_alive_seconds=seconds)) as sandbox, raw(sandbox) as client:
            assert (await client.ask(f"GET {ITEM} HTTP/1.1"))[1]["Connection"] == said
            assert await client.is_closed()


async def test_a_head_request_has_the_length_but_no_body() -> None:
    async with Sandbox(PAST) as sandbox, raw(sandbox) as client:
        client.writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
        _, headers, _ = await client.hear(has_body=False)
        assert int(headers["Content-Length"]) > 100
        assert (await client.ask("GET / HTTP/1.1"))[0] == "HTTP/1.1 200 OK"


async def test_an_address_may_be_as_long_as_usual_servers_take() -> None:
    """Trap 77: two hundred ids fit, five hundred do not."""
    async with Sandbox(PAST) as sandbox, raw(sandbox) as client:
        fits = f"GET {files_of(*[10**18] * 200)} HTTP/1.1"
        assert len(fits) < LONGEST_REQUEST_LINE
        assert (await client.ask(fits))[0] == "HTTP/1.1 200 OK"
        assert (await client.ask(f"GET {files_of(*[10**18] * 500)} HTTP/1.1"))[0].startswith("HTTP/1.1 414")


async def test_what_is_not_http_is_cut_off() -> None:
    async with Sandbox(PAST) as sandbox:
        for noise in (b"\r\n\r\n", b"hello\r\n\r\n", b"x" * 100_000):
            async with raw(sandbox) as client:
                client.writer.write(noise)
                assert await client.is_closed()


async def test_stopping_ends_kept_connections() -> None:
    async with Sandbox(PAST) as sandbox, raw(sandbox) as client:
        await client.ask(f"GET {ITEM} HTTP/1.1")
        await sandbox.stop()
        assert await client.is_closed()
