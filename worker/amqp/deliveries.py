"""Consuming: deliveries that know their epoch, acknowledgements that cannot go astray, and a bound on the bytes held.

Guarantees that a broker's cancel of the consumer ends the link, for a plain channel would stay open and silent, and so
does whatever the broker does not do in time; and that the fewest acknowledgements are sent that cover just what was
done. Does not know what a message means.

The prefetch counts deliveries, and a body may have 128 MiB: 200 of them would be the end of the process. So, once the
bodies held come to the bound, nothing more is read from the connection until some have gone; the rest stays in the
broker. A body whose reading has begun is finished, so one more may be held than fits. This relies on how aiormq 7 hands
a channel its frames (`channel.frames.put`, awaited by the connection's only reader), to which
`tests/integration/test_intake_flood.py` holds it.
"""

import asyncio
import bisect
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from aiormq.abc import AbstractChannel, DeliveredMessage

from worker.amqp.connections import Link, ask
from worker.amqp.wire import Properties, properties_of
from worker.errors import BrokerLost
from worker.making import made_often

T = TypeVar("T")


class ByteBudget:
    """Counts the bytes held."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held = 0
        self._has_some = asyncio.Event()
        self._has_some.set()

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read."""
        return not self._has_some.is_set()

    def take(self, size: int) -> None:
        """So many bytes have come."""
        self._held += size
        if self._held >= self._bytes_max:
            self._has_some.clear()

    def give_back(self, size: int) -> None:
        """So many bytes are gone."""
        self._held -= size
        if self._held < self._bytes_max:
            self._has_some.set()

    async def wait(self) -> None:
        """Return when there is room."""
        await self._has_some.wait()


def read_as_there_is_room(channel: AbstractChannel, room: ByteBudget) -> None:
    """Make the reader of the channel's connection wait for room before each frame of this channel. Everything on that
    connection waits with it, so the connection must not be needed for anything else."""
    frames = channel.frames
    put = frames.put

    async def put_when_there_is_room(frame: object) -> None:
        if room.is_full:
            await room.wait()
        await put(frame)

    frames.put = put_when_there_is_room  # type: ignore[method-assign, assignment]


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A message as it came, with the right to acknowledge it once, in its epoch."""

    epoch: int
    tag: int
    redelivered: bool
    routing_key: str
    body: bytes
    properties: Properties
    queue: str = ""
    """Where it was consumed."""


class Acknowledging(Protocol):
    """What the consumer asks of the channel that it consumes on; tests put a fake in its place."""

    @property
    def epoch(self) -> int: ...

    @property
    def is_consuming(self) -> bool: ...

    async def consume(self, queues: Collection[str]) -> None: ...

    async def acknowledge(self, tags: Iterable[int]) -> None: ...

    async def dead_letter(self, tag: int) -> None: ...

    async def cancel(self) -> None: ...


class AcknowledgementBook:
    """Which deliveries of a channel are open, in order; turns those done into few acknowledgements."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def __len__(self) -> int:
        return len(self._open)

    def delivered(self, tag: int) -> None:
        """Note a delivery. The broker numbers them upwards."""
        self._open.append(tag)

    def settle(self, tags: Iterable[int]) -> list[tuple[int, bool]]:
        """Strike out `tags` and return what to send: pairs of tag and `multiple`. Unknown ones are left out, for a
        second acknowledgement of the same tag would close the channel."""
        done = {tag for tag in tags if self._is_open(tag)}
        prefix = 0
        while prefix < len(self._open) and self._open[prefix] in done:
            prefix += 1
        acknowledgements = [(self._open[prefix - 1], prefix > 1)] if prefix else []
        acknowledgements += [(tag, False) for tag in self._open[prefix:] if tag in done]
        self._open = [tag for tag in self._open[prefix:] if tag not in done]
        return acknowledgements

    def _is_open(self, tag: int) -> bool:
        at = bisect.bisect_left(self._open, tag)
        return at < len(self._open) and self._open[at] == tag


