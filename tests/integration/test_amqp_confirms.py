"""Verdicts of the confirming channel are the broker's own, message by message."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aio_pika
import pytest

from tests.integration.messaging import broker_channel, take
from worker.amqp.confirms import ConfirmChannel, Verdict
from worker.amqp.connections import Address, Link, open_link
from worker.amqp.topology import Topology, declare_over
from worker.amqp.wire import Outgoing, Properties


@contextlib.asynccontextmanager
async def link_to(url: str) -> AsyncIterator[Link]:
    async with open_link(Address(url), "test", 10, 1) as link:
        yield link


async def confirming(link: Link) -> ConfirmChannel:
    return ConfirmChannel(await link.open_channel(confirms=True), link.frame_max)


def to_queue(queue: str, message_id: str | None = "m", **properties: object) -> Outgoing:
    return Outgoing("", queue, b"body", Properties(message_id=message_id, **properties))  # type: ignore[arg-type]


async def test_neighbours_keep_their_own_verdicts(amqp_url: str, reply_queue: str) -> None:
    """A missing queue among existing ones is told by the message id (trap E1: distinct ids on the copies)."""
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        messages = [to_queue("no-such-queue" if n % 3 == 0 else reply_queue, f"event-{n}:r") for n in range(30)]

        batch = await channel.send(messages)

        assert await batch.wait(60)
        assert batch.verdicts == [Verdict.RETURNED if n % 3 == 0 else Verdict.CONFIRMED for n in range(30)]
    assert len(await take(amqp_url, reply_queue, 20)) == 20


async def test_a_thousand_messages_are_each_confirmed(amqp_url: str, reply_queue: str) -> None:
    """Confirms that come in groups settle every message."""
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        for _ in range(4):
            batch = await channel.send([to_queue(reply_queue, f"m{n}") for n in range(250)])
            assert await batch.wait(20)
            assert set(batch.verdicts) == {Verdict.CONFIRMED}


async def test_a_message_without_an_id_is_still_told_when_it_is_returned(amqp_url: str) -> None:
    """The client library would drop such a return and take the confirm that follows for success."""
    async with link_to(amqp_url) as link:
        channel = await confirming(link)

        batch = await channel.send([to_queue("no-such-queue", message_id=None)])

        assert await batch.wait(60)
        assert batch.verdicts == [Verdict.RETURNED]


async def test_as_many_are_told_as_returned_as_were_however_many_share_a_message_id(
    amqp_url: str, reply_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Which of them, a broker does not say. The client library writes a return that it does not know into the log,
    body and all."""
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        for returned in ([], [0], [2], [0, 1], [1, 3, 4], [0, 1, 2, 3, 4]):
            queues = ["no-such-queue" if n in returned else reply_queue for n in range(5)]
            batch = await channel.send([*map(to_queue, queues), to_queue(reply_queue, "another")])
            assert await batch.wait(60)
            assert batch.verdicts[:5].count(Verdict.RETURNED) == len(returned)
            assert set(batch.verdicts[:5]) <= {Verdict.RETURNED, Verdict.CONFIRMED}
            assert batch.verdicts[5] is Verdict.CONFIRMED
            assert not channel._channel.message_id_delivery_tag
    assert "returning" not in caplog.text


