"""PgBouncer before the journal: session mode works, transaction mode is refused by a sentence that helps."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.provisioning import tools
from tests.conformance.journal_builders import NOW, admit, claim_one, new, state_of, step
from tests.conformance.journal_stores import KEY, LEASE
from worker.clock import SystemClock
from worker.errors import ConfigurationError
from worker.journal.postgres import PostgresJournal
from worker.records import CommandState


@asynccontextmanager
async def pgbouncer(url: str, folder: Path, mode: str) -> AsyncIterator[str]:
    """Before a database, with its defaults but for the mode; yields the address by way of it."""
    parts = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    password = f" password={parts.password}" if parts.password else ""
    where = f"host={parts.hostname} port={parts.port} user={parts.username}{password}"
    folder.chmod(0o755)
    users, config = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{parts.username}" "{parts.password or ""}"\n')
    config.write_text(
        f"[databases]\n* = {where}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = trust\nauth_file = {users}\npool_mode = {mode}\nuser = nobody\n"
    )
    process = await asyncio.create_subprocess_exec(
        tools.pgbouncer(print), str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while not await _listens(port):
                await asyncio.sleep(0.05)
        yield f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _journal(url: str) -> PostgresJournal:
    return PostgresJournal(url, keys=[KEY], clock=SystemClock(), pool_size=3)


async def test_session_mode_works_with_the_poolers_defaults(postgres_url: str, tmp_path: Path) -> None:
    await _journal(postgres_url).upgrade()
    async with pgbouncer(postgres_url, tmp_path, "session") as address:
        journal = _journal(address)
        await journal.open()
        await journal.register("w1", LEASE)
        await admit(journal, new("a"))
        claim = await claim_one(journal)
        assert await journal.record(step(claim, CommandState.FAILED, "failed"))
        await journal.release(claim.lease, NOW)
        assert await state_of(journal, "a") is CommandState.FAILED
        await journal.close()


async def test_transaction_mode_is_refused_at_the_start_and_nothing_is_left_open(
    postgres_url: str, tmp_path: Path
) -> None:
    await _journal(postgres_url).upgrade()
    async with pgbouncer(postgres_url, tmp_path, "transaction") as address:
        with pytest.raises(ConfigurationError, match="pool_mode = session"):
            await _journal(address).open()
        assert [
            thing for thing in gc.get_objects() if type(thing) is asyncpg.Connection and not thing.is_closed()
        ] == []
