"""From the first released schema to the newest one: nothing is lost, and two versions run side by side meanwhile."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.conformance.journal_builders import (
    NOW,
    PASSWORD,
    SECOND,
    admit,
    claim_one,
    ids,
    look_up,
    new,
    outbox,
    publish_all,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_stores import KEY, PostgresStore, SqliteStore, Store
from worker.clock import SystemClock
from worker.errors import SchemaOutdated
from worker.journal import migrations
from worker.journal.migrations import Migration
from worker.journal.postgres import PostgresJournal
from worker.journal.sqlite.opening import open_for_writing
from worker.records import SUBMITTED, Admission, CommandState, Copy

SNAPSHOT = Path(__file__).parent / "schema_0001"
STATES = {
    "done": "completed", "doubt": "in_doubt", "twin": "held", "submitted": "submitting", "running": "running",
    "failed": "failed", "waiting": "waiting", "repeat": "following", "refused": "rejected",
}  # fmt: skip
PROBE_SQL = "ALTER TABLE command ADD COLUMN probe text; ALTER TABLE outbox ADD COLUMN probe text;"


def _only_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this program were the first release."""
    load = migrations.load
    monkeypatch.setattr(migrations, "load", lambda dialect: load(dialect)[:1])


def _one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this program were the next release: its schema has a column more in the tables that matter most."""
    load = migrations.load

    def loaded(dialect: str) -> tuple[Migration, ...]:
        known = load(dialect)
        return (*known, Migration(len(known) + 1, f"{len(known) + 1:04}_probe", PROBE_SQL))

    monkeypatch.setattr(migrations, "load", loaded)


def _journal(url: str) -> PostgresJournal:
    return PostgresJournal(url, keys=[KEY], clock=SystemClock(), pool_size=2)


@pytest.fixture(params=["sqlite", "postgres"])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store as the first release left it."""
    store: Store
    with pytest.MonkeyPatch.context() as patch:
        _only_the_first(patch)
        if request.param == "sqlite":
            store = await _old_sqlite(tmp_path / "journal.db")
        else:
            store = await _old_postgres(request.getfixturevalue("postgres_url"))
    yield store
    await store.close()


async def _old_sqlite(path: Path) -> Store:
    connection, applied = open_for_writing(path)
    connection.close()
    assert list(applied) == ["0001_journal"]
    filled = sqlite3.connect(path)
    filled.executescript((SNAPSHOT / "sqlite.sql").read_text("utf-8"))
    filled.close()
    return SqliteStore(path)


async def _old_postgres(url: str) -> Store:
    assert list(await _journal(url).upgrade()) == ["0001_journal"]
    connection = await asyncpg.connect(url)
    await connection.execute((SNAPSHOT / "postgres.sql").read_text("utf-8"))
    await connection.close()
    return PostgresStore(url)


async def test_every_command_is_where_it_was(old: Store) -> None:
    journal = await old.open()

    assert {command.id: str(command.state) for command in await journal.commands([])} == STATES
    assert (await look_up(journal, "waiting")).route.traceparent is not None
    backlog = await journal.backlog(NOW + SECOND)
    assert (backlog.waiting, backlog.in_doubt, backlog.held, backlog.outbox) == (1, 1, 1, 8)
    assert (await journal.account("digest")).suspended_until == NOW + 3600 * SECOND


async def test_what_its_worker_left_is_taken_over(old: Store) -> None:
    """As it stands: what was submitted is not begun again. Its passwords are read with the same keys."""
    journal = await old.open()
    await old.expire("w1")
    await journal.register("w2", 60 * SECOND)
    await journal.reap("w2", NOW)

    claims = {claim.command.id: claim for claim in await journal.claim("w2", 10, NOW)}

    assert {name: claim.command.state for name, claim in claims.items()} == {
        "submitted": CommandState.SUBMITTING,
        "running": CommandState.RUNNING,
        "waiting": CommandState.RUNNING,
    }
    for claim in claims.values():
        assert dict(claim.command.secrets) == {"/login/password": PASSWORD}
    await submit(journal, claims["waiting"])
    assert await journal.record(step(claims["waiting"], CommandState.COMPLETED, "completed", expected=SUBMITTED))


