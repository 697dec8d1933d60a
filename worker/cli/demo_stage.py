"""What the demo plays on: a sandbox and a worker as child processes, over a private prefix and database.

Guarantees: `async with DemoStage(…)` leaves no process, file, queue or exchange behind.
"""

import asyncio
import base64
import contextlib
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from worker.amqp.connections import Address
from worker.amqp.topology import Topology
from worker.cli.parts import Parts, answers, free_port, free_port_from, get
from worker.cli.terminal import Stop
from worker.errors import WorkerError
from worker.ops.control import RemoteOperations, socket_path
from worker.settings import Settings

_SANDBOX_PORT: Final = 8090


class DemoStage:
    """The running parts, and where they are."""

    def __init__(self, settings: Settings, auto_scan_seconds: float | None) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="fapiao-demo-"))
        self.auto_scan_seconds = auto_scan_seconds
        self._parts = Parts(self._directory)
        self.database = self._directory / "fapiao.db"
        sandbox_port = free_port_from(_SANDBOX_PORT)
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        health_port = free_port()
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
        await self._parts.end()
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
        await self._parts.until_one_ends()

    def last_words(self) -> str:
        """The ends of the logs."""
        return self._parts.last_words()

    async def _ask_broker(self) -> None:
        """Whether it is there at all: a worker would wait for it in patience."""
        from worker.cli.broker import opened

        async with opened(self.settings):
            pass

    async def _start_sandbox(self) -> None:
        arguments = ["sandbox", "--port", str(urlsplit(self.sandbox_url).port)]
        if self.auto_scan_seconds is not None:
            arguments += ["--auto-scan", str(self.auto_scan_seconds)]
        await self._parts.start("sandbox", arguments, {})
        await self._parts.until("sandbox", lambda: answers(f"{self.sandbox_url}/"))

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
        await self._parts.start("worker", ["run"], environment)
        await self._parts.until("worker", lambda: answers(f"{self.health_url}/readyz"))

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
        body = await asyncio.to_thread(get, url)
    except OSError as error:
        raise Stop(f"Cannot fetch {url}: {error}.") from error
    if not body.startswith(b"%PDF"):
        raise Stop(f"What {url} returns is no PDF.")
    return len(body)
