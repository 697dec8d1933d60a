"""What the gateway of the model lists: a row for what was issued, in forms that lists have, and the pages they come in.

However a row is told, it is true: amounts in fen, without tax, under each other's names or line by line, dates by the
day, in UTC or none, numbers that come later than the row. And whatever a page says of the others is true, though it may
say little.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from tests.model.submissions import Sent, rewritten
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import listed_invoice
from worker.ports import PageShown, QueryOrder, QueryRefused
from worker.records import BEIJING, ListedInvoice

Row = dict[str, Any]
"""In the vendor's words."""
CENT: Final = Decimal("0.01")
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_AMOUNTS: Final = ("totalAmount", "totalTax", "totalPriceAndTax")


def _without(*names: str) -> Callable[[Row], list[Row]]:
    return lambda row: [{name: value for name, value in row.items() if name not in names}]


def _line_by_line(row: Row) -> list[Row]:
    parts = (Decimal("0.25"), Decimal("0.75"))
    return [row | {name: row[name] * part for name in _AMOUNTS} for part in parts]


def _taxed(row: Row, tax: Decimal) -> Row:
    return row | {"totalTax": tax.quantize(CENT), "totalPriceAndTax": row["totalAmount"] + tax.quantize(CENT)}


def _in_full_width(value: Any) -> Any:
    return value.translate(_FULL_WIDTH) if isinstance(value, str) else value


