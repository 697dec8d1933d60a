"""The vendor's frames to and from our values (manual: 登录税务局, 开票). Pure.

Outbound is strict: exactly the manual's members, every key present, flags as integers, money and quantities as
exact JSON numbers. Inbound is tolerant: whatever shape the traps name is read, nothing raises, and what cannot
be read is called so rather than guessed.
Not known here: what was sent before, and so whether a frame is expected (`session`).
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import orjson

from contracts.gateway import (
    INVOICE_INFO,
    LOGIN,
    InvoiceInfo,
    InvoicePdf,
    plain_number,
)
from worker.gateway.redaction import AnswerRedactor, is_secret_name
from worker.gateway.refusals import NUMBER_OF_ONE, denies, is_file, levels, says_otherwise
from worker.gateway.rows import location
from worker.gateway.values import amount_of, decimal_of, flag_of, parsed, parsed_if_json, text_of
from worker.making import made_often
from worker.ports import LoginFields, ResultShown, Submission
from worker.records import IssuedReply, Line


class IgnoredReason(StrEnum):
    """Why a frame says nothing to a session: the whole set, fit for a metric's label."""

    NOT_JSON = "not_json"
    """Neither standard JSON nor UTF-8."""
    NOT_OBJECT = "not_object"
    """JSON, but no object."""
    OVERSIZED = "oversized"
    """Longer than accepted, as a frame or as a QR."""
    OTHER_USER = "other_user"
    """`sendToId` is not our `userId`, or is missing (trap 7)."""
    UNEXPECTED_TYPE = "unexpected_type"
    """A type word that this endpoint does not have, and nothing in its shape that says what it is."""
    UNEXPECTED_PHASE = "unexpected_phase"
    """An answer to something this session has not asked, or has had answered."""
    NO_DATA = "no_data"
    """The right type at the right time, but without what such an answer carries."""
    UNREADABLE = "unreadable"
    """A result whose `isDrafts` is neither yes nor no, or a picture that is none."""


@made_often
@dataclass(frozen=True, slots=True)
class ReadReply:
    """A frame, normalised. `data` is what is meant, out of JSON text and nested `data`; `sent_data` is as it came.
    `send_to_id` is opaque text (trap 7): a number is the text of its digits."""

    type: str
    send_to_id: str | None
    has_data: bool
    data: Any
    sent_data: Any
    frame: dict[str, Any]
    """The whole parsed frame, for evidence. Holds secrets."""

    @property
    def answer(self) -> Any:
        """`sent_data`, with what stands beside it in the frame: there a gateway may say why it refuses."""
        if self.frame.keys() <= _ENVELOPE:
            return self.sent_data
        return {name: value for name, value in self.frame.items() if name == "data" or name not in _ENVELOPE}


_ENVELOPE: Final = frozenset({"type", "sendToId", "data"})
_MOST: Final = 200
"""Members that are looked at."""
_OF_THE_ANSWER: Final = re.compile(
    r"^(?:type|sendToId)$|trace|request|log|session|order|serial|time|stamp|流水|订单|请求", re.IGNORECASE
)
"""Numbers that every answer may have."""
MAX_FRAME_BYTES: Final = 1024 * 1024
_MAX_UNWRAPPINGS: Final = 4
_NO_FLAGS: Final = (None, "", "null", "undefined", "-", "无")
_RIGHT_SPELLINGS: Final = {
    "buyerIdentification": "buyerIndentification",
    "sellerIdentification": "sellerIndentification",
}
_SENT_MEMBERS: Final = tuple(InvoiceInfo.model_fields)
_RESULT_MEMBERS: Final = frozenset(InvoicePdf.model_fields) | frozenset(_RIGHT_SPELLINGS)
"""Of the manual's result."""
_RESULT_ONLY_MEMBERS: Final = ("invoiceUrl", "isDrafts")
"""An echo of our own `invoice_info` has the other members too, and proves nothing."""
_FLAG_MEMBERS: Final = frozenset({"buyerInvoiceType", "buyerType", "buyerBankShow", "sellerBankShow", "isDrafts"})
_NUMBER_MEMBERS: Final = frozenset({"quantity", "unitPrice"})
_UNTOLD_MEMBERS: Final = frozenset({"sellerLoginAccount", "sellerLoginPassword", "invoiceUrl"})
"""Left out of the invoice: two are secrets, the address is told beside it."""
_TEXT_MEMBERS: Final = (_RESULT_MEMBERS | {"invoiceNumber"}) - _FLAG_MEMBERS - _UNTOLD_MEMBERS - {"invoiceItems"}
_ITEM_TEXT_MEMBERS: Final = frozenset({"name", "spec", "unit"})


# ---- outbound ----------------------------------------------------------------------------------------


