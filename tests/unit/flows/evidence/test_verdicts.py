"""What became of a submission, by the invoices that are listed: one rule at a time."""

from decimal import Decimal
from typing import Any

import pytest

from tests.builders import make_invoice, make_item
from tests.unit.flows.submissions import differing, issued, judge, kind_of, listed, shown_of, subject
from worker.flows.evidence.endings import total_matches
from worker.flows.evidence.verdicts import Candidate, Found, Nothing, Several
from worker.records import CommandState

S = CommandState
ORDER = "订单 1"
WRONG: dict[str, Any] = {"totalAmount": Decimal(1), "totalPriceAndTax": Decimal("1.13")}


# ---- the same in all that is told ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"sellerIdentificationNumber": None},
        {"sellerIdentificationNumber": "91330701-ma2m37t86l"},
        {"buyerIdentificationNumber": None},
        {"buyerIdentificationNumber": " 91330701MA2DFB848M"},
        {"buyerName": "ＡＢＣ公司"},
        {"buyerName": " ABC公司 "},
        {"buyerName": "abc 公司"},
        {"isInvoicePositive": None},
        {"invoiceDate": None},
        {"note": None},
        {"note": ""},
        {"note": "null"},
        {"totalPriceAndTax": None},
        {"totalAmount": None, "totalPriceAndTax": Decimal(200)},
    ],
    ids=str,
)
def test_invoice_that_is_the_same_in_all_that_is_told_is_the_commands(members: dict[str, Any]) -> None:
    invoice = listed(1, **members)

    assert judge([subject()], [invoice]) == {1: Found(invoice)}


def test_nothing_is_found_in_an_empty_list() -> None:
    assert judge([subject(1), issued(2)], []) == {1: Nothing(), 2: Nothing()}


def test_number_that_belongs_to_a_command_is_nobody_elses() -> None:
    assert judge([subject()], [listed(1)], listed(1).number) == {1: Nothing()}


def test_amount_and_tax_make_the_total_where_it_is_left_out() -> None:
    """The prices were with tax."""
    order = make_invoice(invoiceItems=[make_item(quantity=Decimal(1), unitPrice=Decimal(226))])

    assert kind_of(judge([subject(invoice=order)], [listed(1, totalPriceAndTax=None)])[1]) == "found"


# ---- totals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("with_tax", "without", "expected", "kind"),
    [
        ("226.00", "200.00", None, "found"),
        ("200.00", "176.99", None, "found"),
        ("226.00", "200.01", None, "found"),
        ("226.00", "199.99", None, "found"),
        ("226.00", "200.02", None, "several"),  # two of them: the unit price may have been rounded
        ("226.00", "200.03", None, "nothing"),
        ("226.00", "199.97", None, "nothing"),
        ("199.99", None, None, "found"),
        (None, "200", None, "found"),
        (None, None, None, "several"),
        ("226.00", None, None, "several"),
        ("202.00", None, None, "several"),
        ("207.77", None, None, "several"),
        ("300.00", None, None, "nothing"),
        (None, "176.99", None, "several"),
        ("300.00", "250.00", None, "nothing"),
        ("234.00", "201.00", "234", "found"),
        ("300.00", "250.00", "300", "several"),  # more than any tax makes of 200: mistaken, or not said by the lines
        ("300.01", "250.00", "300", "nothing"),
        ("226.00", "200.00", "300", "found"),
        ("100.00", "88.50", "100", "nothing"),  # less than the lines: mistaken, and another order's total
    ],
)
def test_total_is_the_expected_one_or_that_of_the_lines(with_tax: Any, without: Any, expected: Any, kind: str) -> None:
    """Nobody says whether tax is in a price (trap 28), so the sum of the lines may be either total; and where only one
    of the two is listed, the other may be the one that fits."""
    invoice = listed(
        1, totalPriceAndTax=with_tax and Decimal(with_tax), totalAmount=without and Decimal(without), totalTax=None
    )

    assert kind_of(judge([subject(expected_total=expected)], [invoice])[1]) == kind


@pytest.mark.parametrize(("lines", "is_found"), [(1, False), (2, True), (3, True)])
def test_each_line_may_be_rounded_by_a_cent(lines: int, is_found: bool) -> None:
    each = [make_item(quantity=Decimal(1), unitPrice=Decimal(100)) for _ in range(lines)]
    invoice = listed(1, totalAmount=Decimal(100 * lines) - Decimal("0.02"), totalPriceAndTax=Decimal(900))

    told = judge([subject(invoice=make_invoice(invoiceItems=each))], [invoice])

    assert isinstance(told[1], Found) is is_found


@pytest.mark.parametrize(
    ("state", "note", "kind"),
    [
        (S.COMPLETED, ORDER, "found"),
        (S.COMPLETED, None, "nothing"),
        (S.IN_DOUBT, ORDER, "several"),
        (S.IN_DOUBT, None, "nothing"),
        (S.CHECKING, ORDER, "several"),
        (S.CHECKING, None, "nothing"),
    ],
)
def test_wrong_total_counts_where_the_note_says_whose_it_is_and_then_a_person_decides_but_of_what_was_surely_issued(
    state: CommandState, note: Any, kind: str
) -> None:
    wrong = listed(1, note=note, **WRONG)

    told = judge([subject(state=state, invoice=make_invoice(remark=ORDER))], [wrong])

    assert kind_of(told[1]) == kind
    assert differing(told[1]) == ({"total"} if kind != "nothing" else set())


