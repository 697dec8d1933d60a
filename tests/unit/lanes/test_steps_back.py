"""A clock that is set back is told of; one that is set right, or forward, is not."""

from datetime import timedelta

from tests.virtual_time import EPOCH
from worker.lanes.housekeeping import ClockWatch


def test_only_a_step_back_is_told() -> None:
    watch = ClockWatch()

    assert watch.step_back(EPOCH, 100.0) is None
    assert watch.step_back(EPOCH + timedelta(seconds=10), 110.0) is None
    assert watch.step_back(EPOCH + timedelta(hours=1), 111.0) is None, "set forward"
    assert watch.step_back(EPOCH + timedelta(minutes=30), 112.0) == timedelta(minutes=30, seconds=1)
    assert watch.step_back(EPOCH + timedelta(minutes=30), 114.0) is None, "set right by two seconds"
