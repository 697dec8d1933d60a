"""What every part of the SQLite journal stands on: one call, one transaction on the writing thread."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import SecretStr

from worker.clock import Clock
from worker.errors import ConfigurationError
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.writer import Writer
from worker.journal.walking import Walk

Result = TypeVar("Result")
Part = TypeVar("Part", bound="SqliteStore")
Asked = ParamSpec("Asked")


class SqliteStore:
    """The file, its writer and its clocks. Each part of the journal adds its methods to this."""

    def __init__(
        self, path: Path | str, *, keys: Sequence[SecretStr] = (), clock: Clock, readonly: bool = False
    ) -> None:
        """`keys` as in `FAPIAO_JOURNAL_KEYS`; without any, a key file is made beside the database.

        `readonly` opens beside a running worker and refuses writes with `ConfigurationError`.
        """
        self._path = Path(path)
        self._keys = keys
        self._clock = clock
        self._is_readonly = readonly
        self._writer: Writer | None = None
        self._sought = Walk()

    async def _run(self, operation: Callable[[Statements], Result], *, is_flushed: bool = True) -> Result:
        """On return it is durable, where `is_flushed`. It may be run twice (see `worker.journal.sqlite.writer`)."""
        if self._writer is None:
            raise ConfigurationError("the journal is not open")
        return await self._writer.submit(operation, is_flushed=is_flushed)

    def _monotonic(self, later: timedelta = timedelta()) -> int:
        """Microseconds by which leases run: a clock set forward must not end them, nor one set back prolong them."""
        return int((self._clock.monotonic() + later.total_seconds()) * 1_000_000)


def one_transaction(
    method: Callable[Concatenate[Part, Statements, Asked], Result],
) -> Callable[Concatenate[Part, Asked], Coroutine[Any, Any, Result]]:
    """Makes of a method that does nothing but SQL the one that callers see: it is awaited, runs in one transaction, and
    what it did is durable when it returns."""

    @wraps(method)
    async def call(self: Part, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        return await self._run(lambda statements: method(self, statements, *args, **kwargs))

    return call


def one_unflushed_transaction(
    method: Callable[Concatenate[Part, Statements, Asked], Result],
) -> Callable[Concatenate[Part, Asked], Coroutine[Any, Any, Result]]:
    """The same for what a power cut may undo, as long as nothing durable came after it: nobody waits for the disk."""

    @wraps(method)
    async def call(self: Part, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        return await self._run(lambda statements: method(self, statements, *args, **kwargs), is_flushed=False)

    return call
