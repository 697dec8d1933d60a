"""Who follows an order while others write, on a server: nobody who follows misses a move of the first."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.conformance.journal_builders import (
    NOW,
    admit,
    begin,
    look_up,
    new,
    settlement,
    step,
    submit,
)
from tests.conformance.journal_locks import locked, until_held_up
from tests.conformance.journal_stores import PostgresStore
from worker.journal.postgres import pool, steps
from worker.ports import Journal
from worker.records import SUBMITTED, Admission, CommandState, Following, Heard, NewCommand, Settlement


@pytest.fixture
async def store(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresStore]:
    monkeypatch.setitem(pool._SESSION, "lock_timeout", "0")  # the machine may be slow
    store = PostgresStore(postgres_url)
    yield store
    await store.close()


def order(command_id: str) -> NewCommand:
    """A command of the order SO-1 on a lane of its own."""
    return new(command_id, seller="s", order_no="SO-1", lane=f"u-{command_id}")


async def test_a_follower_that_another_worker_tells_of_while_it_is_read_is_told_once(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has heard is of one moment with how it stands: else both workers could tell it the end."""
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    claim = await begin(first, order("a"))
    await admit(first, order("b"))
    await submit(first, claim)
    assert await first.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED))
    (following,) = await first.followers()
    read = steps._following

    async def read_late(*given: Any) -> Following:
        assert await first.settle(ending(following))
        return await read(*given)

    monkeypatch.setattr(steps, "_following", read_late)
    (late,) = await second.followers()

    assert not await second.settle(ending(late))
    assert (await look_up(first, "b")).last_sequence == 1


def ending(following: Following) -> Settlement:
    """Tell it the end that the first has come to."""
    state, heard = following.follower.state, Heard(following.nudges, following.events[-1].sequence, is_over=False)
    return settlement(following.follower, CommandState.COMPLETED, "completed", expected=frozenset({state}), heard=heard)


@pytest.mark.parametrize("held_up_at", ["before", "first", "later"])
@pytest.mark.parametrize("is_new", [True, False], ids=["comes", "turns to another first"])
async def test_who_begins_to_follow_while_the_first_moves_hears_of_the_move(
    store: PostgresStore, held_up_at: str, is_new: bool
) -> None:
    """The move waits for a row in any place of its batch; it began before there was anybody to tell. Whoever follows
    looks as soon as it can, and then again only when told to."""
    journal = await store.open_with_worker("w1")
    if not is_new:
        former = await begin(journal, order("former"))
        await admit(journal, order("follower"))
        assert await journal.record(step(former, CommandState.FAILED, "failed"))
        await journal.release(former.lease, NOW)
    await admit(journal, new("before", lane="before"), order("first"), new("later", lane="later"))
    claims = {claim.command.id: claim for claim in await journal.claim("w1", 10, NOW)}
    assert set(claims) == {"before", "first", "later"}

    async with locked(store.url, claims[held_up_at].command.key) as someone:
        moving = asyncio.gather(*(journal.record(step(claim, CommandState.SUBMITTING)) for claim in claims.values()))
        await until_held_up(someone)
        coming = asyncio.create_task(admit(journal, order("follower")) if is_new else look(journal))
        await asyncio.wait([coming], timeout=1)
        if coming.done():
            await look(journal)
    assert await moving == [True] * 3
    await coming

    (following,) = await journal.followers()
    assert (following.follower.id, following.first.id) == ("follower", "first")
    assert following.first.submitted_at is not None


async def look(journal: Journal) -> None:
    """Let each that follows do what it must: turn to who has the number now, or know that nothing is new."""
    for following in await journal.followers():
        if following.first.state is CommandState.FAILED:
            assert await journal.succeed(following, NOW)
        else:
            await journal.heed(following, is_over=False)


@pytest.mark.parametrize("is_plain", [True, False], ids=["plain", "beside a repeat"])
@pytest.mark.parametrize("had_work", [True, False], ids=["a lane that had work", "a new lane"])
async def test_a_number_is_taken_over_while_a_command_that_names_it_comes_on_the_same_lane(
    store: PostgresStore, had_work: bool, is_plain: bool
) -> None:
    """Both lock the lane before they take the number: neither waits for what the other has."""
    first, second = await store.open_with_worker("w1"), await store.open_with_worker("w2")
    if had_work:
        before = await begin(first, new("before", lane="u-b"))
        assert await first.record(step(before, CommandState.FAILED, "failed"))
        await first.release(before.lease, NOW)
    ended = await begin(first, order("a"))
    await admit(first, order("b"))
    assert await first.record(step(ended, CommandState.FAILED, "failed"))
    (following,) = await first.followers()
    newcomer = new("c", seller="s", order_no="SO-1", lane="u-b")

    with capture_logs() as lines:
        async with locked(store.url, following.follower.key) as someone:
            taking = asyncio.create_task(first.succeed(following, NOW))
            await until_held_up(someone)
            coming = asyncio.create_task(admit(second, newcomer, *([] if is_plain else [order("a")]), worker="w2"))
            await until_held_up(someone, 2)
        assert await taking
        assert await coming == [Admission.FOLLOWING, *([] if is_plain else [Admission.REPEATED])]

    assert [line for line in lines if line["event"] == "journal_transaction_repeated"] == []
    (behind,) = await first.followers()
    assert (behind.follower.id, behind.first.id) == ("c", "b")
