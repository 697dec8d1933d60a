"""Leases of workers: renewed, run out, taken over, on both stores."""

import asyncio
from datetime import timedelta

from tests.conformance.journal_builders import (
    NOW,
    admit,
    begin,
    claim_one,
    look_up,
    new,
    state_of,
    step,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import CommandState

SHORT = timedelta(seconds=0.2)


class TestLeases:
    async def test_a_lease_is_renewed_while_it_runs(self, store: Store) -> None:
        lease = timedelta(seconds=4)
        journal = await store.open_with_worker("w1", lease)
        for _ in range(5):
            await asyncio.sleep(1)
            assert await journal.renew("w1", lease)

    async def test_a_lease_that_ran_out_cannot_be_renewed(self, store: Store) -> None:
        journal = await store.open_with_worker("w1", SHORT)
        await asyncio.sleep(0.3)
        assert not await journal.renew("w1", SHORT)

    async def test_a_worker_nobody_knows_cannot_renew(self, journal: Journal) -> None:
        assert not await journal.renew("stranger", SHORT)

    async def test_the_lanes_of_a_dead_worker_go_to_another(self, store: Store) -> None:
        dead = await store.open_with_worker("dead")
        claim = await begin(dead, new("a"), worker="dead")
        alive = await store.open_with_worker("alive")
        assert await alive.reap("alive", NOW) == 0
        await store.expire("dead")
        assert await alive.reap("alive", NOW) >= 1
        again = await claim_one(alive, "alive")
        assert (again.command.id, again.command.state) == ("a", CommandState.RUNNING)
        assert again.lease.epoch == claim.lease.epoch + 1
        assert not await dead.renew("dead", SHORT)

    async def test_what_the_dead_worker_writes_afterwards_is_fenced(self, store: Store) -> None:
        dead = await store.open_with_worker("dead")
        claim = await begin(dead, new("a"), worker="dead")
        alive = await store.open_with_worker("alive")
        await store.expire("dead")
        await alive.reap("alive", NOW)
        again = await claim_one(alive, "alive")
        assert not await dead.record(step(claim, CommandState.FAILED, "failed"))
        assert await state_of(alive, "a") is CommandState.RUNNING
        assert await alive.events_of(claim.command.key) == []
        assert await alive.record(step(again, CommandState.FAILED, "failed"))

    async def test_nothing_is_submitted_once_the_lease_has_run_out(self, store: Store) -> None:
        """Even if nobody has noticed yet."""
        journal = await store.open_with_worker("w1")
        claim = await begin(journal, new("a"))
        await store.expire("w1")
        assert not await journal.record(step(claim, CommandState.SUBMITTING))
        assert (await look_up(journal, "a")).submitted_at is None

    async def test_nothing_is_submitted_once_the_lane_is_given_up(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.release(claim.lease, NOW)
        assert not await journal.record(step(claim, CommandState.SUBMITTING))

    async def test_a_worker_that_retires_leaves_its_lanes_at_once(self, store: Store) -> None:
        leaving = await store.open_with_worker("leaving")
        await begin(leaving, new("a"), worker="leaving")
        await leaving.retire("leaving")
        assert not await leaving.renew("leaving", SHORT)
        staying = await store.open_with_worker("staying")
        assert (await claim_one(staying, "staying")).command.id == "a"

    async def test_registering_again_leaves_what_was_held(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.register("w1", timedelta(seconds=60))
        assert not await journal.record(step(claim, CommandState.SUBMITTING))
        assert (await claim_one(journal)).lease.epoch == claim.lease.epoch + 1

    async def test_reaping_stops_at_its_limit(self, store: Store) -> None:
        dead = await store.open_with_worker("dead")
        await admit(dead, *(new(f"c{number}", lane=f"u{number}") for number in range(10)), worker="dead")
        assert len(await dead.claim("dead", 10, NOW)) == 10
        alive = await store.open_with_worker("alive")
        await store.expire("dead")
        assert await alive.reap("alive", NOW, limit=4) == 4
        assert await alive.ready_lanes(100) == 4
        assert await alive.reap("alive", NOW, limit=100) == 6
