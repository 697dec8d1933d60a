"""A look-up that dies, is interrupted, or finds the store away."""

import asyncio
from typing import Any

import pytest

from tests.builders import make_page
from tests.lane_fakes import After, Script
from tests.unit.lanes.playing import DONE, Played, later, now
from tests.unit.lanes.runs.test_look_up import FOUND, LOOKING, S, listing, looking, sought
from tests.virtual_time import in_virtual_time
from worker.errors import LeaseLost
from worker.lanes.runner import LaneRunner
from worker.records import LOOK_UP

# ---- crashes, leases and the store ---------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.5, 5.5])
@in_virtual_time
async def test_look_that_dies_is_made_again_by_the_next_holder(seconds: float) -> None:
    script = Script(pages=[[After(3, make_page(FOUND))]], connect_seconds=1)
    played = looking(script)
    played.lay_out(1)
    played.details.seconds = 2
    played.journal.add(sought())
    await played.stage.lease()
    await played.journal.enter_look_ups(played.stage.clock.now())
    (claim,) = await played.journal.claim("w-1", 1, played.stage.clock.now())
    runner = LaneRunner(played.stage.services, claim)
    played.lane_session = runner.lane_session
    running = asyncio.create_task(runner.serve())
    await asyncio.sleep(seconds)
    await played.crash(running)

    await played.serve()

    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]
    assert not [command for command in played.journal.commands.values() if command.type == LOOK_UP]


async def begun(played: Played) -> Any:
    """The exchange of the lane's look-up."""
    played.journal.add(sought())
    await played.stage.lease()
    await played.journal.enter_look_ups(played.stage.clock.now())
    return await played.prepare()


@pytest.mark.parametrize("is_lost", [True, False])
@pytest.mark.parametrize(
    ("script", "details_seconds"),
    [
        (Script(connect_seconds=30), 0),
        (Script(pages=[[]]), 0),
        (Script(pages=[[After(2, make_page(FOUND))]]), 0),
        (Script(pages=[[make_page(FOUND), DONE]]), 30),
        (Script(pages=[[make_page(FOUND), DONE]]), 0),
    ],
    ids=["connecting", "asked", "notice", "details", "late"],
)
@in_virtual_time
async def test_look_that_is_interrupted_settles_nothing_and_stays(
    script: Script, details_seconds: float, is_lost: bool
) -> None:
    played = looking(script)
    played.details.seconds = details_seconds
    exchange = await begun(played)
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=is_lost))

    if is_lost:
        with pytest.raises(LeaseLost):
            await exchange.run()
    else:
        await exchange.run()
        assert not played.gateway.open_sessions

    assert not played.journal.outcomes_of(1)
    assert played.journal.calls["settle"] == 0
    assert [c.state for c in played.journal.commands.values() if c.type == LOOK_UP] == [S.RUNNING]


@in_virtual_time
async def test_look_whose_lane_is_another_holders_says_so() -> None:
    played = looking(listing(FOUND))
    played.lay_out(1)
    exchange = await begun(played)
    played.details.seconds = 2
    later(1, lambda: played.journal.steal("1111"))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]


@pytest.mark.parametrize("method", ["settle", "end_look_up"])
@in_virtual_time
async def test_answer_of_the_store_that_is_lost_settles_nothing_twice(method: str) -> None:
    played = looking(listing(FOUND))
    played.lay_out(1)
    played.journal.loses_answers.add(method)

    await played.serve(sought())

    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]
    assert not [command for command in played.journal.commands.values() if command.type == LOOK_UP]
    played.check()


@pytest.mark.parametrize("method", ["sought", "rivals_by_clues", "bound", "settle", "end_look_up"])
@in_virtual_time
async def test_store_that_is_away_for_a_while_is_waited_for(method: str) -> None:
    played = Played(listing(FOUND), settings={**LOOKING, "poll_seconds": 1})
    played.lay_out(1)
    exchange = await begun(played)
    played.journal.down.add(method)
    later(20.5, played.journal.down.clear)

    await exchange.run()

    assert now() >= 21
    assert played.journal.outcomes_of(1) == ["completed", "confirmed"]
