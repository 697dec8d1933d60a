"""One good message of every kind, for people to copy and for tests to hold the schemas against.

Deterministic: the same ids and times at every call. The firms and tax ids are invented, but for those of the
manual's own example; every password is a stand-in. A frame that the worker sends has the values of the manual's
examples; one that it receives has them for an issue, and invented ones for queries, for the manual's may be real firms
(trap 18).
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel

from contracts import example_issues, example_queries
from contracts.commands import COMMANDS, CommandType
from contracts.envelope import SPEC_VERSION, build_event
from contracts.events import EVENTS, Outcome
from contracts.example_issues import AT, FILES, INVOICE_ID, MANUAL_ORDER, PIXEL, Sample
from contracts.example_queries import FOUND, ITEMS, MANUAL_QUERY
from contracts.failures import RejectionCode
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

UNKNOWN_TYPE_REJECTED: Final = f"command.{Outcome.REJECTED}"
_SOURCE: Final = "/shop"
_SAMPLES: Final[Mapping[CommandType, Sample]] = {**example_issues.SAMPLES, **example_queries.SAMPLES}


def commands() -> dict[str, dict[str, Any]]:
    """File name without ending to message: both forms of each command, and the manual's own examples."""
    found: dict[str, dict[str, Any]] = {}
    for command, sample in _SAMPLES.items():
        found[str(command)] = _command(command, sample.id, sample.data)
        found[f"{command}.plain"] = deepcopy({**sample.data, **sample.plain})
    return found | {
        f"{CommandType.ISSUE}.manual": _command(CommandType.ISSUE, "manual-example-1", example_issues.MANUAL_ORDER),
        f"{CommandType.QUERY}.manual": _command(CommandType.QUERY, "manual-example-2", example_queries.MANUAL_QUERY),
    }


def events() -> dict[str, dict[str, Any]]:
    """Event type to message, command by command."""
    found = {
        f"{command}.{outcome}": _event(_SAMPLES[command], f"{command}.{outcome}", *_SAMPLES[command].outcomes[outcome])
        for command, outcomes in EVENTS.items()
        for outcome in outcomes
    }
    known = ", ".join(COMMANDS)
    unknown = {"path": "/type", "message": f"is no command that this worker runs; it runs {known}"}
    nobody = Sample(example_issues.ORDER_NO, {}, {})
    return found | {
        UNKNOWN_TYPE_REJECTED: _event(
            nobody, UNKNOWN_TYPE_REJECTED, 1, {"code": RejectionCode.UNKNOWN_TYPE, "errors": [unknown]}
        )
    }


def _command(command_type: CommandType, identifier: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "specversion": SPEC_VERSION,
        "id": identifier,
        "source": _SOURCE,
        "type": str(command_type),
        "data": deepcopy(dict(data)),
    }


def _event(sample: Sample, event_type: str, sequence: int, data: Mapping[str, Any]) -> dict[str, Any]:
    _, body = build_event(
        worker="/fapiao-worker",
        command_source=_SOURCE,
        command_id=sample.id,
        event_type=event_type,
        sequence=sequence,
        time=AT + timedelta(seconds=sequence),
        data={"commandId": sample.id, "commandSource": _SOURCE, **sample.named, **data},
    )
    event: dict[str, Any] = json.loads(body)
    return event


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
