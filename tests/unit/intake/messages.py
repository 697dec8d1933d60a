"""Builders for messages as the broker hands them over; a test names only what it is about."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from contracts.envelope import CLOUDEVENTS_JSON, PLAIN_JSON
from worker.intake.admission import AdmissionRules
from worker.intake.reading import Incoming

PASSWORD = "hunter2-of-the-login"
SELLER_PASSWORD = "hunter3-of-the-seller"
RECEIVED_AT = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
RULES = AdmissionRules(worker="/fapiao-worker", own_queues=frozenset({"fapiao.issue", "fapiao.dead"}))

_ORDER: dict[str, Any] = {
    "userId": "1111",
    "login": {
        "companyCode": "91330701MA2M37T86L",
        "phone": "13987654321",
        "password": PASSWORD,
        "area": "zhejiang",
        "role": "法定代表人",
    },
    "invoice": {
        "buyerName": "ABC公司",
        "buyerIndentification": "91330701MA2DFB848M",
        "buyerAddress": "浙江省杭州市西湖区文一西路 123 号",
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "invoiceItems": [{"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": 100}],
        "remark": "这是一条测试备注信息。",
        "sellerName": "XYZ科技有限公司",
        "sellerIndentification": "91330701MA2M37T86L",
        "sellerBank": "招商银行杭州分行",
        "sellerBankAccount": "9876543210987654321",
        "sellerLoginPassword": SELLER_PASSWORD,
    },
}


def order(path: str = "", value: Any = None, **members: Any) -> dict[str, Any]:
    """A good order; `path` (a JSON Pointer) set to `value`, or removed where that is `...`."""
    data = deepcopy(_ORDER) | members
    if path:
        *steps, last = path.strip("/").split("/")
        part: Any = data
        for step in steps:
            part = part[int(step)] if isinstance(part, list) else part[step]
        if value is ...:
            del part[last]
        else:
            part[last] = value
    return data


def changed(**members: Any) -> dict[str, Any]:
    """A good order with members of the invoice changed."""
    data = order()
    data["invoice"].update(members)
    return data


def plain(data: Any = None, **properties: Any) -> Incoming:
    """Bare data with AMQP properties. Bytes are taken as they are."""
    body = data if isinstance(data, bytes) else json.dumps(order() if data is None else data).encode()
    given: dict[str, Any] = {
        "content_type": PLAIN_JSON,
        "message_id": "order-1",
        "type": "invoice.issue",
        "routing_key": "invoice.issue",
        "app_id": "erp",
        "reply_to": "erp.replies",
        "correlation_id": None,
        "user_id": None,
        "headers": {},
        "received_at": RECEIVED_AT,
    }
    return Incoming(body=body, **(given | properties))


def cloud_event(attributes: dict[str, Any] | None = None, **properties: Any) -> Incoming:
    """A structured CloudEvent; an attribute given as `...` is left out."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "order-1",
        "source": "/erp",
        "type": "invoice.issue",
        "data": order(),
    }
    event |= attributes or {}
    body = json.dumps({name: value for name, value in event.items() if value is not ...}).encode()
    given: dict[str, Any] = {"content_type": CLOUDEVENTS_JSON, "message_id": None, "type": None, "app_id": None}
    return plain(body, **(given | properties))
