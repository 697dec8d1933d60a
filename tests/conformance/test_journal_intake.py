"""What intake may rely on, on both stores."""

import asyncio
from dataclasses import replace

import pytest

from contracts.envelope import loads
from tests.conformance.journal_builders import (
    NOW,
    PASSWORD,
    SECOND,
    admit,
    begin,
    claim_one,
    complete,
    look_up,
    loose,
    new,
    outbox,
    publish_all,
    rejected,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import (
    SUBMITTED,
    Admission,
    Command,
    CommandState,
    Copy,
    Event,
    NewCommand,
    OutboxRow,
    Route,
    Settlement,
)


async def test_what_is_admitted_is_kept_as_it_came(journal: Journal) -> None:
    route = Route("erp.replies", "corr-1", "00-trace-1", "vendor=1")
    given = new(
        "a",
        route=route,
        seller="91330100",
        order_no="SO-1",
        fingerprint="f",
        deadline_at=NOW + SECOND,
        data='{"remark":"发票"}'.encode(),
        warnings=b'[{"code":"odd"}]',
        secrets={"/login/password": PASSWORD},
    )
    assert await admit(journal, given) == [Admission.ACCEPTED]

    kept = await look_up(journal, "a")
    assert (kept.source, kept.id, kept.type, kept.state) == ("erp", "a", "invoice.issue", CommandState.WAITING)
    assert kept.route == route
    assert (kept.lane, kept.seller, kept.order_no, kept.fingerprint) == ("u1", "91330100", "SO-1", "f")
    assert (kept.received_at, kept.deadline_at) == (NOW, NOW + SECOND)
    assert (kept.data, kept.warnings) == (given.data, given.warnings)
    assert kept.submitted_at is None
    assert kept.settled_at is None
    assert kept.attempts == 0


async def test_results_come_in_the_order_given(journal: Journal) -> None:
    await admit(journal, new("old"))
    batch = [new("b"), new("old"), rejected("r"), new("old", content_hash="other"), new("c")]
    assert await admit(journal, *batch) == [
        Admission.ACCEPTED,
        Admission.REPEATED,
        Admission.REJECTED,
        Admission.REUSED,
        Admission.ACCEPTED,
    ]


async def test_an_empty_batch_is_no_work(journal: Journal) -> None:
    assert await admit(journal) == []


async def test_the_same_id_twice_in_a_batch_is_one_command(journal: Journal) -> None:
    batch = [new("a"), new("a"), new("a", content_hash="other")]
    assert await admit(journal, *batch) == [Admission.ACCEPTED, Admission.REPEATED, Admission.REUSED]
    assert len(await journal.find("a")) == 1


async def test_the_same_id_of_another_source_is_another_command(journal: Journal) -> None:
    assert await admit(journal, new("a"), new("a", source="shop")) == [Admission.ACCEPTED, Admission.ACCEPTED]
    assert [command.source for command in await journal.find("a")] == ["shop", "erp"]


async def test_admitting_at_the_same_time_enters_each_command_once(store: Store) -> None:
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    batch = [new(f"c{number}", lane=f"u{number % 7}", seller="s", order_no=f"o{number // 2}") for number in range(60)]
    results = await asyncio.gather(
        admit(first, *batch),
        admit(second, *reversed(batch), worker="w2"),
        admit(first, *batch),
        admit(second, *batch, worker="w2"),
    )
    counts = {admission: sum(row.count(admission) for row in results) for admission in Admission}
    assert counts[Admission.ACCEPTED] == 30
    assert counts[Admission.FOLLOWING] == 30
    assert counts[Admission.REPEATED] == 180


async def test_a_rejected_command_answers_and_never_runs(journal: Journal) -> None:
    await admit(journal, rejected("r"))
    command = await look_up(journal, "r")
    assert command.state is CommandState.REJECTED
    assert command.settled_at == NOW
    assert command.last_sequence == 1
    assert await journal.claim("w1", 10, NOW) == []
    assert {(row.copy, row.event_type) for row in await publish_all(journal)} == {
        (Copy.TOPIC, "invoice.issue.rejected"),
        (Copy.REPLY, "invoice.issue.rejected"),
    }


async def test_a_command_that_is_over_as_it_comes_in_answers_and_never_runs(journal: Journal) -> None:
    """A check: its one event is published, a repeat gets it again, and no lane hears of it."""
    over = replace(
        new("a", data=b"{}"),
        type="invoice.check",
        lane=None,
        state=CommandState.COMPLETED,
        events=(Event(1, "event-a", "invoice.check.completed", b"{}"),),
    )

    assert await admit(journal, over) == [Admission.ACCEPTED]
    assert await admit(journal, replace(over, route=Route("again", "c"))) == [Admission.REPEATED]

    assert await state_of(journal, "a") is CommandState.COMPLETED
    assert [(row.copy, row.destination) for row in await outbox(journal) if row.destination == "again"] == [
        (Copy.REPLY, "again")
    ]


async def test_a_rejected_command_lays_no_claim_to_its_order_number(journal: Journal) -> None:
    await admit(journal, rejected("r", seller="s", order_no="SO-1"))
    assert await admit(journal, new("a", seller="s", order_no="SO-1")) == [Admission.ACCEPTED]


def _told(row: OutboxRow) -> tuple[int, str]:
    """Sequence and outcome."""
    return loads(row.body)["sequence"], row.event_type.rpartition(".")[2]


class TestRepeats:
    async def test_a_repeat_of_an_unfinished_command_queues_nothing(self, journal: Journal) -> None:
        await admit(journal, new("a"))
        assert await admit(journal, new("a", route=Route("elsewhere", "x"))) == [Admission.REPEATED]
        assert await outbox(journal) == []

    async def test_a_repeat_gets_the_final_event_at_its_own_reply_to(self, journal: Journal) -> None:
        await complete(journal, new("a"))
        first = await publish_all(journal)
        repeat = new("a", route=Route("elsewhere", "corr-2", "00-trace-2"))
        assert await admit(journal, repeat) == [Admission.REPEATED]

        (row,) = await outbox(journal)
        assert (row.copy, row.destination, row.correlation_id) == (Copy.REPLY, "elsewhere", "corr-2")
        assert row.traceparent == "00-trace-2"
        assert {(row.event_id, row.body)} == {(old.event_id, old.body) for old in first}

    async def test_a_repeat_without_reply_to_queues_nothing(self, journal: Journal) -> None:
        await complete(journal, new("a"))
        await publish_all(journal)
        assert await admit(journal, new("a", route=Route(None, "x"))) == [Admission.REPEATED]
        assert await outbox(journal) == []

    async def test_repeats_do_not_pile_up(self, journal: Journal) -> None:
        """One more than the reply that is still to be marked as published: it may have reached the caller before, who
        then asked again and would hear nothing."""
        await complete(journal, new("a"))
        before = await journal.backlog(NOW)
        await admit(journal, new("a"), new("a"))
        await admit(journal, new("a"))
        assert (await journal.backlog(NOW)).outbox == before.outbox + 1 == 3

    async def test_a_repeat_gets_the_outcome_and_what_came_after_it(self, journal: Journal) -> None:
        """What it came to, and the number that was found since: the sender may have missed both, but nothing before."""
        await complete(journal, new("a"))
        command = await look_up(journal, "a")
        assert await journal.settle(_confirmed(command, command.last_sequence + 1))
        await publish_all(journal)
        await admit(journal, new("a"))
        rows = await outbox(journal)
        assert [(row.copy, row.event_type) for row in rows] == [
            (Copy.REPLY, "invoice.issue.completed"),
            (Copy.REPLY, "invoice.issue.confirmed"),
        ]

    async def test_a_rejected_command_repeats_like_any_other(self, journal: Journal) -> None:
        await admit(journal, rejected("r"))
        await publish_all(journal)
        assert await admit(journal, rejected("r")) == [Admission.REPEATED]
        assert await admit(journal, rejected("r", content_hash="other")) == [Admission.REUSED]
        (row,) = await outbox(journal)
        assert row.event_type == "invoice.issue.rejected"

    async def test_a_repeat_from_another_queue_hears_how_it_stands_and_what_comes(self, journal: Journal) -> None:
        """Who lost its queue with its connection sends again from a new one, while somebody still has to scan."""
        claim = await begin(journal, new("a"))
        await submit(journal, claim)
        for sequence in (1, 2):
            told = step(claim, CommandState.SCANNING, "qr_required", expected=SUBMITTED, first=sequence)
            assert await journal.record(told)
        repeat = new("a", route=Route("elsewhere", "corr-2", "00-trace-2"))
        assert await admit(journal, repeat, repeat) == [Admission.REPEATED] * 2
        assert await admit(journal, repeat, new("a")) == [Admission.REPEATED] * 2
        assert await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=3))
        completed = await look_up(journal, "a")
        ended = frozenset({CommandState.COMPLETED})
        assert await journal.settle(settlement(completed, CommandState.COMPLETED, "confirmed", expected=ended))

        rows = await publish_all(journal)
        assert [_told(row) for row in rows if row.destination == "elsewhere"] == [
            (2, "qr_required"),
            (3, "completed"),
            (4, "confirmed"),
        ]
        assert [_told(row)[0] for row in rows if row.destination == "replies"] == [1, 2, 3, 4]
        assert [_told(row)[0] for row in rows if row.copy is Copy.TOPIC] == [1, 2, 3, 4]
        heard = {(row.correlation_id, row.traceparent) for row in rows if row.destination == "elsewhere"}
        assert heard == {("corr-2", "00-trace-2")}
        assert len({row.event_id for row in rows}) == 4

    async def test_who_sends_again_from_ever_new_queues_is_answered_at_the_newest(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        for number in range(20):
            at = NOW + number * SECOND
            await admit(journal, new("a", route=Route(f"queue-{number:02}", "c"), received_at=at))
        assert await journal.record(step(claim, CommandState.FAILED, "failed"))
        told = [row.destination for row in await outbox(journal) if row.copy is Copy.REPLY]
        assert sorted(told) == [*(f"queue-{number}" for number in range(12, 20)), "replies"]

    async def test_what_is_told_while_a_repeat_comes_is_heard_once(self, store: Store, journal: Journal) -> None:
        """Either with what it finds, or as what comes."""
        other = await store.open_with_worker("w2")
        for number in range(20):
            name = f"a{number}"
            claim = await begin(journal, new(name, lane=name))
            await submit(journal, claim)
            repeats = [new(name, lane=name, route=Route(f"elsewhere-{each}", "c")) for each in "xy"]
            end = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED)
            await asyncio.gather(admit(other, repeats[0], worker="w2"), journal.record(end), admit(journal, repeats[1]))
            rows = await publish_all(journal) + await publish_all(other, "w2")
            assert sorted(row.destination for row in rows if row.copy is Copy.REPLY) == [
                "elsewhere-x",
                "elsewhere-y",
                "replies",
            ]

    async def test_a_reused_id_changes_nothing(self, journal: Journal) -> None:
        await admit(journal, new("a"))
        before = await look_up(journal, "a")
        assert await admit(journal, new("a", content_hash="other", data=b"[]")) == [Admission.REUSED]
        assert await look_up(journal, "a") == before
        assert await outbox(journal) == []


