"""The journal in PostgreSQL: for any number of worker processes, durable at every return.

Guarantees short transactions without other I/O in them, leases by the server's clock, and recovery by itself after the
server was away. Opens, closes and names the parts; each part holds its own methods. Knows nothing of what commands
mean.
"""

from collections.abc import Callable, Sequence

import structlog
from pydantic import SecretStr

from worker.clock import Clock
from worker.journal.postgres import schema
from worker.journal.postgres.intake import PostgresIntake
from worker.journal.postgres.invoices import PostgresAudits, PostgresInvoices, PostgresVault
from worker.journal.postgres.lanes import PostgresLanes, PostgresLookUps
from worker.journal.postgres.operator import PostgresOperator, PostgresUpkeep
from worker.journal.postgres.outbox import PostgresOutbox
from worker.journal.postgres.pool import Dsn
from worker.journal.postgres.refusals import PostgresAccounts, PostgresSellers
from worker.journal.postgres.steps import PostgresFollowers, PostgresSteps

log = structlog.get_logger()


class PostgresJournal(
    PostgresIntake,
    PostgresLanes,
    PostgresSellers,
    PostgresSteps,
    PostgresFollowers,
    PostgresAccounts,
    PostgresLookUps,
    PostgresInvoices,
    PostgresAudits,
    PostgresOutbox,
    PostgresOperator,
    PostgresUpkeep,
    PostgresVault,
):
    """`worker.ports.Journal` on PostgreSQL."""

    def __init__(self, dsn: Dsn, *, keys: Sequence[SecretStr], clock: Clock, pool_size: int = 8) -> None:
        """See `PostgresStore`. Raises `ConfigurationError`."""
        super().__init__(dsn, keys=keys, clock=clock, pool_size=pool_size)
        self._wake: Callable[[], None] | None = None
        self._is_open = False

    async def open(self) -> None:
        """Connect and check schema and keys. Raises `SchemaOutdated`, `ConfigurationError`, `JournalUnavailable`."""
        await self._connections.open()
        try:
            await self._run(schema.check)
            self._sealer.check(await self._key_ids())
        except BaseException:
            await self._connections.close()
            raise
        self._is_open = True
        if self._wake is not None:
            self._hints.listen(self._wake)
        log.info("journal_opened", store="postgres")

    async def close(self) -> None:
        """Send the last hint, wait for what runs, then let go."""
        self._is_open = False
        await self._batches.close()
        await self._hints.close()
        await self._lease.close()
        await self._connections.close()

    async def upgrade(self) -> Sequence[str]:
        """Apply the migrations that are missing; returns their names."""
        if self._is_open:
            return await self._transact(schema.upgrade)
        await self._connections.open()
        try:
            return await self._transact(schema.upgrade)
        finally:
            await self._connections.close()

    def listen(self, wake: Callable[[], None]) -> None:
        """A hint may be lost; then work is found by looking for it now and then."""
        self._wake = wake
        if self._is_open:
            self._hints.listen(wake)
