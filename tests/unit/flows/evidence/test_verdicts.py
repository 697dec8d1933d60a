"""What became of a submission, by the invoices that are listed: one rule at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import MOMENT, make_invoice, make_item
from tests.unit.flows.submissions import SKEW, differing, fit, issued, judge, kind_of, listed, shown_of, subject
from worker.flows.evidence.endings import total_matches
from worker.flows.evidence.members import Weight
from worker.flows.evidence.verdicts import Candidate, Found, Nothing, Several
from worker.records import CommandState, Dated, ListedInvoice

S = CommandState
ORDER = "订单 1"
ANOTHER = "91330701MA2DFB848X"
WRONG: dict[str, Any] = {"totalAmount": Decimal(1), "totalPriceAndTax": Decimal("1.13")}
UNTOLD: dict[str, Any] = {"totalAmount": None, "totalPriceAndTax": None, "totalTax": None}
PERSON = make_invoice(buyerName="张三", buyerIndentification="", buyerType=1)
NAMELESS = make_invoice(buyerName="Example GmbH", buyerIndentification="")
SECOND = timedelta(seconds=1)


def dated(earliest: datetime, latest: datetime | None = None) -> ListedInvoice:
    """An invoice with these readings of its date."""
    whole = listed(1)
    return ListedInvoice(
        **{name: getattr(whole, name) for name in ListedInvoice.__slots__ if name != "dated"},
        dated=Dated(earliest, earliest, latest or earliest),
    )


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


# ---- what rules out ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        {"sellerIdentificationNumber": "91330701MA2M37T86X"},
        {"isInvoicePositive": False, "totalPriceAndTax": Decimal("-226.00"), "totalAmount": None},
        {"isInvoicePositive": False, "totalPriceAndTax": None, "totalAmount": None, "totalTax": None},
        {"isInvoicePositive": None, "totalPriceAndTax": Decimal("-226.00"), "totalAmount": Decimal("-200.00")},
        {"invoiceDate": MOMENT - timedelta(days=1, seconds=1)},
    ],
    ids=str,
)
@pytest.mark.parametrize("remark", ["", ORDER])
def test_invoice_that_is_ruled_out_is_never_it(members: dict[str, Any], remark: str) -> None:
    invoice = listed(1, note=remark, **members)
    order = make_invoice(remark=remark)

    assert fit(subject(invoice=order), invoice) is None
    assert judge([subject(invoice=order)], [invoice]) == {1: Nothing()}
    assert judge([issued(invoice=order)], [invoice]) == {1: Nothing()}


# ---- what identifies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"buyerIdentificationNumber": ANOTHER}, "buyerIndentification"),
        ({"note": "订单 2"}, "remark"),
        ({"note": "订单 12"}, "remark"),
        (WRONG, "total"),
    ],
    ids=["another buyer", "another remark", "a remark that goes on", "another total"],
)
@pytest.mark.parametrize("state", [S.IN_DOUBT, S.CHECKING])
def test_one_identifying_member_that_differs_is_for_a_person_where_the_two_others_are_the_same(
    members: dict[str, Any], member: str, state: CommandState
) -> None:
    told = judge([subject(state=state, invoice=make_invoice(remark=ORDER))], [listed(1, **{"note": ORDER} | members)])

    assert kind_of(told[1]) == "several"
    assert differing(told[1]) == {member}


@pytest.mark.parametrize(
    "members",
    [
        {"buyerIdentificationNumber": ANOTHER, "note": "订单 2"},
        {"buyerIdentificationNumber": ANOTHER, **WRONG},
        {"note": "订单 2", **WRONG},
        {"buyerIdentificationNumber": ANOTHER, "note": None},
        {"note": None, **WRONG},
        {"note": "订单 2", **UNTOLD},
        {"note": "订单 2", "buyerName": None, "buyerIdentificationNumber": None},
    ],
    ids=str,
)
def test_what_differs_and_is_not_the_same_in_both_others_is_another_one(members: dict[str, Any]) -> None:
    told = judge([subject(invoice=make_invoice(remark=ORDER))], [listed(1, **{"note": ORDER} | members)])

    assert told == {1: Nothing()}


def test_remark_that_neither_has_is_no_reason_to_think_that_it_is_the_same() -> None:
    assert judge([subject()], [listed(1, note="", **WRONG)]) == {1: Nothing()}
    assert judge([subject()], [listed(1, buyerIdentificationNumber=ANOTHER)]) == {1: Nothing()}


@pytest.mark.parametrize("state", [S.IN_DOUBT, S.CHECKING])
@pytest.mark.parametrize("remark", ["", ORDER])
def test_invoice_that_tells_no_total_is_shown_to_a_person(state: CommandState, remark: str) -> None:
    untold = listed(1, **UNTOLD)

    told = judge([subject(state=state, invoice=make_invoice(remark=remark))], [untold])

    assert told == {1: Several((Candidate(untold),))}


@pytest.mark.parametrize(
    ("members", "weight"),
    [
        ({"buyerIdentificationNumber": "9133****848M"}, Weight.WEAK),
        ({"buyerIdentificationNumber": "9133****848L"}, None),
        ({"buyerIdentificationNumber": None, "buyerName": "AB*公司"}, Weight.WEAK),
        ({"note": "订单 1 收款人:李四"}, Weight.CLOSE),
        ({"note": "订"}, Weight.CLOSE),
        ({"note": "订单 12"}, Weight.WEAK),
        ({"note": "订单 1-2"}, Weight.WEAK),
        ({"totalAmount": None}, Weight.WEAK),
        ({"invoiceType": "数电票（增值税专用发票）"}, Weight.WEAK),
        ({"countETicketNumbers": None}, Weight.WEAK),
    ],
    ids=str,
)
def test_what_is_akin_is_worth_less(members: dict[str, Any], weight: Weight | None) -> None:
    """The total alone, with tax, could be 200.00 at 13 per cent; a masked id could be another's."""
    order = make_invoice(remark=ORDER if "note" in members else "")

    told = fit(subject(invoice=order), listed(1, **members))

    assert (told and told.weight) == weight


