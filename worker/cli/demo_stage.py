"""What the demo plays on: a sandbox and a worker as child processes, over a private prefix and database.

Guarantees: `async with Stage(…)` leaves no process, file, queue or exchange behind.
"""

import asyncio
import base64
import contextlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from pydantic import SecretStr

from worker.amqp.connections import Address
from worker.amqp.topology import Topology
from worker.cli.terminal import Stop
from worker.errors import WorkerError
from worker.ops.control import RemoteOperations, socket_path
from worker.settings import Settings

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
_SANDBOX_PORT: Final = 8090


class Stage:
    """The running parts, and where they are."""

    def __init__(self, settings: Settings, auto_scan_seconds: float | None) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="fapiao-demo-"))
        self.auto_scan_seconds = auto_scan_seconds
        self._processes: list[asyncio.subprocess.Process] = []
        self.database = self._directory / "fapiao.db"
        sandbox_port = _SANDBOX_PORT if _is_free(_SANDBOX_PORT) else _free_port()
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        health_port = _free_port()
        self.health_url = f"http://127.0.0.1:{health_port}"
        self.settings = settings.model_copy(
            update={
                "prefix": f"fapiao-demo-{secrets.token_hex(3)}",
                "database_url": SecretStr(f"sqlite:///{self.database}"),
                "gateway_url": f"ws://127.0.0.1:{sandbox_port}",
                "gateway_headers": {},
                "http_port": health_port,
                "reply_to_pattern": ".*",
            }
        )
        self.broker_address = ", ".join(Address(url).label for url in settings.amqp_urls)

    async def __aenter__(self) -> Self:
        """Start sandbox and worker. Raises `Stop` with the last words of the one that does not come up."""
        try:
            await self._ask_broker()
            await self._start_sandbox()
            await self._start_worker()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            await _end(process)
        await self._delete_objects()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def operations(self) -> RemoteOperations:
        """The worker's control socket."""
        return RemoteOperations(socket_path(self.database))

    @property
    def example_path(self) -> Path:
        """Where the sample order is as a file."""
        return Path(sys.modules["contracts"].__path__[0]) / "examples" / "invoice.issue.json"

    def exports(self) -> list[str]:
        """Shell lines that point the command line at this stage. A password other than RabbitMQ's default is left
        to the reader."""
        url = self.settings.amqp_urls[0]
        address = url if urlsplit(url).password in {None, "guest"} else "(as for this demo)"
        return [
            f"export FAPIAO_AMQP_URL={address}",
            f"export FAPIAO_PREFIX={self.settings.prefix}",
            f"export FAPIAO_DATABASE_URL=sqlite:///{self.database}",
        ]

    async def until_one_ends(self) -> None:
        """Wait for the first part to end."""
        waits = [asyncio.create_task(process.wait()) for process in self._processes]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def last_words(self, name: str = "*") -> str:
        """The end of a part's log, or of all."""
        lines: list[str] = []
        for log in sorted(self._directory.glob(f"{name}.log")):
            lines += [f"{log.stem}: {line}" for line in log.read_text(errors="replace").splitlines()[-2:]]
        return "Its last words: " + " | ".join(lines) if lines else "It said nothing."

    async def _ask_broker(self) -> None:
        """Whether it is there at all: a worker would wait for it in patience."""
        from worker.cli.broker import opened

        async with opened(self.settings):
            pass

    async def _start_sandbox(self) -> None:
        arguments = ["sandbox", "--port", str(urlsplit(self.sandbox_url).port)]
        if self.auto_scan_seconds is not None:
            arguments += ["--auto-scan", str(self.auto_scan_seconds)]
        await self._start("sandbox", arguments, {})
        await self._until("sandbox", lambda: _answers(f"{self.sandbox_url}/"))

    async def _start_worker(self) -> None:
        settings = self.settings
        environment = {
            "FAPIAO_PREFIX": settings.prefix,
            "FAPIAO_DATABASE_URL": settings.database_url.get_secret_value(),
            "FAPIAO_JOURNAL_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "FAPIAO_GATEWAY_URL": settings.gateway_url,
            "FAPIAO_GATEWAY_HEADERS": "{}",
            "FAPIAO_HTTP_HOST": "127.0.0.1",
            "FAPIAO_HTTP_PORT": str(settings.http_port),
            "FAPIAO_REPLY_TO_PATTERN": ".*",
            "FAPIAO_DECLARE": "true",
            "FAPIAO_LOG_FORMAT": "json",
            "FAPIAO_DRAIN_SECONDS": "0",
            "FAPIAO_CONFIRM": "true",
            "FAPIAO_CONFIRM_DELAY_SECONDS": "1",
            "FAPIAO_CONFIRM_SCHEDULE": "1s,3s,10s",
        }
        await self._start("worker", ["run"], environment)
        await self._until("worker", lambda: _answers(f"{self.health_url}/readyz"))

    async def _start(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        with (self._directory / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "worker",
                *arguments,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C goes to the demo alone, which ends its parts in order.
                start_new_session=True,
            )
        self._processes.append(process)

    async def _until(self, name: str, is_up: Callable[[], Awaitable[bool]]) -> None:
        process = self._processes[-1]
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await is_up():
                    if process.returncode is not None:
                        raise Stop(f"The {name} did not start. {self.last_words(name)}")
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Stop(f"The {name} was not ready after {_START_SECONDS:g} s. {self.last_words(name)}") from None

    async def _delete_objects(self) -> None:
        from worker.cli.broker import answered, opened

        topology = Topology(self.settings.prefix)
        with contextlib.suppress(WorkerError, OSError):
            async with opened(self.settings) as link:
                channel = await link.open_channel(confirms=False)
                for queue in topology.queues:
                    await answered(channel.queue_delete(queue.name))
                for exchange in reversed(topology.exchanges):
                    await answered(channel.exchange_delete(exchange.name))


async def fetch_pdf(url: Any) -> int:
    """Fetch it and return its size (bytes). Raises `Stop` if it is no PDF."""
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise Stop("The event names no PDF.")
    try:
        body = await asyncio.to_thread(_get, url)
    except OSError as error:
        raise Stop(f"Cannot fetch {url}: {error}.") from error
    if not body.startswith(b"%PDF"):
        raise Stop(f"What {url} returns is no PDF.")
    return len(body)


async def _answers(url: str) -> bool:
    try:
        await asyncio.to_thread(_get, url)
    except OSError:
        return False
    return True


def _get(url: str) -> bytes:
    with urlopen(Request(url), timeout=10) as answer:  # noqa: S310  the scheme is checked, or our own
        return bytes(answer.read())


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
