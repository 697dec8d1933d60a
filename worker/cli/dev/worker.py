"""`python -m worker.cli.dev.worker`: the worker of a `dev`, which goes by the sandbox's clock. `dev` starts it, and
nothing else can: it refuses to run where no `dev` holds the folder, and beside a gateway on another machine.

Its clock is the machine's, as far ahead as somebody moved the sandbox's. It never goes back while it is asked, whatever
becomes of the file, and leases and timeouts go by the machine's own. A worker of production has no way to it.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import typer

from worker.addresses import is_loopback
from worker.cli.dev.home import Home
from worker.cli.serve import run_by
from worker.cli.terminal import USAGE, Stop, explained, load_settings
from worker.clock import Clock, SystemClock
from worker.sandbox.timepiece import read_offset

_LOOK_SECONDS: Final = 0.1


class SandboxClock:
    """The sandbox's time, by the file that it writes at every move."""

    def __init__(self, path: Path, machine: Clock | None = None) -> None:
        self._path = path
        self._machine = machine or SystemClock()
        self._looked_at = float("-inf")
        self._offset_seconds = 0.0

    def now(self) -> datetime:
        """The aware UTC time in the sandbox."""
        self._look()
        return self._machine.now() + timedelta(seconds=self._offset_seconds)

    def monotonic(self) -> float:
        """The machine's: a move forward must not end a lease."""
        return self._machine.monotonic()

    def _look(self) -> None:
        moment = self._machine.monotonic()
        if moment - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = moment
        try:
            self._offset_seconds = max(self._offset_seconds, read_offset(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return


def main() -> None:
    """Run until SIGTERM, as `fapiao-worker run` does."""
    home = Home(Path.cwd())
    with explained():
        gateway = urlsplit(load_settings(beside_dev=False).gateway_url)
        if home.running() is None or not is_loopback(gateway.hostname or ""):
            raise Stop("This is the worker of `fapiao-worker dev`, and runs beside its sandbox alone.", USAGE)
    run_by(SandboxClock(home.clock))


if __name__ == "__main__":
    typer.run(main)
