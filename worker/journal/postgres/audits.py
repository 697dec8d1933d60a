"""What an audit keeps and reads, on PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from worker.journal.invoice_rows import AUDIT_COLUMNS, audit_values, to_audited, to_numbered
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import found
from worker.records import AuditedInvoice, AuditedRow, Command, NumberedCommand


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
