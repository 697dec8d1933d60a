"""How the log tells of a server that is away: a line when it goes, one for each new reason, and one when it is back.

Each part of the worker asks its server again and again, and says so by itself: where one part meets nothing, another
may. Knows nothing of what is asked, or how often.
"""

import asyncio
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

MOST_REASONS: Final = 8
"""Reasons told of one outage (count): a text with a number in it would be new each time."""
NO_ANSWER: Final = "it does not answer in time"
OVER_AFTER_SECONDS: Final = 300.0
"""If nothing failed for so long, the next failure begins a new outage, even where nobody said that the old one was
over: the part that should have said so may have ended."""


class Outage:
    """What one part of the worker meets of a server that is away."""

    def __init__(self, gone: str, back: str, **said: Any) -> None:
        """The names of the two lines, and what both say besides."""
        self._gone = gone
        self._back = back
        self._said = said
        self._began = self._last = 0.0
        self._told: set[tuple[str, str]] = set()
        self.failures = 0
        """In a row; 0 while it is there."""

    def met(self, reason: object, *, address: str = "", **said: Any) -> None:
        """It was not there, once more; `address` says which one of several."""
        now = asyncio.get_running_loop().time()
        if now - self._last > OVER_AFTER_SECONDS:
            self.ended()
        if not self.failures:
            self._began = now
        self._last = now
        self.failures += 1
        text = str(reason) or NO_ANSWER
        if (text, address) not in self._told and len(self._told) < MOST_REASONS:
            self._told.add((text, address))
            said |= {"address": address} if address else {}
            log.warning(self._gone, **self._said, **said, reason=text)

    def over(self) -> None:
        """It is there. Cheap where it always was."""
        if self.failures:
            log.info(self._back, **self._said, **self.ended())

    def ended(self) -> dict[str, Any]:
        """It is there: how often it was not, and for how long, for a line of its own."""
        if not self.failures:
            return {}
        seconds = round(asyncio.get_running_loop().time() - self._began, 1)
        told = {"failures": self.failures, "away_seconds": seconds}
        self.failures = 0
        self._told.clear()
        return told


def journal_outage(part: str) -> Outage:
    """Of the journal, as this part of the worker meets it."""
    return Outage("journal_unavailable", "journal_answers", part=part)
