"""Rows of the gateway's look-ups, typed: invoices as `ListedInvoice`, items and files to the members of
`contracts.invoices`. Pure.

Guaranteed: a member that says nothing is left out; one that the manual does not know, or that cannot be read as what
the manual calls it, is kept aside in `extra`, without secrets and bounded in size; nothing raises.

Addresses of files too, by one rule for results and look-ups (traps 1, 50, 83). What is passed on is an `http` or
`https` address with a host, without a user in it, or, where no base is known, a path on the gateway; in ASCII and of
bounded length, blanks and Chinese percent-encoded. What holds controls, quotes, backslashes or invisible characters is
none, but for `\\/`, which is a slash of JSON that was escaped twice. Whether anything is there, nobody has looked.

Not known here: where in an answer the rows are, and which of them somebody asked for.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from unicodedata import category
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from contracts.invoices import with_cents
from worker.gateway.dates import dated_of, moment_of
from worker.gateway.qr import unwrapped
from worker.gateway.redaction import AnswerRedactor, is_secret_name
from worker.gateway.standing import Member, may_be_red, other_members, status_elsewhere, told_elsewhere
from worker.gateway.values import (
    amount_of,
    code_of,
    flag_of,
    id_of,
    invoice_number_of,
    is_absent,
    rate_of,
    sign_of,
    text_of,
)
from worker.records import ListedInvoice
from worker.texts import says_nothing

MAX_TEXT_CHARS: Final = 2000
"""The longest text of a member, nine times the longest remark. The rest is cut, or one row could fill an event."""
MAX_EXTRA_BYTES: Final = 4096
"""The most that is kept of a row's members that the manual does not know."""
_TOLERANCE: Final = Decimal("0.01")

Read = Callable[[Any, AnswerRedactor], Any]
"""A member's value, typed and redacted; None if it is not what the manual calls it."""


def _text(value: Any, redactor: AnswerRedactor) -> str | None:
    text = text_of(value)
    return None if text is None else redactor.text(text)[:MAX_TEXT_CHARS]


def _words(value: Any, redactor: AnswerRedactor) -> str | None:
    """Text, also from the parts of what the gateway has put in its place: `{"code": "03", "name": "已作废"}`."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,)
    told = (str(each).lower() if isinstance(each, bool) else text_of(each) for each in parts)
    texts = [text for text in told if not is_absent(text)]
    return _text(" ".join(map(str, texts)), redactor) if texts else None


def _code(value: Any, redactor: AnswerRedactor) -> str | None:
    code = code_of(value)
    return None if code is None else redactor.code(code)[:MAX_TEXT_CHARS]


def _unredacted(read: Callable[[Any], Any]) -> Read:
    """For what comes out as a number, a date or digits of bounded length."""
    return lambda value, _redactor: read(value)


_id, _amount, _moment = _unredacted(id_of), _unredacted(amount_of), _unredacted(moment_of)


def _money(value: Any, _redactor: AnswerRedactor) -> Decimal | None:
    """An amount as people read one: `398` is `398.00`. What has fractions of a cent is told as it is."""
    amount = amount_of(value)
    return None if amount is None else with_cents(amount)


INVOICE_MEMBERS: Final[Mapping[str, Read]] = {
    "id": _id,
    "countETicketNumbers": _code,
    "sellerIdentificationNumber": _code,
    "sellerName": _text,
    "buyerIdentificationNumber": _code,
    "buyerName": _text,
    "invoiceDate": _moment,
    "totalAmount": _money,
    "totalTax": _money,
    "totalPriceAndTax": _money,
    "invoiceSource": _text,
    "invoiceType": _text,
    "invoiceStatus": _words,
    "isInvoicePositive": _unredacted(sign_of),
    "invoiceRiskLevel": _text,
    "drawer": _text,
    "note": _text,
    "vipId": _text,
    "queryType": _unredacted(flag_of),
    "specificBusinessType": _text,
}
ITEM_MEMBERS: Final[Mapping[str, Read]] = {
    "id": _id,
    "invoiceBasicInfoId": _id,
    "countETicketNumbers": _code,
    "taxClassificationCode": _code,
    "specificBusinessType": _text,
    "itemName": _text,
    "spec": _text,
    "unit": _text,
    "quantity": _amount,
    "unitPrice": _amount,
    "amount": _money,
    "taxRate": _text,
    "tax": _money,
    "totalPriceAndTax": _money,
}


def listed_invoice(row: Any, redactor: AnswerRedactor) -> ListedInvoice | None:
    """One invoice of a page (manual: data项); None without an id, for `id` is what its items and files hang on."""
    if not isinstance(row, dict):
        return None
    told = _typed(row, INVOICE_MEMBERS, redactor)
    if "id" not in told:
        return None
    raw = _raw_date(row.get("invoiceDate"), redactor)
    if raw is not None:
        told["invoiceDateRaw"] = raw
    if _totals_differ(told):
        told["totalsDiffer"] = True
    others = other_members(row, _READ)
    kind, status = told.get("invoiceType"), _status(others, told.get("invoiceStatus"), redactor)
    total, amount, tax = _amounts(told)
    return ListedInvoice(
        gateway_id=told["id"],
        number=None if _is_unissued(status) else invoice_number_of(row.get("countETicketNumbers")),
        seller_id=told.get("sellerIdentificationNumber"),
        seller_name=told.get("sellerName"),
        buyer_id=told.get("buyerIdentificationNumber"),
        buyer_name=told.get("buyerName"),
        note=told.get("note"),
        dated=dated_of(row.get("invoiceDate")),
        total=total,
        total_without_tax=amount,
        total_tax=tax,
        is_positive=_is_positive(told.get("isInvoicePositive"), kind, amount if total is None else total),
        may_be_red=_may_be_red(row, told, kind, others),
        status=status,
        invoice_type=kind,
        source=told.get("invoiceSource"),
        query_type=told.get("queryType"),
        drawer=told.get("drawer"),
        told=told,
    )


def _amounts(told: Mapping[str, Any]) -> tuple[Decimal | None, ...]:
    """Total, amount and tax. Where all that are told are -1, programs mean that there is none."""
    amounts = tuple(told.get(name) for name in ("totalPriceAndTax", "totalAmount", "totalTax"))
    return (None, None, None) if {each for each in amounts if each is not None} == {-1} else amounts


_UNISSUED: Final = re.compile(
    r"(?:发票)?(?:开[票具]|提交)(?:失败|中)|(?:待|尚?未)开[票具]|草稿|draft|pending|failed", re.IGNORECASE
)
"""A status that says so: there is no invoice, or not yet, and the number of such a row names none."""


def _is_unissued(status: str | None) -> bool:
    return status is not None and _UNISSUED.fullmatch(status.strip()) is not None


_RED_TYPE: Final = re.compile("红字|红票|负数|紅字|負數|credit|negative", re.IGNORECASE)
_OPEN: Final = frozenset({"invoiceType", "invoiceSource", "invoiceRiskLevel", "specificBusinessType"})
"""Members that have words of the gateway's own."""
_READ: Final = INVOICE_MEMBERS.keys() - _OPEN


