"""What became of a submission, by the invoices that are listed: one rule at a time."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import MOMENT, make_found, make_invoice, make_item
from tests.unit.flows.submissions import SKEW, issued, judge, kind_of, listed, subject
from worker.flows.conditions import BEIJING
from worker.flows.evidence.verdicts import Found, Nothing, Several, could_be, total_matches
from worker.records import CommandState

S = CommandState
ORDER = "订单 1"
WRONG: dict[str, Any] = {"totalAmount": Decimal(1), "totalPriceAndTax": Decimal("1.13")}
PERSON = make_invoice(buyerName="张三", buyerIndentification="", buyerType=1)
SECOND = timedelta(seconds=1)


# ---- whose it can be -----------------------------------------------------------------------------------


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
        {"isInvoicePositive": None},
        {"isInvoicePositive": None, "totalPriceAndTax": Decimal(0)},
        {"invoiceDate": None},
        {"invoiceStatus": "已红冲-全额"},
        {"note": None},
        {"note": ""},
        {"sellerName": "another name of the same code"},
    ],
    ids=str,
)
def test_invoice_that_nothing_speaks_against_can_be_it(members: dict[str, Any]) -> None:
    assert could_be(subject(), make_found(**members), SKEW)


@pytest.mark.parametrize(
    "members",
    [
        {"countETicketNumbers": None},
        {"sellerIdentificationNumber": "91330701MA2M37T86X"},
        {"buyerIdentificationNumber": "91330701MA2DFB848X"},
        {"buyerName": "ABD公司"},
        {"buyerName": None},
        {"isInvoicePositive": False},
        {"isInvoicePositive": None, "totalPriceAndTax": Decimal("-226.00")},
        {"invoiceDate": MOMENT - SKEW - SECOND},
        {"note": "a remark that nobody sent"},
    ],
    ids=str,
)
def test_invoice_that_something_speaks_against_is_never_it(members: dict[str, Any]) -> None:
    invoice = make_found(**members)

    assert not could_be(subject(), invoice, SKEW)
    assert judge([subject()], [invoice]) == {1: Nothing()}
    assert judge([issued()], [invoice]) == {1: Nothing()}


def test_person_without_a_tax_id_is_not_taken_for_a_company_of_the_same_name() -> None:
    assert could_be(subject(invoice=PERSON), make_found(buyerName="张三", buyerIdentificationNumber=None), SKEW)
    assert not could_be(subject(invoice=PERSON), make_found(buyerName="张三"), SKEW)


@pytest.mark.parametrize(
    ("dated", "fits"),
    [
        (MOMENT - SKEW, True),
        (MOMENT - SKEW - SECOND, False),
        (MOMENT + timedelta(days=2), True),
        (datetime(2026, 1, 1, tzinfo=BEIJING), True),
        (datetime(2025, 12, 31, tzinfo=BEIJING), False),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=BEIJING), False),
    ],
)
def test_invoice_is_no_older_than_its_submission(dated: datetime, fits: bool) -> None:
    """It went out at eight in the morning in Beijing; a date without a time of day counts as its whole day."""
    assert could_be(subject(), make_found(invoiceDate=dated), SKEW) is fits


def test_day_before_counts_where_the_submission_was_right_after_midnight() -> None:
    sent = subject(submitted_at=datetime(2026, 1, 1, 0, 4, tzinfo=BEIJING))

    assert could_be(sent, make_found(invoiceDate=datetime(2025, 12, 31, tzinfo=BEIJING)), SKEW)


def test_submission_whose_moment_was_lost_counts_from_when_it_came_in() -> None:
    sent = subject(submitted_at=None)

    assert sent.since == MOMENT


@pytest.mark.parametrize(
    ("note", "shows_bank", "fits"),
    [
        (ORDER, 0, True),
        (" 订单  1 ", 0, True),
        (None, 0, True),
        ("订单 12", 0, False),
        ("订单 1 销方开户银行:招商银行", 0, False),
        ("订单 1 销方开户银行:招商银行", 1, True),
        ("订单 12 销方开户银行:招商银行", 1, False),
        ("销方开户银行:招商银行", 1, False),
    ],
)
def test_note_says_what_was_sent_and_bank_data_may_stand_beside_it(note: Any, shows_bank: int, fits: bool) -> None:
    sent = subject(invoice=make_invoice(remark=ORDER, sellerBankShow=shows_bank))

    assert could_be(sent, make_found(note=note), SKEW) is fits
    assert judge([sent], [make_found(note=note)]) == {1: Found(make_found(note=note)) if fits else Nothing()}


# ---- totals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("with_tax", "without", "expected", "is_found"),
    [
        ("226.00", "200.00", None, True),
        ("200.00", "176.99", None, True),
        ("226.00", "200.01", None, True),
        ("226.00", "199.99", None, True),
        ("226.00", "200.02", None, False),
        ("226.00", "199.97", None, False),
        ("199.99", None, None, True),
        (None, "200", None, True),
        (None, None, None, False),
        ("300.00", "250.00", None, False),
        ("300.00", "250.00", "300", True),
        ("300.01", "250.00", "300", False),
        ("226.00", "200.00", "300", True),
    ],
)
def test_total_is_the_expected_one_or_that_of_the_lines(
    with_tax: Any, without: Any, expected: Any, is_found: bool
) -> None:
    """Nobody says whether tax is in a price (trap 28), so the sum of the lines may be either total."""
    invoice = make_found(
        totalPriceAndTax=with_tax and Decimal(with_tax), totalAmount=without and Decimal(without), totalTax=None
    )

    told = judge([subject(expected_total=expected)], [invoice])

    assert isinstance(told[1], Found) is is_found


@pytest.mark.parametrize(("lines", "is_found"), [(1, False), (2, True), (3, True)])
def test_each_line_may_be_rounded_by_a_cent(lines: int, is_found: bool) -> None:
    each = [make_item(quantity=Decimal(1), unitPrice=Decimal(100)) for _ in range(lines)]
    invoice = make_found(totalAmount=Decimal(100 * lines) - Decimal("0.02"), totalPriceAndTax=Decimal(900))

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
    wrong = make_found(note=note, **WRONG)

    told = judge([subject(state=state, invoice=make_invoice(remark=ORDER))], [wrong])

    assert kind_of(told[1]) == kind
    if kind == "several":
        assert told[1] == Several((wrong,), is_but_for_total=True)


@pytest.mark.parametrize("state", [S.IN_DOUBT, S.CHECKING])
@pytest.mark.parametrize("remark", ["", ORDER])
def test_invoice_that_tells_no_total_is_shown_to_a_person(state: CommandState, remark: str) -> None:
    untold = make_found(totalAmount=None, totalPriceAndTax=None, totalTax=None)

    told = judge([subject(state=state, invoice=make_invoice(remark=remark))], [untold])

    assert told == {1: Several((untold,), is_but_for_total=True)}


def test_empty_remark_marks_nothing() -> None:
    assert judge([subject()], [make_found(note="", **WRONG)]) == {1: Nothing()}


def test_invoice_that_fits_another_submission_in_full_is_that_ones() -> None:
    """A refused order, and the one that followed it under the same remark with the right amount."""
    corrected = make_invoice(remark=ORDER, invoiceItems=[make_item(quantity=Decimal(3))])
    theirs = make_found(note=ORDER, totalAmount=Decimal(300), totalPriceAndTax=Decimal(339))
    refused = subject(1, state=S.CHECKING, invoice=make_invoice(remark=ORDER))

    assert judge([refused, issued(2, invoice=corrected)], [theirs]) == {1: Nothing(), 2: Found(theirs)}
    assert judge([refused], [theirs], rivals=[issued(2, invoice=corrected)]) == {1: Nothing()}


def test_marked_invoice_that_a_doubt_could_claim_too_is_not_given_away_in_spite_of_its_total() -> None:
    order = make_invoice(remark=ORDER)
    wrong = make_found(note=ORDER, **WRONG)

    told = judge([issued(1, invoice=order), subject(2, invoice=order)], [wrong])

    assert told[1] == Several((wrong,), is_contested=True)
    assert told[2] == Several((wrong,), is_contested=True, is_but_for_total=True)


def test_right_total_goes_before_a_marked_wrong_one() -> None:
    wrong = make_found(1, note=ORDER, totalAmount=Decimal(1), totalPriceAndTax=Decimal(2))
    right = make_found(2, note=ORDER)

    assert judge([issued(invoice=make_invoice(remark=ORDER))], [wrong, right]) == {1: Found(right)}


@pytest.mark.parametrize(
    ("expected", "told", "matches"),
    [("226", "226.00", True), ("226", "226.01", False), (None, "226", None), ("226", None, None)],
)
def test_total_is_compared_with_the_expected_one_to_the_cent(expected: Any, told: Any, matches: bool | None) -> None:
    invoice = make_found(totalPriceAndTax=told and Decimal(told))

    assert total_matches(subject(expected_total=expected), invoice) is matches


# ---- one, none, several --------------------------------------------------------------------------------


def test_one_match_is_found() -> None:
    assert judge([subject()], [listed(1), listed(2, buyerName="other")]) == {1: Found(listed(1))}


def test_nothing_is_found_in_an_empty_list() -> None:
    assert judge([subject(1), issued(2)], []) == {1: Nothing(), 2: Nothing()}


def test_number_that_belongs_to_a_command_is_nobody_elses() -> None:
    assert judge([subject()], [listed(1)], listed(1)["countETicketNumbers"]) == {1: Nothing()}


def test_several_are_several() -> None:
    told = judge([subject()], [listed(2), listed(1)])

    assert told == {1: Several((listed(1), listed(2)), is_contested=False)}


def test_invoice_that_two_submissions_could_claim_is_neithers() -> None:
    """They differ by a remark that the list does not tell."""
    first, second = subject(1, invoice=make_invoice(remark="1")), subject(2, invoice=make_invoice(remark="2"))

    told = judge([first, second], [listed(1)])

    assert told == {key: Several((listed(1),), is_contested=True) for key in (1, 2)}


def test_remark_tells_them_apart() -> None:
    first, second = subject(1, invoice=make_invoice(remark="1")), subject(2, invoice=make_invoice(remark="2"))

    told = judge([first, second], [listed(1, note="2"), listed(2, note="1")])

    assert told == {1: Found(listed(2, note="1")), 2: Found(listed(1, note="2"))}


def test_contest_reaches_through_a_third_submission() -> None:
    sent = [subject(key, invoice=make_invoice(remark=remark)) for key, remark in enumerate(("1", "2", "3"), start=1)]
    shared, third = listed(1), listed(2, note="3")

    told = judge(sent, [shared, third])

    assert [kind_of(told[key]) for key in (1, 2, 3)] == ["several"] * 3
    assert told[3] == Several((shared, third), is_contested=True)
