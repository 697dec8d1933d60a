"""The worker of the tests: a process of its own, with a journal in a file and waits cut to fractions of a second. Takes
its queues and exchanges off a broker that others use.
"""

import asyncio
import base64
import secrets
from types import TracebackType
from typing import Final, Self

import aio_pika

from worker.amqp.topology import Topology
from worker.cli.dev.stage import SHORT
from worker.servers.processes import LOOPBACK, free_port
from worker.testkit.broker import KitBroker
from worker.testkit.processes import KitProcess

_SHORTER: Final = {
    "answer_timeout_seconds": "10",
    "confirm_delay_seconds": "0.2",
    "confirm_schedule": "0.3s,1s,3s",
    "login_timeout_seconds": "10",
    "poll_seconds": "0.2",
    "reconcile_schedule": "1s,1s,2s",
    "refusal_grace_seconds": "0.5",
    "refusal_rest_seconds": "1",
    "refusal_schedule": "0.5s",
    "retry_max_seconds": "1",
    "retry_min_seconds": "0.2",
    "session_idle_seconds": "1",
}
"""Still shorter than `dev` has it: nobody watches."""


class KitWorker:
    """`fapiao-worker run` between the broker and the sandbox."""

    def __init__(self, broker: KitBroker, gateway_url: str, settings: dict[str, str]) -> None:
        self.amqp_url = broker.url
        self.prefix = settings.get("FAPIAO_PREFIX") or ("fapiao" if broker.is_ours else f"test-{secrets.token_hex(4)}")
        """Its exchanges are `<prefix>.commands` and `<prefix>.events`. On a broker that others use, one of its own."""
        self._is_ours = broker.is_ours
        self._port = free_port()
        self._process = KitProcess("worker", ["run"], self._environment(gateway_url) | settings)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.close()
        if not self._is_ours:
            delete_objects(self.amqp_url, self.prefix)

    def start(self) -> None:
        """Start it, if it does not run, and wait until it takes commands."""
        if not self._process.runs:
            self._process.start(f"http://{LOOPBACK}:{self._port}/readyz")

    def stop(self) -> None:
        """End it in good order; `start` goes on with the same journal."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a power cut would; `start` goes on with the same journal."""
        self._process.kill()

    def log(self) -> str:
        """Its log so far, a line of JSON each."""
        return self._process.log()

    @property
    def environment(self) -> dict[str, str]:
        """For the program under test, as a process of its own: where the broker is, and the prefix."""
        return {"FAPIAO_AMQP_URL": self.amqp_url, "FAPIAO_PREFIX": self.prefix}

    def _environment(self, gateway_url: str) -> dict[str, str]:
        short = {f"FAPIAO_{name.upper()}": value for name, value in (SHORT | _SHORTER).items()}
        return short | {
            "FAPIAO_AMQP_URL": self.amqp_url,
            "FAPIAO_PREFIX": self.prefix,
            "FAPIAO_DATABASE_URL": "sqlite:///journal.db",
            "FAPIAO_JOURNAL_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "FAPIAO_GATEWAY_URL": gateway_url,
            "FAPIAO_GATEWAY_HTTP_URL": "http" + gateway_url.removeprefix("ws"),
            "FAPIAO_HTTP_HOST": LOOPBACK,
            "FAPIAO_HTTP_PORT": str(self._port),
            "FAPIAO_LOG_FORMAT": "json",
            "FAPIAO_REPLY_TO_PATTERN": ".*",
        }


def delete_objects(amqp_url: str, prefix: str) -> None:
    """Delete everything that a worker declares under this prefix. What is not there is no error."""
    asyncio.run(_delete(amqp_url, Topology(prefix)))


async def _delete(amqp_url: str, topology: Topology) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for queue in topology.queues:
            await channel.queue_delete(queue.name)
        for exchange in reversed(topology.exchanges):
            await channel.exchange_delete(exchange.name)
