"""The query side's frames and HTTP answers to and from our values (manual: 查询发票基本信息,
文件下载响应, 查询发票商品项信息, 查询发票文件). Pure.

Outbound is strict: exactly the manual's members, amounts as exact JSON numbers, no filter whose values the manual
leaves open, no address that carries a body's worth of ids (trap 77). Inbound is tolerant: a page is found by its
shape, at any nesting and under any type word; an HTTP answer is a success only if its code says so and its data is a
list (traps 79, 80), and what was not asked for is left out, for these look-ups name no owner (trap 86).

Not known here: sockets, repetitions, what was asked before, and so whether a frame is expected (`session`), and
whether an empty list means "none" or "not yet" (trap 84).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from contracts.failures import FailureCode
from contracts.gateway import Login, dumps
from contracts.gateway_query import (
    FILE_PATH,
    ITEM_PATH,
    DownloadZipRequest,
    QueryCondition,
    QueryInvoice,
    QueryInvoiceRequest,
    QueryPage,
)
from worker.errors import Permanent
from worker.gateway.dates import is_dated
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import file_of, file_type, item_of, listed_invoice
from worker.gateway.values import (
    bool_of,
    count_of,
    decimal_of,
    flag_of,
    id_of,
    is_absent,
    parsed,
    parsed_if_json,
    text_of,
)
from worker.ports import PageShown, QueryOrder

MAX_DATE_CHARS: Final = 200
"""Characters of the text with which a failed download is asked for again; `invoice.download` accepts as many."""
_MAX_UNWRAPPINGS: Final = 8
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WRAPPERS: Final = ("data", "records", "rows", "list")
_PAGING_MEMBERS: Final = ("total", "currentPage", "totalPage", "hasNext")
_COUNTERPARTIES: Final = {
    0: ("buyerIdentificationNumber", "buyerName"),
    1: ("sellerIdentificationNumber", "sellerName"),
}
"""Which members name the counterparty of what was issued and of what was received (trap 56)."""


# ---- outbound ----------------------------------------------------------------------------------------


def query_frame(order: QueryOrder) -> str:
    """Write `query_invoice` (manual: 查询发票基本信息). Raises `ValueError` for what cannot be written as the manual
    has it; the message repeats nothing of it."""
    condition = order.condition
    query_type = flag_of(condition.get("queryType"))
    if query_type not in _COUNTERPARTIES:
        raise ValueError("queryType must be 0 or 1")
    if not condition.keys() <= QueryCondition.model_fields.keys():
        raise ValueError("the condition has members that the manual does not know")
    for other in _COUNTERPARTIES[1 - query_type]:
        if not is_absent(condition.get(other)):
            raise ValueError("the counterparty's members do not go with the queryType")
    if order.page_size < 1 or order.page_number < 1:
        raise ValueError("pages and their sizes count from 1")
    request = QueryInvoiceRequest(
        data=QueryInvoice(
            login=_login(order),
            condition=_condition(condition, query_type),
            page=QueryPage(pageSize=order.page_size, pageNumber=order.page_number),
        )
    )
    return _sound(dumps(request))


def download_frame(text: str) -> str:
    """Write `query_invoice_download_zip`, the text of the failed download byte for byte (trap 73). Raises
    `ValueError` for what is no text."""
    return _sound(dumps(DownloadZipRequest(data=text)))


def _login(order: QueryOrder) -> Login:
    login = order.login
    return Login(
        companyCode=login.company_code,
        phone=login.phone,
        password=login.password.get_secret_value(),
        area=login.area,
        role=login.role,
        companyName=login.company_name,
    )


def _condition(condition: Mapping[str, Any], query_type: int) -> QueryCondition:
    texts = {
        name: _text(condition, name)
        for name in (*_COUNTERPARTIES[query_type], "invoiceCode", "invoiceNumber")
        if not is_absent(condition.get(name))
    }
    return QueryCondition(
        queryType=query_type,
        countETicketNumbers=_text(condition, "countETicketNumbers"),
        startInvoiceValue=_amount(condition, "startInvoiceValue"),
        endInvoiceValue=_amount(condition, "endInvoiceValue"),
        startInvoiceDate=_day(condition, "startInvoiceDate"),
        endInvoiceDate=_day(condition, "endInvoiceDate"),
        **texts,
    )


def _text(condition: Mapping[str, Any], name: str) -> str:
    value = condition.get(name) or ""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")  # noqa: TRY004  as this module promises
    return value


def _amount(condition: Mapping[str, Any], name: str) -> Decimal | None:
    value = condition.get(name)
    if is_absent(value):
        return None
    amount = decimal_of(value)
    if amount is None:
        raise ValueError(f"{name} must be an exact decimal")
    return amount


def _day(condition: Mapping[str, Any], name: str) -> str:
    text = _text(condition, name)
    if _DAY.fullmatch(text) is None:
        raise ValueError(f"{name} must be a day, as yyyy-MM-dd")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as fault:
        raise ValueError(f"{name} is no day of the calendar") from fault


def _sound(frame: str) -> str:
    try:
        frame.encode()
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair is no text") from None
    return frame


# ---- inbound -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as it was found: its rows unread, its paging members as far as they can be read."""

    rows: list[Any]
    total: int | None = None
    current_page: int | None = None
    total_page: int | None = None
    has_next: bool | None = None

    @property
    def is_evident(self) -> bool:
        """Whether it shows rows or counts them: an empty list alone could be anything."""
        return bool(self.rows) or self.total is not None

    @property
    def promises_more(self) -> bool:
        """Whether there are rows beyond this page, by its own word."""
        return self.has_next is True or (self.total_page or 0) > 1