def login_frame(login: LoginFields) -> str:
    """Write `login` (manual: 登录税务局). `companyName` belongs to queries and is left out.

    Raises `ValueError` for half a surrogate pair.
    """
    return _frame(
        LOGIN,
        {
            "companyCode": login.company_code,
            "phone": login.phone,
            "password": login.password.get_secret_value(),
            "area": login.area,
            "role": login.role,
        },
    )


def invoice_frame(submission: Submission) -> str:
    """Write `invoice_info` (manual: 开票). Members that the journaled invoice lacks are sent as "" or 0.

    Written straight from the journaled values, for this is done for every invoice; the same bytes as
    `contracts.gateway.InvoiceInfoRequest` would give. Raises `ValueError` for what cannot be written exactly as the
    manual has it; nothing was sent then.
    """
    invoice = submission.invoice
    seller = {
        "sellerLoginAccount": submission.seller_account,
        "sellerLoginPassword": submission.seller_password.get_secret_value(),
    }
    members: dict[str, Any] = {}
    for name in _SENT_MEMBERS:
        if name == "invoiceItems":
            members[name] = [_item(item) for item in invoice.get(name) or ()]
        elif name in _FLAG_MEMBERS:
            members[name] = int(invoice.get(name) or 0)
        else:
            members[name] = _text(seller.get(name) or invoice.get(name) or "")
    if not members["invoiceItems"]:
        raise ValueError("an invoice needs at least one line")
    return _frame(INVOICE_INFO, members)


