"""`invoice.issue` and `invoice.check` for the examples: an order, the manual's own, and what may come of it.

Knows nothing of envelopes and files.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from contracts.commands import CheckInvoice, CommandType
from contracts.discounts import fold
from contracts.events import Outcome
from contracts.failures import RETRYABLE, FailureCode, RejectionCode, Stage
from contracts.judging import invoice_to_send, lines_total, totals
from contracts.limits import InvoiceLimits

ORDER_NO: Final = "SO-20260301-0042"
USER_ID: Final = "1111"
AT: Final = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
BEIJING: Final = timezone(timedelta(hours=8))
INVOICE_ID: Final = "1778381047770263553"
INVOICE_NUMBER: Final = "26332000000000000042"
FILES: Final = tuple(
    {
        "invoiceBasicInfoId": INVOICE_ID,
        "type": kind,
        "url": f"https://gateway.example/files/{INVOICE_NUMBER}.{kind}",
        "countETicketNumbers": INVOICE_NUMBER,
    }
    for kind in ("pdf", "ofd", "xml")
)
PIXEL: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A command, and the events that it may bring."""

    id: str
    data: Mapping[str, Any]
    outcomes: Mapping[Outcome, tuple[int, Mapping[str, Any]]]
    """Each event's sequence, and what it says beyond what every event says."""
    named: Mapping[str, str] = field(default_factory=dict)
    """What every event of it says besides its id and source."""
    plain: Mapping[str, Any] = field(default_factory=dict)
    """Members that the plain form has besides."""


ITEMS: Final = [
    {"name": "*信息技术服务*软件服务", "quantity": 2, "spec": "标准版", "unit": "套", "unitPrice": "100.00"},
    {"name": "*纸制品*办公用纸", "quantity": 10, "spec": "A4", "unit": "包", "unitPrice": "19.80"},
]
ORDER: Final[Mapping[str, Any]] = {
    "userId": USER_ID,
    "login": {
        "companyCode": "91330100EXAMPLE01D",
        "phone": "13900000000",
        "password": "sandbox-password",
        "area": "zhejiang",
        "role": "法定代表人",
    },
    "invoice": {
        "buyerName": "示例购买方有限公司",
        "buyerIndentification": "91310000EXAMPLE023",
        "buyerAddress": "上海市示例区样本路 1 号",
        "buyerPhone": "021-00000000",
        "buyerEmail": "buyer@example.com",
        "buyerBank": "示例银行上海分行",
        "buyerBankAccount": "1000000000000000001",
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "buyerBankShow": 0,
        "invoiceItems": ITEMS,
        "remark": f"订单号:{ORDER_NO}",
        "sellerName": "示例销售方有限公司",
        "sellerIndentification": "91330100EXAMPLE01D",
        "sellerBank": "示例银行杭州分行",
        "sellerBankAccount": "2000000000000000002",
        "sellerBankShow": 0,
    },
    "expectedTotal": "398.00",
}
"""Without an order number, so that it can be sent again under a new id: the same number would issue nothing."""

MANUAL_ORDER: Final[Mapping[str, Any]] = {
    "userId": "1111",
    "login": {"companyCode": "xxx", "phone": "xxx", "password": "xxx", "area": "zhejiang", "role": "法定代表人"},
    "invoice": {
        "buyerAddress": "浙江省杭州市西湖区文一西路 123 号",
        "buyerBank": "工商银行杭州分行",
        "buyerBankAccount": "1234567890123456789",
        "buyerEmail": "buyer@example.com",
        "buyerIndentification": "91330701MA2DFB848M",
        "buyerName": "ABC公司",
        "buyerPhone": "13812345678",
        "buyerInvoiceType": 0,
        "buyerBankShow": 1,
        "buyerType": 0,
        "invoiceItems": [
            {"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": 100},
            {"name": "商品B", "quantity": 1, "spec": "规格B", "unit": "套", "unitPrice": 200},
        ],
        "remark": "这是一条测试备注信息。",
        "sellerBank": "招商银行杭州分行",
        "sellerBankAccount": "9876543210987654321",
        "sellerIndentification": "91330701MA2M37T86L",
        "sellerLoginAccount": "seller_login",
        "sellerLoginPassword": "password123",
        "sellerName": "XYZ科技有限公司",
        "sellerBankShow": 1,
    },
}
"""The values of the manual: login from 登录税务局, the rest from the answer's example, as 开票 itself has none."""


def failed_example(code: FailureCode, stage: Stage, message: str, attempts: int = 1) -> tuple[int, dict[str, Any]]:
    """A failure as the first event of its command."""
    retryable = code in RETRYABLE
    return 1, {"code": code, "stage": stage, "message": message, "retryable": retryable, "attempts": attempts}


