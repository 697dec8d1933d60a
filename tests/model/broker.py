"""The broker on both sides of the workers: a queue that delivers again what was not acknowledged, and a publisher whose
confirms may be late, lost or refused.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.model.simulation import Process, World
from worker.amqp.confirms import Verdict
from worker.amqp.deliveries import AcknowledgementBook, Delivery
from worker.amqp.wire import Properties
from worker.errors import BrokerLost
from worker.intake.consumer import Consumer
from worker.records import OutboxRow


@dataclass(frozen=True)
class Message:
    """A command that the broker confirmed to its caller."""

    body: bytes
    properties: Properties


class CommandQueue:
    """Delivers each message to one consumer in turn, and again where that one is gone before the acknowledgement."""

    def __init__(self) -> None:
        self.ready: deque[Message] = deque()
        self._channels: list[Channel] = []

    @property
    def is_empty(self) -> bool:
        return not self.ready and not any(channel.unacknowledged for channel in self._channels)

    def publish(self, message: Message) -> None:
        self.ready.append(message)
        self.deliver()

    def join(self, channel: "Channel") -> None:
        self._channels.append(channel)
        self.deliver()

    def leave(self, channel: "Channel") -> None:
        """What it did not acknowledge comes again, before what is new."""
        if channel in self._channels:
            self._channels.remove(channel)
            self.ready.extendleft(reversed(channel.unacknowledged.values()))
            channel.unacknowledged.clear()
            self.deliver()

    def deliver(self) -> None:
        while self.ready and (takers := [channel for channel in self._channels if channel.is_consuming]):
            taker = takers[0]
            self._channels.remove(taker)
            self._channels.append(taker)
            taker.take(self.ready.popleft())


class Channel:
    """One worker's consumption in one epoch: `worker.amqp.deliveries.Acknowledging`."""

    def __init__(self, queue: CommandQueue, process: Process, consumer: Consumer, epoch: int) -> None:
        self.epoch = epoch
        self.is_consuming = True
        self.lost = process.loop.create_future()
        self.unacknowledged: dict[int, Message] = {}
        self._queue = queue
        self._process = process
        self._consumer = consumer
        self._book = AcknowledgementBook()
        self._tags = itertools.count(1)

    def take(self, message: Message) -> None:
        tag = next(self._tags)
        self.unacknowledged[tag] = message
        self._book.delivered(tag)
        self._consumer.receive(Delivery(self.epoch, tag, False, "invoice.issue", message.body, message.properties))

    async def acknowledge(self, tags: Iterable[int]) -> None:
        await self._process.passing()
        self._check()
        for last, multiple in self._book.settle(tags):
            done = [tag for tag in self.unacknowledged if tag == last or (multiple and tag < last)]
            for tag in done:
                del self.unacknowledged[tag]

    async def dead_letter(self, tag: int) -> None:
        raise AssertionError("every message here is a command")

    async def cancel(self) -> None:
        self._check()
        self.is_consuming = False

    async def consume(self, queues: Iterable[str]) -> None:
        self._check()
        self.is_consuming = True
        self._queue.deliver()

    def lose(self) -> None:
        """The connection breaks."""
        self.is_consuming = False
        if not self.lost.done():
            self.lost.set_result(None)
        self._queue.leave(self)

    def _check(self) -> None:
        self._process.check_alive()
        if self.lost.done():
            raise BrokerLost("the connection is gone")


@dataclass
class Published:
    """What came out, in the order in which it came."""

    copies: list[tuple[str, str, str]] = field(default_factory=list)
    """Event id, copy and queue or type."""


class ModelPublisher:
    """`worker.outbox.relay.EventPublisher`, with the verdicts that a test asks for."""

    def __init__(self, world: World, process: Process, published: Published, verdicts: deque[Verdict]) -> None:
        self.is_connected = self.can_publish = True
        self._world = world
        self._process = process
        self._published = published
        self._verdicts = verdicts
        self._late: dict[int, Verdict] = {}
        self.missing_queues: set[str] = set()

    async def publish(self, rows: Sequence[OutboxRow], patience_seconds: float) -> Mapping[int, Verdict]:
        await self._process.passing()
        verdicts = {row.seq: self._publish(row) for row in rows}
        await asyncio.sleep(0.02)
        await self._process.passing()
        return verdicts

    def _publish(self, row: OutboxRow) -> Verdict:
        if row.copy == "r" and row.destination in self.missing_queues:
            return Verdict.RETURNED
        verdict = self._verdicts.popleft() if self._verdicts else Verdict.CONFIRMED
        if verdict is not Verdict.REFUSED:
            self._published.copies.append((row.event_id, str(row.copy), row.destination))
        if verdict is Verdict.PENDING:
            self._world.later(4, lambda: self._late.update({row.seq: Verdict.CONFIRMED}))
        return verdict

    async def take_late(self) -> Mapping[int, Verdict]:
        self._process.check_alive()
        late, self._late = self._late, {}
        return late
