"""One worker of a scenario, as a process that can be killed."""

import asyncio
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.nursery import Forked

PATIENCE_SECONDS = 240.0
"""How long what must come is waited for. No promise has a time in it, and a machine may be slow or busy."""


@dataclass
class WorkerProcess:
    """One `fapiao-worker run`."""

    process: "subprocess.Popen[bytes] | Forked"
    log_path: Path

    async def died(self) -> int:
        """Wait for its end; the return code (negative for a signal)."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.process.poll() is None:
                await asyncio.sleep(0.02)
        assert self.process.returncode is not None
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.process.kill()
        self.process.wait(60)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP: as a virtual machine that is suspended."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """All it has logged."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    async def logged(self, text: str) -> None:
        """Wait until this stands in its log: an event may be here before the line of the step that told it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self.log():
                await asyncio.sleep(0.05)
