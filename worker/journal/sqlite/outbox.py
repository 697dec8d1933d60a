"""What the relay asks of the SQLite journal."""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.rows import micros, to_outbox_row
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import OutboxRow


class SqliteOutbox(SqliteStore):
    """See `OutboxJournal`. Every row is the one process's own."""

    @one_transaction
    def due(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due`. Every row is the one process's own."""
        return [to_outbox_row(row) for row in statements.all("due_rows", now=micros(now), limit=limit)]

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
