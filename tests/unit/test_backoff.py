"""Delays between attempts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.backoff import full_jitter, is_worth_a_line

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(seconds=60)


@pytest.mark.parametrize(
    ("attempt", "chance", "seconds"),
    [(1, 1.0, 1), (2, 1.0, 2), (3, 1.0, 4), (7, 1.0, 60), (3, 0.0, 0), (3, 0.25, 1), (0, 1.0, 1), (10_000, 1.0, 60)],
)
def test_span_doubles_up_to_the_longest(attempt: int, chance: float, seconds: float) -> None:
    delay = full_jitter(attempt, chance, shortest=SHORTEST, longest=LONGEST)

    assert delay == timedelta(seconds=seconds)


@given(st.integers(min_value=0, max_value=10**9), st.floats(min_value=0, max_value=1))
def test_delay_is_never_negative_and_never_beyond_the_longest(attempt: int, chance: float) -> None:
    delay = full_jitter(attempt, chance, shortest=SHORTEST, longest=LONGEST)

    assert timedelta(0) <= delay <= LONGEST


def test_a_row_of_failures_is_told_ever_more_seldom() -> None:
    assert [failures for failures in range(1, 1000) if is_worth_a_line(failures)] == [2**each for each in range(10)]
