"""What many lanes ask at once: each keeps its own promises, whatever becomes of the others."""

import asyncio
from dataclasses import replace

import pytest

from tests.conformance.journal_builders import (
    NOW,
    RUNNING,
    SECOND,
    admit,
    later,
    new,
    outbox,
    state_of,
    step,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import SUBMITTED, Claim, CommandState, Copy, Event

LANES = 30


async def claim_many(journal: Journal, count: int = LANES, each: int = 1) -> list[Claim]:
    """So many lanes with as many commands each; the first of each begun."""
    await admit(journal, *(new(f"{turn}-{lane}", lane=f"u{lane}") for turn in range(each) for lane in range(count)))
    claims = list(await journal.claim("w1", count, NOW))
    assert len(claims) == count
    return claims


async def test_all_steps_of_a_moment_are_written_with_their_events_in_order(journal: Journal) -> None:
    claims = await claim_many(journal)
    moves = [step(claim, CommandState.FAILED, "qr_required", "failed") for claim in claims]
    assert await asyncio.gather(*map(journal.record, moves)) == [True] * LANES
    rows = await outbox(journal, limit=1000)
    for claim in claims:
        for copy in Copy:
            told = [row for row in rows if row.command_key == claim.command.key and row.copy is copy]
            assert [row.event_type.rpartition(".")[2] for row in told] == ["qr_required", "failed"]
        assert await state_of(journal, claim.command.id) is CommandState.FAILED


async def test_each_lane_gets_its_own_next_command(journal: Journal) -> None:
    claims = await claim_many(journal, each=2)
    moves = [step(claim, CommandState.FAILED, "failed") for claim in claims]
    answers = await asyncio.gather(*map(journal.record_and_next, moves))
    for claim, (is_written, following) in zip(claims, answers, strict=True):
        assert is_written
        assert following is not None
        assert (following.id, following.lane) == (claim.command.id.replace("0-", "1-"), claim.lease.lane)
        assert (following.state, following.epoch) == (CommandState.RUNNING, claim.lease.epoch)


async def test_one_that_is_fenced_is_refused_and_the_others_are_written(journal: Journal) -> None:
    claims = await claim_many(journal, each=2)
    moves = [step(claim, CommandState.FAILED, "failed") for claim in claims]
    moves[7] = replace(moves[7], lease=later(moves[7].lease, -1))
    answers = await asyncio.gather(*map(journal.record_and_next, moves))
    assert answers[7] == (False, None)
    assert await state_of(journal, claims[7].command.id) is CommandState.RUNNING
    assert all(is_written and following for number, (is_written, following) in enumerate(answers) if number != 7)


async def test_one_that_fails_takes_no_other_with_it(store: Store, journal: Journal) -> None:
    """An event that no table takes, whatever the reason."""
    claims = await claim_many(journal)
    taken = await journal.record(step(claims[0], CommandState.FAILED, "failed"))
    assert taken
    moves = [step(claim, CommandState.SUBMITTING) for claim in claims[1:]]
    bad = Event(1, None, "invoice.issue.failed", b"{}")  # type: ignore[arg-type]
    moves[4] = replace(moves[4], to=CommandState.FAILED, events=(bad,))
    answers = await asyncio.gather(*map(journal.record, moves), return_exceptions=True)
    assert isinstance(answers[4], Exception)
    assert [answer for number, answer in enumerate(answers) if number != 4] == [True] * (LANES - 2)
    assert await state_of(journal, moves[4].command.id) is CommandState.RUNNING
    submitted = [await state_of(journal, move.command.id) for number, move in enumerate(moves) if number != 4]
    assert submitted == [CommandState.SUBMITTING] * (LANES - 2)
    assert all(row.command_key != moves[4].command.key for row in await outbox(journal, limit=1000))


async def test_one_that_is_repeated_at_once_is_written_once(journal: Journal) -> None:
    claims = await claim_many(journal)
    moves = [step(claim, CommandState.SUBMITTING) for claim in claims]
    answers = await asyncio.gather(*(journal.record(move) for move in moves for _ in range(3)))
    for number in range(LANES):
        assert sorted(answers[3 * number : 3 * number + 3]) == [False, False, True]


async def test_a_submission_whose_lease_ran_out_is_refused_and_other_steps_are_not(
    store: Store, journal: Journal
) -> None:
    """The lease is asked for a submission only: what is known of an invoice must be written whatever happened since."""
    claims = await claim_many(journal)
    half = LANES // 2
    assert await asyncio.gather(*(journal.record(step(c, CommandState.SUBMITTING)) for c in claims[:half]))
    await store.expire("w1")
    moves = [step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED) for claim in claims[:half]]
    moves += [step(claim, CommandState.SUBMITTING) for claim in claims[half:]]
    answers = await asyncio.gather(*map(journal.record, moves))
    assert answers == [True] * half + [False] * (LANES - half)


