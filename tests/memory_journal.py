"""The journal's own SQL, on SQLite in memory: what is tested on it is tested on the real rules."""

import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from typing_extensions import override

from worker.clock import Clock
from worker.journal.sealing import Sealer
from worker.journal.sqlite import SqliteJournal, opening
from worker.journal.sqlite.statements import Statements

Result = TypeVar("Result")


class MemoryJournal(SqliteJournal):
    """`worker.ports.Journal` without its file and its thread: each operation is one transaction, done at once, by this
    clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Path("in-memory"), clock=clock)
        connection = _connect()
        empty().backup(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        self.statements = Statements(connection, Sealer([bytes(32)]))

    @override
    async def _run(self, operation: Callable[[Statements], Result], *, is_flushed: bool = True) -> Result:
        connection = self.statements.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = operation(self.statements)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return result

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """What a test wants to know."""
        return self.statements.connection.execute(sql, values).fetchall()

    def holds(self, worker: str, lane: str) -> bool:
        """Whether this worker's lease runs by the store's clock, and the lane is its own."""
        (row,) = self.rows(
            "SELECT count(*) AS held FROM lane JOIN worker ON worker.id = lane.holder"
            " WHERE lane.lane = ? AND worker.id = ? AND worker.leased_until > ?",
            lane,
            worker,
            int(self._clock.monotonic() * 1_000_000),
        )
        return bool(row["held"])


def _connect() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    connection.row_factory = sqlite3.Row
    return connection


@cache
def empty() -> sqlite3.Connection:
    connection = _connect()
    opening._migrate(connection, Path("in-memory"))
    return connection
