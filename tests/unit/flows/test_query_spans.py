"""How a query cuts the days it is asked for into spans."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import make_condition, make_found, make_page, make_question
from tests.unit.flows.query_driver import Driven, numbers_of
from tests.unit.flows.tables import RULES
from worker.flows.query_state import spans_of
from worker.flows.vocabulary import AskPage, Input, MayGoOn
from worker.ports import PageShown


@given(st.dates(date(2020, 1, 1), date(2026, 1, 1)), st.integers(0, 900), st.integers(1, 400))
def test_spans_cover_each_day_once_in_order(first: date, days: int, span_days: int) -> None:
    last = first + timedelta(days=days)
    condition = make_condition(startInvoiceDate=first.isoformat(), endInvoiceDate=last.isoformat())

    spans = spans_of(condition, span_days)

    told = [start + timedelta(days=day) for start, end in spans for day in range((end - start).days + 1)]
    assert told == [first + timedelta(days=day) for day in range(days + 1)]
    assert all((end - start).days < span_days for start, end in spans)


@pytest.mark.parametrize(("first", "last"), [("0001-01-01", "0001-01-03"), ("9999-12-28", "9999-12-31")])
def test_days_at_the_edge_of_the_calendar_are_asked_for(first: str, last: str) -> None:
    condition = make_condition(startInvoiceDate=first, endInvoiceDate=last)

    assert [one.isoformat() for one in spans_of(condition, 10_000)[0]] == [first, last]
    assert spans_of(condition, 2)[-1][1].isoformat() == last


def spanned(span_days: int = 2) -> Driven:
    """Five days in three spans, each of them with two pages of its own invoices."""
    condition = make_condition(startInvoiceDate="2026-01-01", endInvoiceDate="2026-01-05")

    def answer(asked: AskPage) -> PageShown:
        number = asked.start.day * 10 + asked.page_number
        return make_page(make_found(number, invoiceDate=None), has_next=asked.page_number < 2, total=2)

    return Driven(answer, make_question(condition=condition), rules=replace(RULES, span_days=span_days))


def test_totals_of_spans_are_added_up() -> None:
    driven = spanned()

    said = driven.run()

    assert [(asked.start.day, asked.end.day, asked.page_number) for asked in driven.asked] == [
        (1, 2, 1),
        (1, 2, 2),
        (3, 4, 1),
        (3, 4, 2),
        (5, 5, 1),
        (5, 5, 2),
    ]
    assert (said["total"], said["pages"], said["invoiceCount"], said["missingInvoices"]) == (6, 6, 6, 0)


def test_restart_with_another_span_goes_on_with_the_days_as_they_were_cut() -> None:
    driven = spanned()
    crashes = iter([True])

    def disturb(given: Input) -> Input | None:
        if isinstance(given, MayGoOn) and len(driven.asked) == 3 and next(crashes, False):
            driven.rules = replace(driven.rules, span_days=366)
            return None
        return given

    driven.disturb = disturb
    driven.run()

    assert sorted(numbers_of(driven)) == [11, 12, 31, 32, 51, 52]
