"""A journal of the first release, brought up to date with all that is in it; on both stores."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conformance.journal_builders import (
    ACCOUNT,
    COMPLETED,
    NOW,
    PASSWORD,
    SECOND,
    admit,
    look_up,
    new,
    outbox,
    put_in_doubt,
    seek,
    settlement,
    state_of,
)
from tests.conformance.journal_stores import KEY, PostgresStore, SqliteStore, Store
from worker.errors import ConfigurationError
from worker.journal import migrations
from worker.journal.rows import micros
from worker.journal.sealing import Sealer, parse_keys
from worker.records import Admission, CommandState

STATES = ("waiting", "held", "running", "following", "in_doubt", "completed", "failed", "rejected")
SEALED = Sealer(parse_keys([KEY])).seal("erp", "waiting", {"p": PASSWORD})
LAST_KEY = 50
"""Of a command that is no more: its number must not be given again."""


def content(moment: Any) -> list[tuple[str, tuple[str, ...], tuple[Any, ...]]]:
    """Rows as the first release wrote them: table, columns, values."""
    rows: list[tuple[str, tuple[str, ...], tuple[Any, ...]]] = []
    columns = (
        "key", "source", "id", "type", "content_hash", "state", "lane", "priority", "epoch", "last_sequence",
        "received_at", "correlation_id", "fingerprint", "follows", "invoice_number", "secrets", "reply_to",
    )  # fmt: skip
    for key, state in enumerate(STATES, 1):
        follows = STATES.index("running") + 1 if state == "following" else None
        number = "n1" if state == "completed" else None
        lane = None if state == "rejected" else "u1"
        values = (
            key, "erp", state, "invoice.issue", "h", state, lane, 0, 1, int(state == "completed"), moment, "c",
            "f" if state in {"held", "in_doubt"} else None, follows, number, SEALED if key == 1 else None, "replies",
        )  # fmt: skip
        rows.append(("command", columns, values))
        rows.append(("payload", ("key", "data", "warnings"), (key, b'{"userId":"u1"}', b"[]")))
    event = (6, 1, "e1", "invoice.issue.completed", b"{}", moment)
    rows.append(("event", ("command_key", "sequence", "id", "type", "body", "created_at"), event))
    copy = (6, 1, "completed", "r", "replies", "e1", "invoice.issue.completed", "c", moment, moment)
    rows.append(
        (
            "outbox",
            ("command_key", "sequence", "command_id", "copy", "destination", "event_id", "event_type",
             "correlation_id", "due_at", "created_at"),
            copy,
        )
    )  # fmt: skip
    rows.append(("lane", ("lane", "tenant", "turn", "epoch"), ("u1", "erp", 1.0, 1)))
    rows.append(("stray", ("lane", "command_key", "reason", "body", "at"), ("u1", 5, "late", b"{}", moment)))
    return rows


def make_first_release(path: Path) -> None:
    """An SQLite file of the first release."""
    connection = sqlite3.connect(path)
    connection.executescript(migrations.load("sqlite")[0].sql)
    for table, columns, values in content(micros(NOW)):
        places = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", values)  # noqa: S608
    connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'command'", (LAST_KEY,))
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


async def make_first_release_of(url: str) -> None:
    """A PostgreSQL database of the first release."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TABLE journal_schema (version integer PRIMARY KEY, name text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    await connection.execute(migrations.load("postgres")[0].sql)
    await connection.execute("INSERT INTO journal_schema (version, name) VALUES (1, '0001_journal')")
    for table, columns, values in content(NOW):
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        override = "OVERRIDING SYSTEM VALUE " if table == "command" else ""
        statement = f"INSERT INTO {table} ({', '.join(columns)}) {override}VALUES ({places})"
        await connection.execute(statement, *values)
    await connection.execute(f"SELECT setval(pg_get_serial_sequence('command', 'key'), {LAST_KEY})")
    await connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of the first release, not opened yet."""
    store: Store
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "journal.db")
        make_first_release(tmp_path / "journal.db")
    else:
        store = PostgresStore(request.getfixturevalue("postgres_url"))
        await make_first_release_of(request.getfixturevalue("postgres_url"))
    yield store
    await store.close()


async def test_everything_is_there_afterwards(old: Store) -> None:
    read = (
        "SELECT key, id, state, epoch, last_sequence, follows, invoice_number FROM command ORDER BY key",
        "SELECT * FROM payload ORDER BY key",
        "SELECT command_key, sequence, id FROM event",
        "SELECT command_key, sequence, event_id FROM outbox",
        "SELECT command_key, reason FROM stray",
    )
    before = [await old.rows(sql) for sql in read]
    assert len(before[0]) == len(STATES)
    journal = await old.open()
    assert [await old.rows(sql) for sql in read] == before
    command = await look_up(journal, "completed")
    assert (command.account, command.sought_at, command.look_ups, command.progress) == (None, None, 0, None)


async def test_work_goes_on_where_it_was(old: Store) -> None:
    journal = await old.open_with_worker("w1")
    await journal.reap("w1", NOW)
    assert [row.event_id for row in await outbox(journal)] == ["e1"]
    doubtful = await look_up(journal, "in_doubt")
    settled = settlement(doubtful, CommandState.COMPLETED, "completed", invoice_number="n2")
    assert await journal.settle(settled)
    assert await state_of(journal, "held") is CommandState.WAITING
    await admit(journal, new("next", lane="u2", secrets={"p": PASSWORD}))
    claims = {claim.lease.lane: claim for claim in await journal.claim("w1", 10, NOW)}
    assert claims["u2"].command.secrets == {"p": PASSWORD}


async def test_secrets_still_open(old: Store) -> None:
    journal = await old.open_with_worker("w1")
    running = settlement(
        await look_up(journal, "running"), CommandState.FAILED, expected=frozenset({CommandState.RUNNING})
    )
    assert await journal.settle(running)
    claims = await journal.claim("w1", 10, NOW)
    assert [(claim.command.id, claim.command.secrets) for claim in claims] == [("waiting", {"p": PASSWORD})]


async def test_numbers_once_given_are_not_given_again(old: Store) -> None:
    journal = await old.open()
    await admit(journal, new("next"))
    assert (await look_up(journal, "next")).key == LAST_KEY + 1


async def test_the_promises_of_the_old_schema_still_stand(old: Store) -> None:
    await old.open()
    for statement, complaint in (
        ("UPDATE command SET state = 'submitting' WHERE id = 'waiting'", "(?i)unique"),
        ("UPDATE command SET invoice_number = 'n1' WHERE id = 'failed'", "(?i)unique"),
        ("UPDATE command SET source = 'erp', id = 'failed' WHERE id = 'waiting'", "(?i)unique"),
        ("UPDATE command SET state = 'lost' WHERE id = 'waiting'", "(?i)check"),
        ("UPDATE command SET state = 'failed' WHERE id = 'waiting'", "(?i)check"),
    ):
        with pytest.raises(Exception, match=complaint):
            await old.write(statement)


async def test_what_is_new_works_on_what_is_old(old: Store) -> None:
    journal = await old.open_with_worker("w1")
    await old.write("UPDATE command SET state = 'checking' WHERE id = 'in_doubt'")
    claim = await put_in_doubt(journal, new("a", lane="u5"))
    await journal.release(claim.lease, NOW)
    await seek(journal, new("b", lane="u5", secrets={"p": PASSWORD}))
    assert await journal.enter_look_ups(NOW + SECOND) >= 1
    moved = settlement(await look_up(journal, "b"), CommandState.COMPLETED, expected=COMPLETED, invoice_number="n9")
    assert await journal.settle(moved)
    assert (await look_up(journal, "b")).account == ACCOUNT


async def test_an_upgraded_schema_is_that_of_a_new_journal(old: Store, tmp_path: Path) -> None:
    await old.open()
    if isinstance(old, SqliteStore):
        new_one = SqliteStore(tmp_path / "new.db")
        await new_one.open()
        schema = "SELECT type, name, tbl_name FROM sqlite_master ORDER BY name"
        assert await old.rows(schema) == await new_one.rows(schema)
        assert await old.rows("PRAGMA integrity_check") == [("ok",)]
        assert await old.rows("PRAGMA foreign_key_check") == []
        await new_one.close()
    else:
        names = "SELECT conname FROM pg_constraint WHERE conrelid = 'command'::regclass ORDER BY conname"
        assert {name for (name,) in await old.rows(names)} == {
            "command_pkey", "command_follows_fkey", "command_state_check", "command_secrets_check",
        }  # fmt: skip


ORDERS = (
    ("done", "erp", "completed", "A", None, "completed", ""),
    ("cross", "shop", "following", "A", "done", None, ""),
    ("same", "erp", "following", "A", "done", None, ""),
    ("refused", "erp", "failed", "B", None, "failed", "login_refused"),
    ("draft", "erp", "failed", "C", None, "failed", "saved_as_draft"),
    ("told", "erp", "completed", "A", "done", "completed", ""),
)
"""Id, source, state, number, whom it follows, how it ended: what the first release bound for ever."""


async def put_orders(old: Store) -> None:
    """Orders of seller `s` as the first release wrote them."""
    moment = str(micros(NOW)) if isinstance(old, SqliteStore) else f"'{NOW.isoformat()}'"
    override = "" if isinstance(old, SqliteStore) else "OVERRIDING SYSTEM VALUE"
    keys = {order[0]: key for key, order in enumerate(ORDERS, 20)}
    for name, source, state, number, follows, ended, code in ORDERS:
        key, first = keys[name], "NULL" if follows is None else keys[follows]
        await old.write(
            "INSERT INTO command (key, source, id, type, content_hash, state, lane, priority, last_sequence, "  # noqa: S608
            f"received_at, correlation_id, seller, order_no, follows) {override} VALUES ({key}, '{source}', '{name}', "
            f"'invoice.issue', 'h', '{state}', 'u-{name}', 0, {int(ended is not None)}, {moment}, 'c', 's', "
            f"'{number}', {first})"
        )
        data, none = "CAST('{{}}' AS {0})", "CAST('[]' AS {0})"
        blob = "BLOB" if isinstance(old, SqliteStore) else "bytea"
        await old.write(f"INSERT INTO payload VALUES ({key}, {data.format(blob)}, {none.format(blob)})")  # noqa: S608
        if ended is not None:
            body = '{"data":{"code":"' + code + '"}}'
            await old.write(
                f"INSERT INTO event VALUES ({key}, 1, 'e-{name}', 'invoice.issue.{ended}', "  # noqa: S608
                f"CAST('{body}' AS {blob}), "
                f"{moment})"
            )


async def test_numbers_that_were_bound_for_ever_are_bound_where_an_invoice_may_be(old: Store) -> None:
    await put_orders(old)
    journal = await old.open_with_worker("w1")
    held = {name: (await look_up(journal, name)).holds_order for name in ("done", "refused", "draft")}
    assert held == {"done": True, "refused": False, "draft": True}
    results = [
        await admit(journal, new(f"new {number}", lane=f"u-{number}", seller="s", order_no=number)) for number in "ABC"
    ]
    assert results == [[Admission.FOLLOWING], [Admission.ACCEPTED], [Admission.FOLLOWING]]


async def test_who_followed_goes_on_following_its_own_source_only(old: Store) -> None:
    await put_orders(old)
    journal = await old.open_with_worker("w1")
    [cross, same] = [each for each in await journal.followers() if each.first.id == "done"]
    assert (cross.follower.id, cross.follower.source, cross.first.source) == ("cross", "shop", "erp")
    assert (same.follower.id, [event.type for event in same.events]) == ("same", ["invoice.issue.completed"])
    assert await journal.succeed(cross, NOW)
    assert (await look_up(journal, "cross", "shop")).holds_order
    assert await state_of(journal, "cross", "shop") is CommandState.WAITING


class TestSqlite:
    async def test_foreign_keys_are_on_again(self, tmp_path: Path) -> None:
        make_first_release(tmp_path / "journal.db")
        store = SqliteStore(tmp_path / "journal.db")
        journal: Any = await store.open()
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            await journal._run(lambda s: s.run("insert_payload", key=4711, data=b"", warnings=b""))
        await store.close()

    async def test_an_upgrade_that_fails_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.db"
        make_first_release(path)
        store = SqliteStore(path)
        await store.write("DELETE FROM command WHERE id = 'failed'")
        with pytest.raises(ConfigurationError, match=r"0002_look_ups.*payload would point to nothing"):
            await store.open()
        assert await store.rows("PRAGMA user_version") == [(1,)]
        assert await store.rows("SELECT count(*) FROM command") == [(len(STATES) - 1,)]
        assert await store.rows("SELECT name FROM sqlite_master WHERE name IN ('command_new', 'invoice')") == []
        await store.write("DELETE FROM payload WHERE key NOT IN (SELECT key FROM command)")
        journal = await store.open()
        assert await state_of(journal, "waiting") is CommandState.WAITING
        await store.close()


async def test_a_schema_upgraded_under_a_running_worker_does_not_stop_it(postgres_url: str) -> None:
    """The driver's prepared statements are out of date then, in the middle of a transaction."""
    store = PostgresStore(postgres_url)
    journal = await store.open_with_worker("w1")
    await seek(journal, new("a"))
    await store.write("ALTER TABLE command ADD COLUMN of_a_later_version text")
    await seek(journal, new("b"))
    assert await state_of(journal, "b") is CommandState.COMPLETED
    await store.close()
