"""The look-up flow when it has found something: files, numbers, and the session that stays."""

import pytest

from tests.builders import make_found, make_invoice, make_page
from tests.lane_fakes import make_file
from tests.unit.flows.submissions import subject
from tests.unit.flows.tables import FAILED_DATE, read
from tests.unit.flows.test_look_up import FOUND, RULES, Beside, S, run, settlements
from tests.unit.flows.test_look_up_list import other
from worker.flows.look_up import (
    FILE_TYPES,
    Next,
)
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    ConnectionLost,
    Details,
    DetailsFailed,
    DetailsFetched,
    FetchDetails,
    Input,
    TimedOut,
)
from worker.ports import DownloadTold

# ---- the end -------------------------------------------------------------------------------------------


BEFORE_FILES: tuple[Input | Beside, ...] = (Begin(session_is_open=True), read(make_page(FOUND)), Beside())
DONE = DownloadTold(ok=True)
FAILED = DownloadTold(ok=False, date=FAILED_DATE)
NONE_READY = DetailsFetched(Details())
FETCH = FetchDetails(files_of=(FOUND["id"],), types=FILE_TYPES)


def ready(*types: str) -> DetailsFetched:
    return DetailsFetched(Details(files=tuple(make_file(FOUND["id"], each) for each in types)))


def files_told(decision: Next) -> list[str]:
    (move,) = settlements(decision)
    return [file["type"] for file in move.announcements[-1].data["files"]]


@pytest.mark.parametrize("given_", [DONE, FAILED, TimedOut(), ConnectionLost("reset")], ids=lambda v: type(v).__name__)
def test_files_of_what_was_found_are_fetched_when_their_notice_came_or_will_not_come(given_: Input) -> None:
    decisions = run(*BEFORE_FILES, given_, ready(*FILE_TYPES))

    assert (decisions[2].effects, decisions[2].timer) == ((), RULES.notice)
    assert decisions[3].effects == (FETCH,)
    assert files_told(decisions[4]) == list(FILE_TYPES)


@pytest.mark.parametrize(
    ("given_", "is_announced"),
    [
        ((read(make_page(FOUND)),), False),
        ((read(make_page(FOUND, has_next=True)), DONE, read(make_page(other(2)))), False),
        ((read(make_page(FOUND, has_next=True)), DONE, read(make_page())), True),
    ],
    ids=["no notice yet", "the notice of a page before the last", "an empty page has none of its own"],
)
def test_notice_that_has_come_already_is_not_waited_for(given_: tuple[Input, ...], is_announced: bool) -> None:
    decisions = run(Begin(session_is_open=True), *given_, Beside())

    assert (decisions[-1].effects == (FETCH,)) is is_announced


def test_files_that_lack_are_asked_for_twice_again_and_no_more() -> None:
    decisions = run(*BEFORE_FILES, DONE, NONE_READY, TimedOut(), ready("pdf"), TimedOut(), ready("pdf", "ofd"))

    assert [decisions[place].timer for place in (4, 6)] == list(RULES.late_files)
    assert [decisions[place].effects for place in (3, 5, 7)] == [(FETCH,)] * 3
    assert files_told(decisions[8]) == ["pdf", "ofd"]


def test_only_what_lacks_a_file_is_asked_for_again() -> None:
    second = make_found(2, note="2")
    sought = (subject(1, invoice=make_invoice(remark="1")), subject(2, invoice=make_invoice(remark="2")))
    rows = (make_found(1, note="1"), second)

    decisions = run(
        Begin(session_is_open=True),
        read(make_page(*rows)),
        Beside(),
        DONE,
        ready(*FILE_TYPES),
        TimedOut(),
        subjects=sought,
    )

    assert decisions[-1].effects == (FetchDetails(files_of=(second["id"],), types=FILE_TYPES),)


def test_lane_without_a_session_is_not_held_while_files_lack() -> None:
    decisions = run(*BEFORE_FILES, DONE, NONE_READY, ConnectionLost("reset"), ready("pdf"))

    assert decisions[5].effects == (FETCH,)
    assert files_told(decisions[6]) == ["pdf"]


@pytest.mark.parametrize("late", [(), (NONE_READY, TimedOut())], ids=["at first", "when asked again"])
def test_number_is_told_even_where_its_files_cannot_be_had(late: tuple[Input, ...]) -> None:
    decisions = run(*BEFORE_FILES, DONE, *late, DetailsFailed("503"))

    (move,) = settlements(decisions[-1])
    assert (move.invoice_number, move.announcements[-1].data["files"]) == (FOUND["countETicketNumbers"], [])


def test_number_that_belongs_to_another_is_not_taken() -> None:
    decisions = run(Begin(session_is_open=True), read(make_page(FOUND)), Beside({FOUND["countETicketNumbers"]}))

    (move,) = settlements(decisions[-1])
    assert (move.to, move.invoice_number) == (S.IN_DOUBT, None)


def test_session_is_kept_after_a_look_that_saw_something() -> None:
    decisions = run(Begin(session_is_open=True), read(make_page()), Beside())

    assert CloseSession() not in decisions[-1].effects
