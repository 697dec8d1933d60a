"""The two HTTP look-ups' addresses and answers (manual: 查询发票商品项信息, 查询发票文件). Pure.

Guaranteed: an address never carries a body's worth of ids (trap 77); an answer is a success only if its code says so
and its data is a list (traps 79, 80); what was not asked for is left out, for these look-ups name no owner (trap 86).
Not known here: sockets, repetitions, and whether an empty list means "none" or "not yet" (trap 84).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from contracts.failures import FailureCode
from contracts.gateway_query import FILE_PATH, ITEM_PATH
from worker.errors import Permanent
from worker.gateway.query_codec import Page, unwrapped
from worker.gateway.rows import file_of, file_type, item_of
from worker.gateway.values import count_of, id_of, is_absent, parsed

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
    if isinstance(found, Page):
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
