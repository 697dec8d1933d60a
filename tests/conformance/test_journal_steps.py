"""Steps, settlements, doubt, followers, accounts and strays, on both stores."""

import asyncio

import pytest

from tests.conformance.journal_builders import (
    IN_DOUBT,
    NOW,
    SECOND,
    admit,
    begin,
    claim_one,
    complete,
    ids,
    look_up,
    new,
    outbox,
    publish_all,
    put_in_doubt,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.errors import NotResolvable
from worker.ports import Journal
from worker.records import SUBMITTED, Claim, CommandState, Copy, Route

WAITING = frozenset({CommandState.WAITING})


class TestSteps:
    async def test_a_step_writes_state_and_events_together(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await submit(journal, claim)
        submitting = frozenset({CommandState.SUBMITTING})
        moved = step(claim, CommandState.SCANNING, "qr_required", expected=submitting)
        assert await journal.record(moved)

        assert await state_of(journal, "a") is CommandState.SCANNING
        assert (await look_up(journal, "a")).last_sequence == 1
        (kept,) = await journal.events_of(claim.command.key)
        assert kept.event == moved.events[0]
        assert kept.created_at == NOW
        assert kept.pending == (Copy.REPLY, Copy.TOPIC)
        assert not kept.undeliverable

    async def test_submitting_notes_when(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await submit(journal, claim)
        assert (await look_up(journal, "a")).submitted_at == NOW
        later = NOW + 5 * SECOND
        await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, at=later))
        command = await look_up(journal, "a")
        assert (command.submitted_at, command.settled_at) == (NOW, later)

    async def test_a_step_from_another_state_writes_nothing(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        assert not await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED))
        assert await state_of(journal, "a") is CommandState.RUNNING
        assert await journal.events_of(claim.command.key) == []
        assert await outbox(journal) == []

    async def test_no_command_is_submitted_twice(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        results = await asyncio.gather(
            *(journal.record(step(claim, CommandState.SUBMITTING)) for _ in range(5)),
        )
        assert results.count(True) == 1

    async def test_a_final_command_is_final(self, journal: Journal) -> None:
        claim = await complete(journal, new("a"))
        assert not await journal.record(step(claim, CommandState.FAILED, "failed", first=2))
        assert await state_of(journal, "a") is CommandState.COMPLETED

    async def test_without_reply_to_there_is_only_the_topic(self, journal: Journal) -> None:
        claim = await begin(journal, new("a", route=Route(None, "corr")))
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        assert [row.copy for row in await outbox(journal)] == [Copy.TOPIC]

    async def test_several_events_of_one_step_keep_their_sequence(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.record(step(claim, CommandState.FAILED, "qr_required", "failed"))
        published = [row.event_type for row in await publish_all(journal) if row.copy is Copy.REPLY]
        assert published == ["invoice.issue.qr_required", "invoice.issue.failed"]
        assert (await look_up(journal, "a")).last_sequence == 2

    async def test_back_to_waiting_keeps_the_epoch_and_counts_the_next_attempt(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        assert await journal.record(step(claim, CommandState.WAITING, due_at=NOW + SECOND))
        assert (await look_up(journal, "a")).epoch == claim.lease.epoch
        following = await journal.next_command(claim.lease, NOW + SECOND)
        assert following is not None
        assert following.attempts == 2

    async def test_a_step_whose_answer_was_lost_is_not_written_again(self, journal: Journal) -> None:
        """A page leaves its command `running`, so the state alone does not show that it is written."""
        claim = await begin(journal, new("a"))
        page = step(claim, CommandState.RUNNING, "page", "page", expected=frozenset({CommandState.RUNNING}))
        assert await journal.record(page)
        assert not await journal.record(page)
        assert not (await journal.record_and_next(page))[0]
        assert [kept.event.sequence for kept in await journal.events_of(claim.command.key)] == [1, 2]
        assert len(await publish_all(journal)) == 4

    async def test_no_step_is_written_behind_an_event_that_is_there(self, journal: Journal) -> None:
        """Whatever it leads to."""
        claim = await begin(journal, new("a"))
        assert await journal.record(step(claim, CommandState.RUNNING, "page"))
        for to in (CommandState.RUNNING, CommandState.SUBMITTING, CommandState.FAILED):
            assert not await journal.record(step(claim, to, "page"))
        assert await journal.record(step(claim, CommandState.SUBMITTING, "page", first=2))

    async def test_a_cancelled_call_does_all_or_nothing(self, journal: Journal) -> None:
        """And the journal goes on."""
        for number in range(30):
            claim = await begin(journal, new(f"c{number}", lane=f"u{number}"))
            call = asyncio.ensure_future(journal.record(step(claim, CommandState.FAILED, "failed")))
            await asyncio.sleep(0 if number % 2 else 0.0002 * number)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            state = await state_of(journal, f"c{number}")
            events = await journal.events_of(claim.command.key)
            assert (state, len(events)) in {(CommandState.RUNNING, 0), (CommandState.FAILED, 1)}


class TestDoubt:
    async def test_the_lane_goes_on(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("b", fingerprint="g"))
        following = await journal.next_command(claim.lease, NOW)
        assert following is not None
        assert following.id == "b"

    async def test_a_twin_is_held_and_passed_over(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("twin", fingerprint="f"), new("b", fingerprint="g"))
        following = await journal.next_command(claim.lease, NOW)
        assert following is not None
        assert following.id == "b"
        assert await state_of(journal, "twin") is CommandState.HELD

    async def test_at_claim_too(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("twin", fingerprint="f"), new("b", fingerprint="g"))
        await journal.release(claim.lease, NOW)
        assert ids(await journal.claim("w1", 10, NOW)) == ["b"]

    async def test_a_lane_of_twins_alone_is_idle(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, *(new(f"twin{number}", fingerprint="f") for number in range(120)))
        await journal.release(claim.lease, NOW)
        assert await journal.claim("w1", 10, NOW) == []
        assert await journal.ready_lanes(10) == 0
        assert (await journal.backlog(NOW)).held == 120

    async def test_on_another_lane_it_is_no_twin(self, journal: Journal) -> None:
        await put_in_doubt(journal, new("a", fingerprint="f"))
        assert (await begin(journal, new("b", fingerprint="f", lane="u2"))).command.id == "b"

    async def test_commands_without_a_fingerprint_have_no_twin(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a"))
        await admit(journal, new("b"))
        assert await journal.next_command(claim.lease, NOW) is not None

    async def test_settling_frees_the_twins(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("twin", fingerprint="f"))
        await journal.release(claim.lease, NOW)
        assert await journal.claim("w1", 10, NOW) == []
        doubtful = await look_up(journal, "a")
        assert await journal.settle(settlement(doubtful, CommandState.FAILED, "failed"))
        assert (await claim_one(journal)).command.id == "twin"

    async def test_settling_under_a_held_lane_makes_it_wanted(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("twin", fingerprint="f"))
        assert await journal.next_command(claim.lease, NOW) is None
        assert await journal.wanted("w1") == []
        await journal.settle(settlement(await look_up(journal, "a"), CommandState.FAILED, "failed"))
        assert await journal.wanted("w1") == ["u1"]
        following = await journal.next_command(claim.lease, NOW)
        assert following is not None
        assert following.id == "twin"

    async def test_a_step_out_of_doubt_frees_them_too(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("twin", fingerprint="f"))
        assert await journal.next_command(claim.lease, NOW) is None
        moved = step(claim, CommandState.COMPLETED, "completed", expected=IN_DOUBT, first=2)
        recorded, following = await journal.record_and_next(moved)
        assert recorded
        assert following is not None
        assert following.id == "twin"

    async def test_still_in_doubt_frees_nobody(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("twin", fingerprint="f"))
        assert await journal.next_command(claim.lease, NOW) is None
        assert await journal.record(step(claim, CommandState.IN_DOUBT, "in_doubt", expected=IN_DOUBT, first=2))
        assert await state_of(journal, "twin") is CommandState.HELD

    async def test_a_freed_twin_waits_for_the_next_one_in_doubt(self, journal: Journal) -> None:
        first = await put_in_doubt(journal, new("a", fingerprint="f"))
        await admit(journal, new("b", fingerprint="f"), new("c", fingerprint="f"))
        assert await journal.next_command(first.lease, NOW) is None
        await journal.settle(settlement(await look_up(journal, "a"), CommandState.FAILED, "failed"))
        command = await journal.next_command(first.lease, NOW)
        assert command is not None
        assert command.id == "b"
        second = Claim(first.lease, command)
        await submit(journal, second)
        moved = step(second, CommandState.IN_DOUBT, "in_doubt", expected=SUBMITTED)
        assert await journal.record_and_next(moved) == (True, None)
        assert await state_of(journal, "c") is CommandState.HELD


class TestSettlements:
    async def test_a_settlement_binds_the_invoice_number(self, journal: Journal) -> None:
        await put_in_doubt(journal, new("a"))
        command = await look_up(journal, "a")
        moved = settlement(command, CommandState.COMPLETED, "completed", invoice_number="2512000000012345")
        assert await journal.settle(moved)
        settled = await look_up(journal, "a")
        assert settled.state is CommandState.COMPLETED
        assert settled.invoice_number == "2512000000012345"
        assert settled.settled_at == NOW
        assert settled.last_sequence == 2
        assert [record.event.type for record in await journal.events_of(command.key)] == [
            "invoice.issue.in_doubt",
            "invoice.issue.completed",
        ]

    async def test_a_number_belongs_to_one_command_for_ever(self, journal: Journal) -> None:
        for name in "ab":
            await put_in_doubt(journal, new(name, lane=name))
        first, second = await look_up(journal, "a"), await look_up(journal, "b")
        assert await journal.settle(settlement(first, CommandState.COMPLETED, "completed", invoice_number="1"))
        with pytest.raises(NotResolvable):
            await journal.settle(settlement(second, CommandState.COMPLETED, "completed", invoice_number="1"))
        assert await state_of(journal, "b") is CommandState.IN_DOUBT
        assert len(await journal.events_of(second.key)) == 1
        assert await journal.settle(settlement(second, CommandState.COMPLETED, "completed", invoice_number="2"))

    async def test_a_settlement_from_another_state_writes_nothing(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        assert not await journal.settle(settlement(claim.command, CommandState.FAILED, "failed"))
        assert await state_of(journal, "a") is CommandState.RUNNING
        assert await outbox(journal) == []

    async def test_two_settlements_at_once_are_one(self, journal: Journal) -> None:
        await put_in_doubt(journal, new("a"))
        command = await look_up(journal, "a")
        moved = settlement(command, CommandState.FAILED, "failed")
        assert sorted(await asyncio.gather(journal.settle(moved), journal.settle(moved))) == [False, True]
        assert len(await journal.events_of(command.key)) == 2

    async def test_overdue_are_those_that_wait_or_are_held_past_their_deadline(self, journal: Journal) -> None:
        soon = NOW + SECOND
        doubtful = await put_in_doubt(journal, new("doubt", fingerprint="f", deadline_at=soon))
        await admit(journal, new("twin", fingerprint="f", deadline_at=soon))
        assert await journal.next_command(doubtful.lease, NOW) is None
        await admit(
            journal,
            new("late", deadline_at=NOW, secrets={"p": "x"}),
            new("in time", deadline_at=soon + SECOND),
            new("no deadline"),
        )
        assert {command.id for command in await journal.overdue(NOW - SECOND)} == set()
        assert [command.id for command in await journal.overdue(soon)] == ["late", "twin"]
        assert [command.id for command in await journal.overdue(soon, limit=1)] == ["late"]

    async def test_an_overdue_command_is_settled_and_runs_no_more(self, journal: Journal) -> None:
        await admit(journal, new("a", deadline_at=NOW), new("b"))
        (late,) = await journal.overdue(NOW)
        expected = frozenset({CommandState.WAITING, CommandState.HELD})
        assert await journal.settle(settlement(late, CommandState.FAILED, "failed", expected=expected))
        assert await journal.overdue(NOW) == []
        assert (await claim_one(journal)).command.id == "b"


async def test_strays_are_kept_for_a_person(store: Store, journal: Journal) -> None:
    claim = await begin(journal, new("a"))
    await journal.keep_stray("u1", claim.command.key, "fits_nothing", '{"购":1}'.encode(), NOW)
    await journal.keep_stray("u1", None, "late", b"{}", NOW)
    rows = await store.rows("SELECT lane, command_key, reason, body FROM stray ORDER BY id")
    assert [(lane, key, reason, bytes(body)) for lane, key, reason, body in rows] == [
        ("u1", claim.command.key, "fits_nothing", '{"购":1}'.encode()),
        ("u1", None, "late", b"{}"),
    ]
