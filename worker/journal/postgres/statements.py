"""One PostgreSQL connection and its named statements: what an operation is handed to work with.

The driver prepares each statement once per connection. Knows nothing of transactions.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from worker.journal import queries
from worker.journal.rows import to_command
from worker.journal.sealing import Sealer
from worker.records import Command

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from asyncpg.pool import PoolConnectionProxy


class Statements:
    """Runs queries by name. Raises what `asyncpg` raises."""

    def __init__(self, connection: "Connection[Record] | PoolConnectionProxy[Record]", sealer: Sealer) -> None:
        self.connection = connection
        self.sealer = sealer
        self._sql = queries.load("postgres")

    async def one(self, query: str, *values: Any) -> "Record | None":
        """The first row, or None."""
        return await self.connection.fetchrow(self._sql[query], *values)

    async def all(self, query: str, *values: Any) -> "list[Record]":
        """All rows."""
        return await self.connection.fetch(self._sql[query], *values)

    async def run(self, query: str, *values: Any) -> None:
        """Execute; what it returns, if anything, is dropped."""
        await self.connection.fetch(self._sql[query], *values)

    def command(self, row: "Record") -> Command:
        """A command with its secrets opened, as far as they can be."""
        secrets, fault = self.sealer.opened(row["source"], row["id"], row["secrets"])
        return to_command(row, secrets, fault=fault)


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes, one per column."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]
