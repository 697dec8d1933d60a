"""Connections to PostgreSQL: short transactions, errors by consequence, recovery without help.

Guarantees that an operation is wholly done or not at all, that deadlocks are tried again, and that whatever is about
the connection or the server's health becomes `JournalUnavailable`; the next call connects anew. If the connection
breaks during a commit, its outcome is unknown: operations are such that doing them again is harmless, and nothing is
read as done before what may have been committed is where the server keeps it (`StandbyWait`).
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar

import asyncpg
import structlog

from worker.errors import ConfigurationError, JournalFaulty, JournalUnavailable, NotStorable
from worker.journal.postgres.standby import StandbyWait
from worker.journal.postgres.statements import Statements
from worker.journal.sealing import Sealer

log = structlog.get_logger()

Result = TypeVar("Result")
Operation = Callable[[Statements], Awaitable[Result]]

CONNECT_TIMEOUT_SECONDS = 10.0
COMMAND_TIMEOUT_SECONDS = 30.0
CANCEL_SECONDS = 2.0
"""How long the server has to say that it dropped what nobody waits for any more; then the connection is closed. Over a
link that is dead nobody says so, and whoever gave up (the keeper of the lease, for one) must go on in time."""
IDLE_SECONDS = 60.0
"""After so long without use a connection is closed: load balancers and firewalls forget idle ones without a word, some
after four minutes, and whoever used one then would wait for `COMMAND_TIMEOUT_SECONDS` for nothing."""
_ATTEMPTS = 5
APPLICATION = "fapiao-worker"
_SESSION = {
    # A transaction left open would keep dead rows alive and slow every claim.
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
    # A database or a role may have one of its own, of a second, say, for the pages of a web shop. Longer than the
    # driver's, which says so to the server; this one ends what a worker left behind that is cut off from it.
    "statement_timeout": "35s",
    # Under another isolation a statement behind a lock sees the state before the lock was waited for. A database or a
    # role may have that for its default.
    "default_transaction_isolation": "read committed",
    # By a warning the server says that a commit is not on the standby (`StandbyWait`).
    "client_min_messages": "warning",
    # Every statement is a few probes by index. A plan that was made while a table was small or its statistics old would
    # read whole tables, and be kept.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "timezone": "UTC",
}
_AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # A newer version has just upgraded the schema: the driver prepares its statements anew.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresIOError,
    asyncpg.InterfaceError,
    # What the driver says of a connection that the server cut while it was idle.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_FAULTY = (asyncpg.InternalServerError, asyncpg.PostgresSystemError)
"""SQLSTATE classes XX and 58: a fail-over, a storage in trouble, a corrupt page. Seen for seconds, and on some rows."""
_MISCONFIGURED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)


_WITHDRAWN = (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError)
"""Errors by which a journal that has worked finds that its rights or its tables were taken away. Somebody can give them
back, so they count as passing."""
_SHARED_SESSION = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
"""Another client's statements in a session of ours, or ours in another's."""
POOLER = (
    "FAPIAO_DATABASE_URL leads through a pooler in transaction mode, which lends a session to whoever asks next; the "
    "worker's sessions keep settings, prepared statements and LISTEN: set pool_mode = session (PgBouncer), or name the "
    "server itself"
)
READ_ONLY = (
    "it takes no writes: FAPIAO_DATABASE_URL leads to a standby, or the database was made read-only, as providers do "
    "for a full disk"
)

_NOT_STORABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""SQLSTATE classes 22 and 23: what was given does not fit, wherever it is tried again."""


def is_not_storable(error: Exception) -> bool:
    """Whether an error is about the values of a statement, and about nothing else."""
    return isinstance(error, _NOT_STORABLE) or _is_of_driver(error)


@contextmanager
def not_storable() -> Iterator[None]:
    """Tell an error of the values by a type of its own: `NotStorable`, which repeats none of them."""
    try:
        yield
    except Exception as error:
        if is_not_storable(error):
            raise NotStorable(f"PostgreSQL: {type(error).__name__}") from error
        raise


