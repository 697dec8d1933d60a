"""Journal first, acknowledge after; in virtual time, with a fake channel and a fake journal."""

import asyncio
import json
import time

import pytest

from tests.unit.intake.bench import (
    _is_ready,
    at_work,
    bench,
)
from tests.virtual_time import in_virtual_time
from worker.amqp.deliveries import Delivery
from worker.amqp.wire import Properties
from worker.errors import JournalUnavailable
from worker.intake import consumer as module
from worker.intake.admission import AdmissionRules, Admitted
from worker.intake.journaling import TRIES_TOGETHER
from worker.intake.reading import Incoming


@in_virtual_time
async def test_deliveries_that_come_together_share_a_transaction_and_an_acknowledgement() -> None:
    """One commit, one `multiple`."""
    part = bench()
    async with at_work(part):
        part.deliver(*(f"c{n}" for n in range(30)))
        await asyncio.sleep(1)
    assert part.journal.batches == [30]
    assert part.channel.frames == [(30, True)]
    assert part.lanes == [{"u1"}]


@in_virtual_time
async def test_one_alone_is_journaled_at_once_and_what_comes_meanwhile_goes_together() -> None:
    """No lingering: batches gather by themselves while the one before is written."""
    part = bench()
    part.journal.seconds = 0.01
    async with at_work(part):
        await asyncio.sleep(0)
        part.deliver("c1")
        await asyncio.sleep(0.001)
        part.deliver("c2", "c3")
        await asyncio.sleep(0.001)
        part.deliver("c4")
        await asyncio.sleep(0.1)
        assert part.journal.batches == [1, 3]


@pytest.mark.parametrize("name", ["c", "dead"])
async def test_messages_that_take_long_to_read_do_not_hold_the_loop(name: str) -> None:
    """A hundred of a megabyte each came at once, and no session, lease or heartbeat had its turn before the last."""
    part = bench()
    quick, longest = part.consumer._admit, 0.0

    def slowly(incoming: Incoming, rules: AdmissionRules) -> Admitted:
        time.sleep(0.02)
        return quick(incoming, rules)

    part.consumer._admit = slowly
    async with at_work(part):
        part.deliver(*(f"{name}{n}" for n in range(60)))
        last = time.monotonic()
        while part.consumer._buffer:
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert longest < 0.6


@in_virtual_time
async def test_behind_a_slow_batch_the_next_waits_for_what_the_acknowledgements_let_in() -> None:
    """The first delivery would go alone, and all behind it would wait for as long again."""
    part = bench()
    part.journal.seconds = 0.5
    async with at_work(part):
        await asyncio.sleep(0)
        part.deliver("c1")
        await asyncio.sleep(0.51)
        for name in ("c2", "c3", "c4"):
            part.deliver(name)
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        assert part.journal.batches == [1, 3]


@in_virtual_time
async def test_nothing_is_acknowledged_while_the_journal_is_down() -> None:
    """Held, tried again, never requeued; journaled once when it is back."""
    part = bench()
    part.journal.is_down = True
    async with at_work(part):
        part.deliver("c1", "c2")
        await asyncio.sleep(3)
        assert part.channel.frames == []
        assert _is_ready(part)
        part.deliver("c3")
        part.journal.is_down = False
        await asyncio.sleep(3)
    assert part.journal.repeats == 0
    assert {name for _, name in part.journal.commands} == {"c1", "c2", "c3"}
    assert len(part.channel.book) == 0


@in_virtual_time
async def test_a_journal_that_stays_down_stops_the_consumer_and_starts_it_again() -> None:
    """Others may have the rest meanwhile; readiness says so."""
    part = bench()
    part.journal.is_down = True
    async with at_work(part):
        part.deliver("c1")
        await asyncio.sleep(60)
        assert not _is_ready(part)
        part.journal.is_down = False
        await asyncio.sleep(60)
        assert _is_ready(part)
    assert part.channel.frames == [(1, False)]


@in_virtual_time
async def test_whoever_asks_last_decides_whether_commands_are_taken() -> None:
    """A pause while the broker still begins the consumers, and the other way round: what is answered late must not
    stand. A worker whose journal is full went on taking commands, or one with space took none."""
    part = bench()
    part.channel.answer_seconds = 5
    for ask_twice, is_consuming in (
        ((part.consumer.pause, part.consumer.resume), True),
        ((part.consumer.pause, part.consumer.resume, part.consumer.pause), False),
        ((part.consumer.resume, part.consumer.pause), False),
    ):
        asked = [asyncio.create_task(ask()) for ask in ask_twice]
        await asyncio.gather(*asked)
        assert part.channel.is_consuming is is_consuming


