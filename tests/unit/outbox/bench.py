"""A relay between fakes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.message_stores import OutboxStore
from tests.virtual_time import VirtualClock
from worker.amqp.confirms import Verdict
from worker.outbox.relay import (
    Relay,
)
from worker.records import OutboxRow


class FakePublisher:
    """Gives the verdicts it was told by destination; otherwise confirms."""

    def __init__(self) -> None:
        self.is_connected = True
        self.is_forbidden = False
        self.verdicts: dict[str, Verdict] = {}
        self.late: dict[int, Verdict] = {}
        self.rounds: list[list[int]] = []
        self.sent: list[str] = []

    @property
    def can_publish(self) -> bool:
        return self.is_connected and not self.is_forbidden

    async def publish(self, rows: Sequence[OutboxRow], patience_seconds: float) -> Mapping[int, Verdict]:
        self.rounds.append([row.seq for row in rows])
        self.sent += [row.message_id for row in rows]
        await asyncio.sleep(0.01)
        return {row.seq: self.verdicts.get(row.destination, Verdict.CONFIRMED) for row in rows}

    async def take_late(self) -> Mapping[int, Verdict]:
        late, self.late = self.late, {}
        return late


@dataclass
class Bench:
    """A relay between fakes."""

    relay: Relay
    publisher: FakePublisher
    journal: OutboxStore


def bench(poll_seconds: float = 1) -> Bench:
    clock = VirtualClock()
    publisher, journal = FakePublisher(), OutboxStore(clock)
    poll = timedelta(seconds=poll_seconds)
    return Bench(Relay(journal=journal, publisher=publisher, worker="w", clock=clock, poll=poll), publisher, journal)


@contextlib.asynccontextmanager
async def at_work(part: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(part.relay.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def is_mute(part: Bench) -> bool:
    return part.relay.is_mute


def seconds_of(part: Bench, seq: int) -> list[float]:
    """How far ahead a row was postponed, each time."""
    return [round(delay.total_seconds(), 1) for number, delay in part.journal.postponements if number == seq]
