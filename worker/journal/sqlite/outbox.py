"""What the relay asks of the SQLite journal."""

import json
from collections.abc import Sequence
from datetime import datetime

from worker.journal.rows import micros, streams_of, to_outbox_row
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import OutboxRow


class SqliteOutbox(SqliteStore):
    """See `OutboxJournal`. Every row is the one process's own."""

    @one_transaction
    def due(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due`."""
        rows = [to_outbox_row(row) for row in statements.all("due_rows", now=micros(now), limit=limit)]
        if len(rows) == limit and _has_gap(statements, rows):
            return _heads(statements, now, limit)
        return rows

    @one_transaction
    def due_heads(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due_heads`."""
        return _heads(statements, now, limit)

    @one_transaction
    def published(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.published`."""
        statements.run_each("delete_row", [{"seq": seq} for seq in seqs])

    @one_transaction
    def postpone(self, statements: Statements, delays: Sequence[tuple[int, datetime]]) -> None:
        """See `OutboxJournal.postpone`."""
        values = [{"seq": seq, "due_at": micros(at)} for seq, at in delays]
        statements.run_each("postpone_row", values)
        statements.run_each("postpone_stream", values)

    @one_transaction
    def undeliverable(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.undeliverable`."""
        statements.run_each("set_undeliverable", [{"seq": seq} for seq in seqs])


def _heads(statements: Statements, now: datetime, limit: int) -> list[OutboxRow]:
    return [to_outbox_row(row) for row in statements.all("due_heads", now=micros(now), limit=limit)]


def _has_gap(statements: Statements, rows: Sequence[OutboxRow]) -> bool:
    """Whether the limit cut off what goes before one of these rows: a clock that was set back puts a stream's times out
    of its order."""
    row = statements.one("has_gap", streams=json.dumps(streams_of(rows)))
    return row is not None and bool(row["has_gap"])
