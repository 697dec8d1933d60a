"""Two versions of the program and one PostgreSQL: which of them works on which schema, and that both do meanwhile."""

import pytest

from tests.conformance.journal_builders import NOW, SECOND, admit, claim_one, ids, new, publish_all, step, submit
from tests.conformance.journal_stores import KEY
from worker.clock import SystemClock
from worker.errors import SchemaOutdated
from worker.journal import migrations
from worker.journal.migrations import Migration
from worker.journal.postgres import PostgresJournal
from worker.records import SUBMITTED, CommandState

PROBE_SQL = "ALTER TABLE command ADD COLUMN probe text; ALTER TABLE outbox ADD COLUMN probe text;"


def _one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this program were the next release: its schema has a column more in the tables that matter most."""
    load = migrations.load

    def loaded(dialect: str) -> tuple[Migration, ...]:
        known = load(dialect)
        return (*known, Migration(len(known) + 1, f"{len(known) + 1:04}_probe", PROBE_SQL))

    monkeypatch.setattr(migrations, "load", loaded)


def _journal(url: str) -> PostgresJournal:
    return PostgresJournal(url, keys=[KEY], clock=SystemClock(), pool_size=2)


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
