"""Values for tests, whole and valid by default: a test names only what it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.envelope import dumps
from worker.gateway.codec import issued_reply
from worker.gateway.values import invoice_number_of
from worker.ports import PageShown, ResultShown
from worker.records import Command, CommandState, Dated, LaneLease, ListedInvoice, Route

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


def make_item(**members: Any) -> dict[str, Any]:
    """One line of goods, in the vendor's words."""
    return {
        "name": "商品A",
        "quantity": Decimal(2),
        "spec": "规格A",
        "unit": "件",
        "unitPrice": Decimal("100.00"),
        **members,
    }


def make_invoice(**members: Any) -> dict[str, Any]:
    """An invoice as the journal has it: in the vendor's words, without account and password."""
    return {
        "buyerName": "ABC公司",
        "buyerIndentification": "91330701MA2DFB848M",
        "buyerAddress": "",
        "buyerPhone": "",
        "buyerEmail": "",
        "buyerBank": "",
        "buyerBankAccount": "",
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "buyerBankShow": 0,
        "invoiceItems": [make_item()],
        "remark": "",
        "sellerName": "XYZ科技有限公司",
        "sellerIndentification": "91330701MA2M37T86L",
        "sellerBank": "招商银行杭州分行",
        "sellerBankAccount": "9876543210987654321",
        "sellerBankShow": 0,
        **members,
    }


def make_login(**members: Any) -> dict[str, Any]:
    """A login as the journal has it: without its password."""
    return {
        "companyCode": "91330701MA2M37T86L",
        "phone": "13800000000",
        "area": "zhejiang",
        "role": "法定代表人",
        **members,
    }


def make_data(
    *, invoice: dict[str, Any] | None = None, login: dict[str, Any] | None = None, credential: str | None = None
) -> bytes:
    """The journaled data of an `invoice.issue`."""
    way_in = {"credential": credential} if credential else {"login": login or make_login()}
    return dumps({"userId": "1111", **way_in, "invoice": invoice or make_invoice()})


def make_command(**fields: Any) -> Command:
    """An `invoice.issue` that a lane has just taken."""
    defaults: dict[str, Any] = {
        "key": 1,
        "source": "erp",
        "id": f"order-{fields.get('key', 1)}",
        "type": "invoice.issue",
        "state": CommandState.RUNNING,
        "route": Route(reply_to="replies", correlation_id="c-1"),
        "received_at": MOMENT,
        "lane": "1111",
        "epoch": 1,
        "attempts": 1,
        "last_sequence": 0,
        "data": make_data(),
        "secrets": {"/login/password": PASSWORD},
    }
    return Command(**{**defaults, **fields})


def make_lease(**fields: Any) -> LaneLease:
    """The first lease of the default command's lane."""
    return LaneLease(**{"lane": "1111", "worker": "w-1", "epoch": 1, **fields})


def make_result(invoice: dict[str, Any] | None = None, **fields: Any) -> ResultShown:
    """The gateway's answer to the default invoice, or to the one given."""
    echo = {name: value for name, value in (invoice or make_invoice()).items() if value != ""}
    told = _typed(fields.pop("invoice", echo))
    reply = issued_reply(told, fields.pop("invoice_url", "http://pdf.example/1.pdf"))
    return ResultShown(replace(reply, **fields))


def _typed(echo: Mapping[str, Any]) -> dict[str, Any]:
    """As the codec hands it on: money and quantities exact, however the journal or a test writes them."""
    lines = [
        {name: Decimal(str(value)) if name in {"quantity", "unitPrice"} else value for name, value in line.items()}
        for line in echo.get("invoiceItems") or ()
    ]
    return {**echo, **({"invoiceItems": lines} if "invoiceItems" in echo else {})}


def change_result(result: ResultShown, **fields: Any) -> ResultShown:
    """The same answer with another `invoice`, `invoice_url` or `is_draft`."""
    known = {"invoice_url": result.invoice_url, "is_draft": result.is_draft, "invoice": dict(result.invoice)}
    return make_result(**{**known, **fields})


def make_found(number: int = 1, **members: Any) -> dict[str, Any]:
    """The default invoice as a query lists it, as `contracts.invoices.FoundInvoice` has it."""
    return {
        "id": f"{1778381047770263000 + number}",
        "countETicketNumbers": f"{24332000000000000000 + number}",
        "sellerIdentificationNumber": "91330701MA2M37T86L",
        "sellerName": "XYZ科技有限公司",
        "buyerIdentificationNumber": "91330701MA2DFB848M",
        "buyerName": "ABC公司",
        "invoiceDate": MOMENT,
        "totalAmount": Decimal("200.00"),
        "totalTax": Decimal("26.00"),
        "totalPriceAndTax": Decimal("226.00"),
        "isInvoicePositive": True,
        **members,
    }


def exactly(moment: datetime) -> Dated:
    """A date that has one reading only."""
    return Dated(moment, moment, moment)


def make_listed(number: int = 1, **members: Any) -> ListedInvoice:
    """The same, typed."""
    return as_listed(make_found(number, **members))


def make_page(*invoices: dict[str, Any], **fields: Any) -> PageShown:
    """A page of a query; the last one unless it says otherwise."""
    return PageShown(tuple(map(as_listed, invoices)), **{"has_next": False, **fields})


def make_condition(**members: Any) -> dict[str, Any]:
    """What was issued on the day of `MOMENT`."""
    return {"queryType": 0, "startInvoiceDate": "2026-01-01", "endInvoiceDate": "2026-01-01", **members}


def make_question(**members: Any) -> dict[str, Any]:
    """The journaled data of an `invoice.query`."""
    return {
        "userId": "1111",
        "login": make_login(),
        "condition": make_condition(),
        "page": {"pageSize": 2, "pageNumber": 1},
        "allPages": True,
        "items": True,
        "files": ["pdf", "ofd", "xml"],
        **members,
    }


def make_query(question: dict[str, Any] | None = None, **fields: Any) -> Command:
    """An `invoice.query` that a lane has just taken."""
    return make_command(**{"type": "invoice.query", "data": dumps(question or make_question()), **fields})


def as_listed(told: Mapping[str, Any]) -> ListedInvoice:
    """An invoice typed from what events show of it."""
    dated, number = told.get("invoiceDate"), told.get("countETicketNumbers")
    total = told.get("totalPriceAndTax")
    is_positive = told.get("isInvoicePositive")
    return ListedInvoice(
        gateway_id=str(told["id"]),
        number=invoice_number_of(number),
        seller_id=told.get("sellerIdentificationNumber") or None,
        seller_name=told.get("sellerName") or None,
        buyer_id=told.get("buyerIdentificationNumber") or None,
        buyer_name=told.get("buyerName") or None,
        note=told.get("note"),
        drawer=told.get("drawer"),
        dated=None if dated is None else exactly(dated),
        total=total,
        total_without_tax=told.get("totalAmount"),
        total_tax=told.get("totalTax"),
        is_positive=is_positive if is_positive is not None or total is None else total >= 0,
        status=told.get("invoiceStatus"),
        invoice_type=told.get("invoiceType"),
        source=told.get("invoiceSource"),
        query_type=told.get("queryType"),
        told=told,
    )


def identity_of(told: Mapping[str, Any]) -> str:
    """What names an invoice, of what events show of it."""
    return as_listed(told).identity
