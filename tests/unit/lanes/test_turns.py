"""Nobody on a lane waits for late files, or for a look-up of many pages. On the default settings."""

import asyncio
from datetime import timedelta
from typing import Any

from contracts.envelope import dumps
from tests.builders import make_command, make_found, make_invoice, make_page, make_question, make_result
from tests.lane_fakes import After, Script, Stage, make_file
from tests.unit.flows.submissions import make_submitted
from tests.unit.lanes.playing import now
from tests.unit.lanes.runs.test_look_up import ACCOUNT
from tests.unit.lanes.scheduling import at_work
from tests.virtual_time import EPOCH, in_virtual_time
from worker.ports import DownloadTold
from worker.records import Command, CommandState

S = CommandState


def waiting(key: int, **fields: Any) -> Command:
    return make_command(**{"key": key, "state": S.WAITING, "epoch": 0, "attempts": 0, "lane": "1111", **fields})


def query(key: int, **question: Any) -> Command:
    data = dumps(make_question(items=False, **question))
    return waiting(key, type="invoice.query", data=data, fingerprint=None)


async def end_of(stage: Stage, key: int, *, at_most: float) -> float:
    """When this command ended."""
    async with asyncio.timeout(at_most):
        while stage.journal.state_of(key) not in {S.COMPLETED, S.FAILED}:
            await asyncio.sleep(0.05)
    return now()


@in_virtual_time
async def test_files_that_come_late_wait_for_their_own_time_alone_and_hold_up_no_other_query() -> None:
    """By the default schedule the first round is after 2 s, the second 10 s later; a session idles for 30 s."""
    stage = Stage(scripts=[Script(pages=[[make_page(make_found(1)), DownloadTold(True)], [make_page()]])])
    began = now()

    async with at_work(stage):
        stage.journal.add(query(1))
        await asyncio.sleep(1)
        stage.journal.add(query(2, files=[]))
        assert await end_of(stage, 2, at_most=5) - began < 3, "it needs nothing that is late"
        await asyncio.sleep(2)
        invoice = make_found(1)["id"]
        stage.details.files_of[invoice] = [make_file(invoice, name) for name in ("pdf", "ofd", "xml")]
        assert await end_of(stage, 1, at_most=60) - began < 15

    assert stage.gateway.connections == 1
    assert stage.journal.commands[1].user_id == "1111"


@in_virtual_time
async def test_order_waits_for_one_page_of_a_look_up_and_not_for_fifty() -> None:
    """And the look-up goes on where it was: each page is asked for once, but for the first."""
    rows = [make_found(key, note="other") for key in range(5000)]
    pages = [[After(3, make_page(*rows[at : at + 100], total=5000, has_next=at < 4900))] for at in range(0, 5000, 100)]
    looks = {"reconcile_schedule": (timedelta(hours=1),) * 2}
    stage = Stage(scripts=[Script(pages=pages), Script(submissions=[[After(5, make_result())]])], settings=looks)
    stage.gateway.scripts.append(Script(pages=[pages[0], *pages[2:]]))
    invoice = make_invoice(buyerName="DEF公司", buyerIndentification="91110000100001234A", remark="sought")
    doubt = make_submitted(1, invoice=invoice, account=ACCOUNT, epoch=0, sought_at=EPOCH, lane="1111")

    async with at_work(stage):
        stage.journal.add(doubt)
        await asyncio.sleep(5)
        stage.services.looking = stage.services.settings.max_lanes  # others begin to look
        stage.journal.add(waiting(50))
        asked = now()
        assert await end_of(stage, 50, at_most=60) - asked < 3 + 1 + 5 + 1
        await asyncio.sleep(200)

    numbers = [order.page_number for order in stage.gateway.queries]
    assert numbers == [1, 2, 1, *range(3, 51)]
    assert stage.journal.commands[1].look_ups == 1
