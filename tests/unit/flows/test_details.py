"""The flow of commands without a session: every pair of phase and input, and what is not ready yet."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from tests.builders import MOMENT, make_command
from tests.lane_fakes import make_file
from tests.unit.flows.tables import (
    EXAMPLES,
    FILES_SCHEDULE,
    PUT_BACK,
    RULES,
    TIMING,
    Expected,
    check_pair,
    record_of,
    said_of,
)
from worker.flows.details import TRANSITIONS, DetailsState, Next, Phase, Situation, decide
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    Begin,
    Details,
    DetailsFailed,
    DetailsFetched,
    Draining,
    FetchDetails,
    Input,
    ReadJournal,
    Record,
    StoredRead,
)
from worker.records import CommandState

P, S = Phase, CommandState
DATA: Mapping[str, dict[str, Any]] = {
    "invoice.items": {"invoiceBasicInfoId": "1"},
    "invoice.files": {"invoiceIdList": ["1", "2"], "typeList": ["pdf", "xml"]},
    "invoice.stored": {"commandId": "a", "limit": 100, "offset": 0},
}
ITEM = {"invoiceBasicInfoId": "1", "itemName": "商品A"}


def situation(kind: str = "invoice.files", state: DetailsState | None = None, **fields: Any) -> Situation:
    defaults: dict[str, Any] = {
        "command": make_command(type=kind, lane="\x1ferp\x1fa", deadline_at=MOMENT + timedelta(minutes=30)),
        "wish": DATA[kind],
        "timing": TIMING,
        "rules": RULES,
        "now": MOMENT,
        "chance": 1.0,
    }
    return Situation(state=state or DetailsState(), **{**defaults, **fields})


def asked(round_: int = 0) -> DetailsState:
    return DetailsState(P.ASKED, round_)


LATER = Expected(P.ENDED, (Record,), S.WAITING)
EXPECTED: Mapping[tuple[Phase, type[Input]], Expected] = {
    (P.TAKEN, Begin): Expected(P.ASKED, (FetchDetails,)),
    (P.TAKEN, Draining): PUT_BACK,
    (P.ASKED, DetailsFetched): LATER,
    (P.ASKED, DetailsFailed): PUT_BACK,
    (P.ASKED, StoredRead): Expected(P.ENDED, (Record,), S.COMPLETED, Outcome.COMPLETED),
    (P.ASKED, Draining): PUT_BACK,
}


def test_table_and_expectation_name_the_same_pairs() -> None:
    assert set(TRANSITIONS) == set(EXPECTED)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(EXAMPLES), ids=lambda kind: kind.__name__)
def test_pair(phase: Phase, kind: type[Input]) -> None:
    check_pair(decide, situation(state=DetailsState(phase)), kind, EXPECTED.get((phase, kind)))


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        ("invoice.items", FetchDetails(items_of=("1",))),
        ("invoice.files", FetchDetails(files_of=("1", "2"), types=("pdf", "xml"))),
        ("invoice.stored", ReadJournal()),
    ],
)
def test_each_command_asks_its_own_question(kind: str, question: Any) -> None:
    assert decide(situation(kind), Begin(session_is_open=False)).effects == (question,)


def test_overdue_command_asks_nothing() -> None:
    decision = decide(situation(command=make_command(type="invoice.files", deadline_at=MOMENT)), Begin(False))

    assert said_of(decision)["code"] is FailureCode.DEADLINE_EXCEEDED


def test_items_are_told_and_stored() -> None:
    decision = decide(situation("invoice.items", asked()), DetailsFetched(Details({"1": (ITEM,)})))

    assert said_of(decision) == {"items": [ITEM]}
    findings = record_of(decision).findings
    assert findings is not None
    assert (findings.user_id, list(findings.items)) == (None, ["1"])


def later_of(decision: Next) -> tuple[timedelta, int]:
    """How long it waits, and the round that is over then."""
    record = record_of(decision)
    assert record.to is S.WAITING
    assert record.due_at is not None
    return record.due_at - MOMENT, DetailsState.read(record.progress).round


@pytest.mark.parametrize("kind", ["invoice.items", "invoice.files"])
@pytest.mark.parametrize("round_", range(len(FILES_SCHEDULE)))
def test_what_is_not_ready_is_asked_for_again_by_the_schedule(kind: str, round_: int) -> None:
    decision = decide(situation(kind, asked(round_)), DetailsFetched(Details()))

    assert later_of(decision) == (FILES_SCHEDULE[round_], round_ + 1)


def test_round_is_read_from_the_progress() -> None:
    assert DetailsState.read(None) == DetailsState()
    assert DetailsState.read(b'{"round": 2}').round == 2


def test_files_that_came_are_stored_while_the_others_are_waited_for() -> None:
    decision = decide(situation(state=asked()), DetailsFetched(Details(files=(make_file("1", "pdf"),))))

    findings = record_of(decision).findings
    assert findings is not None
    assert [(file.invoice_id, file.type) for file in findings.files] == [("1", "pdf")]


def test_files_that_never_come_are_named() -> None:
    files = (make_file("1", "pdf"), make_file("1", "xml"), make_file("2", "xml"))

    decision = decide(situation(state=asked(len(FILES_SCHEDULE))), DetailsFetched(Details(files=files)))

    assert said_of(decision) == {"files": list(files), "missingFiles": ["2"]}


def test_items_that_never_come_fail_the_command() -> None:
    decision = decide(situation("invoice.items", asked(len(FILES_SCHEDULE))), DetailsFetched(Details({"1": ()})))

    assert said_of(decision)["code"] is FailureCode.HTTP_ERROR
    assert said_of(decision)["stage"] is Stage.DETAILS


def test_nothing_is_waited_for_past_the_deadline() -> None:
    command = make_command(type="invoice.files", deadline_at=MOMENT + FILES_SCHEDULE[0])

    decision = decide(situation(state=asked(), command=command), DetailsFetched(Details()))

    assert said_of(decision) == {"files": [], "missingFiles": ["1", "2"]}


def test_failed_look_up_is_tried_again_and_one_that_is_no_use_is_not() -> None:
    again = decide(situation(state=asked()), DetailsFailed("503", retry_after=timedelta(seconds=7)))
    over = decide(situation(state=asked()), DetailsFailed("no", code=FailureCode.GATEWAY_UNAUTHORIZED))

    assert record_of(again).due_at == MOMENT + timedelta(seconds=7)
    assert record_of(again).progress is None
    assert said_of(over)["code"] is FailureCode.GATEWAY_UNAUTHORIZED


def test_stored_invoices_are_told_as_they_were_read() -> None:
    decision = decide(situation("invoice.stored", asked()), StoredRead(7, ({"commandId": "a"},), S.FAILED))

    assert said_of(decision) == {"total": 7, "invoices": [{"commandId": "a"}], "commandState": S.FAILED}


def test_ended_exchange_hears_nothing() -> None:
    state = replace(asked(), phase=P.ENDED)

    assert decide(situation(state=state), DetailsFetched(Details())) == Decision(state)