class Consumption:
    """Consumers of some queues on one channel of one link."""

    def __init__(self, link: Link, channel: AbstractChannel, on_delivery: Callable[[Delivery], None]) -> None:
        self.epoch = link.epoch
        self._link = link
        self._channel = channel
        self._on_delivery = on_delivery
        self._book = AcknowledgementBook()
        self._consumer_tags: list[str] = []
        self._wanted = 1
        link.watch(channel.closing, "the consuming channel ended")
        channel.on_consumer_cancel_callbacks.add(lambda _: link.fail("the broker cancelled the consumer"))

    @classmethod
    async def open(
        cls, link: Link, prefetch: int, on_delivery: Callable[[Delivery], None], room: ByteBudget
    ) -> "Consumption":
        """Open a channel; `prefetch` deliveries at most will be open per queue, and nothing is read while `room` is
        full. `on_delivery` must be quick. Consumes nothing yet: deliveries come before the broker has answered for the
        last queue, and whoever takes them must be able to acknowledge them. Raises `BrokerLost`."""
        channel = await link.open_channel(confirms=False)
        read_as_there_is_room(channel, room)
        consumption = cls(link, channel, on_delivery)
        await consumption._ask(channel.basic_qos(prefetch_count=prefetch))
        return consumption

    async def _ask(self, awaitable: Awaitable[T]) -> T:
        """Where the broker does not do it in time, the link ends, and what is open comes again on the next one: nobody
        would ask a second time for the same acknowledgement, or to be sent commands. Raises `BrokerLost`."""
        try:
            return await ask(awaitable)
        except BrokerLost as error:
            self._link.fail(f"the broker did not do what the consumer asked for: {error}")
            raise

    async def consume(self, queues: Collection[str]) -> None:
        """Start a consumer for each queue. Raises `BrokerLost`."""
        self._wanted = len(queues)
        for queue in queues:
            answer = await self._ask(self._channel.basic_consume(queue, partial(self._receive, queue)))
            self._consumer_tags.append(answer.consumer_tag or "")

    async def _receive(self, queue: str, message: DeliveredMessage) -> None:
        """A task of the channel: cancelled with it, so nothing is waited for here."""
        tag = message.delivery_tag or 0
        self._book.delivered(tag)
        self._on_delivery(
            Delivery(
                epoch=self.epoch,
                tag=tag,
                redelivered=bool(message.redelivered),
                routing_key=message.routing_key or "",
                body=message.body,
                properties=properties_of(message.header.properties),
                queue=queue,
            )
        )

    @property
    def is_consuming(self) -> bool:
        """Whether the broker sends what comes to any of the queues."""
        return len(self._consumer_tags) >= self._wanted and not self._channel.is_closed

    @property
    def open_deliveries(self) -> int:
        """How many deliveries are not acknowledged (count)."""
        return len(self._book)

    async def acknowledge(self, tags: Iterable[int]) -> None:
        """Acknowledge; nothing is acknowledged in return, so a redelivery may follow all the same. Raises
        `BrokerLost`."""
        acknowledgements = self._book.settle(tags)
        for at, (tag, multiple) in enumerate(acknowledgements, start=1):
            await self._ask(self._channel.basic_ack(tag, multiple=multiple, wait=at == len(acknowledgements)))

    async def dead_letter(self, tag: int) -> None:
        """Hand the message to the queue's dead-letter exchange: the broker moves it itself. Raises `BrokerLost`."""
        if self._book.settle([tag]):
            await self._ask(self._channel.basic_reject(tag, requeue=False))

    async def cancel(self) -> None:
        """Take no more deliveries; those that are here can still be acknowledged. Raises `BrokerLost`."""
        while self._consumer_tags:
            await self._ask(self._channel.basic_cancel(self._consumer_tags.pop()))


EXPIRED: Final = "expired"
REASONS: Final = (EXPIRED, "delivery_limit", "maxlen", "rejected")
"""Why a broker dead-letters, in its own words."""


@dataclass(frozen=True, slots=True)
class Death:
    """That a message died in a queue of commands: it expired, or was returned too often.

    Such a message goes to the dead-letter exchange without a word to its sender. Its copy in `<prefix>.returned` says
    by its headers where it died and of what, and the worker takes it from there.
    """

    reason: str
    """One of `REASONS`, or another word of a broker to come."""


def death_in(headers: Mapping[str, Any], queues: Collection[str]) -> Death | None:
    """How this message last died, where that was in one of `queues`."""
    deaths = headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths else None
    if not isinstance(last, dict) or last.get("queue") not in queues:
        return None
    return Death(str(last.get("reason")))
