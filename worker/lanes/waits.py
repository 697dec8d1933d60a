"""A lane's waits: one at a time, each with an end of its own, under one timer.

A time-out context makes a timer for every wait and takes it away again, ten times for each command, and hardly ever
does one of them go off. Here the timer stays: it goes off at the end of the earliest wait it was set for, and is set
anew where a later one goes on. Knows nothing of sessions.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

_CLOSE_ENOUGH_SECONDS = 0.001
"""The resolution of the loop's timers."""


class Waits:
    """Bounds what one task waits for."""

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        """Whose wait goes on."""
        self._until: float | None = None
        self._is_over = False
        self._ending: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def bounded(self, work: Awaitable[T], until: float | None) -> T:
        """Wait for this, at the longest until then (the loop's time). Raises `TimeoutError` where that has come, or
        where `end` was called: the work is cancelled then. What is there already is returned, even if the time is
        over."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  only tasks wait
        before = task.cancelling()
        self._task, self._until, self._is_over = task, until, False
        if until is not None:
            self._set_timer(until)
        try:
            result = await work
        except BaseException as fault:
            if self._leave(task) and task.cancelling() <= before and isinstance(fault, asyncio.CancelledError):
                raise TimeoutError from None
            raise
        self._leave(task)
        return result

    def end(self) -> None:
        """End the wait that goes on, if any. Never one that begins later."""
        if self._task is not None and self._ending is None:
            self._ending = self._task.get_loop().call_soon(self._end)

    def forget_timer(self) -> None:
        """Nobody will wait for long: the loop should not keep what the timer belongs to."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self, task: "asyncio.Task[object]") -> bool:
        """The wait is over. Whether it was ended: then the cancellation that did it is taken back."""
        self._task = self._until = None
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._is_over:
            task.uncancel()
        return self._is_over

    def _set_timer(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        if until <= loop.time():
            self.end()
        elif self._timer is None or self._timer.when() > until:
            self.forget_timer()
            self._timer = loop.call_at(until, self._go_off)

    def _go_off(self) -> None:
        self._timer = None
        if self._task is None or self._until is None:
            return
        if self._until > self._task.get_loop().time() + _CLOSE_ENOUGH_SECONDS:
            self._set_timer(self._until)
        else:
            self._end()

    def _end(self) -> None:
        if self._task is not None and not self._is_over:
            self._is_over = True
            self._task.cancel()
