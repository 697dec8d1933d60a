"""What the flow of `invoice.audit` is told, and where it stands in memory. Pure."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.flows import table
from worker.flows.audit_progress import AuditProgress, AuditWish
from worker.flows.audit_vocabulary import Proved
from worker.flows.conditions import BEIJING
from worker.flows.query_progress import spans_of
from worker.flows.query_state import QueryRules
from worker.flows.table import Decision, Phased


class Phase(StrEnum):
    """How far the run has come."""

    TAKEN = "taken"
    CONNECTING = "connecting"
    ASKED = "asked"
    LOOKING = "looking"
    """A page or a batch is done; something else may go first."""
    READING = "reading"
    """The journal is being asked."""
    DETAILS = "details"
    """The files of what was found are being looked up."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AuditState(Phased):
    """The run in memory. What must survive a crash is in `progress`."""

    progress: AuditProgress
    phase: Phase = Phase.TAKEN
    has_session: bool = False
    proof: Proved | None = None
    company: str = ""
    """Whose invoices are listed: the login's. Empty where there is none, which is so in later stages only."""


Situation = table.Situation[AuditState, AuditWish, QueryRules]

Next = Decision[AuditState]


def days_at(at: Situation) -> tuple[date, date]:
    """The first and last day that are asked for."""
    return at.wish.days_asked(at.now.astimezone(BEIJING).date())


def spans_at(at: Situation) -> list[tuple[date, date]]:
    """The days in the parts in which they are asked for."""
    progress, (first, last) = at.state.progress, days_at(at)
    days = {"startInvoiceDate": first.isoformat(), "endInvoiceDate": progress.last_day or last.isoformat()}
    return spans_of(days, progress.span_days or at.rules.span_days)
