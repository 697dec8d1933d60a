"""Two digests of a command: one of the message, by which a repeat is recognised, and one of the invoice, by which it is
known which orders' replies cannot be told apart. PURE. No secret is an input of either digest, unless the body could
not be read at all.
"""

import hashlib
import json
import re
from decimal import Decimal
from typing import Any, Final

import orjson

from contracts.commands import COMMANDS, Discount, Invoice, InvoiceItem
from contracts.gateway import plain_number
from contracts.members import SAME_AS, Login
from contracts.queries import Condition, Page
from worker.texts import folded, folded_code, folded_name, folded_remark

DEEPEST_NESTING: Final = 32
"""Levels of objects and lists in a command; the deepest known one needs four."""
LARGEST_HASHED_BYTES: Final = 1024 * 1024

_DECIMALS: Final = frozenset(
    {"quantity", "unitPrice", "expectedTotal", "startInvoiceValue", "endInvoiceValue", "amount"}
)
_SECRETS: Final = frozenset({"password", "sellerLoginPassword"})
_OPEN_MEMBERS: Final = (
    frozenset(
        name
        for model in (*COMMANDS.values(), Login, Invoice, InvoiceItem, Discount, Condition, Page)
        for name in model.model_fields
    )
    | frozenset(SAME_AS.values())
) - _SECRETS
_TEXTS: Final = _OPEN_MEMBERS - _DECIMALS
_SOUNDS_SECRET: Final = re.compile(r"pas+w|pass|pwd|secret|token|密码|口令", re.IGNORECASE)
_NUMBER_TEXT: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def content_hash(given_type: str, data: dict[str, Any]) -> str:
    """SHA-256 in hex of the type and of the data as the sender said them, without passwords.

    Order of members, spaces and the way a decimal is written (1, 1.00, "1.0") make no difference, nor do members
    that are null or empty. It is taken of what was said and not of what was understood, so a repeat is known again by
    a later version with other defaults. Raises `ValueError` where the data are nested deeper than `DEEPEST_NESTING`.
    """
    text = _canonical_json(_canonical(data, "", 0))
    return hashlib.sha256(b"%b\n%b" % (given_type.encode(), text)).hexdigest()


def body_hash(body: bytes) -> str:
    """SHA-256 in hex of a body that could not be read; of its length and first MiB, if it is larger."""
    digest = hashlib.sha256(body[:LARGEST_HASHED_BYTES])
    if len(body) > LARGEST_HASHED_BYTES:
        # A body of 100 MiB would hold up everybody else; its answer is the same whatever the rest says.
        digest.update(str(len(body)).encode())
    return digest.hexdigest()


def fingerprint(invoice: Invoice) -> str:
    """SHA-256 in hex of what a reply of the gateway echoes: buyer, seller, items, remark.

    Texts are taken as `worker.texts` compares them. Versions may fold differently, so equal fingerprints say that two
    orders cannot be told apart, and different ones say nothing: evidence compares the orders themselves.
    """
    echoed = [
        folded_name(invoice.buyerName, is_person=invoice.buyerType == 1),
        folded_code(invoice.buyerIndentification),
        folded_code(invoice.sellerIndentification),
        [
            (
                folded(item.name),
                plain_number(item.quantity),
                folded(item.spec),
                folded(item.unit),
                plain_number(item.unitPrice),
            )
            for item in invoice.invoiceItems
        ],
        folded_remark(invoice.remark),
    ]
    return hashlib.sha256(_canonical_json(echoed)).hexdigest()


def _canonical_json(value: Any) -> bytes:
    """Compact, members in the order of their names. Both encoders write the same bytes; the slow one takes integers of
    any size as well."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _CANONICAL.encode(value).encode()


def _canonical(value: Any, member: str, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return _decimal_text(value) if member in _DECIMALS else value
    if kind is int:
        return str(value) if member in _DECIMALS else value
    if kind is Decimal:
        text = plain_number(value)
        return text if member in _DECIMALS else {"decimal": text}
    if depth >= DEEPEST_NESTING:
        raise ValueError("nested too deeply")
    if kind is dict:
        return _members(value, depth + 1)
    if kind is list:
        return [_canonical(inner, member, depth + 1) for inner in value]
    return value


def _members(value: dict[str, Any], depth: int) -> dict[str, Any]:
    members = {}
    for name, inner in value.items():
        if inner is None or inner == "":
            continue
        if type(inner) is str and name in _TEXTS:
            # The usual case, kept short: this runs for every member of every command.
            members[name] = inner
        elif not _is_secret(name):
            members[name] = _canonical(inner, name, depth)
    return members


def _decimal_text(value: str) -> str:
    text = value.strip()
    return plain_number(Decimal(text)) if _NUMBER_TEXT.fullmatch(text) else text


def _is_secret(name: str) -> bool:
    """Whether a member is left out: the two passwords, and whatever looks like a misspelt one."""
    return name not in _OPEN_MEMBERS and (name in _SECRETS or _SOUNDS_SECRET.search(name) is not None)
