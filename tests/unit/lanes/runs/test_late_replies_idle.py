"""A late result on an idle session, before the session's first submission, or on the query side."""

from datetime import timedelta

import pytest

from tests.builders import change_result, make_found, make_page, make_result
from tests.lane_fakes import Answer, Script
from tests.unit.lanes.playing import DONE, LONG_LEASE, Played, later, now, waiting_query
from tests.unit.lanes.runs.test_late_replies import (
    ACCOUNT,
    LATE,
    RESULT,
    STRANGE,
    S,
    doubtful,
    issuing,
    strays,
    waiting,
)
from tests.virtual_time import EPOCH, in_virtual_time
from worker.flows.looks import Absence
from worker.lanes.runner import LaneRunner
from worker.ports import FrameIgnored, LoginAnswered, QrRefused, ResultRefused, ResultShown
from worker.records import CommandState

# ---- on an idle session --------------------------------------------------------------------------------


async def idle(*said: ResultShown | FrameIgnored, down: str = "", doubts: int = 1) -> Played:
    """A session that is kept after its command, and says this ten seconds later."""
    played = issuing(RESULT, session_idle_seconds=30)
    claim = await played.stage.claim(*(doubtful(key) for key in (1, *range(3, 2 + doubts))), waiting())
    later(10, lambda: played.gateway.sessions[0].say(*said))
    later(9, lambda: played.journal.down.add(down))
    later(50, played.journal.down.clear)
    await LaneRunner(played.stage.services, claim).serve()
    return played


@in_virtual_time
async def test_late_result_on_an_idle_session_settles_and_ends_it() -> None:
    played = await idle(LATE)

    assert played.journal.state_of(1) is S.COMPLETED
    assert not played.gateway.open_sessions
    assert now() == pytest.approx(10, abs=1)


@in_virtual_time
async def test_other_result_on_an_idle_session_is_kept() -> None:
    played = await idle(make_result(STRANGE))

    assert strays(played) == [(None, "does_not_fit")]
    assert played.journal.state_of(1) is S.IN_DOUBT


@in_virtual_time
async def test_late_result_on_an_idle_session_that_could_be_of_two_is_kept() -> None:
    played = await idle(LATE, doubts=2)

    assert strays(played) == [(1, "fits_several"), (3, "fits_several")]
    assert [played.journal.state_of(key) for key in (1, 3)] == [S.IN_DOUBT] * 2


@pytest.mark.parametrize("down", ["unsettled", "last_results", "keep_stray", "*"])
@in_virtual_time
async def test_late_result_on_an_idle_session_is_held_until_the_store_answers(down: str) -> None:
    """Let go, it would be no evidence when the list does not show the invoice, and the order `not_issued`."""
    played = await idle(LATE, down=down)
    twice = await idle(LATE, down=down, doubts=2)

    assert played.journal.state_of(1) is S.COMPLETED
    assert strays(twice) == [(1, "fits_several"), (3, "fits_several")]


@in_virtual_time
async def test_answer_that_names_an_invoice_is_kept_on_an_idle_session_too() -> None:
    played = await idle(FrameIgnored("unreadable", b"{}"))

    assert strays(played) == [(None, "unreadable"), (1, "unreadable")]


@in_virtual_time
async def test_repeated_result_on_an_idle_session_settles_no_other() -> None:
    untold = {name: value for name, value in RESULT.invoice.items() if name != "remark"}

    played = await idle(change_result(RESULT, invoice=untold))

    assert played.journal.state_of(1) is S.IN_DOUBT


