"""The lanes of a worker and its lease: renewed in time, and never served without it."""

import asyncio

import pytest

from tests.builders import make_result
from tests.lane_fakes import After, Script
from tests.unit.lanes.playing import now
from tests.unit.lanes.scheduling import SCANS_FOR_EVER, running, stage_of, waiting
from tests.virtual_time import in_virtual_time
from worker.records import CommandState

S = CommandState


@in_virtual_time
async def test_lease_is_renewed_in_time_for_ever() -> None:
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60)
    stage.journal.add(waiting(1))

    async with running(stage) as scheduler:
        await asyncio.sleep(3600)

        assert scheduler.active == 1
        assert stage.hooks.leases_lost == 0
        assert 150 <= stage.journal.calls["renew"] <= 185


@in_virtual_time
async def test_short_outage_of_the_store_costs_no_lease() -> None:
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60)
    stage.journal.add(waiting(1))

    async with running(stage):
        await asyncio.sleep(20)
        stage.journal.down.add("*")
        await asyncio.sleep(28)
        stage.journal.down.clear()
        await asyncio.sleep(60)

        assert stage.hooks.leases_lost == 0
        assert stage.gateway.open_sessions


@pytest.mark.parametrize("hangs", [False, True], ids=["unavailable", "hanging"])
@in_virtual_time
async def test_sessions_are_closed_before_a_lease_that_cannot_be_renewed_is_over(hangs: bool) -> None:
    """The next holder may connect as soon as it is."""
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60)
    stage.journal.add(waiting(1), waiting(2))

    async with running(stage):
        await asyncio.sleep(5)
        if hangs:
            stage.journal.delays.update({"renew": 10_000, "release": 10_000, "register": 10_000})
        else:
            stage.journal.down.add("*")
        while stage.gateway.open_sessions:
            await asyncio.sleep(0.5)
        # With the first lease, or with the one renewal that still got through.
        assert now() < (stage.journal.leased_until("w-1") or 0) or hangs
        assert now() < 75


@in_virtual_time
async def test_sessions_are_closed_in_time_though_the_store_does_not_let_go_of_the_renewal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A driver that is told to give up may wait for the server's word on it, over a link that is dead."""
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60)
    stage.journal.add(waiting(1), waiting(2))

    async def renew(*_: object) -> bool:
        try:
            await asyncio.sleep(10_000)
        except asyncio.CancelledError:
            await asyncio.sleep(10)
            raise
        return True

    async with running(stage):
        await asyncio.sleep(5)
        monkeypatch.setitem(stage.journal.__dict__, "renew", renew)
        while stage.gateway.open_sessions:
            await asyncio.sleep(0.5)
        assert now() < 55


@in_virtual_time
async def test_results_that_came_while_the_store_was_away_are_written_before_lanes_are_claimed_anew() -> None:
    """Away for longer than the lease: each command would be told as in doubt, and looked for hours later, though its
    result is in hand."""
    stage = stage_of(Script(submissions=[[After(30, make_result())]]), lease_seconds=60)
    keys = range(1, 21)
    stage.journal.add(*(waiting(key) for key in keys))

    async with running(stage):
        await asyncio.sleep(20)
        stage.journal.down.add("*")
        await asyncio.sleep(600)
        stage.journal.down.clear()
        await asyncio.sleep(60)

        assert stage.hooks.leases_lost == 1
        assert {(*stage.journal.outcomes_of(key),) for key in keys} == {("completed",)}


@in_virtual_time
async def test_lost_lease_drops_all_lanes_and_registers_anew() -> None:
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60)
    stage.journal.add(waiting(1), waiting(2))

    async with running(stage) as scheduler:
        await asyncio.sleep(5)
        stage.journal.rows("DELETE FROM worker")
        await asyncio.sleep(40)

        assert stage.hooks.leases_lost == 1
        assert stage.journal.calls["register"] == 2
        assert {stage.journal.state_of(key) for key in (1, 2)} == {S.IN_DOUBT}
        assert len(stage.gateway.submissions) == 2
        assert scheduler.active == 0
        stage.journal.add(waiting(3))
        await asyncio.sleep(2)
        assert scheduler.active == 1


