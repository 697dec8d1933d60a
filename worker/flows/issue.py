"""The way of `invoice.issue`: log in, submit once, show the QR, take the result (manual: 开票接口).

Guarantees: `Submit` comes out at most once per command; nothing that happens after it leads back before it;
what is not known for certain ends in `in_doubt`, never in a second submission. Knows no clock, no socket and no
database. Every pair of phase and input that matters is in `TRANSITIONS`; any other pair changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from worker.flows.announce import Announcement, failure
from worker.flows.backoff import full_jitter
from worker.flows.matching import fits
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    CountLogin,
    Draining,
    Effect,
    Input,
    KeepStray,
    Record,
    Recovered,
    SendLogin,
    Submit,
    TimedOut,
)
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused, ResultShown
from worker.records import Command, CommandState

MAX_QRS = 20
"""QR codes announced per command; each is a durable event, and a gateway gone mad must not fill the journal."""


NO_PROOF = "That is its word, not proof: look on the portal before you issue again."


class Phase(StrEnum):
    """How far the exchange has come."""

    TAKEN = "taken"
    CONNECTING = "connecting"
    LOGGING_IN = "logging_in"
    SUBMITTED = "submitted"
    """`invoice_info` is out, nothing has come back."""
    SCANNING = "scanning"
    """A QR was shown; its time runs."""
    RESULT_OVERDUE = "result_overdue"
    """The QR's time is over. A scan in its last second may still bring a result: nobody says when it was scanned."""
    QR_REFUSED = "qr_refused"
    """`invoice_qrcode` "0"; a new QR or a result may follow within the grace (trap 42)."""
    ENDED = "ended"


# ---- states and decisions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timing:
    """The flow's time-outs, from the settings."""

    login: timedelta
    answer: timedelta
    scan: timedelta
    result: timedelta
    refusal_grace: timedelta
    retry_min: timedelta
    retry_max: timedelta
    login_attempts: int


@dataclass(frozen=True, slots=True)
class IssueState:
    """The exchange in memory. What must survive a crash is in the command's own state."""

    phase: Phase = Phase.TAKEN
    qr_attempt: int = 0

    def moved(self, phase: Phase) -> "IssueState":
        """The same in another phase."""
        return IssueState(phase, self.qr_attempt)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision may look at besides the input."""

    state: IssueState
    command: Command
    invoice: Mapping[str, Any]
    """The submitted `invoice`, in the vendor's words."""
    timing: Timing
    now: datetime
    chance: float
    """In [0, 1], for jitter."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows. `timer` restarts the phase's clock; None lets a running one run on."""

    state: IssueState
    effects: tuple[Effect, ...] = ()
    timer: timedelta | None = None


def decide(situation: Situation, given: Input) -> Decision:
    """The next step. A pair that is not in the table changes nothing."""
    transition = TRANSITIONS.get((situation.state.phase, type(given)))
    return transition(situation, given) if transition else Decision(situation.state)


# ---- before the submission: free to try again ----------------------------------------------------------


def _begin(at: Situation, given: Begin) -> Decision:
    if given.credential_fault is not None:
        return _fail(at, FailureCode.CREDENTIAL_MISSING, Stage.QUEUED, given.credential_fault)
    if _is_overdue(at):
        return _fail(at, *deadline_exceeded())
    if given.suspended_until is not None and at.now < given.suspended_until:
        until = given.suspended_until.isoformat(timespec="seconds")
        return _fail(
            at,
            FailureCode.LOGIN_SUSPENDED,
            Stage.LOGIN,
            f"Logins of this account were refused several times in a row; it rests until {until}. Check the login.",
        )
    if given.session_is_open:
        return _submit(at)
    return Decision(at.state.moved(Phase.CONNECTING), (Connect(),))


def _is_overdue(at: Situation) -> bool:
    return at.command.deadline_at is not None and at.now >= at.command.deadline_at


def deadline_exceeded() -> tuple[FailureCode, Stage, str]:
    """Why a command that waited too long fails."""
    message = "The command's deadline passed while it waited. Nothing was submitted."
    return FailureCode.DEADLINE_EXCEEDED, Stage.QUEUED, message


def _log_in(at: Situation, _: Connected) -> Decision:
    return Decision(at.state.moved(Phase.LOGGING_IN), (SendLogin(),), at.timing.login)


def _connect_failed(at: Situation, given: ConnectFailed) -> Decision:
    if given.code is not None:
        return _fail(at, given.code, Stage.CONNECT, given.message)
    return _again(at, FailureCode.GATEWAY_UNAVAILABLE, Stage.CONNECT, given.message, given.retry_after)


