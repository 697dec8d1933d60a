"""Private processes: their ports, their directory, and an end that cannot be missed.

Guarantees that what a `Guard` holds is gone soon after its owner is, killed or not. It does not know what it guards.
"""

import contextlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below Linux's range of ephemeral ports: a client that keeps dialling a stopped server on a port inside that range may
# be given the very same port as its own, and then talks to itself.
LOWEST_PORT, HIGHEST_PORT = 20000, 32000
GUARD = Path(__file__).with_name("guard.py")


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on just now."""
    for _ in range(200):
        port = random.randint(LOWEST_PORT, HIGHEST_PORT)  # noqa: S311 - not a secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise OSError("no free port on loopback")


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes] | None", seconds: float) -> bool:
    """Poll `ready` until it holds. False when the time is over or the process has ended first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if process is not None and process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


class Guard:
    """A directory and process groups that end when this process does."""

    def __init__(self, purpose: str, *, home: Path | None = None, inherited: tuple[int, ...] = ()) -> None:
        """With `home`, work in that directory and leave it there. `inherited` are file descriptors that stay open until
        all that is held has ended: a lock, say."""
        self.directory = home or Path(tempfile.mkdtemp(prefix=f"fapiao-{purpose}-"))
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(GUARD)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
            pass_fds=inherited,
        )
        if home is None:
            self._tell(f"directory {self.directory}")

    def watch(self, kind: str, name: object) -> None:
        """Hold a `process`, a `group` (by number) or a `container` (by name)."""
        self._tell(f"{kind} {name}")

    def forget(self, kind: str, name: object) -> None:
        """Let go of one that has ended, so that its number may be reused by others."""
        self._tell(f"forget {kind} {name}")

    def close(self) -> None:
        """End all that is held, remove the directory, and return when that is done."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe above
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def end(process: "subprocess.Popen[bytes]", polite: signal.Signals, seconds: float) -> None:
    """End a process with the signal that it takes as a wish, and with SIGKILL when it does not."""
    process.send_signal(polite)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
