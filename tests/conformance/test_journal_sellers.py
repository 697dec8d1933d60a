"""Sellers whose orders the gateway refuses in a row, on both stores: who is held, who tries, and who is freed."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tests.conformance.journal_builders import NOW, SECOND, admit, claim_one, look_up, new, state_of, step
from worker.ports import Journal
from worker.records import Claim, CommandState, NewCommand, SellerState

REST = timedelta(minutes=10)
HELD, WAITING, RUNNING = CommandState.HELD, CommandState.WAITING, CommandState.RUNNING


def order(command_id: str, **changes: Any) -> NewCommand:
    return new(command_id, **{"seller": "s", "fingerprint": command_id, **changes})


async def refuse(journal: Journal, times: int = 1, source: str = "erp", now: datetime = NOW) -> SellerState:
    state = SellerState()
    for _ in range(times):
        state = await journal.count_refusal(source, "s", now=now, threshold=3, rest=REST)
    return state


async def hold(journal: Journal, claim: Claim) -> None:
    assert await journal.record(step(claim, HELD))


async def test_a_seller_rests_from_the_third_refusal_in_a_row_on(journal: Journal) -> None:
    assert await journal.seller("erp", "s") == SellerState()
    assert [await refuse(journal) for _ in range(3)] == [SellerState(1), SellerState(2), SellerState(3, NOW + REST)]
    assert await journal.seller("erp", "s") == SellerState(3, NOW + REST)
    assert (await journal.backlog(NOW)).resting_sellers == 1
    assert (await journal.backlog(NOW + REST)).resting_sellers == 0


async def test_what_another_tenant_is_refused_counts_for_that_one_alone(journal: Journal) -> None:
    await refuse(journal, 3, source="shop")
    assert await journal.seller("erp", "s") == SellerState()


async def test_refusals_at_the_same_time_are_all_counted(journal: Journal) -> None:
    await asyncio.gather(*(refuse(journal) for _ in range(8)))
    assert (await journal.seller("erp", "s")).refusals == 8


async def test_a_held_order_is_no_head_of_its_lane_and_what_comes_behind_goes_on(journal: Journal) -> None:
    await refuse(journal, 3)
    await admit(journal, order("a"), order("b", seller="other"))
    written, following = await journal.record_and_next(step(await claim_one(journal), HELD))
    assert written
    assert following is not None
    assert following.id == "b"
    assert await state_of(journal, "a") is HELD


async def test_an_order_is_not_held_for_a_seller_that_rests_no_more(journal: Journal) -> None:
    """The rest ended between the look at it and the step: nobody would free the order."""
    await admit(journal, order("a"))
    claim = await claim_one(journal)
    await hold(journal, claim)
    assert await state_of(journal, "a") is WAITING


async def test_the_oldest_order_tries_when_the_rest_is_over_and_the_others_rest_once_more(journal: Journal) -> None:
    await refuse(journal, 3)
    for number in range(3):
        await admit(journal, order(f"o{number}", lane=f"u{number}"))
        await hold(journal, await claim_one(journal))
    assert await journal.end_rests(NOW + REST - SECOND, REST) == 0

    assert await journal.end_rests(NOW + REST, REST) == 1
    assert await journal.end_rests(NOW + REST, REST) == 0

    assert [await state_of(journal, f"o{number}") for number in range(3)] == [WAITING, HELD, HELD]
    state = await journal.seller("erp", "s")
    first = await look_up(journal, "o0")
    assert state == SellerState(3, NOW + REST + REST, first.key)
    assert not state.holds(first.key)
    assert state.holds(first.key + 1)


async def test_a_rest_that_is_over_and_holds_nobody_ends_so_that_others_behind_it_are_seen(journal: Journal) -> None:
    for number in range(3):
        await journal.count_refusal("erp", f"idle {number}", now=NOW - SECOND, threshold=1, rest=REST)
    await refuse(journal, 3)
    await admit(journal, order("a"))
    await hold(journal, await claim_one(journal))

    tried = [await journal.end_rests(NOW + REST, REST, limit=2) for _ in range(2)]

    assert tried == [0, 1]
    assert await journal.seller("erp", "idle 0") == SellerState(1)
    assert await journal.count_refusal("erp", "idle 0", now=NOW, threshold=1, rest=REST) == SellerState(2, NOW + REST)


async def test_a_refused_try_begins_the_next_rest(journal: Journal) -> None:
    await refuse(journal, 3)
    await admit(journal, order("a"))
    await hold(journal, await claim_one(journal))
    await journal.end_rests(NOW + REST, REST)
    later = NOW + REST + SECOND
    assert await refuse(journal, now=later) == SellerState(4, later + REST)


async def test_the_first_that_is_issued_frees_all_and_their_lanes_are_claimed(journal: Journal) -> None:
    await refuse(journal, 3)
    await refuse(journal, 3, source="shop")
    for number, source in enumerate(["erp", "erp", "shop"]):
        await admit(journal, order(f"o{number}", lane=f"u{number}", source=source))
        claim = await claim_one(journal)
        await hold(journal, claim)
        await journal.release(claim.lease, NOW)
    assert await journal.claim("w1", 10, NOW) == []

    await journal.forget_refusals("erp", "s", NOW)

    assert await journal.seller("erp", "s") == SellerState()
    assert {claim.command.id for claim in await journal.claim("w1", 10, NOW)} == {"o0", "o1"}
    (other,) = await journal.find("o2")
    assert other.state is HELD


async def test_one_that_could_not_be_told_from_a_doubt_is_not_the_one_that_tries(journal: Journal) -> None:
    await refuse(journal, 3)
    await admit(journal, order("doubt", fingerprint="alike"))
    claim = await claim_one(journal)
    await journal.record(step(claim, CommandState.SUBMITTING))
    await journal.record(step(claim, CommandState.IN_DOUBT, expected=frozenset({CommandState.SUBMITTING})))
    await admit(journal, order("twin", fingerprint="alike"), order("other"))
    second = await journal.next_command(claim.lease, NOW)
    assert second is not None
    assert second.id == "other"
    await hold(journal, Claim(claim.lease, second))

    await journal.end_rests(NOW + REST, REST)

    assert [await state_of(journal, name) for name in ("twin", "other")] == [HELD, WAITING]


async def test_a_held_order_meets_its_deadline(journal: Journal) -> None:
    await refuse(journal, 3)
    await admit(journal, order("a", deadline_at=NOW + SECOND))
    await hold(journal, await claim_one(journal))
    assert [command.id for command in await journal.overdue(NOW + SECOND)] == ["a"]
