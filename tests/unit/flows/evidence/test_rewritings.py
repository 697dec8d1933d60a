"""Whatever the other side rewrites: what is only described otherwise is never absent, and what identifies another
invoice is never given. Over rewritings that nobody has seen yet."""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import MOMENT, exactly, make_invoice
from tests.examples import examples
from tests.unit.flows.submissions import issued, judge, kind_of, listed, subject
from worker.flows.evidence.replies import echo_of
from worker.flows.evidence.verdicts import Found
from worker.records import IssuedReply, ListedInvoice, SubmittedInvoice

NAMES = st.text(st.sampled_from("杭州示例科技有限公司甲乙丙ABCxyz()·-&é𬭚"), min_size=3, max_size=16).filter(
    lambda text: sum(each.isalnum() for each in text.split("𬭚")[0]) > 2
)
REMARKS = st.builds(
    "{}:{}-{}{}".format,
    st.sampled_from(["订单号", "合同", "PO"]),
    st.sampled_from(["SO", "HT"]),
    st.integers(100, 99999),
    st.sampled_from(["", "\n谢谢惠顾", " 🎉 谢谢", "(急)", "·甲"]),
)
Rewriting = Callable[[str], str]

REGISTERS: dict[str, Rewriting] = {
    "as it is": lambda text: text,
    "full width": lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
    "upper case": str.upper,
    "lower case": str.lower,
    "no blanks": lambda text: "".join(text.split()),
    "escaped": html.escape,
    "escaped twice": lambda text: html.escape(html.escape(text)),
    "by number": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "line feeds as breaks": lambda text: text.replace("\n", "<br/>"),
    "line feeds gone": lambda text: text.replace("\n", ""),
    "zero-width spaces": "\u200b".join,
    "in GBK, with question marks": lambda text: text.encode("gbk", "replace").decode("gbk"),
    "without what is beyond the BMP": lambda text: "".join(each for each in text if each <= "\uffff"),
    "cut before what is beyond the BMP": lambda text: re.split("[\U00010000-\U0010ffff]", text)[0],
    "with boxes": lambda text: "".join("□" if each > "\uffff" else each for each in text),
    "in traditional characters": lambda text: text.translate(str.maketrans("号谢惠顾订单", "號謝惠顧訂單")),
    "escaped for JSON twice": lambda text: text.replace("\n", "\\n"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "joiners": "\u200d".join,
    "other dots": lambda text: text.replace("·", "•"),
    "other brackets": lambda text: text.replace("(", "〔").replace(")", "〕"),
    "other dashes": lambda text: text.replace("-", "—"),
    "a full stop more": lambda text: text + "。",
    "with payee": lambda text: text + "\n收款人:李四 复核人:王五",
}  # fmt: skip


def written(text: str, rewriting: str) -> str:
    return REGISTERS[rewriting](text)


names, remarks = st.sampled_from([each for each in REGISTERS if each != "with payee"]), st.sampled_from(list(REGISTERS))


@settings(max_examples=examples(400), deadline=None)
@given(NAMES, REMARKS, names, remarks, st.booleans())
def test_rewriting_of_texts_is_never_absence(
    name: str, remark: str, of_name: str, of_remark: str, is_surely_issued: bool
) -> None:
    order = make_invoice(buyerName=name, remark=remark)
    sought = (issued if is_surely_issued else subject)(invoice=order)
    row = listed(1, buyerName=written(name, of_name), note=written(remark, of_remark))

    told = judge([sought], [row])[1]

    assert kind_of(told) == "found"


@settings(max_examples=examples(400), deadline=None)
@given(NAMES, REMARKS, names, remarks, st.data())
def test_whatever_is_left_out_masked_or_dated_otherwise_beside_it_is_never_absence(
    name: str, remark: str, of_name: str, of_remark: str, data: st.DataObject
) -> None:
    person = data.draw(st.booleans())
    codes = st.sampled_from(
        [
            *(None, "9133****848M", "9133xxxx848M", "9133××××848M", "91330701MA2DFB", "000000000000000", "无"),
            *("91330701MA2DFB848M", "税号:91330701MA2DFB848M", "91330701ma2dfb848m"),
        ]
    )
    personal = st.sampled_from([None, "0", "33****1234", "33010619900101123X"])
    party: dict[str, Any] = {"buyerIndentification": "", "buyerType": 1} if person else {}
    sought = subject(invoice=make_invoice(buyerName=name, remark=remark, **party))
    row = listed(
        1,
        buyerName=data.draw(
            st.sampled_from([None, written(name, of_name), written(name, of_name) + ("（个人）" if person else "")])
        ),
        buyerIdentificationNumber=data.draw(personal if person else codes),
        note=data.draw(st.sampled_from([None, written(remark, of_remark)])),
        sellerName=data.draw(st.sampled_from([None, "XYZ科技（杭州）有限公司"])),
        totalPriceAndTax=data.draw(st.sampled_from([None, Decimal(0), Decimal(226)])),
    )
    shift = data.draw(st.sampled_from([timedelta(0), timedelta(minutes=-6), timedelta(hours=-8), timedelta(hours=-23)]))

    told = judge([sought], [replace(row, dated=exactly(MOMENT + shift))])[1]

    assert kind_of(told) != "nothing"


CONTRADICTIONS: dict[str, Callable[[ListedInvoice], ListedInvoice]] = {
    "another seller": lambda row: replace(row, seller_id="91330701MA2M37T86X"),
    "another buyer": lambda row: replace(row, buyer_id="91330701MA2DFB848X"),
    "another total": lambda row: replace(row, total=Decimal(999), total_without_tax=Decimal(900)),
    "another remark": lambda row: replace(row, note="订单号:QQ-7"),
    "a remark that goes on": lambda row: replace(row, note=f"{row.note}7"),
    "a red one": lambda row: replace(row, is_positive=False),
    "long before": lambda row: replace(row, dated=exactly(MOMENT - timedelta(days=2))),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
@settings(max_examples=examples(60), deadline=None)
@given(NAMES, st.integers(100, 99999), names)
def test_invoice_that_is_another_one_is_never_given(contradiction: str, name: str, number: int, of_name: str) -> None:
    remark = f"订单号:SO-{number}"
    sought = subject(invoice=make_invoice(buyerName=name, remark=remark))
    row = CONTRADICTIONS[contradiction](listed(1, buyerName=written(name, of_name), note=remark))

    assert not isinstance(judge([sought], [row])[1], Found)


@settings(max_examples=examples(400), deadline=None)
@given(NAMES, REMARKS, names, remarks)
def test_rewritten_echo_is_of_its_order(name: str, remark: str, of_name: str, of_remark: str) -> None:
    sent = SubmittedInvoice.read({"invoice": make_invoice(buyerName=name, remark=remark)})
    reply = IssuedReply(
        seller_id=sent.seller_id,
        seller_name="another name",
        buyer_id=sent.buyer_id,
        buyer_name=written(name, of_name),
        remark=written(remark, of_remark),
        lines=sent.lines,
    )

    assert echo_of(sent, reply).fits
