"""Commands from a real queue into a journal, and what is no command into the dead-letter queue."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from structlog.testing import capture_logs

from tests.integration.messaging import (
    broker_channel,
    depth,
    issue_data,
    publish_command,
    running,
    take,
    take_each,
    until,
    until_async,
)
from tests.integration.raw_frames import raw_command
from tests.message_stores import IntakeStore
from worker.amqp.topology import Topology
from worker.cli.broker import broker
from worker.clock import SystemClock
from worker.intake.admission import AdmissionRules
from worker.intake.consumer import Consumer
from worker.intake.journaling import IntakeHooks
from worker.outbox.publisher import Publisher
from worker.settings import Settings


@dataclass
class Intake:
    """A running intake."""

    consumer: Consumer
    journal: IntakeStore
    topology: Topology
    lanes: set[str]
    publisher: Publisher


@contextlib.asynccontextmanager
async def intake(url: str, prefix: str, **options: object) -> AsyncIterator[Intake]:
    topology, journal, lanes = Topology(prefix), IntakeStore(SystemClock()), set[str]()
    publisher = Publisher(urls=lambda: [url], topology=topology, declares=bool(options.get("declares", True)))
    consumer = Consumer(
        urls=lambda: [url],
        topology=topology,
        rules=AdmissionRules(worker="/fapiao-worker", own_queues=topology.own_queues),
        journal=journal,
        dead_letters=publisher,
        worker="w1",
        clock=SystemClock(),
        hooks=IntakeHooks(on_accepted=lanes.update),
        **options,  # type: ignore[arg-type]
    )
    async with running(publisher.run(), consumer.run()):
        await until(lambda: consumer.is_consuming and publisher.is_connected)
        yield Intake(consumer, journal, topology, lanes, publisher)


async def test_commands_are_journaled_and_acknowledged(amqp_url: str, amqp_prefix: str) -> None:
    """What the broker confirmed to the publisher is in the journal, once each, and no longer in the queue."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await asyncio.gather(*(publish_command(channel, amqp_prefix, f"c{n}") for n in range(300)))

        await until(lambda: len(part.journal.commands) == 300)
        await until(lambda: part.consumer._consumption.open_deliveries == 0)  # type: ignore[union-attr]
        assert part.lanes == {"user-1"}
        assert max(part.journal.batches) > 1
    assert await depth(amqp_url, part.topology.issue_queue) == 0


async def test_a_redelivered_command_is_harmless(amqp_url: str, amqp_prefix: str) -> None:
    """A crash between commit and acknowledgement brings the command again; the journal tells it from a new one."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: len(part.journal.commands) == 1)
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: part.journal.repeats == 1)
        await publish_command(channel, amqp_prefix, "c1", json.dumps(issue_data("another")).encode())
        await until(lambda: len(part.journal.answers) == 1)
    assert json.loads(part.journal.answers[0].event.body)["data"]["code"] == "id_reused"
    assert len(part.journal.commands) == 1


async def test_no_command_goes_to_dead_untouched(amqp_url: str, amqp_prefix: str) -> None:
    """Body and properties stay; user id and expiration, which cannot be republished, move to headers."""
    properties = {"headers": {"mine": 1}, "expiration": 600, "user_id": "guest", "priority": 2, "type": "odd"}
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_command(channel, amqp_prefix, "odd-1", b"\xff not json", **properties)
        await until_async(lambda: _has(amqp_url, part.topology.dead_queue, 1))
        await until(lambda: part.consumer._consumption.open_deliveries == 0)  # type: ignore[union-attr]
    (dead,) = await take(amqp_url, part.topology.dead_queue, 1)
    assert dead.body == b"\xff not json"
    assert dead.routing_key == "invoice.issue"
    assert dead.content_type == "application/json"
    assert (dead.app_id, dead.priority, dead.type, dead.user_id, dead.expiration) == ("shop", 2, "odd", None, None)
    assert dead.message_id == "odd-1"
    assert dead.headers["mine"] == 1
    assert dead.headers["x-fapiao-code"] == "malformed"
    assert dead.headers["x-fapiao-reason"]
    assert dead.headers["x-fapiao-user-id"] == "guest"
    assert dead.headers["x-fapiao-expiration"] == "600000"


async def test_a_17_mib_body_is_buried_and_hurts_nobody(amqp_url: str, amqp_prefix: str) -> None:
    """It is dead-lettered whole, and the command behind it goes its way."""
    body = b"{" + b"x" * (17 * 1024 * 1024)
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_command(channel, amqp_prefix, "big", body)
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: ("shop", "c1") in part.journal.commands)
        await until_async(lambda: _has(amqp_url, part.topology.dead_queue, 1))
    (dead,) = await take(amqp_url, part.topology.dead_queue, 1)
    assert dead.body == body
    assert dead.headers["x-fapiao-code"] == "too_large"


async def test_dead_letters_with_the_same_id_are_all_buried(amqp_url: str, amqp_prefix: str) -> None:
    """Many in flight with one message id; none of them is returned, so no verdict can be another's."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        for n in range(20):
            await publish_command(channel, amqp_prefix, "same", b"%d" % n)
        bodies = [str(n) for n in range(20)]
        dead = await take_each(amqp_url, part.topology.dead_queue, bodies, told_by=lambda one: one.body.decode())
    assert sorted(int(message.body) for message in dead) == list(range(20))


