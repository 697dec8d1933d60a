"""The one place that reads time. Everything else is handed a clock, or a moment.

Guarantees: the time of a process never goes back. Knows nothing of sleeping: waiting belongs to the event loop.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

CATCHES_UP_WITHIN: Final = timedelta(days=1)
"""A machine's time that is set back further was grossly wrong before: it is taken as it is."""
_GOES_ON = hasattr(time, "CLOCK_BOOTTIME")


class Clock(Protocol):
    """Two readings: one that people and records understand, one that never jumps."""

    def now(self) -> datetime:
        """The aware UTC time, for records and messages; never before what it told last, but for a gross error."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back, does go on while the process or the machine is stopped."""
        ...


def machine_time() -> datetime:
    """What the machine's clock shows, set or not."""
    return datetime.now(UTC)  # noqa: TID251  the one place


def _machine_seconds() -> float:
    # Linux stops its usual one while a machine is suspended, and leases run out meanwhile.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _GOES_ON else time.monotonic()


class SystemClock:
    """The machine's own clocks. When its time is set back, this one goes on at half speed until the machine's has
    caught up. So what was due a moment before (a command, an event to be sent, a deadline) is due still, and a wait
    takes at most twice as long."""

    def __init__(
        self, wall: Callable[[], datetime] = machine_time, seconds: Callable[[], float] = _machine_seconds
    ) -> None:
        self._wall = wall
        self._seconds = seconds
        self._last = wall(), seconds()

    def now(self) -> datetime:
        """The aware UTC time, for records and messages."""
        wall, seconds = self._wall(), self._seconds()
        told, told_at = self._last
        slowed = told + timedelta(seconds=(seconds - told_at) / 2)
        now = slowed if wall < slowed <= wall + CATCHES_UP_WITHIN else wall
        self._last = now, seconds
        return now

    def monotonic(self) -> float:
        """Seconds since the machine's start, also those while it was suspended."""
        return self._seconds()
