"""The broker goes away in every way it can, amid consuming and publishing; nothing is lost, nobody helps."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from tests.integration.messaging import (
    broker_channel,
    depth,
    elect_leaders,
    outbox_row,
    publish_command,
    running,
    take_each,
    until,
    until_async,
)
from tests.message_stores import IntakeStore, OutboxStore
from tests.servers import Broker
from worker.amqp.topology import Topology
from worker.clock import SystemClock
from worker.intake.admission import AdmissionRules
from worker.intake.consumer import Consumer
from worker.outbox.publisher import Publisher
from worker.outbox.relay import Relay
from worker.records import Copy

COMMANDS = 400
DECLARED_FOR_SECONDS = 3


class Parts:
    """Intake and relay on one broker, as a worker runs them."""

    def __init__(self, url: str, prefix: str) -> None:
        clock = SystemClock()
        self.url = url
        self.topology = Topology(prefix)
        self.inbox = IntakeStore(SystemClock())
        self.outbox = OutboxStore(clock)
        self.publisher = Publisher(urls=lambda: [url], topology=self.topology, heartbeat_seconds=1)
        self.consumer = Consumer(
            urls=lambda: [url],
            topology=self.topology,
            rules=AdmissionRules(worker="/fapiao-worker", own_queues=self.topology.own_queues),
            journal=self.inbox,
            dead_letters=self.publisher,
            worker="w1",
            clock=clock,
            heartbeat_seconds=1,
        )
        self.relay = Relay(
            journal=self.outbox, publisher=self.publisher, worker="w1", clock=clock, poll=timedelta(seconds=0.05)
        )

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with running(self.publisher.run(), self.consumer.run(), self.relay.run()):
            await until(self.is_ready)
            yield

    def is_ready(self) -> bool:
        return self.publisher.is_connected and self.consumer.is_consuming


@pytest.fixture
def parts(own_rabbit: Broker) -> Parts:
    """Under a prefix of its own, on a broker that may be broken."""
    return Parts(own_rabbit.url(), f"t{uuid.uuid4().hex[:12]}")


async def feed(parts: Parts) -> None:
    """Publish commands until each is confirmed, over any outage, as a good publisher does; and fill the outbox."""
    todo = list(range(COMMANDS))
    for seq in todo:
        parts.outbox.add(outbox_row(seq, Copy.TOPIC, "invoice.issue.completed", created_at=SystemClock().now()))
    while todo:
        with contextlib.suppress(Exception, asyncio.CancelledError):
            async with broker_channel(parts.url) as channel:
                while todo:
                    await publish_command(channel, parts.topology.prefix, f"c{todo[-1]}")
                    todo.pop()
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError
        await asyncio.sleep(0.1)


async def survive(parts: Parts, outage: Callable[[], object]) -> None:
    """Run `outage` while both ways are busy, then expect everything to have arrived."""
    async with parts.at_work():
        # RabbitMQ 3.10 forgets a queue that it declared just before a SIGKILL, with its confirmed messages.
        await asyncio.sleep(DECLARED_FOR_SECONDS)
        async with running(feed(parts)):
            await until(lambda: len(parts.inbox.commands) > 20)
            await asyncio.to_thread(outage)
            await until(lambda: len(parts.inbox.commands) == COMMANDS)
        await until(lambda: len(parts.outbox) == 0)
        await until(parts.is_ready)
        # What was journaled before the outage and not acknowledged comes again, a while after all has arrived.
        await until_async(lambda: _is_empty(parts))
        await until(lambda: parts.consumer.unsettled == 0)
    # An event that was on its way when the broker went may come twice.
    wanted = {f"event-{seq}:t" for seq in range(COMMANDS)}
    arrived = await take_each(parts.url, parts.topology.unrouted_queue, wanted)
    assert {message.message_id for message in arrived} == wanted
    assert await _is_empty(parts)


async def _is_empty(parts: Parts) -> bool:
    return await depth(parts.url, parts.topology.issue_queue) == 0


async def test_a_broker_restart_loses_nothing(own_rabbit: Broker, parts: Parts) -> None:
    """Stopped in good order and started again."""

    def restart() -> None:
        own_rabbit.restart()
        elect_leaders(own_rabbit)

    await survive(parts, restart)


async def test_a_killed_broker_loses_nothing(own_rabbit: Broker, parts: Parts) -> None:
    """SIGKILL, then started again on the same data."""

    def kill() -> None:
        own_rabbit.kill()
        own_rabbit.start()
        elect_leaders(own_rabbit)

    await survive(parts, kill)


async def test_connections_closed_by_the_operator_come_back(own_rabbit: Broker, parts: Parts) -> None:
    """`rabbitmqctl close_all_connections`, several times."""

    def close() -> None:
        for _ in range(2):
            own_rabbit.ctl("close_all_connections", "maintenance")

    await survive(parts, close)


async def test_a_deleted_queue_is_declared_and_consumed_again(own_rabbit: Broker, parts: Parts) -> None:
    """Trap E14: the broker cancels the consumer, and a plain channel would stay open and deaf."""
    async with parts.at_work():
        own_rabbit.ctl("delete_queue", parts.topology.issue_queue)
        await until(lambda: parts.consumer._connection.epoch > 1 and parts.consumer.is_consuming)
        async with broker_channel(parts.url) as channel:
            await publish_command(channel, parts.topology.prefix, "c1")
        await until(lambda: len(parts.inbox.commands) == 1)


async def test_what_somebody_deletes_while_all_links_hold_is_declared_again(own_rabbit: Broker, parts: Parts) -> None:
    """An exchange that callers publish to, a queue that nobody consumes, a binding: no link breaks over any of them."""
    topology = parts.topology
    wanted = {(queue.exchange, queue.name) for queue in topology.queues}

    async def are_bound() -> bool:
        told = await asyncio.to_thread(own_rabbit.ctl, "list_bindings", "source_name", "destination_name")
        return wanted <= {tuple(line.split("\t")) for line in told.splitlines()}

    parts.publisher._look_seconds = 0.2
    async with parts.at_work():
        async with broker_channel(parts.url) as channel:
            await channel.exchange_delete(topology.commands_exchange)
            await channel.queue_delete(topology.dead_queue)
            await (await channel.get_queue(topology.unrouted_queue, ensure=False)).unbind(
                topology.unrouted_exchange, ""
            )
        await until_async(are_bound)
        async with broker_channel(parts.url) as channel:
            await publish_command(channel, topology.prefix, "c1")
        await until(lambda: len(parts.inbox.commands) == 1)


async def test_a_memory_alarm_loses_nothing_and_needs_no_help(own_rabbit: Broker, parts: Parts) -> None:
    """Publishes stop without an answer; consuming goes on, for it has a connection of its own."""
    async with parts.at_work():
        async with broker_channel(parts.url) as channel:
            await asyncio.gather(*(publish_command(channel, parts.topology.prefix, f"c{n}") for n in range(50)))
        await asyncio.to_thread(own_rabbit.ctl, "set_vm_memory_high_watermark", "0.0001")
        parts.outbox.add(*(outbox_row(n, Copy.TOPIC, "x.y", created_at=SystemClock().now()) for n in range(100)))
        await until(lambda: len(parts.inbox.commands) == 50)
        await asyncio.sleep(4)
        assert len(parts.outbox) == 100
        assert await parts.publisher.is_blocked()
        assert not parts.publisher.can_publish, "an operator must see it, and nothing be begun meanwhile"
        epoch = parts.publisher._connection.epoch
        await asyncio.to_thread(own_rabbit.ctl, "set_vm_memory_high_watermark", "0.4")
        await until(lambda: len(parts.outbox) == 0)
        await until(lambda: parts.publisher.can_publish)
        assert parts.publisher._connection.epoch == epoch
    wanted = {f"event-{n}:t" for n in range(100)}
    arrived = await take_each(parts.url, parts.topology.unrouted_queue, wanted)
    assert {message.message_id for message in arrived} == wanted


async def test_connection_names_are_visible(own_rabbit: Broker, parts: Parts) -> None:
    """An operator can tell who is who."""
    async with parts.at_work():
        listed = await asyncio.to_thread(own_rabbit.ctl, "list_connections", "client_properties")
    assert "fapiao-worker consume" in listed
    assert "fapiao-worker publish" in listed
