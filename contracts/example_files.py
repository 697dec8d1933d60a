"""One good message of every kind, for people to copy and for tests to hold the schemas against.

Deterministic: the same ids and times at every call. The firms and tax ids are invented, but for those of the
manual's own example; every password is a stand-in.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contracts.commands import CommandType
from contracts.envelope import SPEC_VERSION, build_event
from contracts.events import Outcome
from contracts.failures import RETRYABLE, FailureCode, RejectionCode, Stage
from contracts.gateway import (
    INVOICE_QRCODE,
    InvoiceInfo,
    InvoiceInfoRequest,
    Login,
    LoginRequest,
    dumps,
)

UNKNOWN_TYPE_REJECTED: Final = f"command.{Outcome.REJECTED}"
_SOURCE: Final = "/shop"
_ID: Final = "SO-20260301-0042"
_ORDER_NO: Final = "SO-20260301-0042"
_USER_ID: Final = "1111"
_AT: Final = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
_PIXEL: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)

_ITEMS: Final = [
    {"name": "*信息技术服务*软件服务", "quantity": 2, "spec": "标准版", "unit": "套", "unitPrice": "100.00"},
    {"name": "*纸制品*办公用纸", "quantity": 10, "spec": "A4", "unit": "包", "unitPrice": "19.80"},
]
_ORDER: Final[Mapping[str, Any]] = {
    "userId": _USER_ID,
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
        "invoiceItems": _ITEMS,
        "remark": f"订单号:{_ORDER_NO}",
        "sellerName": "示例销售方有限公司",
        "sellerIndentification": "91330100EXAMPLE01D",
        "sellerBank": "示例银行杭州分行",
        "sellerBankAccount": "2000000000000000002",
        "sellerBankShow": 0,
    },
    "expectedTotal": "398.00",
}
"""Without an order number, so that it can be sent again under a new id: the same number would issue nothing."""

_MANUAL_ORDER: Final[Mapping[str, Any]] = {
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


def commands() -> dict[str, dict[str, Any]]:
    """File name without ending to message: both forms of each command, and the manual's own example."""
    issue = CommandType.ISSUE
    return {
        f"{issue}": _command(issue, _ID, _ORDER),
        f"{issue}.plain": {**deepcopy(dict(_ORDER)), "orderNo": _ORDER_NO},
        f"{issue}.manual": _command(issue, "manual-example-1", _MANUAL_ORDER),
    }


def events() -> dict[str, dict[str, Any]]:
    """Event type to message, in the order in which they may come."""
    issue = CommandType.ISSUE
    return {
        f"{issue}.{outcome}": _event(f"{issue}.{outcome}", sequence, data)
        for outcome, (sequence, data) in _outcomes().items()
    } | {
        UNKNOWN_TYPE_REJECTED: _event(
            UNKNOWN_TYPE_REJECTED,
            1,
            {
                "code": RejectionCode.UNKNOWN_TYPE,
                "errors": [{"path": "/type", "message": "is no command that this worker runs; it runs invoice.issue"}],
            },
        )
    }


def frames() -> dict[str, dict[str, Any]]:
    """The vendor's frames on `/invoice`, under the names of their schemas."""
    login = Login.model_validate(_MANUAL_ORDER["login"])
    info = InvoiceInfo.model_validate_json(dumps(_MANUAL_ORDER["invoice"]))
    echo = {
        name: str(value)
        for name, value in _MANUAL_ORDER["invoice"].items()
        if name not in {"invoiceItems", "sellerLoginAccount", "sellerLoginPassword"}
    }
    items = json.dumps(_MANUAL_ORDER["invoice"]["invoiceItems"], ensure_ascii=False, separators=(",", ":"))
    return {
        "gateway.login": json.loads(dumps(LoginRequest(data=login))),
        "gateway.invoice_info": json.loads(dumps(InvoiceInfoRequest(data=info))),
        "gateway.reply": {"type": INVOICE_QRCODE, "sendToId": "1111", "data": _PIXEL},
        "gateway.invoice_pdf": {
            **echo,
            "vipId": "987654",
            "isDrafts": "0",
            "invoiceItems": items,
            "invoiceUrl": "http://example.com/invoice.pdf",
            "sellerAddress": "浙江省杭州市滨江区江南大道 456 号",
            "sellerPhone": "13987654321",
        },
    }


def _outcomes() -> dict[Outcome, tuple[int, dict[str, Any]]]:
    unknown_member = "is not a known member; did you mean buyerName?"
    return {
        Outcome.REJECTED: (
            1,
            {
                "code": RejectionCode.INVALID,
                "errors": [
                    {"path": "/invoice/buyerName", "message": "is required"},
                    {"path": "/invoice/buyerNam", "message": unknown_member},
                ],
            },
        ),
        Outcome.QR_REQUIRED: (
            1,
            {
                "image": _PIXEL,
                "content": "https://gateway.example/scan/5f0c",
                "attempt": 1,
                "receivedAt": _AT + timedelta(seconds=3),
                "expiresAt": _AT + timedelta(seconds=303),
            },
        ),
        Outcome.IN_DOUBT: (
            2,
            {
                "reason": "the connection was lost after the submission",
                "submittedAt": _AT + timedelta(seconds=2),
                "candidates": [],
                "needsPerson": True,
                "nextLookAt": None,
            },
        ),
        Outcome.COMPLETED: (
            2,
            {"invoice": _issued(), "invoiceUrl": "https://gateway.example/files/5f0c.pdf", "reconciled": False},
        ),
        Outcome.FAILED: (
            1,
            {
                "code": FailureCode.LOGIN_REFUSED,
                "stage": Stage.LOGIN,
                "message": "the gateway refused the login; it does not say why",
                "retryable": FailureCode.LOGIN_REFUSED in RETRYABLE,
                "attempts": 1,
            },
        ),
    }


def _issued() -> dict[str, Any]:
    invoice = deepcopy(dict(_ORDER["invoice"]))
    for item in invoice["invoiceItems"]:
        item["quantity"] = str(item["quantity"])
    return {
        **invoice,
        "vipId": "987654",
        "isDrafts": 0,
        "sellerAddress": "浙江省杭州市示例区样本大道 2 号",
        "sellerPhone": "0571-00000000",
    }


def _command(command_type: CommandType, identifier: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "specversion": SPEC_VERSION,
        "id": identifier,
        "source": _SOURCE,
        "type": str(command_type),
        "data": deepcopy(dict(data)),
    }


def _event(event_type: str, sequence: int, data: Mapping[str, Any]) -> dict[str, Any]:
    named = {"userId": _USER_ID, "orderNo": _ORDER_NO} if event_type != UNKNOWN_TYPE_REJECTED else {}
    _, body = build_event(
        worker="/fapiao-worker",
        command_source=_SOURCE,
        command_id=_ID,
        event_type=event_type,
        sequence=sequence,
        time=_AT + timedelta(seconds=sequence),
        data={"commandId": _ID, "commandSource": _SOURCE, **named, **data},
    )
    event: dict[str, Any] = json.loads(body)
    return event
