"""A query on its lane: what is done in which order, and that no fault tells a page twice or loses one."""

import asyncio

import pytest

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
from worker.errors import LeaseLost
from worker.lanes.runner import LaneRunner
from worker.lanes.runs.query import PAGES_IN_A_ROW
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
    following = (await exchange.run()).command

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
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=False))

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
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=True))

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