def _status(others: Sequence[Member], told: str | None, redactor: AnswerRedactor) -> str | None:
    """As it is told, with what other members say against it."""
    if told is None or says_nothing(told):
        told = status_elsewhere(others)
    against = ", ".join(told_elsewhere(others))
    return _text(f"{told or ''} ({against})".strip(), redactor) if against else told and _text(told, redactor)


def _may_be_red(row: Mapping[str, Any], told: Mapping[str, Any], kind: str | None, others: Sequence[Member]) -> bool:
    flag = row.get("isInvoicePositive")
    is_unread = "isInvoicePositive" not in told and not is_absent(flag) and not says_nothing(str(flag))
    return is_unread or _RED_TYPE.search(kind or "") is not None or may_be_red(others)


def _is_positive(flag: bool | None, kind: str | None, total: Decimal | None) -> bool | None:
    """As it is told; else by the words of its type, or by its amounts."""
    if flag is not None:
        return flag
    if kind is not None and _RED_TYPE.search(kind):
        return False
    return None if total is None else total >= 0


def _raw_date(value: Any, redactor: AnswerRedactor) -> str | None:
    """The date as it came: a list or an object as its JSON."""
    if isinstance(value, (list, dict)):
        value = json.dumps(redactor.value(value), ensure_ascii=False, default=str)
    raw = _text(value, redactor)
    return None if is_absent(raw) else raw


def item_of(row: Any) -> dict[str, Any] | None:
    """One item of an invoice (manual: InvoiceItemEntity); None if there is nothing in it."""
    if not isinstance(row, dict):
        return None
    item = _typed(row, ITEM_MEMBERS, AnswerRedactor())
    rate = rate_of(row.get("taxRate"))
    if rate is not None:
        item["taxRateValue"] = rate
    return item or None


def file_of(row: Any, base_url: str) -> dict[str, Any] | None:
    """One file of an invoice (manual: 查询发票文件); None if it does not say whose, which and where it is."""
    if not isinstance(row, dict):
        return None
    invoice_id, kind = id_of(row.get("invoiceBasicInfoId")), file_type(row.get("type"))
    url = location(row.get("url"), base_url)
    if invoice_id is None or not kind or url is None:
        return None
    number = invoice_number_of(row.get("countETicketNumbers"))
    found = {"invoiceBasicInfoId": invoice_id, "type": kind, "url": url}
    return found if number is None else {**found, "countETicketNumbers": number}


