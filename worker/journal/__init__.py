"""The durable store: inbox, state of every command, lanes, outbox. On SQLite or PostgreSQL, the same promises.

`open_journal` chooses by `FAPIAO_DATABASE_URL`; the drivers are loaded only where they are used.
"""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from worker.clock import Clock
from worker.errors import ConfigurationError
from worker.ports import Journal
from worker.settings import Settings


def open_journal(
    settings: Settings, clock: Clock, *, readonly: bool = False, address: Callable[[], str] | None = None
) -> Journal:
    """The journal that `database_url` names, not yet opened: call `open()`.

    `address` is asked anew for each connection to PostgreSQL: its password may have been rotated. `readonly` is for
    looking at an SQLite file beside its running worker; PostgreSQL needs no such care.
    Raises `ConfigurationError`.
    """
    url = settings.database_url.get_secret_value()
    if urlsplit(url).scheme == "sqlite":
        from worker.journal.sqlite import SqliteJournal  # noqa: PLC0415  the other driver stays out

        return SqliteJournal(sqlite_path(url), keys=settings.journal_keys, clock=clock, readonly=readonly)
    from worker.journal.postgres import PostgresJournal  # noqa: PLC0415

    return PostgresJournal(
        address or url, keys=settings.journal_keys, clock=clock, pool_size=settings.database_pool_size
    )


def sqlite_path(url: str) -> str:
    """`sqlite:///relative` or `sqlite:////absolute` to a path. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or path == ":memory:":
        raise ConfigurationError("FAPIAO_DATABASE_URL must be sqlite:///relative/path or sqlite:////absolute/path")
    return path


__all__ = ["open_journal", "sqlite_path"]
