"""How the vendor words what a query, an item look-up and a file look-up tell, and the shapes the traps warn of.

Pure. Without faults, every answer has the shape of the manual's tables: ids are numbers, dates milliseconds, money
numbers with two decimals at most, and a page is one ``data`` deep.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from contracts.gateway import LOGIN, QUERY_INVOICE, dumps
from worker.sandbox.books.amounts import TAX_RATE
from worker.sandbox.books.books import SOURCE, kind_of
from worker.sandbox.books.ledger import CHINA, BookedInvoice
from worker.sandbox.faults import Asked

FILE_TYPES: Final = ("pdf", "ofd", "xml")
_MEBIBYTE: Final = 1024 * 1024
_DRAWERS: Final = ("张三", "李四", "王五")
_TAX_CODES: Final = ("3040201010000000000", "3040801000000000000", "1080310990000000000", "1060102020000000000")
_MONEY: Final = ("totalAmount", "totalTax", "totalPriceAndTax", "unitPrice", "amount", "tax")

Row = dict[str, Any]


def row(invoice: BookedInvoice, query_type: int, user_id: str) -> Row:
    """Tell an invoice in the manual's words and order."""
    order = invoice.order
    return {
        "specificBusinessType": "",
        "id": invoice.row_id,
        "countETicketNumbers": invoice.number,
        "sellerIdentificationNumber": order["sellerIndentification"],
        "sellerName": order["sellerName"],
        "buyerIdentificationNumber": order["buyerIndentification"],
        "buyerName": order["buyerName"],
        "invoiceDate": milliseconds(invoice),
        "totalAmount": invoice.total - invoice.tax,
        "totalTax": invoice.tax,
        "totalPriceAndTax": invoice.total,
        "invoiceSource": SOURCE,
        "invoiceType": kind_of(invoice),
        "invoiceStatus": invoice.status,
        "isInvoicePositive": "是" if invoice.total >= 0 else "否",
        "invoiceRiskLevel": "正常",
        "drawer": drawer(invoice),
        "note": order["remark"],
        "vipId": crc32(user_id.encode()),
        "queryType": query_type,
    }


def item_rows(invoice: BookedInvoice) -> list[Row]:
    """Tell the items of an invoice in the manual's words and order."""
    return [
        {
            "id": invoice.row_id + 1 + index,
            "invoiceBasicInfoId": invoice.row_id,
            "countETicketNumbers": invoice.number,
            "taxClassificationCode": tax_code(line.name),
            "specificBusinessType": "",
            "itemName": line.name,
            "spec": line.spec,
            "unit": line.unit,
            "quantity": line.quantity,
            "unitPrice": line.unit_price,
            "amount": line.amount,
            "taxRate": f"{TAX_RATE * 100:.0f}%",
            "tax": line.tax,
            "totalPriceAndTax": line.total,
        }
        for index, line in enumerate(invoice.lines)
    ]


def file_rows(invoice: BookedInvoice, types: Sequence[str], address: Callable[[str, str], str]) -> list[Row]:
    """Tell where the files of an invoice are; ``address`` makes a URL from a number and a type."""
    return [
        {
            "id": invoice.row_id + 1 + FILE_TYPES.index(kind),
            "invoiceBasicInfoId": invoice.row_id,
            "countETicketNumbers": invoice.number,
            "url": address(invoice.number, kind),
            "type": kind,
        }
        for kind in FILE_TYPES
        if kind in types
    ]


def milliseconds(invoice: BookedInvoice) -> int:
    """When it was issued, as Java counts."""
    return int(datetime.fromisoformat(invoice.issued_at).timestamp()) * 1000


def drawer(invoice: BookedInvoice) -> str:
    """Who drew it up."""
    return _DRAWERS[int(invoice.number[-3:]) % len(_DRAWERS)]


def tax_code(item_name: str) -> str:
    """The tax classification of goods of this name."""
    return _TAX_CODES[crc32(item_name.encode()) % len(_TAX_CODES)]


def moment_text(invoice: BookedInvoice) -> str:
    """The 文件开具日期 that a failed download names."""
    return f"{datetime.fromisoformat(invoice.issued_at):%Y-%m-%d %H:%M:%S}"


