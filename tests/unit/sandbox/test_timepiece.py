"""The clock goes forward only, over restarts too, and whoever sleeps by it wakes when it is moved past the time."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from worker.sandbox.timepiece import LONGEST_SECONDS, Timepiece, read_offset


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC)

    def monotonic(self) -> float:
        return 5.0


def test_a_move_is_time_that_went_by() -> None:
    clock = Timepiece(Still())
    clock.advance(3600)
    assert clock.now() == datetime(2026, 11, 29, 1, tzinfo=UTC)
    assert clock.monotonic() == 3605.0


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_SECONDS + 1, float("nan"), float("inf")])
def test_it_never_goes_back_nor_out_of_the_calendar(seconds: float) -> None:
    clock = Timepiece(Still())
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds)
    assert clock.offset_seconds == 0


def test_it_does_not_leave_the_calendar_in_many_steps_either() -> None:
    clock = Timepiece(Still())
    for _ in range(50):
        clock.advance(LONGEST_SECONDS)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(1)
    assert clock.now().year < 2080


def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    Timepiece(Still(), tmp_path / "clock").advance(90)
    clock = Timepiece(Still(), tmp_path / "clock")
    assert clock.offset_seconds == 90
    clock.advance(10)
    assert read_offset((tmp_path / "clock").read_text()) == 100


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"offsetSeconds": -1}', '{"offsetSeconds": true}', '{"offsetSeconds": 1e12}']
)
def test_another_file_is_no_clock(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|Expecting"):
        read_offset(text)


async def test_a_sleeper_wakes_when_the_clock_is_moved_past_its_time() -> None:
    clock = Timepiece()
    long, longer = asyncio.create_task(clock.sleep(1000)), asyncio.create_task(clock.sleep(5000))
    await asyncio.sleep(0)
    clock.advance(1001)
    await asyncio.wait_for(long, 60)
    assert not longer.done()
    longer.cancel()
    await asyncio.wait_for(clock.sleep(0.01), 60)
    await clock.sleep(0)
