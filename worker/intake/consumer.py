"""From the broker's queue into the journal: consume, admit, journal in batches, and only then acknowledge.

Guarantees: a delivery is acknowledged only after the transaction that holds its command is durable, or the broker has
confirmed its dead letter; a crash anywhere means redelivery, which the journal tells from a new command. A delivery is
held for milliseconds and nothing is ever requeued: while the journal is down, what is here is kept and tried again, and
the consumer is cancelled. Knows nothing of lanes and runs no command.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from contracts.failures import RejectionCode
from worker import secrecy
from worker.amqp.connections import Link, SupervisedConnection, backoff_seconds
from worker.amqp.deliveries import Acknowledging, Consumption, Delivery
from worker.amqp.room import Room
from worker.amqp.topology import Topology, declare_over
from worker.clock import Clock
from worker.crashpoints import crashpoint
from worker.errors import BrokerLost, JournalUnavailable
from worker.intake.admission import AdmissionRules, Admitted, DeadLetter, Incoming, admit, answer_busy, answer_reused
from worker.intake.dead_lettering import Dead, DeadLettering, DeadLetters
from worker.ports import IntakeJournal
from worker.records import Admission, LooseEvent, NewCommand
from worker.tls import MakeContext

log = structlog.get_logger()

CONNECTION_NAME = "fapiao-worker consume"
BATCH = 50
"""So many deliveries are journaled without waiting for more (count)."""
BATCH_MAX = 500
"""Most commands in one transaction (count)."""
LINGER_SECONDS = 0.005
"""How long the first delivery of a batch waits for others."""
JOURNAL_PATIENCE_SECONDS = 5.0
"""A journal that is down for longer makes the consumer stop."""
HOLD_SECONDS = 20 * 60.0
"""Held deliveries go back by closing the connection, before the broker's 30 minutes for an acknowledgement are over."""


def _ignore(*_: object) -> None:
    """For hooks nobody wants."""


