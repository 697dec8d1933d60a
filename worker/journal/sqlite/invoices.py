"""What look-ups and audits brought, on SQLite: kept with the step that tells of it, read by commands and people.

And what becomes of their files: which to fetch into the vault, which are there, and who is told of them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from worker.journal.invoice_rows import (
    brought_by,
    distinct_files,
    distinct_invoices,
    to_audited,
    to_due_file,
    to_found_row,
    to_kept_file,
    to_numbered,
    to_stored,
    to_untold,
    to_vault_year,
)
from worker.journal.rows import found, micros, micros_or_none
from worker.journal.sqlite.outbox import insert_events
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import (
    AuditedInvoice,
    AuditedRow,
    Command,
    DueFile,
    Event,
    Findings,
    FoundRow,
    KeptCopy,
    KeptFile,
    NumberedCommand,
    Stored,
    StoredFilter,
    Untold,
    VaultYear,
)


class SqliteInvoices(SqliteStore):
    """What was brought of invoices: see `LaneJournal`."""

    @one_transaction
    def unseen(self, statements: Statements, command: Command, identities: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.unseen`."""
        rows = statements.all("seen_identities", key=command.key, identities=json.dumps(list(identities)))
        return frozenset(identities) - {row["identity"] for row in rows}

    @one_transaction
    def lacking(self, statements: Statements, command: Command, after: str, limit: int) -> list[FoundRow]:
        """See `LaneJournal.lacking`."""
        return _lacking(statements, command, after, limit)

    @one_transaction
    def tally(self, statements: Statements, command: Command, limit: int) -> tuple[int, list[str]]:
        """See `LaneJournal.tally`."""
        files = found(statements.one("count_files", key=command.key), command.key)["number"]
        return files, [row.invoice_id for row in _lacking(statements, command, "", limit)]

    @one_transaction
    def brought(self, statements: Statements, source: str, invoice_ids: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.brought`."""
        rows = statements.all("brought_ids", source=source, invoice_ids=json.dumps(list(invoice_ids)))
        return frozenset(row["invoice_id"] for row in rows)

    @one_transaction
    def stored(self, statements: Statements, wanted: StoredFilter) -> tuple[int, list[Stored]]:
        """See `LaneJournal.stored`."""
        row = statements.one(
            "find_stored",
            user_id=wanted.user_id,
            source=wanted.source,
            command_key=wanted.command_key,
            number=wanted.number,
            invoice_ids=json.dumps(wanted.invoice_ids) if wanted.invoice_ids else None,
            buyer=wanted.buyer,
            since=micros_or_none(wanted.since),
            until=micros_or_none(wanted.until),
            limit=wanted.limit,
            offset=wanted.offset,
        )
        page = found(row, 0)
        rows = statements.all("read_stored", keys=page["keys"], source=wanted.source)
        files = statements.all("files_of", invoice_ids=json.dumps(sorted({row["invoice_id"] for row in rows})))
        return page["found"], to_stored(rows, files)


def _lacking(statements: Statements, command: Command, after: str, limit: int) -> list[FoundRow]:
    rows = statements.all("lacking_invoices", key=command.key, after=after, limit=limit)
    return [to_found_row(row, lacks_files=True) for row in rows]


def keep(statements: Statements, command: Command, findings: Findings | None, at: datetime) -> None:
    """Store what a command brought; what was there of an invoice is replaced."""
    if findings is None:
        return
    seen_at = micros(at)
    values = [_values(row, findings.user_id, brought_by(command), seen_at) for row in distinct_invoices(findings)]
    statements.run_each("keep_invoice", values)
    if brought_by(command) is not None:
        statements.run_each("link_invoice", values)
    statements.run_each(
        "keep_items",
        [{"invoice_id": invoice_id, "data": data, "at": seen_at} for invoice_id, data in findings.items.items()],
    )
    statements.run_each(
        "keep_file",
        [
            {"invoice_id": row.invoice_id, "type": row.type, "url": row.url, "number": row.number, "at": seen_at}
            for row in distinct_files(findings)
        ],
    )


def _values(row: FoundRow, user_id: str | None, command_key: int | None, at: int) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "identity": row.identity,
        "invoice_id": row.invoice_id,
        "number": row.number,
        "query_type": row.query_type,
        "invoice_date": micros_or_none(row.invoice_date),
        "seller_id": row.seller_id,
        "seller_name": row.seller_name,
        "buyer_id": row.buyer_id,
        "buyer_name": row.buyer_name,
        "total": row.total,
        "data": row.data,
        "at": at,
        "command_key": command_key,
        "lacks_files": row.lacks_files,
    }


class SqliteAudits(SqliteStore):
    """See `AuditJournal`."""

    @one_transaction
    def keep_audited(self, statements: Statements, command: Command, rows: Sequence[AuditedRow]) -> None:
        """See `AuditJournal.keep_audited`."""
        values = [
            {
                "key": command.key,
                "epoch": command.epoch,
                "identity": row.identity,
                "number": row.number,
                "is_in_period": row.is_in_period,
                "alike": row.alike,
                "data": row.data,
            }
            for row in rows
        ]
        statements.run_each("keep_audited", values)

    @one_transaction
    def count_audited(self, statements: Statements, command: Command) -> int:
        """See `AuditJournal.count_audited`."""
        counted: int = found(statements.one("count_audited", key=command.key), command.key)["number"]
        return counted

    @one_transaction
    def audited(self, statements: Statements, command: Command, after: str, limit: int) -> list[AuditedInvoice]:
        """See `AuditJournal.audited`."""
        rows = statements.all("audited", key=command.key, source=command.source, after=after, limit=limit)
        return [to_audited(row) for row in rows]

    @one_transaction
    def claim_audited(self, statements: Statements, command: Command, claims: Mapping[str, int]) -> None:
        """See `AuditJournal.claim_audited`."""
        statements.run("unclaim_audited", key=command.key)
        values = [{"key": command.key, "identity": name, "claim": claim} for name, claim in claims.items()]
        statements.run_each("claim_audited", values)

    @one_transaction
    def numbered(  # noqa: PLR0913, PLR0917
        self,
        statements: Statements,
        command: Command,
        seller: str,
        since: tuple[datetime, int],
        until: datetime,
        limit: int,
    ) -> list[NumberedCommand]:
        """See `AuditJournal.numbered`."""
        moment, after = since
        rows = statements.all(
            "numbered_commands",
            key=command.key,
            source=command.source,
            seller=seller,
            since=micros(moment),
            after=after,
            until=micros(until),
            limit=limit,
        )
        return [to_numbered(row) for row in rows]

    @one_transaction
    def forget_audited(self, statements: Statements, command: Command, limit: int) -> int:
        """See `AuditJournal.forget_audited`."""
        return statements.run("forget_audited", key=command.key, limit=limit)


class SqliteVault(SqliteStore):
    """See `VaultJournal`."""

    @one_transaction
    def enter_files(self, statements: Statements, now: datetime, limit: int) -> int:
        """See `VaultJournal.enter_files`."""
        rows = statements.all("unentered_files", limit=limit)
        for row in rows:
            statements.run("set_entered", invoice_id=row["invoice_id"], type=row["type"])
            if row["number"] is None or row["invoice_date"] is None or not row["seller_id"]:
                continue
            values = {name: row[name] for name in ("number", "type", "invoice_id", "seller_id", "invoice_date", "url")}
            entered = statements.run("enter_vault_file", **values, now=micros(now))
            statements.run("enter_tellings", number=row["number"], type=row["type"])
            if entered:
                statements.run("open_tellings", number=row["number"], type=row["type"])
        return len(rows)

    @one_transaction
    def files_due(self, statements: Statements, now: datetime, until: datetime, limit: int) -> list[DueFile]:
        """See `VaultJournal.files_due`."""
        rows = statements.all("take_due_files", now=micros(now), until=micros(until), limit=limit)
        return [to_due_file(row, statements.one("invoice_by_number", number=row["number"])) for row in rows]

    @one_transaction
    def file_kept(self, statements: Statements, file: DueFile, copy: KeptCopy) -> bool:
        """See `VaultJournal.file_kept`."""
        kept = statements.run(
            "keep_vault_file",
            key=file.key,
            url=file.url,
            vault_key=copy.vault_key,
            sha256=copy.sha256,
            size=copy.size,
            at=micros(copy.stored_at),
            differs=copy.differs,
        )
        if kept:
            statements.run("ready_tellings", key=file.key)
        return kept > 0

    @one_transaction
    def file_put_off(self, statements: Statements, file: DueFile, due_at: datetime, reason: str) -> None:
        """See `VaultJournal.file_put_off`."""
        statements.run("put_off_vault_file", key=file.key, due_at=micros(due_at), reason=reason, url=file.url)

    @one_transaction
    def file_missing(self, statements: Statements, file: DueFile, reason: str) -> bool:
        """See `VaultJournal.file_missing`."""
        missed = statements.run("miss_vault_file", key=file.key, reason=reason)
        if missed:
            statements.run("ready_tellings", key=file.key)
        return missed > 0

    @one_transaction
    def untold_files(self, statements: Statements, commands: int, files: int) -> list[Untold]:
        """See `VaultJournal.untold_files`."""
        untold = []
        for row in statements.all("commands_to_tell", limit=commands):
            key = row["command_key"]
            command = statements.command(found(statements.one("read_command", key=key), key))
            untold.append(to_untold(command, statements.all("files_to_tell", command_key=key, limit=files)))
        return untold

    @one_transaction
    def tell_files(self, statements: Statements, untold: Untold, event: Event, now: datetime) -> bool:
        """See `VaultJournal.tell_files`."""
        command = untold.command
        counted = statements.run(
            "count_event", key=command.key, last_sequence=event.sequence, known_sequence=command.last_sequence
        )
        if not counted:
            return False
        insert_events(statements, command.key, command, (event,), at=now)
        missing = {file.key for file in untold.missing}
        statements.run_each(
            "set_told",
            [{"command_key": command.key, "file_key": key, "is_missing": key in missing} for key in untold.file_keys],
        )
        return True

    @one_transaction
    def kept_files(
        self, statements: Statements, after: int, limit: int, number: str | None = None
    ) -> Sequence[KeptFile]:
        """See `VaultJournal.kept_files`."""
        return [to_kept_file(row) for row in statements.all("kept_files", after=after, limit=limit, number=number)]

    @one_transaction
    def vault_years(self, statements: Statements) -> Sequence[VaultYear]:
        """See `VaultJournal.vault_years`."""
        return [to_vault_year(row) for row in statements.all("vault_years")]