class TestBusy:
    async def test_a_tenant_over_its_limit_is_told_so_and_nothing_is_written(self, journal: Journal) -> None:
        batch = [new(f"c{number}") for number in range(5)]
        results = await journal.admit(batch, worker="w1", waiting_max=3)
        assert list(results) == [Admission.ACCEPTED] * 3 + [Admission.BUSY] * 2
        assert await journal.find("c4") == []
        assert list(await journal.admit([batch[4]], worker="w1", waiting_max=3)) == [Admission.BUSY]

    async def test_other_tenants_are_not_concerned(self, journal: Journal) -> None:
        batch = [new("a"), new("b"), new("c", source="shop")]
        results = await journal.admit(batch, worker="w1", waiting_max=1)
        assert list(results) == [Admission.ACCEPTED, Admission.BUSY, Admission.ACCEPTED]

    async def test_a_repeat_is_a_repeat_however_busy_the_tenant(self, journal: Journal) -> None:
        await admit(journal, new("a"))
        again = [new("a"), new("a", content_hash="other")]
        results = await journal.admit(again, worker="w1", waiting_max=1)
        assert list(results) == [Admission.REPEATED, Admission.REUSED]

    async def test_what_runs_does_not_count(self, journal: Journal) -> None:
        await begin(journal, new("a"))
        assert list(await journal.admit([new("b")], worker="w1", waiting_max=1)) == [Admission.ACCEPTED]

    async def test_a_command_sent_again_later_is_new(self, journal: Journal) -> None:
        await journal.admit([new("a"), new("b")], worker="w1", waiting_max=1)
        await claim_one(journal)
        assert list(await journal.admit([new("b")], worker="w1", waiting_max=1)) == [Admission.ACCEPTED]