async def test_what_was_to_be_told_is_told(old: Store) -> None:
    journal = await old.open()
    await old.expire("w1")
    await journal.register("w2", 60 * SECOND)
    await journal.reap("w2", NOW)

    published = await publish_all(journal, "w2")

    assert {(row.command_id, row.copy) for row in published} == {
        (command_id, copy) for command_id in ("done", "doubt", "failed", "refused") for copy in Copy
    }
    assert await outbox(journal, "w2") == []


async def test_a_doubt_of_then_is_settled_now(old: Store) -> None:
    """With all that hung on it: its twin goes on, and the repeat of its order can be answered."""
    journal = await old.open()
    await journal.register("w2", 60 * SECOND)
    doubt = await look_up(journal, "doubt")

    assert await journal.settle(settlement(doubt, CommandState.FAILED, "failed"))

    assert await state_of(journal, "twin") is CommandState.WAITING
    assert [following.follower.id for following in await journal.followers()] == ["repeat"]


async def test_what_was_received_then_is_known_now(old: Store) -> None:
    journal = await old.open_with_worker("w2")

    assert await admit(journal, new("done"), new("unheard", lane="u9"), worker="w2") == [
        Admission.REPEATED,
        Admission.ACCEPTED,
    ]
    assert (await look_up(journal, "unheard")).key > (await look_up(journal, "refused")).key


async def test_a_schema_older_than_the_program_is_refused_with_what_to_run(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _journal(postgres_url).upgrade()
    _one_more(monkeypatch)
    newer = _journal(postgres_url)

    with pytest.raises(SchemaOutdated, match="fapiao-worker db upgrade"):
        await newer.open()
    (applied,) = await newer.upgrade()

    assert applied.endswith("_probe")
    await newer.open()
    await newer.close()


async def test_two_versions_work_side_by_side_while_replicas_are_replaced(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema goes first. Workers of the version before go on, with statements that they prepared before it."""
    before = _journal(postgres_url)
    await before.upgrade()
    await before.open()
    await before.register("old", 60 * SECOND)
    await _issue(before, "old", "a")

    with monkeypatch.context() as patch:
        _one_more(patch)
        after = _journal(postgres_url)
        await after.upgrade()
        await after.open()
        await after.register("new", 60 * SECOND)

    for number in range(6):
        await _issue(before, "old", f"b{number}")
        await _issue(after, "new", f"c{number}")
    assert len(await publish_all(before, "old")) == 14
    assert len(await publish_all(after, "new")) == 12
    await before.close()
    with pytest.raises(SchemaOutdated, match="newer version"):
        await before.open()
    await after.close()


async def _issue(journal: PostgresJournal, worker: str, name: str) -> None:
    """Every statement of an order's way, once."""
    await admit(journal, new(name, lane=name), worker=worker)
    await journal.reap(worker, NOW)
    claim = await claim_one(journal, worker)
    assert ids([claim]) == [name]
    await submit(journal, claim)
    assert await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED))
    assert await journal.next_command(claim.lease, NOW) is None
    await journal.release(claim.lease, NOW)
    assert len(await journal.find(name)) == 1
    await journal.backlog(NOW)


def test_a_migration_takes_nothing_from_the_version_before() -> None:
    """On PostgreSQL workers of two versions share the schema: what one still reads must not go, nor change its name."""
    for migration in migrations.load("postgres")[1:]:
        for forbidden in ("DROP TABLE", "DROP COLUMN", "RENAME ", "ALTER COLUMN", "TRUNCATE"):
            assert forbidden not in migration.sql.upper(), migration.name
