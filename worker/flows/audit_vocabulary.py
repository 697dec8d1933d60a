"""What the flow of an audit is told and wants done, beside what all flows share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.flows.evidence.subjects import Subject
from worker.flows.evidence.verdicts import Verdict
from worker.records import AuditedInvoice, AuditedRow, NumberedCommand

# ---- inputs --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditedCounted:
    """How many different invoices the audit keeps."""

    number: int


@dataclass(frozen=True, slots=True)
class Proved:
    """What the whole list says of the submissions that have no number."""

    subjects: tuple[Subject, ...]
    """Of this source, submitted in the period, and unsettled or issued."""
    verdicts: Mapping[int, Verdict]
    """By the command's key."""
    undecided: frozenset[str]
    """Identities of listed invoices that one without a number, of any source, may claim."""
    others: int = 0
    """Commands of this source, submitted in the period, that were not judged: under way, or too many."""
    are_all_rivals: bool = True
    """False where there may be more who could claim: then absence is no proof either."""


@dataclass(frozen=True, slots=True)
class AuditedRead:
    """The next kept invoices; none where there are no more."""

    rows: tuple[AuditedInvoice, ...]


@dataclass(frozen=True, slots=True)
class NumberedRead:
    """The next commands that have an invoice's number; fewer than were asked for where there are no more."""

    rows: tuple[NumberedCommand, ...]


# ---- effects -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeepAudited:
    """Keep what a page listed. May be done again."""

    rows: tuple[AuditedRow, ...]


@dataclass(frozen=True, slots=True)
class CountAudited:
    """Count what is kept."""


@dataclass(frozen=True, slots=True)
class Prove:
    """Judge the submissions that have no number by what is kept."""


@dataclass(frozen=True, slots=True)
class ClaimAudited:
    """Remember to which command each found invoice belongs, before anything is settled. May be done again."""

    claims: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReadAudited:
    """Read the kept invoices behind this identity."""

    after: str


@dataclass(frozen=True, slots=True)
class ReadNumbered:
    """Read the seller's commands that have a number, behind this submission and key."""

    since: datetime
    after: int
    until: datetime


@dataclass(frozen=True, slots=True)
class ForgetAudited:
    """Forget what was kept: all of it is told."""


AuditInput = AuditedCounted | Proved | AuditedRead | NumberedRead
AuditEffect = KeepAudited | CountAudited | Prove | ClaimAudited | ReadAudited | ReadNumbered | ForgetAudited
