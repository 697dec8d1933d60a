"""When a submission is looked for, and what is kept of how it ends if nothing is found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.flows.evidence.test_endings import LOOKS, NOW, REFUSED
from worker.flows.looks import (
    EXPIRED,
    NOT_ISSUED,
    Absence,
    delay_after_nothing_seen,
    extra_look,
    next_look,
)


@pytest.mark.parametrize(("look_ups", "seconds"), [(0, 30), (1, 31), (2, 32), (3, None), (99, None)])
def test_next_look_follows_the_schedule_to_its_end(look_ups: int, seconds: int | None) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)

    assert next_look(LOOKS.doubt, look_ups, NOW) == expected


def test_empty_schedule_means_that_nobody_looks() -> None:
    assert next_look((), 0, NOW) is None
    assert extra_look((), 0, NOW) is None


@pytest.mark.parametrize(
    ("age", "delay"),
    [
        (timedelta(0), timedelta(seconds=60)),
        (timedelta(minutes=10), timedelta(seconds=60)),
        (timedelta(minutes=30), timedelta(minutes=3)),
        (timedelta(hours=10), timedelta(hours=1)),
        (timedelta(days=9), timedelta(hours=1)),
        (-timedelta(days=1), timedelta(seconds=60)),
    ],
)
def test_what_has_been_sought_for_long_is_tried_less_often(age: timedelta, delay: timedelta) -> None:
    assert delay_after_nothing_seen(age, timedelta(seconds=60)) == delay


def test_shortest_delay_holds_even_where_it_is_longer_than_the_longest() -> None:
    assert delay_after_nothing_seen(timedelta(days=9), timedelta(hours=2)) == timedelta(hours=2)


@pytest.mark.parametrize(
    "absence", [NOT_ISSUED, EXPIRED, REFUSED, replace(REFUSED, gateway_message="x", not_before=NOW)]
)
def test_absence_is_read_as_it_was_written(absence: Absence) -> None:
    assert Absence.read(absence.journaled()) == absence
