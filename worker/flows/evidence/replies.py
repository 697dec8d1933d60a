"""Whether a reply speaks of the invoice that was submitted. The gateway has no request id, so the echo of
buyer, seller, items and remark is the only tie (traps 8 and 9). Knows nothing of lanes or sessions.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

_CLASSIFICATION = re.compile(r"^\*[^*]+\* ?")


class Closeness(StrEnum):
    """How a reply relates to a submission."""

    OTHER = "other"
    """Something in it contradicts, or too little confirms."""
    FITS = "fits"
    UNMISTAKABLE = "unmistakable"
    """It echoes all by which submissions are told apart: no other can be meant, unless it could not have been told from
    this one before either."""


def fits(submitted: Mapping[str, Any], reply: Mapping[str, Any]) -> bool:
    """True if nothing in the reply contradicts the submission and enough of it confirms it; see `closeness`."""
    return closeness(submitted, reply) is not Closeness.OTHER


def closeness(submitted: Mapping[str, Any], reply: Mapping[str, Any]) -> Closeness:
    """Compare them, once for all that may be asked.

    Enough is the buyer's name together with the items or the seller's tax id: a reply that echoes less could be
    anybody's. A member that the reply leaves out or sends empty neither confirms nor contradicts; but an empty remark
    contradicts one that is not.
    """
    same_buyer, same_items, same_seller, same_code, same_name, same_remark = _claims(submitted, reply)
    claims = (same_buyer, same_items, same_seller, same_code, same_name, same_remark)
    if False in claims or same_buyer is not True or True not in {same_items, same_seller}:
        return Closeness.OTHER
    has_no_code = not submitted.get("buyerIndentification") and not reply.get("buyerIndentification")
    has_no_remark = not submitted.get("remark") and not reply.get("remark")
    tells_all = (
        same_items is same_seller is True
        and (same_code is True or has_no_code)
        and (same_remark is True or has_no_remark)
    )
    return Closeness.UNMISTAKABLE if tells_all else Closeness.FITS


def _claims(submitted: Mapping[str, Any], reply: Mapping[str, Any]) -> tuple[bool | None, ...]:
    return (
        _same_text(submitted.get("buyerName"), reply.get("buyerName")),
        _same_items(submitted.get("invoiceItems") or [], reply.get("invoiceItems") or []),
        _same_code(submitted.get("sellerIndentification"), reply.get("sellerIndentification")),
        _same_code(submitted.get("buyerIndentification"), reply.get("buyerIndentification")),
        _same_text(submitted.get("sellerName"), reply.get("sellerName")),
        _same_remark(submitted, reply),
    )


def plain(value: Any) -> str:
    """Text as it compares: one width, no space at the ends or doubled inside."""
    return " ".join(unicodedata.normalize("NFKC", str(value)).split())


def plain_code(value: Any) -> str:
    """A tax id or number as it compares: without spaces, hyphens and letter case."""
    return plain(value).replace(" ", "").replace("-", "").upper()


def _same_text(ours: Any, theirs: Any) -> bool | None:
    if _is_echoed(ours, theirs):
        return True
    if theirs is None or plain(theirs) == "":
        return None
    return plain(ours or "") == plain(theirs)


def _is_echoed(ours: Any, theirs: Any) -> bool:
    """The usual case, told without a closer look."""
    return isinstance(theirs, str) and ours == theirs and bool(theirs) and not theirs.isspace()


def _same_code(ours: Any, theirs: Any) -> bool | None:
    if _is_echoed(ours, theirs):
        return True
    if theirs is None or plain(theirs) == "":
        return None
    return plain_code(ours or "") == plain_code(theirs)


def _same_remark(submitted: Mapping[str, Any], reply: Mapping[str, Any]) -> bool | None:
    """The same text; but the gateway may print bank data into the remark where it was asked to show them, and then
    ours need only be in it."""
    if reply.get("remark") is None:
        return None
    theirs = plain(reply["remark"])
    ours = plain(submitted.get("remark") or "")
    if ours == theirs:
        return True
    return prints_bank(submitted) and holds_words(theirs, ours)


def prints_bank(submitted: Mapping[str, Any]) -> bool:
    """Whether the gateway was asked to show bank data, which it may print into the remark."""
    return bool(submitted.get("buyerBankShow") or submitted.get("sellerBankShow"))


def holds_words(text: str, words: str) -> bool:
    """Whether the words stand in the text as words of their own: `order 1` is not in `order 12`."""
    return not words or re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def _same_items(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool | None:
    if not theirs:
        return None
    return len(ours) == len(theirs) and all(map(_same_item, ours, theirs))


def _same_item(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return (
        _same_goods(ours.get("name") or "", theirs.get("name") or "")
        and _same_number(ours.get("quantity"), theirs.get("quantity"))
        and _same_number(ours.get("unitPrice"), theirs.get("unitPrice"))
        and _same_text(ours.get("spec"), theirs.get("spec")) is not False
        and _same_text(ours.get("unit"), theirs.get("unit")) is not False
    )


def _same_goods(our_name: str, their_name: str) -> bool:
    """A name may come back with the tax classification before it, `*信息技术服务*软件`, or without the one it had."""
    if our_name == their_name:
        return True
    ours, theirs = plain(our_name), plain(their_name)
    return theirs in {ours, _CLASSIFICATION.sub("", ours)} or _CLASSIFICATION.sub("", theirs) == ours


def _same_number(ours: Any, theirs: Any) -> bool:
    if theirs is None or theirs == "":
        return True
    try:
        return Decimal(str(ours)) == Decimal(str(theirs))
    except InvalidOperation:
        return False