async def test_a_full_queue_refuses(amqp_url: str, amqp_prefix: str) -> None:
    """`basic.nack` is not a return and not a success."""
    name = f"{amqp_prefix}.replies"
    async with broker_channel(amqp_url) as setup:
        await setup.declare_queue(name, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        first = await channel.send([to_queue(name, "a")])
        assert await first.wait(60)

        second = await channel.send([to_queue(name, "b"), to_queue("no-such-queue", "c")])

        assert await second.wait(60)
        assert second.verdicts == [Verdict.REFUSED, Verdict.RETURNED]


async def test_a_channel_closed_by_the_broker_loses_what_is_in_flight(amqp_url: str, reply_queue: str) -> None:
    """An impossible user id closes the channel (406); the batch says why and the channel is done for."""
    async with link_to(amqp_url) as link:
        channel = await confirming(link)

        batch = await channel.send([to_queue(reply_queue, "a"), to_queue(reply_queue, "b", user_id="somebody-else")])

        assert await batch.wait(60)
        assert batch.verdicts[1] is Verdict.LOST
        assert "user_id" in str(batch.ended_by)
        assert not channel.is_open
        after = await channel.send([to_queue(reply_queue, "c")])
        assert after.verdicts == [Verdict.LOST]
        assert not after.was_sent


async def test_what_does_not_fit_into_a_frame_is_not_sent(amqp_url: str, reply_queue: str) -> None:
    """Sent, it would end the whole connection (501)."""
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        huge = {f"h{n}": "x" * 1000 for n in range(140)}

        batch = await channel.send([to_queue(reply_queue, "a", headers=huge), to_queue(reply_queue, "b")])

        assert await batch.wait(60)
        assert batch.verdicts == [Verdict.UNSENDABLE, Verdict.CONFIRMED]


@pytest.mark.parametrize("size", [0, 1, 131064, 131065, 700_000], ids=str)
async def test_bodies_of_every_size_arrive_whole(amqp_url: str, reply_queue: str, size: int) -> None:
    """Bodies are cut into frames of the agreed size; an empty one has none."""
    body = bytes(n % 251 for n in range(size))
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        batch = await channel.send([Outgoing("", reply_queue, body, Properties(message_id="m"))])
        assert await batch.wait(20)
        assert batch.verdicts == [Verdict.CONFIRMED]
    (message,) = await take(amqp_url, reply_queue, 1)
    assert message.body == body


async def test_every_property_arrives_as_it_was_given(amqp_url: str, reply_queue: str) -> None:
    """The encoder agrees with the broker and with another client library's decoder."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    headers = {"text": "数电", "number": 7, "yes": True, "table": {"a": [1, "b"]}, "nothing": None}
    given = Properties(
        content_type="text/plain",
        content_encoding="utf-8",
        headers=headers,
        delivery_mode=2,
        priority=3,
        correlation_id="关联",
        reply_to="somewhere",
        message_id="m",
        timestamp=moment,
        type="kind",
        app_id="app",
    )
    async with link_to(amqp_url) as link:
        channel = await confirming(link)
        batch = await channel.send([Outgoing("", reply_queue, b"x", given)])
        assert await batch.wait(60)
    (message,) = await take(amqp_url, reply_queue, 1)
    assert message.headers == headers
    assert message.timestamp == moment
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert (message.content_type, message.content_encoding, message.priority) == ("text/plain", "utf-8", 3)
    assert (message.correlation_id, message.reply_to, message.type, message.app_id) == (
        "关联",
        "somewhere",
        "kind",
        "app",
    )


async def test_an_event_nobody_bound_lands_in_unrouted(amqp_url: str, amqp_prefix: str) -> None:
    """The alternate exchange takes it, so it counts as routed."""
    topology = Topology(amqp_prefix)
    async with link_to(amqp_url) as link:
        await declare_over(link, topology)
        channel = await confirming(link)
        message = Outgoing(topology.events_exchange, "invoice.issue.completed", b"x", Properties(message_id="e:t"))

        batch = await channel.send([message])

        assert await batch.wait(60)
        assert batch.verdicts == [Verdict.CONFIRMED]
    (kept,) = await take(amqp_url, topology.unrouted_queue, 1)
    assert kept.routing_key == "invoice.issue.completed"


async def test_declaring_twice_changes_nothing(amqp_url: str, amqp_prefix: str) -> None:
    """A redeclaration is harmless, as every reconnect makes one."""
    async with link_to(amqp_url) as link:
        await declare_over(link, Topology(amqp_prefix))
        await declare_over(link, Topology(amqp_prefix))
        assert not await link.is_blocked()
