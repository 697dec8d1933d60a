"""The look-up flow over its list: what is read of it, when its absences are proof, and where it goes on."""

import pickle
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import as_listed, make_found, make_page
from tests.unit.flows.submissions import issued, subject
from tests.unit.flows.tables import read
from tests.unit.flows.test_look_up import FOUND, RULES, Beside, P, S, candidates_of, run, settlements, situation
from worker.flows.invoices import ListedRows, seen_of
from worker.flows.look_up import PAGE_SIZE, Next, decide
from worker.flows.look_up_state import LookUpState, Phase
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    Overtaken,
    ReadEvidence,
)
from worker.ports import PageShown, QueryRefused
from worker.records import BEIJING

# ---- the list ------------------------------------------------------------------------------------------


def other(number: int) -> dict[str, Any]:
    """Somebody else's invoice."""
    return make_found(number, totalPriceAndTax=Decimal(9), totalAmount=Decimal(8))


def full(first: int, **paging: Any) -> PageShown:
    """A page of them."""
    rows = map(other, range(first, first + PAGE_SIZE))
    return make_page(*rows, **{"has_next": None, **paging})


def few(first: int, count: int, **paging: Any) -> PageShown:
    """A page of fewer than were asked for, by a gateway that tells nothing of its pages but the total."""
    rows = map(other, range(first, first + count))
    return make_page(*rows, **{"has_next": None, "total_page": None, **paging})


@pytest.mark.parametrize(
    ("pages", "is_whole"),
    [
        ([make_page(total=0)], True),
        ([make_page()], True),
        ([full(1, has_next=True), full(101, has_next=False)], True),
        ([full(1), make_page(other(101))], True),
        ([full(1, total=101), make_page(other(101), total=101)], True),
        ([full(1, total=101), make_page(other(100), total=101)], False),
        ([full(1, total=150), full(1, total=150)], False),
        ([few(1, 50, total=80), few(51, 30, total=80)], True),
        ([few(1, 50, total=120), few(51, 50, total=120), few(101, 20, total=120)], True),
        ([few(1, 50, total=120), few(51, 50, total=120), make_page(total=120)], False),
        ([full(1, total=100, has_next=True), full(1, total=100, has_next=True)], True),
        ([full(1), full(1)], False),
        ([full(1, total=150), make_page(total=150)], False),
        ([make_page(other(1), unreadable=1)], False),
        ([make_page(other(1), total=1, unreadable=1)], False),
        ([full(n * 100 + 1) for n in range(9)], False),
    ],
    ids=[
        "nothing",
        "nothing, and no total",
        "to the end",
        "to the last page by its size",
        "to the total",
        "a row came twice and one never",
        "one page again and again",
        "fewer at once than asked for",
        "the same, beyond a page as it was asked for",
        "the same, and not to the total",
        "one page again, but all of it",
        "one page again, and no total",
        "empty before the total",
        "a row that cannot be read",
        "a row that cannot be read, beside the total",
        "as many pages as are asked for at most",
    ],
)
def test_absence_is_proof_only_from_a_whole_list(pages: list[PageShown], is_whole: bool) -> None:
    decisions = run(
        Begin(session_is_open=True),
        *map(read, pages),
        Beside(),
        subjects=(subject(look_ups=9),),
    )

    assert decisions[-2].state.is_whole is is_whole
    (move,) = settlements(decisions[-1])
    assert move.to is (S.FAILED if is_whole else S.IN_DOUBT)


@pytest.mark.parametrize(
    ("pages", "is_over"),
    [
        ([few(1, 50, total=80)], True),
        ([few(1, 50, total=120), few(51, 50, total=120)], True),
        ([few(1, 50)], True),
        ([few(1, 50), few(51, 50)], True),
        ([few(1, 50, has_next=True)], False),
        ([few(1, 50, total_page=2)], False),
        ([full(1, total=150)], False),
        ([few(1, 50, total=120)], False),
        ([], False),
    ],
)
def test_refused_page_that_need_not_be_there_ends_the_list_and_any_other_is_asked_for_again(
    pages: list[PageShown], is_over: bool
) -> None:
    """Nobody is left without an end by a gateway that counts otherwise than it lists; it proves nothing."""
    decisions = run(Begin(session_is_open=True), *map(read, pages), QueryRefused(), subjects=(subject(look_ups=9),))

    last = decisions[-1].state
    assert (last.phase is Phase.BOUND and last.is_cut) is is_over
    assert (last.phase is Phase.ENDED) is not is_over


