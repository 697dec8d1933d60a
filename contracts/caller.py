"""The AsyncAPI document from the side of those who publish commands: they send what the worker receives.

`asyncapi.document` is the worker's own side; this one is for people, and for generators of clients. Pure.
"""

from typing import Any, Final

from contracts import asyncapi
from contracts.asyncapi import Document

_INTRODUCTION: Final = """\
Publish a command, get events back: Chinese e-invoices (数电发票) over RabbitMQ. 发布一条命令，收回若干事件。

1. Publish `invoice.issue` to the exchange `fapiao.commands`, persistent, with publisher confirms, under an `id` \
that you store beside your order. The same id again never issues twice.
2. Show `qr_required` to the seller's tax clerk. 请销售方办税人员刷脸扫码。
3. `completed` (issued), `failed` or `rejected` ends the command; `confirmed` brings the number. On `in_doubt`, wait: \
never send a second order. 结果存疑时请等待，切勿重发。

Events are open: ignore members and codes that you do not know. Drop duplicates by the event's `id`. What each code \
means, and whether you may send again: the guide, `contracts/README.md` (中文：`contracts/README.zh-CN.md`)."""
_NOT_FOR_CALLERS: Final = {"deadLetters", "unrouted"}
_TITLES: Final = {
    "receiveCommand": ("publishOrder", "Publish an order"),
    "receiveQuery": ("publishQuery", "Look invoices up"),
    "sendEvent": ("hearEvents", "Hear what happened"),
}


def document() -> Document:
    """The document for callers: three operations, and no queue that is an operator's."""
    told = asyncapi.document()
    messages = {name: message for name, message in told["components"]["messages"].items() if name != "DeadLetter"}
    return told | {
        "info": told["info"] | {"title": "Fapiao Worker, for callers", "description": _INTRODUCTION},
        "channels": {name: channel for name, channel in told["channels"].items() if name not in _NOT_FOR_CALLERS},
        "operations": {name: _turned(told["operations"][theirs], title) for theirs, (name, title) in _TITLES.items()},
        "components": told["components"] | {"messages": messages},
    }


def _turned(operation: Document, title: str) -> Document:
    """What they receive is sent, and what they send is received."""
    is_sent = operation["action"] == "receive"
    binding: dict[str, Any] = {"deliveryMode": 2, "mandatory": True} if is_sent else {"ack": True}
    version = operation["bindings"]["amqp"]["bindingVersion"]
    return operation | {
        "action": "send" if is_sent else "receive",
        "title": title,
        "bindings": {"amqp": binding | {"bindingVersion": version}},
    }
