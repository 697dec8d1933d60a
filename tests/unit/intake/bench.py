"""A consumer without its connection, between fakes."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from contracts.failures import RejectionCode
from tests.message_stores import IntakeStore
from tests.virtual_time import VirtualClock
from worker.amqp.confirms import Verdict
from worker.amqp.deliveries import AcknowledgementBook, Delivery
from worker.amqp.topology import Topology
from worker.amqp.wire import Outgoing, Properties
from worker.errors import BrokerLost
from worker.intake.admission import AdmissionRules, Admitted, DeadLetterReason
from worker.intake.consumer import Consumer
from worker.intake.journaling import IntakeHooks
from worker.intake.reading import Incoming
from worker.records import NewCommand, Route

TOPOLOGY = Topology("fapiao")


class FakeConsumption:
    """A consuming channel: counts what is acknowledged, and can be lost."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.is_consuming = True
        self.book = AcknowledgementBook()
        self.frames: list[tuple[int, bool]] = []
        self.left_to_broker: list[int] = []
        self.is_lost = False
        self.answer_seconds = 0.0
        """How long the broker takes to begin, or to end, a consumer."""

    async def acknowledge(self, tags: Iterable[int]) -> None:
        if self.is_lost:
            raise BrokerLost("gone")
        self.frames += self.book.settle(tags)

    async def dead_letter(self, tag: int) -> None:
        self.book.settle([tag])
        self.left_to_broker.append(tag)

    async def cancel(self) -> None:
        await asyncio.sleep(self.answer_seconds)
        self.is_consuming = False

    async def consume(self, queues: Iterable[str]) -> None:
        await asyncio.sleep(self.answer_seconds)
        self.is_consuming = True


class FakeDeadLetters:
    """Publishes nothing; gives the verdicts it was told."""

    def __init__(self) -> None:
        self.verdict = Verdict.CONFIRMED
        self.published: list[Outgoing] = []

    async def publish_dead(self, messages: Sequence[Outgoing]) -> Sequence[Verdict]:
        if self.verdict is Verdict.CONFIRMED:
            self.published += messages
        return [self.verdict] * len(messages)


@dataclass
class Bench:
    """A consumer without its connection."""

    consumer: Consumer
    journal: IntakeStore
    channel: FakeConsumption
    dead: FakeDeadLetters
    lanes: list[set[str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    tags: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def deliver(self, *bodies: str) -> None:
        for body in bodies:
            tag = next(self.tags)
            self.channel.book.delivered(tag)
            delivery = Delivery(self.channel.epoch, tag, False, "invoice.issue", body.encode(), Properties())
            self.consumer.receive(delivery)


def admit_by_name(incoming: Incoming, rules: AdmissionRules) -> Admitted:
    """`dead…` is no command; anything else is one of that id, `id=content` with other content."""
    assert rules.worker == "/w"
    name, _, content = incoming.body.decode().partition("=")
    if name.startswith("dead"):
        return Admitted(None, DeadLetterReason(RejectionCode.MALFORMED, "not one"))
    command = NewCommand("shop", name, "invoice.issue", content, Route(None, name), incoming.received_at, lane="u1")
    return Admitted(command, None)


def _is_ready(part: Bench) -> bool:
    return part.consumer.is_consuming


def bench() -> Bench:
    journal, dead, channel = IntakeStore(VirtualClock()), FakeDeadLetters(), FakeConsumption()
    lanes: list[set[str]] = []
    calls: list[str] = []
    consumer = Consumer(
        urls=lambda: ["amqp://nowhere/"],
        topology=TOPOLOGY,
        rules=AdmissionRules(worker="/w", own_queues=TOPOLOGY.own_queues),
        journal=journal,
        dead_letters=dead,
        worker="w1",
        clock=VirtualClock(),
        hooks=IntakeHooks(
            on_accepted=lambda names: lanes.append(set(names)),
            on_events=lambda: calls.append("events"),
            count_admission=lambda kind, outcome: calls.append(f"{kind} {outcome}"),
        ),
        admit=admit_by_name,
    )
    consumer._consumption = channel
    return Bench(consumer, journal, channel, dead, lanes, calls)


@contextlib.asynccontextmanager
async def at_work(part: Bench) -> AsyncIterator[None]:
    """The journalling and the dead-lettering run; the connection does not."""
    tasks = [
        asyncio.create_task(part.consumer._journal_forever()),
        asyncio.create_task(part.consumer._dead_lettering.run()),
    ]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
