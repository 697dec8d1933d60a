"""What the relay may rely on, on both stores."""

from datetime import timedelta

import pytest

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    complete,
    loose,
    new,
    outbox,
    publish_all,
    rejected,
    settlement,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.errors import NotFound
from worker.ports import Journal
from worker.records import CommandState, Copy, OutboxRow, Route

SUBMITTING = frozenset({CommandState.SUBMITTING})
SCANNING = frozenset({CommandState.SCANNING})


async def fail_with(journal: Journal, command_id: str, *outcomes: str, lane: str = "u1", worker: str = "w1") -> None:
    """A command that ends after these events."""
    claim = await begin(journal, new(command_id, lane=lane), worker)
    assert await journal.record(step(claim, CommandState.FAILED, *outcomes))
    await journal.release(claim.lease, NOW)


def replies(rows: list[OutboxRow]) -> list[OutboxRow]:
    return [row for row in rows if row.copy is Copy.REPLY]


async def test_a_row_says_all_that_publishing_needs(journal: Journal) -> None:
    route = Route("erp.replies", "corr-1", "00-trace-1", "v=1")
    claim = await begin(journal, new("a", route=route))
    moved = step(claim, CommandState.FAILED, "failed")
    await journal.record(moved)
    rows = {row.copy: row for row in await outbox(journal)}
    assert rows[Copy.REPLY].destination == "erp.replies"
    assert rows[Copy.TOPIC].destination == "invoice.issue.failed"
    for copy, row in rows.items():
        assert (row.command_key, row.command_id) == (claim.command.key, "a")
        assert (row.event_id, row.event_type, row.body) == (
            moved.events[0].id,
            moved.events[0].type,
            moved.events[0].body,
        )
        assert (row.correlation_id, row.traceparent, row.tracestate) == ("corr-1", "00-trace-1", "v=1")
        assert (row.attempts, row.created_at) == (0, NOW)
        assert row.message_id == f"{row.event_id}:{copy}"


async def test_a_row_comes_again_until_it_is_marked(journal: Journal) -> None:
    await fail_with(journal, "a", "failed")
    first = await outbox(journal)
    assert await outbox(journal) == first
    await journal.published([first[0].seq])
    assert await outbox(journal) == first[1:]
    await journal.published([first[1].seq])
    assert await outbox(journal) == []


async def test_publishing_twice_is_harmless(journal: Journal) -> None:
    await fail_with(journal, "a", "failed")
    rows = await outbox(journal)
    seqs = [row.seq for row in rows]
    await journal.published(seqs)
    await journal.published(seqs)
    await journal.published([])


async def test_oldest_first_and_no_more_than_asked_for(journal: Journal) -> None:
    for number in range(4):
        await fail_with(journal, f"c{number}", "failed")
    rows = await outbox(journal, limit=5)
    assert [row.command_id for row in rows] == ["c0", "c0", "c1", "c1", "c2"]


async def test_an_event_comes_behind_the_one_before_it_at_the_same_destination(journal: Journal) -> None:
    await fail_with(journal, "a", "qr_required", "failed")
    first = await outbox(journal)
    for copy in Copy:
        stream = [row for row in first if row.copy is copy]
        assert [row.event_type for row in stream] == ["invoice.issue.qr_required", "invoice.issue.failed"]
        assert [row.seq for row in stream] == sorted(row.seq for row in stream)
    await journal.published([row.seq for row in first if row.copy is Copy.TOPIC])
    assert [row.event_type for row in replies(await outbox(journal))] == [row.event_type for row in replies(first)]


async def test_a_limit_cuts_a_command_off_behind_not_before(journal: Journal) -> None:
    await fail_with(journal, "a", "qr_required", "in_doubt", "failed")
    rows = await outbox(journal, limit=3)
    whole = await outbox(journal)
    assert rows == whole[:3]
    for copy in Copy:
        some, every = ([row.seq for row in given if row.copy is copy] for given in (rows, whole))
        assert some == every[: len(some)]


