"""Workers born grown up: one process imports all that a worker needs, once, and each worker is a fork of it.

A worker's imports take a second of CPU, and the scenarios start hundreds. What is born here is a process like any
other: its own id, environment, log and signals; it is killed alone, and its end is told by its exit status. Guarantees
that it dies with the nursery, and the nursery with the test process. Where the environment differs in more than the
worker's settings, start a process of its own: what Python reads at its start (locale, flags) is the nursery's.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
IMPORTED = (
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "anyio._backends._asyncio",
    "encodings.gb18030",
    "httpcore",
    "uvloop",
    "worker.bootstrap",
    "worker.cli",
    "worker.cli.desk",
    "worker.cli.dev",
    "worker.cli.serve",
    "worker.cli.story",
    "worker.journal.postgres",
    "worker.journal.sqlite",
    "worker.ops.logs",
    "worker.vault.storage",
    "zxingcpp",
)
"""Also what a worker imports late, with its first QR or its first look-up over HTTP: `httpcore` with trio, which stands
beside it here, takes a third of all that a short life costs."""
_DIES_WITH_ITS_PARENT = 1
"""`PR_SET_PDEATHSIG`."""


class Forked:
    """One worker: what the tests use of a `Popen`."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status (negative for a signal), or None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.status_of(self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The same, waited for. Raises `TimeoutExpired`."""
        until = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired("worker", timeout)
            time.sleep(0.005)
        return status

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The process that the workers are forks of, seen from the tests."""

    def __init__(self) -> None:
        self.environment = _surroundings(os.environ)
        command = [sys.executable, "-m", "tests.scenarios.nursery"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=pipe, stdout=pipe, bufsize=0)
        self._ended: dict[int, int] = {}
        self._unread = b""
        atexit.register(self.close)

    def can_have(self, environment: dict[str, str]) -> bool:
        """Whether it differs from the nursery's in settings of the worker alone."""
        return self.environment == _surroundings(environment)

    def start(self, words: Sequence[str], environment: dict[str, str], out: Path, errors: Path | None = None) -> Forked:
        """Start `fapiao-worker WORDS`; what it says goes into these files, or all into the first."""
        asked = {"words": list(words), "environment": environment, "out": str(out), "errors": str(errors or out)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        while True:
            for told in self._told(seconds=240):
                if "started" in told:
                    return Forked(self, told["started"])

    def status_of(self, pid: int) -> int | None:
        """How it ended, if it has."""
        for _ in self._told(seconds=0):
            pass
        return self._ended.get(pid)

    def _told(self, seconds: float) -> list[dict[str, int]]:
        """What the nursery has said since, waited for as long as this; ends are noted."""
        assert self._process.stdout is not None
        told = list[dict[str, int]]()
        while select.select([self._process.stdout], [], [], 0 if told else seconds)[0]:
            came = os.read(self._process.stdout.fileno(), 65_536)
            assert came, "the nursery has died"
            *lines, self._unread = (self._unread + came).split(b"\n")
            told += map(json.loads, lines)
        assert told or not seconds, "the nursery says nothing"
        for each in told:  # in order: numbers of processes come again
            if "started" in each:
                self._ended.pop(each["started"], None)
            else:
                self._ended[each["ended"]] = each["status"]
        return told

    def close(self) -> None:
        """End it, and with it what it still has."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(60)


def _surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """All but the worker's settings, and what pytest says about the test that runs."""
    return {name: each for name, each in environment.items() if not name.startswith(("FAPIAO_", "PYTEST_"))}


@cache
def nursery() -> Nursery:
    """The one of this test process."""
    return Nursery()


# ---- inside of it -----------------------------------------------------------------------------------------


def main() -> None:
    """Import, then fork on demand, until nobody asks any more. Returns in each fork once that has ended."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    awakened, awakening = os.pipe()
    os.set_blocking(awakening, False)
    signal.set_wakeup_fd(awakening)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asked = b""
    while True:
        ready, _, _ = select.select([0, awakened], [], [])
        if awakened in ready:
            os.read(awakened, 4096)
            _tell_of_the_dead()
        if 0 not in ready:
            continue
        came = os.read(0, 65_536)
        if not came:
            return
        *lines, asked = (asked + came).split(b"\n")
        for line in lines:
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                os.close(awakened)
                os.close(awakening)
                _work(json.loads(line))
                return
            _tell({"started": pid})


def _tell(said: dict[str, int]) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")


def _tell_of_the_dead() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _work(asked: dict[str, Any]) -> None:
    """Be a worker."""
    ctypes.CDLL(None).prctl(_DIES_WITH_ITS_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(asked["environment"])
    to_file = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    for theirs, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["out"], to_file),
        (2, asked["errors"], to_file),
    ):
        ours = os.open(path, flags, 0o644)
        os.dup2(ours, theirs)
        os.close(ours)
    random.seed()
    from worker import cli, crashpoints

    importlib.reload(crashpoints)  # it reads its variables when it is imported
    sys.argv = ["fapiao-worker", *asked["words"]]
    cli.main()


if __name__ == "__main__":
    main()
