"""A message, read as far as it can be: which command it is, in one form whichever of the two it came in, and what is
wrong with its envelope. PURE. Never raises, whatever the bytes, and unpacks no more than the bound. Knows the forms
(CloudEvents, or bare data with AMQP properties) and nothing of what the data mean.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from contracts.commands import COMMANDS, CommandType
from contracts.envelope import CLOUDEVENTS_JSON, MAX_NAME_CHARS, PLAIN_JSON, SPEC_VERSION, may_hold_halves, parse
from contracts.events import FieldError
from contracts.explain import kind_of, pointer
from contracts.failures import RejectionCode
from contracts.tidying import halves
from worker.intake.bodies import NotUnpacked, TooLargeUnpacked, unpacked
from worker.intake.fingerprints import body_hash, content_hash
from worker.making import made_often

_JAVA_OBJECT: Final = b"\xac\xed\x00\x05"
_NO_JSON: Final = (
    ("<", "is XML, and must be JSON"),
    ("eyJ", "is JSON in base64: send the JSON itself"),
    ("{'", "is no JSON but a dictionary as Python prints it: its texts are in single quotes"),
)
"""How bodies begin that are something else, and what that is."""
DEFAULT_SOURCE: Final = "amqp"
"""The tenant of a message that names none."""
_TYPES: Final = {str(member): member for member in CommandType}
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ATTRIBUTE_HEADERS: Final = tuple(
    (f"{prefix}{name}", name)
    for name in ("specversion", "id", "source", "type")
    for prefix in ("cloudEvents_", "cloudEvents:")
)
"""What attributes are called in CloudEvents' binding to AMQP, which knows two prefixes."""
_NO_OBJECT: Final = "must be an object: put the JSON itself there, not its text"
_IN_AN_ENVELOPE: Final = (
    "holds the data, with a framework's envelope around them: send what is in it as the body, or make it a CloudEvent"
)
_NAME_RULE: Final = f"must be text of 1 to {MAX_NAME_CHARS} characters without control characters"


@made_often
@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery, with the AMQP properties that matter. Empty properties count as absent."""

    body: bytes = field(repr=False)
    content_type: str | None
    message_id: str | None
    type: str | None
    routing_key: str
    app_id: str | None
    reply_to: str | None
    correlation_id: str | None
    user_id: str | None
    headers: Mapping[str, Any] = field(repr=False)
    received_at: datetime
    content_encoding: str | None = None
    has_expired: bool = False
    """Whether the broker took it out of its queue because its time to live was over."""


@dataclass(frozen=True, slots=True)
class MessageFault:
    """Why a message is no command: the code, and what is wrong where."""

    code: RejectionCode
    errors: tuple[FieldError, ...]


def fault_of(code: RejectionCode, path: str, message: str) -> MessageFault:
    """One fault in one place."""
    return MessageFault(code, (FieldError(path=path, message=message),))


@made_often
@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says of itself."""

    id: str | None
    """None where there is none that an answer could name."""
    source: str
    type: CommandType | None
    """None where it is none that this version runs."""
    content_hash: str
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    fault: MessageFault | None = None
    named_by: str = ""
    """Where the type was found, in words, where it is no attribute of an event."""


def read(incoming: Incoming, max_body_bytes: int) -> Reading:
    """Read the envelope. Where a fault is reported, the rest is as much as could be read."""
    bound = f"must be at most {max_body_bytes} bytes"
    if len(incoming.body) > max_body_bytes:
        return _from_properties(incoming, _fault(RejectionCode.TOO_LARGE, bound))
    try:
        body = unpacked(incoming.body, incoming.content_encoding, max_body_bytes)
    except TooLargeUnpacked:
        return _from_properties(incoming, _fault(RejectionCode.TOO_LARGE, f"{bound} when it is unpacked"))
    except NotUnpacked as error:
        return _from_properties(incoming, _malformed(str(error)))
    return _read_text(incoming, body)


def _read_text(incoming: Incoming, body: bytes) -> Reading:
    text, not_text = _text(body)
    try:
        value = parse(text)
        if not isinstance(value, dict):
            return _from_properties(incoming, not_text or _malformed(_no_object(value)))
        is_structured = _is_structured(incoming, value)
        undecoded = None
        if is_structured and _has_encoded_data(value):
            value, decoded, undecoded = _decoded(value)
            text = text + decoded
        reading = _event(incoming, value) if is_structured else _by_properties(incoming, value)
    except ValueError as error:
        return _from_properties(incoming, not_text or _malformed(_syntax(error)))
    if not_text is not None or undecoded is not None:
        return replace(reading, data={}, fault=not_text or undecoded)
    if may_hold_halves(text) and (found := _halves(value, reading, is_structured=is_structured)):
        return replace(reading, fault=joined(MessageFault(RejectionCode.MALFORMED, found), reading.fault))
    return reading


def _has_encoded_data(event: dict[str, Any]) -> bool:
    """Whether its data are in `data_base64`, as SDKs write data that they were given as bytes."""
    return event.get("data") is None and isinstance(event.get("data_base64"), str)


