"""One real store for all simulated processes, with faults on the way to it.

`StoreLink` is one process's way to the journal in memory: calls take time, get lost on the way there or back, and a
process can be stopped or crash between any two of them. Leases run by one clock for all, as on PostgreSQL.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.memory_journal import MemoryJournal
from tests.model.simulation import Process, World, run_now
from worker.errors import JournalUnavailable


class TrueClock:
    """The store's own: it is right, and never jumps."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.moment

    def monotonic(self) -> float:
        return self._world.now


class StoreFaults:
    """What is wrong between the processes and the store."""

    def __init__(self) -> None:
        self.is_down = False
        self.seconds = 0.0
        """How long a call takes, half of it before the commit."""
        self.lost_answers = 0
        """So many of the next calls are committed, and their answers lost."""


class StoreLink:
    """One process's way to the store. Has every method of the journal."""

    def __init__(self, process: Process, journal: MemoryJournal, faults: StoreFaults) -> None:
        self._process = process
        self._journal = journal
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._journal, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._call(method, *args, **kwargs)

        return call

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        faults = self._faults
        await self._process.passing()
        await self._travel()
        if faults.is_down:
            raise JournalUnavailable("the store is down")
        result = run_now(method(*args, **kwargs))
        await self._process.passing()
        await self._travel()
        if faults.lost_answers:
            faults.lost_answers -= 1
            raise JournalUnavailable("the answer was lost")
        return result

    async def _travel(self) -> None:
        if self._faults.seconds:
            await asyncio.sleep(self._faults.seconds / 2)
            self._process.check_alive()