def _login_answered(at: Situation, given: LoginAnswered) -> Decision:
    if given.accepted:
        decision = _submit(at)
        return replace(decision, effects=(CountLogin(accepted=True), *decision.effects))
    refused = _fail(
        at,
        FailureCode.LOGIN_REFUSED,
        Stage.LOGIN,
        "The gateway refused the login and does not say why: a wrong password, an SMS code, or the portal down.",
    )
    return replace(refused, effects=(CountLogin(accepted=False), *refused.effects))


def _login_lost(at: Situation, given: ConnectionLost) -> Decision:
    message = f"The connection was lost before anything was submitted ({given.reason})."
    return _again(at, FailureCode.GATEWAY_UNAVAILABLE, Stage.LOGIN, message)


def _login_unanswered(at: Situation, _: TimedOut) -> Decision:
    message = "The gateway did not answer the login in time. Nothing was submitted."
    if at.command.attempts >= at.timing.login_attempts:
        return _fail(at, FailureCode.GATEWAY_TIMEOUT, Stage.LOGIN, message)
    return _again(at, FailureCode.GATEWAY_TIMEOUT, Stage.LOGIN, message)


def _put_back(at: Situation, _: Draining) -> Decision:
    return _end(at, Record(CommandState.WAITING, due_at=at.now), CloseSession())


def _again(
    at: Situation, code: FailureCode, stage: Stage, message: str, not_before: timedelta | None = None
) -> Decision:
    """Back to waiting with a delay, or failed if the deadline would pass meanwhile."""
    delay = full_jitter(at.command.attempts, at.chance, shortest=at.timing.retry_min, longest=at.timing.retry_max)
    due_at = at.now + max(delay, not_before or timedelta(0))
    if at.command.deadline_at is not None and due_at >= at.command.deadline_at:
        return _fail(at, code, stage, message)
    return _end(at, Record(CommandState.WAITING, due_at=due_at), CloseSession())


def _submit(at: Situation) -> Decision:
    """The last look at the deadline: after it nothing is submitted any more, however long the login took."""
    if _is_overdue(at):
        return _fail(at, *deadline_exceeded())
    return Decision(
        at.state.moved(Phase.SUBMITTED),
        (Record(CommandState.SUBMITTING), Submit()),
        at.timing.answer,
    )


# ---- after the submission: only forward ----------------------------------------------------------------


def _recovered(at: Situation, _: Recovered) -> Decision:
    return _doubt(at, "The worker that submitted it stopped before the result came.")


def _qr_shown(at: Situation, given: QrShown) -> Decision:
    if at.state.qr_attempt >= MAX_QRS:
        return Decision(at.state)
    attempt = at.state.qr_attempt + 1
    data = {
        "image": given.image,
        "content": given.content,
        "attempt": attempt,
        "receivedAt": at.now,
        "expiresAt": at.now + at.timing.scan,
    }
    return Decision(
        replace(at.state, phase=Phase.SCANNING, qr_attempt=attempt),
        (Record(CommandState.SCANNING, (Announcement(Outcome.QR_REQUIRED, data),)),),
        at.timing.scan,
    )


def _qr_refused(at: Situation, _: QrRefused) -> Decision:
    return Decision(at.state.moved(Phase.QR_REFUSED), timer=at.timing.refusal_grace)


def _qr_final(at: Situation, _: TimedOut | ResultRefused) -> Decision:
    message = f"The gateway could not get a QR, or the scan was refused. {NO_PROOF}"
    return _fail(at, FailureCode.QR_FAILED, Stage.SCAN, message)


def _result_shown(at: Situation, given: ResultShown) -> Decision:
    if not fits(at.invoice, given.invoice):
        stray = KeepStray("does_not_fit", {**given.invoice, "invoiceUrl": given.invoice_url})
        return Decision(at.state, (stray,))
    if given.is_draft:
        message = "The gateway saved a draft, which is no invoice. Finish or delete it on the portal."
        return _end(at, _failed(at, FailureCode.SAVED_AS_DRAFT, Stage.RESULT, message))
    data = {"invoice": given.invoice, "invoiceUrl": given.invoice_url, "reconciled": False}
    return _end(at, Record(CommandState.COMPLETED, (Announcement(Outcome.COMPLETED, data),)))


def _result_refused(at: Situation, _: ResultRefused) -> Decision:
    message = f"The gateway refused the invoice and does not say why. {NO_PROOF}"
    return _fail(at, FailureCode.ISSUE_REFUSED, Stage.RESULT, message)


