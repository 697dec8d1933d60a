"""Submissions that nobody asks about here, and whose invoices may be listed all the same."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import MOMENT, make_invoice, make_item
from tests.examples import examples
from tests.unit.flows.submissions import SKEW, fit, found_of, issued, judge, kind_of, listed, subject
from worker.flows.evidence.index import InvoiceIndex, Wanted
from worker.flows.evidence.subjects import Listed, Subject
from worker.flows.evidence.verdicts import Candidate, Found, Nothing, Several
from worker.records import BEIJING, CommandState, ListedInvoice

S = CommandState
MINUTE = timedelta(minutes=1)
ELSEWHERE: dict[str, Any] = {"lane": "2222", "account": "another", "sought_at": None}


@pytest.mark.parametrize("state", [S.SUBMITTING, S.SCANNING, S.CHECKING, S.IN_DOUBT, S.COMPLETED])
def test_invoice_that_a_rival_could_claim_is_not_given_to_the_doubt(state: CommandState) -> None:
    rival = subject(2, state=state, **ELSEWHERE)

    told = judge([subject(1)], [listed(1)], rivals=[rival])

    assert told == {1: Several((Candidate(listed(1)),), is_contested=True)}


def test_rival_gets_no_verdict() -> None:
    assert set(judge([subject(1)], [listed(1)], rivals=[issued(2, **ELSEWHERE)])) == {1}


@pytest.mark.parametrize(
    "fields",
    [
        {"invoice": make_invoice(remark="2")},
        {"invoice": make_invoice(buyerIndentification="91330701MA2DFB848X")},
        {"submitted_at": MOMENT + timedelta(days=1)},
    ],
    ids=["other remark", "other buyer", "submitted after it was issued"],
)
def test_rival_that_could_not_claim_it_changes_nothing(fields: dict[str, Any]) -> None:
    sent = subject(1, invoice=make_invoice(remark="1"))
    row = listed(1, note="1")

    assert judge([sent], [row], rivals=[issued(2, **ELSEWHERE, **fields)]) == {1: Found(row)}


@pytest.mark.parametrize("unit", [100, 3], ids=["in fen", "another total"])
def test_invoice_that_is_believed_for_its_remark_alone_is_given_to_nobody_while_two_have_it(unit: int) -> None:
    """Two orders of one remark and one total. One was issued, the other one is in doubt and could be, and listed is the
    one of the two invoices that is there by now."""
    doubt = subject(1, invoice=make_invoice(remark="SO-1"))
    order = make_invoice(remark="SO-1", invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal("200.00"))])
    amounts = {"totalAmount": 200, "totalTax": 26, "totalPriceAndTax": 226}
    told: dict[str, Any] = {name: Decimal(each * unit) for name, each in amounts.items()}
    row = listed(1, note="SO-1", **told)

    assert kind_of(judge([issued(2, invoice=order)], [row])[2]) == "found"
    assert kind_of(judge([doubt, issued(2, invoice=order)], [row])[2]) == "several"
    assert kind_of(judge([issued(2, invoice=order)], [row], rivals=[doubt])[2]) == "several"


def test_two_invoices_that_two_orders_could_have_either_way_are_given_to_neither() -> None:
    """Each fits one of the two better, and what it lacks is what would tell."""
    order = make_invoice(remark="SO-1", invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal("200.00"))])
    first, second = issued(1, invoice=make_invoice(remark="SO-1")), subject(2, invoice=order, expected_total="226.00")
    swapped = listed(1, note="SO-1 开票人:李四", totalAmount=Decimal(26), totalTax=Decimal(200))
    untold = listed(2, note="SO-1 开票人:李四", totalAmount=None, totalTax=None, totalPriceAndTax=None)

    assert {kind_of(each) for each in judge([first, second], [swapped, untold]).values()} == {"several"}
    assert kind_of(judge([second], [swapped])[2]) == "found"
    assert kind_of(judge([first], [untold])[1]) == "found"


def test_invoice_of_an_older_order_of_the_lane_that_nobody_confirms_is_not_the_doubts() -> None:
    """FAPIAO_CONFIRM is off: the first was issued, and its number is not sought."""
    first = issued(1, sought_at=None)
    doubt = subject(2, submitted_at=MOMENT + MINUTE)

    assert judge([doubt], [listed(1)], rivals=[first]) == {2: Nothing()}
    both = [listed(1), listed(2, at=MOMENT + MINUTE)]
    assert judge([doubt], both, rivals=[first]) == {2: Found(both[1])}


@pytest.mark.parametrize(
    ("state", "ended_at", "issued_at", "is_found"),
    [
        (S.COMPLETED, MOMENT, MOMENT + SKEW, False),
        (S.COMPLETED, MOMENT, MOMENT + SKEW + timedelta(seconds=1), True),
        (S.COMPLETED, MOMENT, datetime(2026, 1, 2, tzinfo=BEIJING), True),
        (S.COMPLETED, MOMENT + timedelta(hours=17), datetime(2026, 1, 2, tzinfo=BEIJING), False),
        (S.COMPLETED, MOMENT, None, False),
        (S.IN_DOUBT, None, MOMENT + timedelta(hours=1), False),
    ],
    ids=["at its end", "after its end", "the day after", "the same day", "who knows when", "it has no end"],
)
def test_invoice_that_was_issued_after_a_rivals_end_is_not_the_rivals(
    state: CommandState, ended_at: datetime | None, issued_at: datetime | None, is_found: bool
) -> None:
    rival = subject(2, state=state, settled_at=ended_at, **ELSEWHERE)
    row = listed(1, at=issued_at)

    told = judge([subject(1)], [row], rivals=[rival])

    assert told == {1: Found(row) if is_found else Several((Candidate(row),), is_contested=True)}


def test_order_tells_nothing_of_submissions_of_two_lanes() -> None:
    """Each lane issues one after the other, but not both together."""
    rows = [listed(1), listed(2, at=MOMENT + MINUTE)]
    sent, rival = subject(1), issued(2, submitted_at=MOMENT + MINUTE, **ELSEWHERE)

    told = judge([sent], rows, rivals=[rival])

    assert told == {1: Several(tuple(map(Candidate, rows)), count=2, is_contested=True)}


def test_nothing_is_found_where_rivals_may_be_missing() -> None:
    told = judge([issued(1), subject(2, submitted_at=MOMENT + MINUTE)], [listed(1)], are_all_rivals=False)

    assert told == {key: Several((Candidate(listed(1)),), is_contested=True) for key in (1, 2)}


def test_absence_is_absence_however_many_rivals_there_are() -> None:
    assert judge([subject(1)], [listed(1, buyerIdentificationNumber="91330701MA2DFB848X")], are_all_rivals=False) == {
        1: Nothing()
    }


remarks = st.sampled_from(["", "1", "2"])
orders = st.builds(
    make_invoice,
    remark=remarks,
    buyerName=st.sampled_from(["ABC公司", "ＡＢＣ公司", "other"]),
    buyerIndentification=st.sampled_from(["91330701MA2DFB848M", ""]),
    sellerBankShow=st.sampled_from([0, 0, 1]),
)
rows = st.builds(
    listed,
    st.integers(1, 4),
    note=st.sampled_from([None, "", "1", "2", "1 银行"]),
    buyerName=st.sampled_from(["ABC公司", "other", None]),
    buyerIdentificationNumber=st.sampled_from(["91330701MA2DFB848M", "9133****848M", None]),
    totalPriceAndTax=st.sampled_from([Decimal(226), Decimal(1), None]),
    totalAmount=st.sampled_from([Decimal(200), Decimal(1), None]),
)


@settings(max_examples=examples(300), deadline=None)
@given(orders, st.lists(rows, max_size=4))
def test_only_what_nobody_could_claim_is_left_out(order: dict[str, Any], invoices: list[ListedInvoice]) -> None:
    """Of a page by what is sought, of the index by the submission: neither loses evidence of any weight."""
    sought = subject(2, invoice=order)
    for invoice in invoices:
        if fit(sought, invoice) is not None:
            shown = Listed.of(invoice)
            assert Wanted.of([sought.order]).may_be(shown)
            assert shown in set(InvoiceIndex.of([shown]).possible(sought.order))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(orders, min_size=1, max_size=4), st.lists(rows, max_size=4), st.integers(1, 3))
def test_rivals_only_take_away(sent: list[dict[str, Any]], invoices: list[ListedInvoice], split: int) -> None:
    """Whoever is found among rivals, would be found if they were sought here too: to the same invoice."""
    invoices = list({row.identity: row for row in invoices}.values())
    everybody = [subject(key, invoice=order) for key, order in enumerate(sent, start=1)]

    among = found_of(judge(everybody[:split], invoices, rivals=everybody[split:]))

    together = found_of(judge(everybody, invoices))
    assert among == {key: number for key, number in together.items() if key <= split}


def gross(number: int, total: str) -> ListedInvoice:
    """A row that tells the total alone."""
    return listed(number, totalPriceAndTax=Decimal(total), totalAmount=None, totalTax=None)


@pytest.mark.parametrize("first", [subject, issued])
@pytest.mark.parametrize(("price", "expected"), [("113.00", None), ("100.00", "113.00")])
def test_invoice_that_tells_one_total_is_not_given_to_whom_it_fits_while_a_rate_makes_it_anothers(
    first: Callable[..., Subject], price: str, expected: str | None
) -> None:
    """113.00 may be with tax already, or what 100.00 comes to with it: neither one's invoice is said to be absent."""
    ours, theirs = ({"invoiceItems": [make_item(quantity=1, unitPrice=each)]} for each in ("100.00", price))
    sought = [
        first(1, invoice=make_invoice(**ours)),
        subject(2, invoice=make_invoice(**theirs, remark="谢谢惠顾"), expected_total=expected),
    ]

    assert set(map(kind_of, judge(sought, [gross(1, "113.00")]).values())) == {"several"}


def test_invoice_that_tells_one_total_is_its_owners_where_no_rate_makes_it_anothers() -> None:
    items = ([make_item(quantity=1, unitPrice=each)] for each in ("100.00", "105.50"))
    sought = [subject(key, invoice=make_invoice(invoiceItems=each)) for key, each in enumerate(items, start=1)]

    told = judge(sought, [gross(2, "105.50")])

    assert (kind_of(told[1]), kind_of(told[2])) == ("nothing", "found")
