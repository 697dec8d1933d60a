"""Between rows and records."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from worker.journal.rows import at, copies_for, micros, micros_or_none, order_of, priority
from worker.records import CommandState, Copy, NewCommand, Route


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_keep_every_microsecond(moment: datetime) -> None:
    assert at(micros(moment)) == moment


def test_times_of_any_zone_are_stored_as_utc() -> None:
    china = datetime(2026, 3, 1, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    assert at(micros(china)) == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert at(china) is china
    assert micros_or_none(None) is None


def test_issue_goes_before_everything_else() -> None:
    assert priority("invoice.issue") < priority("invoice.query")


def test_an_event_has_a_topic_copy_and_a_reply_where_one_is_wanted() -> None:
    assert copies_for(Route(None, "c")) == [(Copy.TOPIC, "")]
    assert copies_for(Route("q", "c")) == [(Copy.TOPIC, ""), (Copy.REPLY, "q")]


def test_a_rejected_command_claims_no_order() -> None:
    route, now = Route(None, "c"), datetime(2026, 1, 1, tzinfo=UTC)
    command = NewCommand("erp", "a", "invoice.issue", "h", route, now, seller="s", order_no="o")
    refused = NewCommand("erp", "a", "t", "h", route, now, state=CommandState.REJECTED, seller="s", order_no="o")
    assert order_of(command) == ("s", "o")
    assert order_of(refused) == ("s", None)