# ---- what describes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"buyerName": "ABC有限责任公司"}, "buyerName"),
        ({"buyerName": "AB?公司"}, "buyerName"),
        ({"sellerName": "XYZ科技（杭州）有限公司"}, "sellerName"),
        ({"note": "收款人:李四 复核人:王五"}, "remark"),
        ({"invoiceDate": MOMENT - timedelta(minutes=6)}, "invoiceDate"),
    ],
    ids=str,
)
@pytest.mark.parametrize("state", [S.IN_DOUBT, S.COMPLETED])
def test_what_only_describes_is_found_and_told(members: dict[str, Any], member: str, state: CommandState) -> None:
    told = judge([subject(state=state)], [listed(1, **members)])

    assert kind_of(told[1]) == "found"
    assert differing(told[1]) == {member}


def test_buyer_without_a_tax_id_is_identified_by_its_name() -> None:
    assert kind_of(judge([subject(invoice=PERSON)], [_of_person("张三（个人）")])[1]) == "found"
    assert judge([subject(invoice=PERSON)], [_of_person("李四")]) == {1: Nothing()}
    assert kind_of(judge([subject(invoice=PERSON)], [_of_person("张*")])[1]) == "several"


def test_person_without_a_tax_id_is_not_taken_for_a_company_of_the_same_name() -> None:
    assert judge([subject(invoice=PERSON)], [listed(1, buyerName="张三")]) == {1: Nothing()}


@pytest.mark.parametrize(
    "code", ["33010619900101123X", "330106900101123", "G12345678", "3301****123X", "201-33010619900101"]
)
@pytest.mark.parametrize("state", [S.IN_DOUBT, S.COMPLETED])
def test_person_whose_number_the_register_adds_is_identified_by_the_name(code: str, state: CommandState) -> None:
    told = judge([subject(invoice=PERSON, state=state)], [listed(1, buyerName="张三", buyerIdentificationNumber=code)])[
        1
    ]

    assert kind_of(told) == "found"
    assert differing(told) == {"buyerIndentification"}


