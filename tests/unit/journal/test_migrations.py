"""Migrations: numbered without gaps, the same steps on both stores, never changed once released."""

import hashlib
import sqlite3

import pytest

from worker.journal import migrations


def test_migrations_come_in_order() -> None:
    found = migrations.ordered([("0002_more.sql", "b"), ("0001_begin.sql", "a")])
    assert [(migration.version, migration.name, migration.sql) for migration in found] == [
        (1, "0001_begin", "a"),
        (2, "0002_more", "b"),
    ]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["0001_begin.sql", "0003_more.sql"], "without gaps"),
        (["0002_more.sql"], "without gaps"),
        (["0001_begin.sql", "0001_again.sql"], "without gaps"),
        (["begin.sql"], "no migration's name"),
        (["0001_Begin.sql"], "no migration's name"),
        (["0001_begin.sql", "README.md"], "no migration's name"),
    ],
)
def test_strange_files_are_refused(names: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        migrations.ordered([(name, "") for name in names])


def test_pending_is_what_a_schema_lacks() -> None:
    everything = migrations.load("sqlite")
    assert migrations.pending("sqlite", 0) == everything
    assert migrations.pending("sqlite", migrations.latest("sqlite")) == ()


def test_both_stores_have_the_same_steps() -> None:
    names = [[migration.name for migration in migrations.load(dialect)] for dialect in ("sqlite", "postgres")]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("dialect", "digests"),
    [
        ("sqlite", ["b8e0c37c115fb66cc4be9e8412de6f755e18cb28af452060b770d6630089768c"]),
        ("postgres", ["68ec6e959b30e9cc1006bb65668c7453fe17147da6122798db27e8c8afe23fbc"]),
    ],
)
def test_what_was_released_is_never_changed(dialect: str, digests: list[str]) -> None:
    """A database out there has run these very bytes; a change belongs into a new file."""
    released = migrations.load(dialect)[: len(digests)]
    assert [hashlib.sha256(migration.sql.encode()).hexdigest() for migration in released] == digests


def test_sqlite_uses_strict_tables_only() -> None:
    connection = sqlite3.connect(":memory:")
    for migration in migrations.load("sqlite"):
        connection.executescript(migration.sql)
    tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
    connection.close()
    own = {name: strict for name, strict in tables if not name.startswith("sqlite_")}
    found = {"invoice", "invoice_items", "invoice_file", "command_invoice", "follower", "vault_file", "vault_telling"}
    found |= {"account", "audit_row", "listener", "seller_rest", "stray"}
    assert {"command", "payload", "event", "outbox", "worker", "lane"} | found == set(own)
    assert set(own.values()) == {1}
