"""What each member of a listed invoice says of a submission: it rules out, identifies or only describes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import MOMENT, make_invoice
from tests.unit.flows.submissions import SKEW, differing, fit, issued, judge, kind_of, listed, subject
from worker.flows.evidence.members import Weight
from worker.flows.evidence.verdicts import Candidate, Nothing, Several
from worker.records import CommandState, Dated, ListedInvoice

S = CommandState
ORDER = "订单 1"
WRONG: dict[str, Any] = {"totalAmount": Decimal(1), "totalPriceAndTax": Decimal("1.13")}
ANOTHER = "91330701MA2DFB848X"
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
