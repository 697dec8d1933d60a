"""Which replies count as an answer to what was submitted (traps 3, 8, 9, 26, 32, 33)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.builders import make_invoice, make_item
from worker.flows.evidence.replies import Late, Mine, StrayReply, apart_by, counts, echo_of, judge, owner
from worker.gateway.codec import result_of
from worker.records import IssuedReply, SubmittedInvoice

ORDER = make_invoice(invoiceItems=[make_item(), make_item(name="商品B", quantity=Decimal(1))], remark="订单 1")


def sent(order: dict[str, Any]) -> SubmittedInvoice:
    return SubmittedInvoice.read({"invoice": order})


def told(reply: dict[str, Any]) -> IssuedReply:
    shown = result_of(reply, (), frozenset(), "http://gateway.example")
    assert shown is not None
    return shown.reply


def fits(order: dict[str, Any], reply: dict[str, Any]) -> bool:
    return echo_of(sent(order), told(reply)).fits


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
    "no name of the goods": reply_with_item(name=None),
    "a word for none in place of the specification": reply_with_item(spec="无", unit="/"),
    "a name of the goods that was cut": reply_with_item(name="商…"),
    "a line without anything": reply_to(ORDER, invoiceItems=[*ORDER["invoiceItems"], {}]),
    "a word for none in place of yes or no": reply_to(ORDER, isDrafts="null"),
    "a quantity that is no number": reply_with_item(quantity="two"),
    "another name of the buyer beside its tax id": reply_to(ORDER, buyerName="ABC有限责任公司"),
    "the buyer by its tax id alone": reply_to(ORDER, buyerName=None),
    "a masked tax id": reply_to(ORDER, buyerIndentification="9133****848M"),
    "another seller's name": reply_to(ORDER, sellerName="XYZ科技（杭州）有限公司"),
    "a remark that was printed with more": reply_to(ORDER, remark="订单 1\n收款人:李四"),
    "a remark that was cut": reply_to(ORDER, remark="订单"),
    "a price without tax": reply_with_item(unitPrice=Decimal("88.50")),
    "a price with tax": reply_with_item(unitPrice=Decimal(113)),
}
STRANGE = {
    "another buyer, without a tax id": reply_to(ORDER, buyerName="ABD公司", buyerIndentification=None),
    "no buyer at all": reply_to(ORDER, buyerName=None, buyerIndentification=None),
    "a special invoice (专票)": reply_to(ORDER, buyerInvoiceType=1),
    "a person": reply_to(ORDER, buyerType=1),
    "a longer remark with another number": reply_to(ORDER, remark="订单 1 订单 2"),
    "a masked tax id of another": reply_to(ORDER, buyerIndentification="9133****848N"),
    "another tax id of the buyer": reply_to(ORDER, buyerIndentification="91330701MA2DFB848N"),
    "another seller": reply_to(ORDER, sellerIndentification="91330701MA2M37T86X"),
    "only the buyer": {"buyerName": "ABC公司"},
    "the buyer and the remark": {"buyerName": "ABC公司", "remark": "订单 1"},
    "nothing": {},
    "one item less": reply_to(ORDER, invoiceItems=ORDER["invoiceItems"][:1]),
    "one item more": reply_to(ORDER, invoiceItems=[*ORDER["invoiceItems"], make_item()]),
    "items in another order": reply_to(ORDER, invoiceItems=ORDER["invoiceItems"][::-1]),
    "another quantity": reply_with_item(quantity=Decimal("2.01")),
    "another price": reply_with_item(unitPrice=Decimal("100.01")),
    "another specification": reply_with_item(spec="规格C"),
    "another unit": reply_with_item(unit="套"),
    "a longer name with ours at its end": reply_with_item(name="新商品A"),
    "an empty remark where ours is not": reply_to(ORDER, remark=""),
    "another remark": reply_to(ORDER, remark="订单 2"),
    "a longer remark that begins like ours": reply_to(ORDER, remark="订单 12"),
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
    assert fits(order, reply_to(order, buyerIndentification="33010619900101123X"))
    assert fits(order, reply_to(order, buyerIndentification="G12345678"))


@pytest.mark.parametrize(("ours", "theirs"), [("张三丰", "张三"), ("张三", "张三丰"), ("ABC公司杭州分公司", "ABC公司")])
def test_reply_of_whoever_has_part_of_the_buyers_name_is_not_its_own(ours: str, theirs: str) -> None:
    """Nothing but the name says who it is: 张三's late result settled the order of 张三丰, which was never issued."""
    order = make_invoice(buyerIndentification="", buyerType=int("公司" not in ours), buyerName=ours)
    late = sent(order)

    assert not fits(order, reply_to(order, buyerName=theirs))
    assert judge(told(reply_to(order, buyerName=theirs)), None, [late]) == StrayReply("does_not_fit", (0,))


def test_number_that_the_register_adds_tells_two_orders_apart_all_the_same() -> None:
    """Both buyers are called 张三, one gave the number of a card."""
    without = make_invoice(buyerIndentification="", buyerType=1, buyerName="张三")
    with_card = without | {"buyerIndentification": "33010619900101123X"}
    orders = [sent(without), sent(with_card)]

    assert owner(told(reply_to(with_card)), orders) == 1
    assert owner(told(reply_to(without)), orders) is None


def test_classification_that_we_sent_may_be_missing_in_the_reply() -> None:
    order = make_invoice(invoiceItems=[make_item(name="*软件*商品A")])

    assert fits(order, reply_to(order, invoiceItems=[make_item(name="商品A")]))
    assert not fits(order, reply_to(order, invoiceItems=[make_item(name="*硬件*商品A")]))


