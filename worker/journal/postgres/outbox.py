"""What the relay asks of the PostgreSQL journal."""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import streams_of, to_outbox_row
from worker.records import OutboxRow


class PostgresOutbox(PostgresStore):
    """See `OutboxJournal`."""

    @without_transaction
    async def due(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due`."""
        rows = [to_outbox_row(row) for row in await statements.all("due_rows", worker, now, limit)]
        if len(rows) == limit and await _has_gap(statements, rows):
            return await _heads(statements, worker, now, limit)
        return rows

    @without_transaction
    async def due_heads(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due_heads`."""
        return await _heads(statements, worker, now, limit)

    @without_transaction
    async def published(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.published`."""
        await statements.run("delete_rows", list(seqs))

    @one_transaction
    async def postpone(self, statements: Statements, delays: Sequence[tuple[int, datetime]]) -> None:
        """See `OutboxJournal.postpone`."""
        values = columns(sorted(delays), 2)
        await statements.run("postpone_rows", *values)
        await statements.run("postpone_streams", *values)

    @without_transaction
    async def undeliverable(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.undeliverable`."""
        await statements.run("set_undeliverable", list(seqs))


async def _heads(statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
    return [to_outbox_row(row) for row in await statements.all("due_heads", worker, now, limit)]


async def _has_gap(statements: Statements, rows: Sequence[OutboxRow]) -> bool:
    """Whether the limit cut off what goes before one of these rows: where two workers' clocks differ, or one was set
    back, a stream's times are out of its order."""
    row = await statements.one("has_gap", *columns(streams_of(rows), 4))
    return row is not None and bool(row["has_gap"])


async def adopt(statements: Statements, worker: str, limit: int) -> int:
    """Take over rows of workers that are no more, and of nobody. Returns how many."""
    dead = [row["id"] for row in await statements.all("dead_owners")]
    adopted = len(await statements.all("adopt_rows", worker, dead, limit)) if dead else 0
    return adopted + len(await statements.all("adopt_unowned_rows", worker, max(limit - adopted, 0)))
