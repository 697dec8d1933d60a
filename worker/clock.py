"""The one place that reads time. Everything else is handed a clock, or a moment.

Knows nothing of sleeping: waiting belongs to the event loop.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings: one that people and records understand, one that never jumps."""

    def now(self) -> datetime:
        """The aware UTC time, for records and messages."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back, does go on while the process is stopped."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  the one place

    def monotonic(self) -> float:
        return time.monotonic()
