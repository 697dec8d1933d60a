"""The vault in a folder: what a power cut, a kill, a read-only or a hanging file system leaves."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker.errors import Transient
from worker.vault.storage import Folder, Storage


class _Killed(Exception):
    pass


KEY = "91330701MA2M37T86L/2026/12/26332000000000000042.pdf"


async def test_a_file_is_on_the_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its name, and the folders on the way to it, before `keep` says so: whatever a power cut leaves is whole."""
    steps = list[str]()
    fsync, link = os.fsync, os.link

    def flushing(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path)
        steps.append(f"flush {path}".split("#")[0])
        fsync(descriptor)

    def linking(source: Path, target: Path) -> None:
        steps.append(f"name {target.relative_to(tmp_path)}")
        link(source, target)

    monkeypatch.setattr(os, "fsync", flushing)
    monkeypatch.setattr(os, "link", linking)

    assert await Folder(tmp_path).keep("a/b/f.pdf", b"file")

    assert steps == ["flush a/b/f.pdf", "name a/b/f.pdf", "flush a/b", "flush a", "flush ."]
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["f.pdf"]


async def test_what_a_kill_left_unfinished_is_no_file_and_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)

    def kill(*_: object) -> None:
        raise _Killed

    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        killed.setattr(os, "link", kill)
        with pytest.raises(_Killed):
            await folder.keep(KEY, b"file")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
    assert (await folder.read(KEY), list(folder.keys())) == (None, [])

    assert await folder.keep(KEY, b"file")
    assert list(folder.keys()) == [KEY]


async def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert await folder.keep(KEY, b"file")
    assert not await folder.keep(KEY, b"another")
    assert await folder.read(KEY) == b"file"
    assert list(folder.keys()) == [KEY]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], object]]]:
    """A folder on a file system that takes no writes, and what changes that. Without the right to mount: on one whose
    folder does not."""
    vault = tmp_path / "vault"
    vault.mkdir()
    if os.geteuid():
        vault.chmod(0o555)
        yield vault, lambda: vault.chmod(0o755)
        return
    if not _run("mount", "--types", "tmpfs", "--options", "ro", "vault", str(vault)):
        pytest.skip("root writes everywhere, and may not mount here")
    yield vault, lambda: _run("mount", "--options", "remount,rw", str(vault))
    assert _run("umount", "--lazy", str(vault))


def _run(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


async def test_a_read_only_file_system_is_waited_for(read_only: tuple[Path, Callable[[], object]]) -> None:
    vault, release = read_only
    storage = Storage(f"file://{vault}")
    with pytest.raises(Transient):
        await storage.keep(KEY, b"file")
    assert await storage.read(KEY) is None

    release()

    await storage.keep(KEY, b"file")
    assert await storage.read(KEY) == b"file"


async def test_reads_that_hang_hold_up_nobody_for_ever_and_end_with_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on a server that went away: whoever waits gives up by its own time, and what comes back makes room."""
    folder, back = Folder(tmp_path), threading.Event()

    def hang(path: Path) -> bytes:
        back.wait()
        return path.name.encode()

    monkeypatch.setattr(Path, "read_bytes", hang)
    hanging = [asyncio.ensure_future(folder.read(str(number))) for number in range(8)]
    await asyncio.sleep(0)
    threads = [thread for thread in threading.enumerate() if thread.name == "vault"]
    assert len(threads) == 8
    assert all(thread.daemon for thread in threads)

    ninth = asyncio.ensure_future(folder.read("ninth"))
    hanging[0].cancel()
    assert await asyncio.wait([ninth], timeout=0) == (set(), {ninth})

    back.set()
    assert await ninth == b"ninth"
    assert await asyncio.gather(*hanging[1:]) == [str(number).encode() for number in range(1, 8)]
