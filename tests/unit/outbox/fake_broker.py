"""A broker that settles each message as a test says, with fake links and channels, and the publisher on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from aiormq.exceptions import AMQPConnectionError, ChannelAccessRefused, ChannelPreconditionFailed

from tests.unit.outbox.rows import reply
from worker.amqp.confirms import Batch, Verdict
from worker.amqp.connections import Address, Link
from worker.amqp.topology import Topology
from worker.amqp.wire import Outgoing
from worker.errors import BrokerLost
from worker.outbox.publisher import Publisher
from worker.records import OutboxRow

TOPOLOGY = Topology("fapiao")


@dataclass(eq=False)
class FakeBroker:
    """What happens to a message, by routing key."""

    closes: dict[str, BaseException] = field(default_factory=dict)
    """These end the channel that they are sent on."""
    refuses: set[str] = field(default_factory=set)
    """These are answered with a nack."""
    silent: set[str] = field(default_factory=set)
    """These are never confirmed."""
    drops: set[str] = field(default_factory=set)
    """These end the connection."""
    is_blocked: bool = False
    forbids: set[str] = field(default_factory=set)
    """Exchanges that the user may not write to."""
    asked: int = 0
    """How often it was asked for the right to write."""
    batches: list[list[str]] = field(default_factory=list)
    channels: list["FakeChannel"] = field(default_factory=list)
    link: "FakeLink | None" = None

    async def open_channel(self, link: Link) -> "FakeChannel":
        if self.link is not link or self.link.is_over:
            raise BrokerLost("closed")
        self.channels.append(FakeChannel(self))
        return self.channels[-1]

    @contextlib.asynccontextmanager
    async def connect(self, address: Address, name: str, heartbeat: int, epoch: int) -> AsyncIterator[Link]:
        self.link = FakeLink(epoch, self)
        yield self.link


class FakeTransport:
    def __init__(self) -> None:
        self.closing: asyncio.Future[object] = asyncio.get_running_loop().create_future()


class FakeLink(Link):
    """A link without a socket."""

    def __init__(self, epoch: int, broker: FakeBroker) -> None:
        super().__init__(epoch, FakeTransport())  # type: ignore[arg-type]
        self._broker = broker
        self.is_over = False

    async def is_blocked(self) -> bool:  # type: ignore[explicit-override]
        return self._broker.is_blocked

    def fail(self, reason: str) -> None:  # type: ignore[explicit-override]
        self.is_over = True
        super().fail(reason)


class FakeChannel:
    """Settles each message as the broker says."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._flying: list[Batch] = []
        self.is_open = True

    async def send(self, messages: Sequence[Outgoing]) -> Batch:
        batch = Batch(len(messages))
        if messages[0].properties.expiration is not None:  # it asks for the right, and sends nothing
            self._broker.channels.remove(self)
            self._flying.append(batch)
            self._broker.asked += 1
            if self._broker.is_blocked:
                return batch
            is_forbidden = messages[0].exchange in self._broker.forbids
            batch.lose(ChannelAccessRefused("403") if is_forbidden else ChannelPreconditionFailed("406"))
            return batch
        batch.was_sent = True
        self._flying.append(batch)
        keys = [message.routing_key for message in messages]
        self._broker.batches.append(keys)
        for index, key in enumerate(keys):
            if (ending := self._ending(key)) is not None:
                self.is_open = False
                batch.lose(ending)
                return batch
            if key in self._broker.refuses:
                batch.settle(index, Verdict.REFUSED)
            elif key not in self._broker.silent:
                batch.settle(index, Verdict.CONFIRMED)
        return batch

    async def close(self) -> None:
        self.is_open = False
        for batch in self._flying:
            batch.lose(None)

    def _ending(self, key: str) -> BaseException | None:
        if key in self._broker.drops and self._broker.link is not None:
            self._broker.link.fail("dropped")
            return AMQPConnectionError("dropped")
        return self._broker.closes.get(key)


@contextlib.asynccontextmanager
async def publishing(broker: FakeBroker) -> AsyncIterator[Publisher]:
    publisher = Publisher(
        urls=lambda: ["amqp://a/"],
        topology=TOPOLOGY,
        declares=False,
        connect=broker.connect,
        open_channel=broker.open_channel,
    )
    task = asyncio.create_task(publisher.run())
    await asyncio.sleep(1)
    try:
        yield publisher
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def rows_to(*destinations: str) -> list[OutboxRow]:
    return [reply(seq, destination) for seq, destination in enumerate(destinations)]
