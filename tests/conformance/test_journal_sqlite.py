"""The journal in one file, for one process."""

import asyncio
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conformance.journal_builders import (
    NOW,
    PASSWORD,
    admit,
    begin,
    claim_one,
    complete,
    login,
    look_up,
    new,
    outbox,
    put_in_doubt,
    settlement,
    state_of,
    step,
)
from tests.conformance.journal_stores import KEY, SqliteStore
from worker.clock import SystemClock
from worker.errors import ConfigurationError, JournalUnavailable, NotResolvable, SchemaOutdated, StoreBusy
from worker.journal import migrations, open_journal
from worker.journal.sqlite import SqliteJournal, opening
from worker.journal.sqlite.writer import Writer
from worker.records import SUBMITTED, CommandState
from worker.settings import Settings

LEASE = timedelta(seconds=60)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    await store.close()


async def test_a_second_opening_is_refused_and_names_the_way_on(store: SqliteStore) -> None:
    await store.open()
    second = SqliteJournal(store.path, keys=[KEY], clock=SystemClock())
    with pytest.raises(StoreBusy, match=rf"pid {os.getpid()}.*postgresql://"):
        await second.open()


async def test_another_process_is_refused_and_a_later_one_is_not(store: SqliteStore) -> None:
    await store.open()
    assert await _open_elsewhere(store.path) == "StoreBusy"
    await store.close()
    assert await _open_elsewhere(store.path) == "opened"


async def test_lanes_of_a_process_that_died_are_free_at_once(store: SqliteStore) -> None:
    claim = await begin(await store.open_with_worker("w1"), new("a"))
    journal = await store.restart()
    assert not await journal.renew("w1", LEASE)
    await journal.register("w2", LEASE)
    again = await claim_one(journal, "w2")
    assert (again.command.id, again.command.state) == ("a", CommandState.RUNNING)
    assert not await journal.record(step(claim, CommandState.SUBMITTING))


async def test_only_what_a_power_cut_must_not_undo_waits_for_the_disk(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await store.open_with_worker("w1")
    waits: list[bool] = []
    as_it_is = Writer._flush_or_not

    def told(writer: Writer, connection: sqlite3.Connection, *, is_wanted: bool) -> None:
        waits.append(is_wanted)
        as_it_is(writer, connection, is_wanted=is_wanted)

    monkeypatch.setattr(Writer, "_flush_or_not", told)
    await admit(journal, new("a"), new("b"))
    claim = await claim_one(journal)
    assert waits == [True, False]
    assert await journal.record(step(claim, CommandState.SUBMITTING))
    assert waits == [True, False, True]
    assert await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED))
    assert await journal.next_command(claim.lease, NOW) is not None
    await journal.published([row.seq for row in await journal.due("w1", NOW, 10)])
    assert waits == [True, False, True, True, False, False, False]


async def test_events_of_a_process_that_died_are_published(store: SqliteStore) -> None:
    await complete(await store.open_with_worker("w1"), new("a"))
    journal = await store.restart()
    await journal.register("w2", LEASE)
    assert len(await outbox(journal, "w2")) == 2


async def test_whatever_was_acknowledged_survives_sigkill(path: Path) -> None:
    script = f"""
import asyncio
from tests.conformance.journal_builders import new
from tests.conformance.journal_stores import SqliteStore
from pathlib import Path


async def one(journal, number):
    await journal.admit([new(f"c{{number}}", lane=f"u{{number % 5}}")], worker="w1", waiting_max=None)
    print(f"c{{number}}", flush=True)

async def main():
    journal = await SqliteStore(Path({str(path)!r})).open()
    number = 0
    while True:
        await asyncio.gather(*(one(journal, number + part) for part in range(20)))
        number += 20

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    acknowledged = [await process.stdout.readline() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    rest, _ = await process.communicate()
    names = {
        line.decode().strip() for line in [*acknowledged, *rest.splitlines(keepends=True)] if line.endswith(b"\n")
    } - {""}
    named = {name for name in names if name.startswith("c")}
    assert len(named) >= 90

    store = SqliteStore(path)
    journal = await store.open()
    kept = {command.id for command in await journal.commands([], limit=100_000)}
    await store.close()
    assert named <= kept
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_an_operation_that_fails_takes_nobody_with_it(store: SqliteStore) -> None:
    """Though they share a transaction."""
    journal = await store.open_with_worker("w1")
    for name in ("first", "second"):
        await put_in_doubt(journal, new(name, lane=name))
    first, second = await look_up(journal, "first"), await look_up(journal, "second")
    await journal.settle(settlement(first, CommandState.COMPLETED, "completed", invoice_number="1"))
    calls = [admit(journal, new(f"c{number}", lane=f"u{number}")) for number in range(10)]
    refused = journal.settle(settlement(second, CommandState.COMPLETED, "completed", invoice_number="1"))
    results = await asyncio.gather(*calls[:5], refused, *calls[5:], return_exceptions=True)
    assert isinstance(results[5], NotResolvable)
    assert len(await journal.commands([CommandState.WAITING])) == 10


async def test_calls_that_wait_together_share_commits(store: SqliteStore) -> None:
    """Counted by the writer's own transactions: far fewer than calls."""
    journal = await store.open()
    assert isinstance(journal, SqliteJournal)
    begun: list[int] = []

    def count(sql: str) -> None:
        if sql.startswith("BEGIN"):
            begun.append(1)

    await journal._run(lambda statements: statements.connection.set_trace_callback(count))
    await asyncio.gather(*(admit(journal, new(f"c{number}", lane=f"u{number}")) for number in range(300)))
    assert len(begun) < 30


