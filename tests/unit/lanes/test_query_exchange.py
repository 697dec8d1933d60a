"""A query on its lane: what is done in which order, and that no fault tells a page twice or loses one."""

import asyncio

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
    slowly,
    waiting_query,
)
from tests.virtual_time import in_virtual_time
from worker.errors import LeaseLost, Permanent, Transient
from worker.lanes.query_exchanges import PAGES_IN_A_ROW
from worker.lanes.runner import LaneRunner
from worker.ports import Disconnected, DownloadTold, FrameIgnored, LoginAnswered, QueryRefused
from worker.records import CommandState

S = CommandState
TELL_PAGE = ["look up files", "record running"]


# ---- the good way --------------------------------------------------------------------------------------


@in_virtual_time
async def test_each_page_is_recorded_before_the_next_is_asked_for() -> None:
    played = Played(Script(pages=pages_of(5)))
    played.lay_out(5)

    await played.run(waiting_query())

    assert played.acts == [
        "connect query",
        "query page 1",
        *TELL_PAGE,
        "query page 2",
        *TELL_PAGE,
        "query page 3",
        *TELL_PAGE,
        "record completed",
    ]
    assert played.told() == numbers(5)
    said = played.completed()
    assert (said["total"], said["pages"], said["invoiceCount"], said["itemCount"]) == (5, 3, 5, 5)
    assert (said["fileCount"], said["missingFiles"], said["missingItems"], said["missingInvoices"]) == (15, [], [], 0)
    assert played.stage.hooks.pages == [(2, 6), (2, 6), (1, 3)]
    played.check()


@in_virtual_time
async def test_what_is_asked_is_the_commands_condition_page_by_page() -> None:
    played = Played(Script(pages=pages_of(3)))

    await played.run(waiting_query())

    first, second = played.gateway.queries
    assert (first.page_number, second.page_number, first.page_size) == (1, 2, 2)
    assert first.condition == {"queryType": 0, "startInvoiceDate": "2026-01-01", "endInvoiceDate": "2026-01-01"}
    assert first.login.password.get_secret_value() not in str(played.journal.events)


@in_virtual_time
async def test_next_query_of_the_same_login_uses_the_same_session() -> None:
    played = Played(Script(pages=pages_of(1)))
    played.lay_out(1)

    await played.serve(waiting_query(1), waiting_query(2))

    assert played.gateway.connections == 1
    assert [played.journal.state_of(key) for key in (1, 2)] == [S.COMPLETED] * 2


@in_virtual_time
async def test_invoice_and_query_of_one_user_never_have_a_socket_at_once() -> None:
    played = Played(Script(pages=pages_of(1), submissions=[[make_result()]]))
    played.gateway.close_seconds = 2
    issue = [make_command(key=key, state=S.WAITING, epoch=0, attempts=0) for key in (1, 3)]

    await played.serve(issue[0], waiting_query(2), issue[1])

    assert played.acts.count("connect") == played.acts.count("connect query") == 1
    assert {played.journal.state_of(key) for key in (1, 3)} == {S.COMPLETED}
    played.check()


# ---- crashes and lost answers --------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", range(1, 14))
@in_virtual_time
async def test_worker_that_dies_in_the_middle_goes_on_at_that_page(seconds: int) -> None:
    """A page takes two seconds to come, its notice one and its look-ups half of one."""
    scripts = slowly(2, pages_of(6, notice=After(1, DONE)))
    played = Played(Script(pages=scripts), Script(pages=scripts[2:]), settings=LONG_LEASE)
    played.lay_out(6)
    played.details.seconds = 0.25
    running = asyncio.create_task((await played.prepare(waiting_query())).run())
    await asyncio.sleep(seconds)
    told = len(played.said("page"))
    if not running.done():
        await played.crash(running)
        played.gateway.scripts = [Script(pages=scripts[told:])]
        await played.serve()

    assert played.told() == numbers(6)
    assert played.completed()["pages"] == 3
    again = [order.page_number for order in played.gateway.queries].count(told + 1)
    assert again <= 2
    assert len(played.gateway.queries) <= 4
    played.check()


@pytest.mark.parametrize("method", ["record", "record_and_next"])
@in_virtual_time
async def test_answer_of_the_store_that_is_lost_tells_no_page_twice(method: str) -> None:
    played = Played(Script(pages=pages_of(5)), settings=LONG_LEASE)
    played.lay_out(5)
    exchange = await played.prepare(waiting_query())
    played.journal.loses_answers.add(method)

    if method == "record":
        await exchange.run()
    else:
        with pytest.raises(LeaseLost, match="claimed anew"):
            await exchange.run()

    assert played.told() == numbers(5)
    assert len(played.said("page")) == 3
    assert any(act.startswith("fenced") for act in played.acts)
    played.check()


@pytest.mark.parametrize("method", ["record", "unseen", "has_earlier", "tally"])
@in_virtual_time
async def test_store_that_is_away_for_a_while_is_waited_for(method: str) -> None:
    played = Played(Script(pages=pages_of(3)), settings={"poll_seconds": 1, **LONG_LEASE})
    played.lay_out(3)
    exchange = await played.prepare(waiting_query())
    played.journal.down.add(method)
    later(20.5, played.journal.down.clear)

    await exchange.run()

    assert now() >= 21
    assert played.told() == numbers(3)
    played.check()


