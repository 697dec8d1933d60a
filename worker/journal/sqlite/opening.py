"""Opening an SQLite file: the process lock, the pragmas, the migrations, and a guard while it is open.

Guarantees that one process writes the file, that commits survive a power cut, and that the schema is this version's.

A file that is removed or replaced under its worker exists on for the worker alone, and is gone when that ends: what was
acknowledged meanwhile nobody would know any more, and an order would be issued again. So no transaction is told as
durable while database, write-ahead log or process lock are not in their places. That costs a few microseconds.
"""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import structlog

from worker.errors import ConfigurationError, JournalUnavailable, SchemaOutdated, StoreBusy
from worker.journal import migrations

log = structlog.get_logger()

OLDEST = (3, 37, 0)
"""The first SQLite with STRICT tables and RETURNING."""
WAL_RESET_FIXED = (3, 51, 3)
_DIALECT = "sqlite"
_CACHE_KIB = 32 * 1024
_WAL_KEPT_BYTES = 64 * 1024 * 1024


class ProcessLock:
    """A lock on `<file>.lock`, held as long as the journal is open; the system frees it when the process dies."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises `StoreBusy` if another process has it, `ConfigurationError` if the file cannot be made."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(f"cannot write {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreBusy(
                f"{self._database} is in use by another process (pid {holder}). SQLite serves one worker process; "
                "for several, set FAPIAO_DATABASE_URL=postgresql://…"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def is_lost(self) -> bool:
        """Whether the file that is locked is no longer the one at its place: another process could lock that."""
        if self._descriptor is None:
            return False
        held = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)  # noqa: PTH116  on each transaction
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino)

    def take_again(self) -> None:
        """Lock the file that is at its place now. Raises `JournalUnavailable` where another process has done so."""
        lost, self._descriptor = self._descriptor, None
        try:
            self.take()
        except ConfigurationError as error:
            self._descriptor = lost
            said = (
                f"{self._path} was removed or replaced under the worker, and another process may write: end one of them"
            )
            raise JournalUnavailable(said) from error
        if lost is not None:
            os.close(lost)
        log.warning("lock_taken_again", file=str(self._path), reason="it was removed or replaced under the worker")

    def free(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two files of that name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_for_writing(database: Path) -> tuple[sqlite3.Connection, Sequence[str]]:
    """Open or create the file and bring its schema up to date; returns the names of the migrations applied.

    The caller holds the process lock. Raises `ConfigurationError`.
    """
    _check_version()
    try:
        # Made here, for its owner only: invoices name people. SQLite gives its side files the same mode.
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        connection = _connect(str(database))
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"cannot open {database}: {error}") from error
    if mode != "wal":
        connection.close()
        raise ConfigurationError(f"{database} does not lie on a local disk: SQLite cannot keep a write-ahead log there")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    # A power cut may undo migrations, each as a whole, but not what is written after them: the next commit keeps both.
    connection.execute("PRAGMA synchronous = NORMAL")
    applied = _migrate(connection, database)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    log.info(
        "journal_opened",
        store=_DIALECT,
        file=str(database),
        sqlite_version=sqlite3.sqlite_version,
        has_wal_reset_fix=sqlite3.sqlite_version_info >= WAL_RESET_FIXED,
        migrations=list(applied),
    )
    return connection, applied


def open_for_reading(database: Path) -> sqlite3.Connection:
    """Open beside a running worker, or without one. Raises `ConfigurationError`, `SchemaOutdated`."""
    _check_version()
    if not database.exists():
        raise ConfigurationError(
            f"there is no journal at {database}: start the worker once, or set FAPIAO_DATABASE_URL"
        )
    if database.is_dir():
        raise ConfigurationError(f"{database} is a folder: FAPIAO_DATABASE_URL must name a file")
    try:
        connection = _connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        version = _version_of(connection)
    except sqlite3.Error as error:
        if not os.access(database, os.R_OK):  # SQLite says only that it cannot open it
            raise ConfigurationError(f"cannot read {database}: Permission denied") from error
        raise ConfigurationError(f"cannot read {database}: {error}") from error
    if version != migrations.latest(_DIALECT):
        connection.close()
        raise _unlike(database, version)
    return connection


def _unlike(database: Path, version: int) -> SchemaOutdated:
    """What to do about a file of another version. One that a worker holds is of that worker's version, so it is the
    worker that has to go first."""
    latest = migrations.latest(_DIALECT)
    if version > latest:
        return SchemaOutdated(
            f"{database} was written by a newer version (schema {version}, this program knows {latest})",
            "install that version",
        )
    return SchemaOutdated(
        f"{database} has schema version {version}, this program needs {latest}",
        "start this version's worker, or run `fapiao-worker db upgrade`; where a worker of the older version runs on "
        "it, stop that one first",
    )


def _check_version() -> None:
    if sqlite3.sqlite_version_info < OLDEST:
        raise ConfigurationError(
            f"SQLite {sqlite3.sqlite_version} is too old, {'.'.join(map(str, OLDEST))} is needed: "
            "use a newer Python, or set FAPIAO_DATABASE_URL=postgresql://…"
        )


def _connect(target: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(target, isolation_level=None, uri=uri, cached_statements=256, timeout=5)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection, database: Path) -> list[str]:
    version = _version_of(connection)
    if version > migrations.latest(_DIALECT):
        connection.close()
        raise _unlike(database, version)
    applied = []
    for migration in migrations.pending(_DIALECT, version):
        try:
            _apply(connection, migration)
        except sqlite3.Error as error:
            connection.close()
            raise ConfigurationError(f"cannot upgrade {database} to {migration.name}: {error}") from error
        applied.append(migration.name)
    return applied


def _apply(connection: sqlite3.Connection, migration: migrations.Migration) -> None:
    """One transaction per migration, the version with it: a crash leaves it whole or not begun.

    Foreign keys are off, for a table that is made anew is missing for a moment; they are checked before the commit.
    """
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}\nPRAGMA user_version = {migration.version};")
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise sqlite3.IntegrityError(f"a row of {broken['table']} would point to nothing")
    connection.execute("COMMIT")


Identity = tuple[int, int]


class FileGuard:
    """Whether the files of an open journal are still the ones at their places."""

    def __init__(self, database: Path, lock: ProcessLock) -> None:
        self._lock = lock
        self._files: dict[Path, Identity | None] = {
            database: _identity(database),
            database.with_name(database.name + "-wal"): None,  # made by the first write
        }

    def check(self) -> None:
        """Raises `JournalUnavailable`, with what happened and what to do."""
        for file, known in self._files.items():
            found = _identity(file)
            if known is None:
                self._files[file] = found
            elif found is None:
                raise JournalUnavailable(f"{file} is gone from under the worker: put it back where it was. {_ADVICE}")
            elif found != known:
                raise JournalUnavailable(f"{file} was replaced under the worker: put the first one back. {_ADVICE}")
        if self._lock.is_lost():
            self._lock.take_again()


_ADVICE = "Nothing is taken in or begun until then. If it cannot be found, end the worker and see Back up and restore"


def _identity(file: Path) -> Identity | None:
    try:
        status = os.stat(file)  # noqa: PTH116  on each transaction
    except OSError:
        return None
    return status.st_dev, status.st_ino
