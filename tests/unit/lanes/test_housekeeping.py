"""What no lane does: dead workers' lanes, overdue commands, repeats of an order."""

import asyncio
from datetime import timedelta

import pytest

from contracts.envelope import loads
from contracts.failures import FailureCode
from tests.builders import MOMENT, make_command
from tests.lane_fakes import Stage as FakeStage
from tests.unit.lanes.playing import housekeeping, keep_house
from tests.virtual_time import in_virtual_time
from worker.records import CommandState

S = CommandState


@pytest.mark.parametrize("state", [S.WAITING, S.HELD])
@in_virtual_time
async def test_command_that_waited_too_long_fails(state: CommandState) -> None:
    stage = FakeStage()
    stage.journal.add(make_command(state=state, deadline_at=MOMENT))

    assert await keep_house(stage) == 1

    (event,) = stage.journal.events[1]
    assert loads(event.body)["data"]["code"] == FailureCode.DEADLINE_EXCEEDED
    assert stage.journal.state_of(1) is S.FAILED
    assert stage.commits == 1
    assert stage.hooks.outcomes == [("failed", "deadline_exceeded")]


@pytest.mark.parametrize("state", [S.RUNNING, S.SUBMITTING, S.SCANNING, S.IN_DOUBT, S.COMPLETED])
@in_virtual_time
async def test_command_that_runs_or_is_done_is_left_alone(state: CommandState) -> None:
    stage = FakeStage()
    stage.journal.add(make_command(state=state, deadline_at=MOMENT))

    assert await keep_house(stage) == 0
    assert stage.journal.state_of(1) is state


@in_virtual_time
async def test_command_that_a_lane_took_meanwhile_is_left_to_it() -> None:
    stage = FakeStage()
    late = make_command(state=S.WAITING, deadline_at=MOMENT)
    stage.journal.add(make_command(state=S.RUNNING, deadline_at=MOMENT))
    keeper, _ = housekeeping(stage)

    assert not await keeper._fail_overdue(late)

    assert stage.journal.state_of(1) is S.RUNNING
    assert not stage.hooks.outcomes


@in_virtual_time
async def test_freed_lanes_are_told_to_whoever_claims() -> None:
    stage = FakeStage()
    stage.journal.hold("1111", "w-dead", epoch=3)
    keeper, freed = housekeeping(stage)

    assert await keeper.run_once() == 1
    assert freed == ["freed"]
    assert stage.commits == 0


@in_virtual_time
async def test_round_is_repeated_while_it_moves_something_then_waits() -> None:
    stage = FakeStage(settings={"poll_seconds": 1})
    keeper, _ = housekeeping(stage)
    running = asyncio.create_task(keeper.run())

    await asyncio.sleep(10.5)
    assert stage.journal.calls["reap"] == 11

    stage.journal.add(make_command(state=S.WAITING, deadline_at=MOMENT + timedelta(seconds=1)))
    keeper.wake()
    await asyncio.sleep(0.1)
    assert stage.journal.state_of(1) is S.FAILED
    running.cancel()


@in_virtual_time
async def test_store_that_is_down_is_waited_for() -> None:
    stage = FakeStage()
    stage.journal.down.add("*")
    keeper, _ = housekeeping(stage)
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(10)
    stage.journal.add(make_command(state=S.WAITING, deadline_at=MOMENT))

    stage.journal.down.clear()
    await asyncio.sleep(2)

    assert stage.journal.state_of(1) is S.FAILED
    running.cancel()
