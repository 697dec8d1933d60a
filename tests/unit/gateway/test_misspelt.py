"""Every place where a vendor's member is named matters: misspell one, and what comes of these samples is another.

Evidence rests on these reads, and each has a default: a member that is misspelt would be "not told" for ever, which
nobody would notice. The code is changed one name at a time and run in this process.
"""

import ast
import json
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.commands import Invoice, InvoiceItem
from contracts.gateway import InvoiceInfo, InvoicePdf
from contracts.invoices import FoundInvoice, FoundItem
from tests.unit.gateway.dialogue import INVOICE, LOGIN, PASSWORD, RESULT, SUBMISSION, frame
from worker.gateway import codec, rows
from worker.gateway.redaction import AnswerRedactor
from worker.records import invoices

ENVELOPE = {"type", "data", "sendToId", "invoice", "expectedTotal", "taxRateValue", "url"}
MODELS = (Invoice, InvoiceItem, InvoiceInfo, InvoicePdf, FoundInvoice, FoundItem)
WORDS = ENVELOPE.union(*(model.model_fields for model in MODELS)) - {"extra"}

ROW: dict[str, Any] = {
    "id": 7,
    "countETicketNumbers": "26332000000000000001",
    "sellerIdentificationNumber": "91330701MA2M37T86L",
    "sellerName": "卖方",
    "buyerIdentificationNumber": "91330701MA2DFB848M",
    "buyerName": "买方",
    "invoiceDate": "2026-03-01 10:11:12",
    "totalAmount": "100",
    "totalTax": "13",
    "totalPriceAndTax": "113",
    "invoiceSource": "电子发票服务平台",
    "invoiceType": "数电票（普通发票）",
    "invoiceStatus": "正常",
    "isInvoicePositive": "是",
    "invoiceRiskLevel": "正常",
    "drawer": "张三",
    "note": "订单号:7",
    "vipId": "1",
    "queryType": 0,
    "specificBusinessType": "无",
}
ITEM: dict[str, Any] = {
    "id": 8,
    "invoiceBasicInfoId": 7,
    "countETicketNumbers": "26332000000000000001",
    "taxClassificationCode": "3040203",
    "specificBusinessType": "无",
    "itemName": "*咨询*费",
    "spec": "s",
    "unit": "次",
    "quantity": "2",
    "unitPrice": "50",
    "amount": "100",
    "taxRate": "13%",
    "tax": "13",
    "totalPriceAndTax": "113",
}
FILE = {"invoiceBasicInfoId": 7, "type": "pdf", "url": "http://h/a.pdf", "countETicketNumbers": "26332000000000000001"}
FULL_RESULT = INVOICE | RESULT | {"buyerType": 1, "buyerBankShow": 1, "sellerBankShow": 1, "invoiceNumber": "2633"}


def without(sample: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in sample.items() if name not in names}


def listed(module: Any) -> list[Any]:
    """What a page's rows, their items and files come to; red ones, sums that differ, and what is not told too."""
    unsigned = without(ROW, "isInvoicePositive")
    samples = [
        ROW,
        unsigned | {"totalPriceAndTax": "-113", "totalAmount": "100"},
        without(unsigned, "totalPriceAndTax") | {"totalAmount": "-100"},
        ROW | {"isInvoicePositive": "否"},
        ROW | {"isInvoicePositive": "2"},
        *(
            ROW | {name: "已作废"}
            for name in ("invoiceType", "invoiceSource", "invoiceRiskLevel", "specificBusinessType")
        ),
        ROW | {"totalAmount": "90"},
        ROW | {"totalTax": "20"},
        *(without(ROW, name) for name in ("totalAmount", "totalTax", "totalPriceAndTax", "id")),
        ROW | {"invoiceDate": [2026, 3, 1, 10, 11]},
    ]
    seen = [module.listed_invoice(sample, AnswerRedactor()) for sample in samples]
    return [*seen, module.item_of(ITEM), module.file_of(FILE, "http://h"), module.file_of(without(FILE, "type"), "")]