def _is_of_driver(error: Exception) -> bool:
    """The driver's own word for a value that it cannot encode; it is a kind of `InterfaceError`."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)


def classify(error: Exception) -> Exception:
    """What an error of the driver means to the worker; the error itself, if it is a fault of the code."""
    if _is_of_driver(error):
        return error
    if isinstance(error, _SHARED_SESSION):
        return ConfigurationError(POOLER)
    if isinstance(error, _MISCONFIGURED):
        return ConfigurationError(f"PostgreSQL refuses FAPIAO_DATABASE_URL: {error}")
    if isinstance(error, _FAULTY) and not isinstance(error, _UNAVAILABLE):
        return JournalFaulty(f"PostgreSQL: {error}", retry_after=timedelta(seconds=1))
    if isinstance(error, _UNAVAILABLE):
        said = READ_ONLY if isinstance(error, asyncpg.ReadOnlySQLTransactionError) else str(error)
        return JournalUnavailable(f"PostgreSQL: {said or type(error).__name__}", retry_after=timedelta(seconds=1))
    return error


_FIRST_OWN_TYPE: Final = 16384
"""Types with smaller numbers are the same on every server."""


class _Connection(asyncpg.Connection):
    """Asks once per process, not once per connection, how arrays of the server's own types are made up: four round
    trips before a connection's first statement, and 5 ms of the server's CPU. The driver has no public way to be told.
    Should it ask in another way some day, each connection asks for itself again, and a test says so."""

    _known: ClassVar[dict[frozenset[int], Any]] = {}

    async def _introspect_types(self, typeoids: Iterable[int], *options: Any) -> Any:
        asked = frozenset(typeoids)
        if asked not in self._known or max(asked) >= _FIRST_OWN_TYPE:
            self._known[asked] = await super()._introspect_types(asked, *options)  # type: ignore[misc]
        return self._known[asked]


Dsn = str | Callable[[], str]
"""The server's address, or what tells it for each connection: its password may have been rotated."""


