"""One suite, two stores: every test of the journal runs on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.journal_stores import PostgresStore, SqliteStore, Store
from worker.ports import Journal


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty database, with every journal closed that a test opens on it."""
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
