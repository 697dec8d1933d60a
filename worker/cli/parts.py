"""Child processes of one command of ours: a sandbox, a worker.

Guarantees: each leads a session of its own, so that Ctrl-C reaches the command alone, which ends its parts in order;
and none is left behind, even if the command is killed (`worker.servers.processes.Guard`). Knows nothing of what the
parts do.
"""

import asyncio
import atexit
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from worker.addresses import is_loopback
from worker.cli.terminal import Stop
from worker.servers.processes import Guard

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
_LOOPBACK: Final = "127.0.0.1"


class Parts:
    """The running parts; their logs are in `directory`, one file each, begun anew with each start."""

    def __init__(self, directory: Path, *, inherited: tuple[int, ...] = ()) -> None:
        """`inherited`: file descriptors that stay open until the last part has ended."""
        self._inherited = inherited
        self._directory = directory
        self._guard: Guard | None = None
        self._processes: list[asyncio.subprocess.Process] = []
        self._names: list[str] = []
        """Theirs, in the same order."""

    async def start(
        self, name: str, arguments: list[str], environment: dict[str, str], *, module: str = "worker"
    ) -> None:
        """Start `fapiao-worker ARGUMENTS`, or another module of ours, with these variables beside those of our own
        environment."""
        if self._guard is None:
            self._guard = Guard("parts", inherited=self._inherited)
        with (self._directory / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.watch("group", process.pid)
        self._processes.append(process)
        self._names.append(name)

    async def until(self, name: str, is_up: Callable[[], Awaitable[bool]]) -> None:
        """Wait for the part started last. Raises `Stop` with its last words if it does not come up within 30 s."""
        process = self._processes[-1]
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await is_up():
                    if process.returncode is not None:
                        raise Stop(f"The {name} did not start. {self.last_words(name)}")
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Stop(f"The {name} was not ready after {_START_SECONDS:g} s. {self.last_words(name)}") from None

    async def until_one_ends(self) -> str:
        """Wait for the first part to end; which one it was, how it ended, and its last words."""
        waits = [asyncio.create_task(process.wait()) for process in self._processes]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        ended = zip(self._names, self._processes, strict=True)
        name, code = next((name, process.returncode) for name, process in ended if process.returncode is not None)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"The {name} ended by itself, {how}. {self.last_words(name)}"

    async def end(self) -> None:
        """End all parts, the last one first."""
        for process in reversed(self._processes):
            await _end(process)
        if self._guard is not None:
            for process in self._processes:
                self._guard.forget("group", process.pid)
            self._guard.close()
            self._guard = None
        self._processes.clear()
        self._names.clear()

    def last_words(self, name: str = "*") -> str:
        """The end of a part's log, or of all."""
        lines: list[str] = []
        for log in sorted(self._directory.glob(f"{name}.log")):
            lines += [f"{log.stem}: {line}" for line in log.read_text(errors="replace").splitlines()[-2:]]
        return "Its last words: " + " | ".join(lines) if lines else "It said nothing."


def stop_once_on_a_signal() -> None:
    """Cancel this task at the first signal. Further ones change nothing: they would cut the clearing up short, and
    sandbox and worker would stay behind. SIGHUP is the terminal's window being closed."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen: list[int] = []

    def stop(number: int) -> None:
        if not seen and task is not None:
            task.cancel()
        seen.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)


async def answers(url: str) -> bool:
    """Whether somebody answers a GET with success."""
    try:
        await asyncio.to_thread(get, url)
    except OSError:
        return False
    return True


def get(url: str) -> bytes:
    """The body behind an address. Raises OSError. No proxy is asked for what is on this machine: it would look for
    itself."""
    opener = build_opener(ProxyHandler({})) if is_loopback(urlsplit(url).hostname or "") else build_opener()
    with opener.open(Request(url), timeout=10) as answer:  # noqa: S310  the scheme is checked, or our own
        return bytes(answer.read())


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Any port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def free_port_from(port: int) -> int:
    """This port of loopback, or the next one that is free; it stays ours until this process ends, though nobody listens
    there yet. Raises `Stop` if a hundred are taken."""
    for candidate in range(port, port + 100):
        if is_free(candidate) and _claim(candidate):
            return candidate
    raise Stop(f"No port from {port} to {port + 99} is free on 127.0.0.1.")


def _claim(port: int) -> bool:
    """Whether no other `dev` has chosen it: a broker takes seconds until it listens, and two that start at once would
    both find the port free. The name of a socket serves as the lock; the kernel frees it with the process."""
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0fapiao-worker-port-{port}")
    except OSError:
        claim.close()
        return False
    atexit.register(claim.close)  # held as long as this process lives
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
