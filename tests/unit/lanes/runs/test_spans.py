"""Spans of time that touch, found without a walk through all of them."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import make_command
from tests.virtual_time import EPOCH
from worker.flows.evidence.subjects import NEVER
from worker.lanes.runs.evidence import TimeSpans, time_of
from worker.records import CommandState

HOURS = st.integers(0, 60).map(lambda hours: EPOCH + timedelta(hours=hours))
SPANS = st.tuples(HOURS, HOURS).map(sorted).map(lambda ends: (ends[0], ends[1]))
SKEW = timedelta(minutes=2)


@given(spans=st.lists(SPANS, max_size=12), asked=SPANS)
def test_one_that_touches_is_found_and_no_other(
    spans: list[tuple[datetime, datetime]], asked: tuple[datetime, datetime]
) -> None:
    begin, end = asked
    assert TimeSpans(spans).touch(begin, end) is any(first <= end and last >= begin for first, last in spans)


def test_what_was_issued_has_an_end_and_what_may_be_issued_yet_has_none() -> None:
    """An invoice of the day before may be meant, for a list may tell no more than the day."""
    sent, ended = EPOCH, EPOCH + timedelta(hours=1)
    order = {"submitted_at": sent, "settled_at": ended}
    assert time_of(make_command(state=CommandState.COMPLETED, **order), SKEW) == (
        sent - timedelta(days=1),
        ended + SKEW,
    )
    assert time_of(make_command(state=CommandState.IN_DOUBT, **order), SKEW) == (sent - timedelta(days=1), NEVER)
