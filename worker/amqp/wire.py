"""Messages as AMQP 0-9-1 frames: one publish is one run of bytes, so a batch is one write.

Exact: what a delivery carried in its properties is what a copy of it carries, an empty text included, which the usual
encoder drops. Knows nothing of channels, confirms or sockets.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812  it is a class
from typing import Any, NamedTuple

from pamqp import commands, encode

from worker.amqp.tables import RawHeaders, ReceivedHeaders

_FRAME = Struct(">BHI")
_CONTENT = Struct(">HHQH")
_LONGLONG = Struct(">Q")
_PUBLISH = b"\x00\x3c\x00\x28\x00\x00"
_BASIC_CLASS = 60
_METHOD, _HEADER, _BODY = 1, 2, 3
_END = b"\xce"
FRAME_OVERHEAD = 8
"""Bytes of a frame beside its payload."""
MAX_SHORT_BYTES = 255
"""Longest short string (bytes): routing keys and most properties."""


class NotEncodableError(ValueError):
    """The message does not fit into AMQP frames. Nothing was sent."""


class Properties(NamedTuple):
    """The basic properties of a message; None is absent."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, Any] | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: datetime | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


class Outgoing(NamedTuple):
    """A message to publish, mandatory. A return is told apart by the message id (`ConfirmChannel`)."""

    exchange: str
    """Empty for the default exchange."""
    routing_key: str
    body: bytes
    properties: Properties


def properties_of(given: commands.Basic.Properties) -> Properties:
    """What a delivery's header says."""
    return Properties(
        content_type=given.content_type,
        content_encoding=given.content_encoding,
        headers=given.headers,
        delivery_mode=given.delivery_mode,
        priority=given.priority,
        correlation_id=given.correlation_id,
        reply_to=given.reply_to,
        expiration=given.expiration,
        message_id=given.message_id,
        timestamp=given.timestamp,
        type=given.message_type,
        user_id=given.user_id,
        app_id=given.app_id,
        cluster_id=given.cluster_id or None,  # the library's own default is an empty text
    )


def publish_frames(channel: int, message: Outgoing, frame_max: int) -> bytes:
    """The frames of one mandatory `basic.publish` on `channel`. `frame_max` is the connection's, in bytes.

    A message id is always written, an empty one where the message has none: a return is told apart by it.
    Raises `NotEncodableError`.
    """
    method = _publish_method(message.exchange, message.routing_key)
    header = _content_header(message.properties, len(message.body))
    if len(header) + FRAME_OVERHEAD > frame_max:
        raise NotEncodableError("the properties do not fit into one frame")
    frames = _frame(_METHOD, channel, method) + _frame(_HEADER, channel, header)
    body, room = message.body, frame_max - FRAME_OVERHEAD
    if 0 < len(body) <= room:
        return frames + _frame(_BODY, channel, body)
    return frames + b"".join(_frame(_BODY, channel, body[at : at + room]) for at in range(0, len(body), room))


@lru_cache(maxsize=512)
def _publish_method(exchange: str, routing_key: str) -> bytes:
    """Reply queues and event types come again and again."""
    return b"".join((_PUBLISH, _short(exchange), _short(routing_key), b"\x01"))


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return _FRAME.pack(kind, channel, len(payload)) + payload + _END


def _content_header(properties: Properties, body_bytes: int) -> bytes:
    flags = 0
    parts = [b""]
    name = ""
    try:
        for (name, flag, encoder), given in zip(_ENCODERS, properties, strict=True):
            if given is not None:
                flags |= flag
                parts.append(encoder(given))
            elif name == "message_id":
                flags |= flag
                parts.append(b"\0")
    except (TypeError, ValueError, OverflowError, StructError) as error:
        raise NotEncodableError(f"the property {name} cannot be written") from error
    parts[0] = _CONTENT.pack(_BASIC_CLASS, 0, body_bytes, flags)
    return b"".join(parts)


def _short(text: str) -> bytes:
    data = text.encode(errors="surrogateescape")
    if len(data) > MAX_SHORT_BYTES:
        raise NotEncodableError("a name is longer than 255 bytes")
    return bytes((len(data),)) + data


_usual = lru_cache(maxsize=512)(_short)
"""For texts of which there are few."""


def _octet(number: int) -> bytes:
    return bytes((number,))


def _moment(value: datetime) -> bytes:
    return _LONGLONG.pack(int(value.timestamp()))


def _table(table: Mapping[str, Any]) -> bytes:
    if isinstance(table, RawHeaders | ReceivedHeaders):
        return len(table.raw).to_bytes(4, "big") + table.raw
    return encode.field_table(dict(table))


_ENCODERS: tuple[tuple[str, int, Any], ...] = (  # in the order of the fields of `Properties`
    ("content_type", 1 << 15, _usual),
    ("content_encoding", 1 << 14, _usual),
    ("headers", 1 << 13, _table),
    ("delivery_mode", 1 << 12, _octet),
    ("priority", 1 << 11, _octet),
    ("correlation_id", 1 << 10, _short),
    ("reply_to", 1 << 9, _short),
    ("expiration", 1 << 8, _short),
    ("message_id", 1 << 7, _short),
    ("timestamp", 1 << 6, _moment),
    ("type", 1 << 5, _usual),
    ("user_id", 1 << 4, _short),
    ("app_id", 1 << 3, _usual),
    ("cluster_id", 1 << 2, _short),
)
