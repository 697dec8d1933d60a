"""The schema's version in PostgreSQL, bringing it up to date, and what the worker's role needs there, table by table.

Guarantees that one process migrates at a time, all missing migrations in one transaction. Grants are told, not made:
`tests/unit/journal/test_grants.py` holds them to the statements, `deploy/permissions/postgres.sql` grants just these.
The role that runs `db upgrade` is another one: it owns the tables.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from worker.errors import SchemaOutdated
from worker.journal import migrations
from worker.journal.postgres.pool import Connections, Operation, Result
from worker.journal.postgres.statements import Statements
from worker.journal.sealing import KEY_BYTES, Sealer

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
            f"the database has schema version {version}, this program needs {latest}", "run `fapiao-worker db upgrade`"
        )
    if version > latest:
        raise SchemaOutdated(
            f"the database has schema version {version}, this program knows {latest}", "install the newer version"
        )


async def upgrade(statements: Statements) -> Sequence[str]:
    """Apply what is missing, inside the caller's transaction; returns the names."""
    connection = statements.connection
    await connection.execute("SET LOCAL statement_timeout = 0")  # indexes of large tables take their time
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


GRANTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "account": ("select", "insert", "update", "delete"),
        "audit_row": ("select", "insert", "update", "delete"),
        "command": ("select", "insert", "update", "delete"),
        "command_invoice": ("select", "insert", "update", "delete"),
        "event": ("select", "insert", "delete"),
        "follower": ("select", "insert", "update", "delete"),
        "invoice": ("select", "insert", "update", "delete"),
        "invoice_file": ("select", "insert", "update", "delete"),
        "invoice_items": ("select", "insert", "update", "delete"),
        "journal_schema": ("select",),
        "lane": ("select", "insert", "update", "delete"),
        "listener": ("select", "insert", "delete"),
        "outbox": ("select", "insert", "update", "delete"),
        "payload": ("select", "insert", "update", "delete"),
        "seller_rest": ("select", "insert", "update", "delete"),
        "stray": ("select", "insert", "update", "delete"),
        "vault_file": ("select", "insert", "update"),
        "vault_telling": ("select", "insert", "update", "delete"),
        "worker": ("select", "insert", "update", "delete"),
    }
)


async def missing_grants(dsn: str) -> list[tuple[str, str]]:
    """Pairs of privilege and table that the role of this address lacks, for tables that are there. Raises
    `ConfigurationError`, `JournalUnavailable`."""
    return await _answered(dsn, _missing)


async def is_read_only(dsn: str) -> bool:
    """Whether nothing can be written at this address: a standby, or a server or database that was made read-only.
    Raises as `missing_grants`."""
    return await _answered(dsn, _is_read_only)


async def _answered(dsn: str, operation: Operation[Result]) -> Result:
    connections = Connections(dsn, Sealer([bytes(KEY_BYTES)]), 1)  # nothing is opened with it
    await connections.open()
    try:
        return await connections.run(operation)
    finally:
        await connections.close()


async def _is_read_only(statements: Statements) -> bool:
    row = await statements.one("is_read_only")
    return row is not None and bool(row["is_so"])


async def _missing(statements: Statements) -> list[tuple[str, str]]:
    wanted = [(privilege, table) for table, privileges in GRANTS.items() for privilege in privileges]
    rows = await statements.all("lacking_privileges", *map(list, zip(*wanted, strict=True)))
    return [(row["privilege"], row["name"]) for row in rows]