class Connections:
    """A pool that survives restarts of its server."""

    def __init__(self, dsn: Dsn, sealer: Sealer, size: int) -> None:
        self._dsn = dsn
        self._was_let_in = False
        self._has_worked = False
        self._sealer = sealer
        self._size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._standby = StandbyWait()

    async def open(self) -> None:
        """Connect, unless that was done. Raises `ConfigurationError` or `JournalUnavailable`."""
        if self._pool is not None:
            return
        try:
            self._pool = await self._opened()
        except Exception as error:
            raise self._classify(error) from error

    async def _opened(self) -> "asyncpg.Pool[asyncpg.Record]":
        pool = asyncpg.create_pool(
            connect=self._connect,
            connection_class=_Connection,
            min_size=1,
            max_size=self._size,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            server_settings={"application_name": APPLICATION},
            init=_prepare_session,
            reset=_nothing_to_reset,
        )
        await pool
        try:
            if self._size > 1:
                await self._refuse_shared_sessions(pool)
        except BaseException:
            # Nobody has it, so nobody else closes it; whoever opens again would leave one more behind each time.
            pool.terminate()
            raise
        return pool

    async def _connect(self, *_: Any, **options: Any) -> Any:
        """For the pool: with the address as it is now. A server that let us in before and refuses us now has a new
        password that is not mounted here yet, or is being maintained. A restart of the worker would mend neither, so
        the journal is unavailable, and asked again."""
        try:
            connection = await asyncpg.connect(self._address(), **options)
        except OSError as error:  # no answer in time is one too, and says nothing
            said = f"PostgreSQL cannot be reached ({str(error) or 'no answer'}): look at FAPIAO_DATABASE_URL"
            raise JournalUnavailable(said, retry_after=timedelta(seconds=1)) from error
        except asyncpg.PostgresError as error:
            if not self._was_let_in:
                raise
            if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
                said = "PostgreSQL refuses the login that it took before: look at the password in FAPIAO_DATABASE_URL"
            else:
                said = f"PostgreSQL lets nobody in that it let in before: {error}"
            raise JournalUnavailable(said, retry_after=timedelta(seconds=1)) from error
        self._was_let_in = True
        return connection

    def _address(self) -> str:
        return self._dsn if isinstance(self._dsn, str) else self._dsn()

    def _classify(self, error: Exception) -> Exception:
        """What worked before and is forbidden now was taken away by somebody who can give it back: a fault for a time,
        and no misconfiguration."""
        if self._has_worked and isinstance(error, _WITHDRAWN):
            said = f"PostgreSQL refuses what it took before, look at the grants: {error}"
            return JournalFaulty(said, retry_after=timedelta(seconds=1))
        return classify(error)

    async def _refuse_shared_sessions(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        """Raises `ConfigurationError` where a setting of one connection is seen by another, as behind a pooler that
        shares sessions. A busy pooler may hide that; then it shows by a prepared statement that is missing."""
        mark = uuid.uuid4().hex
        async with pool.acquire() as first, pool.acquire() as second:
            await Statements(first, self._sealer).run("mark_session", mark)
            row = await Statements(second, self._sealer).one("read_session_mark")
            await second.close()  # opened for this alone; the pool opens another when it is needed
        if row is not None and row["mark"] == mark:
            raise ConfigurationError(POOLER)

    async def close(self) -> None:
        """Wait for what runs, a few seconds at most, then let go."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await pool.close()
        except Exception as error:
            log.warning("journal_close_failed", error=str(error))
            pool.terminate()

    async def transact(self, operation: Operation[Result]) -> Result:
        """Run an operation in one transaction; on return it is durable."""
        result = await self._within(operation)
        self._has_worked = True
        return result

    async def view(self, operation: Operation[Result]) -> Result:
        """Run an operation that only reads, all its statements of one moment."""
        return await self._within(operation, isolation="repeatable_read", readonly=True)

    async def _within(self, operation: Operation[Result], **options: Any) -> Result:
        async def whole(statements: Statements) -> Result:
            transaction = statements.connection.transaction(**options)
            await transaction.start()
            try:
                result = await operation(statements)
            except BaseException as error:
                await _roll_back(transaction, statements.connection, error)
                raise
            await transaction.commit()
            return result

        return await self.run(whole)

    async def run(self, operation: Operation[Result]) -> Result:
        """Run an operation of a single statement, or one that only reads."""
        pool = self._pool
        if pool is None:
            raise JournalUnavailable("the journal is not open")
        for attempt in range(_ATTEMPTS):
            try:
                connection = await pool.acquire(timeout=CONNECT_TIMEOUT_SECONDS)
                try:
                    return await self._done(operation, connection)
                except (asyncpg.InternalClientError, asyncpg.ReadOnlySQLTransactionError):
                    # After a fail-over the address leads to another server. A connection that stayed with this one,
                    # which is read-only by now, would fail every write for ever.
                    connection.terminate()
                    raise
                finally:
                    with suppress(Exception):  # it is closed then, and takes nobody's answer or cancellation with it
                        await pool.release(connection, timeout=CANCEL_SECONDS)
            except _AGAIN as error:
                log.info("journal_transaction_repeated", attempt=attempt + 1, error=type(error).__name__)
                await asyncio.sleep(0.005 * 2**attempt)
            except Exception as error:
                meant = self._classify(error)
                if isinstance(meant, JournalUnavailable):
                    self._standby.doubt()
                if meant is error:
                    raise
                raise meant from error
        raise JournalUnavailable("PostgreSQL: transactions keep colliding", retry_after=timedelta(seconds=1))

    async def _done(self, operation: Operation[Result], connection: Any) -> Result:
        statements = Statements(connection, self._sealer)
        if self._standby.is_in_doubt:
            try:
                with self._standby.proving(), self._standby.watched(connection):
                    await statements.run("commit_something")
            except asyncpg.PostgresError:
                connection.terminate()  # it may lead to a server that takes no commits
                raise
        with self._standby.watched(connection):
            return await operation(statements)

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection outside the pool. Raises what the driver raises."""
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            self._address(),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings={"application_name": "fapiao-worker listener"},
        )
        return connection


async def _prepare_session(connection: Any) -> None:
    """As statements, not as parameters of the start: a pooler refuses those that it does not know."""
    await connection.execute("; ".join(f"SET {name} = '{value}'" for name, value in _SESSION.items()))


async def _roll_back(transaction: Any, connection: Any, error: BaseException) -> None:
    """After a cancellation or a time-out the server may never answer again; else it has just answered."""
    may_be_dead = isinstance(error, asyncio.CancelledError | TimeoutError)
    try:
        async with asyncio.timeout(CANCEL_SECONDS if may_be_dead else None):
            await transaction.rollback()
    except Exception:  # noqa: BLE001, RUF100  what went wrong first is what is told
        connection.terminate()


async def _nothing_to_reset(connection: Any) -> None:
    """Operations leave no session state behind; the driver's own reset would cost a round trip each time."""
