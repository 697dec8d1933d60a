"""A small web server of a test's own: what it answers to each path, and what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Web:
    """Answers by path; a path that is not there is 404."""

    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Whole requests, heads included."""
    port: int = 0
    slow_seconds: float = 0.0
    serving: set["asyncio.Task[None]"] = field(default_factory=set)

    def gives(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        """Answer this path so; returns its address."""
        told = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items() if value)
        self.answers[path] = head.encode() + b"connection: close\r\n\r\n" + body
        return self.at(path)

    def at(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, to its end or the server's."""
        self.serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def end(self) -> None:
        """Let nothing go on."""
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        await asyncio.sleep(self.slow_seconds)
        path = head.split(" ")[1].split("?")[0]
        writer.write(self.answers.get(path, b"HTTP/1.1 404 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
        await writer.drain()


@asynccontextmanager
async def web() -> AsyncIterator[Web]:
    """One that runs while inside."""
    made = Web()
    server = await asyncio.start_server(made.begin, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        await made.end()
        server.close()
        await server.wait_closed()
