"""A gateway that is away for ten minutes, in virtual time: who can wait waits, and nothing is decided meanwhile."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from contracts.envelope import loads
from contracts.failures import FailureCode
from tests.builders import make_command, make_data, make_found, make_invoice, make_page, make_result
from tests.lane_fakes import After, Script, Stage
from tests.unit.lanes.runs.test_look_up import LOOKING
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import Transient
from worker.lanes.housekeeping import Housekeeping
from worker.lanes.scheduler import Scheduler
from worker.ports import Disconnected
from worker.records import Command, CommandState

S = CommandState
MINUTES = 60.0
AWAY = Script(refuses=Transient("refused"))
BACK = Script(submissions=[[make_result()]], pages=[[make_page(make_found(1, note="scan"))]])
SCANS_WHEN_IT_GOES = Script(submissions=[[After(5, Disconnected("the gateway went away"))]])


def waiting(key: int, **fields: Any) -> Command:
    return make_command(key=key, state=S.WAITING, epoch=0, attempts=0, lane=f"user-{key}", **fields)


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


@in_virtual_time
async def test_gateway_that_is_away_for_ten_minutes_costs_time_and_nothing_else() -> None:
    """Orders with half an hour's deadline are issued afterwards; those with five minutes fail unsubmitted; an open scan
    falls into doubt, and the look that could be made in the end finds the invoice."""
    stage = Stage(scripts=[SCANS_WHEN_IT_GOES], settings=LOOKING | {"confirm": False, "reconnect_pause_seconds": 0})
    order = make_data(invoice=make_invoice(remark="scan"))
    scanning = waiting(1000, data=order, deadline_at=EPOCH + timedelta(minutes=30))
    patient = [waiting(key, deadline_at=EPOCH + timedelta(minutes=30)) for key in range(60)]
    hasty = [waiting(key, deadline_at=EPOCH + timedelta(minutes=5)) for key in range(100, 160)]

    async with at_work(stage):
        stage.journal.add(scanning)
        await asyncio.sleep(2)
        assert stage.journal.state_of(1000) is S.SUBMITTING
        stage.gateway.scripts = [AWAY]
        stage.journal.add(*patient, *hasty)
        await asyncio.sleep(10 * MINUTES)

        assert Counter(stage.journal.state_of(one.key) for one in hasty) == {S.FAILED: 60}
        codes = {loads(stage.journal.events[one.key][-1].body)["data"]["code"] for one in hasty}
        assert codes <= {FailureCode.GATEWAY_UNAVAILABLE, FailureCode.DEADLINE_EXCEEDED}
        assert {stage.journal.state_of(one.key) for one in patient} <= {S.WAITING, S.RUNNING}
        assert stage.journal.state_of(1000) is S.IN_DOUBT
        assert stage.journal.commands[1000].look_ups == 0
        knocks = stage.gateway.connections

        stage.gateway.scripts = [BACK]
        await asyncio.sleep(5 * MINUTES)

    assert {stage.journal.state_of(one.key) for one in patient} == {S.COMPLETED}
    assert stage.journal.outcomes_of(1000) == ["in_doubt", "completed", "confirmed"]
    assert len(stage.gateway.submissions) == 61
    assert stage.gateway.most_open_of_one_user == 1
    assert knocks < 200, "a gateway that is away is probed by few"