@pytest.mark.parametrize("refusal", [ResultRefused("额度不足"), QrRefused("额度不足")], ids=type)
@in_virtual_time
async def test_refusal_on_a_lane_with_a_doubt_is_checked_by_its_own_schedule(refusal: Answer) -> None:
    """Nothing else comes, so it was the command's own: no doubt that would make doubts of all that follow."""
    played = issuing(refusal, refusal_schedule=(timedelta(seconds=15), timedelta(seconds=60)))

    await played.serve(doubtful(sought_at=EPOCH + timedelta(hours=1), submitted_at=EPOCH), waiting())

    command = played.journal.commands[2]
    absence = Absence.read(command.progress)
    assert command.state is S.CHECKING
    assert command.submitted_at is not None
    assert command.sought_at == command.submitted_at + timedelta(seconds=120 + 15)
    assert absence.gateway_message == "额度不足"
    assert absence.not_before == command.submitted_at + timedelta(seconds=120 + 300 + 120)
    assert played.journal.outcomes_of(2) == []


@in_virtual_time
async def test_refusal_is_checked_at_once_where_no_answer_to_the_doubt_can_come_any_more() -> None:
    played = issuing(ResultRefused(), refusal_schedule=(timedelta(seconds=15),))
    before = doubtful(sought_at=EPOCH + timedelta(hours=1), submitted_at=EPOCH - timedelta(minutes=10))

    await played.serve(before, waiting())

    command = played.journal.commands[2]
    assert command.state is S.CHECKING
    assert command.submitted_at is not None
    assert command.sought_at == command.submitted_at + timedelta(seconds=15)
    assert Absence.read(command.progress).not_before is None


@in_virtual_time
async def test_late_result_before_the_sessions_first_submission_settles_what_it_speaks_of() -> None:
    """It comes while the next order logs in: nothing was submitted on this session yet."""
    played = Played(
        Script(login=[LATE, LoginAnswered(True)], submissions=[[RESULT]]),
        settings={**LONG_LEASE, "session_idle_seconds": 0, "confirm": True},
    )

    await played.serve(doubtful(), waiting())

    assert [played.journal.state_of(key) for key in (1, 2)] == [S.COMPLETED] * 2
    assert played.completed(1)["invoiceUrl"] == LATE.invoice_url
    assert played.completed(2)["invoiceUrl"] == RESULT.invoice_url
    assert not played.journal.strays
    played.check()


# ---- on the query side -----------------------------------------------------------------------------------


def asked(*answers: Answer) -> Played:
    """A gateway that says this when a page is asked for."""
    return Played(Script(pages=[list(answers)]), settings={**LONG_LEASE, "session_idle_seconds": 0, "confirm": True})


@pytest.mark.parametrize("state", [S.IN_DOUBT, S.CHECKING])
@in_virtual_time
async def test_late_result_during_a_query_settles_the_submission_before_and_the_query_goes_on(
    state: CommandState,
) -> None:
    played = asked(LATE, make_page(total=0), DONE)

    await played.serve(doubtful(state=state), waiting_query(2))

    assert played.completed(1)["invoiceUrl"] == LATE.invoice_url
    assert played.journal.state_of(2) is S.COMPLETED
    assert played.journal.commands[1].sought_at is not None
    assert not played.journal.strays
    played.check()


@in_virtual_time
async def test_result_during_a_query_that_contradicts_what_is_open_settles_nothing() -> None:
    played = asked(make_result(STRANGE, invoice_url="http://pdf.example/x.pdf"), make_page(total=0), DONE)

    await played.serve(doubtful(), waiting_query(2))

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert [reason for _, reason in strays(played)] == ["does_not_fit"]
    assert played.journal.state_of(2) is S.COMPLETED


@in_virtual_time
async def test_late_result_during_its_own_look_up_settles_it_once() -> None:
    """The look then finds nobody who waits for it: what it found is the number of what is completed by now."""
    played = asked(LATE, make_page(make_found(1, note="1")), DONE)

    await played.serve(doubtful(account=ACCOUNT, sought_at=EPOCH), until=300)

    assert played.journal.outcomes_of(1)[0] == "completed"
    assert played.completed(1)["invoiceUrl"] == LATE.invoice_url
    played.check()