async def test_a_message_that_cannot_be_buried_holds_up_nobody(amqp_url: str, amqp_prefix: str) -> None:
    """Its headers fit into a frame alone, but not with the reason: the broker moves it by itself."""
    headers = {f"h{n:03}": "x" * 1000 for n in range(129)} | {"rest": "y" * 600}
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_command(channel, amqp_prefix, None, b"no", headers=headers)
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: ("shop", "c1") in part.journal.commands)
        (dead,) = await take(amqp_url, part.topology.dead_queue, 1)
    assert dead.body == b"no"
    assert dead.headers["x-first-death-reason"] == "rejected"


async def test_a_dead_queue_that_is_full_stops_nobodys_orders(amqp_url: str, amqp_prefix: str) -> None:
    """More messages that are no command than the prefetch lets in, and an order behind them. They stay in the queue
    that they were sent to, and come when there is room: the broker looks every three minutes."""
    async with intake(amqp_url, amqp_prefix, prefetch=10) as part, broker_channel(amqp_url) as channel:
        dead = part.topology.dead_queue
        await channel.queue_delete(dead)
        full: dict[str, Any] = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
        await (await channel.declare_queue(dead, durable=True, arguments=full)).bind(part.topology.dead_exchange)
        for n in range(30):
            await publish_command(channel, amqp_prefix, None, b"%d" % n)
        await publish_command(channel, amqp_prefix, "c1")

        await until(lambda: ("shop", "c1") in part.journal.commands)


async def test_dead_letters_for_a_missing_exchange_end_nobodys_link(amqp_url: str, amqp_prefix: str) -> None:
    """Where the worker declares nothing, another link would not make it: events and orders go on."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await channel.exchange_delete(part.topology.dead_exchange)
    with capture_logs() as logs:
        async with intake(amqp_url, amqp_prefix, declares=False) as part, broker_channel(amqp_url) as channel:
            for n in range(3):
                await publish_command(channel, amqp_prefix, None, b"%d" % n)
            await until(lambda: sum(line["event"] == "dead_letter_not_taken" for line in logs) >= 6)
            await publish_command(channel, amqp_prefix, "c1")
            await until(lambda: ("shop", "c1") in part.journal.commands)
            assert part.publisher._connection.epoch == 1


async def test_an_intake_that_is_full_of_dead_letters_says_that_it_takes_nothing(
    amqp_url: str, amqp_prefix: str
) -> None:
    """Where the worker declares nothing, it knows of no broker that would take them. It was ready all the same."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        for name in (part.topology.dead_queue, part.topology.returned_queue):
            await (await channel.get_queue(name, ensure=False)).unbind(part.topology.dead_exchange, "")
    async with intake(amqp_url, amqp_prefix, declares=False, prefetch=3) as part, broker_channel(amqp_url) as channel:
        for n in range(3):
            await publish_command(channel, amqp_prefix, None, b"%d" % n)
        await until(lambda: not part.consumer.is_consuming)
        queue = await channel.get_queue(part.topology.dead_queue, ensure=False)
        await queue.bind(part.topology.dead_exchange, "")
        await until(lambda: part.consumer.is_consuming and not part.consumer.unsettled)


