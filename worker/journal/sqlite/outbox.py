"""What the relay asks of the SQLite journal. Each function is one operation inside the writer's transaction."""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.rows import micros, to_outbox_row
from worker.journal.sqlite.statements import Statements
from worker.records import OutboxRow


def due(statements: Statements, now: int, limit: int) -> list[OutboxRow]:
    """See `OutboxJournal.due`. Every row is the one process's own."""
    return [to_outbox_row(row) for row in statements.all("due_rows", now=now, limit=limit)]


def published(statements: Statements, seqs: Sequence[int]) -> None:
    """See `OutboxJournal.published`."""
    statements.run_each("delete_row", [{"seq": seq} for seq in seqs])


def postpone(statements: Statements, delays: Sequence[tuple[int, datetime]]) -> None:
    """See `OutboxJournal.postpone`."""
    values = [{"seq": seq, "due_at": micros(at)} for seq, at in delays]
    statements.run_each("postpone_row", values)
    statements.run_each("postpone_stream", values)


def undeliverable(statements: Statements, seqs: Sequence[int]) -> None:
    """See `OutboxJournal.undeliverable`."""
    statements.run_each("set_undeliverable", [{"seq": seq} for seq in seqs])