def unwrapped(data: Any) -> Any:
    """Find the page in `data` (traps 54, 55): a list of rows at any nesting, with the paging members of every level on
    the way (the nearest to the rows counts); or else the innermost thing that is wrapped."""
    paging: dict[str, Any] = {}
    for _ in range(_MAX_UNWRAPPINGS):
        data = parsed_if_json(data)
        if isinstance(data, list):
            return _page(data, paging) if not data or any(isinstance(row, dict) for row in data) else data
        if not isinstance(data, dict):
            return data
        paging.update({name: data[name] for name in _PAGING_MEMBERS if not is_absent(data.get(name))})
        named = [data[name] for name in _WRAPPERS if not is_absent(data.get(name))]
        if not named:
            # A gateway in Java has null for a list of nothing.
            return _page([], paging) if count_of(paging.get("total")) == 0 else data
        data = next((each for each in (*named, *_other_rows(data)) if each not in ([], {})), named[0])
    return data


def _other_rows(data: Mapping[str, Any]) -> Iterator[list[Any]]:
    """What may be the rows where those by a name that is known are none."""
    return (each for each in data.values() if isinstance(each, list) and all(isinstance(row, dict) for row in each))


def is_page(data: Any) -> bool:
    """Whether this is surely a page, whatever its type word says."""
    page = unwrapped(data)
    return isinstance(page, RawPage) and page.is_evident


def _page(rows: list[Any], paging: Mapping[str, Any]) -> RawPage:
    return RawPage(
        rows=rows,
        total=count_of(paging.get("total")),
        current_page=count_of(paging.get("currentPage")) or None,  # 0 is no page, but a placeholder
        total_page=count_of(paging.get("totalPage")),
        has_next=bool_of(paging.get("hasNext")),
    )


def page_shown(page: RawPage, redactor: AnswerRedactor, *, is_doubtful: bool = False) -> PageShown:
    """Type a page's rows. Those without an id that can be read are left out and counted."""
    invoices = [listed_invoice(row, redactor) for row in page.rows]
    readable = tuple(invoice for invoice in invoices if invoice is not None)
    return PageShown(
        invoices=readable,
        total=page.total,
        current_page=page.current_page,
        total_page=page.total_page,
        has_next=page.has_next,
        unreadable=len(invoices) - len(readable),
        is_doubtful=is_doubtful,
    )


