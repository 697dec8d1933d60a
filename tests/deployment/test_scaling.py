"""What KEDA asks the journal, asked of a real PostgreSQL by the role that may ask nothing else."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conformance.journal_builders import NOW, SECOND, admit, begin, complete, new, put_in_doubt, step
from tests.conformance.journal_stores import PostgresStore
from tests.deployment.manifests import KUBERNETES, of_kind, render
from worker.records import CommandState

ROLE_FILE = KUBERNETES / "components" / "keda" / "scaler-role.sql"
ROLE = "fapiao_scaler"


def _query() -> str:
    (scaled,) = of_kind(render("overlays/operators"), "ScaledObject")
    (query,) = [t["metadata"]["query"] for t in scaled["spec"]["triggers"] if t["type"] == "postgresql"]
    return str(query)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A migrated database with a worker."""
    store = PostgresStore(postgres_url)
    await store.open_with_worker("w1")
    yield store
    await store.close()


@pytest.fixture
async def scaler(store: PostgresStore) -> AsyncIterator[asyncpg.Connection]:
    """A session of the role that the file makes; roles belong to the whole server, so its name is this test's own."""
    name = f"{ROLE}_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(store.url)
    await connection.execute(ROLE_FILE.read_text().replace(ROLE, name))
    await connection.execute(f"SET ROLE {name}")
    yield connection
    await connection.execute(f"RESET ROLE; DROP OWNED BY {name}; DROP ROLE {name}")
    await connection.close()


async def test_it_counts_lanes_that_have_something_due_or_under_way(
    store: PostgresStore, scaler: asyncpg.Connection
) -> None:
    journal = await store.open()
    assert await scaler.fetchval(_query()) == 0

    await admit(journal, *(new(f"a{number}", lane="u1") for number in range(50)))
    assert await scaler.fetchval(_query()) == 1  # fifty orders of one seller run one after the other

    await admit(journal, *(new(f"b{number}", lane=f"v{number}") for number in range(5)))
    assert await scaler.fetchval(_query()) == 6

    claims = await journal.claim("w1", 6, NOW)
    assert await scaler.fetchval(_query()) == 6  # work in progress counts: its worker must not be taken away

    for claim in claims:
        if claim.lease.lane != "u1":
            assert await journal.record(step(claim, CommandState.FAILED, "failed"))
            await journal.release(claim.lease, NOW)
    assert await scaler.fetchval(_query()) == 1


async def test_what_waits_for_nobody_or_for_a_person_asks_for_no_replicas(
    store: PostgresStore, scaler: asyncpg.Connection
) -> None:
    journal = await store.open()
    await complete(journal, new("done", lane="u1"))
    doubt = await put_in_doubt(journal, new("doubt", lane="u2"))
    await journal.release(doubt.lease, NOW)
    later = await begin(journal, new("later", lane="u3"))
    assert await journal.record(step(later, CommandState.WAITING, due_at=NOW + 10**9 * SECOND))
    await journal.release(later.lease, NOW)

    assert await scaler.fetchval(_query()) == 0


async def test_the_role_may_do_nothing_else(scaler: asyncpg.Connection) -> None:
    """Not even see whose lanes they are."""
    for statement in (
        "SELECT lane FROM lane",
        "SELECT * FROM command",
        "SELECT * FROM payload",
        "SELECT * FROM event",
        "UPDATE lane SET is_ready = true",
        "DELETE FROM lane",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await scaler.execute(statement)


async def test_the_query_costs_the_same_however_much_waits(store: PostgresStore, scaler: asyncpg.Connection) -> None:
    """It reads indexes of lanes, never the commands."""
    await scaler.execute("SET enable_seqscan = off")
    plan = "\n".join(row[0] for row in await scaler.fetch(f"EXPLAIN {_query()}"))

    assert "command" not in plan
    assert "Seq Scan" not in plan
