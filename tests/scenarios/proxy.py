"""A small TCP proxy that stands between a worker and a server, and does to the link what networks do.

Cut: both ends get a reset. Stalled: no byte passes and nothing is closed, as where a cable is out or a firewall has
forgotten the connection; bytes that were on their way come when it flows again. Delayed: each piece comes later.
Refusing: nothing listens.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from worker.servers.processes import free_port

RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing sends a reset, not a goodbye."""


class Proxy:
    """In front of one address. `async with`; then `port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = free_port()
        """Below the ports that clients are given: while it refuses, nobody else gets it."""
        self.delay_seconds = 0.0
        """How much later each piece arrives, in either direction."""
        self.accepted = 0
        """Connections so far (count)."""

    @classmethod
    def before(cls, url: str) -> Self:
        """In front of the server of an address."""
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 5672)

    def address(self, url: str) -> str:
        """The same address, by way of this proxy."""
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{self.port}"))

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        self.flow()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def listen(self) -> None:
        """Take connections (again), on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        """Take no more connections; those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def stall(self) -> None:
        """Half-open from now on, connections old and new."""
        self._flowing.clear()

    def flow(self) -> None:
        """Bytes pass again, those that were held first."""
        self._flowing.set()

    def cut(self) -> None:
        """Reset every open connection, at both ends."""
        for writer in self._writers:
            taken = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    if self.delay_seconds:
                        await asyncio.sleep(self.delay_seconds)
                    await self._flowing.wait()
                    sink.write(data)
                    await sink.drain()
        finally:
            self._writers.discard(sink)
            sink.close()


@contextlib.asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of a server, and the address by way of it."""
    async with Proxy.before(url) as proxy:
        yield proxy, proxy.address(url)