@pytest.mark.parametrize(("company", "is_sought"), [("91330701MA2M37T86L", True), ("91330701MA2M37T86X", False)])
def test_list_that_was_cut_at_the_last_look_is_read_again(company: str, is_sought: bool) -> None:
    """But not one that is another company's: that one is no better the next time."""
    decisions = run(
        Begin(session_is_open=True),
        read(make_page(other(1), total=2)),
        Beside(),
        subjects=(subject(look_ups=1),),
        company=company,
    )

    (move,) = settlements(decisions[-1])
    assert (move.to, move.sought_at is not None) == (S.IN_DOUBT, is_sought)


@pytest.mark.parametrize(("company", "is_proof"), [("91330701-ma2m37t86l", True), ("91330701MA2M37T86X", False)])
def test_absence_is_proof_only_in_the_sellers_own_list(company: str, is_proof: bool) -> None:
    decisions = run(
        Begin(session_is_open=True),
        read(make_page()),
        Beside(),
        subjects=(subject(look_ups=9),),
        company=company,
    )

    (move,) = settlements(decisions[-1])
    assert move.to is (S.FAILED if is_proof else S.IN_DOUBT)


@pytest.mark.parametrize(("company", "is_found"), [("91330701MA2M37T86L", True), ("91330701MA2M37T86X", False)])
def test_row_that_names_no_seller_is_of_the_company_whose_list_it_is(company: str, is_found: bool) -> None:
    """Another seller's order, looked for with the login of that company, took it."""
    row = make_found(1, sellerIdentificationNumber=None, sellerName=None)
    decisions = run(
        *(Begin(session_is_open=True), read(make_page(row)), Beside()),
        subjects=(subject(look_ups=9),),
        company=company,
    )

    assert (decisions[-1].state.phase is Phase.NOTICE) is is_found
    assert [move.to for move in settlements(decisions[-1])] == ([] if is_found else [S.IN_DOUBT])


def test_only_what_could_be_somebodys_is_kept_of_the_list() -> None:
    decisions = run(Begin(session_is_open=True), read(full(1)), read(make_page(make_found(101), FOUND)))

    assert [each.invoice.number for each in candidates_of(decisions[-1].state)] == [
        make_found(101)["countETicketNumbers"],
        FOUND["countETicketNumbers"],
    ]
    assert decisions[-1].effects[-1] == ReadEvidence(since=datetime(2025, 12, 31, tzinfo=BEIJING))


@pytest.mark.parametrize("dead_one", [0, 1])
def test_invoice_that_is_listed_twice_is_dead_where_one_row_says_so(dead_one: int) -> None:
    rows = [FOUND, FOUND]
    rows[dead_one] = FOUND | {"invoiceStatus": "已红冲-全额"}

    decisions = run(Begin(session_is_open=True), read(make_page(*rows)))

    assert [each.invoice.status for each in candidates_of(decisions[-1].state)] == ["已红冲-全额"]


def test_rival_that_could_claim_the_invoice_keeps_it_from_being_given_away() -> None:
    """It was submitted elsewhere, and nobody here asks what became of it."""
    rival = issued(7, lane="2222", sought_at=None)

    decisions = run(Begin(session_is_open=True), read(make_page(FOUND)), Beside(rivals=(rival,)))

    (move,) = settlements(decisions[-1])
    assert (move.command.key, move.to, move.invoice_number) == (1, S.IN_DOUBT, None)
    assert move.sought_at is not None


def test_nothing_is_found_where_there_may_be_more_rivals_than_were_read() -> None:
    decisions = run(
        Begin(session_is_open=True),
        read(make_page(FOUND)),
        Beside(are_all_rivals=False),
        subjects=(subject(look_ups=9),),
    )

    (move,) = settlements(decisions[-1])
    assert (move.to, move.invoice_number) == (S.IN_DOUBT, None)
    assert move.announcements[0].data["needsPerson"]


# ---- what goes before it -------------------------------------------------------------------------------