async def test_a_clock_that_was_set_back_does_not_let_a_later_event_overtake(store: Store, journal: Journal) -> None:
    """Its time is before that of the events that it follows; a limit must not cut these off and leave it."""
    await fail_with(journal, "a", "qr_required", "in_doubt", "failed")
    last = replies(await outbox(journal))[-1]
    for copy in Copy:
        _, _, failed = (row.seq for row in await outbox(journal) if row.copy is copy)
        await store.write(f"UPDATE outbox SET due_at = {_earlier(store)} WHERE seq = {failed}")  # noqa: S608
    assert last.seq not in {row.seq for row in await outbox(journal, limit=2)}
    order = []
    while rows := replies(await outbox(journal, limit=2)) or await outbox(journal, limit=2):
        order += [row.event_type.rpartition(".")[2] for row in replies(rows)]
        await journal.published([row.seq for row in rows])
    assert order == ["qr_required", "in_doubt", "failed"]


def _earlier(store: Store) -> str:
    return "due_at - 60000000" if store.name == "sqlite" else "due_at - interval '1 minute'"


async def test_commands_do_not_wait_for_each_other(journal: Journal) -> None:
    await fail_with(journal, "a", "qr_required", "failed")
    await fail_with(journal, "b", "failed")
    assert {row.command_id for row in await outbox(journal)} == {"a", "b"}


async def test_a_postponed_row_comes_back_at_its_time_with_an_attempt_counted(journal: Journal) -> None:
    await fail_with(journal, "a", "failed")
    (reply,) = replies(await outbox(journal))
    await journal.postpone([(reply.seq, NOW + SECOND)])
    assert replies(await outbox(journal)) == []
    assert replies(await outbox(journal, now=NOW + SECOND / 2)) == []
    (again,) = replies(await outbox(journal, now=NOW + SECOND))
    assert (again.seq, again.attempts, again.created_at) == (reply.seq, 1, reply.created_at)


async def test_rows_behind_a_postponed_one_wait_with_it_and_keep_their_order(journal: Journal) -> None:
    await fail_with(journal, "a", "qr_required", "in_doubt", "failed")
    reply, *_ = replies(await outbox(journal))
    await journal.postpone([(reply.seq, NOW + SECOND)])
    assert [row.event_type for row in replies(await publish_all(journal))] == []
    order = []
    while rows := replies(await outbox(journal, now=NOW + SECOND)):
        order += [row.event_type.rpartition(".")[2] for row in rows]
        await journal.published([row.seq for row in rows])
    assert order == ["qr_required", "in_doubt", "failed"]


async def test_rows_behind_one_that_is_due_sooner_again_come_with_it(journal: Journal) -> None:
    """Also where it is gone by then."""
    await fail_with(journal, "a", "qr_required", "in_doubt", "failed")
    reply, *behind = replies(await outbox(journal))
    await journal.postpone([(reply.seq, NOW + SECOND)])
    await journal.postpone([(reply.seq, NOW)])
    assert [row.seq for row in replies(await outbox(journal))] == [reply.seq, *(row.seq for row in behind)]
    await journal.published([reply.seq])
    assert [row.seq for row in replies(await outbox(journal))] == [row.seq for row in behind]


async def test_many_postponed_rows_hide_nothing_that_is_due(journal: Journal) -> None:
    await admit(journal, *(rejected(f"r{number}", route=Route("missing", "x")) for number in range(50)))
    missing = replies(await outbox(journal, limit=1000))
    await journal.postpone([(row.seq, NOW + SECOND) for row in missing])
    await admit(journal, rejected("fresh"))
    fresh = replies(await outbox(journal, limit=200))
    assert [row.command_id for row in fresh] == ["fresh"]