def _decoded(event: dict[str, Any]) -> tuple[dict[str, Any], str, MessageFault | None]:
    """The event with its data, and the data's text. Where the data cannot be read, what is wrong with them: the id can
    be read, so the sender is told."""
    try:
        text = base64.b64decode(event["data_base64"], validate=True).decode()
        return {**event, "data": parse(text)}, text, None
    except binascii.Error:
        wrong = "is not base64"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 when it is decoded"
    except ValueError as error:
        wrong = f"{_syntax(error)} (when it is decoded)"
    return event, "", fault_of(RejectionCode.MALFORMED, "/data_base64", wrong)


def _by_properties(incoming: Incoming, value: dict[str, Any]) -> Reading:
    """The body is the data; headers make it an event, or else the properties say the rest."""
    attributes = _attributes(incoming)
    return _event(incoming, {**attributes, "data": value}) if attributes else _plain(incoming, value)


def joined(first: MessageFault, *others: MessageFault | None) -> MessageFault:
    """All faults of a message, under the code of the first."""
    errors = [error for fault in (first, *others) if fault is not None for error in fault.errors]
    return MessageFault(first.code, tuple(dict.fromkeys(errors)))


def _text(body: bytes) -> tuple[str, MessageFault | None]:
    """The body as text; where it is none, as much of it as names its sender, and what is wrong with it."""
    try:
        return body.decode(), None
    except UnicodeDecodeError as error:
        try:
            # Halves of pairs that a program encoded one by one: told where they stand, like those that are escaped.
            return body.decode(errors="surrogatepass"), None
        except UnicodeDecodeError:
            return body.decode(errors="surrogateescape"), _malformed(
                f"is {_kind_of_bytes(body)}: look at byte {error.start}"
            )


def _halves(value: dict[str, Any], reading: Reading, *, is_structured: bool) -> tuple[FieldError, ...]:
    """Half of an emoji anywhere: in the envelope, or in the data, whose paths begin at the data."""
    if not is_structured:
        return tuple(halves(value))
    around = {name: inner for name, inner in value.items() if name != "data" or not reading.data}
    return (*halves(around), *halves(reading.data))


