"""One real store for all simulated processes: the journal's own SQL, on SQLite in memory, with faults on the way to it.

`MemoryJournal` is the SQLite journal without its file and its thread: each operation is one transaction, done at once,
by the clock of the store. `StoreLink` is one process's way to it: calls take time, get lost on the way there or back,
and a process can be stopped or crash between any two of them. Leases run by one clock for all, as on PostgreSQL.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from tests.model.simulation import Process, World, run_now
from worker.errors import JournalUnavailable
from worker.journal.sealing import Sealer
from worker.journal.sqlite import opening
from worker.journal.sqlite.journal import SqliteJournal
from worker.journal.sqlite.statements import Statements

Result = TypeVar("Result")


class TrueClock:
    """The store's own: it is right, and never jumps."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.moment

    def monotonic(self) -> float:
        return self._world.now


class MemoryJournal(SqliteJournal):
    """`worker.ports.Journal`, done at once."""

    def __init__(self, world: World) -> None:
        super().__init__(Path("in-memory"), clock=TrueClock(world))
        connection = _connect()
        _empty().backup(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        self.statements = Statements(connection, Sealer([bytes(32)]))

    @override
    async def _run(self, operation: Callable[[Statements], Result]) -> Result:
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
def _empty() -> sqlite3.Connection:
    connection = _connect()
    opening._migrate(connection, Path("in-memory"))
    return connection


class StoreFaults:
    """What is wrong between the processes and the store."""

    def __init__(self) -> None:
        self.is_down = False
        self.seconds = 0.0
        """How long a call takes, half of it before the commit."""
        self.lost_answers = 0
        """So many of the next calls are committed, and their answers lost."""


class StoreLink:
    """One process's way to the store. Has every method of the journal."""

    def __init__(self, process: Process, journal: MemoryJournal, faults: StoreFaults) -> None:
        self._process = process
        self._journal = journal
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._journal, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._call(method, *args, **kwargs)

        return call

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        faults = self._faults
        await self._process.passing()
        await self._travel()
        if faults.is_down:
            raise JournalUnavailable("the store is down")
        result = run_now(method(*args, **kwargs))
        await self._process.passing()
        await self._travel()
        if faults.lost_answers:
            faults.lost_answers -= 1
            raise JournalUnavailable("the answer was lost")
        return result

    async def _travel(self) -> None:
        if self._faults.seconds:
            await asyncio.sleep(self._faults.seconds / 2)
            self._process.check_alive()
