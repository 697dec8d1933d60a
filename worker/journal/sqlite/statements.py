"""One SQLite connection and its named statements: what an operation is handed to work with.

Used by one thread only. Knows nothing of transactions: the writer begins and commits them.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from worker.errors import ConfigurationError
from worker.journal import queries
from worker.journal.rows import to_command
from worker.journal.sealing import Sealer
from worker.records import Command, CommandState


class Statements:
    """Runs queries by name. Raises what `sqlite3` raises."""

    def __init__(self, connection: sqlite3.Connection, sealer: Sealer | None) -> None:
        self.connection = connection
        self._sealer = sealer
        self._sql = queries.load("sqlite")

    @property
    def sealer(self) -> Sealer:
        """Where secrets are sealed and opened; a read-only journal has none."""
        if self._sealer is None:
            raise ConfigurationError("this journal is open for reading only")
        return self._sealer

    def one(self, query: str, **values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        cursor = self.connection.execute(self._sql[query], values)
        row: sqlite3.Row | None = cursor.fetchone()
        # A statement with RETURNING is complete, and its row written, only when it is stepped to its end.
        cursor.close()
        return row

    def all(self, query: str, **values: Any) -> list[sqlite3.Row]:
        """All rows."""
        return self.connection.execute(self._sql[query], values).fetchall()

    def run(self, query: str, **values: Any) -> int:
        """Execute; returns how many rows changed."""
        return self.connection.execute(self._sql[query], values).rowcount

    def insert(self, query: str, **values: Any) -> int | None:
        """Execute an INSERT; returns the new row's key, None where a conflict left it out. Cheaper than RETURNING."""
        cursor = self.connection.execute(self._sql[query], values)
        return cursor.lastrowid if cursor.rowcount > 0 else None

    def run_each(self, query: str, values: Iterable[Mapping[str, Any]]) -> int:
        """Execute once per mapping; returns how many rows changed."""
        return self.connection.executemany(self._sql[query], values).rowcount

    def command(self, row: sqlite3.Row) -> Command:
        """A command with its secrets opened, as far as they can be."""
        return self._command(row)

    def command_under(self, row: sqlite3.Row, epoch: int) -> Command:
        """The same after it was taken over by another lease."""
        return self._command(row, epoch=epoch)

    def command_begun(self, row: sqlite3.Row, epoch: int) -> Command:
        """The same after it was begun under this epoch."""
        return self._command(row, state=CommandState.RUNNING, epoch=epoch, attempts=int(row["attempts"]) + 1)

    def _command(self, row: sqlite3.Row, **changed: Any) -> Command:
        """With what has changed since the row was read."""
        # A row is searched through for each name; of these there are thirty.
        values = dict(zip(row.keys(), row, strict=True))
        values.update(changed)
        secrets, fault = self.sealer.opened(values["source"], values["id"], values["secrets"])
        return to_command(values, secrets, fault=fault)
