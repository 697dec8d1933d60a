"""How the vendor words its replies, and the shapes that the manual's traps warn of.

Pure. Without faults, every reply has the manual's shape: statuses and result members are strings, and the
result echoes the seller's account and password, as the manual's example does (traps 19, 32, 33, 35, 49).
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from contracts.gateway import INVOICE_PDF, LOGIN, InvoicePdf, dumps
from worker.sandbox.faults import Asked

Order = Mapping[str, Any]
"""The data of an ``invoice_info``, as it came."""

_FLAGS: Final = ("buyerInvoiceType", "buyerType", "buyerBankShow", "sellerBankShow", "isDrafts", "vipId")
_SCANT_ECHO: Final = (
    "buyerName",
    "sellerIndentification",
    "sellerName",
    "invoiceItems",
    "invoiceUrl",
    "isDrafts",
)
_SELLER_ADDRESS: Final = "浙江省杭州市滨江区江南大道 456 号"
_SELLER_PHONE: Final = "0571-00000000"


def status(succeeded: bool, asked: Asked) -> str | int | bool | None:
    """Word a success or failure: ``"1"`` and ``"0"``, unless a fault has another word for it."""
    if "null_failure" in asked and not succeeded:
        return None
    if "boolean_status" in asked:
        return succeeded
    if "numeric_status" in asked:
        return int(succeeded)
    return "1" if succeeded else "0"


def frame(type_word: str, user_id: str, data: Any, asked: Asked) -> str:
    """Write a reply. ``data`` holds what JSON knows, and decimals."""
    send_to: str | int = user_id
    if "numeric_send_to_id" in asked and user_id.isdigit():
        send_to = int(user_id)
    return dumps({"type": type_word, "sendToId": send_to, "data": data})


def result(order: Order, *, user_id: str, url: str, as_draft: bool) -> dict[str, Any]:
    """Build the data of ``invoice_pdf`` for an order, in the manual's words and order."""
    known = {
        **{name: _text(value) for name, value in order.items() if name != "invoiceItems"},
        "vipId": str(crc32(user_id.encode())),
        "isDrafts": "1" if as_draft else "0",
        "invoiceItems": dumps({"items": order["invoiceItems"]})[len('{"items":') : -1],
        "invoiceUrl": url,
        "sellerAddress": _SELLER_ADDRESS,
        "sellerPhone": _SELLER_PHONE,
    }
    return {name: known.get(name, "") for name in InvoicePdf.model_fields}


def other_invoice(order: Order) -> dict[str, Any]:
    """Make up another buyer's order of the same seller."""
    return {
        **order,
        "buyerName": "另一家沙盒公司",
        "buyerIndentification": "91330000SANDBOX009",
        "remark": "another invoice",
        "invoiceItems": [{"name": "另一件商品", "quantity": 9, "spec": "别的", "unit": "箱", "unitPrice": 999}],
    }


def bent_result(data: dict[str, Any], asked: Asked) -> tuple[str, Any]:
    """Bend a result into the shapes asked for; returns its type word and its data."""
    if "items_as_list" in asked:
        data = {**data, "invoiceItems": json.loads(data["invoiceItems"], parse_float=Decimal)}
    if "items_empty" in asked:
        data = {**data, "invoiceItems": ""}
    if "integers_for_flags" in asked:
        data = {name: int(value) if name in _FLAGS and value else value for name, value in data.items()}
    if "url_with_curly_quotes" in asked:
        data = {**data, "invoiceUrl": f"“{data['invoiceUrl']}“"}
    if "missing_echo_fields" in asked:
        data = {name: value for name, value in data.items() if name in _SCANT_ECHO}
    if "no_echo" in asked:
        data = {name: value for name, value in data.items() if name in ("invoiceUrl", "isDrafts")}
    if "extra_fields" in asked:
        data = {**data, "traceId": "sandbox", "invoiceKind": None, "attachments": [{"type": "ofd"}]}
    bent: Any = data
    if "nested_data" in asked:
        bent = {"data": bent}
    if "result_as_json_text" in asked:
        bent = dumps(bent)
    return (LOGIN if "wrong_type_word" in asked else INVOICE_PDF), bent


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
