"""Replies have the manual's shape, and each trap's shape when a fault asks for it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from contracts.gateway import InvoicePdf
from worker.sandbox.replies import bent_result, frame, other_invoice, result, status

ITEMS = [{"name": "商品A", "quantity": 2, "spec": "", "unit": "件", "unitPrice": Decimal("100.10")}]
ORDER: dict[str, Any] = {
    "buyerName": "甲公司",
    "buyerType": 0,
    "sellerName": "乙公司",
    "sellerLoginPassword": "pw",
    "remark": "r",
    "invoiceItems": ITEMS,
}


def plain() -> dict[str, Any]:
    return result(ORDER, user_id="1111", url="http://h/1.pdf", as_draft=False)


def bent(*faults: str) -> Any:
    return bent_result(plain(), dict.fromkeys(faults, 0.0))[1]


def test_a_result_has_the_manuals_members_all_text_with_items_as_json_text() -> None:
    told = plain()
    assert list(told) == list(InvoicePdf.model_fields)
    assert all(isinstance(value, str) for value in told.values())
    assert told["invoiceItems"] == '[{"name":"商品A","quantity":2,"spec":"","unit":"件","unitPrice":100.1}]'
    assert (told["buyerType"], told["isDrafts"], told["sellerLoginPassword"]) == ("0", "0", "pw")


@pytest.mark.parametrize(
    ("faults", "success", "failure"),
    [
        ((), "1", "0"),
        (("numeric_status",), 1, 0),
        (("boolean_status",), True, False),
        (("null_failure",), "1", None),
        (("null_failure", "numeric_status"), 1, None),
    ],
)
def test_a_status_has_the_word_asked_for(faults: tuple[str, ...], success: Any, failure: Any) -> None:
    """Traps 17 and 19."""
    asked = dict.fromkeys(faults, 0.0)
    assert (status(True, asked), status(False, asked)) == (success, failure)


def test_a_frame_names_the_user_as_text_or_as_a_number() -> None:
    """Trap 7."""
    assert frame("login", "1111", "1", {}) == '{"type":"login","sendToId":"1111","data":"1"}'
    assert json.loads(frame("login", "1111", "1", {"numeric_send_to_id": 0.0}))["sendToId"] == 1111
    assert json.loads(frame("login", "a1", "1", {"numeric_send_to_id": 0.0}))["sendToId"] == "a1"


def test_each_shape_can_be_asked_for() -> None:
    """Traps 1, 16, 32, 33, 35, 52 and 55."""
    assert bent("items_as_list")["invoiceItems"][0]["name"] == "商品A"
    assert bent("items_empty")["invoiceItems"] == ""
    assert (bent("integers_for_flags")["buyerType"], bent("integers_for_flags")["isDrafts"]) == (0, 0)
    assert bent("url_with_curly_quotes")["invoiceUrl"] == "“http://h/1.pdf“"
    assert "remark" not in bent("missing_echo_fields")
    assert set(bent("no_echo")) == {"invoiceUrl", "isDrafts"}
    assert "traceId" in bent("extra_fields")
    assert bent("nested_data") == {"data": plain()}
    assert json.loads(bent("result_as_json_text")) == plain()
    assert bent_result(plain(), {"wrong_type_word": 0.0})[0] == "login"
    assert bent_result(plain(), {}) == ("invoice_pdf", plain())


def test_another_invoice_differs_in_buyer_items_and_remark() -> None:
    other = other_invoice(ORDER)
    assert all(other[name] != ORDER[name] for name in ("buyerName", "invoiceItems", "remark"))
    assert other["sellerName"] == ORDER["sellerName"]
