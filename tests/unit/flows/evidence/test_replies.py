"""Which replies count as an answer to what was submitted (traps 3, 8, 9, 26, 32, 33)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.builders import make_invoice, make_item
from worker.flows.evidence.replies import fits

ORDER = make_invoice(invoiceItems=[make_item(), make_item(name="商品B", quantity=Decimal(1))], remark="订单 1")


def reply_to(order: dict[str, Any], **members: Any) -> dict[str, Any]:
    """An echo of the order with these members changed; None leaves one out."""
    changed = {**order, **members}
    return {name: value for name, value in changed.items() if value is not None}


def reply_with_item(**members: Any) -> dict[str, Any]:
    first, second = ORDER["invoiceItems"]
    return reply_to(ORDER, invoiceItems=[{**first, **members}, second])


FITTING = {
    "the whole echo": reply_to(ORDER),
    "flags as text": reply_to(ORDER, buyerInvoiceType="0", buyerType="0"),
    "no remark": reply_to(ORDER, remark=None),
    "no tax id of the buyer": reply_to(ORDER, buyerIndentification=None),
    "no seller, but the items": reply_to(ORDER, sellerName=None, sellerIndentification=None),
    "no items, but the seller": reply_to(ORDER, invoiceItems=None),
    "an empty list of items, but the seller": reply_to(ORDER, invoiceItems=[]),
    "full-width letters": reply_to(ORDER, buyerName="ＡＢＣ公司"),
    "spaces at the ends": reply_to(ORDER, buyerName=" ABC公司 ", remark=" 订单  1\n"),
    "a tax id in small letters": reply_to(ORDER, sellerIndentification="91330701ma2m37t86l"),
    "a tax id with hyphens": reply_to(ORDER, buyerIndentification="91330701-MA2DFB848-M"),
    "a quantity as text": reply_with_item(quantity="2"),
    "a quantity with decimals": reply_with_item(quantity=Decimal("2.00")),
    "a price without decimals": reply_with_item(unitPrice=100),
    "no price": reply_with_item(unitPrice=None),
    "no specification": reply_with_item(spec=None, unit=""),
    "a tax classification before the name": reply_with_item(name="*信息技术服务*商品A"),
}
STRANGE = {
    "another buyer": reply_to(ORDER, buyerName="ABD公司"),
    "no buyer at all": reply_to(ORDER, buyerName=None),
    "another tax id of the buyer": reply_to(ORDER, buyerIndentification="91330701MA2DFB848N"),
    "another seller": reply_to(ORDER, sellerIndentification="91330701MA2M37T86X"),
    "another seller's name": reply_to(ORDER, sellerName="XYZ"),
    "only the buyer": {"buyerName": "ABC公司"},
    "the buyer and the remark": {"buyerName": "ABC公司", "remark": "订单 1"},
    "nothing": {},
    "one item less": reply_to(ORDER, invoiceItems=ORDER["invoiceItems"][:1]),
    "one item more": reply_to(ORDER, invoiceItems=[*ORDER["invoiceItems"], make_item()]),
    "items in another order": reply_to(ORDER, invoiceItems=ORDER["invoiceItems"][::-1]),
    "another quantity": reply_with_item(quantity=Decimal("2.01")),
    "another price": reply_with_item(unitPrice=Decimal("100.01")),
    "a quantity that is no number": reply_with_item(quantity="two"),
    "another specification": reply_with_item(spec="规格C"),
    "another unit": reply_with_item(unit="套"),
    "a longer name with ours at its end": reply_with_item(name="新商品A"),
    "a name without": reply_with_item(name=None),
    "an empty remark where ours is not": reply_to(ORDER, remark=""),
    "another remark": reply_to(ORDER, remark="订单 2"),
    "a longer remark that begins like ours": reply_to(ORDER, remark="订单 12"),
    "a longer remark that holds ours as a word": reply_to(ORDER, remark="订单 1 补"),
}


@pytest.mark.parametrize("reply", list(FITTING.values()), ids=list(FITTING))
def test_reply_fits(reply: dict[str, Any]) -> None:
    assert fits(ORDER, reply)


@pytest.mark.parametrize("reply", list(STRANGE.values()), ids=list(STRANGE))
def test_reply_does_not_fit(reply: dict[str, Any]) -> None:
    assert not fits(ORDER, reply)


@pytest.mark.parametrize(
    ("ours", "theirs", "does_fit"),
    [
        ("订单 1", "订单 1 销方开户银行:招商银行; 银行账号:9876543210987654321", True),
        ("订单 1", "购方开户银行:工商银行;订单 1", True),
        ("订单 1", "订单 12 销方开户银行:招商银行", False),
        ("订单 1", "新订单 1 销方开户银行:招商银行", False),
        ("订单 1", "销方开户银行:招商银行", False),
        ("", "销方开户银行:招商银行", True),
        ("", "", True),
    ],
)
def test_bank_data_may_stand_beside_the_remark_where_it_was_asked_for(ours: str, theirs: str, does_fit: bool) -> None:
    order = make_invoice(remark=ours, sellerBankShow=1)

    assert fits(order, reply_to(order, remark=theirs)) is does_fit


def test_remark_nobody_sent_contradicts() -> None:
    order = make_invoice(remark="")

    assert not fits(order, reply_to(order, remark="somebody's order 7"))


@pytest.mark.parametrize(("one", "other"), [("订单 1", "订单 2"), ("订单 1", "订单 10"), ("A", "A B"), ("", "A")])
def test_twins_that_differ_by_their_remark_alone_are_told_apart(one: str, other: str) -> None:
    first, second = make_invoice(remark=one), make_invoice(remark=other)

    assert fits(first, reply_to(first))
    assert fits(second, reply_to(second))
    assert not fits(first, reply_to(second))
    assert not fits(second, reply_to(first))


def test_natural_person_without_tax_id_fits() -> None:
    order = make_invoice(buyerIndentification="", buyerType=1, buyerName="张三")

    assert fits(order, reply_to(order, buyerIndentification=""))
    assert not fits(order, reply_to(order, buyerIndentification="91330701MA2DFB848M"))


def test_classification_that_we_sent_may_be_missing_in_the_reply() -> None:
    order = make_invoice(invoiceItems=[make_item(name="*软件*商品A")])

    assert fits(order, reply_to(order, invoiceItems=[make_item(name="商品A")]))
    assert not fits(order, reply_to(order, invoiceItems=[make_item(name="*硬件*商品A")]))