def test_look_that_gave_way_reads_what_was_issued_meanwhile_and_goes_on_where_it_was() -> None:
    """Two invoices came to the front and moved the rest: without them the list would be shorter than its total."""
    first = full(1, total=250, has_next=True)
    (before,) = run(read(first), state=LookUpState(P.ASKED))
    paused = decide(situation(replace(before.state, phase=P.LOOKING)), Overtaken()).state.resumed()
    rows = list(map(other, (901, 902, *range(1, 251))))
    pages = [make_page(*rows[at : at + 100], total=252, has_next=at < 200) for at in (0, 100, 200)]

    decisions = run(Begin(session_is_open=True), *map(read, pages), state=paused)

    asked = [effect.page_number for one in decisions for effect in one.effects if isinstance(effect, AskPage)]
    assert asked == [1, 2, 3]
    assert decisions[-1].state.is_whole


def test_look_that_gave_way_at_page_forty_reads_none_of_its_pages_twice_but_the_first() -> None:
    state = LookUpState(P.ENDED, page=40, listed=ListedRows.of(seen_of([as_listed(FOUND)]))).resumed()

    decisions = run(Begin(session_is_open=True), read(make_page(FOUND, has_next=True)), state=state)

    asked = [effect.page_number for one in decisions for effect in one.effects if isinstance(effect, AskPage)]
    assert asked == [1, 40]


def test_gateway_that_lists_for_ever_is_read_only_so_far() -> None:
    state, pages = LookUpState(P.ASKED), 0
    while state.phase is P.ASKED:
        pages += 1
        (decision,) = run(read(make_page(make_found(pages), has_next=True)), state=state)
        state = decision.state

    assert pages == RULES.max_pages


def pages_read(*pages: PageShown) -> list[Next]:
    """The decisions until the list is over."""
    state, decisions = LookUpState(P.ASKED), []
    for page in pages:
        (decision,) = run(read(page), state=state)
        decisions.append(decision)
        state = replace(decision.state, phase=P.ASKED)
    return decisions


def test_gateway_that_lists_ten_at_once_and_tells_nothing_is_read_to_the_end() -> None:
    """A hundred are asked for. The order's own is behind what others got meanwhile."""
    rows = list(map(other, range(1, 15)))
    ten, rest, empty = (make_page(*part, has_next=None) for part in (rows[:10], rows[10:], []))

    decisions = pages_read(ten, rest, empty)

    assert [type(one.effects[-1]) for one in decisions] == [AskPage, AskPage, ReadEvidence]
    assert decisions[-1].state.is_whole


def test_page_that_goes_on_with_the_lines_of_one_invoice_is_no_repeated_one() -> None:
    halves = [make_page(other(1) | {"totalAmount": Decimal(half)}, has_next=None) for half in (3, 5)]

    decisions = pages_read(*halves, make_page(FOUND, has_next=None), make_page(has_next=None))

    assert [each.invoice.number for each in candidates_of(decisions[-1].state)] == [FOUND["countETicketNumbers"]]


def test_last_one_of_a_list_that_is_cut_may_have_lines_that_were_not_read() -> None:
    """By one line's amount it was another order's."""
    rules = replace(RULES, max_pages=1)
    for has_next in (True, False):
        page = make_page(make_found(1), make_found(2), has_next=has_next)
        decisions = run(Begin(session_is_open=True), read(page), subjects=(subject(),), rules=rules)
        told = [each.with_tax for each in candidates_of(decisions[-1].state)]
        assert told == [Decimal("226.00"), None if has_next else Decimal("226.00")]


def test_lines_of_one_invoice_that_come_to_the_same_tell_no_total() -> None:
    """Neither does the order of both lines lose its invoice, nor does one of half the total get it."""
    lines = [FOUND | {"extra": {"itemName": name}} for name in ("商品A", "商品B")]

    (row, *_) = candidates_of(pages_read(make_page(*lines))[-1].state)

    assert row.amounts == ()
    (row, *_) = candidates_of(pages_read(make_page(FOUND, FOUND))[-1].state)
    assert row.amounts


@pytest.mark.parametrize(("count", "is_whole"), [(10, True), (100, False)])
def test_gateway_that_gives_the_same_rows_for_every_page_has_told_all_where_they_are_few(
    count: int, is_whole: bool
) -> None:
    same = make_page(*map(other, range(1, count + 1)), has_next=None)

    decisions = pages_read(same, same)

    assert isinstance(decisions[-1].effects[-1], ReadEvidence)
    assert decisions[-1].state.is_whole is is_whole


@pytest.mark.parametrize("total", [None, 3])
def test_gateway_that_repeats_a_page_and_promises_more_has_not_told_all(total: int | None) -> None:
    same = make_page(*map(other, (1, 2)), has_next=True, total=total)

    assert not pages_read(same, same)[-1].state.is_whole


