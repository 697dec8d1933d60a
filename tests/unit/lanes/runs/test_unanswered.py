"""Orders that come while an earlier command of their lane waits for an answer of the query side: they go first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.envelope import dumps
from tests.builders import make_command, make_found, make_login, make_page, make_result
from tests.lane_fakes import After, Script
from tests.unit.lanes.playing import DONE, LONG_LEASE, Played, later, waiting_query
from tests.unit.lanes.runs.test_audit import lists, waiting_audit
from tests.virtual_time import EPOCH, in_virtual_time
from worker.records import Command, CommandState

S = CommandState
ORDER = 100
DOWNLOAD = dumps({"userId": "1111", "login": make_login(), "date": "2026-01-01"})


def waiting_order(key: int = ORDER) -> Command:
    """An `invoice.issue` behind what runs on the lane."""
    return make_command(key=key, state=S.WAITING, epoch=0, attempts=0)


def waiting_download() -> Command:
    """An `invoice.download` that waits for its lane."""
    query = waiting_query()
    return replace(query, type="invoice.download", data=DOWNLOAD)


async def played_with_order(first: Command, *scripts: Script, at_seconds: float = 5) -> Played:
    """The lane for ten minutes. The order comes a moment after the first command has begun, and its session is the
    second of them."""
    began, *later_on = scripts
    played = Played(began, Script(submissions=[[make_result()]]), *later_on, settings=LONG_LEASE)
    played.lay_out(1)
    later(at_seconds, lambda: played.journal.add(waiting_order()))
    await played.serve(first, until=600)
    return played


def waited(played: Played) -> timedelta:
    """From the beginning until the order was submitted."""
    submitted_at = played.journal.commands[ORDER].submitted_at
    assert submitted_at is not None
    return submitted_at - EPOCH


PAGE = make_page(make_found(1), total=1, has_next=False)
UNANSWERED = {
    "query, no page": (waiting_query(), Script(pages=[[]]), Script(pages=[[PAGE, DONE]])),
    "query, no notice of its files": (waiting_query(), Script(pages=[[PAGE]]), Script(pages=[[PAGE, DONE]])),
    "audit, no page": (waiting_audit(), Script(pages=[[]]), Script(pages=lists(make_found(1)))),
    "download, no notice": (waiting_download(), Script(downloads=[[]]), Script(downloads=[[DONE]])),
}


@in_virtual_time
@pytest.mark.parametrize("case", UNANSWERED)
async def test_order_goes_before_what_is_not_answered(case: str) -> None:
    """It waited for up to two minutes for a page, for three for a notice, and for as long again at each further try."""
    played = await played_with_order(*UNANSWERED[case])

    assert waited(played) < timedelta(seconds=16)
    assert played.journal.state_of(ORDER) is S.COMPLETED
    assert (played.journal.state_of(1), played.journal.outcomes_of(1).count("completed")) == (S.COMPLETED, 1)
    assert played.gateway.most_open_of_one_user == 1


@in_virtual_time
async def test_order_waits_for_what_is_answered_in_time() -> None:
    """Else it would be asked for again and again."""
    played = await played_with_order(waiting_query(), Script(pages=[[After(12, PAGE), After(12, DONE)]]))

    assert timedelta(seconds=24) < waited(played) < timedelta(seconds=25)
    assert len(played.gateway.queries) == 1


@in_virtual_time
async def test_nothing_is_given_up_where_no_order_waits() -> None:
    slow = Script(pages=[[After(110, PAGE), After(170, DONE)]])
    played = await played_with_order(waiting_query(), slow, at_seconds=500)

    assert len(played.gateway.queries) == 1
    assert played.journal.outcomes_of(1) == ["page", "completed"]


@in_virtual_time
async def test_slow_page_is_read_in_the_end_though_orders_never_cease() -> None:
    """A page takes a hundred seconds, and an order comes every ten: after a quarter of an hour they wait for it."""
    slow = Script(submissions=[[make_result()]], pages=[[After(100, PAGE), DONE]])
    played = Played(slow, settings=LONG_LEASE)
    for number in range(1, 150):
        later(10 * number, lambda key=ORDER + number: played.journal.add(waiting_order(key)))

    await played.serve(waiting_query(), until=1500)

    assert played.journal.outcomes_of(1) == ["page", "completed"]
    assert 3 < len(played.gateway.queries) < 40
