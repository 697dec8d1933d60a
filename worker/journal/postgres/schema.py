"""The schema's version in PostgreSQL, and bringing it up to date.

Guarantees that one process migrates at a time, all missing migrations in one transaction.
"""

from collections.abc import Sequence

from worker.errors import SchemaOutdated
from worker.journal import migrations
from worker.journal.postgres.statements import Statements

_DIALECT = "postgres"
_LOCK = 0x6661706961
_MIGRATION_TIMEOUT_SECONDS = 3600.0
"""Indexes of large tables take their time."""


async def check(statements: Statements) -> None:
    """Raises `SchemaOutdated` if the schema is not this version's."""
    version = await _version(statements)
    latest = migrations.latest(_DIALECT)
    if version < latest:
        raise SchemaOutdated(
            f"the database has schema version {version}, this program needs {latest}: run `fapiao-worker db upgrade`"
        )
    if version > latest:
        raise SchemaOutdated(
            f"the database has schema version {version}, this program knows {latest}: install the newer version"
        )


async def upgrade(statements: Statements) -> Sequence[str]:
    """Apply what is missing, inside the caller's transaction; returns the names."""
    connection = statements.connection
    # Freed with the transaction, so that it cannot leak through a pooler.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    applied = []
    for migration in migrations.pending(_DIALECT, await _version(statements)):
        if migration.version == 1:
            await connection.execute(
                "CREATE TABLE journal_schema (version integer PRIMARY KEY, name text NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
            )
        await connection.execute(migration.sql, timeout=_MIGRATION_TIMEOUT_SECONDS)
        await connection.execute(
            "INSERT INTO journal_schema (version, name) VALUES ($1, $2)", migration.version, migration.name
        )
        applied.append(migration.name)
    return applied


async def _version(statements: Statements) -> int:
    if await statements.connection.fetchval("SELECT to_regclass('journal_schema')") is None:
        return 0
    return int(await statements.connection.fetchval("SELECT coalesce(max(version), 0) FROM journal_schema"))