@in_virtual_time
async def test_page_of_an_earlier_holder_is_not_recorded() -> None:
    played = Played(Script(pages=slowly(5, pages_of(3))))
    exchange = await played.prepare(waiting_query())
    later(3, lambda: played.journal.steal("1111"))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert not played.journal.events
    assert played.acts[-1] == "fenced running"


@in_virtual_time
async def test_nothing_is_asked_at_the_end_of_the_lease() -> None:
    played = Played(Script(pages=[[After(55, make_page(make_found(), has_next=True)), DONE]]))
    played.lay_out(1)

    with pytest.raises(LeaseLost):
        await played.run(waiting_query())

    assert [order.page_number for order in played.gateway.queries] == [1]
    assert played.told() == numbers(1)


# ---- giving way ----------------------------------------------------------------------------------------


@in_virtual_time
async def test_invoice_that_comes_between_two_pages_goes_first() -> None:
    scripts = slowly(5, pages_of(5))
    played = Played(
        Script(pages=scripts), Script(submissions=[[make_result()]]), Script(pages=scripts[1:]), settings=LONG_LEASE
    )
    played.lay_out(5)
    issue = make_command(key=2, state=S.WAITING, epoch=0, attempts=0)
    later(3, lambda: played.journal.add(issue))

    await played.serve(waiting_query())

    assert [act for act in played.acts if act not in TELL_PAGE] == [
        "connect query",
        "query page 1",
        "record waiting",
        "close",
        "connect",
        "login",
        "record submitting",
        "submit",
        "record completed",
        "close",
        "connect query",
        "query page 2",
        "query page 3",
        "record completed",
        "close",
        "release 1111",
    ]
    assert played.told() == numbers(5)
    played.check()


@in_virtual_time
async def test_query_that_comes_later_does_not_overtake() -> None:
    played = Played(Script(pages=pages_of(5)), settings=LONG_LEASE)
    played.lay_out(5)

    exchange = await played.prepare(waiting_query(1))
    played.journal.add(waiting_query(2))
    following = await exchange.run()

    assert following is not None
    assert (following.key, played.journal.state_of(1)) == (2, S.COMPLETED)


@in_virtual_time
async def test_query_of_many_pages_gives_its_place_up_while_other_lanes_wait() -> None:
    count = 2 * (PAGES_IN_A_ROW + 1)
    played = Played(Script(pages=pages_of(count)), Script(pages=pages_of(count)[PAGES_IN_A_ROW:]), settings=LONG_LEASE)
    played.lay_out(count)
    played.stage.services.is_contended = True

    await played.serve(waiting_query())

    assert played.acts.count("release 1111") == 2
    assert played.acts.index("release 1111") == played.acts.index(f"query page {PAGES_IN_A_ROW + 1}") - 2
    assert played.told() == numbers(count)
    played.check()


@pytest.mark.parametrize(
    ("script", "details_seconds", "acts"),
    [
        (Script(connect_seconds=30), 0, ["connect query"]),
        (Script(), 0, ["connect query", "query page 1"]),
        (Script(pages=[[make_page(make_found())]]), 0, ["connect query", "query page 1"]),
        (Script(pages=pages_of(1)), 30, ["connect query", "query page 1", "look up files"]),
    ],
    ids=["connecting", "asked", "notice", "details"],
)
@in_virtual_time
async def test_drain_puts_the_query_back_with_what_it_told(
    script: Script, details_seconds: float, acts: list[str]
) -> None:
    played = Played(script)
    played.details.seconds = details_seconds
    exchange = await played.prepare(waiting_query())
    later(5, lambda: played.line.interrupt(lease_is_lost=False))

    await exchange.run()

    closing = [] if script.connect_seconds else ["close"]
    assert played.acts == [*acts, "record waiting", *closing]
    assert played.journal.state_of(1) is S.WAITING
    assert now() == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("details_seconds", [0, 30])
@pytest.mark.parametrize("script", [Script(connect_seconds=30), Script(), Script(pages=[[make_page(make_found())]])])
@in_virtual_time
async def test_lost_lease_ends_the_query_without_another_word(script: Script, details_seconds: float) -> None:
    played = Played(script)
    played.details.seconds = details_seconds
    exchange = await played.prepare(waiting_query())
    later(5, lambda: played.line.interrupt(lease_is_lost=True))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert not any(act.startswith("record") for act in played.acts)
    assert now() == 5


@in_virtual_time
async def test_worker_that_drains_takes_no_further_page() -> None:
    played = Played(Script(pages=slowly(5, pages_of(5))), settings=LONG_LEASE)
    played.lay_out(5)
    later(7, lambda: setattr(played.stage.services, "is_draining", True))

    claim = await played.stage.claim(waiting_query())
    await LaneRunner(played.stage.services, claim).serve()

    assert [order.page_number for order in played.gateway.queries] == [1, 2]
    assert played.journal.state_of(1) is S.WAITING


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