def archived_example(at: datetime) -> dict[str, Any]:
    """The invoice's files in the vault, and one that could not be had."""
    kept = {
        "invoiceNumber": INVOICE_NUMBER,
        "type": "xml",
        "url": "https://gateway.example/files/5f0c.xml",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "size": 6214,
        "vaultKey": f"{ORDER['invoice']['sellerIndentification']}/2026/04/{INVOICE_NUMBER}.xml",
        "storedAt": at,
        "differs": [],
    }
    missing = {"invoiceNumber": INVOICE_NUMBER, "type": "ofd", "reason": "the address was answered with status 404"}
    return {"files": [kept], "missing": [missing]}


def _issued() -> dict[str, Any]:
    invoice = deepcopy(dict(ORDER["invoice"]))
    for item in invoice["invoiceItems"]:
        item["quantity"] = str(item["quantity"])
    return {
        **invoice,
        "vipId": "987654",
        "isDrafts": 0,
        "sellerAddress": "浙江省杭州市示例区样本大道 2 号",
        "sellerPhone": "0571-00000000",
    }


def _checked() -> dict[str, Any]:
    command, folded, _ = fold(CheckInvoice.model_validate(_CHECKED), InvoiceLimits())
    return {
        "discountsFolded": folded,
        "accepted": True,
        "errors": [],
        "invoice": invoice_to_send(command),
        "linesTotal": lines_total(command),
        "totals": totals(command),
    }


_CHECKED: Final[dict[str, Any]] = {**ORDER, "discounts": [{"line": 2, "amount": "8.00"}], "expectedTotal": "390.00"}
"""The order with a discount."""
_UNKNOWN_MEMBER: Final = "is not a known member; did you mean buyerName?"
_ISSUE_OUTCOMES: Final[Mapping[Outcome, tuple[int, Mapping[str, Any]]]] = {
    Outcome.REJECTED: (
        1,
        {
            "code": RejectionCode.INVALID,
            "errors": [
                {"path": "/invoice/buyerName", "message": "is required"},
                {"path": "/invoice/buyerNam", "message": _UNKNOWN_MEMBER},
            ],
        },
    ),
    Outcome.QR_REQUIRED: (
        1,
        {
            "image": PIXEL,
            "content": "https://gateway.example/scan/5f0c",
            "attempt": 1,
            "receivedAt": AT + timedelta(seconds=3),
            "expiresAt": AT + timedelta(seconds=303),
        },
    ),
    Outcome.IN_DOUBT: (
        2,
        {
            "reason": "the connection was lost after the submission",
            "submittedAt": AT + timedelta(seconds=2),
            "candidates": [],
            "needsPerson": False,
            "nextLookAt": AT + timedelta(seconds=32),
        },
    ),
    Outcome.COMPLETED: (
        2,
        {"invoice": _issued(), "invoiceUrl": "https://gateway.example/files/5f0c.pdf", "reconciled": False},
    ),
    Outcome.CONFIRMED: (
        3,
        {
            "invoiceId": INVOICE_ID,
            "invoiceNumber": INVOICE_NUMBER,
            "invoiceDate": (AT + timedelta(seconds=2)).astimezone(BEIJING),
            "totalAmount": "394.06",
            "totalTax": "3.94",
            "totalPriceAndTax": "398.00",
            "expectedTotalMatches": True,
            "files": [*FILES],
        },
    ),
    Outcome.ARCHIVED: (4, archived_example(AT + timedelta(seconds=65))),
    Outcome.UNCONFIRMED: (
        3,
        {"message": "it was issued, and none of the look-ups found its number", "lookUps": 6},
    ),
    Outcome.FAILED: failed_example(
        FailureCode.LOGIN_REFUSED, Stage.LOGIN, "the gateway refused the login; it does not say why"
    ),
}
SAMPLES: Final[Mapping[CommandType, Sample]] = {
    CommandType.ISSUE: Sample(
        ORDER_NO,
        ORDER,
        _ISSUE_OUTCOMES,
        named={"userId": USER_ID, "orderNo": ORDER_NO},
        plain={"orderNo": ORDER_NO},
    ),
    CommandType.CHECK: Sample(
        "CHECK-20260301-0001",
        _CHECKED,
        {
            Outcome.REJECTED: (
                1,
                {
                    "code": RejectionCode.REPLY_TO_REFUSED,
                    "errors": [
                        {"path": "", "message": "the property reply_to must not name a queue of the worker's own"},
                    ],
                },
            ),
            Outcome.COMPLETED: (1, _checked()),
            Outcome.FAILED: failed_example(
                FailureCode.DEADLINE_EXCEEDED, Stage.QUEUED, "the deadline passed before it was begun"
            ),
        },
        named={"userId": USER_ID},
    ),
}
