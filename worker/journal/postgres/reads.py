"""Reads that many lanes ask for at once, in one statement for all that wait together.

Natural batches, as `worker.journal.postgres.batches`: a single one goes at once, and what is asked in the same turn of
the event loop, or while one is read, goes together. A read that fails takes no other with it. Knows nothing of what is
read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from worker.journal.postgres.batches import Asked, answer_together

Key = TypeVar("Key")
Answer = TypeVar("Answer")

TOGETHER_MAX: Final = 200
BESIDE_MAX: Final = 2
"""Statements at once, so that one that hangs does not hold up all that come after it (count)."""


class ReadBatches(Generic[Key, Answer]):
    """Gathers what is asked of one kind."""

    def __init__(self, read: Callable[[Sequence[Key]], Awaitable[Sequence[Answer]]]) -> None:
        """`read` gives an answer for each key, in their order."""
        self._read = read
        self._waiting: list[Asked[Key]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_to_look = False

    async def ask(self, key: Key) -> Answer:
        """Raises what the read raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((key, future))
        if not self._is_to_look:
            self._is_to_look = True
            loop.call_soon(self._look)
        return await future

    def _look(self, _: object = None) -> None:
        self._is_to_look = False
        self._waiting = [each for each in self._waiting if not each[1].done()]
        if not self._waiting or len(self._tasks) >= BESIDE_MAX:
            return
        taken, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
        task = asyncio.create_task(answer_together(self._read, taken), name="journal-read")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._look)
