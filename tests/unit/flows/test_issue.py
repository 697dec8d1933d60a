"""The issue flow: every pair of phase and input, one by one, and what no sequence of inputs can break."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from tests.builders import MOMENT, make_command, make_invoice, make_result
from tests.unit.flows.tables import EXAMPLES, PUT_BACK, TIMING, Expected, check_pair
from worker.flows.issue import MAX_QRS, TRANSITIONS, IssueState, Next, Phase, Situation, decide
from worker.flows.looks import NOT_ISSUED, Absence, Schedules
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    CountLogin,
    CountRefusal,
    Draining,
    Input,
    KeepStray,
    Record,
    Recovered,
    SendLogin,
    Submit,
    TimedOut,
)
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused, ResultShown
from worker.records import CommandState, SubmittedInvoice

SENT = SubmittedInvoice.read({"invoice": make_invoice()})
LOOKS = Schedules(doubt=(timedelta(seconds=30),), refusal=(timedelta(seconds=15), timedelta(seconds=60)))
AFTER_SUBMISSION = {Phase.SUBMITTED, Phase.SCANNING, Phase.RESULT_OVERDUE, Phase.QR_REFUSED}


def situation(phase: Phase = Phase.TAKEN, *, qr_attempt: int = 0, **fields: Any) -> Situation:
    defaults: dict[str, Any] = {
        "command": make_command(deadline_at=MOMENT + timedelta(minutes=30)),
        "wish": SENT,
        "rules": None,
        "timing": TIMING,
        "now": MOMENT,
        "chance": 1.0,
    }
    return Situation(state=IssueState(phase, qr_attempt), **{**defaults, **fields})


S, P, C = CommandState, Phase, FailureCode
DOUBT = Expected(P.ENDED, (Record, CloseSession), S.IN_DOUBT, Outcome.IN_DOUBT)
SHOW_QR = Expected(P.SCANNING, (Record,), S.SCANNING, Outcome.QR_REQUIRED, timer=TIMING.scan)
GRACE = Expected(P.QR_REFUSED, (), timer=TIMING.refusal_grace)
DONE = Expected(P.ENDED, (Record, CountRefusal), S.COMPLETED, Outcome.COMPLETED)
REFUSED = Expected(P.ENDED, (Record, CloseSession, CountRefusal), S.FAILED, Outcome.FAILED, C.ISSUE_REFUSED)
QR_FAILED = Expected(P.ENDED, (Record, CloseSession, CountRefusal), S.FAILED, Outcome.FAILED, C.QR_FAILED)
HAND_OVER = Expected(P.ENDED, (CloseSession,))
SUBMIT = (Record, Submit)

EXPECTED: Mapping[tuple[Phase, type[Input]], Expected] = {
    (P.TAKEN, Begin): Expected(P.CONNECTING, (Connect,)),
    (P.TAKEN, Recovered): DOUBT,
    (P.TAKEN, Draining): PUT_BACK,
    (P.CONNECTING, Connected): Expected(P.LOGGING_IN, (SendLogin,), timer=TIMING.login),
    (P.CONNECTING, ConnectFailed): PUT_BACK,
    (P.CONNECTING, Draining): PUT_BACK,
    (P.LOGGING_IN, LoginAnswered): Expected(P.SUBMITTED, (CountLogin, *SUBMIT), S.SUBMITTING, timer=TIMING.answer),
    (P.LOGGING_IN, ConnectionLost): PUT_BACK,
    (P.LOGGING_IN, TimedOut): PUT_BACK,
    (P.LOGGING_IN, Draining): PUT_BACK,
    (P.SUBMITTED, QrShown): SHOW_QR,
    (P.SUBMITTED, QrRefused): GRACE,
    (P.SUBMITTED, ResultShown): DONE,
    (P.SUBMITTED, ResultRefused): REFUSED,
    (P.SUBMITTED, ConnectionLost): DOUBT,
    (P.SUBMITTED, TimedOut): DOUBT,
    (P.SUBMITTED, Draining): HAND_OVER,
    (P.SCANNING, QrShown): SHOW_QR,
    (P.SCANNING, QrRefused): GRACE,
    (P.SCANNING, ResultShown): DONE,
    (P.SCANNING, ResultRefused): REFUSED,
    (P.SCANNING, ConnectionLost): DOUBT,
    (P.SCANNING, TimedOut): Expected(P.RESULT_OVERDUE, (), timer=TIMING.result),
    (P.SCANNING, Draining): HAND_OVER,
    (P.RESULT_OVERDUE, QrShown): SHOW_QR,
    (P.RESULT_OVERDUE, QrRefused): GRACE,
    (P.RESULT_OVERDUE, ResultShown): DONE,
    (P.RESULT_OVERDUE, ResultRefused): REFUSED,
    (P.RESULT_OVERDUE, ConnectionLost): DOUBT,
    (P.RESULT_OVERDUE, TimedOut): DOUBT,
    (P.RESULT_OVERDUE, Draining): HAND_OVER,
    (P.QR_REFUSED, QrShown): SHOW_QR,
    (P.QR_REFUSED, ResultShown): DONE,
    (P.QR_REFUSED, ResultRefused): QR_FAILED,
    (P.QR_REFUSED, ConnectionLost): DOUBT,
    (P.QR_REFUSED, TimedOut): QR_FAILED,
    (P.QR_REFUSED, Draining): HAND_OVER,
}


# ---- pair by pair --------------------------------------------------------------------------------------


def test_table_and_expectation_name_the_same_pairs() -> None:
    """A transition that is added or dropped must be added or dropped here too."""
    assert set(TRANSITIONS) == set(EXPECTED)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(EXAMPLES), ids=lambda kind: kind.__name__)
def test_pair(phase: Phase, kind: type[Input]) -> None:
    check_pair(decide, situation(phase), kind, EXPECTED.get((phase, kind)))


# ---- before the submission -----------------------------------------------------------------------------


def failure_of(decision: Next) -> Mapping[str, Any]:
    record = next(effect for effect in decision.effects if isinstance(effect, Record))
    assert record.to is CommandState.FAILED
    return record.announcements[-1].data


def test_open_session_is_used_without_a_login() -> None:
    decision = decide(situation(), Begin(session_is_open=True))

    assert decision.effects == (Record(CommandState.SUBMITTING), Submit())


@pytest.mark.parametrize("is_open", [True, False])
def test_missing_credential_fails_before_anything_is_opened(is_open: bool) -> None:
    decision = decide(situation(), Begin(session_is_open=is_open, credential_fault="there is no such file"))

    assert failure_of(decision)["code"] is FailureCode.CREDENTIAL_MISSING
    assert Connect() not in decision.effects


@pytest.mark.parametrize(
    ("until", "is_suspended"),
    [(timedelta(seconds=1), True), (timedelta(0), False), (timedelta(seconds=-1), False)],
)
def test_suspended_account_fails_until_its_rest_is_over(until: timedelta, is_suspended: bool) -> None:
    decision = decide(situation(), Begin(session_is_open=False, suspended_until=MOMENT + until))

    if is_suspended:
        assert failure_of(decision)["code"] is FailureCode.LOGIN_SUSPENDED
        assert failure_of(decision)["retryable"] is True
    else:
        assert decision.effects == (Connect(),)


@pytest.mark.parametrize("given_", [Begin(session_is_open=False), Begin(session_is_open=True)])
def test_overdue_command_is_never_begun(given_: Begin) -> None:
    decision = decide(situation(command=make_command(deadline_at=MOMENT)), given_)

    assert failure_of(decision)["code"] is FailureCode.DEADLINE_EXCEEDED


def test_deadline_that_passes_during_the_login_stops_the_submission() -> None:
    at = situation(Phase.LOGGING_IN, command=make_command(deadline_at=MOMENT))

    decision = decide(at, LoginAnswered(True))

    assert failure_of(decision)["code"] is FailureCode.DEADLINE_EXCEEDED
    assert Submit() not in decision.effects
    assert decision.effects[0] == CountLogin(accepted=True)


def test_command_without_deadline_is_never_overdue() -> None:
    decision = decide(situation(command=make_command(deadline_at=None)), Begin(session_is_open=True))

    assert Submit() in decision.effects


def test_refused_login_is_counted_and_not_tried_again() -> None:
    decision = decide(situation(Phase.LOGGING_IN), LoginAnswered(False))

    assert decision.effects[0] == CountLogin(accepted=False)
    assert failure_of(decision)["code"] is FailureCode.LOGIN_REFUSED
    assert failure_of(decision)["stage"] is Stage.LOGIN
    assert failure_of(decision)["retryable"] is False


@pytest.mark.parametrize("code", [FailureCode.GATEWAY_UNAUTHORIZED, FailureCode.GATEWAY_FORBIDDEN])
def test_refused_handshake_is_final(code: FailureCode) -> None:
    decision = decide(situation(Phase.CONNECTING), ConnectFailed("no", code=code))

    assert failure_of(decision)["code"] is code


@pytest.mark.parametrize(
    ("attempts", "chance", "retry_after", "seconds"),
    [
        (1, 1.0, None, 1),
        (1, 0.0, None, 0),
        (2, 1.0, None, 2),
        (4, 0.5, None, 4),
        (10, 1.0, None, 60),
        (1, 1.0, timedelta(seconds=30), 30),
        (10, 1.0, timedelta(seconds=30), 60),
    ],
)
def test_next_try_comes_after_a_jittered_delay_that_heeds_the_gateway(
    attempts: int, chance: float, retry_after: timedelta | None, seconds: float
) -> None:
    at = situation(Phase.CONNECTING, command=make_command(attempts=attempts), chance=chance)

    decision = decide(at, ConnectFailed("refused", retry_after=retry_after))

    assert decision.effects[0] == Record(CommandState.WAITING, due_at=MOMENT + timedelta(seconds=seconds))


@pytest.mark.parametrize(("seconds_left", "is_put_back"), [(1.0, False), (1.001, True)])
def test_no_next_try_is_planned_past_the_deadline(seconds_left: float, is_put_back: bool) -> None:
    command = make_command(deadline_at=MOMENT + timedelta(seconds=seconds_left))

    decision = decide(situation(Phase.CONNECTING, command=command), ConnectFailed("refused"))

    record = decision.effects[0]
    assert isinstance(record, Record)
    assert (record.to is CommandState.WAITING) is is_put_back
    if not is_put_back:
        assert failure_of(decision)["code"] is FailureCode.GATEWAY_UNAVAILABLE


@pytest.mark.parametrize(("attempts", "is_put_back"), [(1, True), (2, True), (3, False), (4, False)])
def test_unanswered_login_is_tried_only_so_often(attempts: int, is_put_back: bool) -> None:
    decision = decide(situation(Phase.LOGGING_IN, command=make_command(attempts=attempts)), TimedOut())

    if is_put_back:
        assert isinstance(decision.effects[0], Record)
        assert decision.effects[0].to is CommandState.WAITING
    else:
        assert failure_of(decision)["code"] is FailureCode.GATEWAY_TIMEOUT


def test_drain_before_the_submission_puts_the_command_back_at_once() -> None:
    for phase in (Phase.CONNECTING, Phase.LOGGING_IN):
        decision = decide(situation(phase), Draining())

        assert decision.effects == (Record(CommandState.WAITING, due_at=MOMENT), CloseSession())


# ---- after the submission ------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", sorted(AFTER_SUBMISSION))
def test_drain_after_the_submission_writes_nothing(phase: Phase) -> None:
    """The command stays as it stands on disk, so that the next holder knows that it was submitted."""
    assert decide(situation(phase), Draining()).effects == (CloseSession(),)


def test_codes_are_numbered_and_tell_when_they_expire() -> None:
    decision = decide(situation(Phase.SCANNING, qr_attempt=1), QrShown(None, "text"))

    record = decision.effects[0]
    assert isinstance(record, Record)
    assert record.announcements[0].data == {
        "image": None,
        "content": "text",
        "attempt": 2,
        "receivedAt": MOMENT,
        "expiresAt": MOMENT + TIMING.scan,
    }


@pytest.mark.parametrize("phase", sorted(AFTER_SUBMISSION))
def test_gateway_gone_mad_cannot_fill_the_journal_with_codes(phase: Phase) -> None:
    at = situation(phase, qr_attempt=MAX_QRS)

    assert decide(at, QrShown(None, "text")) == Decision(at.state)


@pytest.mark.parametrize("phase", sorted(AFTER_SUBMISSION))
def test_result_of_something_else_is_kept_and_settles_nothing(phase: Phase) -> None:
    """The phase's time runs on: strangers' results must not keep a command waiting for ever."""
    at = situation(phase)

    decision = decide(at, make_result(make_invoice(buyerIndentification="91330701MA2DFB848X")))

    assert decision.state == replace(at.state, has_strays=True)
    assert decision.timer is None
    assert [type(effect) for effect in decision.effects] == [KeepStray]


def test_doubt_after_a_result_that_was_laid_aside_says_so_and_not_that_it_was_never_scanned() -> None:
    """Also where a QR's time is over: the result says that somebody scanned it."""
    strange = make_result(make_invoice(remark="another"))
    state = decide(situation(Phase.RESULT_OVERDUE), strange).state

    record = decide(replace(situation(Phase.RESULT_OVERDUE), state=state), TimedOut()).effects[0]

    assert isinstance(record, Record)
    reason = record.announcements[0].data["reason"]
    assert "does not fit" in reason
    assert "scanned" not in reason
    assert Absence.read(record.progress) == NOT_ISSUED


