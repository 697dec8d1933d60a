"""What the flow of `invoice.audit` is told, and where it stands in memory. Pure."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from worker.flows.audit_progress import AuditProgress, AuditWish
from worker.flows.audit_vocabulary import Proved
from worker.flows.conditions import BEIJING
from worker.flows.looks import Schedules
from worker.flows.query_progress import spans_of
from worker.flows.query_state import QueryRules
from worker.flows.table import Decision, Timing
from worker.records import Command


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
class AuditState:
    """The run in memory. What must survive a crash is in `progress`."""

    progress: AuditProgress
    phase: Phase = Phase.TAKEN
    has_session: bool = False
    proof: Proved | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is awaited any more."""
        return self.phase is Phase.ENDED

    def ended(self) -> "AuditState":
        """The same at its end."""
        return replace(self, phase=Phase.ENDED)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision may look at besides the input."""

    state: AuditState
    command: Command
    wish: AuditWish
    company: str
    """Whose invoices are listed: the login's. Empty where there is none, which is so in later stages only."""
    timing: Timing
    rules: QueryRules
    now: datetime
    chance: float
    looks: Schedules = field(default_factory=Schedules)

    @property
    def spans(self) -> list[tuple[date, date]]:
        """The days in the parts in which they are asked for."""
        progress = self.state.progress
        last_day = progress.last_day or self.days[1].isoformat()
        days = {"startInvoiceDate": self.days[0].isoformat(), "endInvoiceDate": last_day}
        return spans_of(days, progress.span_days or self.rules.span_days)

    @property
    def days(self) -> tuple[date, date]:
        """The first and last day that are asked for."""
        return self.wish.days_asked(self.now.astimezone(BEIJING).date())


Next = Decision[AuditState]