def retry_text(data: Any, redactor: AnswerRedactor) -> str | None:
    """The text to retry a failed download with, untouched (trap 73); None if it is not like a date, is absurdly long,
    or could not be sent back as it came."""
    text = text_of(data)
    if text is None or len(text) > MAX_DATE_CHARS or not text.isprintable() or not is_dated(text):
        return None
    return text if redactor.text(text) == text else None


MAX_ADDRESS_CHARS: Final = 4000
"""Half of what servers usually take for the request's first line."""

Array = Literal["repeat", "comma", "brackets"]


def item_address(base_url: str, invoice_id: str) -> str:
    """`GET …/web/invoice/item/{invoiceBasicInfoId}`."""
    return f"{base_url}{ITEM_PATH}/{quote(invoice_id, safe='')}"


def file_addresses(
    base_url: str, invoice_ids: Sequence[str], types: Sequence[str], *, array: Array, batch: int
) -> Iterator[tuple[str, Sequence[str]]]:
    """`GET …/web/invoice/file?invoiceIdList=…&typeList=…` for as many ids at once as fit; each with its ids."""
    start = 0
    while start < len(invoice_ids):
        size = min(batch, len(invoice_ids) - start)
        ids = invoice_ids[start : start + size]
        while size > 1 and len(_file_address(base_url, ids, types, array)) > MAX_ADDRESS_CHARS:
            size = (size + 1) // 2
            ids = invoice_ids[start : start + size]
        yield _file_address(base_url, ids, types, array), ids
        start += size


def _file_address(base_url: str, ids: Sequence[str], types: Sequence[str], array: Array) -> str:
    lists = {"invoiceIdList": ids, "typeList": types}
    if array == "comma":
        query = urlencode({name: ",".join(values) for name, values in lists.items()}, safe=",")
    else:
        ending = "[]" if array == "brackets" else ""
        query = urlencode({name + ending: values for name, values in lists.items()}, doseq=True)
    return f"{base_url}{FILE_PATH}?{query}"


def rows_of(body: bytes, success_codes: Collection[int]) -> list[Any]:
    """The rows of an answer. Null data with a code of success are none, as is a list of nothing. Raises `Permanent`
    for anything but a success, with nothing of the body in its message but the code."""
    try:
        answer = parsed(body.decode("utf-8").lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise _refused("the gateway's answer to a look-up is not JSON") from None
    code = answer.get("code") if isinstance(answer, dict) else None
    if not is_absent(code) and count_of(code) not in success_codes:
        raise _refused(f"the gateway refused a look-up with code {_shown(code)}")
    found = unwrapped(answer)
    if isinstance(found, RawPage):
        return found.rows
    if isinstance(answer, dict) and not is_absent(code) and is_absent(answer.get("data")):
        return []
    raise _refused("the gateway's answer to a look-up holds no rows")


def items_of(rows: Sequence[Any], invoice_id: str) -> tuple[dict[str, Any], ...]:
    """The items of this invoice. One that does not say whose it is was asked for by the address."""
    wanted = id_of(invoice_id)
    items = (item_of(row) for row in rows)
    return tuple(item for item in items if item and item.get("invoiceBasicInfoId", wanted) == wanted)


def files_of(
    rows: Sequence[Any], base_url: str, invoice_ids: Collection[str], types: Collection[str]
) -> tuple[dict[str, Any], ...]:
    """The files of these invoices and types, one each: the last one said counts."""
    wanted_ids, wanted_types = {id_of(one) for one in invoice_ids}, {file_type(one) for one in types}
    files = (file_of(row, base_url) for row in rows)
    return tuple(
        {
            (file["invoiceBasicInfoId"], file["type"]): file
            for file in files
            if file and file["invoiceBasicInfoId"] in wanted_ids and file["type"] in wanted_types
        }.values()
    )


def _shown(code: Any) -> str:
    number = count_of(code)
    return "that is no number" if number is None else str(number)


def _refused(message: str) -> Permanent:
    return Permanent(FailureCode.HTTP_ERROR, message)
