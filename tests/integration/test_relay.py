"""The outbox against a real broker: everything arrives, in order, and what cannot is in nobody's way."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from pamqp.common import FieldTable

from contracts.envelope import CLOUDEVENTS_JSON
from tests.integration.messaging import broker_channel, depth, outbox_row, running, take, take_each, until
from tests.message_stores import OutboxStore
from tests.servers import Control
from worker.amqp.topology import Topology
from worker.clock import SystemClock
from worker.outbox.publisher import Publisher
from worker.outbox.relay import Relay
from worker.records import Copy, OutboxRow

TYPE = "invoice.issue.completed"


@dataclass
class Outbox:
    """A running relay."""

    relay: Relay
    publisher: Publisher
    journal: OutboxStore
    topology: Topology


@contextlib.asynccontextmanager
async def outbox(
    url: str, prefix: str, *, publisher_options: Mapping[str, Any] = MappingProxyType({}), **options: object
) -> AsyncIterator[Outbox]:
    clock, topology = SystemClock(), Topology(prefix)
    journal = OutboxStore(clock)
    publisher = Publisher(urls=lambda: [url], topology=topology, **publisher_options)
    relay = Relay(
        journal=journal,
        publisher=publisher,
        worker="w1",
        clock=clock,
        poll=timedelta(milliseconds=50),
        **options,  # type: ignore[arg-type]
    )
    async with running(publisher.run(), relay.run()):
        await until(lambda: publisher.is_connected)
        yield Outbox(relay, publisher, journal, topology)


def fresh(seq: int, copy: Copy, destination: str, **changes: object) -> OutboxRow:
    return outbox_row(seq, copy, destination, **{"created_at": SystemClock().now()} | changes)


async def test_events_arrive_on_both_ways_in_order(amqp_url: str, amqp_prefix: str, reply_queue: str) -> None:
    """Five events of each of forty commands: in order per command, each copy under its own message id."""
    async with outbox(amqp_url, amqp_prefix) as part:
        for n in range(200):
            changes = {"command_key": n % 40, "command_id": f"c{n % 40}", "event_id": f"e{n:03}"}
            part.journal.add(fresh(2 * n, Copy.REPLY, reply_queue, **changes))
            part.journal.add(fresh(2 * n + 1, Copy.TOPIC, TYPE, **changes))
        part.relay.wake()
        await until(lambda: len(part.journal) == 0)
        replies = await take_each(amqp_url, reply_queue, [f"e{n:03}:r" for n in range(200)])
        topic = await take_each(amqp_url, part.topology.unrouted_queue, [f"e{n:03}:t" for n in range(200)])
    for messages, ending in ((replies, "r"), (topic, "t")):
        assert sorted(m.message_id or "" for m in messages) == [f"e{n:03}:{ending}" for n in range(200)]
        for command in range(40):
            own = [m.message_id for m in messages if m.message_id and int(m.message_id[1:4]) % 40 == command]
            assert own == sorted(own, key=str)


async def test_an_event_carries_what_the_contract_says(amqp_url: str, amqp_prefix: str, reply_queue: str) -> None:
    """Persistent CloudEvents JSON; of the command's headers only the trace context."""
    trace = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"
    async with outbox(amqp_url, amqp_prefix) as part:
        row = fresh(1, Copy.REPLY, reply_queue, correlation_id="mine", traceparent=trace)
        part.journal.add(row, fresh(2, Copy.REPLY, reply_queue, correlation_id="数" * 200))
        await until(lambda: len(part.journal) == 0)
        first, second = await take_each(amqp_url, reply_queue, ["event-1:r", "event-2:r"])
    assert first.body == row.body
    assert (first.content_type, first.delivery_mode, first.type) == (CLOUDEVENTS_JSON, 2, TYPE)
    assert (first.correlation_id, first.app_id, first.headers) == ("mine", "fapiao-worker", {"traceparent": trace})
    assert first.timestamp == row.created_at.replace(microsecond=0)
    assert second.correlation_id is None, "an id of 200 characters may be too long for the property"