@in_virtual_time
async def test_deliveries_go_back_before_the_broker_takes_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After twenty minutes the connection is closed on purpose; the next one waits for the journal."""
    part = bench()
    drops: list[str] = []
    monkeypatch.setattr(part.consumer._connection, "drop", drops.append)
    part.journal.is_down = True
    async with at_work(part):
        part.deliver("c1")
        await asyncio.sleep(module.HOLD_SECONDS - 30)
        assert drops == []
        await asyncio.sleep(60)
        assert drops


@in_virtual_time
async def test_a_delivery_of_an_earlier_epoch_is_journaled_but_not_acknowledged() -> None:
    """Its tag means another message on the new channel. It comes again and is found to be a repeat."""
    part = bench()
    part.channel.epoch = 2
    part.consumer.receive(Delivery(1, 7, False, "invoice.issue", b"c1", Properties()))
    part.deliver("c2")

    assert await part.consumer.run_once() == 2
    assert part.channel.frames == [(1, False)]
    part.deliver("c1")
    await part.consumer.run_once()
    assert part.journal.repeats == 1
    assert len(part.channel.book) == 0


@in_virtual_time
async def test_the_lane_of_a_repeat_is_told_too() -> None:
    """Its first answer from the journal may have been lost with the connection, after the commit: then nobody has told
    the lane, which this worker may hold, and the journal leaves no mark for what its holder brings."""
    part = bench()
    for _ in range(2):
        part.deliver("c1")
        await part.consumer.run_once()
    assert part.journal.repeats == 1
    assert part.lanes == [{"u1"}, {"u1"}]


@in_virtual_time
async def test_a_channel_lost_between_commit_and_acknowledgement_harms_nothing() -> None:
    """The commands are durable; the redelivery is told from a new command."""
    part = bench()
    part.deliver("c1")
    part.channel.is_lost = True
    assert await part.consumer.run_once() == 1
    part.channel.is_lost = False
    part.deliver("c1")
    await part.consumer.run_once()
    assert len(part.journal.commands) == 1


@in_virtual_time
async def test_reused_and_busy_are_answered_before_the_acknowledgement() -> None:
    """Each with an event of its own, and the relay is told."""
    part = bench()
    part.deliver("c1=a")
    await part.consumer.run_once()
    part.deliver("c1=b")
    await part.consumer.run_once()
    part.journal.busy.add("shop")
    part.deliver("c2")
    await part.consumer.run_once()

    assert [b'"id_reused"' in answer.event.body for answer in part.journal.answers] == [True, False]
    assert b'"busy"' in part.journal.answers[1].event.body
    assert part.calls.count("events") == 2
    assert len(part.channel.book) == 0


@in_virtual_time
async def test_a_command_the_journal_cannot_take_holds_up_no_other() -> None:
    """The others are journaled; it is answered, and goes to the dead letters for a person to look at."""
    part = bench()
    part.journal.poisonous.add("c2")
    async with at_work(part):
        part.deliver("c1", "c2", "c3")
        await asyncio.sleep(1)
    assert {name for _, name in part.journal.commands} == {"c1", "c3"}
    assert [message.body for message in part.dead.published] == [b"c2"]
    assert len(part.channel.book) == 0
    (answer,) = part.journal.answers
    assert (answer.command_id, answer.event.type) == ("c2", "invoice.issue.rejected")
    assert json.loads(answer.event.body)["data"]["code"] == "invalid"
    assert "invoice.issue rejected" in part.calls


@in_virtual_time
async def test_a_command_the_journal_cannot_take_is_answered_though_the_store_goes_away_meanwhile() -> None:
    part = bench()
    part.journal.poisonous.add("c1")
    part.journal.takes_answers = False
    async with at_work(part):
        part.deliver("c1")
        await asyncio.sleep(3)
        assert part.dead.published == []
        part.journal.takes_answers = True
        await asyncio.sleep(30)
    assert [answer.command_id for answer in part.journal.answers] == ["c1"]
    assert [message.body for message in part.dead.published] == [b"c1"]


@in_virtual_time
async def test_a_fault_of_the_store_over_one_command_never_makes_it_a_dead_letter() -> None:
    """SQLSTATE XX000 and its like: the others go on, it is tried again until the store takes it."""
    part = bench()
    part.journal.odd.add("c2")
    async with at_work(part):
        part.deliver("c1", "c2", "c3")
        await asyncio.sleep(60)
        part.deliver("c4")
        await asyncio.sleep(1)
        assert {name for _, name in part.journal.commands} == {"c1", "c3", "c4"}
        assert (len(part.channel.book), part.consumer.unsettled) == (1, 1)
        part.journal.odd.clear()
        await asyncio.sleep(60)
    assert ("shop", "c2") in part.journal.commands
    assert part.dead.published == []
    assert (len(part.channel.book), part.consumer.unsettled) == (0, 0)


@in_virtual_time
async def test_commands_that_fail_for_ever_hold_up_no_other() -> None:
    """All of a batch fail, as in a broken index: after some tries those behind them have their turn."""
    part = bench()
    part.journal.odd |= {"c1", "c2"}
    async with at_work(part):
        part.deliver("c1", "c2")
        await asyncio.sleep(2.0**TRIES_TOGETHER)
        part.deliver("c3")
        await asyncio.sleep(1)
        assert set(part.journal.commands) == {("shop", "c3")}
    assert part.dead.published == []


@in_virtual_time
async def test_what_is_put_aside_is_let_go_when_it_comes_again() -> None:
    """With its connection goes the right to acknowledge it."""
    part = bench()
    part.journal.odd.add("c1")
    async with at_work(part):
        part.deliver("c1")
        await asyncio.sleep(1)
        part.channel.epoch = 2
        await asyncio.sleep(60)
        assert (part.consumer.unsettled, part.consumer._room.held) == (0, 0)


def returned(body: str, reason: str, queue: str = "fapiao.issue", **headers: object) -> Delivery:
    """What the broker has dead-lettered itself."""
    death = {"x-death": [{"reason": reason, "queue": queue, "count": 1}]}
    return Delivery(1, 1, False, "invoice.issue", body.encode(), Properties(headers=death | headers), "fapiao.returned")


@in_virtual_time
@pytest.mark.parametrize(
    ("delivery", "is_taken"),
    [
        (returned("c1", "expired"), True),
        (returned("c1", "delivery_limit"), True),
        (returned("c1", "expired", "another.queue"), False),
        (returned("c1", "rejected", **{"x-fapiao-code": "malformed"}), False),
        (Delivery(1, 1, False, "invoice.issue", b"c1", Properties(), "fapiao.returned"), False),
        (returned("dead", "expired"), False),
    ],
)
async def test_what_the_broker_dead_lettered_is_taken_and_what_a_worker_buried_is_not(
    delivery: Delivery, is_taken: bool
) -> None:
    """Nothing of it is dead-lettered a second time: the dead queue has its copy."""
    part = bench()
    async with at_work(part):
        part.channel.book.delivered(1)
        part.consumer.receive(delivery)
        await asyncio.sleep(1)
    assert (len(part.journal.commands) == 1) is is_taken
    assert part.dead.published == []
    assert (len(part.channel.book), part.consumer._room.held) == (0, 0)


@in_virtual_time
async def test_a_journal_that_takes_nothing_buries_nothing() -> None:
    """Then the fault is the store's, and the commands are innocent."""
    part = bench()
    part.journal.odd |= {"c1", "c2"}
    part.deliver("c1", "c2")

    with pytest.raises(JournalUnavailable):
        await part.consumer.run_once()
    assert part.consumer.unsettled == 2
    part.journal.odd.clear()
    assert await part.consumer.run_once() == 2
    assert part.dead.published == []


@in_virtual_time
async def test_a_drain_waits_for_what_is_here_and_takes_no_more() -> None:
    """Then it says whether all is done."""
    part = bench()
    async with at_work(part):
        part.deliver("c1", "dead1")
        assert await part.consumer.drain(5)
        assert not part.channel.is_consuming
        part.journal.is_down = True
        part.deliver("c2")
        assert not await part.consumer.drain(5)
    assert len(part.dead.published) == 1
