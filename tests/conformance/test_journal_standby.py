"""A commit whose wait for the synchronous standby was ended is not taken for durable: a fail-over would lose it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conformance.journal_builders import admit, begin, new, state_of, step
from tests.conformance.journal_stores import PostgresStore
from tests.servers import Database
from worker.errors import JournalUnavailable
from worker.ports import Journal
from worker.records import CommandState

pytestmark = pytest.mark.xdist_group("standby")

ENDINGS = {"cancelled": "pg_cancel_backend", "terminated": "pg_terminate_backend"}


@pytest.fixture
async def store(own_database: Database) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(own_database.url())
    await store.empty()
    yield store
    await store.close()


@pytest.fixture
async def operator(own_database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Whoever sets the server up; it waits for nobody in the end."""
    connection = await asyncpg.connect(own_database.url(), server_settings={"synchronous_commit": "local"})
    yield connection
    await wait_for_standby(connection, "")
    await connection.close()


async def wait_for_standby(operator: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """Tell the server whom each commit waits for."""
    await operator.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    await operator.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(60):
        while await operator.fetchval("SHOW synchronous_standby_names") != name:
            await asyncio.sleep(0.02)


async def waiting(operator: "asyncpg.Connection[asyncpg.Record]") -> list[int]:
    """The sessions whose commit waits for the standby, as soon as there are some."""
    async with asyncio.timeout(60):
        while True:
            rows = await operator.fetch("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            if rows:
                return [row["pid"] for row in rows]
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ENDINGS)
async def test_a_submission_that_no_standby_has_is_not_begun(
    store: PostgresStore, operator: "asyncpg.Connection[asyncpg.Record]", how: str
) -> None:
    """Nor is it taken for done when it is recorded again, for it stands on the primary only; with the standby it is."""
    journal = await store.open_with_worker("w1")
    claim = await begin(journal, new("a"))
    await wait_for_standby(operator, "nobody")
    submission = step(claim, CommandState.SUBMITTING)

    for _ in range(2):
        call = asyncio.ensure_future(journal.record(submission))
        for pid in await waiting(operator):
            await operator.execute(f"SELECT {ENDINGS[how]}($1)", pid)
        with pytest.raises(JournalUnavailable):
            await asyncio.wait_for(call, 60)

    await wait_for_standby(operator, "")
    async with asyncio.timeout(60):  # a session that was terminated is noticed once
        while not await answers(journal):
            await asyncio.sleep(0.05)
    assert not await journal.record(submission)
    assert await state_of(journal, "a") is CommandState.SUBMITTING


async def answers(journal: Journal) -> bool:
    """Whether it is available."""
    with contextlib.suppress(JournalUnavailable):
        await journal.ping()
        return True
    return False


async def test_what_comes_in_meanwhile_is_not_acknowledged(
    store: PostgresStore, operator: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The intake tries the batch again, and acknowledges it when a later commit has been waited for."""
    journal = await store.open_with_worker("w1")
    await wait_for_standby(operator, "nobody")
    call = asyncio.ensure_future(admit(journal, new("a")))
    for pid in await waiting(operator):
        await operator.execute("SELECT pg_cancel_backend($1)", pid)
    with pytest.raises(JournalUnavailable, match="standby"):
        await asyncio.wait_for(call, 60)
    await wait_for_standby(operator, "")
    await admit(journal, new("a"))
    assert len(await journal.find("a")) == 1
