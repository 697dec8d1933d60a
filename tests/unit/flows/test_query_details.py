"""Items and files of a query's pages, files that come late, and what a query fails of."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.events import QueryCompleted
from contracts.failures import FailureCode, Stage
from tests.builders import MOMENT, make_found, make_page, make_query, make_question
from tests.lane_fakes import make_file
from tests.unit.flows.query_driver import Driven
from tests.unit.flows.tables import FILES_SCHEDULE, RULES, TIMING, read, record_of, said_of
from worker.flows.query import decide
from worker.flows.query_state import Next, Phase, QueryProgress, QueryStage, QueryState, QueryWish, Situation
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    CloseSession,
    Connect,
    ConnectFailed,
    CountLogin,
    Details,
    DetailsFailed,
    DetailsFetched,
    FetchDetails,
    FetchLate,
    Input,
    ListMissing,
    Overtaken,
    Record,
    TimedOut,
)
from worker.ports import LoginAnswered, QueryRefused
from worker.records import CommandState

LATE = QueryProgress(stage=QueryStage.LATE, pages=1, round=1)
S = CommandState


def step(state: QueryState, given: Input, **fields: Any) -> Next:
    defaults: dict[str, Any] = {
        "command": make_query(deadline_at=MOMENT + timedelta(minutes=30)),
        "wish": QueryWish.read(make_question()),
        "timing": TIMING,
        "rules": RULES,
        "now": MOMENT,
        "chance": 1.0,
    }
    return decide(Situation(state=state, **{**defaults, **fields}), given)


def at(phase: Phase, progress: QueryProgress | None = None) -> QueryState:
    page = make_page(make_found())
    return QueryState(progress or QueryProgress(), phase, page=page, rows=page.invoices, came=1)


# ---- what is fetched -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "has_items", "types"),
    [
        ({}, True, ("pdf", "ofd", "xml")),
        ({"items": False}, False, ("pdf", "ofd", "xml")),
        ({"files": []}, True, ()),
        ({"items": False, "files": ["xml"]}, False, ("xml",)),
    ],
)
def test_only_what_was_asked_for_is_fetched(wish: dict[str, Any], has_items: bool, types: tuple[str, ...]) -> None:
    found = make_found()
    decision = step(at(Phase.NOTICE), TimedOut(), wish=QueryWish.read(make_question(**wish)))

    (wanted,) = decision.effects
    assert wanted == FetchDetails(
        items_of=(found["id"],) if has_items else (),
        files_of=(found["id"],) if types else (),
        types=types,
        may_lack_items=True,
    )


def test_items_and_files_are_told_with_their_invoice_and_stored() -> None:
    found = make_found()
    details = Details({found["id"]: ({"itemName": "商品A"},)}, (make_file(found["id"], "pdf"),))

    decision = step(at(Phase.DETAILS), DetailsFetched(details))

    (told,) = said_of(decision)["invoices"]
    assert told["items"] == [{"itemName": "商品A"}]
    assert told["files"] == [make_file(found["id"], "pdf")]
    findings = record_of(decision).findings
    assert findings is not None
    (row,) = findings.invoices
    assert row.lacks_files
    assert row.number == found["countETicketNumbers"]
    assert (findings.user_id, list(findings.items)) == ("1111", [found["id"]])
    assert [file.type for file in findings.files] == ["pdf"]


def test_files_of_another_number_are_not_the_invoices() -> None:
    found = make_found()
    strange = {**make_file(found["id"], "pdf"), "countETicketNumbers": "24332000000000000099"}
    own = {**make_file(found["id"], "ofd"), "countETicketNumbers": found["countETicketNumbers"]}
    item = {"itemName": "商品A", "countETicketNumbers": "24332000000000000099"}

    decision = step(at(Phase.DETAILS), DetailsFetched(Details({found["id"]: (item,)}, (strange, own))))

    (told,) = said_of(decision)["invoices"]
    assert (told["items"], told["files"]) == ([], [own])


def test_invoice_without_items_is_named() -> None:
    driven = Driven(lambda _: make_page(make_found()))
    found = make_found()

    decision = step(at(Phase.DETAILS), DetailsFetched(Details({found["id"]: ()})))

    assert QueryProgress.read(record_of(decision).progress, 1).missing_items == (found["id"],)
    assert driven.run()["missingItems"] == []


# ---- files that come late ------------------------------------------------------------------------------


def late(ready_in: dict[str, int], count: int = 5) -> Driven:
    """Files of these types are there from that round on."""
    rows = [make_found(number) for number in range(1, count + 1)]
    return Driven(
        lambda _: make_page(*rows),
        ready=lambda _, round_: [name for name, first in ready_in.items() if first <= round_],
    )


@pytest.mark.parametrize("round_", range(len(FILES_SCHEDULE) + 1))
def test_files_that_are_not_ready_are_asked_for_again_by_the_schedule(round_: int) -> None:
    driven = late({"pdf": 0, "ofd": 0, "xml": round_})

    said = driven.run()

    assert driven.now == MOMENT + sum(FILES_SCHEDULE[:round_], timedelta(0))
    assert (said["fileCount"], said["missingFiles"]) == (15, [])
    told = [page for page in driven.pages if page["late"]]
    assert len(told) == (3 if round_ else 0)
    assert all(len(each["files"]) == 3 for page in told for each in page["invoices"])
    assert all("items" not in each for page in told for each in page["invoices"])


def test_files_that_never_come_are_named_at_the_end() -> None:
    driven = late({"pdf": 0, "ofd": 0}, count=2)

    said = driven.run()

    assert said["missingFiles"] == [make_found(1)["id"], make_found(2)["id"]]
    assert said["fileCount"] == 4
    assert driven.now == MOMENT + sum(FILES_SCHEDULE, timedelta(0))
    assert [record.to for record in driven.records].count(S.WAITING) == len(FILES_SCHEDULE)


def test_completed_is_as_the_contract_has_it() -> None:
    said = late({"pdf": 0}, count=1).run()

    QueryCompleted.model_validate({"commandId": "a", "commandSource": "b", "userId": "1111", **said})


def test_round_that_dies_goes_on_behind_the_last_invoice_it_told() -> None:
    driven = late({"pdf": 0, "ofd": 1, "xml": 1})
    deaths = iter([False, True])

    def disturb(given: Input) -> Input | None:
        return None if isinstance(given, DetailsFetched) and given.lacking and next(deaths, False) else given

    driven.disturb = disturb
    said = driven.run()

    told = [each["id"] for page in driven.pages if page["late"] for each in page["invoices"]]
    assert len(told) == len(set(told)) == 5
    assert said["missingFiles"] == []


def test_late_round_needs_no_login() -> None:
    """The look-up goes over HTTP: a missing credential or a resting account must not fail what is nearly done."""
    for given in (
        Begin(session_is_open=False, credential_fault="gone"),
        Begin(session_is_open=False, suspended_until=MOMENT + timedelta(hours=1)),
        Begin(session_is_open=True),
    ):
        assert step(QueryState(LATE), given).effects == (FetchLate(""),)


def test_late_round_after_its_deadline_fails() -> None:
    decision = step(QueryState(LATE), Begin(session_is_open=False), command=make_query(deadline_at=MOMENT))

    assert said_of(decision)["code"] is FailureCode.DEADLINE_EXCEEDED


def test_last_page_that_lost_its_answer_to_a_crash_goes_on_with_what_is_missing() -> None:
    decision = step(QueryState(replace(LATE, round=0)), Begin(session_is_open=False))

    assert decision.effects == (ListMissing(),)


# ---- what it fails of ----------------------------------------------------------------------------------


def test_failed_look_up_is_begun_again_later_with_its_page() -> None:
    decision = step(at(Phase.DETAILS), DetailsFailed("503", retry_after=timedelta(seconds=90)))

    assert record_of(decision) == Record(S.WAITING, due_at=MOMENT + timedelta(seconds=90))


@pytest.mark.parametrize("phase", [Phase.DETAILS, Phase.LATE])
def test_look_up_that_is_no_use_fails_the_query(phase: Phase) -> None:
    decision = step(at(phase), DetailsFailed("no", code=FailureCode.GATEWAY_FORBIDDEN))

    assert said_of(decision)["code"] is FailureCode.GATEWAY_FORBIDDEN
    assert said_of(decision)["stage"] is Stage.DETAILS


def test_refused_login_is_counted_and_fails_the_query() -> None:
    decision = step(at(Phase.ASKED), LoginAnswered(accepted=False))

    assert decision.effects[0] == CountLogin(accepted=False)
    assert said_of(decision)["code"] is FailureCode.LOGIN_REFUSED


def test_refused_query_is_no_refused_login() -> None:
    decision = step(at(Phase.ASKED), QueryRefused())

    assert [type(effect) for effect in decision.effects] == [Record, CloseSession]
    assert said_of(decision)["code"] is FailureCode.QUERY_REFUSED


def test_login_is_known_to_be_accepted_by_its_page() -> None:
    decision = step(at(Phase.ASKED), read(make_page()))

    assert decision.effects[0] == CountLogin(accepted=True)


@pytest.mark.parametrize(("attempts", "is_put_back"), [(1, True), (2, True), (3, False)])
def test_page_without_an_answer_is_tried_only_so_often(attempts: int, is_put_back: bool) -> None:
    decision = step(at(Phase.ASKED), TimedOut(), command=make_query(attempts=attempts))

    if is_put_back:
        assert record_of(decision).to is S.WAITING
    else:
        assert said_of(decision)["code"] is FailureCode.GATEWAY_TIMEOUT


@pytest.mark.parametrize("is_open", [True, False])
def test_query_begins_on_the_open_session_or_on_a_new_one(is_open: bool) -> None:
    (effect,) = step(QueryState(QueryProgress()), Begin(session_is_open=is_open)).effects

    assert isinstance(effect, AskPage if is_open else Connect)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (Begin(session_is_open=False, credential_fault="gone"), FailureCode.CREDENTIAL_MISSING),
        (Begin(session_is_open=False, suspended_until=MOMENT + timedelta(hours=1)), FailureCode.LOGIN_SUSPENDED),
    ],
)
def test_query_that_cannot_log_in_fails_before_anything_is_opened(given: Begin, code: FailureCode) -> None:
    assert said_of(step(QueryState(QueryProgress()), given))["code"] is code


def test_refused_handshake_fails_the_query() -> None:
    decision = step(at(Phase.CONNECTING), ConnectFailed("no", code=FailureCode.GATEWAY_UNAUTHORIZED))

    assert said_of(decision)["code"] is FailureCode.GATEWAY_UNAUTHORIZED


def test_giving_way_keeps_the_session_and_is_due_at_once() -> None:
    assert step(at(Phase.LOOKING), Overtaken()).effects == (Record(S.WAITING, due_at=MOMENT),)