async def test_a_missing_reply_queue_holds_up_nobody_and_may_appear_later(amqp_url: str, amqp_prefix: str) -> None:
    """The others go at once; the waiting reply goes when its queue is there."""
    missing = f"{amqp_prefix}.replies"
    async with outbox(amqp_url, amqp_prefix) as part:
        part.journal.add(fresh(1, Copy.REPLY, missing))
        part.journal.add(*(fresh(n, Copy.TOPIC, TYPE) for n in range(2, 302)))
        await until(lambda: len(part.journal) == 1)
        assert part.journal.postponements[0][0] == 1
        async with broker_channel(amqp_url) as channel:
            await channel.declare_queue(missing, durable=True)
        await until(lambda: len(part.journal) == 0)
    (message,) = await take(amqp_url, missing, 1)
    assert message.message_id == "event-1:r"


@pytest.mark.parametrize("lacking", ["amq.default", "events"])
async def test_a_user_that_may_not_publish_is_mute_from_the_start_until_it_may(
    amqp_url: str, amqp_prefix: str, amqp_control: Control, lacking: str
) -> None:
    """It asks, and nothing comes of that: no message, and no other right is needed."""
    user, parts = f"u{uuid.uuid4().hex[:10]}", urlsplit(amqp_url)
    may_write = "^amq.default$" if lacking == "events" else rf"^{re.escape(amqp_prefix)}.events$"
    async with outbox(amqp_url, amqp_prefix) as part:
        assert part.publisher.can_publish
    await asyncio.to_thread(amqp_control.ctl, "add_user", user, user)
    try:
        await asyncio.to_thread(amqp_control.ctl, "set_permissions", "-p", "/", user, "^$", may_write, "^$")
        url = f"{parts.scheme}://{user}:{user}@{parts.hostname}:{parts.port}{parts.path}"
        async with outbox(url, amqp_prefix, publisher_options={"declares": False, "look_seconds": 0.1}) as part:
            assert (part.publisher.can_publish, part.relay.is_mute) == (False, True)
            await asyncio.to_thread(amqp_control.ctl, "set_permissions", "-p", "/", user, "^$", ".*", "^$")
            await until(lambda: part.publisher.can_publish and not part.relay.is_mute)
        assert await depth(amqp_url, part.topology.unrouted_queue) == 0
    finally:
        await asyncio.to_thread(amqp_control.ctl, "delete_user", user)


async def test_a_user_that_may_publish_events_alone_on_the_topic_is_not_mute(
    amqp_url: str, amqp_prefix: str, amqp_control: Control
) -> None:
    """`set_topic_permissions`: the broker looks at the routing key, too. What it asks with is told to nobody."""
    user, parts = f"u{uuid.uuid4().hex[:10]}", urlsplit(amqp_url)
    async with outbox(amqp_url, amqp_prefix) as part:
        assert part.publisher.can_publish
    await asyncio.to_thread(amqp_control.ctl, "add_user", user, user)
    try:
        await asyncio.to_thread(amqp_control.ctl, "set_permissions", "-p", "/", user, "^$", ".*", "^$")
        on = (f"{amqp_prefix}.events", r"^(invoice|command)\.", "^$")
        await asyncio.to_thread(amqp_control.ctl, "set_topic_permissions", "-p", "/", user, *on)
        url = f"{parts.scheme}://{user}:{user}@{parts.hostname}:{parts.port}{parts.path}"
        async with outbox(url, amqp_prefix, publisher_options={"declares": False}) as part:
            await until(lambda: part.publisher.is_connected)
            assert part.publisher.can_publish
        assert await depth(amqp_url, part.topology.unrouted_queue) == 0
    finally:
        await asyncio.to_thread(amqp_control.ctl, "delete_user", user)


async def test_a_reply_whose_time_is_over_is_set_aside(amqp_url: str, amqp_prefix: str) -> None:
    """`undeliverable`, for a person to look at."""
    async with outbox(amqp_url, amqp_prefix, reply_ttl=timedelta(seconds=0.2)) as part:
        part.journal.add(fresh(1, Copy.REPLY, f"{amqp_prefix}.never"))
        await until(lambda: part.journal.aside == [1])
    assert part.journal.forgotten == []


