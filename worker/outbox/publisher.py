"""Events on the wire: one connection that only publishes, with a channel for replies, one for the topic, one for
dead letters, and one for queues that refused.

Guarantees a verdict for each row that is the broker's own about that row. A channel that the broker closes over one bad
message takes its neighbours with it; they are sent again in ever smaller groups, so that the bad one is found and the
others go on.
No event's id is in flight twice on a channel. While the broker takes nothing (memory or disk alarm), nothing is sent
and nothing is given up. Knows nothing of the journal: what is lost, the relay sends again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiormq.exceptions import AMQPChannelError, ChannelAccessRefused, ChannelNotFoundEntity

from contracts.envelope import CLOUDEVENTS_JSON
from worker.amqp.confirms import Batch, ConfirmChannel, Confirming, Verdict
from worker.amqp.connections import AskUrls, Connect, Link, SupervisedConnection, ask, open_link
from worker.amqp.topology import Topology, declare_over
from worker.amqp.wire import MAX_SHORT_BYTES, Outgoing, Properties
from worker.errors import BrokerLost
from worker.outbox.rights import Rights, is_answered
from worker.outbox.suspects import Suspects
from worker.records import Copy, OutboxRow
from worker.tls import MakeContext

log = structlog.get_logger()

CONNECTION_NAME = "fapiao-worker publish"
APP_ID = "fapiao-worker"
PERSISTENT = 2
DECLINING_MAX: Final = 10_000
"""Destinations that have a channel to themselves (count)."""
LOOK_SECONDS: Final = 15.0
"""Between two looks at the dead queue's depth."""
LOOKS_PER_DECLARING: Final = 4
"""After so many looks (count) everything is declared again, for somebody may have deleted it."""


def message_of(row: OutboxRow, topology: Topology) -> Outgoing:
    """The AMQP message of one copy. Nothing of the command's own headers is on it but the trace context."""
    trace = {"traceparent": row.traceparent, "tracestate": row.tracestate}
    fits = len(row.correlation_id.encode()) <= MAX_SHORT_BYTES  # an id of 200 characters may be longer in bytes
    return Outgoing(
        exchange=_exchange_of(row.copy, topology),
        routing_key=row.destination,
        body=row.body,
        properties=Properties(
            content_type=CLOUDEVENTS_JSON,
            headers={name: value for name, value in trace.items() if value} or None,
            delivery_mode=PERSISTENT,
            correlation_id=row.correlation_id if fits else None,
            message_id=row.message_id,
            timestamp=row.created_at,
            type=row.event_type,
            app_id=APP_ID,
        ),
    )


def _exchange_of(copy: Copy, topology: Topology) -> str:
    return "" if copy is Copy.REPLY else topology.events_exchange


OpenChannel = Callable[[Link], Awaitable[Confirming]]


async def open_confirming(link: Link) -> Confirming:
    """Open a channel with confirms. Raises `BrokerLost`."""
    return ConfirmChannel(await link.open_channel(confirms=True), link.frame_max)


