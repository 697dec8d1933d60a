"""What a query on its lane meets: lost connections, refusals, look-ups that fail, and what comes late."""

import pytest

from contracts.failures import FailureCode
from tests.builders import make_command, make_found, make_page, make_result
from tests.lane_fakes import After, Script
from tests.unit.lanes.playing import (
    DONE,
    LONG_LEASE,
    Played,
    later,
    now,
    numbers,
    pages_of,
    waiting_query,
)
from tests.virtual_time import in_virtual_time
from worker.errors import Permanent, Transient
from worker.ports import Disconnected, DownloadTold, FrameIgnored, LoginAnswered, QueryRefused
from worker.records import CommandState

S = CommandState
TELL_PAGE = ["look up files", "record running"]


# ---- what may fail -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        Script(refuses=Transient("refused")),
        Script(query_fails=Transient("reset")),
        Script(pages=[[Disconnected("reset")]]),
        Script(pages=[[make_page(make_found()), Disconnected("reset")]]),
    ],
    ids=["no connection", "lost while asking", "lost while waiting", "lost before the notice"],
)
@in_virtual_time
async def test_lost_connection_puts_the_query_back(script: Script) -> None:
    played = Played(script)

    await played.run(waiting_query())

    assert played.journal.state_of(1) is S.WAITING
    assert not played.said("page")
    assert not played.gateway.open_sessions


@in_virtual_time
async def test_query_that_was_put_back_is_completed_later() -> None:
    played = Played(Script(pages=[[Disconnected("reset")]]), Script(pages=pages_of(3)), settings=LONG_LEASE)
    played.lay_out(3)

    await played.serve(waiting_query(), until=5)

    assert played.told() == numbers(3)
    played.check()


@pytest.mark.parametrize(
    ("answer", "code", "refusals"),
    [
        (QueryRefused(), FailureCode.QUERY_REFUSED, 0),
        (LoginAnswered(accepted=False), FailureCode.LOGIN_REFUSED, 1),
    ],
)
@in_virtual_time
async def test_refusals_are_final_and_only_one_of_a_login_counts(
    answer: QueryRefused | LoginAnswered, code: FailureCode, refusals: int
) -> None:
    played = Played(Script(pages=[[answer]]))

    await played.run(waiting_query())

    assert played.failure()["code"] == code
    assert played.stage.hooks.refusals == refusals
    assert not played.gateway.open_sessions


@in_virtual_time
async def test_third_refused_login_in_a_row_suspends_the_account_for_queries_and_invoices() -> None:
    played = Played(Script(pages=[[LoginAnswered(accepted=False)]]))

    await played.serve(*(waiting_query(key) for key in (1, 2, 3, 4)))
    await played.serve(make_command(key=5, state=S.WAITING, epoch=0, attempts=0))

    assert [played.failure(key)["code"] for key in (1, 2, 3)] == [FailureCode.LOGIN_REFUSED] * 3
    assert [played.failure(key)["code"] for key in (4, 5)] == [FailureCode.LOGIN_SUSPENDED] * 2


@pytest.mark.parametrize("fault", [Transient("503"), Permanent(FailureCode.GATEWAY_FORBIDDEN, "no")])
@in_virtual_time
async def test_look_up_that_fails_tells_no_half_of_a_page(fault: Exception) -> None:
    played = Played(Script(pages=pages_of(2)))
    played.lay_out(2)
    played.details.fails = [fault]

    await played.run(waiting_query())

    assert not played.said("page")
    is_over = isinstance(fault, Permanent)
    assert played.journal.state_of(1) is (S.FAILED if is_over else S.WAITING)


@in_virtual_time
async def test_the_first_look_up_that_fails_ends_those_beside_it() -> None:
    """What they bring would be thrown away, and the lane's next order waits behind them: minutes, where the HTTP side
    answers nobody and each tries again and again."""
    played = Played(Script(pages=pages_of(50)), settings=LONG_LEASE)
    played.details.fails = [Transient("503")]
    played.details.hangs = True

    await played.run(waiting_query(files=[]))

    assert played.journal.state_of(1) is S.WAITING
    assert now() < 60


@pytest.mark.parametrize("count", [1, 2])
@in_virtual_time
async def test_items_that_are_refused_are_missing_and_keep_nothing_else_waiting(count: int) -> None:
    """Also where they are the only ones of their page."""
    played = Played(Script(pages=pages_of(count)))
    played.details.fails = [Permanent(FailureCode.HTTP_ERROR, "no such invoice")]

    await played.run(waiting_query(files=[]))

    assert played.told() == numbers(count)
    assert len(played.completed()["missingItems"]) == count


@in_virtual_time
async def test_frames_that_say_nothing_do_not_prolong_the_wait() -> None:
    noise = [After(50, FrameIgnored("not_json")) for _ in range(5)]
    played = Played(Script(pages=[noise]), settings=LONG_LEASE)

    await played.run(waiting_query())

    assert now() == pytest.approx(120, abs=1)
    assert played.journal.state_of(1) is S.WAITING


# ---- files that come late, and downloads ---------------------------------------------------------------


@in_virtual_time
async def test_files_that_come_late_are_told_when_they_are_there_and_the_lane_is_free_meanwhile() -> None:
    played = Played(Script(pages=pages_of(2), submissions=[[make_result()]]), settings=LONG_LEASE)
    issue = make_command(key=2, state=S.WAITING, epoch=0, attempts=0)
    later(1, lambda: played.journal.add(issue))
    later(8, lambda: played.lay_out(2))

    await played.serve(waiting_query(), until=20)

    assert played.journal.state_of(2) is S.COMPLETED
    late = [page for page in played.said("page") if page["late"]]
    assert [len(page["invoices"]) for page in late] == [2]
    assert played.completed()["fileCount"] == 6
    played.check()


@in_virtual_time
async def test_failed_download_of_a_query_is_asked_for_again_on_its_session() -> None:
    failed = DownloadTold(ok=False, date=" 2024-04-12 10:10:10")
    played = Played(Script(pages=pages_of(1, notice=failed), downloads=[[failed], [DONE]]))
    played.lay_out(1)

    await played.run(waiting_query())

    assert played.gateway.sessions[0].downloads == [" 2024-04-12 10:10:10"] * 2
    assert played.completed()["download"] == {"ok": True, "date": None}
