"""What look-ups and audits brought, on PostgreSQL: kept with the step that tells of it, read by commands and people.

`keep` runs inside the step's transaction; a page of any size is three statements. And what becomes of their
files: which to fetch into the vault, which are there, and who is told of them. Replicas share that work: what one has
taken is not due until its time is over, and locked rows are passed over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from worker.journal.invoice_rows import (
    AUDIT_COLUMNS,
    FILE_COLUMNS,
    INVOICE_COLUMNS,
    ITEM_COLUMNS,
    audit_values,
    brought_by,
    distinct_files,
    distinct_invoices,
    invoice_values,
    to_audited,
    to_due_file,
    to_found_row,
    to_kept_file,
    to_numbered,
    to_stored,
    to_untold,
    to_vault_year,
)
from worker.journal.postgres.outbox import copies_of, insert_copies, insert_events
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_snapshot, one_transaction, without_transaction
from worker.journal.rows import found
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


class PostgresInvoices(PostgresStore):
    """What was brought of invoices: see `LaneJournal`."""

    @without_transaction
    async def unseen(self, statements: Statements, command: Command, identities: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.unseen`."""
        rows = await statements.all("seen_identities", command.key, list(identities))
        return frozenset(identities) - {row["identity"] for row in rows}

    @without_transaction
    async def lacking(self, statements: Statements, command: Command, after: str, limit: int) -> list[FoundRow]:
        """See `LaneJournal.lacking`."""
        return await _lacking(statements, command, after, limit)

    @without_transaction
    async def tally(self, statements: Statements, command: Command, limit: int) -> tuple[int, list[str]]:
        """See `LaneJournal.tally`."""
        files = found(await statements.one("count_files", command.key), command.key)["number"]
        return files, [row.invoice_id for row in await _lacking(statements, command, "", limit)]

    @without_transaction
    async def brought(self, statements: Statements, source: str, invoice_ids: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.brought`."""
        rows = await statements.all("brought_ids", source, list(invoice_ids))
        return frozenset(row["invoice_id"] for row in rows)

    @without_transaction
    async def stored(self, statements: Statements, wanted: StoredFilter) -> tuple[int, list[Stored]]:
        """See `LaneJournal.stored`."""
        row = await statements.one(
            "find_stored",
            wanted.user_id,
            wanted.source,
            wanted.command_key,
            wanted.number,
            list(wanted.invoice_ids) or None,
            wanted.buyer,
            wanted.since,
            wanted.until,
            wanted.limit,
            wanted.offset,
        )
        page = found(row, 0)
        rows = await statements.all("read_stored", page["keys"], wanted.source)
        files = await statements.all("files_of", sorted({row["invoice_id"] for row in rows}))
        return page["found"], to_stored(rows, files)


async def _lacking(statements: Statements, command: Command, after: str, limit: int) -> list[FoundRow]:
    rows = await statements.all("lacking_invoices", command.key, after, limit)
    return [to_found_row(row, lacks_files=True) for row in rows]


async def keep(statements: Statements, command: Command, findings: Findings | None, at: datetime) -> None:
    """Store what a command brought; what was there of an invoice is replaced."""
    if findings is None:
        return
    if invoices := [invoice_values(row) for row in distinct_invoices(findings)]:
        key = brought_by(command)
        await statements.run("keep_invoices", findings.user_id, at, key, *columns(invoices, INVOICE_COLUMNS))
    if findings.items:
        await statements.run("keep_items", at, *columns(findings.items.items(), ITEM_COLUMNS))
    if files := [(row.invoice_id, row.type, row.url, row.number) for row in distinct_files(findings)]:
        await statements.run("keep_files", at, *columns(files, FILE_COLUMNS))


class PostgresAudits(PostgresStore):
    """See `AuditJournal`."""

    @without_transaction
    async def keep_audited(self, statements: Statements, command: Command, rows: Sequence[AuditedRow]) -> None:
        """See `AuditJournal.keep_audited`."""
        distinct = {row.identity: row for row in rows}.values()
        given = columns(map(audit_values, distinct), AUDIT_COLUMNS)
        await statements.run("keep_audited", command.key, command.epoch, *given)

    @without_transaction
    async def count_audited(self, statements: Statements, command: Command) -> int:
        """See `AuditJournal.count_audited`."""
        counted: int = found(await statements.one("count_audited", command.key), command.key)["number"]
        return counted

    @without_transaction
    async def audited(self, statements: Statements, command: Command, after: str, limit: int) -> list[AuditedInvoice]:
        """See `AuditJournal.audited`."""
        return [to_audited(row) for row in await statements.all("audited", command.key, after, limit, command.source)]

    @one_transaction
    async def claim_audited(self, statements: Statements, command: Command, claims: Mapping[str, int]) -> None:
        """See `AuditJournal.claim_audited`."""
        await statements.run("unclaim_audited", command.key)
        await statements.run("claim_audited", command.key, *columns(claims.items(), 2))

    @without_transaction
    async def numbered(  # noqa: PLR0913, PLR0917
        self,
        statements: Statements,
        command: Command,
        seller: str,
        since: tuple[datetime, int],
        until: datetime,
        limit: int,
    ) -> list[NumberedCommand]:
        """See `AuditJournal.numbered`."""
        rows = await statements.all("numbered_commands", command.key, seller, *since, until, command.source, limit)
        return [to_numbered(row) for row in rows]

    @without_transaction
    async def forget_audited(self, statements: Statements, command: Command, limit: int) -> int:
        """See `AuditJournal.forget_audited`."""
        gone: int = found(await statements.one("forget_audited", command.key, limit), command.key)["number"]
        return gone


class PostgresVault(PostgresStore):
    """See `VaultJournal`."""

    @one_transaction
    async def enter_files(self, statements: Statements, now: datetime, limit: int) -> int:
        """See `VaultJournal.enter_files`."""
        files = columns([tuple(row) for row in await statements.all("lock_unentered_files", limit)], 3)
        ids, types, _ = files
        if ids:
            await statements.run("set_entered", ids, types)
        # In one order, so that two replicas that enter the same files do not wait for each other in a circle.
        for row in await statements.all("invoices_of_files", *files) if ids else ():
            if row["invoice_date"] is None or not row["seller_id"]:
                continue
            values = [row[name] for name in ("number", "type", "invoice_id", "seller_id", "invoice_date", "url")]
            await statements.run("enter_vault_file", *values, now)
            await statements.run("enter_tellings", row["number"], row["type"])
            await statements.run("open_tellings", row["number"], row["type"])
        return len(ids)

    @one_transaction
    async def files_due(self, statements: Statements, now: datetime, until: datetime, limit: int) -> list[DueFile]:
        """See `VaultJournal.files_due`."""
        rows = await statements.all("take_due_files", now, until, limit)
        return [to_due_file(row, await statements.one("invoice_by_number", row["number"])) for row in rows]

    @one_transaction
    async def file_kept(self, statements: Statements, file: DueFile, copy: KeptCopy) -> bool:
        """See `VaultJournal.file_kept`."""
        told = (copy.vault_key, copy.sha256, copy.size, copy.stored_at, copy.differs, file.url)
        if await statements.one("keep_vault_file", file.key, *told) is None:
            return False
        await statements.run("ready_tellings", file.key)
        return True

    @without_transaction
    async def file_put_off(self, statements: Statements, file: DueFile, due_at: datetime, reason: str) -> None:
        """See `VaultJournal.file_put_off`."""
        await statements.run("put_off_vault_file", file.key, due_at, reason, file.url)

    @one_transaction
    async def file_missing(self, statements: Statements, file: DueFile, reason: str) -> bool:
        """See `VaultJournal.file_missing`."""
        if await statements.one("miss_vault_file", file.key, reason) is None:
            return False
        await statements.run("ready_tellings", file.key)
        return True

    @one_snapshot
    async def untold_files(self, statements: Statements, commands: int, files: int) -> list[Untold]:
        """See `VaultJournal.untold_files`."""
        untold = []
        for row in await statements.all("commands_to_tell", commands):
            key = row["command_key"]
            command = statements.command(found(await statements.one("read_command", key), key))
            untold.append(to_untold(command, await statements.all("files_to_tell", key, files)))
        return untold

    @one_transaction
    async def tell_files(self, statements: Statements, untold: Untold, event: Event, now: datetime) -> bool:
        """See `VaultJournal.tell_files`."""
        command = untold.command
        counted = await statements.one("count_event", command.key, event.sequence, command.last_sequence)
        if counted is None:
            return False
        await insert_events(statements, [(command.key, event, now)])
        await insert_copies(statements, copies_of(command.key, command, (event,), now), self._worker)
        missing = [file.key for file in untold.missing]
        await statements.run("set_told", command.key, untold.file_keys, missing)
        return True

    @without_transaction
    async def kept_files(
        self, statements: Statements, after: int, limit: int, number: str | None = None
    ) -> Sequence[KeptFile]:
        """See `VaultJournal.kept_files`."""
        return [to_kept_file(row) for row in await statements.all("kept_files", after, number, limit)]

    @without_transaction
    async def vault_years(self, statements: Statements) -> Sequence[VaultYear]:
        """See `VaultJournal.vault_years`."""
        return [to_vault_year(row) for row in await statements.all("vault_years")]
