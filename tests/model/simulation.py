"""Several processes in one: each has an event loop of its own, and all share one virtual time.

A process can be stopped, as SIGSTOP or a virtual machine's pause stops it: its loop is not run while time goes on, and
when it goes on, all that was due meanwhile is due at once. It can crash: nothing of it runs any more, no clean-up
either. What happens is the same in every run with the same calls: loops run in turn, each until nothing is left to do
at this moment. Knows nothing of what the processes do.
"""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import TypeVarTuple, Unpack, override

Arguments = TypeVarTuple("Arguments")

MOST_TURNS = 10_000
"""Of loops at one moment: beyond it somebody spins."""


class World:
    """The time that all share, and what happens at which moment."""

    def __init__(self, epoch: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.epoch = epoch
        self.now = 0.0
        self.processes: list[Process] = []
        self.bugs: list[str] = []
        """What must not happen and did."""
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    @property
    def moment(self) -> datetime:
        """What a clock that is right shows."""
        return self.epoch + timedelta(seconds=self.now)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Have this happen in so many seconds."""
        heapq.heappush(self._agenda, (self.now + seconds, next(self._numbers), act))

    def advance(self, seconds: float) -> None:
        """Let time go on, and everything happen that is due meanwhile."""
        end = self.now + seconds
        self.settle()
        while (following := self._next_at()) <= end:
            self.now = max(self.now, following)
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
            self.settle()
        self.now = end

    def settle(self) -> None:
        """Run every process that can run until none has anything to do at this moment."""
        for _ in range(MOST_TURNS):
            due = [process for process in self.processes if process.is_due]
            for process in due:
                process.run()
            if not due:
                return
        raise AssertionError("somebody spins")

    def _next_at(self) -> float:
        moments = [process.next_at for process in self.processes if process.is_running]
        return min([*moments, *(entry[0] for entry in self._agenda[:1])], default=float("inf"))


class _NoWaiting(selectors.SelectSelector):
    """Instead of waiting, notes until when, and ends the loop's turn."""

    loop: "SteppedLoop"

    @override
    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0:
            self.loop.rest(timeout)
        return []


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop that runs a turn when it is told to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lag = 0.0
        """How much less time has passed for this loop: a machine that was suspended does not count it."""
        self.next_at = float("inf")
        self.is_stirred = True
        self.is_ghost = False
        selector = _NoWaiting()
        selector.loop = self
        super().__init__(selector)

    @override
    def time(self) -> float:
        return self._world.now - self.lag

    @override
    def call_soon(
        self, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        self.is_stirred = True
        return super().call_soon(callback, *args, context=context)

    def rest(self, timeout: float | None) -> None:
        """Nothing is ready. The loop of a crashed process needs no time for what it still waits for."""
        if self.is_ghost and timeout is not None:
            self.lag -= timeout
            return
        self.next_at = float("inf") if timeout is None else self._world.now + timeout
        self.stop()

    def turn(self) -> None:
        """Run until nothing is ready."""
        self.next_at = float("inf")
        self.run_forever()
        self.is_stirred = False


class Process:
    """One process of the system, with its own tasks."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.loop = SteppedLoop(world)
        self.is_alive = True
        self.is_stopped = False
        self.woke_at = float("-inf")
        self.ended: list[Callable[[], None]] = []
        """Told when the process is no more, however it ended."""
        self.awaits: Callable[[str, int], bool] = lambda _lane, _key: False
        """Whether it knows that the result of this command of the lane may still come, though the command is over."""
        self._stopped_at = 0.0
        self._armed: tuple[int, Callable[[], None]] | None = None
        self._resumption: asyncio.Future[None] | None = None
        self._main: asyncio.Task[Any] | None = None
        self.loop.set_exception_handler(self._broke)
        world.processes.append(self)

    def start(self, main: Coroutine[Any, Any, Any]) -> None:
        """Run this; the process ends with it."""
        self._main = self.loop.create_task(main)
        self._main.add_done_callback(self._over)

    # ---- being run ---------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self.is_alive and not self.is_stopped

    @property
    def next_at(self) -> float:
        return self.loop.next_at

    @property
    def is_due(self) -> bool:
        return self.is_running and (self.loop.is_stirred or self.loop.next_at <= self.world.now)

    def run(self) -> None:
        """One turn."""
        self.loop.turn()
        if not self.is_alive:
            self._bury()

    # ---- what happens to it ------------------------------------------------------------------------

    def stop(self) -> None:
        """It does nothing until it is woken."""
        self.is_stopped, self._stopped_at = True, self.world.now

    def wake(self, *, was_suspended: bool = False) -> None:
        """It goes on. Where the whole machine was suspended, its timers did not run meanwhile."""
        if was_suspended:
            self.loop.lag += self.world.now - self._stopped_at
        self.is_stopped, self.woke_at = False, self.world.now
        if self._resumption is not None and not self._resumption.done():
            self._resumption.set_result(None)
        self._resumption = None
        self.loop.next_at = self.world.now

    def crash(self) -> None:
        """Nothing of it runs any more."""
        if self.is_alive:
            self.is_alive = False
            self._tell_ended()
            if not self.loop.is_running():
                self._bury()

    def arm(self, calls: int, act: Callable[[], None]) -> None:
        """Have this happen to it when it passes its boundary for the n-th time from now on."""
        self._armed = calls, act

    def disarm(self) -> None:
        """Nothing of that kind any more."""
        self._armed = None

    async def passing(self) -> None:
        """At its boundary to the rest of the world: where it may be stopped, or crash."""
        self.check_alive()
        if self._armed is None:
            return
        calls, act = self._armed
        self._armed = (calls - 1, act) if calls > 1 else None
        if calls == 1:
            act()
            self.check_alive()
            if self.is_stopped:
                self._resumption = self.loop.create_future()
                await self._resumption
                self.check_alive()

    def check_alive(self) -> None:
        """What a crashed process still asks for has no effect."""
        if not self.is_alive:
            self.loop.stop()
            raise asyncio.CancelledError

    # ---- inside ------------------------------------------------------------------------------------

    def _over(self, main: asyncio.Task[Any]) -> None:
        if not main.cancelled() and (fault := main.exception()) is not None and self.is_alive:
            self.world.bugs.append(f"{self.name} died of {fault!r}")
        self.crash()

    def _broke(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self.is_alive:
            self.world.bugs.append(f"{self.name}: {context.get('message')} {context.get('exception')!r}")

    def _tell_ended(self) -> None:
        for tell in self.ended:
            tell()

    def _bury(self) -> None:
        """Let go of its tasks: their clean-up runs, but can reach nothing."""
        self.loop.is_ghost = True
        for _ in range(100):
            tasks = asyncio.all_tasks(self.loop)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            self.loop.call_later(1, self.loop.stop)
            self.loop.run_forever()
        self.loop.close()
        self.world.processes.remove(self)


def run_now(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of what never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")
