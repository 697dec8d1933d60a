"""What an audit keeps while it reads a period's list, and what the journal knows beside it."""

from dataclasses import dataclass
from datetime import datetime

UNDECIDED = 0
"""Stands in a claim for a command that is not known: some command without a known invoice may have this one, and it
cannot be told which. No command has this key."""


@dataclass(frozen=True, slots=True)
class AuditedRow:
    """A listed invoice as an audit keeps it: once per audit and identity."""

    identity: str
    number: str | None
    data: bytes
    """The invoice, as `worker.flows.audit_rows` writes and reads it."""
    is_in_period: bool = True
    """False for the days around it, which are read as evidence alone."""
    alike: str | None = None
    """Equal for invoices that could be of one order. None where the invoice can be of no order, or tells too little."""


@dataclass(frozen=True, slots=True)
class AuditOwner:
    """The command that has a listed invoice's number."""

    key: int
    is_own: bool
    """Whether it is of the audit's own source; of another's nothing else is known here."""
    command_id: str | None = None
    order_no: str | None = None
    sent: bytes | None = None
    """Its data; None or `{}` where they were forgotten with its age."""
    confirmed: bytes | None = None
    """The event that confirmed it, while that is kept."""
    warnings: bytes = b"[]"


@dataclass(frozen=True, slots=True)
class AuditTwin:
    """The first other invoice of the same audit that is alike."""

    identity: str
    number: str | None
    is_owned: bool
    """Whether any command has its number."""
    command_id: str | None = None
    """That command, where it is of the audit's own source."""


@dataclass(frozen=True, slots=True)
class AuditedInvoice:
    """A kept row, beside what the journal knows of it."""

    row: AuditedRow
    claim: int | None = None
    """The key of the command for which this audit found it, or `UNDECIDED`."""
    owner: AuditOwner | None = None
    twin: AuditTwin | None = None


@dataclass(frozen=True, slots=True)
class NumberedCommand:
    """A command that has an invoice's number."""

    key: int
    submitted_at: datetime
    is_own: bool
    number: str
    is_listed: bool
    """Whether the audit's list has that number."""
    command_id: str | None = None
    order_no: str | None = None
    confirmed: bytes | None = None
    dated: datetime | None = None
    """The invoice's date, as a look-up stored it last."""
