"""Whether the machine's clock was set back: what is due by the clock waits for as long as the step, and somebody should
know why. Pure: both readings come in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

WORTH_TELLING = timedelta(seconds=5)
"""Smaller ones are a clock being set right."""


@dataclass(slots=True)
class ClockWatch:
    """The wall clock against one that never goes back."""

    _since: tuple[datetime, float] | None = None

    def step_back(self, now: datetime, monotonic: float) -> timedelta | None:
        """How far the wall clock was set back since it was looked at last, if it was."""
        since, self._since = self._since, (now, monotonic)
        if since is None:
            return None
        step = since[0] + timedelta(seconds=monotonic - since[1]) - now
        return step if step >= WORTH_TELLING else None