@pytest.mark.parametrize("phase", sorted(AFTER_SUBMISSION))
def test_draft_is_no_invoice(phase: Phase) -> None:
    decision = decide(situation(phase), make_result(is_draft=True))

    assert failure_of(decision)["code"] is FailureCode.SAVED_AS_DRAFT


def test_strangers_draft_settles_nothing() -> None:
    decision = decide(situation(Phase.SUBMITTED), make_result(make_invoice(remark="other"), is_draft=True))

    assert [type(effect) for effect in decision.effects] == [KeepStray]


def test_result_is_announced_with_its_address() -> None:
    decision = decide(situation(Phase.SUBMITTED), make_result())

    record = decision.effects[0]
    assert isinstance(record, Record)
    data = record.announcements[0].data
    assert data["invoiceUrl"] == "http://pdf.example/1.pdf"
    assert data["reconciled"] is False
    assert data["invoice"]["buyerName"] == "ABC公司"


def test_doubt_asks_for_a_person() -> None:
    command = make_command(state=CommandState.SUBMITTING, submitted_at=MOMENT)

    decision = decide(situation(Phase.SUBMITTED, command=command), ConnectionLost("reset"))

    record = decision.effects[0]
    assert isinstance(record, Record)
    assert record.announcements[0].data["needsPerson"] is True
    assert record.announcements[0].data["submittedAt"] == MOMENT
    assert "reset" in record.announcements[0].data["reason"]
