"""What becomes of rows and dead letters on the wire; with a fake link and fake channels."""

import asyncio

import pytest
from aiormq.exceptions import (
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from contracts.envelope import CLOUDEVENTS_JSON
from tests.unit.outbox.fake_broker import TOPOLOGY, FakeBroker, publishing, rows_to
from tests.unit.outbox.rows import TYPE, reply, topic
from tests.virtual_time import EPOCH, in_virtual_time
from worker.amqp.confirms import Verdict
from worker.amqp.wire import Outgoing, Properties
from worker.outbox.publisher import Publisher, message_of


@in_virtual_time
async def test_all_rows_go_at_once_each_on_its_way() -> None:
    """Replies and topic have a channel each."""
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        verdicts = await publisher.publish([*rows_to("a", "b"), topic(7)], 2)
    assert verdicts == {0: Verdict.CONFIRMED, 1: Verdict.CONFIRMED, 7: Verdict.CONFIRMED}
    assert sorted(broker.batches) == [["a", "b"], [TYPE]]
    assert len(broker.channels) == 2


@in_virtual_time
async def test_a_channel_that_refuses_is_left_for_another_one() -> None:
    """It may take a node that is down for the leader of a quorum queue as long as it lives."""
    broker = FakeBroker(refuses={"a"})
    async with publishing(broker) as publisher:
        assert await publisher.publish(rows_to("a", "b"), 2) == {0: Verdict.REFUSED, 1: Verdict.CONFIRMED}
        broker.refuses.clear()
        assert await publisher.publish(rows_to("a"), 2) == {0: Verdict.CONFIRMED}
    assert [channel.is_open for channel in broker.channels] == [False, True]


@in_virtual_time
async def test_a_queue_that_goes_on_refusing_takes_nobody_elses_channel_away() -> None:
    """It has one to itself until it takes something again."""
    broker = FakeBroker(refuses={"a"})
    async with publishing(broker) as publisher:
        await publisher.publish(rows_to("a", "b"), 2)
        for _ in range(3):
            assert await publisher.publish(rows_to("a", "b"), 2) == {0: Verdict.REFUSED, 1: Verdict.CONFIRMED}
        kept = [channel for channel in broker.channels if channel.is_open]
        assert len(kept) == 1
        broker.refuses.clear()
        assert await publisher.publish(rows_to("a", "b"), 2) == {0: Verdict.CONFIRMED, 1: Verdict.CONFIRMED}
        before = len(broker.channels)
        await publisher.publish(rows_to("a", "b"), 2)
        assert len(broker.channels) == before
        assert kept[0].is_open


@in_virtual_time
async def test_a_channel_that_refuses_is_kept_while_something_is_in_flight_on_it() -> None:
    """To leave it would lose that, and send it twice."""
    broker = FakeBroker(refuses={"a"}, silent={"b"})
    async with publishing(broker) as publisher:
        assert await publisher.publish(rows_to("a", "b"), 2) == {0: Verdict.REFUSED, 1: Verdict.PENDING}
        assert await publisher.take_late() == {}
        assert [channel.is_open for channel in broker.channels] == [True]


@in_virtual_time
async def test_dead_letters_leave_a_channel_that_refuses_too() -> None:
    broker = FakeBroker(refuses={"x"})
    letter = Outgoing("dead", "x", b"", Properties(message_id="1"))
    async with publishing(broker) as publisher:
        assert await publisher.publish_dead([letter]) == [Verdict.REFUSED]
        broker.refuses.clear()
        assert await publisher.publish_dead([letter]) == [Verdict.CONFIRMED]
    assert len(broker.channels) == 2


@in_virtual_time
async def test_a_missing_exchange_builds_the_link_anew() -> None:
    """For the topology is declared with each link."""
    broker = FakeBroker(closes={TYPE: ChannelNotFoundEntity("404")})
    async with publishing(broker) as publisher:
        assert await publisher.publish([topic(1)], 2) == {1: Verdict.LOST}
        broker.closes.clear()
        await asyncio.sleep(60)
        assert publisher._connection.epoch == 2
        assert await publisher.publish([topic(1)], 2) == {1: Verdict.CONFIRMED}


@in_virtual_time
async def test_an_overdue_confirm_gives_the_channel_up() -> None:
    """So the row can be sent again without its id being in flight twice."""
    broker = FakeBroker(silent={"slow"})
    async with publishing(broker) as publisher:
        verdicts = await publisher.publish(rows_to("a", "slow"), 2)
        assert verdicts == {0: Verdict.CONFIRMED, 1: Verdict.PENDING}
        await asyncio.sleep(20)
        assert await publisher.take_late() == {}
        await asyncio.sleep(20)
        assert await publisher.take_late() == {1: Verdict.LOST}
        assert await publisher.take_late() == {}
        broker.silent.clear()
        assert await publisher.publish(rows_to("a", "slow"), 2) == {0: Verdict.CONFIRMED, 1: Verdict.CONFIRMED}


@in_virtual_time
@pytest.mark.parametrize(("ends_after", "told"), [(1.0, Verdict.LOST), (5.0, Verdict.PENDING)])
async def test_late_row_is_lost_with_its_link_though_the_channel_never_says_so(
    ends_after: float, told: Verdict
) -> None:
    """Whether the link ends while the confirm is waited for, or after that."""
    broker = FakeBroker(silent={"a"})
    async with publishing(broker) as publisher:
        assert broker.link is not None
        asyncio.get_running_loop().call_later(ends_after, broker.link.fail, "gone")
        assert await publisher.publish(rows_to("a"), 2) == {0: told}
        await asyncio.sleep(20)
        assert await publisher.take_late() == {0: Verdict.LOST}


@in_virtual_time
async def test_while_the_broker_takes_nothing_nothing_is_sent_or_given_up() -> None:
    """A memory alarm may last for hours."""
    broker = FakeBroker(silent={"a"})
    async with publishing(broker) as publisher:
        assert await publisher.publish(rows_to("a"), 2) == {0: Verdict.PENDING}
        broker.is_blocked = True
        await asyncio.sleep(10_000)
        assert (await publisher.take_late(), publisher.can_publish) == ({}, False)
        assert await publisher.publish([reply(5, "b")], 2) == {5: Verdict.LOST}
        assert broker.batches == [["a"]]
        broker.is_blocked = False
        assert (await publisher.take_late(), publisher.can_publish) == ({0: Verdict.LOST}, True)


@in_virtual_time
async def test_without_a_connection_all_is_lost_at_once() -> None:
    """Nobody waits for what is not there."""
    publisher = Publisher(urls=lambda: ["amqp://a/"], topology=TOPOLOGY)

    assert not publisher.is_connected
    assert await publisher.publish(rows_to("a"), 2) == {0: Verdict.LOST}
    assert await publisher.publish_dead([_letter("a")]) == [Verdict.LOST]
    assert await publisher.publish_dead([]) == []


@in_virtual_time
async def test_a_dead_letter_that_closes_the_channel_is_told_from_its_neighbours() -> None:
    """They are sent again alone, at once."""
    broker = FakeBroker(closes={"poison": ChannelPreconditionFailed("406")})
    async with publishing(broker) as publisher:
        verdicts = await publisher.publish_dead([_letter("a"), _letter("poison"), _letter("b")])
    assert verdicts == [Verdict.CONFIRMED, Verdict.UNSENDABLE, Verdict.CONFIRMED]


@in_virtual_time
async def test_a_dead_letter_that_is_not_confirmed_is_lost_after_the_time_for_it() -> None:
    """It is sent again, on another channel."""
    broker = FakeBroker(silent={"a"})
    async with publishing(broker) as publisher:
        assert await publisher.publish_dead([_letter("a")]) == [Verdict.LOST]
        broker.silent.clear()
        assert await publisher.publish_dead([_letter("a")]) == [Verdict.CONFIRMED]


def test_a_copy_names_its_event_and_carries_the_trace_and_nothing_else() -> None:
    """The fixed set of headers: what the command brought is not echoed (trap of CC and BCC)."""
    row = reply(1, traceparent="00-a-b-01", tracestate="x=y", correlation_id="mine")

    message = message_of(row, TOPOLOGY)

    assert (message.exchange, message.routing_key, message.body) == ("", "replies", row.body)
    assert message.properties == Properties(
        content_type=CLOUDEVENTS_JSON,
        headers={"traceparent": "00-a-b-01", "tracestate": "x=y"},
        delivery_mode=2,
        correlation_id="mine",
        message_id="event-1:r",
        timestamp=EPOCH,
        type=TYPE,
        app_id="fapiao-worker",
    )
    assert message_of(topic(1), TOPOLOGY).exchange == "fapiao.events"
    assert message_of(topic(1), TOPOLOGY).properties.message_id == "event-1:t"
    assert message_of(topic(1), TOPOLOGY).properties.headers is None


def test_a_correlation_id_that_is_too_long_in_bytes_is_left_out() -> None:
    """An id of 200 characters may take 800 bytes, and a short string takes 255. The body says it too."""
    assert message_of(reply(1, correlation_id="数" * 85), TOPOLOGY).properties.correlation_id == "数" * 85
    assert message_of(reply(1, correlation_id="数" * 86), TOPOLOGY).properties.correlation_id is None


def _letter(key: str) -> Outgoing:
    return Outgoing("fapiao.dead", key, b"x", Properties(message_id=key))
