"""How commands and events are wrapped: CloudEvents 1.0 in structured JSON, or bare data with AMQP properties.

Builds and names events; the same command and sequence give the same event id after any crash. Knows nothing
of AMQP itself.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field

CLOUDEVENTS_JSON = "application/cloudevents+json"
PLAIN_JSON = "application/json"
SPEC_VERSION = "1.0"
MAX_NAME_CHARS = 200
"""Longest id, source, order number and user id."""

_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_ESCAPED_FROM_D = ("\\ud", "\\uD")
"""How every escape of half a pair begins: looked for without a pattern, for nearly no text has one."""
_OUT_OF_RANGE = "a number is out of range"
_LARGEST_EXPONENT = 400
"""Beyond a binary float's range no partner means a number, and writing it out plainly would take the memory."""

_EVENT_IDS = UUID("6d1f0c1e-54a8-5c59-9d4b-2f6b1f6c7f10")


class CommandEnvelope(BaseModel):
    """A command as a CloudEvent. Extension attributes are allowed and ignored, as CloudEvents asks."""

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    source: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    type: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    data: dict[str, Any]


class EventEnvelope(BaseModel):
    """An event as a CloudEvent."""

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str = Field(description="the command's id")
    time: datetime
    datacontenttype: Literal["application/json"]
    sequence: int = Field(
        ge=0, description="per command, from 1; 0 for an answer that is not the command's own (id_reused, busy)"
    )
    sequencetext: str | None = Field(
        default=None,
        description="the same as CloudEvents' extension `sequence` has it: text that sorts as the numbers do. From "
        "version 2.0 on, `sequence` itself will be this text",
    )
    data: dict[str, Any]


def event_id(source: str, command_id: str, sequence: int | str) -> str:
    """The stable id of a command's event; `sequence` is text only for answers that are not the command's own."""
    name = f"{source}\n{command_id}\n{sequence}".encode()
    digest = hashlib.sha1(_EVENT_IDS.bytes + name, usedforsecurity=False).digest()
    # A UUIDv5 (RFC 9562), written without the detour over an object.
    plain = (digest[:6] + bytes((digest[6] & 0x0F | 0x50, digest[7], digest[8] & 0x3F | 0x80)) + digest[9:16]).hex()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def timestamp(moment: datetime) -> str:
    """RFC 3339 with milliseconds and an explicit offset."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON; decimals as text in plain notation, times as RFC 3339. Raises `TypeError` or `ValueError` for
    what has no form: NaN, half a surrogate pair."""
    try:
        fast = orjson.dumps(value, default=_plain, option=_OPTIONS)
    except TypeError:
        # Integers beyond 64 bits, names that are no text, half a surrogate pair: the slow encoder takes or refuses it.
        return _ENCODER.encode(value).encode()
    # The fast one writes NaN as null, the slow one refuses it.
    return fast if b"null" not in fast else _ENCODER.encode(value).encode()


def loads(body: bytes | str) -> Any:
    """JSON with exact decimals. Raises `ValueError`, and nothing else, for what is not strict JSON in UTF-8: NaN,
    duplicate members, a byte order mark, half a surrogate pair and absurd nesting included."""
    text = body if isinstance(body, str) else body.decode()
    value = parse(text)
    if may_hold_halves(text):
        # A lone surrogate is no text: it could be neither stored nor published. Raises UnicodeError.
        dumps(value)
    return value


def parse(text: str) -> Any:
    """As `loads`, but halves of surrogate pairs pass, for whoever wants to say where they stand."""
    try:
        fast = orjson.loads(text)
        # The fast parser rounds what is not whole, and of members of one name keeps the last. Each member has a colon.
        if _whole_members(fast) == text.count(":"):
            return fast
    except (ValueError, RecursionError):
        pass  # the exact one says why, or takes it: half a surrogate pair, for one
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ArithmeticError:
        raise ValueError(_OUT_OF_RANGE) from None


def _whole_members(value: Any) -> float:
    """How many members there are at all depths; less than none where any number is not whole."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return -math.inf if kind is float else 0
    count: float = len(value) if kind is dict else 0
    for inner in value.values() if kind is dict else value:
        kind = type(inner)
        if kind is not str and kind is not int:  # nearly all are
            count += _whole_members(inner)
    return count


def may_hold_halves(text: str) -> bool:
    """Whether there may be half of a surrogate pair in it, escaped or not. False is certain."""
    if any(start in text for start in _ESCAPED_FROM_D):
        return _HALF_A_PAIR.search(text) is not None
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def build_event(  # noqa: PLR0913  an envelope has that many attributes
    *,
    worker: str,
    command_source: str,
    command_id: str,
    event_type: str,
    sequence: int,
    time: datetime,
    data: Mapping[str, Any],
    identity: str | None = None,
) -> tuple[str, bytes]:
    """The event's id and its JSON body. `identity` replaces the sequence in the id, for answers of their own."""
    identifier = event_id(command_source, command_id, identity or sequence)
    body = {
        "specversion": SPEC_VERSION,
        "id": identifier,
        "source": worker,
        "type": event_type,
        "subject": command_id,
        "time": timestamp(time),
        "datacontenttype": PLAIN_JSON,
        "sequence": sequence,
        "sequencetext": f"{sequence:010}",
        "data": data,
    }
    return identifier, dumps(body)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    raise TypeError(f"cannot put {type(value).__name__} into JSON")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _exact_number(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(_OUT_OF_RANGE)
    return value


def _exact_integer(text: str) -> int:
    if len(text) > _LARGEST_EXPONENT:
        raise ValueError(_OUT_OF_RANGE)
    return int(text)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same member twice")
    return members


# Built once: `json.loads` and `json.dumps` would build them anew at every call.
_DECODER = json.JSONDecoder(
    parse_float=_exact_number,
    parse_int=_exact_integer,
    parse_constant=_refuse_constant,
    object_pairs_hook=_unique_members,
)
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