class TestAnswers:
    async def test_an_answer_goes_to_the_sender_and_to_the_topic(self, journal: Journal) -> None:
        answer = loose("e1", Route("replies", "corr", "00-t", "v=1"))
        await journal.answer([answer], worker="w1")
        rows = await outbox(journal)
        assert {(row.copy, row.destination) for row in rows} == {
            (Copy.REPLY, "replies"),
            (Copy.TOPIC, "invoice.issue.rejected"),
        }
        for row in rows:
            assert (row.command_key, row.command_id, row.event_id) == (0, "a", "e1")
            assert (row.body, row.correlation_id) == (answer.event.body, "corr")
            assert (row.traceparent, row.tracestate) == ("00-t", "v=1")

    async def test_the_same_answer_twice_is_queued_once(self, journal: Journal) -> None:
        answer = loose("e1", Route("replies", "corr"))
        await journal.answer([answer, answer], worker="w1")
        await journal.answer([answer], worker="w1")
        assert len(await outbox(journal)) == 2

    async def test_one_that_is_asked_for_again_while_it_is_on_its_way_goes_again(self, journal: Journal) -> None:
        """It may have reached the sender, who then sent the message again, before it is marked as published."""
        answer = loose("e1", Route("replies", "corr"))
        await journal.answer([answer], worker="w1")
        on_their_way = await outbox(journal)
        await journal.answer([answer], worker="w1")
        await journal.published([row.seq for row in on_their_way])
        again = await outbox(journal)
        assert {(row.event_id, row.destination) for row in again} == {
            ("e1", "replies"),
            ("e1", "invoice.issue.rejected"),
        }
        await journal.published([row.seq for row in again])
        assert await outbox(journal) == []

    async def test_one_that_was_set_aside_goes_again_when_it_is_asked_for_again(self, journal: Journal) -> None:
        answer = loose("e1", Route("replies", "corr"))
        await journal.answer([answer], worker="w1")
        await journal.undeliverable([row.seq for row in await outbox(journal)])
        await journal.answer([answer], worker="w1")
        assert len(await outbox(journal)) == 2
        assert await journal.undeliverable_replies() == []

    async def test_answers_do_not_wait_for_each_other(self, journal: Journal) -> None:
        route = Route("replies", "corr")
        await journal.answer([loose("e1", route), loose("e2", route)], worker="w1")
        assert len(await outbox(journal)) == 4


async def test_a_command_that_waits_must_name_its_lane(journal: Journal) -> None:
    with pytest.raises(ValueError, match="lane"):
        await admit(journal, new("a", lane=None))
    assert await journal.find("a") == []


async def test_a_batch_that_fails_leaves_nothing(journal: Journal) -> None:
    with pytest.raises(ValueError, match="lane"):
        await admit(journal, new("a"), new("b", lane=None))
    assert await journal.commands([]) == []
    assert await admit(journal, new("a")) == [Admission.ACCEPTED]


async def test_a_large_batch_is_one_transaction(journal: Journal) -> None:
    batch: list[NewCommand] = [new(f"c{number}", lane=f"u{number % 40}") for number in range(500)]
    assert await admit(journal, *batch) == [Admission.ACCEPTED] * 500
    assert await journal.ready_lanes(1000) == 40
    assert await state_of(journal, "c499") is CommandState.WAITING


def _confirmed(command: Command, sequence: int) -> Settlement:
    event = Event(sequence, f"confirmed {sequence}", "invoice.issue.confirmed", b"{}")
    made = settlement(command, CommandState.COMPLETED, expected=frozenset({CommandState.COMPLETED}))
    return replace(made, events=(event,))
