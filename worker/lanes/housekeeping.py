"""What no lane does: free what dead workers held, enter look-ups, end what waited too long, answer repeats of orders,
say when the machine's clock was set back.

Each round is bounded; what is left over is done in the next one. Knows nothing of sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import failure
from worker.flows.table import deadline_exceeded
from worker.flows.vocabulary import Settle
from worker.lanes.repeats import Repeats
from worker.lanes.services import LaneServices
from worker.lanes.settling import Settling
from worker.records import Command, CommandState

log = structlog.get_logger(__name__)

QUEUED = frozenset({CommandState.WAITING, CommandState.HELD})


class Housekeeping:
    """A round every `poll_seconds`, or sooner when a repeat of an order came in. Not at every commit: a round is some
    ten statements, and an answer to a repeat may come a moment after the first order's end."""

    def __init__(self, services: LaneServices, worker: str, *, lanes_freed: Callable[[], None]) -> None:
        self._services = services
        self._worker = worker
        self._lanes_freed = lanes_freed
        self._repeats = Repeats(services, lanes_freed=lanes_freed)
        self._wake = asyncio.Event()
        self._settling = Settling(services, "housekeeping")

    def wake(self) -> None:
        """A repeat of an order came in; the first one may have ended already."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                moved = await self.run_once()
            except JournalUnavailable as fault:
                log.warning("journal_unavailable", reason=str(fault))
                moved = 0
            if moved == 0:
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._services.settings.poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def run_once(self) -> int:
        """One round. Returns how many rows it moved."""
        journal, now = self._services.journal, self._services.clock.now()
        freed = await journal.reap(self._worker, now, adopts=self._services.can_tell())
        if freed:
            crashpoint("housekeeping.reaped")
            self._lanes_freed()
        entered = await journal.enter_look_ups(now)
        if entered:
            crashpoint("housekeeping.look_ups_entered")
            self._lanes_freed()
        trying = await journal.end_rests(now, timedelta(seconds=self._services.settings.refusal_rest_seconds))
        if trying:
            crashpoint("housekeeping.rests_ended")
            log.info("sellers_try_again", orders=trying)
            self._lanes_freed()
        late = [await self._guarded(command, self._fail_overdue(command)) for command in await journal.overdue(now)]
        looked, told = await self._repeats.look()
        if told:
            self._services.committed()
        return freed + entered + trying + sum(late) + looked

    async def _guarded(self, command: Command, act: Awaitable[bool]) -> bool:
        """One that breaks holds up none of the others."""
        try:
            return await act
        except JournalUnavailable:
            raise
        except Exception:
            self._services.hooks.broke(command.type, "again")
            log.exception("housekeeping_broke", command_id=command.id, command_source=command.source)
            return False

    async def _fail_overdue(self, command: Command) -> bool:
        code, stage, message = deadline_exceeded()
        announcement = failure(code, stage, message, command.attempts)
        return await self._settle(Settle(command, CommandState.FAILED, (announcement,)), QUEUED)

    async def _settle(self, move: Settle, expected: frozenset[CommandState]) -> bool:
        """`expected` are the states in which there is a reason to end it, not the state in which it was read: another
        replica may have settled it between the list and the reading, and no end may follow an end."""
        return await self._settling.settle(move, point=move.to, expected=expected)