async def test_a_row_that_closes_the_channel_is_parked_and_its_neighbours_go(
    amqp_url: str, amqp_prefix: str, reply_queue: str
) -> None:
    """Trap 4 of the client library: one bad publish fails all in flight. Here: a body above the broker's limit."""
    async with outbox(amqp_url, amqp_prefix) as part:
        poison = fresh(50, Copy.REPLY, reply_queue, body=b"x" * (129 * 1024 * 1024))
        rows = [fresh(n, Copy.REPLY, reply_queue) for n in range(100) if n != 50]
        part.journal.add(*rows[:50], poison, *rows[50:])
        await until(lambda: len(part.journal) == 1)
        await until(lambda: bool(part.journal.postponements))
        assert [seq for seq, _ in part.journal.postponements] == [50]
        assert part.journal.postponements[0][1] > timedelta(seconds=10), "a minute: it is parked"
        part.journal.add(fresh(200, Copy.REPLY, reply_queue))
        await until(lambda: 200 in part.journal.forgotten)
    wanted = {row.message_id for row in rows} | {"event-200:r"}
    assert {message.message_id for message in await take_each(amqp_url, reply_queue, wanted)} == wanted


async def test_a_deleted_exchange_is_declared_again(amqp_url: str, amqp_prefix: str) -> None:
    """404 closes the channel; the connection is built anew, topology included."""
    async with outbox(amqp_url, amqp_prefix) as part:
        async with broker_channel(amqp_url) as channel:
            await channel.exchange_delete(part.topology.events_exchange)
        part.journal.add(*(fresh(n, Copy.TOPIC, TYPE) for n in range(10)))
        await until(lambda: len(part.journal) == 0)
        wanted = {f"event-{n}:t" for n in range(10)}
        arrived = await take_each(amqp_url, part.topology.unrouted_queue, wanted)
        assert {message.message_id for message in arrived} == wanted


async def test_a_full_reply_queue_refuses_and_is_tried_again(amqp_url: str, amqp_prefix: str) -> None:
    """`basic.nack` postpones, and blocks nobody."""
    name = f"{amqp_prefix}.replies"
    full: FieldTable = {"x-max-length": 1, "x-overflow": "reject-publish"}
    async with outbox(amqp_url, amqp_prefix) as part:
        async with broker_channel(amqp_url) as channel:
            await channel.declare_queue(name, durable=True, arguments=full)
        part.journal.add(fresh(1, Copy.REPLY, name))
        await until(lambda: len(part.journal) == 0)
        part.journal.add(fresh(2, Copy.REPLY, name), fresh(3, Copy.TOPIC, TYPE))
        await until(lambda: part.journal.forgotten == [1, 3])
        await take(amqp_url, name, 1)
        await until(lambda: 2 in part.journal.forgotten)
    await asyncio.sleep(0)


async def test_one_forbidden_type_of_event_holds_up_no_other(
    amqp_url: str, amqp_prefix: str, amqp_control: Control
) -> None:
    """`set_topic_permissions` that name the types of an earlier version: a type of this one is refused each time, and
    the broker closes the channel over it, with all that is in flight."""
    user, parts = f"u{uuid.uuid4().hex[:10]}", urlsplit(amqp_url)
    async with outbox(amqp_url, amqp_prefix) as part:
        assert part.publisher.can_publish
    await asyncio.to_thread(amqp_control.ctl, "add_user", user, user)
    try:
        await asyncio.to_thread(amqp_control.ctl, "set_permissions", "-p", "/", user, "^$", ".*", "^$")
        on = (f"{amqp_prefix}.events", r"\.(completed|qr_required)$", "^$")
        await asyncio.to_thread(amqp_control.ctl, "set_topic_permissions", "-p", "/", user, *on)
        url = f"{parts.scheme}://{user}:{user}@{parts.hostname}:{parts.port}{parts.path}"
        async with outbox(url, amqp_prefix, publisher_options={"declares": False}) as part:
            archived = "invoice.issue.archived"
            for n in range(60):
                part.journal.add(fresh(2 * n, Copy.TOPIC, archived, event_type=archived))
                part.journal.add(fresh(2 * n + 1, Copy.TOPIC, TYPE, command_key=1000 + n))
                part.relay.wake()
                await asyncio.sleep(0.05)
            await until(lambda: len(part.journal) == 60, seconds=3)
            assert (part.relay.is_mute, part.publisher.can_publish) == (False, True)
            delays = [delay for seq, delay in part.journal.postponements if seq % 2]
            assert not delays, "only what is forbidden waits"
            await asyncio.to_thread(amqp_control.ctl, "clear_topic_permissions", "-p", "/", user)
            await until(lambda: len(part.journal) == 0)
    finally:
        await asyncio.to_thread(amqp_control.ctl, "delete_user", user)
