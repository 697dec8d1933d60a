"""What look-ups brought, on PostgreSQL: kept with the step that tells of it, read by commands and people.

`keep` runs inside the step's transaction; a page of any size is three statements.
"""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.invoice_rows import (
    FILE_COLUMNS,
    INVOICE_COLUMNS,
    ITEM_COLUMNS,
    brought_by,
    distinct_files,
    distinct_invoices,
    invoice_values,
    to_found_row,
    to_stored,
)
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, without_transaction
from worker.journal.rows import found
from worker.records import Command, Findings, FoundRow, Stored, StoredFilter


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