class PublishingChannel:
    """A confirming channel of one link, opened anew when it is gone, and what is in flight on it for long."""

    def __init__(self, link: Link, open_channel: OpenChannel, *, may_end_link: bool = True) -> None:
        """`may_end_link`: where an exchange is missing, another link is to declare it."""
        self.link = link
        self._open_channel = open_channel
        self._may_end_link = may_end_link
        self._channel: Confirming | None = None
        self._slow: list[tuple[float, Confirming, Batch]] = []
        self._is_over = False

    async def send(self, messages: Sequence[Outgoing], patience_seconds: float) -> Batch:
        """Send and wait for the verdicts, at most so long; those that are missing then are `PENDING`."""
        try:
            if self._channel is None or not self._channel.is_open:
                self._channel = await self._open_channel(self.link)
        except BrokerLost as error:
            batch = Batch(len(messages))
            batch.lose(error)
            return batch
        batch = await self._channel.send(messages)
        if await batch.wait(patience_seconds):
            self._look_at_end(batch)
        return batch

    def await_late(self, batch: Batch, seconds: float) -> None:
        """Give the pending verdicts of a batch so much more time."""
        if self._channel is not None:
            self._slow.append((asyncio.get_running_loop().time() + seconds, self._channel, batch))
        if self._is_over:
            self.end()

    def end(self) -> None:
        """Its link is over. What is in flight is `LOST`, also where the client library never says so because the
        connection does not close: the rows would count as in flight for ever."""
        self._is_over = True
        for _, _, batch in self._slow:
            batch.lose(None)

    async def heed(self, batch: Batch) -> None:
        """Leave a channel that refused something for another one, unless something is still in flight on it.

        A node of RabbitMQ keeps for each channel whom it takes for a quorum queue's leader. A channel that first met
        the queue while that one's node was down is refused until it is back, although another node leads by now."""
        in_flight = {id(channel) for _, channel, slow in self._slow if not slow.is_settled}
        if Verdict.REFUSED in batch.verdicts and id(self._channel) not in in_flight:
            await self.close()

    async def expire_slow(self) -> None:
        """Give up channels whose verdicts are overdue, for a message must not be in flight on one twice. While the
        broker takes nothing, its silence means nothing."""
        self._slow = [slow for slow in self._slow if not slow[2].is_settled]
        if not self._slow or await self.link.is_blocked():
            return
        now = asyncio.get_running_loop().time()
        for deadline, channel, _ in self._slow:
            if deadline <= now:
                log.warning("confirm_overdue")
                await channel.close()

    async def close(self) -> None:
        """Give the channel up: what is in flight on it is `LOST`."""
        if self._channel is not None:
            await self._channel.close()

    def _look_at_end(self, batch: Batch) -> None:
        if self._may_end_link and isinstance(batch.ended_by, ChannelNotFoundEntity):
            # An exchange is gone: declare it again.
            self.link.fail(f"an exchange is missing: {batch.ended_by}")


