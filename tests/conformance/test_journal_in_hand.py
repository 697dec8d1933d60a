"""An order in the hand of its lane's holder, which has not begun it: it still waits, and its first step begins it."""

import asyncio
from typing import Any

import pytest

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    brought,
    claim_one,
    found,
    later,
    look_up,
    new,
    settlement,
    state_of,
    step,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import Claim, CommandState, LaneLease

WAITING = frozenset({CommandState.WAITING})


async def take(journal: Journal, lease: LaneLease) -> Claim:
    """The lane's next command, in hand."""
    command = await journal.next_command(lease, NOW)
    assert command is not None
    return Claim(lease, command)


async def in_hand(journal: Journal, **changes: Any) -> Claim:
    """`b`, behind a command of its lane that is over."""
    await journal.release((await begin(journal, new("a"))).lease, NOW)  # the lane's epoch is 2 from here on
    first = await claim_one(journal)
    await admit(journal, new("b", **changes))
    await journal.record(step(first, CommandState.FAILED, "failed"))
    return await take(journal, first.lease)


async def test_it_is_handed_out_as_if_it_were_begun_and_waits(journal: Journal) -> None:
    claim = await in_hand(journal, secrets={"p": "x"})
    told = (claim.command.state, claim.command.attempts, claim.command.epoch, claim.command.secrets)
    assert told == (CommandState.RUNNING, 1, claim.lease.epoch, {"p": "x"})
    kept = await look_up(journal, "b")
    assert (kept.state, kept.attempts, kept.epoch) == (CommandState.WAITING, 0, 0)


async def test_it_is_in_hand_behind_a_step_of_findings_too(journal: Journal) -> None:
    first = await begin(journal, new("q", type="invoice.query"))
    await admit(journal, new("b"))
    over = step(first, CommandState.COMPLETED, "completed", findings=brought(found("1")))
    assert (await journal.record_and_next(over))[1] is not None
    assert await state_of(journal, "b") is CommandState.WAITING


@pytest.mark.parametrize(
    ("to", "changes"),
    [
        (CommandState.SUBMITTING, {}),
        (CommandState.FAILED, {}),
        (CommandState.HELD, {}),
        (CommandState.WAITING, {"due_at": NOW + SECOND}),
        (CommandState.COMPLETED, {"findings": brought(found("1"))}),
        (CommandState.WAITING, {"due_at": NOW, "goes_last": True}),
    ],
)
async def test_its_first_step_begins_it(journal: Journal, to: CommandState, changes: dict[str, Any]) -> None:
    claim = await in_hand(journal)
    assert await journal.record(step(claim, to, **changes))
    kept = await look_up(journal, "b")
    assert (kept.attempts, kept.epoch) == (1, claim.lease.epoch)
    assert kept.state is to or to is CommandState.HELD, "no seller rests, so it is not held"


@pytest.mark.parametrize("to", [CommandState.SUBMITTING, CommandState.WAITING, CommandState.FAILED])
async def test_a_first_step_that_is_repeated_is_written_once(journal: Journal, to: CommandState) -> None:
    """Put back, it waits again: its first step must not be written over that."""
    claim = await in_hand(journal)
    answers = await asyncio.gather(*(journal.record(step(claim, to, due_at=NOW + SECOND)) for _ in range(3)))
    assert sorted(answers) == [False, False, True]
    assert not await journal.record(step(claim, CommandState.SUBMITTING))
    assert (await look_up(journal, "b")).attempts == 1


async def test_what_was_put_back_is_begun_when_it_is_taken_again(journal: Journal) -> None:
    claim = await in_hand(journal)
    assert await journal.record(step(claim, CommandState.WAITING, due_at=NOW))
    again = await take(journal, claim.lease)
    assert again.command.attempts == 2
    assert await state_of(journal, "b") is CommandState.RUNNING
    assert not await journal.record(step(claim, CommandState.SUBMITTING, expected=WAITING))
    assert await journal.record(step(again, CommandState.SUBMITTING))


