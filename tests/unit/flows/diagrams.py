"""Draws the issue flow as a Mermaid state diagram from its own transition table, so that the picture in the README
cannot say anything else than the code does.

Pure: the table holds functions, so each pair is decided once on sample values to see where it leads. A result that
fits nothing, and a deadline that has passed, are left out: they would be an arrow at every phase.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.failures import FailureCode
from worker.flows.issue import TRANSITIONS, IssueState, Next, Phase, Situation, decide
from worker.flows.looks import Schedules
from worker.flows.table import Timing
from worker.flows.vocabulary import (
    Begin,
    Connected,
    ConnectFailed,
    ConnectionLost,
    Draining,
    Input,
    Record,
    Recovered,
    Submit,
    TimedOut,
)
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused, ResultShown
from worker.records import Command, CommandState, IssuedReply, Route, SubmittedInvoice

_INVOICE: dict[str, Any] = {"buyerName": "a buyer", "sellerIndentification": "A SELLER"}
_SENT = SubmittedInvoice(
    seller_id="A SELLER",
    seller_name="a seller",
    buyer_id="",
    buyer_name="a buyer",
    buyer_type=1,
    buyer_invoice_type=0,
    remark="",
    prints_bank=False,
    lines=(),
)
_REPLY = IssuedReply(told=_INVOICE, seller_id="A SELLER", buyer_name="a buyer")
_SAMPLES: tuple[tuple[str, Input], ...] = (
    ("begin", Begin(session_is_open=False)),
    ("begin on an open session", Begin(session_is_open=True)),
    ("no credential, or login suspended", Begin(session_is_open=False, credential_fault="missing")),
    ("found again after a crash", Recovered()),
    ("connected", Connected()),
    ("no connection", ConnectFailed("refused")),
    ("401 or 403", ConnectFailed("refused", FailureCode.GATEWAY_FORBIDDEN)),
    ("login accepted", LoginAnswered(accepted=True)),
    ("login refused", LoginAnswered(accepted=False)),
    ("QR", QrShown(image=None, content="a code")),
    ("QR refused", QrRefused()),
    ("result", ResultShown(_REPLY)),
    ("draft", ResultShown(replace(_REPLY, is_draft=True))),
    ("result refused", ResultRefused()),
    ("connection lost", ConnectionLost("reset")),
    ("time over", TimedOut()),
    ("worker drains", Draining()),
)


def issue_diagram() -> str:
    """Mermaid text. Phases in the order of the flow; where a run ends, the state that the journal has then."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for phase in Phase:
        for label, given in _SAMPLES:
            if (phase, type(given)) in TRANSITIONS:
                decision = decide(_sample(phase), given)
                arrows.setdefault((phase, _target(decision)), []).append(_told(label, decision))
    lines = [f"    {start} --> {end}: {', '.join(labels)}" for (start, end), labels in arrows.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> taken", *lines]) + "\n"


def _target(decision: Next) -> str:
    if decision.state.phase is not Phase.ENDED:
        return decision.state.phase
    ends = [effect.to for effect in decision.effects if isinstance(effect, Record)]
    return f"journal_{ends[-1]}" if ends else "journal_as_it_stands"


def _told(label: str, decision: Next) -> str:
    return f"{label} (record, then submit)" if Submit() in decision.effects else label


def _sample(phase: Phase) -> Situation:
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    command = Command(
        key=1,
        source="",
        id="",
        type="invoice.issue",
        state=CommandState.RUNNING,
        route=Route(reply_to=None, correlation_id=""),
        received_at=moment,
        lane="",
        epoch=1,
        attempts=1,
        last_sequence=0,
    )
    timing = Timing(second, second, second, second, second, second, second, login_attempts=2)
    return Situation(
        state=IssueState(phase),
        command=command,
        wish=_SENT,
        rules=None,
        timing=timing,
        now=moment,
        chance=0.0,
        looks=Schedules(*[(second,)] * 3),
    )