def _unanswered(at: Situation, _: TimedOut) -> Decision:
    return _doubt(at, "No answer came in time after the submission.")


def _scan_over(at: Situation, _: TimedOut) -> Decision:
    return Decision(at.state.moved(Phase.RESULT_OVERDUE), timer=at.timing.result)


def _never_scanned(at: Situation, _: TimedOut) -> Decision:
    return _doubt(at, "The QR was not scanned in time, or its result never came.")


def _lost_after(at: Situation, given: ConnectionLost) -> Decision:
    return _doubt(at, f"The connection was lost after the submission ({given.reason}).")


def _hand_over(at: Situation, _: Draining) -> Decision:
    """The command stays as it stands on disk: whoever takes the lane next finds out."""
    return _end(at, CloseSession())


def _doubt(at: Situation, reason: str) -> Decision:
    data: dict[str, Any] = {
        "reason": reason,
        "submittedAt": at.command.submitted_at,
        "candidates": [],
        "needsPerson": True,
        "nextLookAt": None,
    }
    return _end(at, Record(CommandState.IN_DOUBT, (Announcement(Outcome.IN_DOUBT, data),)), CloseSession())


# ---- ends ----------------------------------------------------------------------------------------------


def _failed(at: Situation, code: FailureCode, stage: Stage, message: str) -> Record:
    return Record(CommandState.FAILED, (failure(code, stage, message, at.command.attempts),))


def _fail(at: Situation, code: FailureCode, stage: Stage, message: str) -> Decision:
    """The session goes too: a command that failed leaves nothing open that a late frame could come through."""
    return _end(at, _failed(at, code, stage, message), CloseSession())


def _end(at: Situation, *effects: Effect) -> Decision:
    return Decision(at.state.moved(Phase.ENDED), effects)


Transition = Callable[[Situation, Any], Decision]

TRANSITIONS: dict[tuple[Phase, type[Input]], Transition] = {
    (Phase.TAKEN, Begin): _begin,
    (Phase.TAKEN, Recovered): _recovered,
    (Phase.TAKEN, Draining): _put_back,
    (Phase.CONNECTING, Connected): _log_in,
    (Phase.CONNECTING, ConnectFailed): _connect_failed,
    (Phase.CONNECTING, Draining): _put_back,
    (Phase.LOGGING_IN, LoginAnswered): _login_answered,
    (Phase.LOGGING_IN, ConnectionLost): _login_lost,
    (Phase.LOGGING_IN, TimedOut): _login_unanswered,
    (Phase.LOGGING_IN, Draining): _put_back,
    (Phase.SUBMITTED, QrShown): _qr_shown,
    (Phase.SUBMITTED, QrRefused): _qr_refused,
    (Phase.SUBMITTED, ResultShown): _result_shown,
    (Phase.SUBMITTED, ResultRefused): _result_refused,
    (Phase.SUBMITTED, ConnectionLost): _lost_after,
    (Phase.SUBMITTED, TimedOut): _unanswered,
    (Phase.SUBMITTED, Draining): _hand_over,
    (Phase.SCANNING, QrShown): _qr_shown,
    (Phase.SCANNING, QrRefused): _qr_refused,
    (Phase.SCANNING, ResultShown): _result_shown,
    (Phase.SCANNING, ResultRefused): _result_refused,
    (Phase.SCANNING, ConnectionLost): _lost_after,
    (Phase.SCANNING, TimedOut): _scan_over,
    (Phase.SCANNING, Draining): _hand_over,
    (Phase.RESULT_OVERDUE, QrShown): _qr_shown,
    (Phase.RESULT_OVERDUE, QrRefused): _qr_refused,
    (Phase.RESULT_OVERDUE, ResultShown): _result_shown,
    (Phase.RESULT_OVERDUE, ResultRefused): _result_refused,
    (Phase.RESULT_OVERDUE, ConnectionLost): _lost_after,
    (Phase.RESULT_OVERDUE, TimedOut): _never_scanned,
    (Phase.RESULT_OVERDUE, Draining): _hand_over,
    (Phase.QR_REFUSED, QrShown): _qr_shown,
    (Phase.QR_REFUSED, ResultShown): _result_shown,
    (Phase.QR_REFUSED, ResultRefused): _qr_final,
    (Phase.QR_REFUSED, ConnectionLost): _lost_after,
    (Phase.QR_REFUSED, TimedOut): _qr_final,
    (Phase.QR_REFUSED, Draining): _hand_over,
}
"""Phase and kind of input to what follows: data, so that it can be counted, tested pair by pair and drawn."""
