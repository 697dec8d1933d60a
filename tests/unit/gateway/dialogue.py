"""Builders for the gateway's tests: a login, a submission, frames, and sessions brought to a phase."""

import base64
import io
import json
from decimal import Decimal
from typing import Any

import segno
from pydantic import SecretStr

from worker.gateway.session import InvoiceSession, Phase
from worker.ports import FrameIgnored, LoginFields, ResultShown, SessionEvent, Submission

USER_ID = "1111"
PASSWORD = "Geheim-4711"
LOGIN = LoginFields("91330000SELLER0001", "13900000000", SecretStr(PASSWORD), "zhejiang", "法定代表人")
INVOICE: dict[str, Any] = {
    "buyerName": "买方有限公司",
    "buyerIndentification": "91330000BUYER00001",
    "buyerInvoiceType": 0,
    "buyerType": 0,
    "invoiceItems": [{"name": "咨询费", "quantity": "2", "spec": "", "unit": "次", "unitPrice": "100.50"}],
    "remark": "订单号:7",
    "sellerName": "卖方有限公司",
    "sellerIndentification": "91330000SELLER0001",
    "sellerBank": "招商银行",
    "sellerBankAccount": "9876543210",
}
SUBMISSION = Submission(INVOICE, "13900000000", SecretStr(PASSWORD))
RESULT: dict[str, Any] = {
    "buyerName": "买方有限公司",
    "buyerIndentification": "91330000BUYER00001",
    "buyerInvoiceType": "0",
    "vipId": "987654",
    "isDrafts": "0",
    "invoiceItems": '[{"name":"咨询费","quantity":2,"spec":"","unit":"次","unitPrice":100.50}]',
    "sellerLoginAccount": "13900000000",
    "sellerLoginPassword": PASSWORD,
    "invoiceUrl": "http://example.com/invoice.pdf",
    "remark": "订单号:7",
}


def frame(type_word: Any, data: Any, send_to_id: Any = USER_ID) -> str:
    """A reply as the gateway words it."""
    return json.dumps({"type": type_word, "sendToId": send_to_id, "data": data}, ensure_ascii=False)


def session_in(phase: Phase) -> InvoiceSession:
    """A session that has come as far as `phase`."""
    session = InvoiceSession(USER_ID)
    if phase is not Phase.NEW:
        session.send_login(LOGIN)
    if phase in {Phase.LOGGED_IN, Phase.SUBMITTED}:
        session.receive_text(frame("login", "1"))
    if phase is Phase.SUBMITTED:
        session.send_invoice(SUBMISSION)
    assert session.phase is phase
    return session


def told(type_word: Any, data: Any, phase: Phase = Phase.SUBMITTED) -> SessionEvent:
    """What one frame means to a session in `phase`."""
    return session_in(phase).receive_text(frame(type_word, data))


def beside_data(type_word: str, members: dict[str, Any]) -> SessionEvent:
    """What a frame with these members means to a submitted session."""
    words = json.dumps({"type": type_word, "sendToId": USER_ID, **members}, ensure_ascii=False)
    return session_in(Phase.SUBMITTED).receive_text(words)


def shown(data: Any, type_word: Any = "invoice_pdf") -> ResultShown:
    """The result that a submitted session makes of `data`."""
    event = told(type_word, data)
    assert isinstance(event, ResultShown), event
    return event


def ignored(type_word: Any, data: Any, phase: Phase = Phase.SUBMITTED) -> str:
    """Why a session in `phase` ignores this."""
    event = told(type_word, data, phase)
    assert isinstance(event, FrameIgnored), event
    return event.reason


def items_of(data: Any) -> list[dict[str, Any]]:
    """The typed lines of a result whose `invoiceItems` is `data`."""
    items: list[dict[str, Any]] = shown({**RESULT, "invoiceItems": data}).invoice["invoiceItems"]
    return items


def picture(text: str, kind: str = "png", **drawing: Any) -> bytes:
    """A QR as PNG, or in another of Pillow's kinds."""
    drawn = io.BytesIO()
    segno.make_qr(text).save(drawn, kind="png", scale=4, **drawing)
    if kind == "png":
        return drawn.getvalue()
    from PIL import Image

    converted = io.BytesIO()
    Image.open(drawn).convert("L").save(converted, kind)
    return converted.getvalue()


def data_uri(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


ITEM = {"name": "咨询费", "quantity": Decimal(2), "spec": "", "unit": "次", "unitPrice": Decimal("100.50")}
