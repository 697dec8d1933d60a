"""What the worker's role needs in the database, table by table, and a way to see what it lacks.

Held to the statements by `tests/unit/journal/test_grants.py`; `deploy/permissions/postgres.sql` grants just this. The
role that runs `db upgrade` is another one: it owns the tables. Does not grant anything.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from worker.journal.postgres.pool import Connections
from worker.journal.postgres.statements import Statements
from worker.journal.sealing import KEY_BYTES, Sealer

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
    connections = Connections(dsn, Sealer([bytes(KEY_BYTES)]), 1)  # nothing is opened with it
    await connections.open()
    try:
        return await connections.run(_missing)
    finally:
        await connections.close()


async def _missing(statements: Statements) -> list[tuple[str, str]]:
    wanted = [(privilege, table) for table, privileges in GRANTS.items() for privilege in privileges]
    rows = await statements.all("lacking_privileges", *map(list, zip(*wanted, strict=True)))
    return [(row["privilege"], row["name"]) for row in rows]
