"""One suite, two stores: every test of the journal runs on SQLite and on PostgreSQL.

The PostgreSQL tests of a process share one database, emptied before each: making one takes longer than most tests.
"""

import asyncio
import concurrent.futures
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.conformance.journal_stores import PostgresStore, SqliteStore, Store
from tests.memory_journal import empty
from worker.journal.postgres import PostgresJournal
from worker.ports import Journal


@pytest.fixture(scope="session")
def journal_database(postgres_server: str) -> Iterator[str]:
    """Address of the database that this process's journal tests share."""
    name = f"journal_{uuid.uuid4().hex[:12]}"
    _execute(postgres_server, f'CREATE DATABASE "{name}"')
    yield f"{postgres_server.rpartition('/')[0]}/{name}"
    _execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work()).result()


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty database of this version, with every journal closed that a test opens on it."""
    store: Store
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "journal.db")
        store.path.write_bytes(empty().serialize())
    else:
        store = PostgresStore(request.getfixturevalue("journal_database"))
        await store.empty()
    yield store
    await store.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A database that no other test wrote into: what was deleted from a shared one is room that is used again."""
    store: Store
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "journal.db")
    else:
        store = PostgresStore(request.getfixturevalue("postgres_url"))
    yield store
    await store.close()


@pytest.fixture
async def journal(store: Store) -> Journal:
    """An open journal where worker `w1` is registered for a minute."""
    return await store.open_with_worker("w1")


@pytest.fixture
async def server(postgres_url: str) -> AsyncIterator[PostgresJournal]:
    """A journal in a database of its own, closed however the test ends: what one leaves open, another is blamed for."""
    store = PostgresStore(postgres_url)
    opened = await store.open_with_worker("w1")
    assert isinstance(opened, PostgresJournal)
    yield opened
    await store.close()