FORMS: Final[Mapping[str, Callable[[Row], list[Row]]]] = MappingProxyType(
    {
        "in full": lambda row: [row],
        "twice": lambda row: [row, row | {"id": f"9{row['id'][1:]}"}],
        "the total alone": _without("totalAmount", "totalTax"),
        "without tax alone": _without("totalTax", "totalPriceAndTax"),
        "amount and tax in each other's place": lambda row: [
            row | {"totalAmount": row["totalTax"], "totalTax": row["totalAmount"]}
        ],
        "a total that is its amount": lambda row: [row | {"totalPriceAndTax": row["totalAmount"]}],
        "no tax, by default": lambda row: [row | {"totalTax": Decimal(0)}],
        "in fen": lambda row: [row | {name: int(row[name] * 100) for name in _AMOUNTS}],
        "no amounts": _without(*_AMOUNTS),
        "line by line": _line_by_line,
        "taxed at three per cent": lambda row: [_taxed(row, row["totalAmount"] * 3 / 100)],
        "exempt": lambda row: [_taxed(row, Decimal(0)) | {"totalTax": "免税"}],
        "exempt, in stars": lambda row: [_taxed(row, Decimal(0)) | {"totalTax": "***"}],
        "taxed on the margin": lambda row: [
            row
            | {"totalAmount": row["totalAmount"] - 1, "totalTax": Decimal(1), "totalPriceAndTax": row["totalAmount"]}
        ],
        "a tax that is off by a cent": lambda row: [_taxed(row, row["totalTax"] + CENT)],
        "as text": lambda row: [row | {name: f"￥{row[name]:,.2f}" for name in _AMOUNTS}],
        "in full width": lambda row: [{name: _in_full_width(value) for name, value in row.items()} | {"id": row["id"]}],
        "by the day": lambda row: [row | {"invoiceDate": row["invoiceDate"].astimezone(BEIJING).date().isoformat()}],
        "in UTC": lambda row: [row | {"invoiceDate": row["invoiceDate"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")}],
        "without a date": _without("invoiceDate"),
        "without a note": _without("note"),
        "nobody's": _without("buyerName", "buyerIdentificationNumber"),
        "without a seller": _without("sellerName", "sellerIdentificationNumber"),
        "of two signs": lambda row: [row | {"isInvoicePositive": False}],
        "with a code for a status": lambda row: [{"invoiceStatus": "3"} | row],
    }
)
"""How the bureau's list tells an invoice."""


def row_of(sent: Sent) -> Row:
    """With all that a row can have; prices are taken to be without tax."""
    invoice = rewritten(sent.invoice, sent.rewriting)
    lines = invoice["invoiceItems"]
    amount = sum((Decimal(str(line["quantity"])) * Decimal(str(line["unitPrice"])) for line in lines), Decimal(0))
    amount = amount.quantize(CENT)
    tax = (amount * Decimal("0.13")).quantize(CENT)
    row = {
        "id": f"17{str(sent.number)[:2]}38{str(sent.number)[-12:]}",
        "countETicketNumbers": sent.number,
        "sellerIdentificationNumber": invoice["sellerIndentification"],
        "sellerName": invoice["sellerName"],
        "buyerIdentificationNumber": invoice["buyerIndentification"],
        "buyerName": invoice["buyerName"],
        "invoiceDate": sent.issued_at,
        "totalAmount": amount,
        "totalTax": tax,
        "totalPriceAndTax": amount + tax,
        "isInvoicePositive": True,
        "note": invoice["remark"],
    }
    return row | ({"invoiceStatus": sent.red_status} if sent.red_status else {})


def red_row_of(sent: Sent) -> Row:
    """The invoice that takes this one back, in part or in full."""
    blue, part = row_of(sent), Decimal(1 if "全额" in sent.red_status else "0.5")
    red = blue | {name: -blue[name] * part for name in _AMOUNTS}
    return red | {
        "id": f"2{blue['id'][1:]}",
        "countETicketNumbers": f"25{str(sent.number)[2:]}",
        "isInvoicePositive": None,
        "invoiceStatus": "正常",
        "note": f"被红冲蓝字数电票号码：{sent.number}",
    }


def rows_of(sent: Sent, now: float) -> list[ListedInvoice]:
    """As they are listed by now: a row may stand there before its number does."""
    row = row_of(sent)
    if now < sent.listed_at:
        row |= {"countETicketNumbers": ""}
    rows = FORMS[sent.form](row)
    if sent.red_status:
        rows.append(red_row_of(sent))
    listed = [
        listed_invoice({**each, "invoiceDate": _as_text(each.get("invoiceDate"))}, AnswerRedactor()) for each in rows
    ]
    return [each for each in listed if each is not None]


def _as_text(date: Any) -> str | None:
    return date if date is None or isinstance(date, str) else date.astimezone(BEIJING).isoformat()


@dataclass(frozen=True)
class Paging:
    """How a list is cut into pages, and what a page says of the others."""

    most_rows: int = 100
    """It shows no more at once, whatever it is asked for."""
    tells: tuple[str, ...] = ("total", "current_page", "total_page", "has_next")
    behind: str = "empty"
    """What it answers to a page behind the last one."""
    is_newest_first: bool = False


PAGINGS: Final[Mapping[str, Paging]] = MappingProxyType(
    {
        "all at once": Paging(),
        "two by two": Paging(2, is_newest_first=True),
        "two by two, and no word of more": Paging(2, tells=()),
        "two by two, and no page behind": Paging(2, tells=(), behind="refused"),
        "two by two, and the same again": Paging(2, tells=(), behind="again"),
        "three by three, with a total": Paging(3, tells=("total",), is_newest_first=True),
        "three by three, with a total, and no page behind": Paging(3, tells=("total",), behind="refused"),
        "two by two, with a flag": Paging(2, tells=("has_next",)),
    }
)


def page_of(rows: Sequence[ListedInvoice], order: QueryOrder, paging: Paging) -> PageShown | QueryRefused:
    """The page that is asked for."""
    in_order = list(reversed(rows)) if paging.is_newest_first else list(rows)
    size = min(order.page_size, paging.most_rows)
    pages = max(1, -(-len(in_order) // size))
    number = order.page_number
    if number > pages and paging.behind == "refused":
        return QueryRefused()
    if paging.behind == "again":
        number = min(number, pages)
    said = {
        "total": len(in_order),
        "current_page": number,
        "total_page": pages,
        "has_next": number < pages,
    }
    told: dict[str, Any] = {name: value for name, value in said.items() if name in paging.tells}
    return PageShown(tuple(in_order[(number - 1) * size : number * size]), **told)
