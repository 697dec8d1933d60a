"""The one thread that owns the one SQLite connection, with group commit.

Operations that wait together share a transaction: one fsync for all. If one of them fails, the transaction is rolled
back and run again with a savepoint around each, so that the failing one takes nobody with it; savepoints are not
free, and failures are rare. An operation may therefore run twice, and does nothing but SQL. There is no artificial
delay: a batch gathers while the batch before it is written, and what one turn of the event loop asks for comes as
one. Where no operation of a batch has to outlive a power cut by itself, its commit is not flushed; the next one that is
makes it durable too, for the log is one file. One connection that writes and checkpoints also keeps clear of the
WAL-reset fault of SQLite before 3.51.3. Knows nothing of what the operations do.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from worker.errors import ConfigurationError, JournalFaulty, JournalUnavailable, NotStorable
from worker.journal.sqlite.statements import Statements
from worker.making import made_often

log = structlog.get_logger()

BATCH_MAX = 200
"""With so many operations in a transaction no more are waited for, so that the first does not wait for too many."""

Result = TypeVar("Result")
Operation = Callable[[Statements], Any]


@made_often
@dataclass(frozen=True, slots=True)
class _Waiting:
    operation: Operation
    future: asyncio.Future[Any]
    is_flushed: bool


Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


def _nothing() -> None:
    """No guard."""


class Writer:
    """Runs operations one after the other on its own thread."""

    def __init__(
        self, connect: Callable[[], Statements], *, begin: str = "BEGIN IMMEDIATE", guard: Callable[[], None] = _nothing
    ) -> None:
        """`connect` is called on the thread. Read-only connections begin with a plain `BEGIN`. `guard` is asked before
        and after each transaction whether what is written stays; it raises `JournalUnavailable`."""
        self._guard = guard
        self._connect = connect
        self._begin = begin
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._asked: list[_Waiting] = []
        """Of this turn of the event loop."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._flushes = True
        """Whether a commit waits for the disk, as the connection is set now."""

    async def start(self) -> None:
        """Connect. Raises what `connect` raises."""
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[Any] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="journal", daemon=True)
        self._thread.start()
        await opened

    async def stop(self) -> None:
        """Finish what is queued, close the connection, end the thread. Further operations are refused."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._hand_over()
            self._queue.put(None)
            await asyncio.get_running_loop().run_in_executor(None, thread.join)

    async def submit(self, operation: Callable[[Statements], Result], *, is_flushed: bool = True) -> Result:
        """Run an operation; on return it is durable. One that is not `is_flushed` outlives the process, and a power cut
        from the next one on that is. A cancelled wait does not stop it.

        Raises `JournalUnavailable` if nothing of it could be made durable.
        """
        if self._thread is None or self._loop is None:
            raise JournalUnavailable("the journal is closed")
        future: asyncio.Future[Result] = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append(_Waiting(operation, future, is_flushed))
        return await future

    def _hand_over(self) -> None:
        """All at once, for it is waking the thread that costs."""
        asked, self._asked = self._asked, []
        for first in range(0, len(asked), BATCH_MAX):
            self._queue.put(asked[first : first + BATCH_MAX])

    def _run(self, opened: asyncio.Future[Any]) -> None:
        try:
            statements = self._connect()
        except BaseException as error:
            self._tell([(opened, None, error)])
            return
        self._tell([(opened, None, None)])
        while batch := self._gather():
            try:
                outcomes = self._commit(statements, batch)
            except Exception as error:
                # As a log that raises: without this thread everybody would wait for ever, and the worker go on renewing
                # nothing.
                outcomes = _all_failed(batch, error)
            self._tell(outcomes)
        statements.connection.close()

    def _gather(self) -> list[_Waiting]:
        """Wait for one, take all that wait with it; empty at the end."""
        batch = self._queue.get()
        if batch is None:
            return []
        while len(batch) < BATCH_MAX:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            batch += following
        return batch

    def _commit(self, statements: Statements, batch: list[_Waiting]) -> list[Outcome]:
        connection = statements.connection
        try:
            self._guard()
            self._flush_or_not(connection, is_wanted=any(waiting.is_flushed for waiting in batch))
            connection.execute(self._begin)
            try:
                outcomes: list[Outcome] = [(waiting.future, waiting.operation(statements), None) for waiting in batch]
            except Exception:
                _roll_back(connection)
                connection.execute(self._begin)
                outcomes = [_apply_alone(statements, waiting) for waiting in batch]
            connection.execute("COMMIT")
            self._guard()
        except Exception as error:
            _roll_back(connection)
            log.warning("journal_transaction_failed", operations=len(batch), error=str(error))
            return [(waiting.future, None, self._classify(error)) for waiting in batch]
        return outcomes

    def _flush_or_not(self, connection: sqlite3.Connection, *, is_wanted: bool) -> None:
        if is_wanted is not self._flushes:
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_wanted else 'NORMAL'}")
            self._flushes = is_wanted

    def _classify(self, error: Exception) -> BaseException:
        """A file that a worker writes and that refuses it now has turned read-only, as a disk does after a fault."""
        meant = classify(error)
        if isinstance(meant, ConfigurationError) and self._begin != "BEGIN":
            return JournalUnavailable("SQLite: the file has turned read-only: look at its disk and at who owns it")
        return meant

    def _tell(self, outcomes: list[Outcome]) -> None:
        """Wake the waiters, all with one call: waking the loop is what costs."""
        assert self._loop is not None  # noqa: S101  set before the thread starts
        try:
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        except RuntimeError:
            # The loop is closed: nobody waits any more, and what is committed is committed.
            log.debug("journal_waiters_gone", operations=len(outcomes))


def _all_failed(batch: Sequence[_Waiting], error: Exception) -> list[Outcome]:
    """Whether it was committed nobody knows."""
    return [(waiting.future, None, JournalUnavailable(f"SQLite: {type(error).__name__}")) for waiting in batch]


def _apply_alone(statements: Statements, waiting: _Waiting) -> Outcome:
    connection = statements.connection
    connection.execute("SAVEPOINT operation")
    try:
        result = waiting.operation(statements)
    except Exception as error:
        if not connection.in_transaction:
            # SQLite rolled the whole transaction back by itself (disk full, I/O error).
            raise
        connection.execute("ROLLBACK TO operation")
        connection.execute("RELEASE operation")
        return waiting.future, None, classify(error)
    connection.execute("RELEASE operation")
    return waiting.future, result, None


def _resolve(outcomes: list[Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        log.warning("journal_rollback_failed", error=str(error))


_NOT_STORABLE = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


@contextmanager
def not_storable() -> Iterator[None]:
    """Tell an error of the values by a type of its own: `NotStorable`, which repeats none of them."""
    try:
        yield
    except _NOT_STORABLE as error:
        raise NotStorable(f"SQLite: {type(error).__name__}") from error


_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def classify(error: BaseException) -> BaseException:
    """What SQLite says of its file and its locks is about availability; anything else is a fault of the code."""
    if isinstance(error, sqlite3.OperationalError):
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
            return ConfigurationError("this journal is open for reading only")
        unavailable = JournalUnavailable(f"SQLite: {error}")
        unavailable.__cause__ = error
        return unavailable
    if isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT:
        faulty = JournalFaulty(f"SQLite: {error}; see Back up and restore")
        faulty.__cause__ = error
        return faulty
    return error
