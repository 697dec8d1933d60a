"""Asking the store until it answers. Knows nothing of what is asked.

What is known by now (an invoice issued!) must not die with this worker because a database restarts. The session does go
with the lease; writes are fenced by the epoch.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from worker.backoff import is_worth_a_line
from worker.errors import JournalUnavailable
from worker.lanes.lane_session import LaneSession
from worker.lanes.services import LaneServices

T = TypeVar("T")


class Insist:
    """One run's. Not a method of it, for the run's parts hold it too: in such a circle each run would stay in memory,
    and its password with it, until garbage is collected, which is seldom."""

    def __init__(
        self, services: LaneServices, lane_session: LaneSession, said: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._services = services
        self._lane_session = lane_session
        self._log = said

    async def __call__(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do it. Raises what it raises, but for `JournalUnavailable`."""
        tries = 0
        while True:
            try:
                return await act()
            except JournalUnavailable as fault:
                tries += 1
                if is_worth_a_line(tries):
                    self._log.warning("journal_unavailable", reason=str(fault), tries=tries)
            if not self._services.lease.is_safe(self._services.clock.monotonic()):
                await self._lane_session.hang_up()
            await asyncio.sleep(self._services.settings.poll_seconds)
