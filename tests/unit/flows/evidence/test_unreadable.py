"""What stands in a member's place and says nothing of it: it proves no absence, and makes no invoice somebody's."""

from decimal import Decimal
from typing import Any

import pytest

from tests.builders import make_found, make_invoice
from tests.unit.flows.submissions import differing, issued, judge, kind_of, listed, subject
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import listed_invoice

HASH, IN_BASE64 = "0cc175b9c0f1b6a831c399e269772661", "OTEzMzA3MDFNQTJERkI4NDhN"
BUYER, SELLER, ANOTHER = "91330701MA2DFB848M", "91330701MA2M37T86L", "91110108MA01ABCD5T"
NO_ID = [HASH, IN_BASE64, "1", "13800000000", "ABC公司", "见发票", "9" * 18, "A1B2C3D4E5F60718"]
PERSON = make_invoice(buyerName="张三", buyerIndentification="", buyerType=1)
NUMBERED = make_invoice(remark="订单SO-1001")


@pytest.mark.parametrize("told", NO_ID)
def test_what_can_be_no_tax_id_excludes_no_seller(told: str) -> None:
    assert kind_of(judge([subject()], [listed(1, sellerIdentificationNumber=told)])[1]) in {"found", "several"}
    assert kind_of(judge([subject()], [listed(1, sellerIdentificationNumber=ANOTHER)])[1]) == "nothing"


@pytest.mark.parametrize("told", [HASH, "1"])
def test_seller_of_another_name_without_a_tax_id_is_a_persons_to_decide(told: str) -> None:
    row = listed(1, sellerIdentificationNumber=told, sellerName="另一家公司")
    assert kind_of(judge([subject()], [row])[1]) == "several"
    assert kind_of(judge([issued()], [row])[1]) == "several"


@pytest.mark.parametrize("told", NO_ID)
def test_what_can_be_no_tax_id_excludes_no_buyer(told: str) -> None:
    assert kind_of(judge([subject()], [listed(1, buyerIdentificationNumber=told)])[1]) in {"found", "several"}

    another = listed(1, buyerIdentificationNumber=told, buyerName="宁波乙公司")
    assert kind_of(judge([subject()], [another])[1]) == "nothing"


def test_parties_in_each_others_place_are_a_persons_to_decide() -> None:
    swapped = listed(1, buyerIdentificationNumber="ABC公司", buyerName=BUYER)
    assert kind_of(judge([subject()], [swapped])[1]) == "several"

    other_way: dict[str, Any] = {"buyerIdentificationNumber": SELLER, "buyerName": "XYZ科技有限公司"}
    row = listed(1, sellerIdentificationNumber=BUYER, sellerName="ABC公司", **other_way)
    assert kind_of(judge([subject()], [row])[1]) == "several"


OF_SELLER: dict[str, Any] = {"buyerIdentificationNumber": SELLER, "buyerName": "XYZ科技有限公司"}
OF_BUYER: dict[str, Any] = {"sellerIdentificationNumber": BUYER, "sellerName": "ABC公司"}


@pytest.mark.parametrize(
    "told",
    [
        OF_SELLER,
        {"buyerIdentificationNumber": SELLER},
        {**OF_SELLER, "buyerIdentificationNumber": None},
        {**OF_SELLER, "sellerIdentificationNumber": None, "sellerName": None},
        OF_BUYER,
        {**OF_BUYER, "buyerIdentificationNumber": None, "buyerName": None},
        {"buyerName": "XYZ科技有限公司", "sellerName": "ABC公司", **dict.fromkeys(("buyerIdentificationNumber",))},
    ],
    ids=str,
)
@pytest.mark.parametrize("remark", ["", "SO-1"])
def test_one_partys_data_in_the_others_place_excludes_nothing(told: dict[str, Any], remark: str) -> None:
    """Nobody issues an invoice to itself: what stands there was put under the wrong name."""
    sought = subject(invoice=make_invoice(remark=remark))
    assert kind_of(judge([sought], [listed(1, note=remark, **told)])[1]) == "several"
    amounts: dict[str, Any] = {"totalPriceAndTax": Decimal(904), "totalAmount": Decimal(800), "totalTax": Decimal(104)}
    assert kind_of(judge([sought], [listed(1, **told, **amounts)])[1]) == "nothing"


def test_sellers_name_in_the_place_of_a_persons_excludes_nothing() -> None:
    row = listed(1, buyerName="XYZ科技有限公司", buyerIdentificationNumber=None)
    assert kind_of(judge([subject(invoice=PERSON)], [row])[1]) == "several"


