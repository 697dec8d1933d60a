"""What the journals themselves must not make cost more when there is more of it, in milliseconds."""

import asyncio
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from worker.clock import SystemClock
from worker.journal.postgres import PostgresJournal
from worker.journal.sqlite import SqliteJournal
from worker.ports import Journal
from worker.records import Claim, CommandState, NewCommand, Route, Step

FEW = 1000
CLAIMS = 64
KEY = SecretStr("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
_COPY = """
INSERT INTO command (source, id, type, content_hash, state, lane, priority, received_at, correlation_id)
SELECT source, id || ' ' || {i}, type, content_hash, state, lane, priority, received_at, correlation_id
FROM command, {series} WHERE id LIKE 'c%' AND id NOT LIKE '% %'
"""
_NUMBERS = """
(WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {count})
 SELECT value FROM n) AS s
"""
_PAYLOADS = """
INSERT INTO payload (key, data, warnings) SELECT c.key, {empty}, {empty} FROM command c
WHERE NOT EXISTS (SELECT 1 FROM payload p WHERE p.key = c.key)
"""


async def costs(name: str, postgres_url: str, waiting: int) -> dict[str, float]:
    """Claims with few and with many waiting (statistics of when nothing waited), and with new statistics."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "sqlite":
            path = Path(folder, "journal.db")
            return await _costs(SqliteJournal(path, clock=SystemClock()), lambda sql: _write(path, sql), waiting)
        server = await asyncpg.connect(postgres_url)
        database = f"bench{uuid.uuid4().hex[:8]}"
        await server.execute(f'CREATE DATABASE "{database}"')
        url = f"{postgres_url.rpartition('/')[0]}/{database}"
        journal = PostgresJournal(url, keys=[KEY], clock=SystemClock())
        try:
            await journal.upgrade()
            connection = await asyncpg.connect(url)
            # Statistics stay as they are when nothing waits.
            await connection.execute("ALTER TABLE command SET (autovacuum_enabled = false)")
            await connection.close()
            return await _costs(journal, lambda sql: _execute(url, sql), waiting)
        finally:
            await server.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
            await server.close()


async def _costs(journal: Journal, write: Callable[[str], Awaitable[None]], waiting: int) -> dict[str, float]:
    now = SystemClock().now()
    await journal.open()
    try:
        await journal.register("bench", timedelta(hours=2))
        await journal.admit([_command(number, now) for number in range(FEW)], worker="bench", waiting_max=None)
        await write("ANALYZE")
        few = await _claims(journal, now)
        await write("UPDATE command SET state = 'completed'")
        await write("ANALYZE")
        await write("UPDATE command SET state = 'waiting'")
        is_sqlite = isinstance(journal, SqliteJournal)
        await write(_COPY.format(i="s.value" if is_sqlite else "i", series=_series(waiting // FEW, is_sqlite)))
        await write(_PAYLOADS.format(empty="x'7b7d'" if is_sqlite else "'{}'"))
        many = await _claims(journal, now)
        await write("ANALYZE")
        return {
            "claim ms, 1,000 wait": few,
            "claim ms, many wait": many,
            "the same, analysed": await _claims(journal, now),
        }
    finally:
        await journal.close()


def _command(number: int, now: datetime) -> NewCommand:
    return NewCommand(
        source=f"tenant-{number % 10}",
        id=f"c{number}",
        type="invoice.issue",
        content_hash="",
        route=Route(None, "corr"),
        received_at=now,
        lane=f"u{number % 200}",
        data=b"{}",
    )


def _series(count: int, is_sqlite: bool) -> str:
    if is_sqlite:
        return _NUMBERS.format(count=count)
    return f"generate_series(1, {count}) AS s (i)"


async def _claims(journal: Journal, now: datetime) -> float:
    """The median of a claim of lanes and their release, in milliseconds."""
    took = []
    for _ in range(15):
        began = time.perf_counter()
        claims = await journal.claim("bench", CLAIMS, now)
        took.append((time.perf_counter() - began) * 1000)
        assert len(claims) == CLAIMS
        await asyncio.gather(*(_put_back(journal, claim, now) for claim in claims))
    return sorted(took)[len(took) // 2]


async def _put_back(journal: Journal, claim: Claim, now: datetime) -> None:
    step = Step(claim.command, claim.lease, frozenset({claim.command.state}), CommandState.WAITING, now)
    await journal.record(step)
    await journal.release(claim.lease, now)


async def _write(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path, timeout=60)
    connection.execute(sql)
    connection.commit()
    connection.close()


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()