async def test_lanes_are_looked_at_given_up_and_moved_beside_each_other(journal: Journal) -> None:
    claims = await claim_many(journal, count=9, each=2)
    for claim in claims[:6]:
        assert await journal.record(step(claim, CommandState.FAILED, "failed", expected=RUNNING))
    looks = [journal.next_command(claim.lease, NOW) for claim in claims[:3]]
    leaves = [journal.release(claim.lease, NOW) for claim in claims[3:6]]
    moves = [journal.record_and_next(step(claim, CommandState.FAILED, "failed")) for claim in claims[6:]]
    found, _, moved = await asyncio.gather(asyncio.gather(*looks), asyncio.gather(*leaves), asyncio.gather(*moves))
    assert [command.lane for command in found if command is not None] == [claim.lease.lane for claim in claims[:3]]
    assert [command.lane for _, command in moved if command] == [claim.lease.lane for claim in claims[6:]]
    assert {lease.lane for lease in await journal.held("w1")} == {c.lease.lane for c in [*claims[:3], *claims[6:]]}
    again = await journal.claim("w1", 10, NOW)
    assert {claim.lease.lane for claim in again} == {claim.lease.lane for claim in claims[3:6]}


async def test_a_lane_where_something_runs_gets_nothing_more(journal: Journal) -> None:
    claims = await claim_many(journal, each=2)
    looks = await asyncio.gather(*(journal.next_command(claim.lease, NOW) for claim in claims))
    assert looks == [None] * LANES


async def test_what_is_not_due_is_left_for_its_time(journal: Journal) -> None:
    claims = await claim_many(journal)
    moves = [step(c, CommandState.WAITING, due_at=NOW + SECOND * (number % 2)) for number, c in enumerate(claims)]
    answers = await asyncio.gather(*map(journal.record_and_next, moves))
    for number, (is_written, following) in enumerate(answers):
        assert is_written
        assert (following is None) == bool(number % 2)


@pytest.mark.parametrize("store", ["postgres"], indirect=True)  # an SQLite file is one process's own
async def test_two_workers_move_their_lanes_beside_each_other(store: Store) -> None:
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    await admit(first, *(new(f"{turn}-{lane}", lane=f"u{lane}") for turn in range(4) for lane in range(40)))
    journals = {"w1": first, "w2": second}
    claims = [claim for worker, journal in journals.items() for claim in await journal.claim(worker, 20, NOW)]

    async def serve(claim: Claim) -> list[str]:
        journal, done = journals[claim.lease.worker], [claim.command.id]
        while True:
            is_written, following = await journal.record_and_next(step(claim, CommandState.FAILED, "failed"))
            assert is_written
            if following is None:
                break
            done.append(following.id)
            claim = Claim(claim.lease, following)
        await journal.release(claim.lease, NOW)
        return done

    served = await asyncio.gather(*map(serve, claims))
    assert [len(done) for done in served] == [4] * 40
    assert len({command_id for done in served for command_id in done}) == 160
