"""Sealing anew what an earlier key sealed, in PostgreSQL."""

from worker.journal.postgres.statements import Statements
from worker.records import CommandState


async def reseal(statements: Statements, state: CommandState, after: int, limit: int) -> tuple[int, int | None]:
    """Commands of this state whose key is greater than `after`: how many were sealed anew, and the last one looked at
    (None where there are no more). A command that ended meanwhile is left alone."""
    sealer = statements.sealer
    rows = await statements.all("stale_secrets", state, sealer.head, after, limit)
    done = 0
    for row in rows:
        sealed = sealer.reseal(row["source"], row["id"], row["secrets"])
        done += await statements.one("replace_secrets", row["key"], row["secrets"], sealed) is not None
    return done, rows[-1]["key"] if len(rows) == limit else None
