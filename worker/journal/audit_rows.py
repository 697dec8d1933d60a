"""An audit's rows, between rows and records: the columns have the same names in both dialects."""

from typing import Any

from worker.journal.rows import Row, at, at_or_none
from worker.records import AuditedInvoice, AuditedRow, AuditOwner, AuditTwin, NumberedCommand

AUDIT_COLUMNS = 5


def audit_values(row: AuditedRow) -> tuple[Any, ...]:
    """The columns of a listed invoice."""
    return row.identity, row.number, row.is_in_period, row.alike, row.data


def to_audited(row: Row) -> AuditedInvoice:
    """A row of `audited`."""
    kept = AuditedRow(row["identity"], row["number"], row["data"], bool(row["is_in_period"]), row["alike"])
    return AuditedInvoice(kept, row["claim"], _owner(row), _twin(row))


def _owner(row: Row) -> AuditOwner | None:
    if row["owner_key"] is None:
        return None
    if not row["is_own"]:
        return AuditOwner(row["owner_key"], is_own=False)
    return AuditOwner(
        key=row["owner_key"],
        is_own=True,
        command_id=row["owner_id"],
        order_no=row["order_no"],
        sent=row["sent"],
        confirmed=row["confirmed"],
        warnings=row["warnings"] or b"[]",
    )


def _twin(row: Row) -> AuditTwin | None:
    if row["twin_identity"] is None:
        return None
    return AuditTwin(row["twin_identity"], row["twin_number"], row["twin_owner"] is not None, row["twin_id"])


def to_numbered(row: Row) -> NumberedCommand:
    """A row of `numbered_commands`."""
    return NumberedCommand(
        key=row["key"],
        submitted_at=at(row["submitted_at"]),
        is_own=bool(row["is_own"]),
        number=row["number"],
        is_listed=row["listed"] is not None,
        command_id=row["id"],
        order_no=row["order_no"],
        confirmed=row["confirmed"],
        dated=at_or_none(row["dated"]),
    )
