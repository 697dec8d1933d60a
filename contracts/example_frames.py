"""The vendor's frames for the examples, on `/invoice`, on `/web/invoice` and over HTTP.

What the worker sends has the values of the manual's examples; what it receives has them for an issue, and invented
ones for look-ups, for the manual's may be real firms (trap 18).
"""

import json
from typing import Any

from pydantic import BaseModel

from contracts.example_issues import FILES, INVOICE_ID, MANUAL_ORDER, PIXEL
from contracts.example_queries import FOUND, ITEMS, MANUAL_QUERY
from contracts.gateway import INVOICE_QRCODE, InvoiceInfo, InvoiceInfoRequest, Login, LoginRequest, dumps
from contracts.gateway_query import (
    DownloadZipRequest,
    InvoiceFileEntity,
    InvoiceItemEntity,
    InvoicePage,
    InvoiceRow,
    QueryInvoice,
    QueryInvoiceRequest,
)


def frames() -> dict[str, dict[str, Any]]:
    """The frames, under the names of their schemas."""
    login = Login.model_validate(MANUAL_ORDER["login"])
    info = InvoiceInfo.model_validate_json(dumps(MANUAL_ORDER["invoice"]))
    query = QueryInvoice.model_validate_json(
        dumps({name: MANUAL_QUERY[name] for name in ("login", "condition", "page")})
    )
    return {
        "gateway.login": _plain(LoginRequest(data=login)),
        "gateway.invoice_info": _plain(InvoiceInfoRequest(data=info)),
        "gateway.reply": {"type": INVOICE_QRCODE, "sendToId": "1111", "data": PIXEL},
        "gateway.invoice_pdf": _echo(),
        "gateway.query_invoice": _plain(QueryInvoiceRequest(data=query)),
        "gateway.query_invoice_download_zip": _plain(DownloadZipRequest(data="2024-04-12 10:10:10")),
        "gateway.invoice_page": _plain(
            InvoicePage(data=[_row()], total=1, currentPage=1, totalPage=1, hasNext=False),
        ),
        "gateway.invoice_items": _answer([InvoiceItemEntity.model_validate(_numbered(item)) for item in ITEMS]),
        "gateway.invoice_files": _answer(
            [InvoiceFileEntity.model_validate({"id": number, **file}) for number, file in enumerate(FILES, start=1)]
        ),
    }


def _echo() -> dict[str, Any]:
    """The manual's answer to an issue: everything is text, the items as JSON inside text."""
    echo = {
        name: str(value)
        for name, value in MANUAL_ORDER["invoice"].items()
        if name not in {"invoiceItems", "sellerLoginAccount", "sellerLoginPassword"}
    }
    items = json.dumps(MANUAL_ORDER["invoice"]["invoiceItems"], ensure_ascii=False, separators=(",", ":"))
    return {
        **echo,
        "vipId": "987654",
        "isDrafts": "0",
        "invoiceItems": items,
        "invoiceUrl": "http://example.com/invoice.pdf",
        "sellerAddress": "浙江省杭州市滨江区江南大道 456 号",
        "sellerPhone": "13987654321",
    }


def _row() -> InvoiceRow:
    """The vendor's words: the id is a number, the date milliseconds, money numbers, yes and no Chinese."""
    told = {name: value for name, value in FOUND.items() if name in InvoiceRow.model_fields}
    told |= {"id": int(INVOICE_ID), "invoiceDate": int(FOUND["invoiceDateRaw"]), "isInvoicePositive": "是"}
    return InvoiceRow.model_validate(told)


def _numbered(item: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in item.items() if name in InvoiceItemEntity.model_fields}
    return {**told, "id": int(item["id"]), "invoiceBasicInfoId": int(item["invoiceBasicInfoId"])}


def _answer(rows: list[Any]) -> dict[str, Any]:
    return {"code": 0, "msg": "", "data": [_plain(row) for row in rows]}


def _plain(frame: BaseModel) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(dumps(frame))
    return sent
