"""One connection to the broker for tests without a loop of their own: publishes, and hears every event.

Guarantees: `send` returns when the broker has the command; `events` holds each event once, in the order in which it
came, from the moment of entering on. All of it runs in a thread of its own.
"""

import asyncio
import json
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

T = TypeVar("T")
ANSWER_SECONDS: Final = 30.0


class Connection:
    """The connection, as `with Connection(…) as connection`."""

    def __init__(self, amqp_url: str, prefix: str) -> None:
        self._url, self._prefix = amqp_url, prefix
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fapiao-testkit", daemon=True)
        self.events: list[dict[str, Any]] = []
        """As they came, CloudEvents; only ever appended to."""
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    def send(self, body: bytes, *, routing_key: str, content_type: str) -> None:
        """Publish a command, persistent and confirmed. Raises `aio_pika.exceptions.DeliveryError`."""
        message = aio_pika.Message(body, content_type=content_type, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        self._wait(self._exchange.publish(message, routing_key=routing_key))

    async def _open(self) -> None:
        self._connection = await aio_pika.connect(self._url)
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        self._exchange = await channel.get_exchange(f"{self._prefix}.commands", ensure=False)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(f"{self._prefix}.events", "#")
        await queue.consume(self._take, no_ack=True)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        if event["id"] not in self._seen:
            self._seen.add(event["id"])
            self.events.append(event)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)
