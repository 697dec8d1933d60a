"""When the relay says that nothing goes out, and what becomes of its rows then; in virtual time."""

import asyncio

import pytest

from tests.unit.outbox.bench import at_work, bench, is_mute
from tests.unit.outbox.rows import reply, topic
from tests.virtual_time import in_virtual_time
from worker.amqp.confirms import Verdict
from worker.outbox.relay import GIVEN_UP, MUTE_AFTER_SECONDS


@pytest.mark.parametrize("verdict", [None, Verdict.LOST], ids=["away", "blocked"])
@in_virtual_time
async def test_a_relay_whose_events_do_not_go_out_says_so_until_they_do(verdict: Verdict | None) -> None:
    """The broker is away, or takes nothing. A moment of it is nothing to speak of."""
    part = bench()
    assert is_mute(part), "nobody knows before the first contact"
    async with at_work(part):
        await asyncio.sleep(2)
        assert not is_mute(part)
        part.publisher.is_connected = verdict is not None
        part.publisher.verdicts = {"q": verdict or Verdict.LOST}
        part.journal.add(reply(1, "q"))
        await asyncio.sleep(2)
        assert not is_mute(part)
        await asyncio.sleep(10)
        assert is_mute(part)
        part.publisher.is_connected, part.publisher.verdicts = True, {}
        await asyncio.sleep(60)
        assert not is_mute(part)


@pytest.mark.parametrize("has_rows", [False, True])
@in_virtual_time
async def test_a_relay_that_may_not_publish_says_so_until_it_may(has_rows: bool) -> None:
    """From the start on, whether an event has shown it or the broker was only asked."""
    part = bench()
    part.publisher.is_forbidden = True
    if has_rows:
        part.publisher.verdicts["q"] = Verdict.FORBIDDEN
        part.journal.add(reply(1, "q"))
    async with at_work(part):
        for _ in range(60):
            assert is_mute(part)
            await asyncio.sleep(1)
        part.publisher.is_forbidden = False
        part.publisher.verdicts.clear()
        await asyncio.sleep(60)
        assert not is_mute(part)
    assert part.journal.forgotten == [1] * has_rows


@in_virtual_time
async def test_a_single_slow_queue_mutes_nobody() -> None:
    """Nor one that never confirms, though its reply is all that an earlier worker has left."""
    part = bench()
    part.publisher.verdicts = {"slow": Verdict.PENDING}
    part.journal.add(reply(1, "slow"))
    async with at_work(part):
        await asyncio.sleep(30)
        assert not is_mute(part)


@in_virtual_time
async def test_what_a_relay_without_a_broker_cannot_send_is_given_to_others() -> None:
    """Not at each short loss of the connection, and not where something was only refused or is late."""
    part = bench()
    part.journal.has_other_workers = True
    async with at_work(part):
        await asyncio.sleep(1)
        part.publisher.is_connected = False
        part.journal.add(*(topic(n) for n in range(GIVEN_UP + 10)))
        await asyncio.sleep(MUTE_AFTER_SECONDS / 2)
        assert part.journal.given_up == []
        await asyncio.sleep(MUTE_AFTER_SECONDS)
        assert part.journal.given_up == list(range(GIVEN_UP + 10))

        part.publisher.is_connected = True
        part.publisher.verdicts[topic(1).destination] = Verdict.LOST
        part.journal.add(topic(5000))
        await asyncio.sleep(10 * MUTE_AFTER_SECONDS)
        assert is_mute(part)
        assert 5000 not in part.journal.given_up, "the broker takes nothing from anybody"