def paging(total: int, number: int, size: int, asked: Asked) -> Row:
    """The page's place among all; faults make its members disagree."""
    last = -(-total // size) + ("paging_empty_last" in asked)
    told: Row = {"total": total, "currentPage": number, "totalPage": last, "hasNext": number < last}
    if "paging_repeats" in asked:
        told |= {"totalPage": number + 1, "hasNext": True}
    if "paging_has_next_always" in asked:
        told["hasNext"] = True
    if "paging_has_next_never" in asked:
        told["hasNext"] = False
    if "paging_total_page_wrong" in asked:
        told["totalPage"] = int(asked["paging_total_page_wrong"])
    if "paging_total_wrong" in asked:
        told["total"] = int(asked["paging_total_wrong"])
    if "paging_text" in asked:
        told = {name: str(value).lower() for name, value in told.items()}
    if "paging_no_has_next" in asked:
        del told["hasNext"]
    return {} if "paging_missing" in asked else told


def bent_rows(rows: list[Row], asked: Asked) -> list[Row]:
    """Bend the rows of a page, of items or of files into the shapes asked for."""
    for name, bend in _ROW_BENDS.items():
        if name in asked:
            rows = [bend(each, index) for index, each in enumerate(rows)]
    return [*rows, *rows] if "rows_twice" in asked else rows


def bent_page(rows: list[Row], told: Row, asked: Asked) -> tuple[str, Any]:
    """Wrap a page in as many ``data`` as asked for; returns its type word and its data."""
    if "page_oversized" in asked and rows:
        rows = [{**rows[0], "note": "注" * int(asked["page_oversized"] * _MEBIBYTE / 3)}, *rows[1:]]
    page: Any = {"data": rows} if "page_paging_outside" in asked else {"data": rows, **told}
    for _ in range(int(asked.get("page_nested", 0))):
        page = {"data": page}
    if "page_paging_outside" in asked:
        page = {"data": page, **told}
    if "page_as_json_text" in asked:
        page = dumps(page)
    return (LOGIN if "page_typed_login" in asked else QUERY_INVOICE), page


def _money_as(form: Callable[[Decimal], Any]) -> "Callable[[Row, int], Row]":
    return lambda told, _: {n: form(v) if n in _MONEY and v is not None else v for n, v in told.items()}


def _date_as(form: Callable[[int, datetime], Any]) -> "Callable[[Row, int], Row]":
    def bend(told: Row, index: int) -> Row:
        del index
        value = told["invoiceDate"]
        return {**told, "invoiceDate": form(value, datetime.fromtimestamp(value / 1000, CHINA))}

    return bend


def _texts(*names: str) -> "Callable[[Row, int], Row]":
    return lambda told, _: {name: str(value) if name in names else value for name, value in told.items()}


def _empties(told: Row, index: int) -> Row:
    """What is not known is null in one row, empty in the next, missing in the third (trap 67)."""
    unknown = {"specificBusinessType", "invoiceRiskLevel", "drawer", "taxClassificationCode", "spec", "unit"}
    unknown |= {name for name, value in told.items() if value == ""}
    if index % 3 == 2:
        return {name: value for name, value in told.items() if name not in unknown}
    return {name: (None, "")[index % 3] if name in unknown else value for name, value in told.items()}


def _noisy(value: Decimal) -> Decimal:
    """A sum of binary floats is off in its last digits."""
    return value + Decimal("0.0000000001").copy_sign(value)


def _disagreeing(told: Row, index: int) -> Row:
    del index
    return {**told, "totalPriceAndTax": told["totalPriceAndTax"] + 1}


_ROW_BENDS: Final[Mapping[str, Callable[[Row, int], Row]]] = {
    "rows_totals_disagree": _disagreeing,
    "rows_mixed_empty": _empties,
    "rows_ids_text": _texts("id", "invoiceBasicInfoId"),
    "rows_vip_text": _texts("vipId"),
    "rows_dates_seconds": _date_as(lambda value, _: value // 1000),
    "rows_dates_digits": _date_as(lambda value, _: str(value)),
    "rows_dates_text": _date_as(lambda _, at: f"{at:%Y-%m-%d %H:%M:%S}"),
    "rows_dates_day": _date_as(lambda _, at: f"{at:%Y-%m-%d}"),
    "rows_dates_iso": _date_as(lambda _, at: at.isoformat()),
    "rows_dates_array": _date_as(lambda _, at: [*at.timetuple()[:6]]),
    "rows_dates_array_nanos": _date_as(lambda _, at: [*at.timetuple()[:6], 123_456_789]),
    "rows_dates_fraction": _date_as(lambda _, at: f"{at:%Y-%m-%dT%H:%M:%S}.123456789"),
    "rows_dates_slashes": _date_as(lambda _, at: f"{at:%Y/%m/%d %H:%M:%S}"),
    "rows_dates_chinese": _date_as(lambda _, at: f"{at:%Y年%m月%d日}"),
    "rows_dates_english": _date_as(lambda _, at: f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"),
    "rows_dates_java": _date_as(lambda _, at: f"{at:%a %b %d %H:%M:%S} CST {at.year}"),
    "rows_money_separated": _money_as(lambda value: f"{value:,.2f}"),
    "rows_money_marked": _money_as(lambda value: f"￥{value:,.2f}元"),
    "rows_money_noisy": _money_as(_noisy),
    "rows_money_text": _money_as(lambda value: f"{value:f}"),
    "rows_extra_members": lambda told, index: {**told, "traceId": f"sandbox-{index}", "tags": ["a", None]},
    "items_rates_fractions": lambda told, _: {**told, "taxRate": str(TAX_RATE)},
    "items_rates_words": lambda told, index: {**told, "taxRate": ("免税", "不征税", "***")[index % 3]},
    "files_urls_spaced": lambda told, _: {**told, "url": told["url"] + "?name=示例公司 电子发票（普通发票）"},
    "files_types_odd": lambda told, index: {**told, "type": ("." if index % 2 else "") + told["type"].upper()},
}
