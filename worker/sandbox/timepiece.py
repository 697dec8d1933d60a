"""The sandbox's time: the machine's, moved forward by whoever wants to see tomorrow. Waits end with the move.

Guaranteed: it never goes back, and where the offset is kept in a file, not even over a restart; whoever reads that file
never sees a half-written number.
"""

import asyncio
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from worker.clock import Clock, SystemClock

LONGEST_SECONDS: Final = 366 * 24 * 3600.0
"""Of one move: a year, and no date that a calendar lacks."""
_MOST_SECONDS: Final = 50 * LONGEST_SECONDS


class Timepiece:
    """A clock that can be moved forward, and sleeps by it."""

    def __init__(self, clock: Clock | None = None, path: Path | None = None) -> None:
        """Go on with the offset that the file holds. Raises `OSError` if it cannot be read, `ValueError` if it is
        another file."""
        self._clock = clock or SystemClock()
        self._path = path
        self._moved = asyncio.Event()
        self.offset_seconds = 0.0
        if path is not None and path.exists():
            self.offset_seconds = read_offset(path.read_text(encoding="utf-8"))

    def now(self) -> datetime:
        """The aware UTC time here."""
        return self._clock.now() + timedelta(seconds=self.offset_seconds)

    def monotonic(self) -> float:
        """Seconds since some moment; a move forward is time that went by."""
        return self._clock.monotonic() + self.offset_seconds

    def advance(self, seconds: float) -> None:
        """Move on, kept in the file on return. Raises `ValueError` for a move back, or one of more than a year."""
        if not 0 < seconds <= LONGEST_SECONDS or self.offset_seconds + seconds > _MOST_SECONDS:
            raise ValueError("the clock goes forward, by more than 0 seconds and at most a year at a time")
        self.offset_seconds += seconds
        if self._path is not None:
            aside = self._path.with_name(f"{self._path.name}.new")
            aside.write_text(json.dumps({"offsetSeconds": self.offset_seconds}), encoding="utf-8")
            os.replace(aside, self._path)  # noqa: PTH105  the same, and says that it replaces
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have gone by here."""
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                return
        if seconds <= 0:
            await asyncio.sleep(0)


def read_offset(text: str) -> float:
    """Read what `advance` keeps. Raises `ValueError` for anything else."""
    told = json.loads(text)
    offset = told.get("offsetSeconds") if isinstance(told, dict) else None
    if isinstance(offset, bool) or not isinstance(offset, (int, float)) or not 0 <= offset <= _MOST_SECONDS:
        raise ValueError("the clock's file holds no offset")
    return float(offset)
