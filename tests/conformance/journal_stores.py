"""The two stores behind one face: opening journals, looking at raw rows, counting costs."""

import base64
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from pydantic import SecretStr

from worker.clock import SystemClock
from worker.journal.postgres import PostgresJournal
from worker.journal.sqlite import SqliteJournal
from worker.ports import Journal

KEY = SecretStr(base64.urlsafe_b64encode(bytes(range(32))).decode())
OTHER_KEY = SecretStr(base64.urlsafe_b64encode(bytes(range(1, 33))).decode())
LEASE = timedelta(seconds=60)


_TABLES = (
    "vault_telling",
    "vault_file",
    "audit_row",
    "command_invoice",
    "invoice",
    "invoice_items",
    "invoice_file",
    "stray",
    "event",
    "payload",
    "outbox",
    "follower",
    "listener",
    "command",
    "lane",
    "worker",
    "account",
    "seller_rest",
)
"""In an order that foreign keys allow."""


class Store(Protocol):
    """A database of the test's own."""

    name: str

    async def open(self, keys: Sequence[SecretStr] = (KEY,)) -> Journal:
        """An open journal on an up-to-date schema. On SQLite there is one, which is handed out again."""
        ...

    async def open_with_worker(self, worker: str, lease: timedelta = LEASE) -> Journal:
        """An open journal with a worker registered."""
        ...

    async def restart(self) -> Journal:
        """Close whatever is open and open anew, as after a crash."""
        ...

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database behind the journal's back."""
        ...

    async def write(self, sql: str) -> None:
        """Change the database behind the journal's back."""
        ...

    async def expire(self, worker: str) -> None:
        """Let a worker's lease run out now, though nobody has noticed."""
        ...

    async def content(self) -> bytes:
        """Every byte that the store keeps."""
        ...

    async def close(self) -> None: ...


class _Opening:
    """What both stores do alike."""

    async def open_with_worker(self: Any, worker: str, lease: timedelta = LEASE) -> Journal:
        journal: Journal = await self.open()
        await journal.register(worker, lease)
        return journal

    async def restart(self: Any) -> Journal:
        await self.close()
        journal: Journal = await self.open()
        return journal


class SqliteStore(_Opening):
    """One file."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal: SqliteJournal | None = None

    async def open(self, keys: Sequence[SecretStr] = (KEY,)) -> Journal:
        if self._journal is None:
            journal = SqliteJournal(self.path, keys=keys, clock=SystemClock())
            await journal.open()
            self._journal = journal
        return self._journal

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    async def write(self, sql: str) -> None:
        connection = sqlite3.connect(self.path)
        try:
            connection.execute(sql)
            connection.commit()
        finally:
            connection.close()

    async def expire(self, worker: str) -> None:
        await self.write(f"UPDATE worker SET leased_until = 0 WHERE id = '{worker}'")  # noqa: S608

    async def content(self) -> bytes:
        # All files, the write-ahead log among them, but not the key.
        return b"".join(file.read_bytes() for file in self.path.parent.iterdir() if file.suffix != ".key")

    async def close(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            await journal.close()


class PostgresStore(_Opening):
    """One database on a server."""

    name = "postgres"

    def __init__(self, url: str) -> None:
        self.url = url
        self._journals: list[PostgresJournal] = []
        self._has_schema = False

    async def empty(self) -> None:
        """Forget what an earlier test wrote."""
        connection = await asyncpg.connect(self.url, server_settings={"synchronous_commit": "off"})
        try:
            self._has_schema = await connection.fetchval("SELECT to_regclass('journal_schema')") is not None
            if self._has_schema:
                # Quicker than TRUNCATE, which makes new files.
                await connection.execute("; ".join(f"DELETE FROM {table}" for table in _TABLES))  # noqa: S608
        finally:
            await connection.close()

    async def open(self, keys: Sequence[SecretStr] = (KEY,)) -> Journal:
        journal = PostgresJournal(self.url, keys=keys, clock=SystemClock(), pool_size=4)
        if not self._has_schema:
            await journal.upgrade()
            self._has_schema = True
        await journal.open()
        self._journals.append(journal)
        return journal

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    async def write(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def expire(self, worker: str) -> None:
        await self.write(f"UPDATE worker SET leased_until = clock_timestamp() WHERE id = '{worker}'")  # noqa: S608

    async def content(self) -> bytes:
        tables = await self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        kept = b""
        for (table,) in tables:
            for row in await self.rows(f'SELECT * FROM "{table}"'):  # noqa: S608  names from the catalogue
                kept += b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
        return kept

    async def close(self) -> None:
        journals, self._journals = self._journals, []
        for journal in journals:
            await journal.close()