async def test_it_is_submitted_under_the_lease_of_its_lane_alone(store: Store, journal: Journal) -> None:
    claim = await in_hand(journal)
    stranger = LaneLease(claim.lease.lane, "w2", claim.lease.epoch)
    elsewhere = LaneLease("u2", "w1", claim.lease.epoch)
    for lease in (later(claim.lease, 1), later(claim.lease, -1), stranger, elsewhere):
        assert not await journal.record(step(Claim(lease, claim.command), CommandState.SUBMITTING))
        assert not await journal.record(step(Claim(lease, claim.command), CommandState.FAILED, "failed"))
        assert not await journal.record(step(Claim(lease, claim.command), CommandState.HELD))
        assert await journal.count_break(claim.command, lease) == 0
    await store.expire("w1")
    assert not await journal.record(step(claim, CommandState.SUBMITTING))
    assert await state_of(journal, "b") is CommandState.WAITING


async def test_another_lane_of_this_worker_cannot_move_it(journal: Journal) -> None:
    claim = await in_hand(journal)
    other = await begin(journal, new("o", lane="u2"))
    assert not await journal.record(step(Claim(other.lease, claim.command), CommandState.SUBMITTING))
    assert not await journal.record(step(Claim(other.lease, claim.command), CommandState.FAILED, "failed"))


async def test_a_lane_that_is_given_up_hands_it_to_the_next_holder(journal: Journal) -> None:
    claim = await in_hand(journal)
    await journal.release(claim.lease, NOW)
    assert not await journal.record(step(claim, CommandState.SUBMITTING))
    again = await claim_one(journal)
    assert (again.command.id, again.command.attempts) == ("b", 1)
    assert not await journal.record(step(claim, CommandState.SUBMITTING))
    assert await journal.record(step(again, CommandState.SUBMITTING))


async def test_who_moves_it_before_its_first_step_is_quicker(journal: Journal) -> None:
    """It was over its deadline, or somebody took it back."""
    claim = await in_hand(journal)
    failed = settlement(await look_up(journal, "b"), CommandState.FAILED, "failed", expected=WAITING)
    assert await journal.settle(failed)
    assert not await journal.record(step(claim, CommandState.SUBMITTING))
    assert await journal.next_command(claim.lease, NOW) is None
    assert await state_of(journal, "b") is CommandState.FAILED


async def test_who_moves_it_behind_its_first_step_is_too_late(journal: Journal) -> None:
    claim = await in_hand(journal)
    waiting = await look_up(journal, "b")
    assert await journal.record(step(claim, CommandState.SUBMITTING))
    assert not await journal.settle(settlement(waiting, CommandState.FAILED, "failed", expected=WAITING))


async def test_it_is_handed_out_again_where_the_answer_was_lost(journal: Journal) -> None:
    claim = await in_hand(journal)
    again = await take(journal, claim.lease)
    assert again.command == claim.command
    assert await journal.record(step(claim, CommandState.SUBMITTING))
    assert await journal.next_command(claim.lease, NOW) is None


async def test_its_breaks_are_counted(journal: Journal) -> None:
    claim = await in_hand(journal)
    assert [await journal.count_break(claim.command, claim.lease) for _ in range(2)] == [1, 2]


async def test_what_cannot_be_told_from_an_unsettled_one_is_held_and_not_in_hand(journal: Journal) -> None:
    first = await begin(journal, new("a", fingerprint="f"))
    await admit(journal, new("b", fingerprint="f"), new("c"))
    await journal.record(step(first, CommandState.SUBMITTING))
    doubt = step(first, CommandState.IN_DOUBT, "in_doubt", expected=frozenset({CommandState.SUBMITTING}))
    _, following = await journal.record_and_next(doubt)
    assert following is not None
    assert following.id == "c"
    assert await state_of(journal, "b") is CommandState.HELD


async def test_an_order_before_a_query_is_begun(journal: Journal) -> None:
    """How long queries were passed over is judged as orders are begun."""
    first = await begin(journal, new("a"))
    await admit(journal, new("b"), new("q", type="invoice.query"))
    await journal.record(step(first, CommandState.FAILED, "failed"))
    assert (await take(journal, first.lease)).command.id == "b"
    assert await state_of(journal, "b") is CommandState.RUNNING
