"""What the broker does with commands that nobody takes, and with objects that were declared otherwise."""

import asyncio
import json

import aio_pika
from pamqp.common import FieldTable

from tests.integration.messaging import broker_channel, depth, issue_data, publish_command, running, until, until_async
from tests.message_stores import IntakeStore
from worker.amqp.connections import Address, open_link
from worker.amqp.deliveries import REASONS
from worker.amqp.topology import Topology, declare_over
from worker.cli.broker import broker
from worker.cli.doctor.broker import check_broker
from worker.cli.doctor.diagnosis import Grade
from worker.clock import SystemClock
from worker.intake.admission import AdmissionRules
from worker.intake.consumer import Consumer
from worker.intake.journaling import IntakeHooks
from worker.outbox.publisher import Publisher
from worker.settings import Settings

SECONDS_TO_DIE = 0.3


class Parts:
    """Intake and publisher, as a worker has them."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.topology = Topology(prefix)
        self.journal = IntakeStore(SystemClock())
        self.returned: list[str] = []
        self.depths: list[int] = []
        self.publisher = Publisher(urls=lambda: [url], topology=self.topology, on_dead_depth=self.depths.append)
        self.consumer = Consumer(
            urls=lambda: [url],
            topology=self.topology,
            rules=AdmissionRules(worker="/w", own_queues=self.topology.own_queues),
            journal=self.journal,
            dead_letters=self.publisher,
            worker="w1",
            clock=SystemClock(),
            hooks=IntakeHooks(count_returned=self.returned.append),
        )

    async def declare(self) -> None:
        async with open_link(Address(self.url), "test", 10, 1) as link:
            await declare_over(link, self.topology)

    def is_ready(self) -> bool:
        return self.publisher.is_connected and self.consumer.is_consuming


async def test_commands_that_expire_are_told_of_and_listed_by_their_own_id(amqp_url: str, amqp_prefix: str) -> None:
    """No worker runs; both forms. The list names them, and the worker that starts takes them, past their deadline."""
    parts = Parts(amqp_url, amqp_prefix)
    await parts.declare()
    event = {"specversion": "1.0", "id": "e1", "source": "erp", "type": "invoice.issue", "data": issue_data()}
    async with broker_channel(amqp_url) as channel:
        await publish_command(channel, amqp_prefix, "c1", expiration=SECONDS_TO_DIE)
        await publish_command(channel, amqp_prefix, "bad", b"no json", expiration=SECONDS_TO_DIE)
        exchange = await channel.get_exchange(parts.topology.commands_exchange, ensure=False)
        message = aio_pika.Message(
            json.dumps(event).encode(),
            content_type="application/cloudevents+json",
            message_id="chance",
            expiration=SECONDS_TO_DIE,
        )
        await exchange.publish(message, "invoice.issue")
    await until_async(lambda: has(amqp_url, parts.topology.dead_queue, 3))

    async with broker(Settings(_env_file=None, amqp_url=amqp_url, prefix=amqp_prefix)) as connection:
        letters = [letter async for letter, _ in connection.dead_letters(10)]
    assert {(one.id, one.source, one.type) for one in letters if one.id != "bad"} == {
        ("c1", "shop", "invoice.issue"),
        ("e1", "erp", "invoice.issue"),
    }
    assert {one.code for one in letters} == {"expired"}
    assert parts.topology.issue_queue in letters[0].reason

    async with running(parts.publisher.run(), parts.consumer.run()):
        await until(lambda: len(parts.journal.commands) == 3)
        await until(lambda: 3 in parts.depths)
        await until_async(lambda: has(amqp_url, parts.topology.returned_queue, 0))
        await until(lambda: parts.consumer.unsettled == 0)
    for key in (("shop", "c1"), ("erp", "e1")):
        command = parts.journal.commands[key]
        assert command.deadline_at == command.received_at
        assert "deadline_passed" in str(command.warnings)
    assert parts.journal.commands["shop", "bad"].state == "rejected"
    assert set(parts.returned) == {"expired"} < set(REASONS)
    assert await depth(amqp_url, parts.topology.dead_queue) == 3, "nothing is dead-lettered a second time"


async def has(url: str, queue: str, count: int) -> bool:
    return await depth(url, queue) == count


async def test_objects_with_other_arguments_are_used_as_they_are(amqp_url: str, amqp_prefix: str) -> None:
    """A TTL of a month on unrouted events, a command queue without dead-lettering: all goes on, and doctor warns."""
    parts = Parts(amqp_url, amqp_prefix)
    month: FieldTable = {"x-queue-type": "quorum", "x-message-ttl": 30 * 24 * 3600 * 1000}
    async with broker_channel(amqp_url) as channel:
        await channel.declare_queue(parts.topology.unrouted_queue, durable=True, arguments=month)
        await channel.declare_queue(parts.topology.query_queue, durable=True, arguments={"x-queue-type": "quorum"})
    async with running(parts.publisher.run(), parts.consumer.run()):
        await until(parts.is_ready)
        async with broker_channel(amqp_url) as channel:
            await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: len(parts.journal.commands) == 1)

    findings = await check_broker(Settings(_env_file=None, amqp_url=amqp_url, prefix=amqp_prefix))
    (unrouted,) = [one for one in findings if parts.topology.unrouted_queue in one.says]
    assert unrouted.verdict is Grade.WARN
    assert "arg 'x-max-length'" in unrouted.says


async def test_an_object_that_cannot_serve_is_not_used(amqp_url: str, amqp_prefix: str) -> None:
    """An exchange of another type would route commands elsewhere."""
    parts = Parts(amqp_url, amqp_prefix)
    async with broker_channel(amqp_url) as channel:
        await channel.declare_exchange(parts.topology.commands_exchange, aio_pika.ExchangeType.FANOUT, durable=True)
        async with running(parts.consumer.run()):
            await asyncio.sleep(1)
            assert not parts.consumer.is_consuming
            await channel.exchange_delete(parts.topology.commands_exchange)
            await until(lambda: parts.consumer.is_consuming)


async def test_a_stream_is_no_queue_of_commands(amqp_url: str, amqp_prefix: str) -> None:
    """What came while nobody consumed would never be shown to the next consumer. It is left alone until it is gone."""
    parts = Parts(amqp_url, amqp_prefix)
    async with broker_channel(amqp_url) as channel:
        queue = parts.topology.issue_queue
        await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "stream"})
        async with running(parts.consumer.run()):
            await asyncio.sleep(1)
            assert not parts.consumer.is_consuming
            await channel.queue_delete(queue)
            await until(lambda: parts.consumer.is_consuming)
