"""The way of `invoice.issue`: log in, submit once, show the QR, take the result (manual: 开票接口).

Guarantees: `Submit` comes out at most once per command; nothing that happens after it leads back before it;
what is not known for certain ends in `in_doubt`, never in a second submission. Knows no clock, no socket and no
database. Every pair of phase and input that matters is in `TRANSITIONS`; any other pair changes nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import InDoubtData, QrRequiredData
from worker.flows import table
from worker.flows.announce import announced
from worker.flows.evidence.endings import issued, told_differences
from worker.flows.evidence.replies import echo_of
from worker.flows.looks import EXPIRED, NOT_ISSUED, Absence, next_look
from worker.flows.table import (
    Decision,
    Phased,
    Table,
    again,
    deadline_exceeded,
    end,
    fail,
    failed,
    follow,
    is_overdue,
    login_refused,
    obstacle,
    opening,
    put_back,
)
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    Connect,
    Connected,
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
from worker.making import made_often
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused, ResultShown
from worker.records import CommandState, SubmittedInvoice

MAX_QRS = 20
"""QR codes announced per command; each is a durable event, and a gateway gone mad must not fill the journal."""


class Phase(StrEnum):
    """How far the run has come."""

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


@made_often
@dataclass(frozen=True, slots=True)
class IssueState(Phased):
    """The run in memory. What must survive a crash is in the command's own state."""

    phase: Phase = Phase.TAKEN
    qr_attempt: int = 0
    refused: QrRefused | ResultRefused | None = None
    """The last refusal that did not end it."""
    has_strays: bool = False
    """The gateway answered with a result that was laid aside: the doubt's reason says so."""


Situation = table.Situation[IssueState, SubmittedInvoice, None]
Next = Decision[IssueState]


def decide(situation: Situation, given: Input) -> Next:
    """The next step. A pair that is not in the table changes nothing."""
    return follow(TRANSITIONS, situation.state.phase, situation, given)


# ---- before the submission: free to try again ----------------------------------------------------------


def _begin(at: Situation, given: Begin) -> Next:
    if (decision := obstacle(at, given)) is not None:
        return decision
    if given.seller_rests:
        return end(at, Record(CommandState.HELD))
    if given.session_is_open:
        return _submit(at)
    return Decision(at.state.moved(Phase.CONNECTING), (Connect(),))


def _log_in(at: Situation, _: Connected) -> Next:
    return Decision(at.state.moved(Phase.LOGGING_IN), (SendLogin(),), at.timing.login)


def _login_answered(at: Situation, given: LoginAnswered) -> Next:
    if given.accepted:
        decision = _submit(at)
        return replace(decision, effects=(CountLogin(accepted=True), *decision.effects))
    return login_refused(at, given)


def _login_lost(at: Situation, given: ConnectionLost) -> Next:
    message = f"The connection was lost before anything was submitted ({given.reason})."
    return again(at, FailureCode.GATEWAY_UNAVAILABLE, Stage.LOGIN, message)


def _login_unanswered(at: Situation, _: TimedOut) -> Next:
    message = "The gateway did not answer the login in time. Nothing was submitted."
    if at.command.attempts >= at.timing.login_attempts:
        return fail(at, FailureCode.GATEWAY_TIMEOUT, Stage.LOGIN, message)
    return again(at, FailureCode.GATEWAY_TIMEOUT, Stage.LOGIN, message)


def _submit(at: Situation) -> Next:
    """The last look at the deadline: after it nothing is submitted any more, however long the login took."""
    if is_overdue(at):
        return fail(at, *deadline_exceeded())
    return Decision(
        at.state.moved(Phase.SUBMITTED),
        (Record(CommandState.SUBMITTING), Submit()),
        at.timing.answer,
    )


# ---- after the submission: only forward ----------------------------------------------------------------


def _recovered(at: Situation, _: Recovered) -> Next:
    return _doubt(at, "The worker that submitted it stopped before the result came.")


def _qr_shown(at: Situation, given: QrShown) -> Next:
    if at.state.qr_attempt >= MAX_QRS:
        return Decision(at.state)
    attempt = at.state.qr_attempt + 1
    data: QrRequiredData = {
        "image": given.image,
        "content": given.content,
        "attempt": attempt,
        "receivedAt": at.now,
        "expiresAt": at.now + at.timing.scan,
    }
    return Decision(
        replace(at.state, phase=Phase.SCANNING, qr_attempt=attempt, refused=None),
        (Record(CommandState.SCANNING, (announced(Outcome.QR_REQUIRED, data),)),),
        at.timing.scan,
    )


def _qr_refused(at: Situation, given: QrRefused) -> Next:
    if given.may_be_anothers:
        return _noted(at, given)
    return Decision(replace(at.state, phase=Phase.QR_REFUSED, refused=given), timer=at.timing.refusal_grace)


def _qr_final(at: Situation, given: TimedOut | ResultRefused) -> Next:
    if isinstance(given, ResultRefused) and given.leaves_open:
        return _ended_by(at, given)
    told = given.reason if isinstance(given, ResultRefused) else None
    return _check(at, QrRefused(told or (None if at.state.refused is None else at.state.refused.reason)))


def _noted(at: Situation, refusal: QrRefused | ResultRefused) -> Next:
    """The refusal may be the late answer to another order of the lane, and this order may yet be scanned and issued.
    What comes next shows which. If nothing comes, the refusal was this order's. One that leaves open whether there is
    an invoice is not forgotten for a later one that does not."""
    was = at.state.refused
    is_doubt = isinstance(was, ResultRefused) and was.leaves_open
    return Decision(at.state if is_doubt else replace(at.state, refused=refusal))


