"""What becomes of a row, beyond the traps: the contract's members, and the bounds."""

from decimal import Decimal
from typing import Any

import pytest

from contracts.gateway_query import InvoiceItemEntity, InvoiceRow
from contracts.invoices import FoundInvoice, FoundItem
from worker.flows.evidence.status import counts
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import (
    INVOICE_MEMBERS,
    ITEM_MEMBERS,
    MAX_EXTRA_BYTES,
    MAX_TEXT_CHARS,
    file_of,
    item_of,
    listed_invoice,
)
from worker.records import ListedInvoice

ADDED = {"invoiceDateRaw", "totalsDiffer", "extra", "items", "files", "taxRateValue"}
"""What we tell beside the vendor's members."""


def found(**members: Any) -> dict[str, Any]:
    invoice = listed_invoice({"id": 7, **members}, AnswerRedactor(["Geheim-4711"]))
    assert invoice is not None
    return dict(invoice.told)


def test_the_members_are_the_manuals_and_the_contracts() -> None:
    assert set(INVOICE_MEMBERS) == set(InvoiceRow.model_fields) == set(FoundInvoice.model_fields) - ADDED
    assert set(ITEM_MEMBERS) == set(InvoiceItemEntity.model_fields) == set(FoundItem.model_fields) - ADDED


def test_each_member_of_a_typed_invoice_is_the_rows_own() -> None:
    """One that were read by another name would weaken evidence silently."""
    row = {name: f"the {name}" for name in INVOICE_MEMBERS}
    amounts = {"totalAmount": "100.00", "totalTax": "13.00", "totalPriceAndTax": "113.00"}
    others = {"id": 7, "countETicketNumbers": "26332000000000000001", "isInvoicePositive": "否", "queryType": 1}
    invoice = listed_invoice({**row, **amounts, **others, "invoiceDate": "2026-11-29T15:24:35+08:00"}, AnswerRedactor())

    assert invoice is not None
    assert {name: getattr(invoice, name) for name in ListedInvoice.__slots__ if name not in {"told", "dated"}} == {
        "gateway_id": "7",
        "number": "26332000000000000001",
        "seller_id": "the sellerIdentificationNumber",
        "seller_name": "the sellerName",
        "buyer_id": "the buyerIdentificationNumber",
        "buyer_name": "the buyerName",
        "note": "the note",
        "total": Decimal(113),
        "total_without_tax": Decimal(100),
        "total_tax": Decimal(13),
        "is_positive": False,
        "may_be_red": False,
        "status": "the invoiceStatus",
        "invoice_type": "the invoiceType",
        "drawer": "the drawer",
        "source": "the invoiceSource",
        "query_type": 1,
    }
    assert invoice.dated is not None
    assert invoice.dated.shown.isoformat() == "2026-11-29T15:24:35+08:00"


@pytest.mark.parametrize("kind", ["数电票(普通发票)红字", "負數發票", "增值税电子普通发票（红票）"])
def test_what_its_type_calls_red_is_red_unless_it_is_told_otherwise(kind: str) -> None:
    row = {"id": 7, "invoiceType": kind, "totalPriceAndTax": "200.00"}
    untold, told = (listed_invoice({**row, **each}, AnswerRedactor()) for each in ({}, {"isInvoicePositive": "是"}))

    assert untold is not None
    assert told is not None
    assert (untold.is_positive, told.is_positive) == (False, True)


ELSEWHERE = """
    zfbz=Y zfbz=1 fpzt=03 fpzt=已作废 fpztmc=已红冲 state=VOID 红冲状态=已红冲 红冲状态=全额 作废标志=是 isVoid=true
    invalidFlag=Y invoice_status=2 hcbz=1 remark2=已红冲 cancelled=true 是否作废=是
    hongchongZhuangtai=全额 voidTime=2026-01-01 作废人=张三 invoiceType=已作废
"""
NOT_ELSEWHERE = """
    zfbz=N zfbz=0 fpzt=正常 state=NORMAL 红冲状态=未红冲 作废标志=否 isVoid=false voidTime= hcbz=0 uploadStatus=2
    goods=红酒 address=红旗路8号 zfsj=2026-01-01 zfStatus=1 zfType=2 支付状态=1 cancelled=false 是否作废=未作废
    chargeType=1
"""
RED = """
    isRed=1 redFlag=true blueInvoiceNumber=26332000000000000998 原发票号码=26332000000000000998
    yfphm=26332000000000000998 originalInvoiceNo=26332000000000000998 红字信息表编号=3301231231231231
    hzfpxxqrdbh=33012312312 creditNote=true type=credit_note businessType=红字 开票类型=红票
    redInvoiceNumber=26332000000000000999 lzfphm=26332000000000000998
    specificBusinessType=红字 isInvoicePositive=2 isInvoicePositive=unknown invoiceType=Credit_Note
    invoiceType=数电票(普通发票)红字
"""
NOT_RED = """
    isRed=0 redFlag=false blueInvoiceNumber= 原发票号码=- yfphm=0 creditNote=false type=invoice
    color=蓝字 brand=red_bull invoiceNumber2=26332000000000000998 isInvoicePositive=-
    isInvoicePositive=蓝字 specificBusinessType=2
    originalFileName=a.pdf orderId=26332000000000000998
"""


