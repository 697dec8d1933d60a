"""The process: its parts are started in order, watched, and stopped in the opposite order. Also what the operating
system must allow it to do.

Guarantees that a part that dies ends the process (a crash is safe here, a worker that runs in part is not), that each
step of stopping is bounded in time, and that a second signal skips what is left of it. Knows the parts only as stages:
what they are is said in `bootstrap`.

While a command runs its password is in this process's memory, and a core file is that memory on disk. Guarantees that,
after `forbid_core_files`, the kernel writes no core of this process, not to a file and not to a pipe, and that no other
process of the same user can read its memory or attach to it.

Every lane has a socket, and containers often begin with a soft limit of 1,024 open files. Guarantees that, after
`make_room`, the soft limit is raised as far as the hard one allows and is of use, and that no more lanes are served
than there is room for: a process without a free descriptor answers no probe, and blames the gateway.
"""

import asyncio
import ctypes
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from worker.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceStage:
    """One part of the running worker."""

    name: str
    run: Callable[[], Awaitable[None]]
    """Runs until cancelled."""
    stop: Callable[[], Awaitable[object]] | None = None
    """Asked before it is cancelled: finish what is short, refuse what is new."""
    stop_seconds: float = 10.0


class Signals:
    """SIGTERM and SIGINT: the first asks for a drain, the second for the end."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.force = asyncio.Event()

    def install(self) -> None:
        """Before the first connection: process 1 of a container ignores signals that nobody handles."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.received, signal.Signals(number).name)

    def received(self, name: str) -> None:
        """Take note of one signal."""
        log.info("signal_received", signal=name, forces=self.drain.is_set())
        if self.drain.is_set():
            self.force.set()
        self.drain.set()


class Service:
    """The stages in start order; the way down is the same list from its end."""

    def __init__(
        self, stages: Sequence[ServiceStage], *, draining: Callable[[], None], died: Callable[[str], None]
    ) -> None:
        self._stages = stages
        self._draining = draining
        self._died = died
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, signals: Signals) -> int:
        """Until a signal or a death. Returns the exit code: 0 after a drain, 1 after a death or a forced end."""
        for stage in self._stages:
            self._tasks[stage.name] = asyncio.create_task(_as_coroutine(stage.run), name=stage.name)
        dead = await self._wait(signals)
        self._draining()
        forced = asyncio.create_task(signals.force.wait())
        down = asyncio.create_task(self._take_down())
        await asyncio.wait({forced, down}, return_when=asyncio.FIRST_COMPLETED)
        was_forced = not down.done()
        for task in (forced, down):
            task.cancel()
        await asyncio.gather(forced, down, return_exceptions=True)
        await self._cancel_all()
        log.info("stopped", forced=was_forced, died=dead)
        return 1 if dead or was_forced else 0

    async def _wait(self, signals: Signals) -> str | None:
        """The name of a stage that ended by itself, or None if a signal came first."""
        asked = asyncio.create_task(signals.drain.wait())
        await asyncio.wait({asked, *self._tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        for name, task in self._tasks.items():
            if task.done():
                fault = None if task.cancelled() else task.exception()
                log.critical("stage_died", stage=name, exc_info=fault)
                self._died(name)
                return name
        return None

    async def _take_down(self) -> None:
        for stage in reversed(self._stages):
            await self._stop(stage)

    async def _stop(self, stage: ServiceStage) -> None:
        task = self._tasks[stage.name]
        if stage.stop is not None and not task.done():
            try:
                async with asyncio.timeout(stage.stop_seconds):
                    await stage.stop()
            except TimeoutError:
                log.warning("stage_slow_to_stop", stage=stage.name, seconds=stage.stop_seconds)
            except Exception:
                log.exception("stage_failed_to_stop", stage=stage.name)
        await _cancel(task)
        log.debug("stage_stopped", stage=stage.name)

    async def _cancel_all(self) -> None:
        for stage in reversed(self._stages):
            await _cancel(self._tasks[stage.name])


CANCEL_SECONDS = 10.0


async def _as_coroutine(run: Callable[[], Awaitable[None]]) -> None:
    await run()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Bounded: a task that will not end is left behind; the process ends all the same."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
    if task.done() and not task.cancelled():
        with suppress(Exception):
            task.result()


_PR_SET_DUMPABLE = 4


def forbid_core_files() -> None:
    """For the rest of this process's life. Raises `OSError` where the kernel refuses."""
    # The limit holds for children too; a core that goes to a pipe pays no attention to it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


RESERVE: Final = 200
"""For all that is no lane: probes, the broker, files of the store, what the interpreter opens (count)."""
ENOUGH: Final = 65_536
"""More is of no use to anybody, and some libraries walk through all of them (count)."""


def make_room(settings: Settings) -> Settings:
    """Raise the soft limit of open files, and return settings with as many lanes as fit."""
    reserve = RESERVE + settings.database_pool_size + settings.http_concurrency
    limit = _raised(max(ENOUGH, settings.max_lanes + reserve))
    room = max(1, limit - reserve)
    if room >= settings.max_lanes:
        return settings
    log.warning(
        "lanes_limited",
        lanes=room,
        wanted=settings.max_lanes,
        open_files=limit,
        advice="raise the hard limit of open files (ulimit -Hn, LimitNOFILE), or set FAPIAO_MAX_LANES",
    )
    return settings.model_copy(update={"max_lanes": room})


def _raised(wanted: int) -> int:
    """The soft limit, after it was raised to `wanted` or as near as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= goal:
        return wanted if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
    except (OSError, ValueError):
        return soft
    return goal
