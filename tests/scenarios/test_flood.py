"""Floods: giant messages, ten thousand mutated ones, one tenant's thousands, replies to nowhere. Memory stays bounded,
nothing is lost, and everybody else is served meanwhile."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from tests.mutations import mutated
from tests.scenarios.stack import Stack

pytestmark = pytest.mark.timeout(300)

MIB = 1024 * 1024
MUTATED = 10_000


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One store is enough here: what is flooded is the intake."""
    return sqlite_url


def peak_mib(pid: int) -> float:
    """The most memory that a process ever had, resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def resident_mib(pid: int) -> float:
    """The memory that a process has now, resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


async def count_dead(stack: Stack) -> int:
    """How many messages the dead queue holds."""
    channel = await stack.connection.channel()
    async with channel:
        queue = await channel.declare_queue(f"{stack.prefix}.dead", passive=True)
        return int(queue.declaration_result.message_count or 0)


async def test_giant_messages_do_not_fill_the_memory(new_stack: Callable[..., Stack]) -> None:
    """32 bodies of 8 MiB at once, which the prefetch alone would let in: 256 MiB and copies of them."""
    async with new_stack(settings={"FAPIAO_INTAKE_MAX_BYTES": str(8 * MIB)}) as stack:
        worker = stack.start_worker()
        await stack.worker_is_consuming()
        first = await stack.publish_order("u-first")
        await stack.until([first], ["completed"])
        before = peak_mib(worker.process.pid)
        body = b'{"a":"' + b"x" * (8 * MIB) + b'"}'
        giants = [f"giant-{number}" for number in range(32)]
        for giant in giants:
            await stack.publish(giant, body)
        good = await stack.publish_order("u-good")
        await stack.until([*giants, good], ["rejected", "completed"], 120)

        grown = peak_mib(worker.process.pid) - before

        print(f"giant messages: {before:.0f} MiB before, {grown:.0f} MiB more at the peak")
        assert grown < 100
        assert await count_dead(stack) == 32


class Endings:
    """How each message ended, by its correlation id: in a final event or a doubt on the topic, or in the dead queue."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.dead: Counter[str] = Counter()

    async def listen(self, stack: Stack) -> None:
        """From now on. Events on the topic, and dead letters off their queue."""
        channel = await stack.connection.channel()
        await channel.set_qos(500)
        events = await channel.declare_queue(exclusive=True)
        await events.bind(f"{stack.prefix}.events", "#")
        await events.consume(self._event, no_ack=True)
        dead = await channel.get_queue(f"{stack.prefix}.dead", ensure=False)
        await dead.consume(self._dead_letter, no_ack=True)

    async def _event(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        outcome = (message.type or "").rpartition(".")[2]
        if outcome in {"completed", "failed", "rejected", "in_doubt"}:
            self.outcomes[message.correlation_id or ""] = outcome

    async def _dead_letter(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        self.dead[str(message.headers["x-fapiao-code"])] += 1
        self.outcomes.setdefault(message.correlation_id or "", "dead")


async def publish_mutants(stack: Stack, seed: int, count: int, first: int) -> set[str]:
    """Send mutants as fast as the broker takes them; their correlation ids."""
    channel = await stack.connection.channel(publisher_confirms=False)
    exchange = await channel.get_exchange(f"{stack.prefix}.commands", ensure=False)
    sent = set()
    for number, mutant in enumerate(mutated(seed, count, first), start=first):
        given: dict[str, Any] = {"content_type": "application/json", "message_id": f"m-{number}", "app_id": "tests"}
        given |= {"type": "invoice.issue"} | mutant.properties | {"correlation_id": f"c-{number}"}
        await exchange.publish(aio_pika.Message(mutant.body, delivery_mode=2, **given), routing_key="invoice.issue")
        sent.add(f"c-{number}")
    await channel.close()
    return sent


async def test_ten_thousand_mutated_messages_each_end_and_stop_nothing(new_stack: Callable[..., Stack]) -> None:
    """Each ends in an event or in the dead queue; the worker is the same process, and its memory does not grow."""
    settings = {"FAPIAO_ANSWER_TIMEOUT_SECONDS": "1", "FAPIAO_RESULT_TIMEOUT_SECONDS": "0.5"}
    async with new_stack(settings=settings) as stack:
        worker = stack.start_worker()
        await stack.worker_is_consuming()
        endings = Endings()
        await endings.listen(stack)
        resident = []
        sent: set[str] = set()
        for part in range(5):
            sent |= await publish_mutants(stack, part, MUTATED // 5, part * (MUTATED // 5))
            await stack.wait_for(lambda: len(endings.outcomes) >= len(sent), 120)  # noqa: B023  awaited here and now
            resident.append(resident_mib(worker.process.pid))

        good = await stack.publish_order("u-good")
        await stack.until([good], ["completed"])

        print(f"{len(sent)} mutants: {dict(Counter(endings.outcomes.values()))}, dead {dict(endings.dead)}")
        print(f"memory after each fifth: {[round(mib) for mib in resident]} MiB")
        assert len(sent) == MUTATED
        assert sent <= endings.outcomes.keys()
        assert worker.process.poll() is None
        assert resident[-1] - resident[1] < 40
        assert "could not judge" not in worker.log()
