"""Where the command line finds the journal."""

from pathlib import Path

import pytest

from tests.unit.ops.fakes import FakeClock, FakeOperatorJournal, command
from worker.cli.desk import desk
from worker.clock import SystemClock
from worker.errors import ConfigurationError, StoreBusy
from worker.journal import open_journal
from worker.ops.control import RemoteOperations, control_server, socket_path
from worker.ops.operations import Operations
from worker.settings import Settings

from .conftest import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fapiao.db"


@pytest.fixture
def settings(file: Path) -> Settings:
    return Settings(_env_file=None, database_url=f"sqlite:///{file}")


async def test_a_running_worker_decides_and_the_file_is_only_read(file: Path, settings: Settings) -> None:
    running = open_journal(settings, SystemClock())
    await running.open()
    told = Operations(FakeOperatorJournal(command()), FakeClock(), worker="/test")
    try:
        async with control_server(told, socket_path(file)):
            async with desk(settings, writes=True) as decisions:
                assert isinstance(decisions, RemoteOperations)
                assert (await decisions.status("cmd-1"))["state"] == "in_doubt"
            async with desk(settings, writes=False) as questions:
                assert isinstance(questions, Operations)
                assert await questions.commands() == []
    finally:
        await running.close()


async def test_without_a_worker_the_file_itself_is_opened(settings: Settings) -> None:
    made = open_journal(settings, SystemClock())
    await made.open()
    await made.close()

    async with desk(settings, writes=True) as decisions:
        assert isinstance(decisions, Operations)
        assert await decisions.replies() == []


async def test_a_file_held_by_somebody_who_does_not_answer_is_busy(settings: Settings) -> None:
    running = open_journal(settings, SystemClock())
    await running.open()
    try:
        with pytest.raises(StoreBusy):
            async with desk(settings, writes=True):
                pass
    finally:
        await running.close()


@pytest.mark.parametrize("writes", [True, False])
async def test_a_journal_that_is_not_there_is_not_made(file: Path, settings: Settings, *, writes: bool) -> None:
    with pytest.raises(ConfigurationError, match="There is no journal"):
        async with desk(settings, writes=writes):
            pass

    assert not file.exists()


def test_a_database_that_cannot_be_reached_is_told_with_the_setting_that_names_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAPIAO_DATABASE_URL", "postgresql://u:pass-word@127.0.0.1:1/d")
    monkeypatch.setenv("FAPIAO_JOURNAL_KEYS", "A" * 43 + "=")

    ended = run("list")

    assert ended.exit_code == 1
    assert ended.stderr.startswith("error: PostgreSQL cannot be reached (")
    assert ended.stderr.endswith("): look at FAPIAO_DATABASE_URL\n")
    assert "pass-word" not in ended.stderr


def test_a_file_of_another_user_is_told_as_such(file: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says of it: unable to open database file."""
    file.write_text("not to be read")
    monkeypatch.setenv("FAPIAO_DATABASE_URL", f"sqlite:///{file}")
    monkeypatch.setattr("os.access", lambda *_, **__: False)

    ended = run("list")

    assert (ended.exit_code, ended.stderr) == (2, f"error: cannot read {file}: Permission denied\n")


def test_a_folder_is_no_journal(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says of it: disk I/O error."""
    monkeypatch.setenv("FAPIAO_DATABASE_URL", f"sqlite:///{tmp_path}")

    ended = run("list")

    assert (ended.exit_code, ended.stderr) == (
        2,
        f"error: {tmp_path} is a folder: FAPIAO_DATABASE_URL must name a file\n",
    )
