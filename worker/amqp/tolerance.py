"""Messages that the client library's decoder cannot read: absurd timestamps, text that is no UTF-8.

One such message would end the connection at each delivery, for ever, for every consumer of its queue; the broker
checks none of this. Guarantees that the properties of whatever a broker delivers can be read, that nothing of them is
lost, and that what the library can read is read just the same, in a third of the time. Knows nothing of bodies.
"""

import struct
from collections.abc import Callable
from typing import Any

from pamqp import commands, decode

from worker.amqp.tables import ReceivedHeaders, encoded

UNDECODABLE_HEADERS = "x-fapiao-undecodable-headers"
"""Stands for a table that cannot be read; its value is the table's bytes as they came."""

TIMESTAMP_HEADER = "x-fapiao-timestamp"
"""Where a timestamp goes that is no time, as decimal text."""

_UNREADABLE = (struct.error, ValueError, OverflowError, OSError)


def read_what_there_is() -> None:
    """Teach the decoder. Changes it for the whole process; may be called again."""
    commands.Basic.Properties.unmarshal = _unmarshal  # type: ignore[method-assign, assignment]
    commands.Basic.Deliver.unmarshal = _unmarshal_delivery  # type: ignore[method-assign, assignment]


def _unmarshal(properties: Any, flags: int, data: bytes) -> None:
    for name, mask, read in _PROPERTIES:
        if flags & mask:
            consumed, value = read(data)
            setattr(properties, name, value)
            data = data[consumed:]
    if isinstance(properties.timestamp, int):
        told = {TIMESTAMP_HEADER: str(properties.timestamp)}
        given = properties.headers
        raw = given.raw if isinstance(given, ReceivedHeaders) else b""
        properties.headers = ReceivedHeaders({**(given or {}), **told}, raw + encoded(told))
        properties.timestamp = None


def _unmarshal_delivery(delivery: commands.Basic.Deliver, data: bytes) -> None:
    """As the library does it for every method, without looking up what this one is made of."""
    at = 1 + data[0]
    delivery.consumer_tag = data[1:at].decode()
    delivery.delivery_tag = int.from_bytes(data[at : at + 8], "big")
    delivery.redelivered = bool(data[at + 8] & 1)
    at += 9
    end = at + 1 + data[at]
    delivery.exchange = data[at + 1 : end].decode()
    delivery.routing_key = data[end + 1 : end + 1 + data[end]].decode()


def _short_text(data: bytes) -> tuple[int, str]:
    end = 1 + data[0]
    return end, data[1:end].decode(errors="surrogateescape")


def _octet(data: bytes) -> tuple[int, int]:
    return 1, data[0]


def _table(data: bytes) -> tuple[int, Any]:
    end = 4 + int.from_bytes(data[:4], "big")
    raw = data[4:end]
    if not raw:
        return end, {}
    try:
        return end, ReceivedHeaders(decode.field_table(data)[1], raw)
    except _UNREADABLE:
        return end, ReceivedHeaders({UNDECODABLE_HEADERS: bytearray(raw)}, raw)


def _timestamp(data: bytes) -> tuple[int, Any]:
    try:
        return decode.timestamp(data)
    except _UNREADABLE:
        return 8, int.from_bytes(data[:8], "big")


_READERS: dict[str, Callable[[bytes], tuple[int, Any]]] = {
    "shortstr": _short_text,
    "octet": _octet,
    "table": _table,
    "timestamp": _timestamp,
}
_PROPERTIES = tuple(
    (name, commands.Basic.Properties.flags[name], _READERS[getattr(commands.Basic.Properties, f"_{name}")])
    for name in commands.Basic.Properties.__slots__
)