def test_total_that_is_what_a_full_page_holds_may_be_the_pages_own() -> None:
    pages = [make_page(*map(other, range(first, first + 20)), has_next=None, total=20) for first in (1, 21)]

    assert not any(isinstance(each, ReadEvidence) for each in pages_read(*pages)[-1].effects)
    assert pages_read(*pages, make_page(has_next=None))[-1].state.is_whole


def test_rows_that_are_alike_take_little_memory_until_they_are_weighed() -> None:
    """Hundreds of accounts may read their lists at once. As objects, these rows took thirty times as much."""
    pages = [make_page(*map(make_found, range(at, at + 100)), has_next=True) for at in range(1, 3001, 100)]
    state = before = LookUpState(P.ASKED)
    for page in pages:
        before = state
        state = replace(decide(situation(state, rules=replace(RULES, max_pages=99)), read(page)).state, phase=P.ASKED)

    assert state.packed.count == len(state.listed) == 3000
    kept = len(pickle.dumps((state.packed, state.listed)))
    assert kept < 3000 * 150
    assert kept - len(pickle.dumps((before.packed, before.listed))) < 100 * 150
    assert len(candidates_of(state)) == 3000


def growing(*totals: int) -> list[PageShown]:
    """What a gateway answers that lists the newest first, a hundred at once, and has so many at each question."""
    return [
        make_page(*map(other, range(total, 0, -1)[at : at + PAGE_SIZE]), total=total, has_next=at + PAGE_SIZE < total)
        for total, at in zip(totals, (0, 100, 200, 0, 0, 0, 0), strict=False)
    ]


@pytest.mark.parametrize(
    ("totals", "asked"),
    [((250, 251, 252, 252), [2, 3, 1]), ((250, 250, 250), [2, 3]), ((250, 251, 252, 253), [2, 3, 1])],
    ids=["two came", "none came", "one more came"],
)
def test_what_is_issued_while_the_list_is_read_is_read_too(totals: tuple[int, ...], asked: list[int]) -> None:
    """It comes to the front: the rows of a busy seller move on from page to page, and a list never was whole."""
    decisions = pages_read(*growing(*totals))

    pages = [effect.page_number for one in decisions for effect in one.effects if isinstance(effect, AskPage)]
    assert pages == asked
    assert isinstance(decisions[-1].effects[-1], ReadEvidence)
    assert decisions[-1].state.is_whole


def test_first_page_is_read_again_a_few_times_only() -> None:
    """Its total grows for ever, and what it counts is never shown."""
    pages = [make_page(*map(other, (1, 2)), total=total, has_next=False) for total in range(100, 200)]
    state, asked = LookUpState(P.ASKED), 0
    while state.phase is P.ASKED:
        (decision,) = run(read(pages[asked]), state=state)
        state, asked = decision.state, asked + 1

    assert asked == 1
    assert not state.is_whole


def test_list_that_lacks_what_it_had_from_the_beginning_is_not_read_again() -> None:
    rows = [
        make_page(*map(other, part), total=300, has_next=part.start < 200)
        for part in (range(1, 101), range(50, 150), range(200, 300))
    ]

    decisions = pages_read(*rows)

    assert isinstance(decisions[-1].effects[-1], ReadEvidence)
    assert not decisions[-1].state.is_whole


def unnumbered(row_id: int) -> dict[str, Any]:
    """A draft, whose id is another one at every question."""
    return other(row_id) | {"id": str(row_id), "countETicketNumbers": None}


@pytest.mark.parametrize(("again_as", "lacking", "is_whole"), [(9001, 0, True), (9001, 1, False), (9002, 1, False)])
def test_row_without_a_number_that_comes_again_under_another_id_is_not_counted_twice(
    again_as: int, lacking: int, *, is_whole: bool
) -> None:
    """One invoice came to the front. With the draft counted twice, a list that lacks one would seem whole."""
    first = make_page(unnumbered(9001), *map(other, range(1, 100)), total=150, has_next=True)
    last = make_page(*map(other, range(100, 150 - lacking)), total=151, has_next=False)
    again = make_page(other(1000), unnumbered(again_as), *map(other, range(1, 99)), total=151, has_next=True)

    assert pages_read(first, last, again)[-1].state.is_whole is is_whole