FRAME = {"type": "invoice_pdf", "sendToId": "1111", "data": "0"}


def spoken(module: Any) -> list[Any]:
    """What is sent, and what comes of a result in the manual's spelling, in the right one, and as a draft."""
    bank = INVOICE | {"buyerBankShow": 1, "sellerBankShow": 1, "buyerInvoiceType": 1, "buyerType": 1}
    lines = [{"name": "n", "quantity": "2", "spec": "s", "unit": "u", "unitPrice": "3"}]
    results = [
        FULL_RESULT,
        FULL_RESULT | {"isDrafts": 1},
        FULL_RESULT | {"isDrafts": "perhaps"},
        FULL_RESULT | {"invoiceItems": {"name": 1, "spec": 2, "unit": 3, "quantity": "4", "unitPrice": "5"}},
        without(RESULT, "buyerIndentification") | {"buyerIdentification": "9", "sellerIdentification": "8"},
    ]
    sent = replace(SUBMISSION, invoice=bank | {"invoiceItems": lines})
    told = [module.result_of(result, [PASSWORD], [], "http://h") for result in results]
    alone = [{name: "1"} for name in InvoicePdf.model_fields]
    return [
        module.login_frame(LOGIN),
        module.invoice_frame(sent),
        module.read_frame(frame("login", {"data": RESULT})),
        [module.read_frame(json.dumps(FRAME | beside)).answer for beside in ({}, {"code": 500})],
        [module.has_result_members(data) for data in alone],
        [module.is_surely_result(data) for data in alone],
        [module.is_doubtful({"invoiceUrl": url}, {"data": "x"}) for url in ("失败", "http://h/a.pdf", None)],
        [module.names_an_invoice({name: "http://h/a.pdf"}) for name in ("invoiceUrl", "type", "sendToId", "x")],
        [(each.reply, each.reply.told) if each else None for each in told],
    ]


def submitted(module: Any) -> list[Any]:
    """What a journaled order is held to, with each bank switch alone."""
    full: dict[str, Any] = INVOICE | {"buyerType": 1, "buyerInvoiceType": 1}
    line = full["invoiceItems"][0] | {"spec": "s"}
    order: dict[str, Any] = {"invoice": full | {"invoiceItems": [line]}, "expectedTotal": "201.00"}
    banks = [order | {"invoice": order["invoice"] | {name: 1}} for name in ("buyerBankShow", "sellerBankShow")]
    return [module.SubmittedInvoice.read(each) for each in [order, *banks]]


PLACES: tuple[tuple[types.ModuleType, Callable[[Any], list[Any]]], ...] = (
    (rows, listed),
    (codec, spoken),
    (invoices, submitted),
)


def named(tree: ast.Module) -> Iterator[tuple[ast.Constant, str]]:
    """Where a vendor's member stands in the code."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings and node.value in WORDS:
            yield node, str(node.value)


def made_of(tree: ast.Module, like: types.ModuleType) -> types.ModuleType:
    """The module that this code is."""
    module = types.ModuleType("misspelt")
    module.__file__ = like.__file__
    sys.modules["misspelt"] = module
    try:
        exec(compile(tree, "misspelt", "exec"), module.__dict__)  # noqa: S102  our own code, a word changed
    finally:
        del sys.modules["misspelt"]
    return module


def outcome(tree: ast.Module, like: types.ModuleType, probe: Callable[[Any], list[Any]]) -> str:
    try:
        return repr(probe(made_of(tree, like)))
    except Exception as error:
        return repr(error)


@pytest.mark.parametrize(("module", "probe"), PLACES, ids=lambda given: getattr(given, "__name__", ""))
def test_each_name_that_is_misspelt_is_noticed(module: types.ModuleType, probe: Callable[[Any], list[Any]]) -> None:
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    right = repr(probe(made_of(tree, module)))
    unnoticed, places = [], list(named(tree))
    for place, word in places:
        place.value = f"{word}X"
        if outcome(tree, module, probe) == right:
            unnoticed.append((place.lineno, word))
        place.value = word

    assert len(places) > 10
    assert unnoticed == []
