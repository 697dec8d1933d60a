"""A stack whose publisher and listener live through everything that is done to the broker, and one without a journal.

The publisher sends until the broker has confirmed, as a good one does, and so may send twice; the listener acknowledges
what it has taken note of, and so may hear twice. Neither is excused from anything else.
"""

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aiormq.abc import FieldTable
from typing_extensions import override

from tests.scenarios.chaos_load import Planned
from tests.scenarios.stack import ROOT, Stack
from tests.scenarios.worker_process import WorkerProcess

QUORUM: FieldTable = {"x-queue-type": "quorum"}
ANSWER_SECONDS = 20.0
"""A broker that is stalled or has an alarm says nothing; then it is asked anew on another connection."""


class ChaosStack(Stack):
    """The worker under whatever is done to it and to its servers."""

    understands_questions = True
    _publishing: AbstractChannel | None = None
    _attempts = 0

    @override
    async def __aenter__(self) -> Self:
        self.sandbox = self.sandbox_type(self.options)
        await self.sandbox.start()
        self.replies = f"{self.prefix}.replies"
        async with self.visit() as channel:
            await channel.declare_queue(self.replies, durable=True, arguments=QUORUM)
        self.heard = Counter[str]()
        self._listeners: list[asyncio.Task[None]] = []
        self.listen_to(self.replies)
        return self

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_workers(show=error is not None)
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        if self._publishing is not None:
            await self._publishing_connection.close()
        await self.sandbox.stop()

    @contextlib.asynccontextmanager
    async def visit(self) -> AsyncIterator[AbstractChannel]:
        """A channel on a connection of its own, to one of the brokers."""
        connection = await self._connect()
        try:
            yield await connection.channel(publisher_confirms=True)
        finally:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                async with asyncio.timeout(3):
                    await connection.close()

    async def _connect(self) -> AbstractConnection:
        """The next of the brokers: each failure tries another one."""
        urls = self.amqp_url.split(",")
        self._attempts += 1
        return await aio_pika.connect(urls[self._attempts % len(urls)], timeout=ANSWER_SECONDS)

    @staticmethod
    async def _insist(act: Callable[[], Awaitable[None]]) -> None:
        """Until it is done; the client library also cancels what waits for a connection that is lost."""
        while True:
            try:
                async with asyncio.timeout(None):
                    return await act()
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
            except (OSError, RuntimeError, TimeoutError, aio_pika.exceptions.AMQPError):
                pass
            await asyncio.sleep(0.2)

    # ---- listening ---------------------------------------------------------------------------------

    def listen_to(self, name: str) -> None:
        """Take note of every event in this queue from now on; one that is not there is declared."""
        self._listeners.append(asyncio.create_task(self._insist(lambda: self._listen(name))))

    async def until_heard(self, more: int) -> None:
        """Wait for so many more replies."""
        enough = self.heard[self.replies] + more
        await self.wait_for(lambda: self.heard[self.replies] >= enough)

    async def _listen(self, name: str) -> None:
        async def take(message: AbstractIncomingMessage) -> None:
            self.heard[name] += 1
            await self._take(message)

        async with self.visit() as channel:
            await channel.set_qos(100)
            queue = await self._declare(channel, name)
            await queue.consume(take)
            # A deleted queue ends its consumer, and the client library says nothing of that.
            while (await self._declare(channel, name)).declaration_result.consumer_count:
                await asyncio.sleep(1)
        raise RuntimeError("nobody consumes any more")

    async def _declare(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        async with asyncio.timeout(ANSWER_SECONDS):
            is_ours = name == self.replies
            return await channel.declare_queue(name, durable=True, passive=not is_ours, arguments=QUORUM)

    @override
    async def _take(self, message: AbstractIncomingMessage) -> None:
        """Kept without what takes memory: a run may last for hours."""
        event = json.loads(message.body)
        if isinstance(event["data"], dict):
            event["data"].pop("image", None)
        told = self.events[event["subject"]]
        event.setdefault("id", f"{event['type']} {len(told)}")  # the bare consumer's have none
        told.append(event)
        with contextlib.suppress(Exception):  # a lost connection brings it again
            await message.ack()

    # ---- publishing --------------------------------------------------------------------------------

    async def publish_planned(self, one: Planned) -> None:
        """Publish one message until it is confirmed."""
        await self.publish(one.command_id, one.data, type=one.type)

    @override
    async def publish(self, command_id: str, data: object, **properties: Any) -> None:
        given: dict[str, Any] = {"type": "invoice.issue", "app_id": "tests", "reply_to": self.replies}
        message = aio_pika.Message(
            json.dumps(data, ensure_ascii=False).encode(),
            content_type="application/json",
            message_id=command_id,
            delivery_mode=2,
            **given | properties,
        )
        await self._insist(lambda: self._publish_once(message, (given | properties)["type"]))

    async def _publish_once(self, message: aio_pika.Message, kind: str) -> None:
        channel = await self._open_publishing()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                exchange = await channel.get_exchange(self.exchange, ensure=False)
                await exchange.publish(message, routing_key=self.routing_key(kind))
        except BaseException:
            self._publishing = None
            with contextlib.suppress(Exception, asyncio.CancelledError):
                async with asyncio.timeout(3):
                    await self._publishing_connection.close()
            raise

    async def _open_publishing(self) -> AbstractChannel:
        if self._publishing is None:
            self._publishing_connection = await self._connect()
            self._publishing = await self._publishing_connection.channel(publisher_confirms=True, on_return_raises=True)
        return self._publishing

    @property
    def exchange(self) -> str:
        """Where commands are published."""
        return f"{self.prefix}.commands"

    def routing_key(self, kind: str) -> str:
        """With which routing key."""
        return kind

    # ---- looking -----------------------------------------------------------------------------------

    @override
    async def consumers(self) -> int:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self.visit() as channel:
                queue = await channel.declare_queue(f"{self.prefix}.issue", passive=True)
                return queue.declaration_result.consumer_count or 0
        except (OSError, RuntimeError, TimeoutError, aio_pika.exceptions.AMQPError):
            return 0

    @override
    async def check_nothing_is_left(self) -> None:
        async with self.visit() as self.channel:
            await super().check_nothing_is_left()


class BareStack(ChaosStack):
    """The consumer that acknowledges after completion and remembers nothing, in the worker's place."""

    understands_questions = False

    @override
    async def prepare(self) -> None:
        async with self.visit() as channel:
            await channel.declare_queue(f"{self.prefix}.issue", durable=True, arguments=QUORUM)

    @override
    def start_worker(self, **settings: str) -> WorkerProcess:
        own = {"FAPIAO_PREFETCH": "30", "BARE_QUEUE": f"{self.prefix}.issue"}
        program = str(ROOT / "tests" / "benchmarks" / "bare_consumer.py")
        return self.start_process([sys.executable, program], self.environment() | own)

    @property
    @override
    def exchange(self) -> str:
        return ""

    @override
    def routing_key(self, kind: str) -> str:
        return f"{self.prefix}.issue"
