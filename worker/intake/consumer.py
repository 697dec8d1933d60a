"""From the broker's queue into the journal: consume, admit, journal in batches, and only then acknowledge.

Guarantees: a delivery is acknowledged only after the transaction that holds its command is durable, or the broker has
confirmed its dead letter; a crash anywhere means redelivery, which the journal tells from a new command. A delivery is
held for milliseconds and nothing is ever requeued: while the journal is down, what is here is kept and tried again, and
the consumer is cancelled. Knows nothing of lanes and runs no command.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from worker import secrecy
from worker.amqp.connections import AskUrls, Link, SupervisedConnection, backoff_seconds
from worker.amqp.deliveries import EXPIRED, Acknowledging, ByteBudget, Consumption, Delivery, death_in
from worker.amqp.topology import Topology, declare_over, queues_to_consume
from worker.clock import Clock
from worker.crashpoints import crashpoint
from worker.errors import BrokerLost, JournalUnavailable
from worker.intake.admission import AdmissionRules, Admitted, admit
from worker.intake.dead_lettering import CODE_HEADER, DeadLettering, DeadLetters, FaultyDelivery
from worker.intake.journaling import IntakeHooks, Journaling, Judged
from worker.intake.reading import Incoming
from worker.outages import journal_outage
from worker.ports import IntakeJournal
from worker.tls import MakeContext

log = structlog.get_logger()

CONNECTION_NAME = "fapiao-worker consume"
BATCH_MAX = 500
"""Most commands in one transaction (count)."""
EXAMINING_SECONDS = 0.1
"""After so long no more messages are read for a batch: a hundred of a megabyte would hold the loop for many seconds."""
SLOW_SECONDS = 0.1
"""After a batch that took longer, the next one waits a tenth of that time for the deliveries that its acknowledgements
let in. Else the first of them would go alone, and the others wait for as long again."""
LINGER_MAX_SECONDS = 0.1
DRAIN_LOOK_SECONDS = 0.005
JOURNAL_PATIENCE_SECONDS = 5.0
"""A journal that is down for longer makes the consumer stop."""
HOLD_SECONDS = 20 * 60.0
"""Held deliveries go back by closing the connection, before the broker's 30 minutes for an acknowledgement are over."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Received(Judged):
    delivery: Delivery = field(kw_only=True)


class _Aside:
    """Deliveries over each of which the journal failed alone. They are tried again, beside the others."""

    def __init__(self) -> None:
        self._received: list[_Received] = []
        self._due = 0.0

    def __len__(self) -> int:
        return len(self._received)

    @property
    def due(self) -> float | None:
        """When, by the loop's clock; None where there is none."""
        return self._due if self._received else None

    def put(self, received: _Received) -> None:
        """One more, and all of them later."""
        self._received.append(received)
        self._due = asyncio.get_running_loop().time() + backoff_seconds(received.failures, 1.0)

    def take(self) -> list[_Received]:
        """All of them, when it is time."""
        if asyncio.get_running_loop().time() < self._due:
            return []
        taken, self._received = self._received, []
        return taken


class _Door:
    """Whether commands may come in."""

    def __init__(self) -> None:
        self.journal_works = asyncio.Event()
        self.journal_works.set()
        self.has_space = asyncio.Event()
        """In the journal."""
        self.has_space.set()
        self.is_shut = False
        """For good: the worker stops."""
        self.turn = asyncio.Lock()
        """Of whoever acts on it."""

    @property
    def is_open(self) -> bool:
        """Whether they may just now."""
        return self.journal_works.is_set() and self.has_space.is_set() and not self.is_shut

    async def opened(self) -> None:
        """Wait until the journal works and has space."""
        await self.journal_works.wait()
        await self.has_space.wait()