def is_name(value: object) -> bool:
    """Whether it can serve as id or source: 1 to 200 characters that any store and any log can hold."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and is_one_line(value)


def is_one_line(text: str) -> bool:
    """Whether it is free of control characters and halves of surrogate pairs."""
    return text.isprintable() or _UNFIT.search(text) is None


def _is_structured(incoming: Incoming, value: dict[str, Any]) -> bool:
    media_type = (incoming.content_type or "").partition(";")[0].strip().lower()
    if media_type == CLOUDEVENTS_JSON:
        return True
    return media_type != PLAIN_JSON and "specversion" in value


def _event(incoming: Incoming, value: dict[str, Any]) -> Reading:
    """A CloudEvent, by its body or by its headers. Attributes that cannot be read are taken from the properties, so
    that an answer finds its way."""
    identifier, source, given_type, data = (value.get(name) for name in ("id", "source", "type", "data"))
    wrong: list[tuple[RejectionCode, str, str]] = []
    if not is_name(identifier):
        absent = identifier is None or identifier == ""
        wrong.append((RejectionCode.ID_MISSING if absent else RejectionCode.INVALID, "id", _NAME_RULE))
    if value.get("specversion") != SPEC_VERSION:
        wrong.append((RejectionCode.MALFORMED, "specversion", f'must be "{SPEC_VERSION}"'))
    if not is_name(source):
        wrong.append((RejectionCode.MALFORMED, "source", _NAME_RULE))
    if not is_name(given_type):
        wrong.append((RejectionCode.MALFORMED, "type", _NAME_RULE))
    if not isinstance(data, dict):
        wrong.append((RejectionCode.INVALID, "data", _NO_OBJECT if isinstance(data, str) else "must be an object"))
    return Reading(
        id=identifier if is_name(identifier) else _property_id(incoming),
        source=source if isinstance(source, str) and is_name(source) else _property_source(incoming),
        type=_TYPES.get(given_type) if isinstance(given_type, str) else None,
        content_hash=_hash(incoming, str(given_type), data) if isinstance(data, dict) else body_hash(incoming.body),
        data=data if isinstance(data, dict) else {},
        fault=_first([(code, f"/{attribute}", _unfit(value, attribute, rule)) for code, attribute, rule in wrong]),
    )


def _unfit(event: dict[str, Any], attribute: str, rule: str) -> str:
    """What is wanted of an attribute, and what came; its name in capitals, where a serializer wrote it so."""
    given = event.get(attribute)
    if given is not None:
        return f"{rule}; {kind_of(given)} came"
    if any(name.lower() == attribute for name in event):
        return f"{rule}; its name came with capitals: write {attribute}"
    return rule


def _plain(incoming: Incoming, data: dict[str, Any]) -> Reading:
    """Bare data; the properties say the rest."""
    given_type = incoming.type or incoming.routing_key
    faults: list[tuple[RejectionCode, str, str]] = []
    if not incoming.message_id:
        faults.append((RejectionCode.ID_MISSING, "", "the property message_id is required: it is the command's id"))
    elif not is_name(incoming.message_id):
        faults.append((RejectionCode.INVALID, "", f"the property message_id {_NAME_RULE}"))
    if incoming.app_id and not is_name(incoming.app_id):
        faults.append((RejectionCode.INVALID, "", f"the property app_id {_NAME_RULE}"))
    inner = data.get("data")
    wrapped = None
    if "specversion" in data or isinstance(inner, dict):
        message = f'makes this a CloudEvent, which has specversion "1.0" and content type {CLOUDEVENTS_JSON}'
        faults.append((RejectionCode.INVALID, "/specversion" if "specversion" in data else "/data", message))
    elif (wrapped := _wrapped(data, given_type)) is not None:
        faults.append((RejectionCode.INVALID, pointer([wrapped]), _IN_AN_ENVELOPE))
        inner = data[wrapped]
    return Reading(
        id=_property_id(incoming),
        source=_property_source(incoming),
        type=_TYPES.get(given_type),
        content_hash=_hash(incoming, given_type, data),
        # What is meant is judged, not its envelope: or every member of that would be one more fault.
        data=inner if isinstance(inner, dict) else data,
        fault=_first(faults),
        named_by="the property type" if incoming.type else "the routing key, for the property type is empty",
    )


def _wrapped(data: dict[str, Any], given_type: str) -> str | None:
    """The member that holds the data, where a framework's envelope is around them: it has members of the command, and
    nothing beside it has."""
    known = COMMANDS[_TYPES[given_type]].model_fields.keys() if given_type in _TYPES else frozenset()
    if not known or not known.isdisjoint(data):
        return None
    return next((name for name, each in data.items() if isinstance(each, dict) and not known.isdisjoint(each)), None)


def _from_properties(incoming: Incoming, fault: MessageFault) -> Reading:
    """All that is left of a message whose body says nothing."""
    return Reading(
        id=_property_id(incoming),
        source=_property_source(incoming),
        type=_TYPES.get(_attributes(incoming).get("type") or incoming.type or incoming.routing_key),
        content_hash=body_hash(incoming.body),
        fault=fault,
    )


def _hash(incoming: Incoming, given_type: str, data: dict[str, Any]) -> str:
    try:
        return content_hash(given_type, data)
    except UnicodeError:
        # Half of an emoji has no bytes to be hashed.
        return body_hash(incoming.body)


def _property_id(incoming: Incoming) -> str | None:
    given = _attributes(incoming).get("id") or incoming.message_id
    return given if is_name(given) else None


def _property_source(incoming: Incoming) -> str:
    given = _attributes(incoming).get("source") or incoming.app_id
    return given if given and is_name(given) else DEFAULT_SOURCE


def _attributes(incoming: Incoming) -> dict[str, str]:
    """A CloudEvent's attributes where they stand in headers (binary mode); empty where there is no such event."""
    found: dict[str, str] = {}
    if not incoming.headers:
        return found
    for header, name in _ATTRIBUTE_HEADERS:
        value = incoming.headers.get(header)
        if isinstance(value, bytes | bytearray):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            found.setdefault(name, value)
    return found if "specversion" in found or "id" in found else {}


def _no_object(value: object) -> str:
    """What came instead of an object; that it was made JSON twice, where it looks like it."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return "must be a JSON object, and is text that holds one: it was made JSON twice"
    return f"must be a JSON object; {kind_of(value)} came"


def _kind_of_bytes(body: bytes) -> str:
    """What bytes that are no UTF-8 are, as far as they tell."""
    if body.startswith(_JAVA_OBJECT):
        return "a serialized Java object, not UTF-8"
    try:
        return "in GBK, not UTF-8" if body.decode("gb18030").lstrip()[:1] in {"{", "["} else "not UTF-8"
    except UnicodeDecodeError:
        return "not UTF-8"


def _syntax(error: ValueError) -> str:
    """What is wrong with the bytes, without repeating any of them."""
    if isinstance(error, NotUnpacked):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        begins = error.doc.lstrip()
        what = next((what for mark, what in _NO_JSON if begins.startswith(mark)), None) if begins else "is empty"
        return what or f"is not JSON: look at line {error.lineno}, column {error.colno}"
    return f"cannot be read as a command: {error}"


def _malformed(message: str) -> MessageFault:
    return _fault(RejectionCode.MALFORMED, message)


def _fault(code: RejectionCode, message: str) -> MessageFault:
    return fault_of(code, "", f"the body {message}")


def _first(faults: list[tuple[RejectionCode, str, str]]) -> MessageFault | None:
    """All faults, under the code of the first."""
    if not faults:
        return None
    return MessageFault(faults[0][0], tuple(FieldError(path=path, message=message) for _, path, message in faults))
