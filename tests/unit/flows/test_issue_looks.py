"""When the invoice of a submission is looked for, by how the submission ended, with looking switched on and off."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.failures import FailureCode, Stage
from tests.builders import MOMENT, make_command, make_invoice, make_result
from tests.unit.flows.tables import TIMING, record_of, said_of
from worker.flows.issue import IssueState, Next, Phase, Situation, decide
from worker.flows.looks import EXPIRED, NO_SCHEDULES, NOT_ISSUED, Absence, Schedules
from worker.flows.vocabulary import CloseSession, ConnectionLost, Input, Record, Recovered, TimedOut
from worker.ports import ResultRefused
from worker.records import CommandState, SubmittedInvoice

S = CommandState
LOOKS = Schedules(
    confirm=(timedelta(seconds=60), timedelta(seconds=61)),
    doubt=(timedelta(seconds=30), timedelta(seconds=31)),
    refusal=(timedelta(seconds=15), timedelta(seconds=16)),
)
AFTER_SUBMISSION = (Phase.SUBMITTED, Phase.SCANNING, Phase.RESULT_OVERDUE, Phase.QR_REFUSED)


def step(phase: Phase, given: Input, *, looks: Schedules = LOOKS, **fields: Any) -> Next:
    at = Situation(
        state=IssueState(phase),
        command=make_command(state=S.SUBMITTING, submitted_at=MOMENT, **fields),
        rules=None,
        wish=SubmittedInvoice.read({"invoice": make_invoice()}),
        timing=TIMING,
        now=MOMENT,
        chance=1.0,
        looks=looks,
    )
    return decide(at, given)


@pytest.mark.parametrize("phase", AFTER_SUBMISSION)
def test_result_has_its_number_looked_for_after_the_delay(phase: Phase) -> None:
    record = record_of(step(phase, make_result()))

    assert (record.to, record.sought_at) == (S.COMPLETED, MOMENT + LOOKS.confirm[0])
    assert record.progress is None


def test_result_has_nothing_looked_for_where_that_is_switched_off() -> None:
    assert record_of(step(Phase.SUBMITTED, make_result(), looks=NO_SCHEDULES)).sought_at is None


@pytest.mark.parametrize("looks", [LOOKS, NO_SCHEDULES])
def test_draft_is_looked_for_by_nobody(looks: Schedules) -> None:
    decision = step(Phase.SUBMITTED, make_result(is_draft=True), looks=looks)

    assert (record_of(decision).to, record_of(decision).sought_at) == (S.FAILED, None)


@pytest.mark.parametrize("phase", AFTER_SUBMISSION)
def test_refusal_is_checked_before_it_is_told(phase: Phase) -> None:
    decision = step(phase, ResultRefused())

    record = record_of(decision)
    assert (record.to, record.announcements, record.sought_at) == (S.CHECKING, (), MOMENT + LOOKS.refusal[0])
    is_scan = phase is Phase.QR_REFUSED
    absence = Absence.read(record.progress)
    assert absence.code is (FailureCode.QR_FAILED if is_scan else FailureCode.ISSUE_REFUSED)
    assert absence.stage is (Stage.SCAN if is_scan else Stage.RESULT)
    assert decision.effects[-1] == CloseSession()


@pytest.mark.parametrize("phase", AFTER_SUBMISSION)
def test_refusal_is_told_at_once_where_nobody_looks(phase: Phase) -> None:
    decision = step(phase, ResultRefused(), looks=NO_SCHEDULES)

    is_scan = phase is Phase.QR_REFUSED
    assert record_of(decision).to is S.FAILED
    assert said_of(decision)["code"] is (FailureCode.QR_FAILED if is_scan else FailureCode.ISSUE_REFUSED)


DOUBTS = [
    (Phase.TAKEN, Recovered(), NOT_ISSUED),
    (Phase.SUBMITTED, TimedOut(), NOT_ISSUED),
    (Phase.RESULT_OVERDUE, TimedOut(), EXPIRED),
    *((phase, ConnectionLost("reset"), NOT_ISSUED) for phase in AFTER_SUBMISSION),
]


@pytest.mark.parametrize(("phase", "given", "absence"), DOUBTS)
def test_doubt_says_when_it_is_looked_for_and_keeps_what_absence_would_mean(
    phase: Phase, given: Input, absence: Absence
) -> None:
    decision = step(phase, given)

    record = record_of(decision)
    assert (record.to, record.sought_at) == (S.IN_DOUBT, MOMENT + LOOKS.doubt[0])
    assert Absence.read(record.progress) == absence
    said = said_of(decision)
    assert (said["needsPerson"], said["nextLookAt"], said["submittedAt"]) == (False, MOMENT + LOOKS.doubt[0], MOMENT)


@pytest.mark.parametrize(("phase", "given", "absence"), DOUBTS)
def test_doubt_asks_for_a_person_where_nobody_looks(phase: Phase, given: Input, absence: Absence) -> None:
    decision = step(phase, given, looks=NO_SCHEDULES)

    assert (said_of(decision)["needsPerson"], said_of(decision)["nextLookAt"]) == (True, None)
    assert record_of(decision).sought_at is None
    assert Absence.read(record_of(decision).progress) == absence


def test_qr_that_fails_is_checked_when_its_grace_is_over() -> None:
    decision = step(Phase.QR_REFUSED, TimedOut())

    assert isinstance(decision.effects[0], Record)
    assert record_of(decision).to is S.CHECKING
    assert Absence.read(record_of(decision).progress).code is FailureCode.QR_FAILED