@in_virtual_time
async def test_process_that_was_stopped_past_its_lease_closes_its_sessions_first_of_all() -> None:
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60)
    stage.journal.add(waiting(1))

    async with running(stage):
        await asyncio.sleep(5)
        stage.clock.stopped_seconds = 300
        renewals = stage.journal.calls["renew"]
        await asyncio.sleep(1.1)

        assert not stage.gateway.open_sessions
        assert stage.journal.calls["renew"] == renewals
        assert stage.hooks.leases_lost == 1


@in_virtual_time
async def test_lane_that_waits_for_the_store_loses_its_session_but_not_its_result() -> None:
    stage = stage_of(Script(submissions=[[After(5, make_result())]]), lease_seconds=60)
    stage.journal.add(waiting(1))

    async with running(stage):
        await asyncio.sleep(4)
        stage.journal.down.add("*")
        await asyncio.sleep(100)
        assert not stage.gateway.open_sessions
        stage.journal.down.clear()
        await asyncio.sleep(5)

        assert stage.journal.state_of(1) in {S.COMPLETED, S.IN_DOUBT}
        assert len(stage.gateway.submissions) == 1
        assert stage.gateway.most_open_of_one_user == 1


@in_virtual_time
async def test_lane_that_hangs_in_the_store_loses_its_session_the_moment_the_lease_is_lost() -> None:
    stage = stage_of(Script(submissions=[[After(5, make_result())]]), lease_seconds=60)
    stage.journal.delays["record_and_next"] = 1000
    stage.journal.add(waiting(1))

    async with running(stage):
        await asyncio.sleep(6)
        stage.services.lease.is_given_up = True
        await asyncio.sleep(1.1)

        assert not stage.gateway.open_sessions


@in_virtual_time
async def test_claim_that_is_answered_after_the_lease_was_lost_is_not_begun() -> None:
    """Its lanes were given up meanwhile: another worker may be connecting already."""
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60, poll_seconds=1)

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.delays["claim"] = 20
        stage.journal.add(waiting(1))
        await asyncio.sleep(2)
        stage.services.lease.is_given_up = True
        await asyncio.sleep(2)
        del stage.journal.delays["claim"]
        stage.journal.steal("user-1")
        await asyncio.sleep(30)

        assert stage.journal.calls["register"] == 2
        assert stage.gateway.connections == 0
        assert scheduler.active == 0


@in_virtual_time
async def test_claim_that_is_answered_before_the_new_lease_is_given_back() -> None:
    """The store had the new lease already, so nobody else would ever free its lanes."""
    stage = stage_of(SCANS_FOR_EVER, lease_seconds=60, poll_seconds=1)

    async with running(stage) as scheduler:
        await asyncio.sleep(0.5)
        stage.journal.delays.update({"claim": 20, "register": 30})
        stage.journal.add(waiting(1))
        await asyncio.sleep(1)
        stage.services.lease.is_given_up = True
        del stage.journal.delays["claim"]
        scheduler._term -= 1  # it was asked for just when the lease was lost
        await asyncio.sleep(25)

        assert stage.journal.calls["release"] == 1
        assert scheduler.active == 0


@in_virtual_time
async def test_hundreds_of_lanes_of_a_lost_claim_are_given_back_together() -> None:
    """One after the other, at a store that takes half a second, nobody's order would begin for minutes."""
    stage = stage_of(poll_seconds=1, max_lanes=1000, tenant_lanes=1000)
    stage.journal.loses_answers.add("claim")
    stage.journal.delays["release"] = 0.5
    stage.journal.add(*(waiting(key) for key in range(1, 61)))

    async with running(stage):
        await asyncio.sleep(5)
        assert {stage.journal.state_of(key) for key in range(1, 61)} == {S.COMPLETED}


@in_virtual_time
async def test_lanes_of_a_claim_whose_answer_was_lost_are_given_back_and_claimed_again() -> None:
    """The lease is renewed all the while, so nobody else would ever free them."""
    stage = stage_of(poll_seconds=1)
    stage.journal.loses_answers.add("claim")
    stage.journal.add(waiting(1, "a"), waiting(2, "b"))

    async with running(stage):
        await asyncio.sleep(3)

        assert {stage.journal.state_of(key) for key in (1, 2)} == {S.COMPLETED}
        assert stage.journal.calls["held"] == 1
