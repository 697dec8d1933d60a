"""What each verdict means for a row, in virtual time."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from tests.unit.outbox.bench import at_work, bench, seconds_of
from tests.unit.outbox.rows import reply, topic
from tests.virtual_time import in_virtual_time
from worker.amqp.confirms import Verdict
from worker.errors import JournalUnavailable
from worker.outbox.relay import PATIENCE_SECONDS, WINDOW, WINDOW_BYTES, WINDOW_MAX
from worker.records import OutboxRow


@in_virtual_time
async def test_what_is_confirmed_is_forgotten() -> None:
    """All that is due goes in one round."""
    part = bench()
    part.journal.add(*(topic(n) for n in range(WINDOW + 10)))

    assert await part.relay.run_once() == WINDOW
    assert await part.relay.run_once() == 10
    assert await part.relay.run_once() == 0
    assert len(part.journal) == 0


@in_virtual_time
async def test_the_slower_the_journal_the_more_goes_in_a_round() -> None:
    """Half a second for each answer: the rows of hundreds of commands a second go out all the same."""
    part = bench()
    part.journal.seconds = 0.5
    part.journal.add(*(topic(n) for n in range(WINDOW + 2 * WINDOW_MAX)))
    assert [await part.relay.run_once() for _ in range(3)] == [WINDOW, WINDOW_MAX, WINDOW_MAX]

    part.journal.seconds = 0.0
    part.journal.add(*(topic(n) for n in range(WINDOW_MAX + WINDOW)))
    assert [await part.relay.run_once() for _ in range(2)] == [WINDOW_MAX, WINDOW], "and few again when it is quick"


@in_virtual_time
async def test_large_events_keep_the_window_small() -> None:
    """However slow the journal, a thousand pictures must not be in memory at once."""
    part = bench()
    part.journal.seconds = 0.5
    part.journal.add(*(topic(n, body=bytes(WINDOW_BYTES // WINDOW)) for n in range(2 * WINDOW)))
    assert [await part.relay.run_once() for _ in range(2)] == [WINDOW, WINDOW]


@in_virtual_time
async def test_a_missing_reply_queue_is_tried_with_growing_delays_until_its_time_is_over() -> None:
    """1 s, 5 s, 30 s, 2 min, then every 10 min; a day after the event it is set aside. Nobody else waits."""
    part = bench(poll_seconds=60)
    part.publisher.verdicts["gone"] = Verdict.RETURNED
    part.journal.add(reply(1, "gone"), *(topic(n) for n in range(2, 10)))
    async with at_work(part):
        await asyncio.sleep(5)
        assert part.journal.forgotten == list(range(2, 10))
        await asyncio.sleep(timedelta(days=1).total_seconds() - 100)
        assert part.journal.aside == []
        await asyncio.sleep(200)
        assert part.journal.aside == [1]
    assert seconds_of(part, 1)[:6] == [1, 5, 30, 120, 600, 600]
    assert seconds_of(part, 1)[-1] < 600, "the last try is when its time is over"


@in_virtual_time
async def test_a_missing_queue_that_appears_gets_its_events_in_order() -> None:
    """The second event of the command never overtakes the first."""
    part = bench()
    part.publisher.verdicts["late"] = Verdict.RETURNED
    part.journal.add(*(reply(n, "late", command_key=1) for n in range(1, 4)))
    async with at_work(part):
        await asyncio.sleep(10)
        assert {seq for seqs in part.publisher.rounds for seq in seqs} == {1}
        part.publisher.verdicts.clear()
        await asyncio.sleep(60)
    assert part.journal.forgotten == [1, 2, 3]


@in_virtual_time
async def test_a_refused_row_backs_off() -> None:
    """A full queue will have room again."""
    part = bench()
    part.publisher.verdicts["full"] = Verdict.REFUSED
    part.journal.add(reply(1, "full"))
    async with at_work(part):
        await asyncio.sleep(120)
    assert seconds_of(part, 1)[:5] == [1, 2, 5, 15, 60]
    assert part.journal.aside == []


@in_virtual_time
async def test_a_reply_to_a_queue_that_stays_full_is_set_aside_when_its_time_is_over() -> None:
    """As to one that is missing; the topic's copy is tried for ever, for it is nobody's own queue."""
    part = bench(poll_seconds=60)
    part.publisher.verdicts |= {"full": Verdict.REFUSED, topic(2).destination: Verdict.REFUSED}
    part.journal.add(reply(1, "full"), topic(2))
    async with at_work(part):
        await asyncio.sleep(timedelta(days=1).total_seconds() - 100)
        assert part.journal.aside == []
        await asyncio.sleep(500)
        assert part.journal.aside == [1]
    assert part.journal.forgotten == []


@in_virtual_time
async def test_a_reply_that_this_worker_may_not_publish_is_never_set_aside() -> None:
    """Its queue is there; when the right is given back it goes within half a minute."""
    part = bench(poll_seconds=60)
    part.publisher.verdicts["forbidden"] = Verdict.FORBIDDEN
    part.journal.add(reply(1, "forbidden"))
    async with at_work(part):
        await asyncio.sleep(timedelta(days=2).total_seconds())
        part.publisher.verdicts.clear()
        await asyncio.sleep(100)
    assert part.journal.aside == []
    assert part.journal.forgotten == [1]


@in_virtual_time
async def test_a_row_that_ends_channels_is_parked_for_long() -> None:
    """It is kept, tried hours apart, and the log says so each time. Once after a minute: a broker that breaks down just
    while a good row is sent, time after time, makes it look the same, and its caller waits."""
    part = bench(poll_seconds=60)
    part.publisher.verdicts["poison"] = Verdict.UNSENDABLE
    part.journal.add(reply(1, "poison"))
    async with at_work(part):
        await asyncio.sleep(8 * 3600)
    assert seconds_of(part, 1) == [60, 600, 3600, 21600, 21600]


@in_virtual_time
async def test_an_event_that_no_exchange_takes_is_kept() -> None:
    """It cannot happen with the alternate exchange; without it the event must not vanish."""
    part = bench(poll_seconds=60)
    part.publisher.verdicts[topic(1).destination] = Verdict.RETURNED
    part.journal.add(topic(1))
    async with at_work(part):
        await asyncio.sleep(3 * 24 * 3600)
        assert part.journal.aside == []
        part.publisher.verdicts.clear()
        await asyncio.sleep(700)
    assert part.journal.forgotten == [1]


@in_virtual_time
async def test_lost_rows_are_sent_again_under_the_same_ids() -> None:
    """Consumers tell the repetition by the id; no attempt is counted, and there is no hot loop."""
    part = bench()
    part.publisher.verdicts["replies"] = Verdict.LOST
    part.journal.add(reply(1))
    async with at_work(part):
        await asyncio.sleep(10.5)
        assert 5 <= len(part.publisher.rounds) <= 12
        part.publisher.verdicts.clear()
        await asyncio.sleep(2)
    assert set(part.publisher.sent) == {"event-1:r"}
    assert part.journal.postponements == []
    assert part.journal.forgotten == [1]


@in_virtual_time
async def test_a_slow_confirm_is_awaited_beside_the_next_rounds() -> None:
    """The row is not sent twice meanwhile, and the others go on."""
    part = bench()
    part.publisher.verdicts["slow"] = Verdict.PENDING
    part.journal.add(reply(1, "slow"))
    async with at_work(part):
        await asyncio.sleep(3)
        assert part.relay.in_flight == 1
        part.journal.add(topic(2))
        part.relay.wake()
        await asyncio.sleep(1)
        assert part.journal.forgotten == [2]
        part.publisher.late = {1: Verdict.CONFIRMED}
        await asyncio.sleep(2)
        assert part.relay.in_flight == 0
    assert part.journal.forgotten == [2, 1]
    assert part.publisher.sent.count("event-1:r") == 1


@in_virtual_time
async def test_a_slow_queue_with_a_new_command_in_each_round_makes_nobody_wait() -> None:
    """Its first late confirm costs a round its patience, and no other one does."""
    part = bench()
    part.publisher.verdicts["slow"] = Verdict.PENDING
    publish, went = part.publisher.publish, dict[int, float]()

    async def publish_patiently(rows: Sequence[OutboxRow], patience: float) -> Mapping[int, Verdict]:
        verdicts = await publish(rows, patience)
        if Verdict.PENDING in verdicts.values():
            await asyncio.sleep(patience)
        went.update(dict.fromkeys(verdicts, asyncio.get_running_loop().time()))
        return verdicts

    part.publisher.publish = publish_patiently  # type: ignore[method-assign, assignment]
    async with at_work(part):
        part.journal.add(reply(1, "slow"))
        part.relay.wake()
        await asyncio.sleep(PATIENCE_SECONDS + 0.1)
        began = asyncio.get_running_loop().time()
        for number in range(20):
            part.journal.add(reply(100 + number, "slow"), topic(200 + number))
            part.relay.wake()
            await asyncio.sleep(0.1)
    assert [round(went[200 + number] - began, 1) for number in range(20)] == [round(n * 0.1, 1) for n in range(20)]
    assert part.relay.in_flight == 21


@in_virtual_time
async def test_a_slow_confirm_that_is_lost_is_sent_again() -> None:
    """At once, with what waits behind it: the time that a confirm may take is over with its channel."""
    part = bench()
    part.publisher.verdicts["slow"] = Verdict.PENDING
    part.journal.add(*(reply(n, "slow", command_key=1) for n in (1, 2)))
    async with at_work(part):
        await asyncio.sleep(3)
        part.publisher.late = {1: Verdict.LOST}
        part.publisher.verdicts.clear()
        await asyncio.sleep(2)
        assert part.journal.forgotten == [1, 2]
        await asyncio.sleep(60)
    assert part.publisher.sent == ["event-1:r", "event-1:r", "event-2:r"]
    assert part.journal.forgotten == [1, 2]


@in_virtual_time
async def test_a_confirm_that_the_journal_cannot_note_is_remembered() -> None:
    """Not published again for that, and noted as soon as the journal is back."""
    part = bench()
    part.journal.add(topic(1))
    publish = part.publisher.publish

    async def publish_while_the_journal_fails(rows: Sequence[OutboxRow], patience: float) -> Mapping[int, Verdict]:
        verdicts = await publish(rows, patience)
        part.journal.is_down = True
        return verdicts

    part.publisher.publish = publish_while_the_journal_fails  # type: ignore[method-assign, assignment]
    with pytest.raises(JournalUnavailable):
        await part.relay.run_once()
    part.journal.is_down = False
    await part.relay.run_once()

    assert part.journal.forgotten == [1]
    assert part.publisher.sent == ["event-1:t"]


@in_virtual_time
async def test_without_a_broker_the_journal_is_left_alone() -> None:
    """And publishing begins at once when somebody says that there is one."""
    part = bench()
    part.publisher.is_connected = False
    part.journal.add(topic(1))
    async with at_work(part):
        await asyncio.sleep(100)
        assert part.publisher.rounds == []
        part.publisher.is_connected = True
        part.relay.wake()
        await asyncio.sleep(0.1)
        assert part.journal.forgotten == [1]


@in_virtual_time
async def test_a_journal_that_is_down_is_waited_for() -> None:
    """With pauses that grow up to ten seconds, each relay for its own part of them."""
    part = bench()
    part.journal.is_down = True
    part.journal.add(topic(1))
    async with at_work(part):
        await asyncio.sleep(100)
        part.journal.is_down = False
        await asyncio.sleep(11)
    assert part.journal.forgotten == [1]


@in_virtual_time
async def test_a_drain_sends_what_can_go_now() -> None:
    """And leaves the rest to the next life."""
    part = bench()
    part.publisher.verdicts["gone"] = Verdict.RETURNED
    part.journal.add(reply(1, "gone"), *(topic(n) for n in range(2, 600)))

    assert await part.relay.drain(10)
    assert len(part.journal) == 1


@in_virtual_time
async def test_a_backlog_of_one_command_goes_out_in_order_many_rows_a_round() -> None:
    """One question to the journal for a window of rows: its cost must not grow with what waits behind."""
    part = bench()
    part.journal.add(*(reply(n, command_key=1) for n in range(1, 501)))
    rounds = 0
    while await part.relay.run_once():
        rounds += 1

    assert rounds < 30
    assert part.publisher.rounds == [[n] for n in range(1, 501)], "none before its predecessor is confirmed"


@in_virtual_time
async def test_a_long_stream_keeps_nobody_waiting() -> None:
    """A thousand events of one command at 10 ms each take their time; what comes meanwhile goes out within a second."""
    part = bench()
    part.journal.add(*(reply(n, command_key=1) for n in range(1, 1001)))
    async with at_work(part):
        await asyncio.sleep(0.5)
        part.journal.add(topic(2000))
        await asyncio.sleep(1)
        assert 2000 in part.journal.forgotten
        assert len(part.journal) > 500


@in_virtual_time
async def test_behind_a_row_whose_confirm_is_late_nothing_of_its_stream_goes_out() -> None:
    part = bench()
    part.publisher.verdicts["slow"] = Verdict.PENDING
    part.journal.add(*(reply(n, "slow", command_key=1) for n in range(1, 4)))
    async with at_work(part):
        await asyncio.sleep(10)
        assert part.publisher.rounds == [[1]]
        part.publisher.verdicts.clear()
        part.publisher.late = {1: Verdict.CONFIRMED}
        await asyncio.sleep(2)
        assert part.journal.forgotten == [1, 2, 3]
        await asyncio.sleep(60)
    assert part.publisher.sent == ["event-1:r", "event-2:r", "event-3:r"]
