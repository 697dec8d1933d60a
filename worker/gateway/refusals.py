"""Why the gateway refuses, where it says so: a sentence, or an object with a code, in the place of an answer. Pure.

Guaranteed: a reason holds no password, no phone, id or account number, and at most `MAX_REASON_CHARS`; what may as well
mean that there is an invoice, or will be, is no refusal.
Not known here: whether an answer was asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from worker.gateway.locations import location
from worker.gateway.redaction import Redactor
from worker.gateway.values import is_absent, parsed_if_json, status_of, text_of
from worker.secrecy import hide_numbers

MAX_REASON_CHARS: Final = 500
_MAX_WRAPPERS: Final = 4
_REASON_MEMBERS: Final = ("msg", "message", "errorMsg", "errMsg", "error", "reason", "desc", "info")
_CODE_MEMBERS: Final = ("code", "errorCode", "errCode", "status", "success")
_FINE_CODES: Final = frozenset({"0", "1", "200", "0000", "success", "ok", "true"})
_MAY_BE_ISSUED: Final = re.compile(
    r"成功|已开(?!户)|已提交|重复|处理中|开票中|受理|排队|正在|稍后(?:查询|查看)|success|issued|processing|pending|duplicate",
    re.IGNORECASE,
)
"""Whoever says so may have an invoice, or make one yet: its absence is then looked for as long as after silence."""
_NOT: Final = re.compile(r"失败|不成功|未成功|没有成功|无法|unsuccess|not success|fail", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gateway says no; `reason` is its own word, where it says one."""

    reason: str | None = None


def refusal_of(data: Any, sent_data: Any, redactor: Redactor) -> Refusal | None:
    """What this answer refuses: "0", null and false; a text that is no address; an object with a code or a message.
    `sent_data` is the answer with its wrappers. None where it refuses nothing, or may not."""
    status, told = status_of(data), _told(sent_data)
    if told is None and not isinstance(data, (Mapping, list)) and status is None:
        told = text_of(data)
    if status is True or (told is not None and _may_be_issued(told)):
        return None
    if status is False:
        return Refusal(_shown(told, redactor))
    if is_absent(told) or told is None or location(told) is not None:
        return None
    return Refusal(_shown(told, redactor))


def login_reason(data: Any, sent_data: Any, redactor: Redactor) -> str | None:
    """Why a login that was not accepted is refused, where the answer says so."""
    told = _told(sent_data)
    if told is None and isinstance(data, str) and status_of(data) is None:
        told = data
    return _shown(told, redactor)


def _told(sent: Any) -> str | None:
    """The message of the outermost object that has one, or its code where that is not fine."""
    for _ in range(_MAX_WRAPPERS):
        sent = parsed_if_json(sent)
        if not isinstance(sent, Mapping):
            return None
        message = next((text for name in _REASON_MEMBERS if (text := _text_in(sent, name)) is not None), None)
        code = next((text for name in _CODE_MEMBERS if (text := _text_in(sent, name)) is not None), None)
        if message is not None:
            return message
        if code is not None and code.lower() not in _FINE_CODES:
            return f"code {code}"
        sent = sent.get("data")
    return None


def _text_in(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    text = str(value).lower() if isinstance(value, bool) else text_of(value)
    return None if is_absent(text) else text


def _may_be_issued(text: str) -> bool:
    return _MAY_BE_ISSUED.search(text) is not None and _NOT.search(text) is None


def _shown(text: str | None, redactor: Redactor) -> str | None:
    if text is None:
        return None
    whole = " ".join("".join(each if each.isprintable() else " " for each in redactor.sentence(text)).split())
    return hide_numbers(whole)[:MAX_REASON_CHARS] or None
