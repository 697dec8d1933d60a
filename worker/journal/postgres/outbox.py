"""What the relay asks of the PostgreSQL journal. Each function runs inside one transaction."""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.postgres.statements import Statements, columns
from worker.journal.rows import to_outbox_row
from worker.records import OutboxRow


async def due(statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
    """See `OutboxJournal.due`."""
    return [to_outbox_row(row) for row in await statements.all("due_rows", worker, now, limit)]


async def published(statements: Statements, seqs: Sequence[int]) -> None:
    """See `OutboxJournal.published`."""
    await statements.run("delete_rows", list(seqs))


async def postpone(statements: Statements, delays: Sequence[tuple[int, datetime]]) -> None:
    """See `OutboxJournal.postpone`."""
    values = columns(sorted(delays), 2)
    await statements.run("postpone_rows", *values)
    await statements.run("postpone_streams", *values)


async def undeliverable(statements: Statements, seqs: Sequence[int]) -> None:
    """See `OutboxJournal.undeliverable`."""
    await statements.run("set_undeliverable", list(seqs))


async def adopt(statements: Statements, worker: str, limit: int) -> int:
    """Take over rows of workers that are no more, and of nobody. Returns how many."""
    dead = [row["id"] for row in await statements.all("dead_owners")]
    adopted = len(await statements.all("adopt_rows", worker, dead, limit)) if dead else 0
    return adopted + len(await statements.all("adopt_unowned_rows", worker, max(limit - adopted, 0)))