# ---- two orders of a lane ------------------------------------------------------------------------------

BASE = make_invoice(invoiceItems=[make_item()], remark="订单 1")
APART: dict[str, dict[str, Any]] = {
    "buyerName": {"buyerName": "另一家公司", "buyerIndentification": ""},
    "buyerIndentification": {"buyerIndentification": "91330701MA2DFB848X"},
    "buyerType": {"buyerType": 1},
    "buyerInvoiceType": {"buyerInvoiceType": 1},
    "remark": {"remark": "订单 2"},
    "no remark": {"remark": ""},
    "name": {"invoiceItems": [make_item(name="商品B")]},
    "quantity": {"invoiceItems": [make_item(quantity=Decimal(3))]},
    "spec": {"invoiceItems": [make_item(spec="规格B")]},
    "unit": {"invoiceItems": [make_item(unit="套")]},
    "unitPrice": {"invoiceItems": [make_item(unitPrice=Decimal(250))]},
    "lines": {"invoiceItems": [make_item(), make_item()]},
}


def without(order: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The echo of the order without what tells it from the other."""
    echo = {name: value for name, value in order.items() if value != "" and other.get(name) == value}
    lines = order["invoiceItems"]
    if len(lines) == len(other["invoiceItems"]):
        pairs = zip(lines, other["invoiceItems"], strict=True)
        echo["invoiceItems"] = [
            {name: value for name, value in one.items() if two[name] == value} for one, two in pairs
        ]
    return echo


@pytest.mark.parametrize("changes", list(APART.values()), ids=list(APART))
@pytest.mark.parametrize("swapped", [False, True])
def test_late_result_without_what_tells_two_orders_apart_settles_neither(
    changes: dict[str, Any], swapped: bool
) -> None:
    """A is in doubt and B was submitted: whatever comes may be A's."""
    first, second = BASE, BASE | changes
    if swapped:
        first, second = second, first

    reply = told(without(first, second))

    assert not counts(sent(second), reply, [sent(first)])
    assert owner(reply, [sent(second), sent(first)]) is None


@pytest.mark.parametrize("changes", list(APART.values()), ids=list(APART))
@pytest.mark.parametrize("swapped", [False, True])
def test_whole_result_is_of_the_order_that_it_echoes(changes: dict[str, Any], swapped: bool) -> None:
    first, second = BASE, BASE | changes
    if swapped:
        first, second = second, first

    assert owner(told(reply_to(first)), [sent(second), sent(first)]) == 1
    assert owner(told(reply_to(second)), [sent(second), sent(first)]) == 0


def test_result_is_nobodys_where_the_two_cannot_be_told_apart() -> None:
    assert apart_by(sent(BASE), sent(BASE)) == frozenset()
    assert owner(told(reply_to(BASE)), [sent(BASE), sent(BASE)]) is None


def test_cut_text_that_is_the_one_in_full_may_be_the_others_cut() -> None:
    """A's remark is `谢谢惠顾张三`, B's `谢谢惠顾`, and the register cuts."""
    a, b = (make_invoice(remark=remark) for remark in ("谢谢惠顾张三", "谢谢惠顾"))

    assert not counts(sent(b), told(reply_to(b)), [sent(a)])
    assert counts(sent(b), told(reply_to(b)), [])


def test_what_differs_is_told() -> None:
    echo = echo_of(sent(ORDER), told(reply_to(ORDER, sellerName="XYZ科技", remark="订单 1\n收款人:李四")))

    assert [each.member for each in echo.differs] == ["sellerName", "remark"]
    assert echo.differs[0].told() == {"member": "sellerName", "sent": "XYZ科技有限公司", "listed": "XYZ科技"}


FIRST, SECOND = sent(make_invoice(remark="订单 1")), sent(make_invoice(remark="订单 2"))
TELLS_FIRST, TELLS_NEITHER = reply_to(make_invoice(remark="订单 1")), reply_to(make_invoice(), remark=None)


@pytest.mark.parametrize(
    ("reply", "hand", "others", "judged"),
    [
        (TELLS_FIRST, FIRST, [], Mine()),
        (TELLS_FIRST, FIRST, [SECOND], Mine()),
        (TELLS_FIRST, SECOND, [FIRST], Late(0)),
        (TELLS_FIRST, None, [SECOND, FIRST], Late(1)),
        (TELLS_NEITHER, FIRST, [], Mine()),
        (TELLS_NEITHER, FIRST, [SECOND], StrayReply("fits_several", (0,), may_be_mine=True)),
        (TELLS_NEITHER, None, [FIRST, SECOND], StrayReply("fits_several", (0, 1))),
        (reply_to(make_invoice(remark="订单 3")), FIRST, [SECOND], StrayReply("does_not_fit", (0,))),
        (
            reply_to(make_invoice(), buyerName="甲公司", buyerIndentification=None),
            None,
            [FIRST],
            StrayReply("does_not_fit", ()),
        ),
    ],
)
def test_whose_a_reply_is(
    reply: dict[str, Any],
    hand: SubmittedInvoice | None,
    others: list[SubmittedInvoice],
    judged: Mine | Late | StrayReply,
) -> None:
    """Of the order in hand, of one before it, or of nobody for certain; then it is kept for each that it may be of."""
    assert judge(told(reply), hand, others) == judged


def test_a_reply_that_does_not_tell_all_may_be_of_an_order_that_cannot_be_read() -> None:
    assert judge(told(TELLS_FIRST), FIRST, [], may_be_more=True) == Mine()
    assert judge(told(TELLS_NEITHER), FIRST, [], may_be_more=True) == StrayReply("fits_several", (), may_be_mine=True)