def file_type(value: Any) -> str:
    """A file's type as everybody writes it (trap 88): lower case, no dot before it; "" if it is none."""
    return value.strip().lower().lstrip(".") if isinstance(value, str) else ""


def _typed(row: dict[str, Any], members: Mapping[str, Read], redactor: AnswerRedactor) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    aside: dict[str, Any] = {}
    for name, value in row.items():
        if is_absent(value):
            continue
        read = members.get(name)
        known = None if read is None else read(value, redactor)
        if known is None:
            aside[name] = value
        else:
            typed[name] = known
    if aside:
        extra = _kept_aside(aside, redactor)
        if extra:
            typed["extra"] = extra
    return typed


def _kept_aside(members: dict[str, Any], redactor: AnswerRedactor) -> dict[str, Any]:
    """What there is room for, in the order in which it came."""
    kept: dict[str, Any] = {}
    room = MAX_EXTRA_BYTES
    for name, value in members.items():
        if is_secret_name(name) or len(name) > room:
            continue
        name, value = redactor.text(name), redactor.value(value)  # noqa: PLW2901  nothing may use the other ones
        size = len(json.dumps([name, value], ensure_ascii=False, default=str).encode())
        if size <= room:
            kept[name] = value
            room -= size
    return kept


def _totals_differ(invoice: Mapping[str, Any]) -> bool:
    """Whether amount and tax miss the total by more than a cent (trap 65). False where one of the three is not told."""
    amount, tax, total = (invoice.get(name) for name in ("totalAmount", "totalTax", "totalPriceAndTax"))
    if amount is None or tax is None or total is None:
        return False
    return bool(abs(amount + tax - total) > _TOLERANCE)


MAX_ADDRESS_CHARS: Final = 4096
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\"'<>\\^`{|}]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Kinds of characters that nobody sees, and that may turn what is seen."""
_KEPT: Final = "%!#$&()*+,/:;=?@[]~"
"""What stands for itself in a path, a query or a fragment."""
PLAIN_ADDRESS: Final = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[1-9][0-9]{0,3})?/[A-Za-z0-9._~/-]*(?:\?[A-Za-z0-9._~=&/-]+)?"
)
"""What most addresses are: they stay as they are, and need no closer look."""
_HOST_FIRST: Final = re.compile(
    r"(?:www\.[a-z0-9-]+\.[a-z0-9.-]+|(?:[a-z0-9-]+\.)+(?:com|cn|net|org|gov|edu|io)|\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?/",
    re.IGNORECASE,
)
"""An address whose scheme was left out; with a known base it is taken to have the base's."""
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def location(told: Any, base_url: str | None = None) -> str | None:
    """The address, without the quotes and spaces that may surround it, resolved against the gateway's base where that
    is known; None where it is none that may be opened."""
    if isinstance(told, str) and len(told) <= MAX_ADDRESS_CHARS and PLAIN_ADDRESS.fullmatch(told):
        return told
    return closely_read(told, base_url)


def closely_read(told: Any, base_url: str | None = None) -> str | None:
    """The same, whatever the address looks like."""
    bare = unwrapped(told).replace("\\/", "/") if isinstance(told, str) else ""
    if not 0 < len(bare) <= MAX_ADDRESS_CHARS or _UNFIT.search(bare) or any(category(each) in _UNSEEN for each in bare):
        return None
    try:
        if _HOST_FIRST.match(bare) is not None:
            bare = f"//{bare}" if base_url is not None else f"http://{bare}"
        is_whole = base_url is None or bool(urlsplit(bare).scheme)
        encoded = _encoded(bare if is_whole else urljoin(f"{str(base_url).rstrip('/')}/", bare))
    except ValueError:
        return None
    return encoded if encoded is not None and len(encoded) <= MAX_ADDRESS_CHARS else None


def _encoded(address: str) -> str | None:
    parts = urlsplit(address)
    path, query, fragment = (_quoted(part) for part in (parts.path, parts.query, parts.fragment))
    if not parts.scheme and not parts.netloc:
        return urlunsplit(("", "", path, query, fragment)) if path.startswith("/") else None
    is_web = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    if not is_web or parts.port == 0 or any(each.isspace() for each in parts.netloc):
        return None
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    scheme = address[: len(parts.scheme)]  # as it came: `urlsplit` makes it small
    return f"{scheme}:{urlunsplit(('', host, path, query, fragment))}"


def _quoted(part: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=_KEPT)
