"""`invoice.audit` for the examples: the month of the order that `contracts.example_issues` issues, and what is told.

Knows nothing of envelopes and files.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from contracts.audits import FindingKind
from contracts.events import Outcome
from contracts.example_issues import INVOICE_NUMBER, ORDER_NO, USER_ID, Sample
from contracts.example_queries import FOUND, LOGIN
from contracts.failures import RETRYABLE, FailureCode, RejectionCode, Stage

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
_COMPLETED: Final[Mapping[str, Any]] = {
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

SAMPLE: Final = Sample(
    "AUDIT-20260401-0001",
    {"userId": USER_ID, "login": LOGIN, "startInvoiceDate": "2026-03-01", "endInvoiceDate": "2026-03-31"},
    {
        Outcome.REJECTED: (
            1,
            {"code": RejectionCode.INVALID, "errors": [{"path": "/endInvoiceDate", "message": "is required"}]},
        ),
        Outcome.FINDING: (1, {"findings": _FINDINGS}),
        Outcome.COMPLETED: (2, _COMPLETED),
        Outcome.FAILED: (
            1,
            {
                "code": FailureCode.QUERY_REFUSED,
                "stage": Stage.QUERY,
                "message": "the gateway refused the query; it does not say why",
                "retryable": FailureCode.QUERY_REFUSED in RETRYABLE,
                "attempts": 1,
            },
        ),
    },
    named={"userId": USER_ID},
)