async def test_a_journal_that_is_down_loses_nothing(amqp_url: str, amqp_prefix: str) -> None:
    """Deliveries are held, not requeued, and journaled when it is back."""
    async with intake(amqp_url, amqp_prefix, prefetch=50) as part, broker_channel(amqp_url) as channel:
        part.journal.is_down = True
        await asyncio.gather(*(publish_command(channel, amqp_prefix, f"c{n}") for n in range(120)))
        await until(lambda: part.consumer.unsettled == 50)
        part.journal.is_down = False
        await until(lambda: len(part.journal.commands) == 120)
        assert part.journal.repeats == 0


async def test_drain_leaves_the_rest_to_others(amqp_url: str, amqp_prefix: str) -> None:
    """After a drain nothing comes in any more, what came in is journaled, and the rest stays in the queue."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: len(part.journal.commands) == 1)
        assert await part.consumer.drain(5)
        await publish_command(channel, amqp_prefix, "c2")
        await asyncio.sleep(0.2)
        assert len(part.journal.commands) == 1
        assert await depth(amqp_url, part.topology.issue_queue) == 1


@pytest.mark.parametrize("stamp", [1_700_000_000_000, 1_700_000_000_000_000_000, 2**63], ids=["ms", "ns", "absurd"])
async def test_an_absurd_timestamp_does_not_stop_the_intake(amqp_url: str, amqp_prefix: str, stamp: int) -> None:
    """Clients that send milliseconds or nanoseconds where seconds belong exist. The library's decoder would end the
    connection at each delivery, for ever."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_raw(channel, part.topology.commands_exchange, b"raw", stamp)
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: len(part.journal.commands) == 2, 15)
        assert part.consumer._connection.epoch == 1


async def test_an_id_that_is_no_text_is_buried_byte_for_byte(amqp_url: str, amqp_prefix: str) -> None:
    """AMQP asks for UTF-8, the broker does not look."""
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        await publish_raw(channel, part.topology.commands_exchange, b"\xe9\xff", 2**63)
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: ("shop", "c1") in part.journal.commands, 15)
        (dead,) = await take(amqp_url, part.topology.dead_queue, 1)
    assert dead.headers["x-fapiao-timestamp"] == str(2**63)
    assert dead.message_id is not None
    assert dead.message_id.encode(errors="surrogateescape") == b"\xe9\xff"


async def test_a_routing_key_that_is_no_text_stops_nobody(amqp_url: str, amqp_prefix: str) -> None:
    """Where a caller binds an exchange of its own to the queue, or publishes to the dead-letter exchange, any bytes are
    a routing key. A worker that cannot read it loses its connection at each delivery, for ever."""
    odd = "发票".encode("gbk")
    async with intake(amqp_url, amqp_prefix) as part, broker_channel(amqp_url) as channel:
        own = await channel.declare_exchange(f"{amqp_prefix}.own", "fanout", auto_delete=True)
        await (await channel.get_queue(part.topology.issue_queue)).bind(own)
        await publish_raw(channel, own.name, b"c0", 0, odd)
        await publish_raw(channel, own.name, b"\xff", 0, odd)
        await publish_command(channel, amqp_prefix, "c1")
        await until(lambda: {("shop", "c0"), ("shop", "c1")} <= part.journal.commands.keys(), 15)
        await until_async(lambda: _has(amqp_url, part.topology.dead_queue, 1))
        assert part.consumer._connection.epoch == 1
        async with broker(Settings(_env_file=None, amqp_url=amqp_url, prefix=amqp_prefix)) as connection:
            letters = [letter async for letter, _ in connection.dead_letters(10)]
    assert [letter.routing_key.encode(errors="surrogateescape") for letter in letters] == [odd]


async def publish_raw(
    channel: AbstractChannel, exchange: str, message_id: bytes, timestamp: int, routing_key: bytes = b"invoice.issue"
) -> None:
    """Publish what no client library would write, on a channel of the test's own."""
    underlay: Any = await channel.get_underlay_channel()
    body = json.dumps(issue_data()).encode()
    payload = raw_command(underlay.number, exchange, message_id, timestamp, body, routing_key)
    underlay.delivery_tag += 1
    underlay.confirmations[underlay.delivery_tag] = confirmed = asyncio.get_running_loop().create_future()
    await underlay.write_queue.put(ChannelFrame(payload=payload, should_close=False))
    await confirmed


async def _has(url: str, queue: str, count: int) -> bool:
    return await depth(url, queue) >= count
