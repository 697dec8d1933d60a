"""Where the answers to a message go, and which queues they may go to: the pattern of `FAPIAO_REPLY_TO_PATTERN`.

PURE. The worker may write to every queue and its caller may not, so the pattern is what keeps a caller from having
answers written into another's queue. With `{user_id}` it rests on the AMQP property of that name, which the broker
compares with the publisher's own login.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from contracts.failures import RejectionCode
from worker.intake.reading import Incoming, MessageFault, fault_of, is_one_line
from worker.records import Route

USER_ID: Final = "{user_id}"
_LONGEST_QUEUE_NAME_BYTES: Final = 255
_LONGEST_TRACESTATE_CHARS: Final = 512
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_TRACESTATE: Final = re.compile(r"[\x20-\x7e]+", re.ASCII)


class ReplyPattern:
    """A regular expression for whole queue names, in which `{user_id}` stands for the publisher's name, literally."""

    def __init__(self, text: str) -> None:
        """Raises `re.error` where it is no regular expression."""
        self._text = text
        self._compiled = re.compile(text.replace(USER_ID, "user"))

    @property
    def names_user(self) -> bool:
        """Whether a message needs the property `user_id`."""
        return USER_ID in self._text

    def allows(self, reply_to: str, user_id: str | None) -> bool:
        """Whether this publisher's replies may go to this queue."""
        if not self.names_user:
            return self._compiled.fullmatch(reply_to) is not None
        return bool(user_id) and _for_user(self._text, str(user_id)).fullmatch(reply_to) is not None

    def refusal(self, reply_to: str, user_id: str | None) -> str | None:
        """Why not, in words for the sender; None where they may."""
        if self.names_user and not user_id:
            return "replies need the property user_id here: the name that you are logged in to the broker with"
        if not self.allows(reply_to, user_id):
            return "the property reply_to names a queue that this worker may not answer to (FAPIAO_REPLY_TO_PATTERN)"
        return None


@lru_cache(maxsize=256)
def _for_user(text: str, user_id: str) -> re.Pattern[str]:
    return re.compile(text.replace(USER_ID, re.escape(user_id)))


class ReplyRules(Protocol):
    """What the configuration says of answers."""

    @property
    def own_queues(self) -> Collection[str]: ...

    @property
    def reply_to_pattern(self) -> ReplyPattern: ...


def route_of(incoming: Incoming, identifier: str, rules: ReplyRules) -> tuple[Route, MessageFault | None]:
    """Where the answers go. A refused reply_to is left out, so that even the rejection does not go there."""
    reply_to, correlation_id = incoming.reply_to or None, incoming.correlation_id or None
    refusal = _refusal(reply_to, incoming.user_id, rules) if reply_to else None
    fault = fault_of(RejectionCode.REPLY_TO_REFUSED, "", refusal) if refusal else None
    if correlation_id and not is_one_line(correlation_id):
        fault = fault or fault_of(
            RejectionCode.INVALID, "", "the property correlation_id must not hold control characters"
        )
        correlation_id = None
    traceparent = _header(incoming.headers, "traceparent")
    tracestate = _header(incoming.headers, "tracestate")
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        traceparent = tracestate = None
    if tracestate and (len(tracestate) > _LONGEST_TRACESTATE_CHARS or not _TRACESTATE.fullmatch(tracestate)):
        tracestate = None
    route = Route(None if refusal else reply_to, correlation_id or identifier, traceparent, tracestate)
    return route, fault


def _refusal(reply_to: str, user_id: str | None, rules: ReplyRules) -> str | None:
    """Why no reply may go to this queue. The worker may write to every queue, its caller may not (messaging 3.9)."""
    if reply_to.startswith("amq.rabbitmq.reply-to"):
        return "direct reply-to cannot be used: the answer may come minutes later; declare a queue of your own"
    if reply_to.startswith("amq.") and not reply_to.startswith("amq.gen-"):
        return "the property reply_to must not name a queue of the broker's own"
    if reply_to in rules.own_queues:
        return "the property reply_to must not name a queue of the worker's own"
    if len(reply_to.encode(errors="replace")) > _LONGEST_QUEUE_NAME_BYTES or not is_one_line(reply_to):
        return "the property reply_to must be a queue name: at most 255 bytes, without control characters"
    return rules.reply_to_pattern.refusal(reply_to, user_id)


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    value = headers.get(name)
    if isinstance(value, bytes | bytearray):
        value = value.decode("ascii", errors="replace")
    return value if isinstance(value, str) else None
