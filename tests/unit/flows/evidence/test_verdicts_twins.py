"""Submissions that differ in nothing, and what no list of invoices can make of any."""

import random
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import MOMENT, make_found, make_invoice, make_item, make_listed
from tests.examples import examples
from tests.unit.flows.submissions import fit, found_of, issued, judge, kind_of, listed, shown_of, subject
from worker.flows.evidence import claims
from worker.flows.evidence.members import Weight, compare
from worker.flows.evidence.subjects import Listed, Order, Subject
from worker.flows.evidence.verdicts import Found, Nothing, Several, Verdict
from worker.records import ListedInvoice

MINUTE = timedelta(minutes=1)


def number(n: int) -> str:
    return str(make_found(n)["countETicketNumbers"])


def at(minutes: float) -> datetime:
    return MOMENT + timedelta(minutes=minutes)


# ---- told apart by their order -------------------------------------------------------------------------


def test_twins_of_which_all_are_listed_are_told_apart_by_their_order() -> None:
    sent = [issued(1, submitted_at=at(0)), issued(2, submitted_at=at(2)), subject(3, submitted_at=at(4))]

    told = judge(sent, [listed(9, at=at(1)), listed(7, at=at(3)), listed(8, at=at(4.5))])

    assert found_of(told) == {1: number(9), 2: number(7), 3: number(8)}


def test_last_twin_is_found_although_the_first_invoice_is_too_old_for_it() -> None:
    """Ten minutes lie between them, and the skew is five."""
    sent = [issued(1, submitted_at=at(0)), subject(2, submitted_at=at(10))]

    told = judge(sent, [listed(1, at=at(0)), listed(2, at=at(10))])

    assert found_of(told) == {1: number(1), 2: number(2)}


def test_invoices_are_those_of_the_twins_that_were_surely_issued_first() -> None:
    sent = [issued(1), issued(2, submitted_at=at(1)), subject(3, submitted_at=at(2))]

    told = judge(sent, [listed(1, at=at(0.5)), listed(2, at=at(1.5))])

    assert found_of(told) == {1: number(1), 2: number(2)}
    assert told[3] == Nothing()


@pytest.mark.parametrize("is_sought", [True, False])
def test_twin_behind_them_has_what_fits_it_less_well_than_theirs(is_sought: bool) -> None:
    """Theirs are listed with the payee behind the remark, its own with a masked tax id: theirs fit it better too."""
    invoice = make_invoice(remark="order 0")
    code = str(invoice["buyerIndentification"])
    first = [
        issued(key, invoice=invoice, submitted_at=at(key), settled_at=at(key), sought_at=at(key) if is_sought else None)
        for key in (1, 2)
    ]
    doubt = subject(3, invoice=invoice, submitted_at=at(4))
    rows = [listed(key, note="order 0\n收款人:李四", at=at(key)) for key in (1, 2)]
    own = listed(3, note="order 0", at=at(5), buyerIdentificationNumber=f"{code[:4]}xxxxxxxxxx{code[-4:]}")

    told = judge([*first, doubt], [*rows, own]) if is_sought else judge([doubt], [*rows, own], rivals=first)

    assert own in shown_of(told[3])


def test_twin_in_doubt_before_one_that_was_issued_leaves_it_open_whose_the_invoice_is() -> None:
    """The first may have been issued, and the second's may not be listed yet."""
    told = judge([subject(1), issued(2, submitted_at=at(1))], [listed(1, at=at(0.5))])

    assert [kind_of(told[key]) for key in (1, 2)] == ["several"] * 2


@pytest.mark.parametrize("count", [1, 3])
def test_twins_in_doubt_are_not_told_apart_where_more_or_less_is_listed(count: int) -> None:
    told = judge([subject(1), subject(2, submitted_at=at(1))], [listed(n, at=at(1)) for n in range(1, count + 1)])

    assert {type(each) for each in told.values()} == {Several}


def test_order_tells_nothing_of_what_is_not_alike() -> None:
    """Two pieces at one price, or one at two: the total is the same."""
    other = make_invoice(invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal(200))])

    told = judge([issued(1), issued(2, invoice=other)], [listed(1), listed(2, at=at(1))])

    assert {type(each) for each in told.values()} == {Several}


def test_twins_are_twins_whatever_fingerprint_an_earlier_version_gave_them() -> None:
    told = judge(
        [issued(1, fingerprint="of before"), issued(2, fingerprint=None, submitted_at=at(1))],
        [listed(1), listed(2, at=at(1))],
    )

    assert found_of(told) == {1: number(1), 2: number(2)}


def test_order_tells_nothing_where_a_date_is_missing() -> None:
    told = judge([issued(1), issued(2)], [listed(1), listed(2, at=None)])

    assert {type(each) for each in told.values()} == {Several}


@pytest.mark.parametrize("minutes", [(0, 10), (0, 10, 10)], ids=["two of them", "three of them"])
def test_invoice_that_is_too_old_for_its_turn_is_not_given_away(minutes: tuple[int, ...]) -> None:
    """One invoice more was issued with the first submission, so one is a stranger's."""
    sent = [issued(key, submitted_at=at(minute)) for key, minute in enumerate(minutes, start=1)]
    rows = [listed(1, at=at(0)), listed(2, at=at(1)), listed(3, at=at(10))][: len(minutes)]

    told = judge(sent, rows)

    assert not set(found_of(told)) & {2, 3}


