"""Lanes of one command only: commands that need no session and wait for nobody, on both stores."""

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    claim_one,
    ids,
    new,
    settlement,
    step,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import CommandState, LaneLease, own_lane

LANE = own_lane("erp", "h")


async def test_a_lane_of_one_command_is_forgotten_with_its_end(store: Store, journal: Journal) -> None:
    claim = await begin(journal, new("h", type="invoice.items", lane=LANE))
    assert claim.command.user_id is None
    await journal.record(step(claim, CommandState.COMPLETED, "completed"))
    await journal.release(claim.lease, NOW)
    assert await store.rows("SELECT lane FROM lane") == []
    await journal.release(claim.lease, NOW)
    assert await journal.held("w1") == []


async def test_other_lanes_stay(store: Store, journal: Journal) -> None:
    claim = await begin(journal, new("i"))
    await journal.record(step(claim, CommandState.FAILED, "failed"))
    await journal.release(claim.lease, NOW)
    assert await store.rows("SELECT lane FROM lane") == [("u1",)]


async def test_while_its_command_waits_for_its_time_it_stays(store: Store, journal: Journal) -> None:
    claim = await begin(journal, new("h", type="invoice.items", lane=LANE))
    await journal.record(step(claim, CommandState.WAITING, due_at=NOW + SECOND))
    await journal.release(claim.lease, NOW)
    assert await store.rows("SELECT lane FROM lane") == [(LANE,)]
    assert await journal.reap("w1", NOW + SECOND) == 1
    again = await claim_one(journal, now=NOW + SECOND)
    assert (again.command.id, again.lease.epoch) == ("h", claim.lease.epoch + 1)


async def test_a_dead_worker_leaves_it_to_the_next(store: Store, journal: Journal) -> None:
    await begin(journal, new("h", type="invoice.items", lane=LANE))
    await store.expire("w1")
    other = await store.open_with_worker("w2")
    await other.reap("w2", NOW)
    again = await claim_one(other, "w2")
    await other.record(step(again, CommandState.COMPLETED, "completed"))
    await other.release(again.lease, NOW)
    assert await store.rows("SELECT lane FROM lane") == []


async def test_one_settled_before_its_turn_leaves_no_lane(store: Store, journal: Journal) -> None:
    await admit(journal, new("h", type="invoice.items", lane=LANE, deadline_at=NOW))
    (late,) = await journal.overdue(NOW)
    expected = frozenset({CommandState.WAITING})
    assert await journal.settle(settlement(late, CommandState.FAILED, "failed", expected=expected))
    await journal.claim("w1", 10, NOW)
    assert await store.rows("SELECT lane FROM lane") == []
    assert await journal.ready_lanes(10) == 0


async def test_a_tenant_of_a_thousand_such_commands_waits_its_turn(journal: Journal) -> None:
    heavy = [
        new(f"h{number}", type="invoice.items", source="heavy", lane=own_lane("heavy", f"h{number}"))
        for number in range(300)
    ]
    await admit(journal, *heavy)
    await admit(journal, new("light", source="light", lane="light"))
    assert "light" in ids(await journal.claim("w1", 2, NOW))


async def test_the_lane_of_a_stale_holder_is_not_forgotten(store: Store, journal: Journal) -> None:
    claim = await begin(journal, new("h", type="invoice.items", lane=LANE))
    await journal.release(LaneLease(LANE, "w1", claim.lease.epoch - 1), NOW)
    assert await store.rows("SELECT lane FROM lane") == [(LANE,)]
