"""The time of a process when the machine's is set."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.clock import SystemClock

NOON = datetime(2026, 5, 20, 12, 0, 0, tzinfo=UTC)


class Machine:
    """A machine's two clocks, of which one can be set."""

    def __init__(self) -> None:
        self.wall = NOON
        self.seconds = 1_000.0

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.seconds)


def test_time_is_the_machines_while_nobody_sets_it() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(1_000):
        machine.passes(0.001)
        assert clock.now() == machine.wall
    machine.passes(7 * 86_400)
    assert clock.now() == machine.wall, "it was not looked at for a week"


@pytest.mark.parametrize("seconds", [0.005, 3, 3_600, 86_400])
def test_what_was_due_is_due_after_the_clock_was_set_back(seconds: float) -> None:
    """It goes on at half speed until the machine's time has caught up, which takes twice as long as the step."""
    machine = Machine()
    clock = machine.clock()
    due = clock.now()
    machine.wall -= timedelta(seconds=seconds)
    told = clock.now()
    assert told >= due
    for _ in range(200):
        machine.passes(seconds / 100)
        assert clock.now() >= told, "it never goes back"
        told = clock.now()
    assert told == machine.wall
    machine.passes(10)
    assert clock.now() == machine.wall


def test_a_wait_takes_at_most_twice_as_long_when_the_clock_is_set_back() -> None:
    machine = Machine()
    clock = machine.clock()
    due = clock.now() + timedelta(minutes=10)
    machine.wall -= timedelta(hours=8)
    machine.passes(20 * 60)
    assert clock.now() >= due


def test_a_clock_that_is_set_forward_is_followed_at_once() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(hours=8)
    assert clock.now() == machine.wall


def test_a_year_too_far_is_not_kept() -> None:
    """Who corrects a gross error wants the right date on the next invoice, not in two years."""
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(days=366)
    assert clock.now() == machine.wall
    machine.wall -= timedelta(days=366)
    assert clock.now() == machine.wall


def test_two_steps_back_are_both_made_up_for() -> None:
    machine = Machine()
    clock = machine.clock()
    due = clock.now()
    for _ in range(2):
        machine.wall -= timedelta(hours=1)
        assert clock.now() >= due
    machine.passes(4 * 3600)
    assert clock.now() == machine.wall
