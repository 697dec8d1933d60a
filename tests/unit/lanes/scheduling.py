"""A scheduler at work on a stage of fakes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.builders import make_command, make_result
from tests.lane_fakes import Script, Stage
from worker.lanes.housekeeping import Housekeeping
from worker.lanes.scheduler import Scheduler
from worker.records import Command, CommandState

SCANS_FOR_EVER = Script(submissions=[[]])
"""No submission is ever answered."""
ISSUES = Script(submissions=[[make_result()]])


def waiting(key: int, lane: str | None = None) -> Command:
    """One that waits for its lane."""
    return make_command(key=key, state=CommandState.WAITING, epoch=0, attempts=0, lane=lane or f"user-{key}")


def stage_of(script: Script = ISSUES, **settings: Any) -> Stage:
    """A gateway that goes by this script, with all users."""
    return Stage(scripts=[script], settings={"reconnect_pause_seconds": 0, "answer_timeout_seconds": 9000, **settings})


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[Scheduler]:
    """It runs, and must not end by itself."""
    scheduler = Scheduler(stage.services, "w-1")
    task = asyncio.create_task(scheduler.run())
    await asyncio.sleep(0.001)
    yield scheduler
    assert not task.done(), "the scheduler ended by itself"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def at_work(stage: Stage) -> AsyncIterator[None]:
    """Lanes and housekeeping, as a worker runs them."""
    scheduler = Scheduler(stage.services, "w-1")
    keeping = Housekeeping(stage.services, "w-1", lanes_freed=scheduler.wake)
    tasks = [asyncio.create_task(work) for work in (scheduler.run(), keeping.run())]
    yield
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
