"""Builders for the tests of the query side: an order, the manual's row, and dialogues that wait for an answer."""

import json
from typing import Any

from pydantic import SecretStr

from tests.unit.gateway.dialogue import PASSWORD, USER_ID, frame
from worker.gateway.session import QueryDialogue
from worker.ports import FrameIgnored, LoginFields, PageShown, QueryEvent, QueryOrder

LOGIN = LoginFields("91330000SELLER0001", "13900000000", SecretStr(PASSWORD), "zhejiang", "法定代表人", "卖方有限公司")
CONDITION: dict[str, Any] = {"queryType": 0, "startInvoiceDate": "2024-04-01", "endInvoiceDate": "2024-04-12"}
ROW: dict[str, Any] = {
    "specificBusinessType": "",
    "id": 123456789,
    "countETicketNumbers": "98765432109876543210",
    "sellerIdentificationNumber": "91330106552613092B",
    "sellerName": "ABC科技有限公司",
    "buyerIdentificationNumber": "91330211725964321M",
    "buyerName": "XYZ财务咨询公司",
    "invoiceDate": 1712643071000,
    "totalAmount": -495.05,
    "totalTax": -4.95,
    "totalPriceAndTax": -500,
    "invoiceSource": "电子发票服务平台",
    "invoiceType": "数电票(普通发票)",
    "invoiceStatus": "正常",
    "isInvoicePositive": "否",
    "invoiceRiskLevel": "正常",
    "drawer": "张三",
    "note": "本发票为咨询费用发票",
    "vipId": 987654321,
    "queryType": 1,
}
PAGING: dict[str, Any] = {"total": 1, "currentPage": 1, "totalPage": 1, "hasNext": False}
PAGE: dict[str, Any] = {"data": [ROW], **PAGING}
"""As the manual's table has it."""


def order(page: int = 1, size: int = 10, **condition: Any) -> QueryOrder:
    return QueryOrder(LOGIN, {**CONDITION, **condition}, size, page)


def asked(page: int = 1) -> QueryDialogue:
    """A dialogue that waits for this page."""
    dialogue = QueryDialogue(USER_ID)
    dialogue.send_query(order(page))
    return dialogue


def answered() -> QueryDialogue:
    """A dialogue that has its page, and may hear of its download."""
    dialogue = asked()
    assert isinstance(dialogue.receive_text(frame("query_invoice", PAGE)), PageShown)
    return dialogue


def told(data: Any, type_word: Any = "query_invoice", dialogue: QueryDialogue | None = None) -> QueryEvent:
    """What one frame means to a dialogue (that waits for page 1, if none is given)."""
    return (dialogue or asked()).receive_text(frame(type_word, data))


def shown(data: Any, type_word: Any = "query_invoice", dialogue: QueryDialogue | None = None) -> PageShown:
    """The page that a dialogue makes of `data`."""
    event = told(data, type_word, dialogue)
    assert isinstance(event, PageShown), event
    return event


def invoice(**members: Any) -> dict[str, Any]:
    """The manual's row with these members, as a page tells it. `...` leaves one out."""
    row = {name: value for name, value in {**ROW, **members}.items() if value is not ...}
    [found] = shown({**PAGE, "data": [row]}).invoices
    return dict(found.told)


def ignored(data: Any, type_word: Any = "query_invoice", dialogue: QueryDialogue | None = None) -> str:
    """Why a dialogue ignores this."""
    event = told(data, type_word, dialogue)
    assert isinstance(event, FrameIgnored), event
    return event.reason


def sent(page: int = 1, size: int = 10, **condition: Any) -> dict[str, Any]:
    """The data of the `query_invoice` that such an order becomes."""
    data: dict[str, Any] = json.loads(QueryDialogue(USER_ID).send_query(order(page, size, **condition)))["data"]
    return data
