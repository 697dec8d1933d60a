"""Stops the intake before the journal is full: what is not taken stays in the broker, and what runs can end.

Guarantees that commands are taken again once there is clearly more space, and that it is said when and why. A journal
that does not answer changes nothing: the consumer sees to that by itself. Knows nothing of what fills the journal.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from worker.errors import JournalUnavailable
from worker.ports import SpaceJournal
from worker.records import Space

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
_CLEARLY: Final = 0.05
"""So much of the bound must be free again, or the intake would go on and off with every invoice."""


class Pausable(Protocol):
    """The intake."""

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SpaceLimits:
    """Bounds; None and 0 are none."""

    used_max_bytes: int | None = None
    free_min_bytes: int = 0

    def is_short(self, space: Space, *, was_short: bool) -> bool:
        """Whether no more should be taken; where it was so before, until there is clearly more."""
        margin = _CLEARLY if was_short else 0.0
        if self.used_max_bytes is not None and space.used_bytes > self.used_max_bytes * (1 - margin):
            return True
        return space.free_bytes is not None and space.free_bytes < self.free_min_bytes * (1 + margin)


class SpaceWatch:
    """Schedules now and then. `run` it beside the consumer."""

    def __init__(self, journal: SpaceJournal, intake: Pausable, limits: SpaceLimits) -> None:
        self._journal = journal
        self._intake = intake
        self._limits = limits
        self.is_short = False
        """Whether the intake is paused for want of space."""

    async def run(self) -> None:
        """Look until cancelled."""
        while self._limits != SpaceLimits():
            await self.run_once()
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.Event().wait()  # nothing to look for, but a stage that ends takes the worker down

    async def run_once(self) -> int:
        """Look once. Returns 1 if that paused or resumed the intake."""
        try:
            space = await self._journal.space()
        except JournalUnavailable:
            return 0
        short = self._limits.is_short(space, was_short=self.is_short)
        if short is self.is_short:
            return 0
        self.is_short = short
        told = {"used_bytes": space.used_bytes, "free_bytes": space.free_bytes}
        if short:
            log.error("journal_full", **told, advice="commands wait in the broker: prune, or make more space")
            await self._intake.pause()
        else:
            log.info("journal_has_space", **told)
            await self._intake.resume()
        return 1
