"""What lanes ask of PostgreSQL, gathered into batches: one transaction for all that waits together.

As in SQLite's writer, nothing waits for a batch to fill: a single ask goes at once, and what comes while a batch is
written goes together in the next one. A batch holds one ask of a lane at most. It holds few submissions: a crash leaves
in doubt all that were recorded together and not sent yet. Where the server is slow, batches are larger, and more of
them are written beside each other.

An ask that fails takes no other with it: the batch was rolled back, so each is done alone. Where it cannot be known
whether the commit went through, every ask of the batch fails with `JournalUnavailable`, and nothing is done a second
time. What many lanes read at once goes in batches too (`ReadBatches`): what is asked in the same turn of the event
loop, or while one is read. Knows nothing of what is asked.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

import structlog

from worker.errors import JournalFaulty, JournalUnavailable
from worker.records import CommandState, LaneLease, Step

log = structlog.get_logger()

BATCH_MAX: Final = 200
"""Asks in a batch (count)."""
SUBMISSIONS_MAX: Final = 16
"""Submissions recorded in a batch that takes at most `USUAL_SECONDS` (count); the slower the server, the more."""
USUAL_SECONDS: Final = 0.02
SLOW_SECONDS: Final = 0.05
"""A batch that takes longer no longer keeps the next one waiting."""
CANCELLED_SECONDS: Final = 0.5
CLOSE_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class Ask:
    """One of three things, under a lease: a step (and the lane's next command with it), that command alone, or to give
    the lane up."""

    lease: LaneLease
    at: datetime
    step: Step | None = None
    wants_next: bool = False
    gives_up: bool = False
    future: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_submission(self) -> bool:
        """Whether an invoice may hang on it."""
        return self.step is not None and self.step.to is CommandState.SUBMITTING


Answers = Sequence[Any]
"""One for each ask of a batch, in its order."""
One = TypeVar("One")
Asked: TypeAlias = tuple[One, "asyncio.Future[Any]"]
"""What is asked, and who waits for its answer."""


class Batches:
    """Gathers asks, and has them written."""

    def __init__(self, write: Callable[[Sequence[Ask]], Awaitable[Answers]], places: int) -> None:
        """`write` does a batch in one transaction. At most so many `places` are written at once."""
        self._write = write
        self._places = places
        self._waiting: list[Ask] = []
        self._busy_lanes: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._began_at = float("-inf")
        self._took_seconds = 0.0
        self._is_to_look = False
        self._late_look: asyncio.TimerHandle | None = None

    async def ask(self, ask: Ask) -> Any:
        """On return it is durable. Where the caller is cancelled, an ask whose batch has not begun is left out; else
        its end is waited for a moment longer, so that the caller's next question finds what became of it. Raises
        `JournalUnavailable`."""
        self._waiting.append(ask)
        if not self._is_to_look:
            # What is asked in the same turn of the event loop goes together.
            self._is_to_look = True
            asyncio.get_running_loop().call_soon(self._look)
        try:
            return await asyncio.shield(ask.future)
        except asyncio.CancelledError:
            if ask in self._waiting:
                self._waiting.remove(ask)
            else:
                await asyncio.wait([ask.future], timeout=CANCELLED_SECONDS)
            raise

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait for what was asked, at most so long; what is not done by then is unavailable."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks or self._waiting:
                    await asyncio.gather(*self._tasks, return_exceptions=True)
                    await asyncio.sleep(0)

    def _look(self) -> None:
        """Write what waits, unless the batch before is still young: then as soon as it is done, or turns out slow."""
        self._is_to_look = False
        if self._late_look is not None:
            self._late_look.cancel()
            self._late_look = None
        loop = asyncio.get_running_loop()
        early = self._began_at + SLOW_SECONDS - loop.time() if self._tasks else 0.0
        if early <= 0 and len(self._tasks) < self._places and (batch := self._take()):
            self._began_at, early = loop.time(), SLOW_SECONDS
            task = asyncio.create_task(self._do(batch), name="journal-batch")
            self._tasks.add(task)
            task.add_done_callback(self._done)
        if self._waiting and early > 0 and len(self._tasks) < self._places:
            self._late_look = loop.call_later(early, self._look)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not self._is_to_look:
            self._look()

    def _take(self) -> list[Ask]:
        """In the order of asking, one of a lane at most."""
        submissions = int(SUBMISSIONS_MAX * max(1.0, self._took_seconds / USUAL_SECONDS))
        taken: list[Ask] = []
        left: list[Ask] = []
        for ask in self._waiting:
            is_over = ask.is_submission and submissions == 0
            if len(taken) >= BATCH_MAX or is_over or ask.lease.lane in self._busy_lanes:
                left.append(ask)
                continue
            submissions -= ask.is_submission
            self._busy_lanes.add(ask.lease.lane)
            taken.append(ask)
        self._waiting = left
        return taken

    async def _do(self, batch: Sequence[Ask]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await answer_together(self._write, [(ask, ask.future) for ask in batch])
        finally:
            self._took_seconds = loop.time() - began
            self._busy_lanes -= {ask.lease.lane for ask in batch}


async def answer_together(act: Callable[[Sequence[One]], Awaitable[Answers]], asked: Sequence[Asked[One]]) -> None:
    """Do all that is asked by one call of `act`, which has an answer for each in their order. Where the server fails
    over it, each is done alone, so that the one that is at fault takes no other with it."""
    futures = [future for _, future in asked]
    try:
        answers = await act([one for one, _ in asked])
    except asyncio.CancelledError:
        _fail(futures, JournalUnavailable("the journal is closed"))
        raise
    except Exception as error:
        if len(asked) == 1 or _may_be_written(error):
            _fail(futures, error)
            return
        # Nothing of it is written, so that one may be at fault alone.
        log.warning("journal_batch_failed", asks=len(asked), error=type(error).__name__)
        for each in asked:
            await answer_together(act, [each])
    else:
        for future, answer in zip(futures, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _may_be_written(error: Exception) -> bool:
    """Whether the commit may have gone through, so that nothing must be done again. A server that says what is wrong
    with a statement has rolled it back."""
    return isinstance(error, JournalUnavailable) and not isinstance(error, JournalFaulty)


def _fail(futures: Sequence["asyncio.Future[Any]"], error: Exception) -> None:
    """Each waiter gets an error of its own, for each adds its trace."""
    for future in futures:
        if not future.done():
            after = error.retry_after if isinstance(error, JournalUnavailable) else None
            told = error if len(futures) == 1 else JournalUnavailable(str(error), retry_after=after)
            told.__cause__ = error.__cause__
            future.set_exception(told)


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