@pytest.mark.parametrize("name", ["张三丰", "小张三", "张三、李四", "张三五金店"])
@pytest.mark.parametrize("state", [S.IN_DOUBT, S.COMPLETED])
def test_buyer_whose_name_only_holds_ours_may_be_another(name: str, state: CommandState) -> None:
    assert kind_of(judge([subject(invoice=PERSON, state=state)], [_of_person(name)])[1]) == "several"


def test_company_whose_tax_id_the_register_adds_is_shown_to_a_person() -> None:
    assert kind_of(judge([subject(invoice=NAMELESS)], [listed(1, buyerName="EXAMPLE GmbH")])[1]) == "several"


def _of_person(name: str) -> ListedInvoice:
    return listed(1, buyerName=name, buyerIdentificationNumber=None)


def test_remark_that_every_order_has_does_not_outweigh_another_total() -> None:
    """谢谢惠顾 stands on all of the seller's invoices: one that was issued by hand is not given to this order, and the
    right one may be listed later."""
    order = PERSON | {"remark": "谢谢惠顾"}
    row = replace(_of_person("张三"), note="谢谢惠顾", total=Decimal(999), total_without_tax=Decimal(900))

    doubted = judge([subject(invoice=order)], [row])[1]
    assert isinstance(doubted, Several)
    assert doubted.may_clear
    assert kind_of(judge([issued(invoice=order)], [row])[1]) == "several"
    numbered = judge([issued(invoice=order | {"remark": "订单 7"})], [replace(row, note="订单 7")])[1]
    assert kind_of(numbered) == "found"


# ---- dates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "weight"),
    [
        (MOMENT + timedelta(days=2), Weight.EXACT),
        (MOMENT - SKEW, Weight.EXACT),
        (MOMENT - SKEW - SECOND, Weight.CLOSE),
        (MOMENT - 3 * SKEW, Weight.CLOSE),
        (MOMENT - 3 * SKEW - SECOND, Weight.WEAK),
        (MOMENT - timedelta(days=1), Weight.WEAK),
        (MOMENT - timedelta(days=1, seconds=1), None),
    ],
)
def test_invoice_before_its_submission_is_the_less_worth_the_earlier_it_is(
    moment: datetime, weight: Weight | None
) -> None:
    """Clocks differ by minutes; a day is another one's."""
    told = fit(subject(), dated(moment))

    assert (told and told.weight) == weight


def test_date_counts_by_the_reading_that_fits() -> None:
    """Eight hours early as Beijing's time, in time as UTC."""
    told = fit(subject(), dated(MOMENT - timedelta(hours=8), MOMENT))

    assert told is not None
    assert told.weight is Weight.EXACT


def test_remark_that_is_the_same_makes_up_for_a_clock_that_is_hours_off() -> None:
    told = fit(subject(invoice=make_invoice(remark=ORDER)), listed(1, at=MOMENT - timedelta(hours=3), note=ORDER))

    assert told is not None
    assert told.weight is Weight.CLOSE


def test_submission_whose_moment_was_lost_counts_from_when_it_came_in() -> None:
    assert subject(submitted_at=None).since == MOMENT


def test_date_at_the_end_of_time_is_no_fault() -> None:
    assert fit(issued(settled_at=MOMENT), dated(datetime.max.replace(tzinfo=UTC))) is not None


# ---- remarks with bank data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "shows_bank", "kind"),
    [
        (ORDER, 0, "found"),
        (" 订单  1 ", 0, "found"),
        (None, 0, "found"),
        ("订单 12", 0, "several"),
        ("订单 1 销方开户银行:招商银行", 0, "found"),
        ("订单 1 销方开户银行:招商银行", 1, "found"),
        ("订单 12 销方开户银行:招商银行", 1, "several"),
        ("销方开户银行:招商银行", 1, "several"),
    ],
)
def test_note_says_what_was_sent_and_more_may_stand_beside_it(note: Any, shows_bank: int, kind: str) -> None:
    sent = subject(invoice=make_invoice(remark=ORDER, sellerBankShow=shows_bank))

    told = judge([sent], [listed(1, note=note)])

    assert kind_of(told[1]) == kind


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
    theirs = listed(1, note=ORDER, totalAmount=Decimal(300), totalPriceAndTax=Decimal(339))
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