async def test_a_full_disk_is_told_and_passes(store: SqliteStore) -> None:
    journal = await store.open()
    assert isinstance(journal, SqliteJournal)
    pages = await journal._run(lambda s: s.connection.execute("PRAGMA page_count").fetchone()[0])
    await journal._run(lambda s: s.connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(JournalUnavailable, match="full"):
        await admit(journal, new("a", data=b"x" * 100_000))
    await journal._run(lambda s: s.connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await journal.find("a") == []
    await admit(journal, new("a", data=b"x" * 100_000))
    assert await state_of(journal, "a") is CommandState.WAITING


async def test_the_file_is_flushed_at_every_commit_and_its_owners_alone(store: SqliteStore) -> None:
    journal = await store.open([])
    assert isinstance(journal, SqliteJournal)
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "busy_timeout")
    values = [
        await journal._run(lambda s, p=pragma: s.connection.execute(f"PRAGMA {p}").fetchone()[0])  # type: ignore[misc]
        for pragma in pragmas
    ]
    assert values == ["wal", 2, 1, 0, 5000]
    for suffix in ("", "-wal", ".lock", ".key"):
        mode = store.path.with_name(store.path.name + suffix).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600, suffix


async def test_without_keys_one_is_made_and_used_again(store: SqliteStore) -> None:
    await admit(await store.open([]), new("a", secrets={"p": PASSWORD}))
    await store.close()
    journal = await store.open([])
    await journal.register("w1", LEASE)
    assert (await claim_one(journal)).command.secrets == {"p": PASSWORD}
    await store.close()
    configured = await store.open([KEY])
    await configured.register("w2", LEASE)
    assert (await claim_one(configured, "w2")).command.secrets == {"p": PASSWORD}


async def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "missing" / "journal.db", clock=SystemClock())
    with pytest.raises(ConfigurationError, match="missing"):
        await journal.open()


async def test_a_file_of_a_newer_version_is_refused(store: SqliteStore) -> None:
    await store.open()
    await store.close()
    await store.write("PRAGMA user_version = 999")
    with pytest.raises(SchemaOutdated, match="newer version"):
        await store.open()
    await store.write(f"PRAGMA user_version = {migrations.latest('sqlite')}")
    await store.open()


@pytest.mark.parametrize(("version", "advice"), [(1, "stop that one first"), (999, "install that version")])
async def test_who_reads_a_file_of_another_version_is_told_what_helps(
    store: SqliteStore, path: Path, version: int, advice: str
) -> None:
    """`db upgrade` is refused while a worker holds the file, and cannot go back."""
    await store.open()
    await store.close()
    await store.write(f"PRAGMA user_version = {version}")
    with pytest.raises(SchemaOutdated, match=advice):
        await SqliteJournal(path, clock=SystemClock(), readonly=True).open()


async def test_upgrade_tells_what_it_applied(path: Path) -> None:
    journal = SqliteJournal(path, keys=[KEY], clock=SystemClock())
    assert list(await journal.upgrade()) == [one.name for one in migrations.load("sqlite")]
    assert list(await journal.upgrade()) == []


async def test_reading_beside_a_running_worker(store: SqliteStore) -> None:
    journal = await store.open()
    reader = SqliteJournal(store.path, clock=SystemClock(), readonly=True)
    await reader.open()
    try:
        await admit(journal, new("a", secrets={"p": PASSWORD}))
        assert await state_of(reader, "a") is CommandState.WAITING
        assert (await reader.backlog(NOW)).waiting == 1
        await admit(journal, new("b"))
        assert await state_of(reader, "b") is CommandState.WAITING
        with pytest.raises(ConfigurationError, match="reading only"):
            await reader.count_login(login(), accepted=False, now=NOW, threshold=1, suspend=LEASE)
    finally:
        await reader.close()


async def test_a_log_that_grew_behind_somebody_who_reads_is_cut_when_that_one_is_gone(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell with an open transaction, a backup that hangs: nothing can be taken out of the log meanwhile."""
    most = 256 * 1024
    monkeypatch.setattr(opening, "_WAL_KEPT_BYTES", most)
    journal = await store.open()
    log = path.with_name(f"{path.name}-wal")
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM command").fetchone()
    number = 0
    while log.stat().st_size < 20 * most:
        number += 1
        await admit(journal, *(new(f"c-{number}-{each}", lane=f"u{each}", data=bytes(2000)) for each in range(100)))
    reader.close()
    for last in range(5):
        await admit(journal, *(new(f"d-{last}-{each}", lane=f"u{each}", data=bytes(2000)) for each in range(100)))
    assert log.stat().st_size < 10 * most


async def test_reading_without_a_worker(store: SqliteStore) -> None:
    await admit(await store.open(), new("a"))
    await store.close()
    reader = SqliteJournal(store.path, clock=SystemClock(), readonly=True)
    await reader.open()
    assert await state_of(reader, "a") is CommandState.WAITING
    await reader.close()


async def test_reading_what_is_not_there(path: Path) -> None:
    reader = SqliteJournal(path, clock=SystemClock(), readonly=True)
    with pytest.raises(ConfigurationError, match="no journal"):
        await reader.open()
    assert not path.exists()


async def test_the_address_chooses_the_store(path: Path) -> None:
    journal = open_journal(Settings(database_url=f"sqlite:///{path}", _env_file=None), SystemClock())
    assert isinstance(journal, SqliteJournal)
    await journal.open()
    await journal.close()
    assert path.exists()


async def _open_elsewhere(path: Path) -> str:
    script = f"""
import asyncio
from pathlib import Path
from tests.conformance.journal_stores import SqliteStore

async def main():
    store = SqliteStore(Path({str(path)!r}))
    try:
        await store.open()
        print("opened")
    except Exception as error:
        print(type(error).__name__)
    await store.close()

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode().strip().splitlines()[-1]
