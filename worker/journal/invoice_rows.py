"""What look-ups and audits brought, between rows and records: the columns have the same names in both dialects."""

from collections.abc import Sequence
from typing import Any

from worker.journal.rows import Row, at, at_or_none
from worker.records import (
    LOOK_UP,
    AuditedInvoice,
    AuditedRow,
    AuditOwner,
    AuditTwin,
    Command,
    CommandState,
    DueFile,
    FileRow,
    Findings,
    FoundRow,
    KeptCopy,
    KeptFile,
    MissingFile,
    NumberedCommand,
    Stored,
    Untold,
    VaultYear,
)

INVOICE_COLUMNS = 12
ITEM_COLUMNS = 2
FILE_COLUMNS = 4


def distinct_invoices(findings: Findings) -> list[FoundRow]:
    """Each identity once, the last one counts. None where it is not known through which user they came."""
    if findings.user_id is None:
        return []
    return list({row.identity: row for row in findings.invoices}.values())


def distinct_files(findings: Findings) -> list[FileRow]:
    """Each type of an invoice once, the last one counts."""
    return list({(row.invoice_id, row.type): row for row in findings.files}.values())


def brought_by(command: Command) -> int | None:
    """The key of the command that invoices are brought by; a look-up is forgotten, and brings nothing."""
    return None if command.type == LOOK_UP else command.key


def invoice_values(row: FoundRow) -> tuple[Any, ...]:
    """The columns of an invoice that came with it, and of its link."""
    return (
        row.identity,
        row.invoice_id,
        row.number,
        row.query_type,
        row.invoice_date,
        row.seller_id,
        row.seller_name,
        row.buyer_id,
        row.buyer_name,
        row.total,
        row.data,
        row.lacks_files,
    )


def to_found_row(row: Row, *, lacks_files: bool = False) -> FoundRow:
    """A row of `invoice`."""
    return FoundRow(
        identity=row["identity"],
        invoice_id=row["invoice_id"],
        number=row["number"],
        query_type=row["query_type"],
        invoice_date=at_or_none(row["invoice_date"]),
        seller_id=row["seller_id"],
        seller_name=row["seller_name"],
        buyer_id=row["buyer_id"],
        buyer_name=row["buyer_name"],
        total=row["total"],
        data=row["data"],
        lacks_files=lacks_files,
    )


def to_stored(invoices: Sequence[Row], files: Sequence[Row]) -> list[Stored]:
    """Invoices in the order given, each with its files."""
    of: dict[str, list[FileRow]] = {}
    for row in files:
        of.setdefault(row["invoice_id"], []).append(
            FileRow(row["invoice_id"], row["type"], row["url"], row["number"], _kept_copy(row))
        )
    return [
        Stored(
            invoice=to_found_row(row),
            user_id=row["user_id"],
            items=row["items"],
            files=tuple(of.get(row["invoice_id"], ())),
            seen_at=at(row["seen_at"]),
            command_id=row["command_id"],
            command_state=None if row["command_state"] is None else CommandState(row["command_state"]),
        )
        for row in invoices
    ]


def _kept_copy(row: Row) -> KeptCopy | None:
    if row["vault_key"] is None:
        return None
    return KeptCopy(row["vault_key"], row["sha256"], row["size"], at(row["stored_at"]), row["differs"])


def to_due_file(row: Row, invoice: Row | None) -> DueFile:
    """A row of `vault_file` that is due, with the invoice it is of."""
    return DueFile(
        key=row["key"],
        number=row["number"],
        type=row["type"],
        url=row["url"],
        invoice_id=row["invoice_id"],
        seller_id=row["seller_id"],
        invoice_date=at(row["invoice_date"]),
        attempts=row["attempts"],
        invoice=None if invoice is None else to_found_row(invoice),
    )


def to_kept_file(row: Row) -> KeptFile:
    """A row of `vault_file` that is kept."""
    return KeptFile(
        key=row["key"],
        number=row["number"],
        type=row["type"],
        url=row["url"],
        vault_key=row["vault_key"],
        sha256=row["sha256"],
        size=row["size"],
        stored_at=at(row["stored_at"]),
        differs=row["differs"] or b"[]",
    )


def to_untold(command: Command, files: Sequence[Row]) -> Untold:
    """Rows of `vault_file` that are kept or missing, and the command that is told of them."""
    return Untold(
        command,
        kept=tuple(to_kept_file(row) for row in files if row["state"] == "kept"),
        missing=tuple(
            MissingFile(row["key"], row["number"], row["type"], row["reason"] or "")
            for row in files
            if row["state"] == "missing"
        ),
    )


def to_vault_year(row: Row) -> VaultYear:
    """A row of the report by year."""
    return VaultYear(row["year"], row["type"], row["state"], row["files"], row["bytes"])


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