def _result_shown(at: Situation, given: ResultShown) -> Next:
    echo = echo_of(at.wish, given.reply)
    if not echo.fits:
        differs = {"differs": told_differences(echo.differs)} if echo.differs else {}
        stray = KeepStray("does_not_fit", {**given.invoice, "invoiceUrl": given.invoice_url, **differs})
        return Decision(replace(at.state, has_strays=True), (stray,))
    if given.is_draft:
        message = "The gateway saved a draft, which is no invoice. Finish or delete it on the portal."
        return end(at, failed(at, FailureCode.SAVED_AS_DRAFT, Stage.RESULT, message))
    told = issued(given.invoice, given.invoice_url, echo.differs, reconciled=False)
    sought_at = next_look(at.looks.confirm, 0, at.now)
    record = Record(CommandState.COMPLETED, (told,), sought_at=sought_at)
    return end(at, record, CountRefusal(refused=False))


def _result_refused(at: Situation, given: ResultRefused) -> Next:
    return _noted(at, given) if given.may_be_anothers else _ended_by(at, given)


def _ended_by(at: Situation, refusal: QrRefused | ResultRefused) -> Next:
    """A refusal whose reason leaves open whether there is an invoice makes a doubt: its invoice is looked for as long
    as if nothing had been answered."""
    if isinstance(refusal, ResultRefused) and refusal.leaves_open:
        return _doubt(replace(at, state=replace(at.state, refused=refusal)), _LEFT_OPEN)
    return _check(at, refusal)


def _check(at: Situation, refusal: QrRefused | ResultRefused) -> Next:
    """A refusal is the gateway's word and no proof (trap 46): what was issued is looked through before it is told."""
    absence = _refused_so(refusal)
    sought_at = next_look(at.looks.refusal, 0, at.now)
    if sought_at is None:
        failing = fail(at, absence.code, absence.stage, absence.message, absence.gateway_message)
        return replace(failing, effects=(*failing.effects, CountRefusal(refused=True)))
    if refusal.may_be_anothers:
        submitted_at = at.command.submitted_at or at.now
        absence = replace(absence, not_before=submitted_at + at.timing.longest_answer)
    record = Record(CommandState.CHECKING, sought_at=sought_at, progress=absence.journaled())
    return end(at, record, CountRefusal(refused=True), CloseSession())


def _refused_so(refusal: QrRefused | ResultRefused) -> Absence:
    why = "and does not say why." if refusal.reason is None else "and says why (gatewayMessage)."
    if isinstance(refusal, QrRefused):
        message = f"The gateway could not get a QR, or the scan was refused, {why}"
        return Absence(FailureCode.QR_FAILED, Stage.SCAN, message, refusal.reason)
    return Absence(FailureCode.ISSUE_REFUSED, Stage.RESULT, f"The gateway refused the invoice {why}", refusal.reason)


def _unanswered(at: Situation, _: TimedOut) -> Next:
    if at.state.refused is not None:
        return _ended_by(at, at.state.refused)
    return _doubt(at, "No answer came in time after the submission.")


_LEFT_OPEN = "The gateway's answer leaves open whether there is an invoice (gatewayMessage)."
_LAID_ASIDE = "The gateway answered with a result that does not fit the order; it was kept for a person."


def _scan_over(at: Situation, _: TimedOut) -> Next:
    return Decision(at.state.moved(Phase.RESULT_OVERDUE), timer=at.timing.result)


def _never_scanned(at: Situation, _: TimedOut) -> Next:
    if at.state.refused is not None:
        return _ended_by(at, at.state.refused)
    return _doubt(at, "The QR was not scanned in time, or its result never came.", EXPIRED)


def _lost_after(at: Situation, given: ConnectionLost) -> Next:
    return _doubt(at, f"The connection was lost after the submission ({given.reason}).")


def _hand_over(at: Situation, _: Draining) -> Next:
    """The command stays as the journal has it: the next holder of the lane finds out what became of it."""
    return end(at, CloseSession())


def _doubt(at: Situation, reason: str, absence: Absence = NOT_ISSUED) -> Next:
    if at.state.has_strays:
        # There was a result, so the QR was scanned: `qr_expired` would be wrong.
        reason, absence = _LAID_ASIDE, NOT_ISSUED
    sought_at = next_look(at.looks.doubt, 0, at.now)
    if at.state.refused is not None and not at.state.refused.may_be_anothers:
        absence = replace(absence, gateway_message=at.state.refused.reason)
    data: InDoubtData = {
        "reason": reason,
        "submittedAt": at.command.submitted_at,
        "candidates": [],
        "needsPerson": sought_at is None,
        "nextLookAt": sought_at,
    }
    if absence.gateway_message is not None:
        data["gatewayMessage"] = absence.gateway_message
    told = (announced(Outcome.IN_DOUBT, data),)
    record = Record(CommandState.IN_DOUBT, told, sought_at=sought_at, progress=absence.journaled())
    return end(at, record, CloseSession())


TRANSITIONS: Table[IssueState] = {
    **opening(Phase, _begin, _log_in),
    (Phase.TAKEN, Recovered): _recovered,
    (Phase.LOGGING_IN, LoginAnswered): _login_answered,
    (Phase.LOGGING_IN, ConnectionLost): _login_lost,
    (Phase.LOGGING_IN, TimedOut): _login_unanswered,
    (Phase.LOGGING_IN, Draining): put_back,
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
