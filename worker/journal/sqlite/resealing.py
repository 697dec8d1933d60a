"""Sealing anew what an earlier key sealed, in SQLite."""

from worker.journal.sqlite.statements import Statements
from worker.records import CommandState


def reseal(statements: Statements, state: CommandState, after: int, limit: int) -> tuple[int, int | None]:
    """Commands of this state whose key is greater than `after`: how many were sealed anew, and the last one looked at
    (None where there are no more)."""
    sealer = statements.sealer
    rows = statements.all("stale_secrets", state=state, head=sealer.head, after=after, limit=limit)
    done = 0
    for row in rows:
        sealed = sealer.reseal(row["source"], row["id"], row["secrets"])
        done += statements.run("replace_secrets", key=row["key"], old=row["secrets"], new=sealed)
    return done, rows[-1]["key"] if len(rows) == limit else None