class TestUndeliverable:
    async def test_it_is_set_aside_and_in_nobodys_way(self, journal: Journal) -> None:
        await fail_with(journal, "a", "qr_required", "failed")
        reply, _ = replies(await outbox(journal))
        await journal.undeliverable([reply.seq])
        assert [row.event_type for row in replies(await outbox(journal))] == ["invoice.issue.failed"]
        (aside,) = await journal.undeliverable_replies()
        assert (aside.seq, aside.command_source, aside.command_id) == (reply.seq, "erp", "a")
        assert (aside.event_id, aside.event_type) == (reply.event_id, "invoice.issue.qr_required")
        assert (aside.destination, aside.attempts, aside.created_at) == ("replies", 0, NOW)
        assert (await journal.backlog(NOW)).undeliverable == 1

    async def test_events_say_so(self, journal: Journal) -> None:
        claim = await complete(journal, new("a"))
        (reply,) = replies(await outbox(journal))
        await journal.undeliverable([reply.seq])
        (record,) = await journal.events_of(claim.command.key)
        assert record.undeliverable
        assert record.pending == (Copy.TOPIC,)

    async def test_an_answer_set_aside_tells_its_source(self, journal: Journal) -> None:
        await journal.answer([loose("e1", Route("gone", "x"))], worker="w1")
        await journal.undeliverable([row.seq for row in replies(await outbox(journal))])
        (aside,) = await journal.undeliverable_replies()
        assert (aside.command_source, aside.command_id) == ("erp", "a")

    async def test_resent_it_lives_anew(self, journal: Journal) -> None:
        await fail_with(journal, "a", "failed")
        (reply,) = replies(await outbox(journal))
        await journal.postpone([(reply.seq, NOW)])
        await journal.undeliverable([reply.seq])
        later = NOW + timedelta(days=2)
        assert await journal.resend_replies([reply.seq], later) == 1
        assert replies(await outbox(journal)) == []
        (again,) = replies(await outbox(journal, now=later))
        assert (again.seq, again.attempts, again.created_at) == (reply.seq, 0, later)
        assert await journal.undeliverable_replies() == []

    async def test_naming_none_means_all(self, journal: Journal) -> None:
        await self._set_aside_three(journal)
        assert await journal.resend_replies([], NOW) == 3
        await self._set_aside(journal)
        assert await journal.discard_replies([]) == 3
        assert await journal.undeliverable_replies() == []
        assert replies(await outbox(journal)) == []

    async def test_only_what_is_set_aside_can_be_resent_or_discarded(self, journal: Journal) -> None:
        await fail_with(journal, "a", "failed")
        (reply,) = replies(await outbox(journal))
        assert await journal.resend_replies([reply.seq], NOW) == 0
        assert await journal.discard_replies([reply.seq]) == 0
        assert replies(await outbox(journal)) == [reply]

    async def test_some_can_be_discarded(self, journal: Journal) -> None:
        await self._set_aside_three(journal)
        first, second, third = await journal.undeliverable_replies()
        assert await journal.discard_replies([second.seq]) == 1
        assert [aside.seq for aside in await journal.undeliverable_replies()] == [first.seq, third.seq]
        assert len(await journal.undeliverable_replies(limit=1)) == 1

    async def _set_aside_three(self, journal: Journal) -> None:
        for number in range(3):
            await fail_with(journal, f"c{number}", "failed")
        await self._set_aside(journal)

    async def _set_aside(self, journal: Journal) -> None:
        await journal.undeliverable([row.seq for row in replies(await outbox(journal))])


class TestReplay:
    async def test_all_events_again_under_the_same_ids(self, journal: Journal) -> None:
        await fail_with(journal, "a", "qr_required", "failed")
        first = await publish_all(journal)
        (command,) = await journal.find("a")
        assert await journal.replay(command.key, NOW) == 4
        again = await publish_all(journal)
        assert [(row.event_id, row.copy, row.body) for row in again] == [
            (row.event_id, row.copy, row.body) for row in first
        ]

    async def test_what_is_still_to_be_published_is_not_queued_twice(self, journal: Journal) -> None:
        await fail_with(journal, "a", "failed")
        (command,) = await journal.find("a")
        assert await journal.replay(command.key, NOW) == 0
        (topic,) = [row for row in await outbox(journal) if row.copy is Copy.TOPIC]
        await journal.published([topic.seq])
        assert await journal.replay(command.key, NOW) == 1

    async def test_a_command_nobody_knows_is_told(self, journal: Journal) -> None:
        with pytest.raises(NotFound):
            await journal.replay(4711, NOW)


