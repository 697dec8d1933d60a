"""What the drivers' errors mean to the worker."""

import sqlite3
from pathlib import Path

import asyncpg
import pytest
from asyncpg.exceptions._base import DataError as ClientDataError

from worker.errors import ConfigurationError, JournalFaulty, JournalUnavailable, NotStorable, Transient
from worker.journal.postgres.pool import classify as classify_postgres
from worker.journal.postgres.pool import not_storable
from worker.journal.sqlite.writer import classify as classify_sqlite
from worker.journal.sqlite.writer import not_storable as not_storable_in_sqlite


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (asyncpg.ConnectionDoesNotExistError("gone"), JournalUnavailable),
        (asyncpg.CannotConnectNowError("starting up"), JournalUnavailable),
        (asyncpg.AdminShutdownError("shutting down"), JournalUnavailable),
        (asyncpg.CrashShutdownError("crashed"), JournalUnavailable),
        (asyncpg.TooManyConnectionsError("full"), JournalUnavailable),
        (asyncpg.DiskFullError("full"), JournalUnavailable),
        (asyncpg.QueryCanceledError("too slow"), JournalUnavailable),
        (asyncpg.LockNotAvailableError("locked"), JournalUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("a standby"), JournalUnavailable),
        (asyncpg.InterfaceError("connection is closed"), JournalUnavailable),
        (asyncpg.InternalClientError("cannot switch to state 15"), JournalUnavailable),
        (ConnectionRefusedError(), JournalUnavailable),
        (TimeoutError(), JournalUnavailable),
        (asyncpg.InternalServerError("XX000"), JournalFaulty),
        (asyncpg.IndexCorruptedError("XX002"), JournalFaulty),
        (asyncpg.PostgresSystemError("58000"), JournalFaulty),
        (asyncpg.InvalidPasswordError("no"), ConfigurationError),
        (asyncpg.InvalidCatalogNameError("no such database"), ConfigurationError),
        (asyncpg.InsufficientPrivilegeError("no"), ConfigurationError),
    ],
)
def test_postgres(error: Exception, meaning: type[Exception]) -> None:
    meant = classify_postgres(error)
    assert isinstance(meant, meaning)
    assert str(meant)


@pytest.mark.parametrize(
    ("error", "is_own"),
    [
        (asyncpg.CharacterNotInRepertoireError("22021"), True),
        (asyncpg.NotNullViolationError("23502"), True),
        (ClientDataError("a number too large"), True),
        (asyncpg.InternalServerError("XX000"), False),
        (asyncpg.DataCorruptedError("XX001"), False),
        (asyncpg.RaiseError("P0001"), False),
        (asyncpg.InterfaceError("connection is closed"), False),
        (ValueError(), False),
    ],
)
def test_only_an_error_of_the_values_says_that_they_cannot_be_stored(error: Exception, is_own: bool) -> None:
    with pytest.raises(NotStorable if is_own else type(error)), not_storable():
        raise error
    assert not is_own or classify_postgres(error) is error


def test_a_corrupt_file_is_the_stores_own_trouble(tmp_path: Path) -> None:
    file = tmp_path / "file.db"
    file.write_bytes(b"no database" * 1000)
    connection = sqlite3.connect(file)
    with pytest.raises(sqlite3.DatabaseError) as corrupt:
        connection.execute("SELECT * FROM t")
    connection.close()
    assert isinstance(classify_sqlite(corrupt.value), JournalFaulty)


def test_sqlite_tells_values_that_it_cannot_store() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x TEXT NOT NULL) STRICT")
    for value in (None, 2**70, "half \ud800", b"no text"):
        with pytest.raises(NotStorable), not_storable_in_sqlite():
            connection.execute("INSERT INTO t VALUES (?)", (value,))


@pytest.mark.parametrize(
    "error",
    [asyncpg.UniqueViolationError("twice"), asyncpg.UndefinedTableError("no"), asyncpg.DataError("no"), ValueError()],
)
def test_faults_of_the_code_stay_what_they_are(error: Exception) -> None:
    assert classify_postgres(error) is error
    assert classify_sqlite(error) is error


def test_an_unavailable_server_may_be_asked_again() -> None:
    meant = classify_postgres(ConnectionResetError())
    assert isinstance(meant, Transient)
    assert meant.retry_after is not None


def test_sqlite(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as away:
        sqlite3.connect(tmp_path / "missing" / "file.db").execute("SELECT 1")
    assert isinstance(classify_sqlite(away.value), JournalUnavailable)

    connection = sqlite3.connect(tmp_path / "file.db")
    connection.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError) as readonly:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert isinstance(classify_sqlite(readonly.value), ConfigurationError)

    integrity = sqlite3.IntegrityError("UNIQUE constraint failed")
    assert classify_sqlite(integrity) is integrity