@dataclass(frozen=True, slots=True)
class IntakeHooks:
    """Whom intake tells; all are called on the event loop and must be quick."""

    on_accepted: Callable[[Collection[str]], None] = _ignore
    """Lanes that got a command."""
    on_followers: Callable[[], None] = _ignore
    """A command follows another one of the same order."""
    on_events: Callable[[], None] = _ignore
    """The outbox may have rows."""
    count_admission: Callable[[str, str], None] = _ignore
    """Command type, and what became of it (`Admission` in small letters)."""
    count_dead_letter: Callable[[str], None] = _ignore
    """Rejection code."""
    observe_batch: Callable[[int, float], None] = _ignore
    """Commands in a transaction, and how long it took (seconds)."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Received:
    delivery: Delivery
    admitted: Admitted


class Consumer:
    """The worker's intake. `run` it; `drain` it before the end."""

    def __init__(  # noqa: PLR0913  all of them are needed, and by name
        self,
        *,
        urls: Sequence[str],
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
        waiting_max: int | None = None,
        hooks: IntakeHooks | None = None,
        admit: Callable[[Incoming, AdmissionRules], Admitted] = admit,
    ) -> None:
        self._topology = topology
        self._rules = rules
        self._journal = journal
        self._worker = worker
        self._clock = clock
        self._prefetch = prefetch
        self._room = Room(bytes_max)
        self._declares = declares
        self._waiting_max = waiting_max
        self._hooks = hooks or IntakeHooks()
        self._admit = admit
        self._buffer: deque[Delivery] = deque()
        self._held: list[_Received] = []
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._journal_works = asyncio.Event()
        self._journal_works.set()
        self._stopping = False
        self._has_space = asyncio.Event()
        self._has_space.set()
        self._consumption: Acknowledging | None = None
        self._connection = SupervisedConnection(
            urls, CONNECTION_NAME, self._serve, heartbeat_seconds=heartbeat_seconds, tls=tls
        )
        self._burials = DeadLettering(
            dead_letters,
            self,
            topology.dead_exchange,
            broker_may_dead_letter=declares,
            count=self._hooks.count_dead_letter,
            gone=self._let_go,
        )

    # ---- what others ask --------------------------------------------------------------------------

    @property
    def is_consuming(self) -> bool:
        """Whether commands can come in: a live consumer, and a journal that takes them."""
        return self._consumption is not None and self._consumption.is_consuming and self._may_consume

    @property
    def _may_consume(self) -> bool:
        return self._journal_works.is_set() and self._has_space.is_set() and not self._stopping

    @property
    def unsettled(self) -> int:
        """Deliveries that are here and not journaled or buried yet (count)."""
        return len(self._buffer) + len(self._held) + len(self._burials)

    async def run(self) -> None:
        """Consume until cancelled. What is not acknowledged by then is delivered again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connection.run())
            group.create_task(self._journal_forever())
            group.create_task(self._burials.run())

    async def pause(self) -> None:
        """Take no more deliveries until `resume`: they stay in the broker. Those that are here are finished."""
        self._has_space.clear()
        await self._leave_to_broker()

    async def resume(self) -> None:
        """Take deliveries again."""
        self._has_space.set()
        await self._resume_consuming()

    async def drain(self, seconds: float) -> bool:
        """Take no more deliveries and finish those that are here, at most so long. Returns whether all are done."""
        self._stopping = True
        await self._stop_consuming()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.unsettled:  # noqa: ASYNC110  three places empty, and this is once in a life
                    await asyncio.sleep(LINGER_SECONDS)
        return not self.unsettled

    # ---- the connection's side --------------------------------------------------------------------

    async def _serve(self, link: Link) -> None:
        await self._journal_works.wait()
        await self._has_space.wait()
        if self._stopping:
            await link.lost()
        if self._declares:
            await declare_over(link, self._topology)
        while self._buffer:  # of an epoch that is over: they come again
            self._let_go(self._buffer.popleft())
        try:
            # Known before it consumes: a delivery that is journaled meanwhile must find whom to acknowledge it to.
            consumption = await Consumption.open(link, self._prefetch, self.receive, self._room)
            self._consumption = consumption
            await consumption.consume(self._topology.command_queues)
            await link.lost()
        finally:
            self._consumption = None

    def receive(self, delivery: Delivery) -> None:
        """Take note of a delivery; bounded by the prefetch and by the room for bodies."""
        self._room.take(len(delivery.body))
        self._buffer.append(delivery)
        self._arrived.set()
        if len(self._buffer) >= BATCH:
            self._enough.set()

    def _let_go(self, delivery: Delivery) -> None:
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

    async def _stop_consuming(self) -> None:
        if self._consumption is not None:
            with contextlib.suppress(BrokerLost):
                await self._consumption.cancel()

    async def _leave_to_broker(self) -> None:
        if self._room.is_full:
            # The broker's answer to a cancel would stand behind bodies that nobody reads.
            self._connection.drop("there is no room for more deliveries, and no commands are to be taken")
        else:
            await self._stop_consuming()

    async def _resume_consuming(self) -> None:
        if self._consumption is not None and not self._consumption.is_consuming and self._may_consume:
            with contextlib.suppress(BrokerLost):
                await self._consumption.consume(self._topology.command_queues)

    # ---- the journal's side -----------------------------------------------------------------------

    async def _journal_forever(self) -> None:
        failures, down_since = 0, 0.0
        loop = asyncio.get_running_loop()
        while True:
            await self._gather()
            try:
                await self.run_once()
            except JournalUnavailable as error:
                failures += 1
                down_since = down_since or loop.time()
                log.warning("journal_unavailable", held=self.unsettled, failures=failures, reason=str(error))
                await self._sit_out(loop.time() - down_since)
                await asyncio.sleep(backoff_seconds(failures, 1.0) / 4)
                continue
            if failures:
                failures, down_since = 0, 0.0
                self._journal_works.set()
                await self._resume_consuming()

    async def _gather(self) -> None:
        """Wait for a delivery, and a moment for others to share its transaction."""
        if self._held:
            return
        await self._arrived.wait()
        if len(self._buffer) < BATCH:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._enough.wait()

    async def _sit_out(self, down_seconds: float) -> None:
        if down_seconds < JOURNAL_PATIENCE_SECONDS:
            return
        if self._journal_works.is_set():
            self._journal_works.clear()
            await self._leave_to_broker()
        if down_seconds >= HOLD_SECONDS and self._consumption is not None:
            self._connection.drop("the journal has been down for too long to hold deliveries")

    async def run_once(self) -> int:
        """Journal what has arrived, in one transaction, and acknowledge it. Returns how many deliveries it were.
        Raises `JournalUnavailable`; then they are held for the next time."""
        self._held += [self._examine(delivery) for delivery in self._take(BATCH_MAX - len(self._held))]
        batch = self._held
        if not batch:
            return 0
        crashpoint("intake.received")
        await self._journal_batch(batch)
        self._held = []
        crashpoint("intake.committed")
        living = []
        for received in batch:
            letter = received.admitted.dead_letter
            if letter is None:
                living.append(received.delivery)
                self._let_go(received.delivery)
            else:
                self._burials.add(Dead(received.delivery, letter))
        with contextlib.suppress(BrokerLost):  # they come again and are told from new ones
            await self.acknowledge(living)
        crashpoint("intake.acked")
        return len(batch)

    def _take(self, limit: int) -> list[Delivery]:
        taken = [self._buffer.popleft() for _ in range(min(limit, len(self._buffer)))]
        if not self._buffer:
            self._arrived.clear()
        if len(self._buffer) < BATCH:
            self._enough.clear()
        return taken

    def _examine(self, delivery: Delivery) -> _Received:
        given = delivery.properties
        incoming = Incoming(
            body=delivery.body,
            content_type=given.content_type,
            message_id=given.message_id,
            type=given.type,
            routing_key=delivery.routing_key,
            app_id=given.app_id,
            reply_to=given.reply_to,
            correlation_id=given.correlation_id,
            user_id=given.user_id,
            headers=given.headers or {},
            received_at=self._clock.now(),
        )
        received = _Received(delivery, self._admit(incoming, self._rules))
        if received.admitted.command is not None:
            secrecy.guard(received, received.admitted.command.secrets.values())
        return received

    async def _journal_batch(self, batch: Sequence[_Received]) -> None:
        """All in one transaction; where that fails for no reason of the store's, each in its own."""
        try:
            await self._commit([received.admitted.command for received in batch])
        except JournalUnavailable:
            raise
        except Exception:
            log.exception("intake_batch_failed", commands=len(batch))
            await self._journal_singly(batch)

    async def _journal_singly(self, batch: Sequence[_Received]) -> None:
        """Find the commands that the journal cannot take, so that they hold up no other; but only if it takes any,
        else the fault is the store's."""
        failed: list[_Received] = []
        for received in batch:
            try:
                await self._commit([received.admitted.command])
            except JournalUnavailable:
                raise
            except Exception:
                log.exception("command_not_journaled")
                failed.append(received)
        if len(failed) == len(batch):
            raise JournalUnavailable("the journal takes none of the commands")
        for received in failed:
            letter = DeadLetter(RejectionCode.MALFORMED, "the journal could not take this command")
            received.admitted = Admitted(command=None, dead_letter=letter)

    async def _commit(self, candidates: Sequence[NewCommand | None]) -> None:
        commands = [command for command in candidates if command is not None]
        if not commands:
            return
        began = self._clock.monotonic()
        results = await self._journal.admit(commands, worker=self._worker, waiting_max=self._waiting_max)
        answers = list(filter(None, map(self._answer, commands, results)))
        if answers:
            await self._journal.answer(answers, worker=self._worker)
        self._hooks.observe_batch(len(commands), self._clock.monotonic() - began)
        self._tell(commands, results)

    def _answer(self, command: NewCommand, result: Admission) -> LooseEvent | None:
        if result is Admission.REUSED:
            return answer_reused(command, self._rules)
        if result is Admission.BUSY:
            return answer_busy(command, self._rules)
        return None

    def _tell(self, commands: Sequence[NewCommand], results: Sequence[Admission]) -> None:
        for command, result in zip(commands, results, strict=True):
            self._hooks.count_admission(command.type, str(result))
            if result is not Admission.ACCEPTED:
                log.info("command_not_accepted", command_id=command.id, source=command.source, outcome=str(result))
        if lanes := {c.lane for c, r in zip(commands, results, strict=True) if r is Admission.ACCEPTED and c.lane}:
            self._hooks.on_accepted(lanes)
        if Admission.FOLLOWING in results:
            self._hooks.on_followers()
        answered = any(result not in {Admission.ACCEPTED, Admission.FOLLOWING} for result in results)
        if answered or any(command.events for command in commands):
            self._hooks.on_events()
