"""What the broker lets a worker publish: asked for, and learned from what it refuses."""

import asyncio

import pytest
from aiormq.exceptions import ChannelAccessRefused

from tests.unit.outbox.fake_broker import TOPOLOGY, FakeBroker, publishing, rows_to
from tests.unit.outbox.rows import TYPE, reply, topic
from tests.virtual_time import in_virtual_time
from worker.amqp.confirms import Verdict


@in_virtual_time
async def test_a_missing_permission_is_nobodys_fault() -> None:
    """403: the row is tried again until somebody has granted it, and the worker is not ready meanwhile."""
    broker = FakeBroker(closes={"a": ChannelAccessRefused("403")})
    async with publishing(broker) as publisher:
        could = [publisher.can_publish]
        assert await publisher.publish(rows_to("a"), 2) == {0: Verdict.FORBIDDEN}
        assert publisher.is_connected
        could.append(publisher.can_publish)
        broker.closes.clear()
        assert await publisher.publish(rows_to("a"), 2) == {0: Verdict.CONFIRMED}
        assert [*could, publisher.can_publish] == [True, False, True]


@pytest.mark.parametrize(("forbidden", "may_begin"), [("invoice.issue.archived", True), (TYPE, False)])
@in_virtual_time
async def test_a_forbidden_type_of_event_goes_apart_and_seldom(forbidden: str, may_begin: bool) -> None:
    """A broker may look at the type. Orders are begun all the same, unless nobody could be told how they end."""
    broker = FakeBroker(closes={forbidden: ChannelAccessRefused("403")})
    rows = [topic(0)._replace(destination=forbidden), topic(1)._replace(destination="x"), reply(2, "a")]
    async with publishing(broker) as publisher:
        first = await publisher.publish(rows, 2)
        assert (first[0], first[2]) == (Verdict.LOST, Verdict.CONFIRMED)
        for _ in range(3):
            again = await publisher.publish(rows, 2)
            assert again == {0: Verdict.FORBIDDEN, 1: Verdict.CONFIRMED, 2: Verdict.CONFIRMED}
        assert publisher.can_publish is may_begin
        assert sum(forbidden in batch for batch in broker.batches) == 2, "each try costs a channel"
        broker.closes.clear()
        await asyncio.sleep(6)
        assert (await publisher.publish(rows, 2))[0] is Verdict.CONFIRMED
        assert publisher.can_publish


@pytest.mark.parametrize("exchange", ["", TOPOLOGY.events_exchange])
@in_virtual_time
async def test_a_missing_permission_is_known_before_anything_is_published_and_once_it_is_granted(exchange: str) -> None:
    """Though no row is there to show it."""
    broker = FakeBroker(forbids={exchange})
    async with publishing(broker) as publisher:
        could = [publisher.is_connected, publisher.can_publish]
        broker.forbids.clear()
        await asyncio.sleep(60)
        assert [*could, publisher.can_publish] == [True, False, True]
    assert broker.batches == []


@in_virtual_time
async def test_a_broker_that_reads_nothing_is_asked_for_one_right_alone() -> None:
    """It answers when it has memory again, and an event shows it then."""
    broker = FakeBroker(is_blocked=True)
    async with publishing(broker) as publisher:
        await asyncio.sleep(60)
        assert publisher.can_publish
    assert broker.asked == 1
