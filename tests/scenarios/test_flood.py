"""Floods: giant messages, ten thousand mutated ones, one tenant's thousands, replies to nowhere. Memory stays bounded,
nothing is lost, and everybody else is served meanwhile."""

import asyncio
import itertools
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from tests.mutations import mutated
from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.servers.processes import free_port

MIB = 1024 * 1024
MUTATED = 10_000
UNCONFIRMED_MAX = 200
"""Messages sent before their confirms are waited for (count)."""


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


async def count_in(stack: Stack, name: str) -> int:
    """How many messages one of the worker's queues holds and has not delivered."""
    channel = await stack.connection.channel()
    async with channel:
        queue = await channel.declare_queue(f"{stack.prefix}.{name}", passive=True)
        return int(queue.declaration_result.message_count or 0)


async def test_giant_messages_do_not_fill_the_memory(new_stack: Callable[..., Stack]) -> None:
    """32 bodies of 8 MiB at once, which the prefetch alone would let in: 256 MiB and copies of them."""
    async with new_stack(settings={"FAPIAO_INTAKE_MAX_BYTES": str(8 * MIB)}) as stack:
        worker = await stack.begin()
        first = await stack.publish_order("u-first")
        await stack.until([first], ["completed"])
        before = peak_mib(worker.process.pid)
        body = b'{"a":"' + b"x" * (8 * MIB) + b'"}'
        giants = [f"giant-{number}" for number in range(32)]
        for giant in giants:
            await stack.publish(giant, body)
        good = await stack.publish_order("u-good")
        await stack.until([*giants, good], ["rejected", "completed"])

        grown = peak_mib(worker.process.pid) - before

        print(f"giant messages: {before:.0f} MiB before, {grown:.0f} MiB more at the peak")
        assert grown < 100
        async with asyncio.timeout(
            PATIENCE_SECONDS
        ):  # the answer goes out beside the dead letter, which may come twice
            while await count_in(stack, "dead") < len(giants):
                await stack.pause(0.2)


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

    async def all_of(self, stack: Stack, sent: set[str]) -> None:
        """Wait until each has ended; where some do not, say which and what the queues hold."""
        try:
            await stack.wait_for(lambda: sent <= self.outcomes.keys())
        except TimeoutError:
            missing = sorted(sent - self.outcomes.keys())
            held = {name: await count_in(stack, name) for name in ("issue", "query", "dead", "returned")}
            pytest.fail(f"{len(missing)} messages without an ending, as {missing[:5]}; in the queues {held}")

    async def _event(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        outcome = (message.type or "").rpartition(".")[2]
        if outcome in {"completed", "failed", "rejected", "in_doubt"}:
            self.outcomes[message.correlation_id or ""] = outcome

    async def _dead_letter(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        self.dead[str(message.headers["x-fapiao-code"])] += 1
        self.outcomes.setdefault(message.correlation_id or "", "dead")


async def publish_all(stack: Stack, messages: Iterable[aio_pika.Message]) -> None:
    """Send as fast as the broker confirms: it drops what a channel has not had confirmed when it is closed."""
    channel = await stack.connection.channel(publisher_confirms=True)
    exchange = await channel.get_exchange(f"{stack.prefix}.commands", ensure=False)
    left = iter(messages)
    while some := list(itertools.islice(left, UNCONFIRMED_MAX)):
        await asyncio.gather(*(exchange.publish(message, routing_key="invoice.issue") for message in some))
    await channel.close()


async def publish_mutants(stack: Stack, seed: int, count: int, first: int) -> set[str]:
    """Send mutants as fast as the broker takes them; their correlation ids."""
    messages = []
    for number, mutant in enumerate(mutated(seed, count, first), start=first):
        given: dict[str, Any] = {"content_type": "application/json", "message_id": f"m-{number}", "app_id": "tests"}
        given |= {"type": "invoice.issue"} | mutant.properties | {"correlation_id": f"c-{number}"}
        messages.append(aio_pika.Message(mutant.body, delivery_mode=2, **given))
    await publish_all(stack, messages)
    return {str(message.correlation_id) for message in messages}


async def test_ten_thousand_mutated_messages_each_end_and_stop_nothing(new_stack: Callable[..., Stack]) -> None:
    """Each ends in an event or in the dead queue; the worker is the same process, and its memory does not grow."""
    # Default time limits: an order in doubt holds every mutant that could not be told from it.
    async with new_stack() as stack:
        worker = await stack.begin()
        endings = Endings()
        await endings.listen(stack)
        resident = []
        sent: set[str] = set()
        for part in range(5):
            sent |= await publish_mutants(stack, part, MUTATED // 5, part * (MUTATED // 5))
            await endings.all_of(stack, sent)
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


async def test_a_flood_of_one_tenant_is_turned_away_and_the_others_are_served(new_stack: Callable[..., Stack]) -> None:
    """Hundreds of lanes, hundreds on one lane, hundreds of rejected messages, hundreds with a reply queue that is not
    there: all of one tenant. Another tenant's orders go through meanwhile, and every message of the flood ends."""
    settings = {"FAPIAO_TENANT_WAITING_MAX": "100", "FAPIAO_MAX_LANES": "20"}
    async with new_stack(settings=settings) as stack:
        worker = await stack.begin()
        endings = Endings()
        await endings.listen(stack)
        before = resident_mib(worker.process.pid)
        flood = await publish_flood(stack, 300)
        good = [await stack.publish_order(f"good-{number}", command_id=stack.new_id()) for number in range(5)]
        await stack.until(good, ["completed"])
        unfinished = sum(one not in endings.outcomes for one in flood)
        await endings.all_of(stack, set(flood))

        counted = Counter(endings.outcomes[one] for one in flood)
        print(f"flood: {dict(counted)}, {unfinished} of {len(flood)} unfinished when the others were served")
        assert counted["completed"] >= 100
        assert counted["rejected"] > 300
        assert worker.process.poll() is None
        assert resident_mib(worker.process.pid) - before < 60
        stack.check_promises(good)


async def publish_flood(stack: Stack, each: int) -> list[str]:
    """Four floods of one tenant, mixed; correlation ids."""
    messages = []
    for number in range(each):
        for kind in ("lanes", "lane", "rejected", "nowhere"):
            name = f"{kind}-{number}"
            user = "flood-one" if kind == "lane" else f"flood-{name}"
            body = b"[]" if kind == "rejected" else json.dumps(make_order(name, user)).encode()
            message = aio_pika.Message(
                body,
                content_type="application/json",
                message_id=name,
                type="invoice.issue",
                app_id="flood",
                correlation_id=name,
                reply_to=f"{stack.prefix}.nowhere" if kind == "nowhere" else None,
                delivery_mode=2,
            )
            messages.append(message)
    await publish_all(stack, messages)
    return [str(message.correlation_id) for message in messages]


async def test_a_full_journal_leaves_commands_in_the_broker_and_loses_none(new_stack: Callable[..., Stack]) -> None:
    """The worker says that it is not ready and why; what it has it finishes; with more space it takes the rest."""
    async with new_stack() as stack:
        port = free_port()
        small = stack.start_worker(database_max_bytes=str(MIB), http_port=str(port))
        await stack.worker_is_consuming()
        lines = {"invoiceItems": make_order("x")["invoice"]["invoiceItems"] * 50}
        early = [await stack.publish_order(f"u-{number % 20}", invoice=lines) for number in range(150)]
        await small.logged("journal_full")
        await stack.worker_is_consuming(workers=0)  # it has said so, and now its deliveries have ended too
        late = [await stack.publish_order("u-late") for _ in range(5)]
        waiting = await count_in(stack, "issue")  # where the machine is slow, some of the early ones wait as well
        await stack.wait_for(lambda: len(stack.events) == len(early + late) - waiting)
        taken = list(stack.events)
        await stack.until(taken, ["completed"])
        ready = await stack.ask(port, "/readyz")
        assert ready.status_code == 503
        assert "the journal is full" in ready.text
        assert waiting >= len(late)
        assert not set(late) & set(taken)

        small.signal(signal.SIGTERM)
        await small.died()
        stack.start_worker()
        await stack.until(early + late, ["completed"])
        stack.check_promises(early + late)
