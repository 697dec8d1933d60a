"""All lanes of a worker: claimed within limits, dropped with the lease, handed over at the end."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import make_result
from tests.lane_fakes import After, Script, Stage
from tests.lane_store import HeldLane
from tests.unit.lanes.playing import now
from tests.unit.lanes.scheduling import ISSUES, SCANS_FOR_EVER, running, stage_of, waiting
from tests.virtual_time import in_virtual_time
from worker.errors import Unreachable
from worker.lanes.housekeeping import Housekeeping
from worker.lanes.scheduler import CLAIM_BATCH, CLAIM_BATCH_MAX
from worker.records import Command, CommandState

S = CommandState


# ---- claiming ------------------------------------------------------------------------------------------


@in_virtual_time
async def test_lanes_run_side_by_side_up_to_the_limit() -> None:
    stage = stage_of(SCANS_FOR_EVER, max_lanes=100, tenant_lanes=100)
    stage.journal.add(*(waiting(key) for key in range(150)))

    async with running(stage) as scheduler:
        await asyncio.sleep(3)

        assert scheduler.active == 100
        assert len(stage.gateway.open_sessions) == 100
        assert stage.hooks.lanes_told == (100, 100)
        assert stage.services.is_contended


@in_virtual_time
async def test_thousand_parked_scans_cost_nobody_else_anything() -> None:
    stage = stage_of(SCANS_FOR_EVER, max_lanes=1001, tenant_lanes=1001)
    stage.journal.add(*(waiting(key) for key in range(1000)))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        assert scheduler.active == 1000
        stage.gateway.scripts.append(ISSUES)
        stage.journal.add(waiting(5000))
        scheduler.wake(["user-5000"])
        await asyncio.sleep(0.01)

        assert stage.journal.state_of(5000) is S.COMPLETED


@in_virtual_time
async def test_place_that_becomes_free_is_taken_at_once() -> None:
    stage = stage_of(max_lanes=1)
    stage.journal.add(*(waiting(key) for key in range(5)))

    async with running(stage):
        await asyncio.sleep(0.1)

        assert {stage.journal.state_of(key) for key in range(5)} == {S.COMPLETED}


@in_virtual_time
async def test_idle_lane_gives_its_place_to_one_that_waits() -> None:
    stage = stage_of(max_lanes=1, session_idle_seconds=30, poll_seconds=1)
    stage.journal.add(waiting(1))

    async with running(stage):
        await asyncio.sleep(5)
        stage.journal.add(waiting(2))
        await asyncio.sleep(1.1)

        assert stage.journal.state_of(2) is S.COMPLETED


@in_virtual_time
async def test_claims_come_in_batches() -> None:
    stage = stage_of(SCANS_FOR_EVER)
    stage.journal.add(*(waiting(key) for key in range(CLAIM_BATCH + 1)))

    async with running(stage) as scheduler:
        await asyncio.sleep(0.1)

        assert scheduler.active == CLAIM_BATCH + 1
        assert stage.journal.calls["claim"] == 3


@in_virtual_time
async def test_a_slow_journal_is_asked_for_more_at_once() -> None:
    """Ten times as slow, ten times as many: else a store in another region would begin thirty lanes a second."""
    stage = stage_of(SCANS_FOR_EVER, tenant_lanes=1000)
    stage.journal.delays["claim"] = 1
    stage.journal.add(*(waiting(key) for key in range(9 * CLAIM_BATCH)))

    async with running(stage) as scheduler:
        await asyncio.sleep(1.5)
        assert scheduler.active == CLAIM_BATCH
        await asyncio.sleep(1)
        assert scheduler.active == CLAIM_BATCH + CLAIM_BATCH_MAX == 9 * CLAIM_BATCH


@in_virtual_time
async def test_new_work_wakes_a_running_lane_and_claims_others() -> None:
    stage = stage_of(poll_seconds=30)
    stage.journal.add(waiting(1, "a"))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.add(waiting(2, "a"), waiting(3, "b"))
        scheduler.wake(["a", "b"])
        await asyncio.sleep(0.01)

        assert {stage.journal.state_of(key) for key in (1, 2, 3)} == {S.COMPLETED}
        assert stage.gateway.connections == 2


@in_virtual_time
async def test_wake_without_names_looks_for_any_work() -> None:
    stage = stage_of(poll_seconds=30)

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.add(waiting(1))
        scheduler.wake()
        await asyncio.sleep(0.01)

        assert stage.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_work_is_found_without_any_hint() -> None:
    stage = stage_of(poll_seconds=1)

    async with running(stage):
        await asyncio.sleep(1)
        stage.journal.add(waiting(1))
        await asyncio.sleep(1.1)

        assert stage.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_work_from_another_replica_reaches_an_idle_lane_though_the_scheduler_is_woken_all_the_while() -> None:
    stage = stage_of(poll_seconds=1)
    stage.journal.add(waiting(1, "a"))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.add(waiting(2, "a"))
        for _ in range(4):
            scheduler.wake()
            await asyncio.sleep(0.5)

        assert stage.journal.state_of(2) is S.COMPLETED
        assert stage.gateway.connections == 1


@in_virtual_time
async def test_gateway_that_refuses_connections_is_probed_by_few() -> None:
    stage = stage_of(Script(refuses=Unreachable("refused"), connect_seconds=10), gateway_probes=2, retry_max_seconds=1)
    stage.services.breaker.failures = 9
    stage.journal.add(*(waiting(key) for key in range(500)))

    async with running(stage) as scheduler:
        most = 0
        for _ in range(600):
            await asyncio.sleep(0.1)
            most = max(most, scheduler.active)

        assert most <= 4
        assert stage.gateway.connections <= 16


@in_virtual_time
async def test_gateway_that_comes_back_is_used_by_all() -> None:
    """What was put off is offered again by housekeeping."""
    stage = stage_of(Script(refuses=Unreachable("refused")), retry_max_seconds=2)
    stage.journal.add(*(waiting(key) for key in range(200)))

    async with running(stage) as scheduler:
        keeping = asyncio.create_task(Housekeeping(stage.services, "w-1", lanes_freed=scheduler.wake).run())
        await asyncio.sleep(30)
        stage.gateway.scripts[0] = ISSUES
        await asyncio.sleep(40)
        keeping.cancel()

        assert {stage.journal.state_of(key) for key in range(200)} == {S.COMPLETED}


@in_virtual_time
async def test_store_that_is_down_at_the_start_is_waited_for() -> None:
    stage = stage_of()
    stage.journal.down.add("*")
    stage.journal.add(waiting(1))

    async with running(stage):
        await asyncio.sleep(20)
        stage.journal.down.clear()
        await asyncio.sleep(3)

        assert stage.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_lane_that_dies_leaves_its_place() -> None:
    stage = stage_of(SCANS_FOR_EVER, max_lanes=1)
    stage.journal.add(waiting(1))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        (task,) = scheduler._tasks
        task.cancel()
        await asyncio.sleep(0.1)
        stage.journal.add(waiting(2))
        await asyncio.sleep(5)

        assert stage.journal.state_of(1) is S.IN_DOUBT
        assert scheduler.active == 1


# ---- the end -------------------------------------------------------------------------------------------


@in_virtual_time
async def test_drain_waits_for_what_ends_in_time_and_hands_over_the_rest() -> None:
    stage = stage_of(max_lanes=2, tenant_lanes=2)
    stage.gateway.scripts = [Script(submissions=[[After(10, make_result())]]), SCANS_FOR_EVER]
    stage.journal.add(waiting(1), waiting(2))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.add(waiting(3))
        await scheduler.drain(timedelta(seconds=30))

        assert [stage.journal.state_of(key) for key in (1, 2, 3)] == [S.COMPLETED, S.SUBMITTING, S.WAITING]
        assert now() == pytest.approx(31, abs=1)
        assert not stage.gateway.open_sessions
        assert {lane.holder for lane in stage.journal.lanes.values()} == {None}
        assert stage.acts[-1] == "retire"
        await asyncio.sleep(100)
        assert stage.journal.calls["register"] == 1


@in_virtual_time
async def test_end_without_a_drain_closes_every_session() -> None:
    stage = stage_of(SCANS_FOR_EVER)
    stage.journal.add(waiting(1), waiting(2))

    async with running(stage):
        await asyncio.sleep(1)
        assert len(stage.gateway.open_sessions) == 2

    assert not stage.gateway.open_sessions
    assert stage.services.sessions == 0
    assert {stage.journal.state_of(key) for key in (1, 2)} == {S.SUBMITTING}


@in_virtual_time
async def test_drain_of_an_idle_worker_is_immediate() -> None:
    stage = stage_of()
    stage.journal.add(waiting(1))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        await scheduler.drain(timedelta(seconds=30))

        assert now() < 1.5


@in_virtual_time
async def test_drain_with_the_store_down_ends_and_leaves_no_session() -> None:
    stage = stage_of(Script(submissions=[[After(2, make_result())]]))
    stage.journal.add(waiting(1))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.down.add("*")
        await scheduler.drain(timedelta(seconds=5))

        assert not stage.gateway.open_sessions
        assert not scheduler._tasks
        assert now() < 1 + 5 + 2 * 10 + 1


@in_virtual_time
async def test_claim_that_is_answered_during_the_drain_is_given_back() -> None:
    stage = stage_of(SCANS_FOR_EVER)

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        stage.journal.delays["claim"] = 5
        stage.journal.add(waiting(1))
        await asyncio.sleep(2)
        await scheduler.drain(timedelta(0))
        await asyncio.sleep(10)

        assert stage.gateway.connections == 0
        assert stage.journal.lanes["user-1"] == HeldLane(holder=None, epoch=1)


# ---- places, by tenant ---------------------------------------------------------------------------------


def of(tenant: str, key: int, lane: str | None = None) -> Command:
    return replace(waiting(key, lane), source=tenant, id=f"{tenant}-{key}")


@in_virtual_time
async def test_parked_scans_of_one_tenant_leave_places_to_the_others() -> None:
    """On the default settings: two thousand users whose phones lie in a drawer, then one of somebody else."""
    stage = Stage(scripts=[SCANS_FOR_EVER])
    stage.journal.add(*(of("heavy", key) for key in range(2000)))

    async with running(stage) as scheduler:
        await asyncio.sleep(2)
        assert scheduler.active == 500
        stage.gateway.scripts.append(ISSUES)
        stage.journal.add(of("light", 5000))
        scheduler.wake()
        await asyncio.sleep(0.01)

        assert stage.journal.state_of(5000) is S.COMPLETED


@in_virtual_time
async def test_idle_sessions_of_a_crowded_tenant_make_room_for_its_other_lanes() -> None:
    stage = stage_of(max_lanes=10, tenant_lanes=2, session_idle_seconds=30, poll_seconds=1)
    stage.journal.add(of("erp", 1), of("erp", 2), of("other", 3))

    async with running(stage) as scheduler:
        await asyncio.sleep(5)
        assert scheduler.active == 3
        stage.journal.add(of("erp", 4))
        await asyncio.sleep(1.5)

        assert stage.journal.state_of(4) is S.COMPLETED
        assert any(session.user_id == "user-3" for session in stage.gateway.open_sessions), "others keep theirs"


@in_virtual_time
async def test_a_hundred_tenants_that_are_full_are_not_asked_about_at_each_claim() -> None:
    """One after the other, at a store that takes 20 ms, each claim began two seconds late, for everybody."""
    stage = stage_of(SCANS_FOR_EVER, max_lanes=1000, tenant_lanes=2, poll_seconds=1)
    stage.journal.delays["ready_lanes"] = 0.02
    stage.journal.add(*(of(f"t{key // 2}", key) for key in range(200)))

    async with running(stage) as scheduler:
        await asyncio.sleep(10)
        assert scheduler.active == 200
        asked, began = stage.journal.calls["ready_lanes"], now()
        for key in range(1000, 1050):
            stage.journal.add(of(f"late-{key}", key))
            scheduler.wake()
            while scheduler.active <= key - 800:
                await asyncio.sleep(0.005)
        assert now() - began < 5
        assert stage.journal.calls["ready_lanes"] - asked <= 100 * (now() - began + 1)


@in_virtual_time
async def test_lane_that_two_tenants_share_counts_as_the_one_whose_command_it_runs() -> None:
    stage = stage_of(max_lanes=10, tenant_lanes=1)
    stage.gateway.scripts = [Script(submissions=[[make_result()], []])]
    stage.journal.add(of("a", 1, "shared"), of("b", 2, "shared"))

    async with running(stage):
        await asyncio.sleep(1)
        assert stage.journal.state_of(2) is S.SUBMITTING
        assert dict(stage.services.places.left()) == {"b": 0}
        stage.gateway.scripts = [ISSUES]
        stage.journal.add(of("a", 3))
        await asyncio.sleep(1.5)

        assert stage.journal.state_of(3) is S.COMPLETED


@in_virtual_time
async def test_lanes_of_a_lost_claim_are_given_back_though_no_place_is_free() -> None:
    stage = stage_of(SCANS_FOR_EVER, max_lanes=1, poll_seconds=1)
    stage.journal.add(waiting(1))

    async with running(stage) as scheduler:
        await asyncio.sleep(1)
        scheduler._may_hold_unknown = True
        stage.journal.hold("user-9", "w-1", epoch=1)
        await asyncio.sleep(3)

        assert stage.journal.lanes["user-9"].holder is None