class Publisher:
    """The worker's only way to publish. `run` it."""

    def __init__(  # noqa: PLR0913  the last two are for tests
        self,
        *,
        urls: AskUrls,
        topology: Topology,
        heartbeat_seconds: int = 10,
        tls: MakeContext | None = None,
        confirm_timeout_seconds: float = 30.0,
        declares: bool = True,
        on_connected: Callable[[], None] = lambda: None,
        on_dead_depth: Callable[[int], None] | None = None,
        look_seconds: float = LOOK_SECONDS,
        connect: Connect = open_link,
        open_channel: OpenChannel = open_confirming,
    ) -> None:
        self._topology = topology
        self._confirm_timeout_seconds = confirm_timeout_seconds
        self._declares = declares
        self._on_connected = on_connected
        self._on_dead_depth = on_dead_depth
        self._look_seconds = look_seconds
        self._open_channel = open_channel
        self._roads: dict[Copy, PublishingChannel] = {}
        self._dead_road: PublishingChannel | None = None
        self._aside: PublishingChannel | None = None
        self._declining: set[str] = set()
        self._suspects = Suspects()
        self._rights = Rights()
        self._late: dict[int, Verdict] = {}
        self._is_blocked = False
        """At the last look, the broker had said that it takes nothing for now."""
        self._connection = SupervisedConnection(
            urls, CONNECTION_NAME, self._serve, heartbeat_seconds=heartbeat_seconds, tls=tls, connect=connect
        )

    @property
    def is_connected(self) -> bool:
        """Whether there is somebody to publish to."""
        return bool(self._roads)

    @property
    def can_publish(self) -> bool:
        """Whether events can go out: connected, no copy forbidden when it was tried or asked for last, nor a type that
        every order needs, and no alarm at the broker (memory, disk) at the last look."""
        return self.is_connected and self._rights.are_enough and not self._is_blocked

    async def is_blocked(self) -> bool:
        """Whether the broker has said that it takes nothing for now."""
        return any([await road.link.is_blocked() for road in self._roads.values()])

    async def _look_for_alarm(self) -> None:
        was_blocked, self._is_blocked = self._is_blocked, await self.is_blocked()
        if self._is_blocked and not was_blocked:
            advice = "look at its memory and disk (rabbitmqctl status): events wait, and nothing new is begun"
            log.error("broker_takes_nothing", reason="an alarm at the broker", advice=advice)
        elif was_blocked and not self._is_blocked:
            log.info("broker_takes_events")

    async def run(self) -> None:
        """Stay connected until cancelled."""
        await self._connection.run()

    async def _serve(self, link: Link) -> None:
        if self._declares:
            await declare_over(link, self._topology)
        await self._ask_for_rights(link)
        try:
            self._roads = {copy: PublishingChannel(link, self._open_channel) for copy in Copy}
            # Where nobody declares it, dead letters would end everybody's link again and again.
            self._dead_road = PublishingChannel(link, self._open_channel, may_end_link=self._declares)
            self._aside = PublishingChannel(link, self._open_channel)
            self._on_connected()
            await self._look_around(link)
        finally:
            for road in (*self._roads.values(), self._aside):
                if road is not None:
                    road.end()
            self._roads, self._dead_road, self._aside = {}, None, None

    async def _look_around(self, link: Link) -> None:
        """Until cancelled: tell what lies in the dead queue, and declare again what somebody has deleted. Where that is
        an exchange, a binding, or a queue that nobody consumes, no broken link would tell of it."""
        looks = 0
        while True:
            looks += 1
            with contextlib.suppress(BrokerLost, TimeoutError):  # not allowed, or the link ends: its owner sees to that
                if self._rights.is_to_ask.is_set() or not self._rights.are_enough:
                    await self._ask_for_rights(link)
                if self._declares and looks % LOOKS_PER_DECLARING == 0:
                    await declare_over(link, self._topology, is_again=True)
                if self._on_dead_depth is not None:
                    await tell_depth(link, self._topology.dead_queue, self._on_dead_depth)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._rights.is_to_ask.wait()

    async def _ask_for_rights(self, link: Link) -> None:
        """Raises `BrokerLost`."""
        self._rights.is_to_ask.clear()
        for copy in Copy:
            exchange, channel = _exchange_of(copy, self._topology), await self._open_channel(link)
            if not await is_answered(copy, exchange, channel, self._rights):
                break  # short of memory or disk, the broker reads nothing more, and would open no other channel

    # ---- events -----------------------------------------------------------------------------------

    async def publish(self, rows: Sequence[OutboxRow], patience_seconds: float) -> dict[int, Verdict]:
        """Publish all at once. A verdict for each `seq`; a `PENDING` one follows by `take_late`. Rows that were in
        flight when a channel was lost go after the others, a few at a time."""
        roads = dict(self._roads)
        if not roads:
            return {row.seq: Verdict.LOST for row in rows}
        aside = self._aside or roads[Copy.REPLY]
        by_road: dict[int, tuple[PublishingChannel, list[OutboxRow]]] = {}
        for row in rows:
            is_odd = row.destination in self._declining or self._rights.goes_apart(row)
            road = aside if is_odd else roads[row.copy]
            by_road.setdefault(id(road), (road, []))[1].append(row)
        parts = [self._publish_on(road, some, patience_seconds) for road, some in by_road.values()]
        verdicts: dict[int, Verdict] = {}
        for part in await asyncio.gather(*parts):
            verdicts |= part
        return verdicts

    async def take_late(self) -> dict[int, Verdict]:
        """Verdicts that came after `publish` had returned, by `seq`; each is told once."""
        await self._look_for_alarm()
        for road in (*self._roads.values(), *([self._aside] if self._aside else [])):
            await road.expire_slow()
        late, self._late = self._late, {}
        return late

    async def _publish_on(
        self, road: PublishingChannel, rows: Sequence[OutboxRow], patience_seconds: float
    ) -> dict[int, Verdict]:
        verdicts: dict[int, Verdict] = {}
        for group in self._grouped(rows):
            verdicts |= await self._publish_group(road, group, patience_seconds)
        return verdicts

    def _grouped(self, rows: Sequence[OutboxRow]) -> list[Sequence[OutboxRow]]:
        """What may go together: of what is above suspicion all, of suspects a few; each type that may be forbidden by
        itself."""
        apart: dict[str, list[OutboxRow]] = {}
        for row in rows:
            apart.setdefault(row.destination if self._rights.goes_apart(row) else "", []).append(row)
        return [group for some in apart.values() for group in self._suspects.groups(some)]

    async def _publish_group(
        self, road: PublishingChannel, rows: Sequence[OutboxRow], patience_seconds: float
    ) -> dict[int, Verdict]:
        if await road.link.is_blocked():
            return {row.seq: Verdict.LOST for row in rows}
        if self._rights.is_forbidden(rows[0]):
            return {row.seq: Verdict.FORBIDDEN for row in rows}
        batch = await road.send([message_of(row, self._topology) for row in rows], patience_seconds)
        if not batch.is_settled:
            batch.report_late(lambda index, verdict: self._late.__setitem__(rows[index].seq, verdict))
            road.await_late(batch, self._confirm_timeout_seconds - patience_seconds)
        if self._is_nothing_new(batch):
            return {row.seq: Verdict.CONFIRMED for row in rows}
        await road.heed(batch)
        self._remember(rows, batch)
        refusal = batch.ended_by
        if isinstance(refusal, ChannelAccessRefused):
            untold = Verdict.FORBIDDEN if self._rights.refused(rows, refusal) else Verdict.LOST
            verdicts = [untold if verdict is Verdict.LOST else verdict for verdict in batch.verdicts]
            return {row.seq: verdict for row, verdict in zip(rows, verdicts, strict=True)}
        judged = zip(rows, batch.verdicts, strict=True)
        return {row.seq: self._suspects.judge(row, verdict, batch) for row, verdict in judged}

    def _is_nothing_new(self, batch: Batch) -> bool:
        """Whether all is well and was so before: then nothing is to be learned from this batch, as from nearly all."""
        all_is_well = batch.verdicts.count(Verdict.CONFIRMED) == len(batch.verdicts)
        return all_is_well and not (self._rights.are_doubtful or self._declining or self._suspects)

    def _remember(self, rows: Sequence[OutboxRow], batch: Batch) -> None:
        """Destinations that refuse have a channel to themselves, for each refusal ends it: the others keep theirs."""
        for row, verdict in zip(rows, batch.verdicts, strict=True):
            if verdict is Verdict.CONFIRMED:
                self._rights.allowed(row)
            if verdict is Verdict.REFUSED and len(self._declining) < DECLINING_MAX:
                self._declining.add(row.destination)
            elif verdict in {Verdict.CONFIRMED, Verdict.RETURNED}:
                self._declining.discard(row.destination)

    # ---- dead letters -----------------------------------------------------------------------------

    async def publish_dead(self, messages: Sequence[Outgoing]) -> Sequence[Verdict]:
        """Publish dead letters and wait for all verdicts. Of those that share a message id a `RETURNED` may be told of
        another one. Without a connection all are `LOST`."""
        if not messages:
            return []
        verdicts, ended_by = await self._send_dead(messages)
        if not isinstance(ended_by, AMQPChannelError):
            return verdicts
        if len(messages) == 1:
            return [Verdict.UNSENDABLE if verdict is Verdict.LOST else verdict for verdict in verdicts]
        return [
            (await self.publish_dead([message]))[0] if verdict is Verdict.LOST else verdict
            for message, verdict in zip(messages, verdicts, strict=True)
        ]

    async def _send_dead(self, messages: Sequence[Outgoing]) -> tuple[list[Verdict], BaseException | None]:
        road = self._dead_road
        if road is None or await road.link.is_blocked():
            return [Verdict.LOST] * len(messages), None
        batch = await road.send(messages, self._confirm_timeout_seconds)
        if not batch.is_settled or Verdict.REFUSED in batch.verdicts:
            await road.close()
        return batch.verdicts, batch.ended_by


async def tell_depth(link: Link, queue: str, tell: Callable[[int], None]) -> None:
    """Tell the depth of a queue. Raises `BrokerLost` where it is not there, or must not be seen."""
    channel = await link.open_channel(confirms=False)
    declared = await ask(channel.queue_declare(queue, passive=True))
    tell(declared.message_count or 0)
    await ask(channel.close())
