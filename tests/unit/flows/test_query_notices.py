"""Download notices: how long they are waited for, how often a download is asked for again, what is told of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import MOMENT, make_found, make_page, make_query, make_question
from tests.unit.flows.query_driver import Driven
from tests.unit.flows.tables import FAILED_DATE, RULES, TIMING, read, record_of
from worker.flows.query import decide
from worker.flows.query_state import MOST_DATES, Next, Phase, QueryProgress, QueryState, QueryWish, Situation
from worker.flows.vocabulary import (
    AskDownload,
    AskPage,
    ConnectionLost,
    Details,
    DetailsFetched,
    FetchDetails,
    Input,
    MayGoOn,
    TimedOut,
)
from worker.ports import DownloadTold, PageShown

OTHER_DATE = "2024-04-12 10:10:11"
FAILED = DownloadTold(ok=False, date=FAILED_DATE)
UNREADABLE = DownloadTold(ok=False)
DONE = DownloadTold(ok=True)


def step(state: QueryState, given: Input, *, wish: dict[str, Any] | None = None) -> Next:
    at = Situation(
        state=state,
        command=make_query(deadline_at=MOMENT + timedelta(minutes=30)),
        wish=QueryWish.read(wish or make_question()),
        timing=TIMING,
        rules=RULES,
        now=MOMENT,
        chance=1.0,
    )
    return decide(at, given)


def asked(**progress: Any) -> QueryState:
    return QueryState(QueryProgress(**progress), Phase.ASKED)


def noticed(**progress: Any) -> QueryState:
    """A page is here, and its notice is waited for."""
    return step(asked(**progress), read(make_page(make_found()))).state


def one_page(*notices: DownloadTold, **fields: Any) -> Driven:
    driven = Driven(lambda _: make_page(make_found()), **fields)
    driven.notices = list(notices)
    return driven


# ---- how long ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_silent", "patience"), [(False, RULES.notice), (True, RULES.grace)])
def test_notice_is_waited_for_until_one_page_had_none(is_silent: bool, patience: timedelta) -> None:
    decision = step(asked(is_silent=is_silent), read(make_page(make_found())))

    assert decision.timer == patience


@pytest.mark.parametrize(
    ("wish", "page"),
    [(make_question(files=[]), make_page(make_found())), (make_question(), make_page())],
    ids=["no files are wanted", "no invoice came"],
)
def test_notice_that_nobody_needs_is_not_waited_for(wish: dict[str, Any], page: PageShown) -> None:
    decision = step(asked(), read(page), wish=wish)

    assert decision.state.phase is Phase.DETAILS


def test_page_without_a_notice_makes_the_query_silent_and_looks_for_the_files_all_the_same() -> None:
    decision = step(noticed(), TimedOut())

    assert isinstance(decision.effects[0], FetchDetails)
    assert decision.state.progress.is_silent
    assert not decision.state.progress.download_ok


def test_notice_that_comes_after_all_ends_the_silence() -> None:
    decision = step(noticed(is_silent=True, download_ok=False), DONE)

    assert not decision.state.progress.is_silent


def test_silence_survives_a_crash() -> None:
    state = step(noticed(), TimedOut()).state
    state = replace(state, page=make_page(make_found(), has_next=True))

    decision = step(state, DetailsFetched(Details()))

    assert QueryProgress.read(record_of(decision).progress, 1).is_silent


# ---- how often -----------------------------------------------------------------------------------------


def test_failed_download_is_asked_for_again_byte_for_byte() -> None:
    driven = one_page(FAILED)

    said = driven.run()

    assert driven.retried == [FAILED_DATE]
    assert said["download"] == {"ok": True, "date": None}


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 9])
def test_download_that_keeps_failing_is_asked_for_only_so_often(failures: int) -> None:
    driven = one_page(*[FAILED] * failures)

    said = driven.run()

    assert len(driven.retried) == min(failures, RULES.download_attempts)
    is_done = failures <= RULES.download_attempts
    assert said["download"] == {"ok": is_done, "date": None if is_done else FAILED_DATE}
    assert said["invoiceCount"] == 1


def test_failures_are_asked_for_again_one_after_the_other() -> None:
    state = noticed(dates=(OTHER_DATE,))

    decision = step(state, FAILED)
    assert decision.effects == (AskDownload(OTHER_DATE),)

    waiting = step(decision.state, DownloadTold(ok=False, date="2024-04-12 10:10:12"))
    assert waiting.effects == ()
    assert waiting.timer is None

    following = step(waiting.state, DONE)
    assert following.effects == (AskDownload(FAILED_DATE),)


def test_same_failure_told_twice_is_asked_for_again_once() -> None:
    decision = step(noticed(dates=(FAILED_DATE,)), FAILED)

    assert decision.effects == (AskDownload(FAILED_DATE),)
    assert decision.state.progress.dates == ()


def test_retry_that_is_not_answered_is_told_as_failed() -> None:
    decision = step(step(noticed(), FAILED).state, TimedOut())

    progress = decision.state.progress
    assert (progress.download_ok, progress.download_date) == (False, FAILED_DATE)
    assert not progress.is_silent


def test_failure_without_a_text_cannot_be_asked_for_again() -> None:
    driven = one_page(UNREADABLE)

    said = driven.run()

    assert driven.retried == []
    assert said["download"] == {"ok": False, "date": None}


def test_unreadable_notice_ends_no_retry() -> None:
    retrying = step(noticed(), FAILED).state

    decision = step(retrying, UNREADABLE)

    assert decision.effects == ()
    assert decision.state.retrying == FAILED_DATE


# ---- notices out of their time -------------------------------------------------------------------------


def test_failure_that_is_told_while_the_next_page_is_awaited_is_asked_for_again_after_it() -> None:
    state = step(asked(), FAILED).state
    assert state.phase is Phase.ASKED

    state = step(state, read(make_page(make_found()))).state
    decision = step(state, DONE)

    assert decision.effects == (AskDownload(FAILED_DATE),)


def test_failure_that_is_told_before_the_last_and_empty_page_is_asked_for_again() -> None:
    """An empty page has no notice that the retry could wait for."""
    state = step(asked(), FAILED).state

    decision = step(state, read(make_page()))

    assert decision.effects[-1] == AskDownload(FAILED_DATE)
    assert decision.timer == RULES.notice


def test_late_failure_is_not_forgotten_where_no_files_are_wanted() -> None:
    wish = make_question(files=[])
    state = step(asked(), FAILED, wish=wish).state
    state = step(state, read(make_page(make_found())), wish=wish).state
    decision = step(state, DetailsFetched(Details()), wish=wish)

    progress = QueryProgress.read(record_of(decision).progress, 1)
    assert (progress.download_ok, progress.download_date) == (False, FAILED_DATE)


def test_failure_that_waits_for_its_turn_survives_a_crash() -> None:
    """It was told while a page was awaited, and the worker dies after that page."""
    state = replace(step(asked(), FAILED).state, phase=Phase.DETAILS, page=make_page(make_found(), has_next=True))
    decision = step(state, DetailsFetched(Details()))

    progress = QueryProgress.read(record_of(decision).progress, 1)
    again = step(QueryState(progress, Phase.LOOKING), MayGoOn())
    assert isinstance(again.effects[0], AskPage)
    again = step(step(again.state, read(make_page(make_found(2)))).state, DONE)
    assert again.effects == (AskDownload(FAILED_DATE),)


def test_gateway_gone_mad_cannot_fill_the_progress_with_failures() -> None:
    state = asked()
    for number in range(3 * MOST_DATES):
        state = step(state, DownloadTold(ok=False, date=f"2024-04-12 {number}")).state

    assert len(state.progress.dates) == MOST_DATES


def test_connection_lost_while_a_notice_is_awaited_asks_for_the_page_again() -> None:
    decision = step(noticed(), ConnectionLost("reset"))

    assert record_of(decision).progress is None
    assert record_of(decision).due_at is not None
