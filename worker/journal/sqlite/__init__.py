"""The journal in one SQLite file: for one worker process, durable at every return.

Guarantees: a single thread writes, commits are flushed to disk (`synchronous=FULL`), calls that wait together share
one commit. Opens, closes and names the parts; each part holds its own methods. Knows nothing of what commands mean.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from worker.clock import Clock
from worker.errors import ConfigurationError
from worker.journal.rows import micros
from worker.journal.sealing import Sealer, keys_beside
from worker.journal.sqlite.intake import SqliteIntake
from worker.journal.sqlite.invoices import SqliteAudits, SqliteInvoices, SqliteVault
from worker.journal.sqlite.lanes import SqliteLanes, SqliteLookUps, begin_anew
from worker.journal.sqlite.opening import FileGuard, ProcessLock, open_for_reading, open_for_writing
from worker.journal.sqlite.operator import SqliteOperator, SqliteUpkeep
from worker.journal.sqlite.outbox import SqliteOutbox
from worker.journal.sqlite.refusals import SqliteAccounts, SqliteSellers
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.steps import SqliteFollowers, SqliteSteps
from worker.journal.sqlite.writer import Writer


class SqliteJournal(
    SqliteIntake,
    SqliteLanes,
    SqliteSellers,
    SqliteSteps,
    SqliteFollowers,
    SqliteAccounts,
    SqliteLookUps,
    SqliteInvoices,
    SqliteAudits,
    SqliteOutbox,
    SqliteOperator,
    SqliteUpkeep,
    SqliteVault,
):
    """`worker.ports.Journal` on SQLite."""

    def __init__(
        self, path: Path | str, *, keys: Sequence[SecretStr] = (), clock: Clock, readonly: bool = False
    ) -> None:
        """See `SqliteStore`."""
        super().__init__(path, keys=keys, clock=clock, readonly=readonly)
        self._lock = ProcessLock(self._path)
        self._applied: Sequence[str] = ()
        self._guard: FileGuard | None = None

    async def open(self) -> None:
        """Take the file, apply missing migrations, free what a dead process held. Raises `StoreBusy`,
        `SchemaOutdated`, `ConfigurationError`."""
        if self._is_readonly:
            self._writer = Writer(lambda: Statements(open_for_reading(self._path), None), begin="BEGIN")
            await self._writer.start()
            return
        self._lock.take()
        try:
            self._writer = Writer(self._connect, guard=self._check_files)
            await self._writer.start()
        except BaseException:
            self._writer = None
            self._lock.free()
            raise
        await self._run(partial(begin_anew, now=micros(self._clock.now())))

    def _check_files(self) -> None:
        if self._guard is not None:
            self._guard.check()

    def _connect(self) -> Statements:
        connection, self._applied = open_for_writing(self._path)
        self._guard = FileGuard(self._path, self._lock)
        statements = Statements(connection, Sealer(keys_beside(self._path, self._keys)))
        try:
            statements.sealer.check([row["key_id"] for row in statements.all("sealing_keys")])
        except ConfigurationError:
            connection.close()
            raise
        return statements

    async def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()
        self._lock.free()

    async def upgrade(self) -> Sequence[str]:
        """Migrations are applied by `open`; this opens for a moment, if need be, and tells which."""
        if self._writer is None:
            await self.open()
            await self.close()
        return self._applied

    def listen(self, wake: Callable[[], None]) -> None:
        """Nothing to listen to: no other process writes this file."""
