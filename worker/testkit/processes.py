"""A child process of the tests: `fapiao-worker …` with a log and an end that cannot be missed.

Guarantees that it is gone soon after the tests are, however those end. Every wait is bounded. Knows nothing of what it
runs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from signal import SIGTERM
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from worker.servers.processes import Guard, end, wait_until

START_SECONDS = 60.0
END_SECONDS = 20.0
_OPENER = build_opener(ProxyHandler({}))


class KitError(Exception):
    """Something of the kit did not come up, or what was waited for did not come. The message says what was seen."""


class KitProcess:
    """`fapiao-worker ARGUMENTS`, which may be started again after its end."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._name = name
        self._arguments = arguments
        # Settings of the developer's shell are no business of the tests.
        ours = {key: value for key, value in os.environ.items() if not key.startswith("FAPIAO_")}
        self._environment = ours | dict(environment)
        self._guard = Guard(name)
        self.directory = self._guard.directory
        self._log = self.directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready_url: str) -> None:
        """Start it and wait until that address answers with success. Raises KitError with its last words."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker", *self._arguments],
                env=self._environment,
                cwd=self.directory,  # no .env of the project under test
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.watch("group", self._process.pid)
        if not wait_until(lambda: answers(ready_url), self._process, START_SECONDS):
            said = self.log()[-2000:]
            self.close()
            raise KitError(f"The {self._name} did not start. Its last words: {said}")

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        if self._process is not None and self.runs:
            end(self._process, SIGTERM, END_SECONDS)
        self._forget()

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)
        self._forget()

    def log(self) -> str:
        """All it has said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """End it and remove its directory."""
        self.stop()
        self._guard.close()

    def _forget(self) -> None:
        if self._process is not None:
            self._guard.forget("group", self._process.pid)
            self._process = None


def answers(url: str) -> bool:
    """Whether somebody answers a GET with success."""
    try:
        fetch(url)
    except OSError:
        return False
    return True


def fetch(url: str, form: bytes | None = None, *, seconds: float = 10) -> bytes:
    """The body behind an address on this machine, or the answer to a form that is sent there.

    Raises OSError, with what was answered where it was no success.
    """
    try:
        with _OPENER.open(url, form, timeout=seconds) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        said = error.read().decode(errors="replace")[:500]
        raise OSError(f"{error.code}: {said}") from None


def until(seconds: float, what: str) -> "_Patience":
    """`while patience.lasts()`: for so long. It raises KitError after that, with `what` was waited for."""
    return _Patience(time.monotonic() + seconds, seconds, what)


class _Patience:
    def __init__(self, deadline: float, seconds: float, what: str) -> None:
        self._deadline, self._seconds, self._what = deadline, seconds, what

    def lasts(self, pause_seconds: float = 0.05) -> bool:
        """True after a short pause; raises KitError when the time is over."""
        if time.monotonic() > self._deadline:
            raise KitError(f"not within {self._seconds:g} s: {self._what}")
        time.sleep(pause_seconds)
        return True
