"""The one writing thread: every waiter hears exactly what became of its operation."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from worker.errors import JournalUnavailable
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.writer import BATCH_MAX, Writer


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    def connect() -> Statements:
        connection = sqlite3.connect(tmp_path / "file.db", isolation_level=None)
        connection.execute("CREATE TABLE t (x INTEGER UNIQUE)")
        return Statements(connection, None)

    writer = Writer(connect)
    await writer.start()
    yield writer
    await writer.stop()


def insert(number: int) -> Callable[[Statements], int]:
    def operation(statements: Statements) -> int:
        statements.connection.execute("INSERT INTO t VALUES (?)", (number,))
        return number

    return operation


def numbers(statements: Statements) -> list[int]:
    return [x for (x,) in statements.connection.execute("SELECT x FROM t ORDER BY x")]


async def test_more_operations_than_fit_a_batch_all_run(writer: Writer) -> None:
    results = await asyncio.gather(*(writer.submit(insert(number)) for number in range(3 * BATCH_MAX)))
    assert results == list(range(3 * BATCH_MAX)) == await writer.submit(numbers)


async def test_one_that_fails_fails_alone(writer: Writer) -> None:
    await writer.submit(insert(3))
    results = await asyncio.gather(*(writer.submit(insert(number)) for number in range(6)), return_exceptions=True)
    assert isinstance(results[3], sqlite3.IntegrityError)
    assert [result for result in results if isinstance(result, int)] == [0, 1, 2, 4, 5]
    assert await writer.submit(numbers) == [0, 1, 2, 3, 4, 5]


async def test_half_of_a_failing_operation_is_undone(writer: Writer) -> None:
    def both(statements: Statements) -> None:
        insert(1)(statements)
        insert(1)(statements)

    with pytest.raises(sqlite3.IntegrityError):
        await writer.submit(both)
    assert await writer.submit(numbers) == []


async def test_an_operation_whose_waiter_has_gone_runs_all_the_same(writer: Writer) -> None:
    gate = threading.Event()
    blocked = asyncio.ensure_future(writer.submit(lambda _statements: gate.wait(5)))
    waiting = asyncio.ensure_future(writer.submit(insert(1)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    gate.set()
    await blocked
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await writer.submit(numbers) == [1]


async def test_a_commit_that_fails_is_told_to_all_and_nothing_is_there(writer: Writer) -> None:
    def breaks_the_commit(statements: Statements) -> None:
        statements.connection.execute("COMMIT")

    results = await asyncio.gather(
        writer.submit(breaks_the_commit), writer.submit(lambda _statements: None), return_exceptions=True
    )
    assert all(isinstance(result, JournalUnavailable) for result in results)
    await writer.submit(insert(1))
    assert await writer.submit(numbers) == [1]


async def test_a_commit_is_flushed_where_one_operation_of_its_batch_needs_it(writer: Writer) -> None:
    full, normal = 2, 1

    def synchronous(statements: Statements) -> int:
        return int(statements.connection.execute("PRAGMA synchronous").fetchone()[0])

    for _ in range(3):  # a pragma acts when it is prepared, and prepared statements are kept
        assert await writer.submit(synchronous) == full
        assert await writer.submit(synchronous, is_flushed=False) == normal
    both = writer.submit(synchronous, is_flushed=False), writer.submit(synchronous)
    assert [*await asyncio.gather(*both)] == [full, full]


async def test_a_fault_of_its_own_ends_no_thread(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log raised, and nobody was ever answered again."""

    class Broken:
        def warning(self, *_: object, **__: object) -> None:
            raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("worker.journal.sqlite.writer.log", Broken())
        async with asyncio.timeout(5):
            with pytest.raises(JournalUnavailable):
                await writer.submit(lambda statements: statements.connection.execute("ROLLBACK"))
    async with asyncio.timeout(5):
        assert await writer.submit(insert(1)) == 1


async def test_stopping_finishes_what_was_asked_for(tmp_path: Path, writer: Writer) -> None:
    calls = [asyncio.ensure_future(writer.submit(insert(number))) for number in range(50)]
    await asyncio.sleep(0)
    await writer.stop()
    assert await asyncio.gather(*calls) == list(range(50))
    with pytest.raises(JournalUnavailable, match="closed"):
        await writer.submit(numbers)


async def test_what_cannot_be_opened_is_told() -> None:
    def connect() -> Statements:
        raise sqlite3.OperationalError("no such disk")

    with pytest.raises(sqlite3.OperationalError, match="no such disk"):
        await Writer(connect).start()
