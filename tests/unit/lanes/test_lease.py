"""The worker's own view of its lease errs on the safe side."""

import pytest

from worker.lanes.services import LeaseWatch


@pytest.mark.parametrize(("length", "margin"), [(60.0, 10.0), (600.0, 10.0), (6.0, 1.0), (30.0, 5.0)])
def test_margin_is_a_sixth_and_at_most_ten_seconds(length: float, margin: float) -> None:
    assert LeaseWatch(length).margin_seconds == margin


def test_lease_that_was_never_granted_is_not_safe() -> None:
    assert not LeaseWatch(60).is_safe(0)
    assert LeaseWatch(60).seconds_safe(0) == 0


@pytest.mark.parametrize(("at", "is_safe"), [(0, True), (49.99, True), (50, False), (60, False), (1000, False)])
def test_lease_counts_from_before_it_was_asked_for_and_ends_early(at: float, is_safe: bool) -> None:
    lease = LeaseWatch(60)
    lease.granted(0)

    assert lease.is_safe(at) is is_safe
    assert lease.seconds_safe(at) == max(0, 50 - at)


def test_renewal_prolongs_it() -> None:
    lease = LeaseWatch(60)
    lease.granted(0)
    lease.granted(40)

    assert lease.is_safe(89)


def test_answer_to_an_older_question_does_not_shorten_it() -> None:
    lease = LeaseWatch(60)
    lease.granted(40)
    lease.granted(0)

    assert lease.is_safe(89)


def test_lease_that_was_given_up_is_not_safe_however_long_it_would_last() -> None:
    lease = LeaseWatch(60)
    lease.granted(0)
    lease.is_given_up = True

    assert not lease.is_safe(1)
    assert lease.seconds_safe(1) == 0


def test_sessions_have_time_to_close_before_the_next_holder_may_connect() -> None:
    """With a lease of 12 s a sixth of it is 2 s, and a closing handshake may take 5."""
    watch = LeaseWatch(12, closing_seconds=5)
    watch.granted(0.0)

    assert watch.seconds_safe(0.0) == 7
    assert not watch.is_safe(7.0)


def test_margin_leaves_half_of_the_lease_to_renew_it_in() -> None:
    watch = LeaseWatch(6, closing_seconds=60)
    watch.granted(0.0)

    assert watch.seconds_safe(0.0) == 3