def test_invoice_under_another_name_is_nobody_elses_while_too_few_fit_the_twins_exactly() -> None:
    """Three were surely issued and two are listed as they were sent: the third may be the one under another name."""
    sent = [issued(1), issued(2, submitted_at=at(1)), issued(3, submitted_at=at(2)), subject(4, submitted_at=at(10))]

    told = judge(sent, [listed(1), listed(2, at=at(1)), listed(3, at=at(8), buyerName="ABC有限公司")])

    assert found_of(told) == {}
    assert kind_of(told[4]) == "several"


def test_invoice_under_another_name_leaves_the_last_twin_in_doubt() -> None:
    """One fits both exactly and is the first one's; the other may be the second one's."""
    sent = [issued(1), subject(2, submitted_at=at(1))]

    told = judge(sent, [listed(1), listed(2, at=at(1.5), buyerName="ABC有限公司")])

    assert found_of(told) == {1: number(1)}
    assert kind_of(told[2]) == "several"


# ---- what no list can break ----------------------------------------------------------------------------

remarks = st.sampled_from(["", "1", "2"])
subjects = st.lists(
    st.tuples(st.booleans(), remarks, st.integers(0, 20), st.sampled_from([None, "226", "300"])), max_size=6
).map(
    lambda rows: [
        (issued if is_issued else subject)(
            key, invoice=make_invoice(remark=remark), submitted_at=at(minutes), expected_total=expected
        )
        for key, (is_issued, remark, minutes, expected) in enumerate(rows, start=1)
    ]
)
invoices = st.lists(
    st.builds(
        make_listed,
        st.integers(1, 8),
        note=st.sampled_from([None, "", "1", "2", "3"]),
        invoiceDate=st.none() | st.integers(-10, 30).map(at),
        buyerName=st.sampled_from(["ABC公司", "ABC公司", "ABC公司", "other", None]),
        totalPriceAndTax=st.sampled_from([None, *map(Decimal, ("226", "300", "1"))]),
        isInvoicePositive=st.sampled_from([True, True, None, False]),
        countETicketNumbers=st.sampled_from([None, *map(number, range(1, 9))]),
    ),
    max_size=9,
)


@settings(max_examples=examples(400), deadline=None)
@given(subjects, invoices, st.sets(st.integers(1, 8), max_size=2), st.randoms(use_true_random=False))
def test_no_list_makes_evidence_guess(
    sent: list[Subject], rows: list[ListedInvoice], taken: set[int], chance: random.Random
) -> None:
    """Each submission gets a verdict; no invoice goes to two, none that contradicts to any, none that is taken; and
    the order of the list changes nothing."""
    rows = list({row.identity: row for row in rows}.values())
    bound = [number(n) for n in taken]
    told = judge(sent, rows, *bound)

    assert set(told) == {each.command.key for each in sent}
    found = found_of(told)
    assert max(Counter(found.values()).values(), default=0) <= 1
    assert not set(found.values()) & set(bound)
    for each in sent:
        _check_verdict(each, told[each.command.key], rows, bound)
    mixed = chance.sample(rows, len(rows))
    assert judge(chance.sample(sent, len(sent)), mixed, *bound) == told


def _check_verdict(sent: Subject, verdict: Verdict, rows: list[ListedInvoice], bound: list[str]) -> None:
    fitting = {row.identity: told for row in rows if row.number not in bound and (told := fit(sent, row)) is not None}
    match verdict:
        case Found(invoice):
            assert fitting[invoice.identity].weight >= Weight.CLOSE
        case Several():
            assert {each.identity for each in shown_of(verdict)} <= set(fitting)
            best = max(fitting[each.identity].weight for each in shown_of(verdict))
            assert verdict.count > 1 or verdict.is_contested or best < Weight.CLOSE


@settings(max_examples=examples(200), deadline=None)
@given(subjects, invoices)
def test_lone_submission_with_a_lone_candidate_is_found(sent: list[Subject], rows: list[ListedInvoice]) -> None:
    rows = list({row.identity: row for row in rows}.values())
    for each in sent:
        told = judge([each], rows)[each.command.key]
        fitting = [one for row in rows if (one := fit(each, row)) is not None]
        assert isinstance(told, Nothing) is (not fitting)
        if isinstance(told, Several):
            assert told.count > 1 or fitting[0].weight < Weight.CLOSE
            assert not told.is_contested


@pytest.mark.parametrize("is_marked", [True, False])
def test_five_hundred_submissions_are_compared_with_five_thousand_invoices_once_each_kind(
    is_marked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seller of one thing to buyers who are all called 个人: other lanes must not wait for the comparison."""
    compared = Counter[str]()

    def counted(order: Order, listed_: Listed) -> Any:
        compared["pairs"] += 1
        return compare(order, listed_)

    monkeypatch.setattr(claims, "compare", counted)
    orders = [make_invoice(buyerName="个人", remark=f"{key}" if is_marked else "") for key in range(1, 501)]
    sent = [issued(key, invoice=order, submitted_at=at(key)) for key, order in enumerate(orders, start=1)]
    rows = [
        listed(n, at=at(n % 500 + 1), buyerName="个人", note=f"{n % 500 + 1}" if is_marked else "")
        for n in range(1, 5001)
    ]

    told = judge(sent, rows)

    assert compared["pairs"] <= 5_000
    assert {kind_of(each) for each in told.values()} == {"several"}
