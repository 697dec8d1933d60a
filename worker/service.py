"""Starts the parts in order, watches them, and takes them down in the opposite order.

Guarantees that a part that dies takes the process down (a crash is safe here, half a worker is not), that each
step of the way down is bounded in time, and that a second signal skips what is left of it. Knows the parts only as
stages: what they are is said in `bootstrap`.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

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
