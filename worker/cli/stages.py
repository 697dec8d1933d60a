"""What `dev` and `demo` run as children: a sandbox and a worker, and their addresses.

That of `dev` stands beside its broker and keeps its data, with waits cut to seconds; that of `demo` is over a private
prefix and database. Guarantees that `async with` leaves no process behind, and `DemoStage` no file, queue or exchange
either.
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
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from contracts.envelope import loads
from worker.amqp.connections import Address
from worker.amqp.topology import Topology
from worker.cli import story
from worker.cli.dev.broker import DevBroker
from worker.cli.dev.home import FOLDER, Home
from worker.cli.parts import Parts, answers, free_port, free_port_from
from worker.cli.terminal import is_chinese, note, say
from worker.errors import WorkerError
from worker.ops.control import RemoteOperations, socket_path
from worker.settings import Settings

SANDBOX_PORT: Final = 8090
WORKER_PORT: Final = 8080
_AGAIN_SECONDS: Final = 1.0

SHORT: Final = {
    "answer_timeout_seconds": "5",
    "confirm_delay_seconds": "1",
    "confirm_schedule": "1s,3s,10s",
    "download_timeout_seconds": "10",
    "drain_seconds": "0",
    "files_schedule": "1s,2s,5s",
    "login_suspend_seconds": "10",
    "login_timeout_seconds": "5",
    "query_timeout_seconds": "10",
    "reconcile_schedule": "2s,3s,5s,10s",
    "refusal_rest_seconds": "10",
    "refusal_schedule": "1s,2s",
    "result_timeout_seconds": "10",
    "retry_max_seconds": "2",
    "vault_schedule": "1s,3s,10s",
}
"""What takes minutes or hours elsewhere, as settings; one that is set outside stays as it is."""


class DevStage:
    """The running parts, and where they are."""

    def __init__(self, settings: Settings, home: Home, broker: DevBroker, auto_scan_seconds: float | None) -> None:
        self._home = home
        self._broker = broker
        self._auto_scan_seconds = auto_scan_seconds
        self._parts = Parts(home.directory, inherited=home.held)
        self.sandbox_url = f"http://127.0.0.1:{free_port_from(SANDBOX_PORT)}"
        self.worker_port = free_port_from(WORKER_PORT)
        self._set_outside = settings.model_fields_set
        self.settings = settings.model_copy(
            update={
                "amqp_url": settings.amqp_url if not broker.is_ours else SecretStr(broker.url),
                "database_url": SecretStr(f"sqlite:///{home.database}"),
            }
        )

    async def __aenter__(self) -> Self:
        """Start sandbox and worker. Raises `Stop` with the last words of the one that does not come up."""
        try:
            await self._start_sandbox()
            await self._start_worker()
        except BaseException:
            await self._parts.end()
            raise
        self._home.tell(self._note())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.untell()
        await self._parts.end()

    def described(self) -> list[str]:
        """What runs, where, and how to go on."""
        prefix = self.settings.prefix
        if is_chinese():
            return self._described_in_chinese(prefix)
        return [
            "Fapiao Worker, for development: nothing issued here is a tax invoice.",
            f"  broker    {self._broker.shown}   ({self._broker.how})",
            f"  publish   to exchange {prefix}.commands, routing key invoice.issue",
            f"  events    on exchange {prefix}.events (topic), and in the queue that reply_to names",
            f"  sandbox   {self.sandbox_url}   (stands in for the tax gateway: open it in a browser)",
            f"  worker    http://127.0.0.1:{self.worker_port}/readyz",
            f"  scans     {self._who_scans()}",
            f"  data      {FOLDER}/ (journal, books, logs)",
            "",
            "In another terminal, in this folder:",
            "  fapiao-worker example > order.json     a sample order, with an id of its own",
            "  fapiao-worker send order.json          publish it, see its events",
            "  fapiao-worker list                     commands;  status ID  shows one",
            "",
            "Ctrl-C ends all of it; the data stay.",
            "",
        ]

    def _described_in_chinese(self, prefix: str) -> list[str]:
        scans = "打开订单的链接并点确认（--auto-scan 2：自动确认）"
        if self._auto_scan_seconds is not None:
            scans = f"{self._auto_scan_seconds:g} 秒后自动确认"
        return [
            "Fapiao Worker 开发环境：在此开出的都不是真实发票。",
            f"  消息服务器  {self._broker.shown}   ({self._broker.how})",
            f"  发布到      交换机 {prefix}.commands，路由键 invoice.issue",
            f"  事件        交换机 {prefix}.events（topic），以及 reply_to 指定的队列",
            f"  沙箱        {self.sandbox_url}   （模拟税务网关，可用浏览器打开）",
            f"  本服务      http://127.0.0.1:{self.worker_port}/readyz",
            f"  扫码        {scans}",
            f"  数据        {FOLDER}/（记录、账本、日志）",
            "",
            "在另一个终端的同一目录里：",
            "  fapiao-worker example > order.json     一张示例订单，id 是新的",
            "  fapiao-worker send order.json          发布它，查看事件",
            "  fapiao-worker list                     所有命令；status ID 查看其中一条",
            "",
            "按 Ctrl-C 全部结束，数据保留。",
            "",
        ]

    async def show_events(self) -> None:
        """A line for each event of any command, as it comes, until cancelled."""
        from worker.cli.broker import broker

        while True:
            try:
                async with broker(self.settings) as connection:
                    bodies = await connection.overhear()
                    while (body := await bodies.get()) is not None:
                        event = loads(body)
                        say(f"{event.get('data', {}).get('commandSource')} {event.get('subject')}", style="faint")
                        story.tell_briefly(event)
            except WorkerError as error:
                note(f"The events cannot be shown just now: {error}")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def until_one_ends(self) -> str:
        """Wait for the first part to end, and say which one it was."""
        return await self._parts.until_one_ends()

    async def _start_sandbox(self) -> None:
        port = str(urlsplit(self.sandbox_url).port)
        arguments = ["sandbox", "--port", port, "--ledger", str(self._home.directory / "ledger.jsonl")]
        arguments += ["--clock", str(self._home.clock)]
        if self._auto_scan_seconds is not None:
            arguments += ["--auto-scan", str(self._auto_scan_seconds)]
        await self._parts.start("sandbox", arguments, {})
        await self._parts.until("sandbox", lambda: answers(f"{self.sandbox_url}/"))

    async def _start_worker(self) -> None:
        await self._parts.start("worker", [], self.environment(), module="worker.cli.dev.worker")
        await self._parts.until("worker", lambda: answers(f"http://127.0.0.1:{self.worker_port}/readyz"))

    def environment(self) -> dict[str, str]:
        """The worker's variables: what makes it this stage's, and short waits where nothing else was asked for."""
        short = {f"FAPIAO_{name.upper()}": value for name, value in SHORT.items() if name not in self._set_outside}
        return short | {
            "FAPIAO_AMQP_URL": self.settings.amqp_url.get_secret_value(),
            "FAPIAO_PREFIX": self.settings.prefix,
            "FAPIAO_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "FAPIAO_JOURNAL_KEYS": self._home.journal_key(),
            "FAPIAO_GATEWAY_URL": "ws" + self.sandbox_url.removeprefix("http"),
            "FAPIAO_GATEWAY_HTTP_URL": self.sandbox_url,
            "FAPIAO_GATEWAY_HEADERS": "{}",
            "FAPIAO_HTTP_HOST": "127.0.0.1",
            "FAPIAO_HTTP_PORT": str(self.worker_port),
            "FAPIAO_DECLARE": "true",
            "FAPIAO_LOG_FORMAT": "json",
        }

    def _note(self) -> dict[str, str]:
        told = {
            "broker": self._broker.label,
            "prefix": self.settings.prefix,
            "database": self.settings.database_url.get_secret_value(),
            "sandbox": self.sandbox_url,
            "worker": f"http://127.0.0.1:{self.worker_port}",
        }
        if self.settings.vault_url:
            told["vault"] = self.settings.vault_url
        # Somebody else's broker may have a password of its own, which is written nowhere.
        return told | ({"amqpUrl": self._broker.url} if self._broker.is_ours else {})

    def _who_scans(self) -> str:
        if self._auto_scan_seconds is None:
            return "by you: open the link of an order, and confirm (--auto-scan 2: by themselves)"
        return f"confirm themselves after {self._auto_scan_seconds:g} s"


class DemoStage:
    """The running parts, and where they are."""

    def __init__(self, settings: Settings, auto_scan_seconds: float | None) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="fapiao-demo-"))
        self.auto_scan_seconds = auto_scan_seconds
        self._parts = Parts(self._directory)
        self.database = self._directory / "fapiao.db"
        sandbox_port = free_port_from(SANDBOX_PORT)
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

    async def until_one_ends(self) -> str:
        """Wait for the first part to end, and say which one it was."""
        return await self._parts.until_one_ends()

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
            "FAPIAO_AMQP_URL": settings.amqp_url.get_secret_value(),  # perhaps that of the `dev` in this folder
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