class Consumer:
    """The worker's intake. `run` it; `drain` it before the end."""

    def __init__(  # noqa: PLR0913  all of them are needed, and by name
        self,
        *,
        urls: AskUrls,
        topology: Topology,
        rules: AdmissionRules,
        journal: IntakeJournal,
        dead_letters: DeadLetters,
        worker: str,
        clock: Clock,
        heartbeat_seconds: int = 10,
        tls: MakeContext | None = None,
        prefetch: int = 200,
        bytes_max: int = 64 * 1024 * 1024,
        declares: bool = True,
        hooks: IntakeHooks | None = None,
        admit: Callable[[Incoming, AdmissionRules], Admitted] = admit,
    ) -> None:
        self._topology = topology
        self._rules = rules
        self._clock = clock
        self._prefetch = prefetch
        self._room = ByteBudget(bytes_max)
        self._declares = declares
        self._hooks = hooks = hooks or IntakeHooks()
        self._journaling = Journaling(journal, hooks, rules, worker, clock)
        self._admit = admit
        self._buffer: deque[Delivery] = deque()
        self._held: list[_Received] = []
        self._aside = _Aside()
        self._queues: tuple[str, ...] = topology.command_queues
        self._arrived = asyncio.Event()
        self._door = _Door()
        self._consumption: Acknowledging | None = None
        self._connection = SupervisedConnection(
            urls, CONNECTION_NAME, self._serve, heartbeat_seconds=heartbeat_seconds, tls=tls
        )
        self._dead_lettering = DeadLettering(
            dead_letters, self, topology.dead_exchange, broker_may_dead_letter=declares, count=hooks.count_dead_letter
        )

    # ---- what others ask --------------------------------------------------------------------------

    @property
    def is_consuming(self) -> bool:
        """Whether commands can come in: a live consumer, a journal that takes them, and room beside what is no
        command and cannot be put aside."""
        has_room = len(self._dead_lettering) < self._prefetch
        return has_room and self._consumption is not None and self._consumption.is_consuming and self._door.is_open

    @property
    def journal_takes(self) -> bool:
        """Whether the journal has taken commands, or failed to for a moment only."""
        return self._door.journal_works.is_set()

    @property
    def unsettled(self) -> int:
        """Deliveries that are here and neither journaled nor dead-lettered yet (count)."""
        return len(self._buffer) + len(self._held) + len(self._aside) + len(self._dead_lettering)

    async def run(self) -> None:
        """Consume until cancelled. What is not acknowledged by then is delivered again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connection.run())
            group.create_task(self._journal_forever())
            group.create_task(self._dead_lettering.run())

    async def pause(self) -> None:
        """Take no more deliveries until `resume`: they stay in the broker. Those that are here are finished."""
        self._door.has_space.clear()
        await self._consume_or_not()

    async def resume(self) -> None:
        """Take deliveries again."""
        self._door.has_space.set()
        await self._consume_or_not()

    async def drain(self, seconds: float) -> bool:
        """Take no more deliveries and finish those that are here, at most so long. Returns whether all are done."""
        self._door.is_shut = True
        await self._consume_or_not()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.unsettled:  # noqa: ASYNC110  three places empty, and this is once in a life
                    await asyncio.sleep(DRAIN_LOOK_SECONDS)
        return not self.unsettled

    # ---- the connection's side --------------------------------------------------------------------

    async def _serve(self, link: Link) -> None:
        await self._door.opened()
        if self._door.is_shut:
            await link.lost()
        if self._declares:
            differing = await declare_over(link, self._topology)
            self._dead_lettering.may_leave_to_broker(not differing.intersection(self._topology.command_queues))
        while self._buffer:  # of an epoch that is over: they come again
            self.let_go(self._buffer.popleft())
        self._queues = await queues_to_consume(link, self._topology)
        try:
            # Known before it consumes: a delivery that is journaled meanwhile must find whom to acknowledge it to.
            self._consumption = await Consumption.open(link, self._prefetch, self.receive, self._room)
            await self._consume_or_not()
            await link.lost()
        finally:
            self._consumption = None

    def receive(self, delivery: Delivery) -> None:
        """Take note of a delivery; bounded by the prefetch and by the room for bodies."""
        self._room.take(len(delivery.body))
        self._buffer.append(delivery)
        self._arrived.set()

    def let_go(self, delivery: Delivery) -> None:
        """Give back the room that its body took."""
        self._room.give_back(len(delivery.body))

    def is_current(self, delivery: Delivery) -> bool:
        """Whether a delivery can still be acknowledged."""
        return self._consumption is not None and self._consumption.epoch == delivery.epoch

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge those of the current epoch; the others come again. Raises `BrokerLost`."""
        if self._consumption is not None and (tags := [d.tag for d in deliveries if self.is_current(d)]):
            await self._consumption.acknowledge(tags)

    async def dead_letter(self, delivery: Delivery) -> None:
        """Leave a delivery to the queue's dead-letter exchange. Raises `BrokerLost`."""
        if self._consumption is not None and self.is_current(delivery):
            await self._consumption.dead_letter(delivery.tag)

    async def _consume_or_not(self) -> None:
        """Begin or end to consume, whichever is wanted when this call has its turn. Without turns, the older of two
        calls could be the last that the broker carries out. What the broker does not do ends the link, and the next
        link begins anew."""
        async with self._door.turn:
            consumption = self._consumption
            if consumption is None or consumption.is_consuming is self._door.is_open:
                return
            with contextlib.suppress(BrokerLost):
                if self._door.is_open:
                    await consumption.consume(self._queues)
                elif self._room.is_full and not self._door.is_shut:
                    # The broker's answer to a cancel would stand behind bodies that nobody reads.
                    self._connection.drop("there is no room for more deliveries, and no commands are to be taken")
                else:
                    await consumption.cancel()

    # ---- the journal's side -----------------------------------------------------------------------

    async def _journal_forever(self) -> None:
        outage, down_since = journal_outage("intake"), 0.0
        loop = asyncio.get_running_loop()
        while True:
            await self._gather()
            try:
                await self.run_once()
            except JournalUnavailable as error:
                outage.met(error, held=self.unsettled)
                down_since = down_since or loop.time()
                await self._sit_out(loop.time() - down_since)
                await asyncio.sleep(backoff_seconds(outage.failures, random.random()) / 4)  # noqa: S311  no secret
                continue
            if self._buffer:
                await asyncio.sleep(0)  # others have their turn, also where a batch had nothing to be journaled
            if outage.failures:
                outage.over()
                down_since = 0.0
                self._door.journal_works.set()
                await self._consume_or_not()

    async def _gather(self) -> None:
        """Wait for a delivery, or for the time to try one again that failed alone. One alone is journaled at once; what
        arrives meanwhile shares the next transaction."""
        if self._held:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._aside.due):
                await self._arrived.wait()
        took = self._journaling.took_seconds
        if took > SLOW_SECONDS and self.unsettled < self._prefetch:
            await asyncio.sleep(min(took / 10, LINGER_MAX_SECONDS))

    async def _sit_out(self, down_seconds: float) -> None:
        if down_seconds < JOURNAL_PATIENCE_SECONDS:
            return
        if self._door.journal_works.is_set():
            self._door.journal_works.clear()
            await self._consume_or_not()
        if down_seconds >= HOLD_SECONDS and self._consumption is not None:
            self._connection.drop("the journal has been down for too long to hold deliveries")

    async def run_once(self) -> int:
        """Journal what has arrived, in one transaction, and acknowledge it. Returns how many deliveries it were.
        Raises `JournalUnavailable`; then they are held for the next time."""
        self._held += self._take_aside()
        self._examine_what_came()
        batch = self._held
        if not batch:
            return 0
        crashpoint("intake.received")
        failed = await self._journaling.take(batch)
        self._held = []
        crashpoint("intake.committed")
        living = []
        for received in batch:
            letter = received.admitted.dead_letter
            if received in failed:
                self._aside.put(received)
            elif letter is None or received.delivery.queue == self._topology.returned_queue:
                living.append(received.delivery)  # what came back from the dead queue has its copy there already
                self.let_go(received.delivery)
            else:
                self._dead_lettering.add(FaultyDelivery(received.delivery, letter))
        with contextlib.suppress(BrokerLost):  # they come again and are told from new ones
            await self.acknowledge(living)
        crashpoint("intake.acked")
        return len(batch)

    def _take_aside(self) -> list[_Received]:
        """Those whose time it is; what a later epoch brings again is let go."""
        taken = self._aside.take()
        for received in taken:
            if not self.is_current(received.delivery):
                self.let_go(received.delivery)
        return [received for received in taken if self.is_current(received.delivery)]

    def _examine_what_came(self) -> None:
        until = asyncio.get_running_loop().time() + EXAMINING_SECONDS
        while self._buffer and len(self._held) < BATCH_MAX:
            self._held.append(self._examine(self._buffer.popleft()))
            if asyncio.get_running_loop().time() >= until:
                break
        if not self._buffer:
            self._arrived.clear()

    def _examine(self, delivery: Delivery) -> _Received:
        given = delivery.properties
        death = None
        if delivery.queue == self._topology.returned_queue:
            headers = given.headers or {}
            death = None if CODE_HEADER in headers else death_in(headers, self._topology.command_queues)
            if death is None:  # dead-lettered by a worker, which has told whom it could: or none of our queues' matter
                return _Received(Admitted(None, None), delivery=delivery)
            self._hooks.count_returned(death.reason)
        incoming = Incoming(
            body=delivery.body,
            content_type=given.content_type,
            content_encoding=given.content_encoding,
            message_id=given.message_id,
            type=given.type,
            routing_key=delivery.routing_key,
            app_id=given.app_id,
            reply_to=given.reply_to,
            correlation_id=given.correlation_id,
            user_id=given.user_id,
            headers=given.headers or {},
            received_at=self._clock.now(),
            has_expired=death is not None and death.reason == EXPIRED,
        )
        received = _Received(self._admit(incoming, self._rules), delivery=delivery)
        if received.admitted.command is not None:
            secrecy.guard(received, received.admitted.command.secrets.values())
            if death is not None:
                log.warning("command_returned", command_id=received.admitted.command.id, reason=death.reason)
        return received
