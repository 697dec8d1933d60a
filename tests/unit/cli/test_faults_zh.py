"""What is wrong with an order, in Chinese: every sentence that a usual mistake brings, and none that nobody says."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import contracts
import worker
from contracts import example_files
from worker.cli import story
from worker.cli.faults_zh import SENTENCES, in_chinese
from worker.cli.send import examined
from worker.settings import Settings

Order = dict[str, Any]


def _changed(**members: Any) -> Callable[[Order], None]:
    return lambda order: order.update(members)


def _invoice(**members: Any) -> Callable[[Order], None]:
    return lambda order: order["invoice"].update(members)


def _line(**members: Any) -> Callable[[Order], None]:
    return lambda order: order["invoice"]["invoiceItems"][0].update(members)


def _without(name: str) -> Callable[[Order], None]:
    return lambda order: order.pop(name)


MISTAKES: dict[str, Callable[[Order], Any]] = {
    "no user": _without("userId"),
    "user a number": _changed(userId=7),
    "user too long": _changed(userId="x" * 300),
    "user with a line feed": _changed(userId="a\nb"),
    "no login": _without("login"),
    "empty login": _changed(login={}),
    "login a text": _changed(login="me"),
    "credential of dots": _changed(login=None, credential="../x"),
    "deadline in words": _changed(deadline="tomorrow"),
    "total of three places": _changed(expectedTotal="1.234"),
    "total in words": _changed(expectedTotal="viel"),
    "total true": _changed(expectedTotal=True),
    "misspelt": _changed(orderNumber="1"),
    "unknown": _changed(zzz=1),
    "of a query": _changed(condition={}),
    "of the invoice": _changed(buyerName="x"),
    "discount without a line": _changed(discounts=[{"line": 99, "amount": "1.00"}]),
    "discount too large": _changed(discounts=[{"line": 1, "amount": "99999.00"}]),
    "discount of nothing": _changed(discounts=[{"line": 1, "amount": "0"}]),
    "discount of a line in words": _changed(discounts=[{"line": "one", "amount": "1"}]),
    "discount that fits no price": lambda order: (
        _line(quantity="7", unitPrice="1.00")(order),
        _changed(discounts=[{"line": 1, "amount": "0.01"}])(order),
        order["invoice"]["invoiceItems"][0].update(quantity="3000000001"),
    ),
    "double a text": _changed(allowDuplicate="yes"),
    "no lines": _invoice(invoiceItems=[]),
    "lines an object": _invoice(invoiceItems={}),
    "too many lines": lambda order: order["invoice"].update(invoiceItems=order["invoice"]["invoiceItems"] * 3000),
    "buyer without a name": _invoice(buyerName=""),
    "buyer with brackets": _invoice(buyerName="a<b"),
    "buyer of question marks": _invoice(buyerName="????"),
    "buyer null in words": _invoice(buyerName="null"),
    "buyer lost": _invoice(buyerName="示例\ufffd公司"),
    "buyer misread": _invoice(buyerName="示例购买方有限公司".encode().decode("latin-1")),
    "buyer's type": _invoice(buyerType=3),
    "person with a special invoice": _invoice(buyerType=1, buyerInvoiceType=1),
    "special invoice without a tax id": _invoice(buyerInvoiceType=1, buyerIndentification=""),
    "special invoice for 无": _invoice(buyerInvoiceType=1, buyerIndentification="无"),
    "tax id of odd letters": _invoice(buyerIndentification="税号"),
    "tax id too long": _invoice(buyerIndentification="9" * 40),
    "seller's tax id too short": _invoice(sellerIndentification="91"),
    "tax id twice": _invoice(buyerIndentification="91310000EXAMPLE023", buyerIdentification="91310000EXAMPLE024"),
    "tax id of dashes": _invoice(sellerIndentification="-"),
    "long remark": _invoice(remark="x" * 300),
    "total in the invoice": _invoice(totalAmount="1"),
    "red letter": _invoice(redInfoNo="1"),
    "tax rate": _line(taxRate="0.13"),
    "amount of a line": _line(amount="1"),
    "what a ledger has": _invoice(kpr="1", invoiceDate="2026-01-01", currency="CNY", freight="1", XHF_NSRSBH="1"),
    "where to answer": _changed(callbackUrl="https://shop.example"),
    "account of a spreadsheet": _invoice(buyerBankAccount="6.22202E+18"),
    "no phone": _invoice(buyerPhone=False),
    "account a number": _invoice(buyerBankAccount=6222021202),
    "quantity of nothing": _line(quantity="0"),
    "no quantity": _line(quantity=None, unitPrice=""),
    "discount in a line": _line(discountAmount="1"),
    "quantity in words": _line(quantity="viele"),
    "quantity below zero": _line(quantity="-1"),
    "fraction": _line(quantity="1.5"),
    "price below zero": _line(unitPrice="-1"),
    "price of a float": _line(unitPrice=0.1 + 0.2),
    "price of many places": _line(unitPrice="1.1234567890123"),
    "price of nothing": lambda order: [line.update(unitPrice="0") for line in order["invoice"]["invoiceItems"]],
    "name with a tab inside": _line(name="a\x07b"),
}


def _said(body: bytes, command_type: str = "invoice.issue") -> list[str]:
    data = examined(body, command_type, Settings(remark_max_chars=230))["data"]
    assert not data.get("accepted")
    return [error["message"] for error in data["errors"]]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_wrong_with_an_order_is_said_in_chinese(mistake: str) -> None:
    order = copy.deepcopy(example_files.commands()["invoice.issue"]["data"])
    MISTAKES[mistake](order)
    english = [each for each in _said(json.dumps(order).encode()) if in_chinese(each) == each]
    assert english == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"{}"', b"<a/>", b"eyJhIjoxfQ==", b"{'a': 1}", b'{"a": 1, "a": 2}', "{示".encode("utf-16"),
     '{"a": "示例"}'.encode("gbk"), b'{"a": "\xff\xff\xff"}', b"{}" + b" " * 2_000_000],
)  # fmt: skip
def test_what_is_no_order_is_said_in_chinese(body: bytes) -> None:
    assert [each for each in _said(body) if in_chinese(each) == each] == []


def test_a_query_is_said_in_chinese() -> None:
    days = {"startInvoiceDate": "2026-02-01", "endInvoiceDate": "yesterday", "queryType": 2}
    query = {"userId": "1", "credential": "a", "condition": days, "page": {"pageSize": 0}, "files": ["doc"]}
    assert [each for each in _said(json.dumps(query).encode(), "invoice.query") if in_chinese(each) == each] == []


def test_every_sentence_is_one_that_is_said() -> None:
    """Changed in English, a sentence would stay so in a Chinese terminal, and its line here would help nobody."""
    folders = (Path(contracts.__path__[0]), Path(worker.__path__[0], "intake"), Path(worker.__path__[0], "flows"))
    source = "".join(file.read_text() for folder in folders for file in folder.glob("*.py"))
    source = re.sub(r'"\n\s*f?"', "", source).replace('\\"', '"')
    parts = {
        part.strip(" ;:,")
        for english, _ in SENTENCES
        for part in re.split(r"\{\}|[;:,] |[()]|the body |must be |is (?:in|not) |a line feed |not UTF", english)
    }
    assert {part for part in parts if len(part) > 4 and part not in source} == set()


def test_what_nobody_translated_stays_as_it_is() -> None:
    assert in_chinese("is of a later version") == "is of a later version"


def test_a_rejection_is_told_in_chinese(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    wrong = [{"path": "/userId", "message": "is required"}, {"path": "", "message": "the body is empty"}]
    story.tell({"type": "invoice.issue.rejected", "data": {"code": "invalid", "errors": wrong}})
    told = capsys.readouterr().out
    assert "/userId: 必填" in told
    assert "（整条消息）: 消息体为空" in told
