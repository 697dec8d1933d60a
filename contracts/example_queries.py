"""The commands that look invoices up, for the examples: a query, the manual's own, an audit, and what each may bring.

They find the invoice that `contracts.example_issues` issues. Knows nothing of envelopes and files.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from contracts.audits import FindingKind
from contracts.commands import CommandType
from contracts.events import Outcome
from contracts.example_issues import (
    AT,
    BEIJING,
    FILES,
    INVOICE_ID,
    INVOICE_NUMBER,
    ORDER,
    ORDER_NO,
    USER_ID,
    Sample,
    archived_example,
    failed_example,
)
from contracts.failures import FailureCode, RejectionCode, Stage

_SELLER: Final = ORDER["invoice"]["sellerIndentification"]
_ISSUED_AT: Final = (AT + timedelta(seconds=2)).astimezone(BEIJING)
LOGIN: Final = {**ORDER["login"], "companyName": ORDER["invoice"]["sellerName"]}
_DOWNLOAD_DATE: Final = "2026-03-01 12:00:05"
_ID_RULE: Final = "must be an id: digits, from 1 to 9223372036854775807"

MANUAL_QUERY: Final[Mapping[str, Any]] = {
    "userId": "1111",
    "login": {
        "companyCode": "xxx",
        "area": "zhejiang",
        "phone": "123456",
        "password": "xxx",
        "role": "法定代表人",
        "companyName": "xxxx",
    },
    "condition": {
        "queryType": 0,
        "invoiceSource": None,
        "invoiceType": None,
        "isInvoicePositive": None,
        "countETicketNumbers": "",
        "invoiceCode": None,
        "invoiceNumber": None,
        "sellerIdentificationNumber": None,
        "sellerName": None,
        "startInvoiceValue": None,
        "endInvoiceValue": None,
        "startInvoiceDate": "2024-04-01",
        "endInvoiceDate": "2024-04-12",
    },
    "page": {"pageSize": 10, "pageNumber": 1},
}
"""The example of 查询发票基本信息 with straight quotes, and without its password, which looks real (trap 18)."""

ITEMS: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "1778381047770263601",
        "invoiceBasicInfoId": INVOICE_ID,
        "taxClassificationCode": "3040201010000000000",
        "itemName": "*信息技术服务*软件服务",
        "spec": "标准版",
        "unit": "套",
        "quantity": "2",
        "unitPrice": "99.01",
        "amount": "198.02",
        "taxRate": "1%",
        "taxRateValue": "0.01",
        "tax": "1.98",
        "totalPriceAndTax": "200.00",
    },
    {
        "id": "1778381047770263602",
        "invoiceBasicInfoId": INVOICE_ID,
        "taxClassificationCode": "1060105040000000000",
        "itemName": "*纸制品*办公用纸",
        "spec": "A4",
        "unit": "包",
        "quantity": "10",
        "unitPrice": "19.604",
        "amount": "196.04",
        "taxRate": "1%",
        "taxRateValue": "0.01",
        "tax": "1.96",
        "totalPriceAndTax": "198.00",
    },
)
FOUND: Final[Mapping[str, Any]] = {
    "id": INVOICE_ID,
    "countETicketNumbers": INVOICE_NUMBER,
    "sellerIdentificationNumber": _SELLER,
    "sellerName": ORDER["invoice"]["sellerName"],
    "buyerIdentificationNumber": ORDER["invoice"]["buyerIndentification"],
    "buyerName": ORDER["invoice"]["buyerName"],
    "invoiceDate": _ISSUED_AT,
    "invoiceDateRaw": str(int(_ISSUED_AT.timestamp()) * 1000),
    "totalAmount": "394.06",
    "totalTax": "3.94",
    "totalPriceAndTax": "398.00",
    "invoiceSource": "电子发票服务平台",
    "invoiceType": "数电票(普通发票)",
    "invoiceStatus": "正常",
    "isInvoicePositive": True,
    "invoiceRiskLevel": "正常",
    "drawer": "示例开票员",
    "note": ORDER["invoice"]["remark"],
    "vipId": "987654",
    "queryType": 0,
}


def _rejected(path: str, message: str) -> tuple[int, dict[str, Any]]:
    return 1, {"code": RejectionCode.INVALID, "errors": [{"path": path, "message": message}]}


_PAGE: Final[Mapping[str, Any]] = {
    "pageNumber": 1,
    "totalPage": 1,
    "total": 1,
    "invoices": [{**FOUND, "items": [*ITEMS], "files": [*FILES]}],
    "part": 1,
    "parts": 1,
    "late": False,
}
_QUERY_COMPLETED: Final[Mapping[str, Any]] = {
    "total": 1,
    "pages": 1,
    "invoiceCount": 1,
    "missingInvoices": 0,
    "isCut": False,
    "itemCount": len(ITEMS),
    "fileCount": len(FILES),
    "missingItems": [],
    "missingFiles": [],
    "download": {"ok": True, "date": None},
}
_STORED: Final[Mapping[str, Any]] = {
    "invoice": FOUND,
    "items": [*ITEMS],
    "files": [*FILES],
    "commandId": ORDER_NO,
    "commandState": "completed",
    "seenAt": AT + timedelta(seconds=62),
}

_BY_HAND: Final[Mapping[str, Any]] = {
    **FOUND,
    "id": "1778381047770263554",
    "countETicketNumbers": "26332000000000000043",
    "invoiceDate": FOUND["invoiceDate"] + timedelta(days=2),
    "invoiceDateRaw": str(int((FOUND["invoiceDate"] + timedelta(days=2)).timestamp()) * 1000),
}
_FINDINGS: Final = [
    {
        "kind": FindingKind.CHANGED,
        "commandId": ORDER_NO,
        "orderNo": ORDER_NO,
        "invoiceNumber": INVOICE_NUMBER,
        "invoice": {**FOUND, "invoiceStatus": "已红冲-全额"},
    },
    {
        "kind": FindingKind.UNKNOWN,
        "invoiceNumber": _BY_HAND["countETicketNumbers"],
        "invoice": _BY_HAND,
    },
]
_AUDITED: Final[Mapping[str, Any]] = {
    "total": 412,
    "matched": 410,
    "counts": {"missing": 0, "unknown": 1, "changed": 1, "differs": 0, "double": 0, "unnumbered": 0},
    "undecidedInvoices": 0,
    "undecidedCommands": 0,
    "sums": [
        {"month": "2026-03", "status": "已红冲-全额", "count": 1, "totalPriceAndTax": "398.00"},
        {"month": "2026-03", "status": "正常", "count": 411, "totalPriceAndTax": "163578.00"},
    ],
    "isWhole": True,
}

SAMPLES: Final[Mapping[CommandType, Sample]] = {
    CommandType.QUERY: Sample(
        "QUERY-20260401-0001",
        {
            "userId": USER_ID,
            "login": LOGIN,
            "condition": {"queryType": 0, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"},
            "page": {"pageSize": 50, "pageNumber": 1},
            "allPages": True,
            "items": True,
            "files": ["pdf", "ofd", "xml"],
        },
        {
            Outcome.REJECTED: _rejected("/condition/endInvoiceDate", "is required"),
            Outcome.PAGE: (1, _PAGE),
            Outcome.COMPLETED: (2, _QUERY_COMPLETED),
            Outcome.ARCHIVED: (3, archived_example(AT + timedelta(days=1))),
            Outcome.FAILED: failed_example(
                FailureCode.QUERY_REFUSED, Stage.QUERY, "the gateway refused the query; it does not say why"
            ),
        },
        named={"userId": USER_ID},
    ),
    CommandType.DOWNLOAD: Sample(
        "DOWNLOAD-20260401-0001",
        {"userId": USER_ID, "login": LOGIN, "date": _DOWNLOAD_DATE},
        {
            Outcome.REJECTED: _rejected("/date", "must not be empty"),
            Outcome.COMPLETED: (1, {"ok": True, "date": _DOWNLOAD_DATE}),
            Outcome.FAILED: failed_example(
                FailureCode.DOWNLOAD_FAILED, Stage.DOWNLOAD, "the gateway could not get the files, asked 5 times"
            ),
        },
        named={"userId": USER_ID},
    ),
    CommandType.ITEMS: Sample(
        "ITEMS-20260401-0001",
        {"invoiceBasicInfoId": INVOICE_ID},
        {
            Outcome.REJECTED: _rejected("/invoiceBasicInfoId", f"{_ID_RULE}; text of 3 characters came"),
            Outcome.COMPLETED: (1, {"items": [*ITEMS]}),
            Outcome.FAILED: failed_example(
                FailureCode.HTTP_ERROR, Stage.DETAILS, "the gateway answered with status 404"
            ),
        },
    ),
    CommandType.FILES: Sample(
        "FILES-20260401-0001",
        {"invoiceIdList": [INVOICE_ID], "typeList": ["pdf", "ofd", "xml"]},
        {
            Outcome.REJECTED: _rejected(
                "/typeList/0", "must be one of 'pdf', 'ofd' or 'xml'; text of 3 characters came"
            ),
            Outcome.COMPLETED: (1, {"files": [*FILES], "missingFiles": []}),
            Outcome.FAILED: failed_example(
                FailureCode.GATEWAY_UNAVAILABLE, Stage.DETAILS, "the gateway did not answer before the deadline"
            ),
        },
    ),
    CommandType.STORED: Sample(
        "STORED-20260401-0001",
        {"orderNo": ORDER_NO, "sellerIndentification": _SELLER},
        {
            Outcome.REJECTED: _rejected("", "exactly one of commandId, orderNo and invoiceNumber must be given"),
            Outcome.COMPLETED: (1, {"invoices": [_STORED], "total": 1, "commandState": "completed"}),
            Outcome.FAILED: failed_example(
                FailureCode.DEADLINE_EXCEEDED, Stage.QUEUED, "the deadline passed before it was begun"
            ),
        },
    ),
    CommandType.AUDIT: Sample(
        "AUDIT-20260401-0001",
        {"userId": USER_ID, "login": LOGIN, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"},
        {
            Outcome.REJECTED: _rejected("/endInvoiceDate", "is required"),
            Outcome.FINDING: (1, {"findings": _FINDINGS}),
            Outcome.COMPLETED: (2, _AUDITED),
            Outcome.FAILED: failed_example(
                FailureCode.QUERY_REFUSED, Stage.QUERY, "the gateway refused the query; it does not say why"
            ),
        },
        named={"userId": USER_ID},
    ),
}