def _frame(kind: str, members: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps({"type": kind, "data": members}).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError("half a surrogate pair is no text") from error


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": _text(item["name"]),
        "quantity": _exact(item["quantity"]),
        "spec": _text(item.get("spec") or ""),
        "unit": _text(item.get("unit") or ""),
        "unitPrice": _exact(item["unitPrice"]),
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("what the manual calls a string must be text")  # noqa: TRY004  as this module promises
    return value


def _exact(value: Any) -> orjson.Fragment:
    exact = decimal_of(value)
    if exact is None:
        raise ValueError("quantities and prices must be exact decimals")
    return orjson.Fragment(plain_number(exact))


# ---- inbound -----------------------------------------------------------------------------------------


def unwrapped(data: Any) -> Any:
    """Follow JSON inside text and `data` inside `data` down to what is meant (traps 17, 52)."""
    for _ in range(_MAX_UNWRAPPINGS):
        inner = parsed_if_json(data)
        if isinstance(inner, dict) and "data" in inner and _RESULT_MEMBERS.isdisjoint(inner):
            inner = inner["data"]
        if inner is data:
            break
        data = inner
    return data


def read_frame(
    frame: str | bytes, max_bytes: int = MAX_FRAME_BYTES, unwrap: Callable[[Any], Any] = unwrapped
) -> ReadReply | IgnoredReason:
    """Read a frame's envelope; `unwrap` finds in `data` what is meant. JSON is parsed strictly (trap 1): curly quotes
    are not JSON. Binary frames are read as UTF-8 text."""
    if len(frame) > max_bytes:
        return IgnoredReason.OVERSIZED
    try:
        text = frame.decode("utf-8") if isinstance(frame, bytes) else frame
        parts = parsed(text.lstrip("\ufeff"))
        if isinstance(parts, str):
            parts = parsed(parts)
    except (ValueError, RecursionError):
        return IgnoredReason.NOT_JSON
    if not isinstance(parts, dict):
        return IgnoredReason.NOT_OBJECT
    type_word, sent_data = parts.get("type"), parts.get("data")
    return ReadReply(
        type=type_word.strip().lower() if isinstance(type_word, str) else "",
        send_to_id=text_of(parts.get("sendToId")),
        has_data="data" in parts,
        data=unwrap(sent_data),
        sent_data=sent_data,
        frame=parts,
    )


def has_result_members(data: Any) -> bool:
    """Whether this is an object with at least one member of the manual's result."""
    return isinstance(data, dict) and not _RESULT_MEMBERS.isdisjoint(data)


def is_surely_result(data: Any) -> bool:
    """Whether this is a result whatever its type word says (trap 16): it has a member that only results have."""
    return isinstance(data, dict) and any(name in data for name in _RESULT_ONLY_MEMBERS)


def is_doubtful(data: Mapping[str, Any], answer: Any) -> bool:
    """Whether there may be no invoice although the members of a result are there: it has no address, and either a word
    that says no stands in the address's place, or a member that the manual does not know says no, in the result or
    around it."""
    address = text_of(data.get("invoiceUrl"))
    if location(address) is not None:
        return False
    if address and not set(address) & set("/:") and denies(address):
        return True
    return any(
        says_otherwise(name, value)
        for level in (*levels(answer), data)
        for name, value in islice(level.items(), _MOST)
        if name not in _RESULT_MEMBERS and name not in _ENVELOPE
    )


def names_an_invoice(frame: Any, depth: int = 0, *, in_words: bool = False) -> bool:
    """Whether the number, the address or the file of an invoice stands in it, under whatever name: who tells one of
    these has issued the invoice, whatever else is said. The seller's account may have as many digits, but stands under
    a name of the manual's. `in_words`: a number within a sentence counts too."""
    frame = parsed_if_json(frame)
    if not isinstance(frame, (Mapping, list)) or depth > _MAX_UNWRAPPINGS:
        text = (text_of(frame) or "").strip()
        is_number = NUMBER_OF_ONE.search(text) if in_words else NUMBER_OF_ONE.fullmatch(text)
        return is_number is not None or ("://" in text and location(text) is not None) or is_file(text)
    return any(
        names_an_invoice(value, depth + 1, in_words=in_words)
        for name, value in islice(frame.items() if isinstance(frame, Mapping) else enumerate(frame), _MOST)
        if name == "invoiceUrl" or not (name in _RESULT_MEMBERS or _OF_THE_ANSWER.search(str(name)))
    )


def result_of(
    data: Mapping[str, Any], secrets: Collection[str], harmless: Collection[str], base_url: str | None = None
) -> ResultShown | None:
    """Type a result (manual: 开票结果响应) to the members of `contracts.events.IssuedInvoice`.

    The seller's account and password, and whatever else is named like a secret, are left out unread; values equal
    to one of `secrets` are masked, except those of `harmless`. Absent and null members are left out. None if
    `isDrafts` cannot be read: a draft taken for an invoice would be as wrong as the reverse (trap 47).
    """
    redactor = AnswerRedactor(secrets, harmless)
    invoice: dict[str, Any] = {}
    typed: Any
    for sent_name, value in data.items():
        name = _RIGHT_SPELLINGS.get(sent_name, sent_name)
        if value is None or name in _UNTOLD_MEMBERS:
            continue
        if name in _TEXT_MEMBERS:
            typed = _redacted_text(value, redactor)
        elif name in _FLAG_MEMBERS:
            typed = flag_of(value)
        elif name == "invoiceItems":
            typed = _items_of(value, redactor)
        elif is_secret_name(name):
            continue
        else:
            name, typed = redactor.text(name), redactor.value(value)
        if typed is not None:
            invoice[name] = typed
    is_drafts = data.get("isDrafts")
    if is_drafts not in _NO_FLAGS and invoice.get("isDrafts") not in (0, 1):
        return None
    url = text_of(data.get("invoiceUrl"))
    return ResultShown(issued_reply(invoice, location(redactor.text(url), base_url) if url else None))


def issued_reply(told: Mapping[str, Any], invoice_url: str | None) -> IssuedReply:
    """The echo by which a result is held against a submission; `told` has the members of
    `contracts.events.IssuedInvoice`, typed."""
    lines = tuple(_line(item) for item in told.get("invoiceItems") or () if item)  # {} is no line
    return IssuedReply(
        told=told,
        seller_id=told.get("sellerIndentification") or None,
        seller_name=told.get("sellerName") or None,
        buyer_id=told.get("buyerIndentification") or None,
        buyer_name=told.get("buyerName") or None,
        buyer_type=told.get("buyerType"),
        buyer_invoice_type=told.get("buyerInvoiceType"),
        remark=told.get("remark"),
        lines=lines or None,
        number=told.get("invoiceNumber") or None,
        is_draft=told.get("isDrafts") == 1,
        invoice_url=invoice_url,
    )


def _line(item: Mapping[str, Any]) -> Line:
    return Line(
        name=item.get("name"),
        quantity=item.get("quantity"),
        spec=item.get("spec"),
        unit=item.get("unit"),
        price=item.get("unitPrice"),
    )


def _items_of(value: Any, redactor: AnswerRedactor) -> list[dict[str, Any]]:
    """The lines, from a list, a single object or JSON text (trap 32). Empty and unreadable text have none."""
    for _ in range(_MAX_UNWRAPPINGS):
        if not isinstance(value, str):
            break
        try:
            value = parsed(value)
        except (ValueError, RecursionError):
            return []
    lines = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [_item_of(line, redactor) for line in lines if isinstance(line, dict)]


def _item_of(line: dict[str, Any], redactor: AnswerRedactor) -> dict[str, Any]:
    item: dict[str, Any] = {}
    typed: Any
    for sent_name, value in line.items():
        name = sent_name
        if name in _NUMBER_MEMBERS:
            typed = amount_of(value)
        elif name in _ITEM_TEXT_MEMBERS:
            typed = _redacted_text(value, redactor)
        elif is_secret_name(name):
            continue
        else:
            name, typed = redactor.text(name), redactor.value(value)
        if typed is not None:
            item[name] = typed
    return item


def _redacted_text(value: Any, redactor: AnswerRedactor) -> str | None:
    text = value if isinstance(value, str) else text_of(value)
    return None if text is None else redactor.text(text)