def test_drawers_name_in_the_place_of_a_persons_excludes_nothing() -> None:
    row = listed(1, buyerName="李四", buyerIdentificationNumber=None, drawer="李四 ")
    assert kind_of(judge([subject(invoice=PERSON)], [row])[1]) == "several"

    another = listed(1, buyerName="王五", buyerIdentificationNumber=None, drawer="李四")
    assert kind_of(judge([subject(invoice=PERSON)], [another])[1]) == "nothing"
    own = listed(1, buyerName="张三", buyerIdentificationNumber=None, drawer="张三")
    assert kind_of(judge([subject(invoice=PERSON)], [own])[1]) == "found"


@pytest.mark.parametrize(
    "name", ["个人", "自然人", "消费者", HASH, "zhang san", "å¼ ä¸‰", "ÕÅÈý", "寮犱笁", "13800000000"]
)
def test_name_that_cannot_be_compared_proves_no_absence(name: str) -> None:
    row = listed(1, buyerName=name, buyerIdentificationNumber=None)
    assert kind_of(judge([subject(invoice=PERSON)], [row])[1]) == "several"
    assert kind_of(judge([issued(invoice=PERSON)], [row])[1]) == "several"


@pytest.mark.parametrize(("sent", "told"), [("个人", "消费者"), ("消费者", "自然人"), ("个人", "境内个人")])
def test_another_word_for_just_anybody_is_no_other_buyer(sent: str, told: str) -> None:
    order = make_invoice(buyerName=sent, buyerIndentification="", buyerType=1)
    row = listed(1, buyerName=told, buyerIdentificationNumber=None)
    assert kind_of(judge([subject(invoice=order)], [row])[1]) == "several"
    assert kind_of(judge([issued(invoice=order)], [row])[1]) == "found"


@pytest.mark.parametrize(("sent", "told"), [("张三", "李四"), ("个人", "张三"), ("John Smith", "Ann Lee")])
def test_name_that_can_be_compared_is_another_one(sent: str, told: str) -> None:
    order = make_invoice(buyerName=sent, buyerIndentification="", buyerType=1)
    row = listed(1, buyerName=told, buyerIdentificationNumber=None)
    assert kind_of(judge([subject(invoice=order)], [row])[1]) == "nothing"


@pytest.mark.parametrize(
    "beside",
    [
        {"totalAmount": None, "totalPriceAndTax": None, "totalTax": None},
        {"buyerIdentificationNumber": "9133**********848M", "buyerName": None},
        {"totalAmount": None, "totalTax": None},
    ],
    ids=str,
)
def test_note_that_names_no_order_leaves_open_what_else_is_not_told(beside: dict[str, Any]) -> None:
    row = listed(1, note="感谢惠顾", **beside)
    assert kind_of(judge([subject(invoice=NUMBERED)], [row])[1]) == "several"
    assert kind_of(judge([subject(invoice=NUMBERED)], [listed(1, note="订单SO-77", **beside)])[1]) == "nothing"


@pytest.mark.parametrize(
    "note",
    [
        "被红冲蓝字数电票号码：26332000000000000077",
        "被红冲蓝字数电票号码：26332000000000000077 订单SO-1001",
        "对应正数发票代码:033002200111号码:12345678",
        "冲红原发票26332000000000000077",
        "销货退回",
    ],
)
@pytest.mark.parametrize(
    "order", [make_invoice(), NUMBERED, {**NUMBERED, "sellerBankShow": 1}], ids=["", "numbered", "bank"]
)
def test_note_of_a_red_one_without_flag_or_sign_is_a_persons_to_decide(note: str, order: dict[str, Any]) -> None:
    row = listed(1, isInvoicePositive=None, note=note)
    assert kind_of(judge([subject(invoice=order)], [row])[1]) == "several"


@pytest.mark.parametrize("status", [{"code": "03", "name": "已作废"}, ["已作废"], "已作废"], ids=str)
def test_status_is_read_wherever_its_words_stand(status: Any) -> None:
    invoice = listed_invoice({**make_found(1), "invoiceStatus": status}, AnswerRedactor())
    assert invoice is not None
    assert "已作废" in (invoice.status or "")


@pytest.mark.parametrize(
    ("status", "is_issued"),
    [
        *((word, False) for word in ("开具失败", "开票中", "草稿", "待开票", "未开具", "DRAFT")),
        *((word, True) for word in ("正常", "已开具", "红冲失败", "未开红字", "finished", "0", "未作废")),
    ],
)
def test_number_of_what_is_not_issued_names_no_invoice(status: str, is_issued: bool) -> None:
    row = {**make_found(1), "invoiceDate": "2026-01-01T08:00:00+08:00", "invoiceStatus": status}
    invoice = listed_invoice(row, AnswerRedactor())
    assert invoice is not None
    verdict = judge([subject()], [invoice])[1]

    assert kind_of(verdict) == ("found" if is_issued else "several")
    assert differing(verdict) == set()
