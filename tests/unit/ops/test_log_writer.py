"""A log that cannot be written costs its lines, and nothing else."""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from worker.ops.logs import WAITING_BYTES_MAX, LineWriter

PATIENCE_SECONDS = 240.0
"""How long what must come is waited for: a machine may be slow or busy."""


class Stream:
    """A file by its number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return False


@pytest.fixture
def pipe() -> Iterator[tuple[int, LineWriter]]:
    """A reading end, and a writer on the other."""
    reading, writing = os.pipe()
    yield reading, LineWriter(Stream(writing))
    for number in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(number)


def test_lines_that_can_go_go_at_once_and_in_order(pipe: tuple[int, LineWriter]) -> None:
    """What was logged before a crash is there."""
    reading, writer = pipe
    for number in range(3):
        writer.write(f"line {number} 数\n")
    assert os.read(reading, 1000).decode() == "line 0 数\nline 1 数\nline 2 数\n"
    assert writer._thread is None


def test_nobody_waits_for_a_pipe_that_nobody_reads(pipe: tuple[int, LineWriter]) -> None:
    """Lines wait in bounded memory, what is more is dropped and counted; they come when it is read again."""
    reading, writer = pipe
    line = "x" * 1023 + "\n"
    for _ in range(3 * WAITING_BYTES_MAX // 1024):
        writer.write(line)
    assert writer.dropped > WAITING_BYTES_MAX // 1024

    got: list[bytes] = []
    reader = threading.Thread(target=lambda: _read(reading, got, WAITING_BYTES_MAX))
    reader.start()
    reader.join(60)
    writer.finish()
    assert set(b"".join(got).split(b"\n")) <= {b"x" * 1023, b""}


def _read(number: int, got: list[bytes], enough: int) -> None:
    while sum(map(len, got)) < enough:
        got.append(os.read(number, 65536))


def test_a_closed_pipe_and_a_full_disk_cost_lines_only(pipe: tuple[int, LineWriter]) -> None:
    reading, writer = pipe
    os.close(reading)
    writer.write("lost\n")
    writer.write("y" * 10_000 + "\n")
    writer.finish(seconds=PATIENCE_SECONDS)
    assert writer.dropped == 2

    full = LineWriter(Stream(os.open("/dev/full", os.O_WRONLY)))
    full.write("lost\n")
    assert full.dropped == 1


def test_nobody_waits_for_a_file_on_a_disk_that_hangs(tmp_path: Path) -> None:
    """A regular file always says that it can take more; its lines are written by a thread that may wait for it."""
    may_go, writers = threading.Event(), []

    def hang(number: int, data: bytes) -> int:
        writers.append(threading.current_thread())
        may_go.wait()
        return os.write(number, data)

    path = tmp_path / "log"
    with path.open("wb") as file:
        writer = LineWriter(file, hang)
        line = "x" * 1023 + "\n"
        for _ in range(2 * WAITING_BYTES_MAX // 1024):
            writer.write(line)
        assert threading.current_thread() not in writers
        assert writer.dropped >= WAITING_BYTES_MAX // 1024 - 1
        may_go.set()
        writer.finish(seconds=PATIENCE_SECONDS)
        dropped = writer.dropped
        writer.write("the last\n")
        writer.finish(seconds=PATIENCE_SECONDS)
    lines = path.read_text().splitlines()
    assert len(lines) == 2 * WAITING_BYTES_MAX // 1024 - dropped + 1
    assert lines[-1] == "the last"


def test_a_line_that_a_full_disk_took_in_part_spoils_none_behind_it(tmp_path: Path) -> None:
    room = [5]

    def put(number: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "full")
        taken = os.write(number, data[: room[0]])
        room[0] -= taken
        return taken

    path = tmp_path / "log"
    with path.open("wb") as file:
        writer = LineWriter(file, put)
        for text in ("cut off\n", "lost\n"):
            writer.write(text)
            writer.finish(seconds=PATIENCE_SECONDS)
        assert writer.dropped == 2
        room[0] = 100
        writer.write("whole\n")
        writer.finish(seconds=PATIENCE_SECONDS)
    assert path.read_text() == "cut o\nwhole\n"
    assert writer.dropped == 2


def test_a_long_line_is_written_whole_behind_those_before_it(pipe: tuple[int, LineWriter]) -> None:
    """A traceback may be longer than a pipe takes at once."""
    reading, writer = pipe
    writer.write("first\n")
    writer.write("z" * 200_000 + "\n")
    writer.write("last\n")
    got: list[bytes] = []
    _read(reading, got, 200_000 + 12)
    assert b"".join(got) == b"first\n" + b"z" * 200_000 + b"\nlast\n"
    assert writer.dropped == 0


def test_half_a_pair_is_no_reason_to_fail(pipe: tuple[int, LineWriter]) -> None:
    reading, writer = pipe
    writer.write("\ud800\n")
    assert os.read(reading, 100) == b"\\ud800\n"


def test_a_stream_without_a_file_cannot_be_stood_in_for() -> None:
    class Nothing:
        def fileno(self) -> Any:
            raise OSError("none")

        def isatty(self) -> bool:
            return False

    with pytest.raises(OSError, match="none"):
        LineWriter(Nothing())
