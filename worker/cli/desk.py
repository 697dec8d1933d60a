"""Where a command of an operator finds the journal: in the running worker, or in the database itself.

SQLite admits one writing process. So decisions go through the control socket of a running worker and, only if
none answers, to the file itself, locked. Reading never needs the lock. PostgreSQL is simply opened.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from worker.cli.terminal import quiet_settings, run
from worker.errors import ConfigurationError

if TYPE_CHECKING:
    from worker.ops.control import RemoteOperations
    from worker.ops.operations import Operations
    from worker.ports import Journal
    from worker.settings import Settings

    Desk = Operations | RemoteOperations

T = TypeVar("T")


def ask(question: "Callable[[Desk], Awaitable[T]]", *, writes: bool = False, settings: "Settings | None" = None) -> T:
    """What the desk of these settings, or of those that are here, answers, with nothing logged but what is wrong. It is
    asked to change something only where it `writes`. Ends the program as `run` does."""

    async def work() -> T:
        async with desk(settings or quiet_settings(), writes=writes) as operations:
            return await question(operations)

    return run(work())


@asynccontextmanager
async def desk(settings: "Settings", *, writes: bool) -> "AsyncIterator[Desk]":
    """`Operations`, near or far. Raises `ConfigurationError` where there is no journal yet."""
    from worker.clock import SystemClock
    from worker.ops.control import RemoteOperations, database_file, socket_path
    from worker.ops.operations import Operations

    file = database_file(settings)
    if file is not None and writes:
        remote = RemoteOperations(socket_path(file))
        if await remote.answers():
            yield remote
            return
    async with opened_journal(settings, readonly=not writes) as journal:
        yield Operations(journal, SystemClock(), worker=settings.source)


@asynccontextmanager
async def opened_journal(settings: "Settings", *, readonly: bool) -> "AsyncIterator[Journal]":
    """The journal itself. Raises `ConfigurationError` where there is none yet, `StoreBusy` where it is held."""
    from worker.clock import SystemClock
    from worker.journal import open_journal
    from worker.ops.control import database_file

    file = database_file(settings)
    if file is not None and not file.exists():
        raise ConfigurationError(
            f"There is no journal at {file.absolute()}: start the worker once, or point FAPIAO_DATABASE_URL at the "
            "database it uses."
        )
    journal = open_journal(settings, SystemClock(), readonly=readonly)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.close()
