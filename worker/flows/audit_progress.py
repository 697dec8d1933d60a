"""Where an audit stands, in the journal and in memory, and what its flow is told. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from contracts.audits import FindingKind
from contracts.envelope import dumps, loads
from worker.flows import table
from worker.flows.audit_findings import Held, Standing
from worker.flows.audit_rows import edge_of, month_of
from worker.flows.audit_vocabulary import Proved
from worker.flows.invoices import taken_back
from worker.flows.query_state import QueryRules, spans_of
from worker.flows.table import Decision, Phased
from worker.records import BEIJING, ListedInvoice

MOST_READS: Final = 3
"""How often a list is read in which rows moved."""
MOST_SUMS: Final = 500
MOST_TAKEN_BACK: Final = 1000
_LONGEST_STATUS_CHARS: Final = 60
"""A gateway gone mad must not fill the journal."""


class AuditStage(StrEnum):
    """What an audit is at."""

    PAGES = "pages"
    """The list is being read."""
    COUNT = "count"
    """It is read: is it whole?"""
    PROOF = "proof"
    """What has no number is being sought in it."""
    LISTED = "listed"
    """Invoice by invoice it is held against the journal."""
    NUMBERED = "numbered"
    """Command by command the journal is held against it."""
    CLOSING = "closing"
    """All is told but the end."""


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """Journaled with every page and every batch. A worker that dies goes on at the same one."""

    stage: AuditStage = AuditStage.PAGES
    company: str = ""
    """Whose list it is: the login's, for a later stage has no login."""
    began_at: str = ""
    """When the present reading of the list began."""
    last_day: str = ""
    """Up to when the list is asked for: a restart past midnight must not cut the days anew."""
    span_days: int = 0
    span: int = 0
    """Which part of the days is asked for."""
    page: int = 1
    """The next page to ask for."""
    pages: int = 0
    """Pages read, this time."""
    reads: int = 1
    """How often the list was begun."""
    total: int = 0
    """As the gateway said, over the spans that are over."""
    span_total: int | None = None
    is_cut: bool = False
    """Rows could not be read, or the list ended otherwise than by the gateway's word."""
    is_whole: bool = False
    last_page: str = ""
    """A digest of the last page, to know a gateway that repeats itself for ever."""
    longest_page: int = 0
    last_row: tuple[str | None, ...] = ()
    """Of the page before, as `edge_of` writes it: the next page may go on with the lines of its invoice."""
    taken_back: tuple[str, ...] = ()
    """Numbers that red invoices of the list name."""
    after: str = ""
    """The last identity that was held against the journal."""
    since: str = ""
    after_key: int = 0
    """The submission and key of the last command that was held against the list."""
    listed: int = 0
    """Invoices of the period that were held against the journal."""
    tally: Mapping[str, int] = field(default_factory=dict)
    """By kind of finding, and by standing."""
    sums: tuple[tuple[str | None, str | None, int, str], ...] = ()
    """Month, status, count, total with tax."""
    undecided_commands: int = 0

    def journaled(self) -> bytes:
        """As it is kept."""
        return dumps(asdict(self))

    @classmethod
    def read(cls, progress: bytes | None) -> "AuditProgress":
        """What was kept, or a beginning."""
        if progress is None:
            return cls()
        kept = loads(progress)
        sums = tuple((month, status, int(count), total) for month, status, count, total in kept["sums"])
        edge, named = (tuple(kept.pop(name, ())) for name in ("last_row", "taken_back"))
        return cls(**{**kept, "sums": sums, "stage": AuditStage(kept["stage"]), "last_row": edge, "taken_back": named})

    def read_again(self, now: datetime) -> "AuditProgress":
        """From the first page on."""
        return replace(
            self,
            stage=AuditStage.PAGES,
            began_at=now.isoformat(),
            span=0,
            page=1,
            pages=0,
            reads=self.reads + 1,
            total=0,
            span_total=None,
            is_cut=False,
            last_page="",
            last_row=(),
            longest_page=0,
        )

    def with_rows(self, rows: Sequence[ListedInvoice]) -> "AuditProgress":
        """With what these rows of a page tell of others."""
        named = {*self.taken_back, *taken_back(rows)}
        return replace(self, last_row=edge_of(rows), taken_back=tuple(sorted(named))[:MOST_TAKEN_BACK])

    def counted(self, kinds: Iterable[FindingKind | Standing]) -> "AuditProgress":
        """With these counted."""
        tally = dict(self.tally)
        for kind in kinds:
            tally[kind] = tally.get(kind, 0) + 1
        return replace(self, tally=tally)

    def with_invoices(self, held: Iterable[Held]) -> "AuditProgress":
        """With these invoices of the period counted and added up."""
        some = list(held)
        sums = {(month, status): (count, Decimal(total)) for month, status, count, total in self.sums}
        for each in some:
            status = (each.invoice.status or "")[:_LONGEST_STATUS_CHARS] or None
            group = (month_of(each.invoice), status)
            if group not in sums and len(sums) >= MOST_SUMS:
                group = (group[0], None)
            count, total = sums.get(group, (0, Decimal()))
            sums[group] = (count + 1, total + (each.invoice.with_tax or 0))
        told = tuple((month, status, count, format(total, "f")) for (month, status), (count, total) in sums.items())
        counted = self.counted(each.standing for each in some)
        return replace(counted, listed=self.listed + len(some), sums=told)


@dataclass(frozen=True, slots=True)
class AuditWish:
    """What the command asks for, from its journaled data."""

    first: date
    last: date

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "AuditWish":
        """From the data as admission journaled them."""
        return cls(date.fromisoformat(data["startInvoiceDate"]), date.fromisoformat(data["endInvoiceDate"]))

    def holds(self, day: date) -> bool:
        """Whether this day is of the period."""
        return self.first <= day <= self.last

    def days_asked(self, today: date) -> tuple[date, date]:
        """The period and a day around it: what was submitted on its first or last day may be dated beside it. Not
        beyond today, unless the caller asks for it."""
        first = self.first if self.first == date.min else self.first - timedelta(days=1)
        last = self.last if self.last >= today else self.last + timedelta(days=1)
        return first, last


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
