"""Which pages a query asks for, what it tells of them, and that neither a crash nor a shifting list changes that."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.envelope import dumps
from contracts.events import QueryPage
from tests.builders import MOMENT, make_condition, make_found, make_page, make_question
from tests.examples import examples
from tests.unit.flows.query_driver import Driven, numbers_of
from tests.unit.flows.tables import RULES
from worker.flows.query_state import MOST_MISSING, QueryProgress, QueryStage, is_last_page
from worker.flows.vocabulary import AskPage, ConnectionLost, Draining, Input, MayGoOn, Overtaken, PageRead
from worker.ports import DownloadTold, PageShown


def listed(count: int, size: int = 2, **paging: Any) -> Any:
    """A gateway with so many invoices, which says nothing of its paging but what is given."""
    rows = [make_found(number) for number in range(1, count + 1)]

    def answer(asked: AskPage) -> PageShown:
        first = (asked.page_number - 1) * size
        return make_page(*rows[first : first + size], **{"has_next": None, **paging})

    return answer


# ---- when to stop --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "is_last"),
    [
        (make_page(make_found(), make_found(2), has_next=True), False),
        (make_page(make_found(), make_found(2), has_next=False), True),
        (make_page(make_found(), has_next=None), False),
        (make_page(make_found(), make_found(2), has_next=None), False),
        (make_page(make_found(), make_found(2), has_next=False, total=9), False),
        (make_page(make_found(), make_found(2), has_next=False, total_page=4), False),
        (make_page(make_found(), has_next=True, total=1, total_page=1), False),
        (make_page(make_found(), has_next=None, total=6, total_page=3), True),
        (make_page(make_found(), has_next=None, total=7), False),
        (make_page(has_next=True, total=99, total_page=99), True),
    ],
    ids=lambda value: "" if isinstance(value, bool) else f"{value.has_next}-{value.total}-{value.total_page}",
)
def test_any_promise_of_more_is_believed_until_a_page_is_empty(page: PageShown, is_last: bool) -> None:
    assert is_last_page(page, asked=3, page_size=2, last_page="") is is_last


@pytest.mark.parametrize(
    ("paging", "pages"),
    [
        ({"has_next": True}, 4),
        ({"total": 5}, 3),
        ({"total_page": 3}, 3),
        ({}, 4),
        ({"has_next": True, "total": 5, "total_page": 3}, 4),
    ],
)
def test_query_reads_to_the_end_whatever_the_paging_says(paging: dict[str, Any], pages: int) -> None:
    driven = Driven(listed(5, **paging))

    driven.run()

    assert numbers_of(driven) == [1, 2, 3, 4, 5]
    assert len(driven.asked) == pages


def test_gateway_that_repeats_a_page_for_ever_is_asked_once_more_only() -> None:
    driven = Driven(lambda _: make_page(make_found(1), make_found(2), has_next=True))

    said = driven.run()

    assert len(driven.asked) == 2
    assert numbers_of(driven) == [1, 2]
    assert (said["invoiceCount"], said["isCut"]) == (2, True)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_query_reads_to_the_end_where_a_gateway_lists_fewer_at_once_and_tells_the_total_alone(size: int) -> None:
    driven = Driven(listed(7, size, total=7), make_question(page={"pageSize": 4, "pageNumber": 1}))

    said = driven.run()

    assert numbers_of(driven) == [1, 2, 3, 4, 5, 6, 7]
    assert (said["missingInvoices"], said["isCut"]) == (0, False)


@pytest.mark.parametrize("count", [20, 30, 45, 60])
def test_total_that_is_what_a_page_holds_may_be_the_pages_own(count: int) -> None:
    rows = listed(count, 20)
    question = make_question(page={"pageSize": 100, "pageNumber": 1})
    driven = Driven(lambda asked: replace(rows(asked), total=len(rows(asked).invoices)), question)

    driven.run()

    assert len(numbers_of(driven)) == count


@pytest.mark.parametrize(
    ("paging", "missing", "is_cut"),
    [
        ({"unreadable": 2}, 2, False),
        ({"unreadable": 2, "total": 3}, 2, False),
        ({"is_doubtful": True}, 0, True),
        ({}, 0, False),
    ],
)
def test_end_says_that_a_list_may_not_be_whole(paging: dict[str, Any], missing: int, is_cut: bool) -> None:
    said = Driven(lambda _: make_page(make_found(), **paging)).run()

    assert (said["invoiceCount"], said["missingInvoices"], said["isCut"]) == (1, missing, is_cut)


def test_of_an_invoice_with_a_row_for_each_line_no_lines_amount_is_told_as_its_own() -> None:
    lines = [make_found(1, id=str(place), totalPriceAndTax=Decimal(place)) for place in (1, 2)]
    driven = Driven(lambda _: make_page(*lines, make_found(2)))

    driven.run()

    whole, other = driven.pages[0]["invoices"]
    assert ("totalPriceAndTax" in whole, whole["totalsDiffer"]) == (False, True)
    assert other["totalPriceAndTax"] == make_found(2)["totalPriceAndTax"]


def test_page_cap_ends_a_gateway_gone_mad() -> None:
    driven = Driven(
        lambda asked: make_page(make_found(asked.page_number), has_next=True), rules=replace(RULES, max_pages=7)
    )

    said = driven.run()

    assert (said["pages"], len(driven.asked)) == (7, 7)
    assert said["isCut"] is True


@pytest.mark.parametrize(("max_pages", "is_cut"), [(2, True), (3, False), (4, False)])
def test_end_says_whether_the_cap_cut_it(max_pages: int, is_cut: bool) -> None:
    said = Driven(listed(5, total=5), rules=replace(RULES, max_pages=max_pages)).run()

    assert said["isCut"] is is_cut


@pytest.mark.parametrize(("max_pages", "is_cut"), [(1, True), (2, False)])
def test_days_that_were_not_asked_for_are_cut_too(max_pages: int, is_cut: bool) -> None:
    days = make_condition(startInvoiceDate="2026-01-01", endInvoiceDate="2026-01-02")
    rules = replace(RULES, max_pages=max_pages, span_days=1)

    said = Driven(listed(1, total=1), make_question(condition=days), rules=rules).run()

    assert said["isCut"] is is_cut


def test_one_page_alone_is_asked_where_only_one_is_wanted() -> None:
    question = make_question(allPages=False, page={"pageSize": 2, "pageNumber": 2})
    driven = Driven(listed(9, total=9), question)

    said = driven.run()

    assert [asked.page_number for asked in driven.asked] == [2]
    assert said["missingInvoices"] == 0
    assert said["isCut"] is False
    assert said["total"] == 9


# ---- what is told --------------------------------------------------------------------------------------


def test_rows_that_shift_between_pages_are_told_once() -> None:
    """A new invoice at the top moves one row from the first page to the second."""
    pages = [make_page(make_found(3), make_found(2), total=3), make_page(make_found(2), make_found(1), total=4)]
    driven = Driven(lambda asked: pages[asked.page_number - 1])

    said = driven.run()

    assert numbers_of(driven) == [3, 2, 1]
    assert said["total"] == 4
    assert said["missingInvoices"] == 1


def test_invoice_that_comes_twice_on_a_page_is_told_once_although_its_id_changed() -> None:
    driven = Driven(lambda _: make_page(make_found(1), make_found(1, id="7")))

    driven.run()

    assert numbers_of(driven) == [1]


def test_invoices_without_a_number_are_told_apart_by_id() -> None:
    rows = [make_found(1, countETicketNumbers=None), make_found(2, countETicketNumbers=None)]
    driven = Driven(lambda _: make_page(*rows))

    driven.run()

    assert driven.told == [f"id:{row['id']}" for row in rows]


def test_what_does_not_fit_the_condition_is_neither_told_nor_missing() -> None:
    """The gateway may ignore a filter that it does not know."""
    question = make_question(condition=make_condition(buyerName="ABC公司"))
    rows = [make_found(1), make_found(2, buyerName="somebody else")]
    driven = Driven(lambda _: make_page(*rows, total=2), question)

    said = driven.run()

    assert numbers_of(driven) == [1]
    assert (said["total"], said["invoiceCount"], said["missingInvoices"]) == (2, 1, 0)
    assert set(driven.rows) == set(driven.told)


def test_empty_answer_is_a_page_and_an_end() -> None:
    driven = Driven(lambda _: make_page(total=0, total_page=0))

    said = driven.run()

    assert [page["invoices"] for page in driven.pages] == [[]]
    assert (said["total"], said["invoiceCount"]) == (0, 0)


def test_page_too_large_for_a_message_is_split_and_no_invoice_is_cut() -> None:
    rows = [make_found(number, note="备" * 200) for number in range(1, 8)]
    most = 2 * len(dumps(rows[0])) + 400
    driven = Driven(lambda _: make_page(*rows), rules=replace(RULES, event_bytes=most))

    driven.run()

    assert numbers_of(driven) == list(range(1, 8))
    assert len(driven.pages) > 1
    assert [(page["part"], page["parts"]) for page in driven.pages] == [
        (place, len(driven.pages)) for place in range(1, len(driven.pages) + 1)
    ]
    assert all(len(dumps(page["invoices"])) <= most or len(page["invoices"]) == 1 for page in driven.pages)


def test_page_event_is_as_the_contract_has_it() -> None:
    driven = Driven(listed(3, total=3, total_page=2, has_next=True))

    driven.run()

    first = QueryPage.model_validate({"commandId": "a", "commandSource": "b", "userId": "1111", **driven.pages[0]})
    assert first.pageNumber == 1
    assert first.invoices[0].items is not None
    assert [file.type for file in first.invoices[0].files or []] == ["pdf", "ofd", "xml"]


def test_missing_items_are_named_and_bounded() -> None:
    progress = QueryProgress()
    for start in range(0, 3000, 100):
        progress = progress.miss_items([str(number) for number in range(start, start + 100)])

    assert progress.missing_items == tuple(map(str, range(MOST_MISSING)))


# ---- crashes and giving way ----------------------------------------------------------------------------

progresses = st.builds(
    QueryProgress,
    stage=st.sampled_from(QueryStage),
    is_cut=st.booleans(),
    span=st.integers(0, 9),
    page=st.integers(1, 10_000),
    total=st.none() | st.integers(0, 10**6),
    missing_items=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    dates=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    download_ok=st.booleans(),
    download_date=st.none() | st.text(max_size=9),
    is_silent=st.booleans(),
    after=st.text(max_size=9),
)


@given(progresses)
def test_progress_is_read_as_it_was_written(progress: QueryProgress) -> None:
    assert QueryProgress.read(progress.journaled(), 7) == progress


def test_without_progress_a_query_begins_at_its_first_page() -> None:
    assert QueryProgress.read(None, 7) == QueryProgress(page=7)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.integers(0, 9),
    st.integers(1, 3),
    st.sampled_from([{}, {"has_next": True}, {"total": 9}]),
    st.lists(st.sampled_from(["on", "on", "on", "crash", "lost", "drain", "overtaken"]), max_size=60),
)
def test_every_invoice_is_told_once_however_often_the_worker_dies(
    count: int, size: int, paging: dict[str, Any], fates: list[str]
) -> None:
    """Also when it is put back, overtaken, or loses its connection."""
    fate = iter(fates)
    driven = Driven(listed(count, size, **paging), make_question(page={"pageSize": size, "pageNumber": 1}))
    driven.rules = replace(RULES, deadline=timedelta(days=9))
    driven.command = replace(driven.command, deadline_at=MOMENT + timedelta(days=9))

    def disturb(given_: Input) -> Input | None:
        match next(fate, "on"):
            case "crash":
                return None
            case "lost" if isinstance(given_, (PageRead, DownloadTold)):
                return ConnectionLost("reset")
            case "drain":
                return Draining()
            case "overtaken" if isinstance(given_, MayGoOn):
                return Overtaken()
        return given_

    driven.disturb = disturb
    said = driven.run()

    assert sorted(numbers_of(driven)) == list(range(1, count + 1))
    assert len(driven.told) == len(set(driven.told)) == said["invoiceCount"]
    assert said["fileCount"] == 3 * count
    assert said["missingFiles"] == []


def test_each_page_moves_the_deadline() -> None:
    driven = Driven(listed(5))

    driven.run()

    assert {record.deadline_at for record in driven.records[:-1]} == {MOMENT + RULES.deadline}