class TestAdoption:
    async def test_the_events_of_a_dead_worker_are_published_by_another(self, store: Store) -> None:
        dead = await store.open_with_worker("dead")
        await fail_with(dead, "a", "failed", worker="dead")
        alive = await store.open_with_worker("alive")
        await store.expire("dead")
        await alive.reap("alive", NOW)
        assert len(await outbox(alive, "alive")) == 2

    async def test_and_of_one_that_retired(self, store: Store) -> None:
        leaving = await store.open_with_worker("leaving")
        await fail_with(leaving, "a", "failed", worker="leaving")
        await leaving.retire("leaving")
        staying = await store.open_with_worker("staying")
        await staying.reap("staying", NOW)
        assert len(await outbox(staying, "staying")) == 2

    async def test_what_nobody_owns_is_anybodys(self, store: Store) -> None:
        """A command line settles without being a worker."""
        journal = await store.open_with_worker("w1")
        await admit(journal, new("a"))
        command_line = await store.open()
        (command,) = await command_line.find("a")
        waiting = frozenset({CommandState.WAITING})
        assert await command_line.settle(settlement(command, CommandState.FAILED, "failed", expected=waiting))
        assert len(await outbox(journal)) == 2

    @pytest.mark.parametrize("store", ["postgres"], indirect=True)  # of an SQLite file one process publishes everything
    async def test_an_event_waits_for_an_earlier_one_that_another_worker_has_to_publish(self, store: Store) -> None:
        first = await store.open_with_worker("first")
        claim = await begin(first, new("a"), "first")
        await submit(first, claim)
        assert await first.record(step(claim, CommandState.SCANNING, "qr_required", expected=SUBMITTING))
        await store.expire("first")
        second = await store.open_with_worker("second")
        await store.write("UPDATE lane SET holder = NULL, is_ready = true")
        (taken,) = await second.claim("second", 1, NOW)
        assert await second.record(step(taken, CommandState.IN_DOUBT, "in_doubt", first=2, expected=SCANNING))
        assert await outbox(second, "second") == []
        await second.reap("second", NOW)
        assert [row.event_type.rpartition(".")[2] for row in replies(await outbox(second, "second"))] == [
            "qr_required",
            "in_doubt",
        ]

    @pytest.mark.parametrize("store", ["postgres"], indirect=True)
    async def test_what_a_worker_without_a_broker_gives_up_is_published_once_and_in_order_by_another(
        self, store: Store
    ) -> None:
        """It is nobody's until a worker that can publish adopts it; so is what the first one, which lives on, tells."""
        cut_off = await store.open_with_worker("cut-off")
        claim = await begin(cut_off, new("a"), "cut-off")
        await submit(cut_off, claim)
        assert await cut_off.record(step(claim, CommandState.SCANNING, "qr_required", expected=SUBMITTING))
        assert await cut_off.give_up("cut-off", 100) == 0, "there is nobody else"
        assert len(await outbox(cut_off, "cut-off")) == 2

        other = await store.open_with_worker("other")
        assert await cut_off.give_up("cut-off", 100) == 2
        assert await cut_off.record(step(claim, CommandState.COMPLETED, "completed", first=2, expected=SCANNING))
        await cut_off.reap("cut-off", NOW, adopts=False)
        assert await outbox(cut_off, "cut-off") == await outbox(other, "other") == [], "in its order, by whoever adopts"
        await other.reap("other", NOW)
        assert [row.event_type.rpartition(".")[2] for row in replies(await outbox(other, "other"))] == ["qr_required"]
        assert await cut_off.give_up("cut-off", 100) == 2
        await other.reap("other", NOW)
        assert await outbox(cut_off, "cut-off") == []
        assert [row.event_type.rpartition(".")[2] for row in replies(await outbox(other, "other"))] == [
            "qr_required",
            "completed",
        ]
