"""The control socket, with a client and a server on a real one."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from worker.errors import JournalUnavailable, NotFound, NotResolvable, WorkerError
from worker.ops.control import RemoteOperations, control_server, database_file, socket_path
from worker.ops.operations import AmbiguousCommand, Operations
from worker.ops.stored import BadRequest
from worker.records import CommandState, Pruned
from worker.settings import Settings

from .fakes import NUMBER, FakeClock, FakeOperatorJournal, command, event, stored, undeliverable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path / "fapiao.db")


def _operations(journal: FakeOperatorJournal) -> Operations:
    return Operations(journal, FakeClock(), worker="/test")


async def test_every_operation_answers_through_the_socket_as_it_would_at_home(path: Path) -> None:
    journal = FakeOperatorJournal(command())
    journal.tell(1, event(1, "in_doubt", {}))
    journal.set_aside = [undeliverable(5), undeliverable(6)]
    journal.lost_numbers, journal.kept, journal.prunings = [command(key=9)], [stored()], [Pruned(commands=7)]
    home, remote = _operations(journal), RemoteOperations(path)

    async with control_server(home, path):
        assert await remote.answers()
        assert await remote.status("cmd-1") == await home.status("cmd-1")
        assert await remote.commands(["in_doubt"]) == await home.commands(["in_doubt"])
        assert await remote.commands(["unconfirmed"]) == await home.commands(["unconfirmed"])
        assert await remote.invoices({"number": NUMBER}, 5) == await home.invoices({"number": NUMBER}, 5)
        assert await remote.files([NUMBER, "8"]) == await home.files([NUMBER, "8"])
        assert (await remote.prune("2026-01-01T12:00:00Z", dry_run=True))["commands"] == 7
        assert (await remote.prune("2026-01-01T12:00:00Z"))["commands"] == 7
        assert await remote.replay("cmd-1", "erp") == {"commandId": "cmd-1", "commandSource": "erp", "copies": 2}
        assert await remote.replies() == await home.replies()
        assert await remote.resend_replies([5]) == {"resent": 1}
        assert await remote.discard_replies() == {"discarded": 1}
        assert await remote.rekey() == {"resealed": 3, "keyId": "0a0b0c0d", "isComplete": True}
        assert (await remote.resolve("cmd-1", issued=NUMBER))["state"] == "completed"

    assert journal.settlements[0].to is CommandState.COMPLETED


async def test_a_fault_of_the_workers_own_is_told_as_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a worker that may be shutting down, with nothing in its log."""
    operations, remote = _operations(FakeOperatorJournal(command())), RemoteOperations(path)

    async def breaks(*_: object) -> None:
        raise OverflowError("too large")

    monkeypatch.setattr(operations, "rekey", breaks)
    async with control_server(operations, path):
        with pytest.raises(WorkerError, match=r"fault of its own \(OverflowError\)"):
            await remote.rekey()
        for numbers in ([0], [2**63]):
            with pytest.raises(BadRequest, match="is no reply's number"):
                await remote.resend_replies(numbers)
            with pytest.raises(BadRequest, match="is no reply's number"):
                await remote.discard_replies(numbers)


async def test_errors_keep_their_kind_and_their_words(path: Path) -> None:
    twins = [command(key=2, id="cmd-2"), command(key=3, id="cmd-2", source="shop")]
    journal = FakeOperatorJournal(command(state=CommandState.WAITING), *twins)
    remote = RemoteOperations(path)

    async with control_server(_operations(journal), path):
        with pytest.raises(NotFound, match="cmd-9"):
            await remote.status("cmd-9")
        with pytest.raises(AmbiguousCommand, match="--source"):
            await remote.replay("cmd-2")
        with pytest.raises(NotResolvable, match="waiting"):
            await remote.resolve("cmd-1", not_issued=True)
        with pytest.raises(BadRequest, match="20 digits"):
            await remote.resolve("cmd-1", issued="7")


async def test_the_socket_belongs_to_its_owner_alone_and_goes_with_the_server(path: Path) -> None:
    async with control_server(_operations(FakeOperatorJournal()), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    assert not path.exists()
    assert not await RemoteOperations(path).answers()


async def test_a_socket_left_by_a_dead_worker_is_replaced(path: Path) -> None:
    async with control_server(_operations(FakeOperatorJournal()), path):
        left = path.with_name("left")
        path.rename(left)
    left.rename(path)
    remote = RemoteOperations(path)
    assert not await remote.answers()

    async with control_server(_operations(FakeOperatorJournal(command())), path):
        assert (await remote.status("cmd-1"))["commandId"] == "cmd-1"


async def test_a_path_longer_than_the_kernel_allows_works_all_the_same(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    directory.mkdir()
    path = socket_path(directory / "fapiao.db")
    remote = RemoteOperations(path)

    async with control_server(_operations(FakeOperatorJournal(command())), path):
        assert (await remote.status("cmd-1"))["commandId"] == "cmd-1"


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b"{}\n",
        b'{"op": "close", "args": {}}\n',
        b'{"op": "_settle", "args": {}}\n',
        b'{"op": "status", "args": {"nothing": 1}}\n',
        b'{"op": "status", "args": []}\n',
    ],
)
async def test_what_is_no_request_is_refused_and_harms_nobody(path: Path, line: bytes) -> None:
    async with control_server(_operations(FakeOperatorJournal(command())), path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        answer = json.loads(await asyncio.wait_for(reader.readline(), 60))
        writer.close()

        assert answer["error"] == "bad_request"
        assert (await RemoteOperations(path).status("cmd-1"))["commandId"] == "cmd-1"


async def test_a_worker_that_is_gone_is_unavailable(path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="did not answer"):
        await RemoteOperations(path).status("cmd-1")


def test_only_sqlite_has_a_file() -> None:
    def settings(url: str) -> Settings:
        return Settings(_env_file=None, database_url=url)

    assert database_file(settings("sqlite:////var/lib/a%20b.db")) == Path("/var/lib/a b.db")
    assert database_file(settings("sqlite:///fapiao.db")) == Path("fapiao.db")
    assert database_file(settings("postgresql://u@h/d")) is None