def test_what_was_surely_issued_is_found_in_a_list_that_masks_ids() -> None:
    invoice = listed(1, buyerIdentificationNumber="9133****848M")

    assert kind_of(judge([issued()], [invoice])[1]) == "found"
    assert kind_of(judge([subject()], [invoice])[1]) == "several"


def test_invoice_that_fits_another_submission_in_full_is_that_ones() -> None:
    """A refused order, and the one that followed it under the same remark with the right amount."""
    corrected = make_invoice(remark=ORDER, invoiceItems=[make_item(quantity=Decimal(3))])
    theirs = listed(1, note=ORDER, totalAmount=Decimal(300), totalTax=Decimal(39), totalPriceAndTax=Decimal(339))
    refused = subject(1, state=S.CHECKING, invoice=make_invoice(remark=ORDER))

    assert judge([refused, issued(2, invoice=corrected)], [theirs]) == {1: Nothing(), 2: Found(theirs)}
    assert judge([refused], [theirs], rivals=[issued(2, invoice=corrected)]) == {1: Nothing()}


def test_right_total_goes_before_a_marked_wrong_one() -> None:
    wrong = listed(1, note=ORDER, totalAmount=Decimal(1), totalPriceAndTax=Decimal(2))
    right = listed(2, note=ORDER)

    assert judge([issued(invoice=make_invoice(remark=ORDER))], [wrong, right]) == {1: Found(right)}


@pytest.mark.parametrize(
    ("expected", "told", "matches"),
    [("226", "226.00", True), ("226", "226.01", False), (None, "226", None), ("226", None, None)],
)
def test_total_is_compared_with_the_expected_one_to_the_cent(expected: Any, told: Any, matches: bool | None) -> None:
    invoice = listed(1, totalPriceAndTax=told and Decimal(told), totalAmount=None)

    assert total_matches(subject(expected_total=expected), invoice) is matches


# ---- one, none, several --------------------------------------------------------------------------------


def test_several_are_several() -> None:
    told = judge([subject()], [listed(2), listed(1)])

    assert told == {1: Several((Candidate(listed(1)), Candidate(listed(2))), count=2)}


def test_invoice_that_two_submissions_could_claim_is_neithers() -> None:
    """They differ by a remark that the list does not tell."""
    first, second = subject(1, invoice=make_invoice(remark="1")), subject(2, invoice=make_invoice(remark="2"))

    told = judge([first, second], [listed(1)])

    assert told == {key: Several((Candidate(listed(1)),), is_contested=True) for key in (1, 2)}


def test_remark_tells_them_apart() -> None:
    first, second = subject(1, invoice=make_invoice(remark="1")), subject(2, invoice=make_invoice(remark="2"))

    told = judge([first, second], [listed(1, note="2"), listed(2, note="1")])

    assert told == {1: Found(listed(2, note="1")), 2: Found(listed(1, note="2"))}


def test_contest_reaches_through_a_third_submission() -> None:
    sent = [subject(key, invoice=make_invoice(remark=remark)) for key, remark in enumerate(("1", "2", "3"), start=1)]
    shared, third = listed(1), listed(2, note="3")

    told = judge(sent, [shared, third])

    assert [kind_of(told[key]) for key in (1, 2, 3)] == ["several"] * 3
    assert told[3] == Several((Candidate(shared), Candidate(third)), count=2, is_contested=True)


def test_invoice_without_a_note_does_not_outweigh_one_that_has_the_remark() -> None:
    """The one was issued by hand for the same buyer and total; the other has the order's remark and the payee."""
    by_hand, own = listed(1, note=None), listed(2, note="订单号:SO-7 收款人:李四")

    told = judge([subject(invoice=make_invoice(remark="订单号:SO-7"))], [by_hand, own])[1]

    assert shown_of(told) == (by_hand, own)
    assert kind_of(judge([subject(invoice=make_invoice(remark="订单号:SO-7"))], [by_hand])[1]) == "found"


def test_what_fits_one_closely_is_not_given_while_another_could_claim_it() -> None:
    """The note of the one order was cut so that it could be the other's."""
    orders = [make_invoice(remark=remark) for remark in ("甲乙丙", "甲乙丁")]
    sent = [subject(key, invoice=order) for key, order in enumerate(orders, start=1)]

    told = judge(sent, [listed(1, note="甲乙")])

    assert [kind_of(told[key]) for key in (1, 2)] == ["several"] * 2
    assert all(each.is_contested for each in told.values() if isinstance(each, Several))


def test_worked_example_of_two_rivals_and_three_invoices() -> None:
    """As the module tells it."""
    person = {"buyerName": "个人", "buyerIndentification": "", "buyerType": 1}
    a, b = (subject(key, invoice=make_invoice(remark=f"SO-{key}", **person)) for key in (1, 2))
    buyer: dict[str, Any] = {"buyerName": "个人", "buyerIdentificationNumber": None}
    x, y, z = (listed(n, note=note, **buyer) for n, note in ((1, "SO-1"), (2, "SO-2 收款人:李四"), (3, None)))

    with_z = judge([a, b], [x, y, z])
    without = judge([a, b], [x, y])

    assert [kind_of(with_z[key]) for key in (1, 2)] == ["several"] * 2
    assert without[1] == Found(x)
    assert (kind_of(without[2]), differing(without[2])) == ("found", {"remark"})


def test_person_is_shown_the_best_first_and_no_more_than_a_few() -> None:
    rows = [listed(n) for n in range(1, 100)]

    told = judge([subject()], rows)

    assert isinstance(told[1], Several)
    assert (len(shown_of(told[1])), told[1].count) == (20, 99)
