"""What every part of the PostgreSQL journal stands on: one call, one short transaction."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import SecretStr

from worker.clock import Clock
from worker.errors import ConfigurationError
from worker.journal.postgres import moves
from worker.journal.postgres.batches import Answers, Ask, Batches, ReadBatches
from worker.journal.postgres.hints import Hints
from worker.journal.postgres.pool import Connections, Dsn
from worker.journal.postgres.statements import Statements
from worker.journal.sealing import Sealer, parse_keys
from worker.journal.walking import Walk

Result = TypeVar("Result")
Key = TypeVar("Key")
Answer = TypeVar("Answer")
Part = TypeVar("Part", bound="PostgresStore")
Asked = ParamSpec("Asked")


class PostgresStore:
    """The server's connections, its hints and the keys. Each part of the journal adds its methods to this."""

    def __init__(self, dsn: Dsn, *, keys: Sequence[SecretStr], clock: Clock, pool_size: int = 8) -> None:
        """`keys` as in `FAPIAO_JOURNAL_KEYS`. Raises `ConfigurationError` without any: a key made up by one replica
        would be unknown to the others."""
        if not keys:
            raise ConfigurationError(
                "set FAPIAO_JOURNAL_KEYS: with PostgreSQL every replica needs the same keys. Make one with: "
                'python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
            )
        self._sealer = Sealer(parse_keys(keys))
        self._connections = Connections(dsn, self._sealer, pool_size)
        self._lease = Connections(dsn, self._sealer, 1)
        """For renewing the worker's lease alone. In the pool a renewal would wait behind everything that lanes ask of a
        slow server, until the lease ran out and every session with it. Opened when a worker registers, so that tools do
        without."""
        self._batches = Batches(self._write, places=max(1, pool_size // 2))
        """What lanes ask all the time; the other connections are for everybody else."""
        self._gathered: dict[Any, ReadBatches[Any, Any]] = {}
        self._hints = Hints(self._connections)
        self._clock = clock
        self._sought = Walk()
        self._worker: str | None = None
        """The worker that registered here, by whom events without a lease are published."""

    async def _write(self, batch: Sequence[Ask]) -> Answers:
        return await self._run(lambda statements: moves.write(statements, batch))

    async def _transact(self, operation: Callable[[Statements], Awaitable[Result]]) -> Result:
        return await self._connections.transact(operation)

    async def _run(self, operation: Callable[[Statements], Awaitable[Result]]) -> Result:
        return await self._connections.run(operation)

    async def _together(
        self, read: Callable[[Statements, Sequence[Key]], Awaitable[Sequence[Answer]]], key: Key
    ) -> Answer:
        """What `read`, a statement for any number of keys, gives for this one: asked with the others that wait."""
        gathered = self._gathered.get(read)
        if gathered is None:
            gathered = ReadBatches(lambda keys: self._run(lambda statements: read(statements, keys)))
            self._gathered[read] = gathered
        answer: Answer = await gathered.ask(key)
        return answer


def one_transaction(
    method: Callable[Concatenate[Part, Statements, Asked], Awaitable[Result]],
) -> Callable[Concatenate[Part, Asked], Coroutine[Any, Any, Result]]:
    """Makes of a method the one that callers see: all its statements run in one transaction, and what it did is durable
    when it returns."""

    @wraps(method)
    async def call(self: Part, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        return await self._transact(lambda statements: method(self, statements, *args, **kwargs))

    return call


def without_transaction(
    method: Callable[Concatenate[Part, Statements, Asked], Awaitable[Result]],
) -> Callable[Concatenate[Part, Asked], Coroutine[Any, Any, Result]]:
    """The same for a method of a single statement, or one that only reads: each statement is durable by itself, and
    a round trip to begin and to commit is saved."""

    @wraps(method)
    async def call(self: Part, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        return await self._run(lambda statements: method(self, statements, *args, **kwargs))

    return call


def one_snapshot(
    method: Callable[Concatenate[Part, Statements, Asked], Awaitable[Result]],
) -> Callable[Concatenate[Part, Asked], Coroutine[Any, Any, Result]]:
    """The same for a method of several statements that only read. They see the journal as it was at one moment. A
    follower read before another replica had told it the end, and its state read after that, would pass the
    compare-and-set: it would be told the end twice."""

    @wraps(method)
    async def call(self: Part, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        return await self._connections.view(lambda statements: method(self, statements, *args, **kwargs))

    return call
