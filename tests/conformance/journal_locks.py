"""Rows that somebody has locked on a server, so that a transaction is held up where a test wants it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def locked(url: str, key: int, strength: str = "UPDATE") -> AsyncIterator[asyncpg.Connection]:
    """Keep a command's row from being changed, or, with NO KEY UPDATE, from that alone: rows may point to it."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT 1 FROM command WHERE key = $1 FOR {strength}", key)  # noqa: S608
            yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def numbered(url: str, claim: str | None) -> AsyncIterator[asyncpg.Connection]:
    """Hold an order number by a command that is never committed."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    try:
        await transaction.start()
        await connection.execute(
            "INSERT INTO command (source, id, type, content_hash, state, priority, received_at, correlation_id,"
            " order_claim) VALUES ('', 'someone', 'invoice.issue', '', 'waiting', 0, now(), '', $1)",
            claim,
        )
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def until_held_up(someone: asyncpg.Connection, number: int = 1) -> None:
    """Until so many other connections wait for what this one has locked, or behind each other for that."""
    waiting = """
        WITH RECURSIVE held_up (pid) AS (
            SELECT pg_backend_pid()
            UNION
            SELECT l.pid FROM pg_locks l JOIN held_up h ON h.pid = ANY (pg_blocking_pids(l.pid)) WHERE NOT l.granted
        ) SELECT count(*) - 1 FROM held_up"""
    async with asyncio.timeout(60):
        while await someone.fetchval(waiting) < number:
            await asyncio.sleep(0.02)
