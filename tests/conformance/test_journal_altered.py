"""A database that an operator or a provider has altered: closed for a while, read-only, with defaults of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from tests.conformance.journal_builders import admit, new
from tests.conformance.journal_stores import KEY, PostgresStore
from worker.cli.doctor.diagnosis import Grade
from worker.cli.doctor.store import check_store
from worker.errors import JournalUnavailable
from worker.journal.postgres import pool
from worker.ports import Journal
from worker.records import Admission
from worker.settings import Settings

LEASE = timedelta(seconds=60)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    yield store
    await store.close()


async def test_a_database_that_takes_no_connections_for_a_while_is_waited_for(
    store: PostgresStore, postgres_url: str
) -> None:
    """It is restored, renamed or otherwise maintained; a restart of the worker would help nobody."""
    journal = await store.open_with_worker("w1")
    name = postgres_url.rpartition("/")[2]
    admin = await asyncpg.connect(f"{postgres_url.rpartition('/')[0]}/postgres")
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        for _ in range(3):
            with pytest.raises(JournalUnavailable):
                await journal.ping()
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    finally:
        await admin.close()
    await journal.ping()


async def test_a_database_that_takes_no_writes_is_waited_for_and_named(store: PostgresStore, postgres_url: str) -> None:
    """After a fail-over the address leads to a standby, or a provider stopped it for its full disk. Doctor found it in
    order."""
    journal, name = await store.open_with_worker("w1"), postgres_url.rpartition("/")[2]
    settings = Settings(_env_file=None, database_url=postgres_url, journal_keys=[KEY])
    admin = await asyncpg.connect(f"{postgres_url.rpartition('/')[0]}/postgres")
    try:
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        said = [await _refusal(journal) for _ in range(3)]  # the first may be of the connection that was cut
        assert "PostgreSQL: it takes no writes: FAPIAO_DATABASE_URL leads to a standby" in said[-1]
        (found,) = [each for each in await check_store(settings) if each.verdict is Grade.FAIL]
        assert (found.subject, "primary" in (found.fix or "")) == ("database", True)
        await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    finally:
        await admin.close()
    said = [await _refusal(journal) for _ in range(3)]  # the pool may have opened one while it took none
    assert not said[-1]


async def _refusal(journal: Journal) -> str:
    """Why it renews no lease; empty where it does."""
    try:
        return "" if await journal.renew("w1", LEASE) else "the lease is over"
    except JournalUnavailable as error:
        return str(error)


async def test_defaults_of_a_database_change_nothing_that_is_relied_on(store: PostgresStore, postgres_url: str) -> None:
    """An operator may have set them for another program. With another isolation a repeat that came beside its command's
    end heard nothing of it; without warnings nobody knows that a commit is not on the standby."""
    name = postgres_url.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_url)
    try:
        for default in ("default_transaction_isolation = 'serializable'", "client_min_messages = 'error'"):
            await admin.execute(f'ALTER DATABASE "{name}" SET {default}')
    finally:
        await admin.close()
    journal = await store.open_with_worker("w1")
    for connections in (journal._connections, journal._lease):  # type: ignore[attr-defined]
        async with connections._pool.acquire() as connection, connection.transaction():
            assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
            assert await connection.fetchval("SHOW client_min_messages") == "warning"


async def test_time_limits_for_the_statements_of_others_are_not_ours(store: PostgresStore, postgres_url: str) -> None:
    """Of a database that was made for a web shop: a second is a long time there."""
    name = postgres_url.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_url)
    try:
        for limit in ("statement_timeout", "lock_timeout"):
            await admin.execute(f"ALTER DATABASE \"{name}\" SET {limit} = '1ms'")
        journal = await store.open_with_worker("w1")
        await admin.execute("BEGIN; LOCK TABLE command IN ACCESS EXCLUSIVE MODE")
        admitting = asyncio.create_task(admit(journal, new("a")))
        await asyncio.sleep(0.2)
        assert not admitting.done()
        await admin.execute("COMMIT")
        assert await admitting == [Admission.ACCEPTED]
    finally:
        await admin.close()


async def test_connections_that_nobody_uses_are_closed_before_the_network_forgets_them(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.2)
    journal = await store.open_with_worker("w1")
    await asyncio.gather(*(journal.ping() for _ in range(4)))
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    (many,) = (await store.rows(count))[0]
    async with asyncio.timeout(10):
        while (await store.rows(count))[0][0] >= many:
            await asyncio.sleep(0.05)
    await journal.ping()
