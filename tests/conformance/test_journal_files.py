"""What happens to the files of an SQLite journal under its worker: nothing that it then says is durable is lost."""

import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.conformance.journal_builders import new
from worker.clock import SystemClock
from worker.errors import JournalUnavailable
from worker.journal.sqlite import SqliteJournal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """Open, with a command in it."""
    journal = SqliteJournal(tmp_path / "fapiao.db", clock=SystemClock())
    await journal.open()
    await journal.admit([new("c1")], worker="w", waiting_max=None)
    yield journal
    await journal.close()


def vanish(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))


def replace(file: Path) -> None:
    vanish(file)
    shutil.copy(file.with_name("elsewhere"), file)


@pytest.mark.parametrize(
    ("happens", "says"), [(vanish, "is gone from under the worker"), (replace, "was replaced under the worker")]
)
@pytest.mark.parametrize("name", ["fapiao.db", "fapiao.db-wal"])
async def test_a_file_that_went_is_a_journal_that_takes_nothing_until_it_is_back(
    journal: SqliteJournal, tmp_path: Path, name: str, happens: Callable[[Path], None], says: str
) -> None:
    file = tmp_path / name
    await journal.admit([new("c2")], worker="w", waiting_max=None)
    happens(file)

    for _ in range(2):
        with pytest.raises(JournalUnavailable, match=says):
            await journal.admit([new("c3")], worker="w", waiting_max=None)
    with pytest.raises(JournalUnavailable, match=says):
        await journal.ping()

    file.with_name("elsewhere").replace(file)
    await journal.admit([new("c3")], worker="w", waiting_max=None)
    assert [command.id for command in await journal.find("c3")] == ["c3"]


async def test_a_lock_that_went_is_taken_again(
    journal: SqliteJournal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "fapiao.db.lock"
    lock.unlink()

    await journal.admit([new("c2")], worker="w", waiting_max=None)

    assert int(lock.read_text()) == os.getpid()
    assert capsys.readouterr().out.count("lock_taken_again") == 1


async def test_a_lock_that_another_process_holds_is_the_end_of_writing(journal: SqliteJournal, tmp_path: Path) -> None:
    """Two that write one file would both serve its lanes."""
    lock = tmp_path / "fapiao.db.lock"
    lock.unlink()
    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="another process may write"):
                await journal.admit([new("c2")], worker="w", waiting_max=None)
    await journal.admit([new("c2")], worker="w", waiting_max=None)


async def test_a_file_that_turned_read_only_is_waited_for(journal: SqliteJournal) -> None:
    """As a disk does after a fault: the worker is not misconfigured."""
    assert journal._writer is not None
    await journal._writer.submit(lambda statements: statements.connection.execute("PRAGMA query_only = ON").close())

    with pytest.raises(JournalUnavailable, match="turned read-only"):
        await journal.admit([new("c2")], worker="w", waiting_max=None)
