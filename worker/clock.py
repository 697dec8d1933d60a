"""The one place that reads time. Everything else is handed a clock, or a moment.

Knows nothing of sleeping: waiting belongs to the event loop.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

_GOES_ON = hasattr(time, "CLOCK_BOOTTIME")


class Clock(Protocol):
    """Two readings: one that people and records understand, one that never jumps."""

    def now(self) -> datetime:
        """The aware UTC time, for records and messages."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back, does go on while the process or the machine is stopped."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  the one place

    def monotonic(self) -> float:
        # Linux stops its usual one while a machine is suspended, and leases run out meanwhile.
        return time.clock_gettime(time.CLOCK_BOOTTIME) if _GOES_ON else time.monotonic()
