"""What an audit keeps and reads, on SQLite."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from worker.journal.invoice_rows import to_audited, to_numbered
from worker.journal.rows import found, micros
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import AuditedInvoice, AuditedRow, Command, NumberedCommand


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