def told_by(pair: str, **members: Any) -> ListedInvoice:
    name, _, value = pair.partition("=")
    told: Any = {"true": True, "false": False}.get(value, value.replace("_", " "))
    row = {"id": 7, "invoiceType": "数电票(普通发票)", "isInvoicePositive": "是", "totalPriceAndTax": "200.00"}
    invoice = listed_invoice({**row, **members, name: told}, AnswerRedactor())
    assert invoice is not None
    return invoice


@pytest.mark.parametrize("pair", ELSEWHERE.split())
def test_what_another_member_says_against_it_stands_in_its_status(pair: str) -> None:
    assert not counts(told_by(pair).status)


@pytest.mark.parametrize("pair", NOT_ELSEWHERE.split())
def test_what_another_member_says_for_it_or_of_something_else_changes_nothing(pair: str) -> None:
    assert counts(told_by(pair).status)
    assert told_by(pair, invoiceStatus="正常").status == "正常"
    assert not told_by(pair).may_be_red


def test_status_of_the_manuals_member_goes_before_a_code_in_another_one() -> None:
    assert told_by("fpzt=2", invoiceStatus="正常").status == "正常"
    assert told_by("zfbz=Y", invoiceStatus="正常").status == "正常 (zfbz: Y)"
    assert told_by("fpzt=已作废", invoiceStatus="正常").status == "正常 (fpzt: 已作废)"


@pytest.mark.parametrize("pair", RED.split())
def test_what_only_a_red_invoice_has_says_that_it_may_be_one(pair: str) -> None:
    assert told_by(pair).may_be_red


@pytest.mark.parametrize("pair", NOT_RED.split())
def test_what_any_invoice_may_have_does_not(pair: str) -> None:
    assert not told_by(pair).may_be_red
    assert counts(told_by(pair).status)


@pytest.mark.parametrize("status", [True, False, 0, [2], {"code": 3}])
def test_status_that_is_no_text_is_told_all_the_same(status: Any) -> None:
    assert not counts(told_by("x=1", invoiceStatus=status).status)


def test_a_text_that_nobody_could_print_is_cut() -> None:
    assert found(note="注" * 1_000_000)["note"] == "注" * MAX_TEXT_CHARS


def test_a_password_is_masked_before_its_text_is_cut() -> None:
    note = found(note="x" * (MAX_TEXT_CHARS - 4) + "Geheim-4711")["note"]

    assert note == "x" * (MAX_TEXT_CHARS - 4) + "***"


def test_what_is_kept_aside_is_bounded_and_in_order() -> None:
    extra = found(a="1", b="x" * MAX_EXTRA_BYTES, c={"d": ["2"]}, **{"e" * MAX_EXTRA_BYTES: 1})["extra"]

    assert extra == {"a": "1", "c": {"d": ["2"]}}


def test_what_cannot_be_read_is_kept_aside_under_its_own_name() -> None:
    invoice = found(totalTax="about 3", sellerName={"zh": "甲"}, drawer=True)

    assert invoice == {"id": "7", "extra": {"totalTax": "about 3", "sellerName": {"zh": "甲"}, "drawer": True}}


@pytest.mark.parametrize("name", ["password", "userPwd", "sellerLoginAccount", "access_token", "密码"])
def test_members_named_like_secrets_are_left_out(name: str) -> None:
    assert found(**{name: "x"}) == {"id": "7"}
    assert item_of({"itemName": "a", name: "x"}) == {"itemName": "a"}


@pytest.mark.parametrize("row", [None, 7, "x", [], {}, {"id": None}])
def test_what_is_no_row_is_none(row: Any) -> None:
    assert listed_invoice(row, AnswerRedactor()) is None
    assert file_of(row, "http://gateway.test") is None
    assert item_of(row) is None


@pytest.mark.parametrize("missing", ["invoiceBasicInfoId", "type", "url"])
def test_a_file_says_whose_which_and_where_it_is_or_is_none(missing: str) -> None:
    row = {"invoiceBasicInfoId": 1, "type": "pdf", "url": "http://x/a.pdf", missing: None}

    assert file_of(row, "http://gateway.test") is None
