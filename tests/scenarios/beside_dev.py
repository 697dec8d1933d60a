"""`fapiao-worker dev` in an empty folder, as somebody runs it beside a program of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.scenarios.worker_process import PATIENCE_SECONDS


class Dev:
    """One `dev` process. Entering waits until it has printed how to go on; leaving ends it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._output = folder / "dev.out"
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._output.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker", "dev", *self._options],
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Ctrl-C ends" not in self.said:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end(signal.SIGKILL)
                raise AssertionError(f"dev did not come up: {self.said}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGTERM)

    @property
    def said(self) -> str:
        """All it printed so far."""
        return self._output.read_text(errors="replace")

    @property
    def note(self) -> dict[str, Any]:
        """What it wrote down of itself."""
        note: dict[str, Any] = json.loads((self.folder / ".fapiao" / "dev.json").read_text())
        return note

    def descendants(self) -> list[psutil.Process]:
        """Every process that it started, down to the broker's own."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, how: signal.Signals) -> int:
        """End it with this signal; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `fapiao-worker …` in the same folder."""
        return self.run([sys.executable, "-m", "worker", *words])

    def run(
        self,
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run any program, in the same folder unless another is given."""
        return subprocess.run(
            command,
            cwd=folder or self.folder,
            env=environment() | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )


def environment() -> dict[str, str]:
    """Ours without settings of the worker, in English."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FAPIAO_")}
    return ours | {"LC_ALL": "C.UTF-8"}
