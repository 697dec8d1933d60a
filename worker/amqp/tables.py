"""Header tables as the bytes they came as, and properties that the client library's decoder cannot read.

Decoding a table and encoding it again changes it: doubles become single floats, timestamps lose their milliseconds,
integers change their width, long names are cut, and text that is no UTF-8 is refused. Here entries are only found, left
out and added, so that a copy does not differ in a bit.

One message with an absurd timestamp, or with a text or routing key that is no UTF-8, would end the connection at each
delivery, for ever, for every consumer of its queue; the broker checks none of this. `read_what_there_is` guarantees
that whatever a broker delivers or says can be read, that nothing of it is lost, and that what the library can read is
read just the same, in a third of the time. Pure, but that it changes the library; knows nothing of what a header means,
or of bodies.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pamqp import commands, decode, encode

_SIZES: Final[Mapping[int, int]] = {
    **dict.fromkeys(b"tbB", 1),
    **dict.fromkeys(b"sUu", 2),
    **dict.fromkeys(b"Iif", 4),
    **dict.fromkeys(b"LlTd", 8),
    ord("V"): 0,
    ord("D"): 5,
}
"""Bytes of a value after its type octet, as RabbitMQ reads and writes them."""
_COUNTED: Final = frozenset(b"SAFx")
"""Values that begin with their own length."""


class ReceivedHeaders(dict[str, Any]):
    """A table as it could be read, and its bytes."""

    def __init__(self, read: Mapping[str, Any], raw: bytes) -> None:
        super().__init__(read)
        self.raw = raw
        """The entries, without the table's length."""


class RawHeaders(dict[str, Any]):
    """A table to send: these bytes, and nothing of the mapping."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw


def changed(
    headers: Mapping[str, Any] | None, rename: Callable[[str], str | None], added: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The same table with names changed (None leaves the entry out) and entries added, which replace those of the same
    name. What was received stays byte for byte."""
    if not isinstance(headers, ReceivedHeaders):
        kept = {new: value for name, value in (headers or {}).items() if (new := rename(name)) is not None}
        return {**kept, **added}
    parts = []
    for name, value in _entries(headers.raw):
        text = name.decode(errors="surrogateescape")
        new = rename(text)
        if new is not None and new not in added:
            parts.append((name if new == text else new.encode()[:255], value))
    raw = b"".join(bytes((len(name),)) + name + value for name, value in parts)
    return RawHeaders(raw + encoded(added))


def encoded(table: Mapping[str, Any]) -> bytes:
    """The entries of a table of our own, without its length."""
    return encode.field_table(dict(table))[4:]


def _entries(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and value, the type octet with it. A table that ends in what nobody knows ends before it."""
    at = 0
    while at < len(raw):
        value_at = at + 1 + raw[at]
        if value_at >= len(raw):
            return
        kind, end = raw[value_at], value_at + 1
        if kind in _COUNTED:
            end += 4 + int.from_bytes(raw[end : end + 4], "big")
        elif kind in _SIZES:
            end += _SIZES[kind]
        else:
            return
        if end > len(raw):
            return
        yield raw[at + 1 : value_at], raw[value_at:end]
        at = end


UNDECODABLE_HEADERS = "x-fapiao-undecodable-headers"
"""Stands for a table that cannot be read; its value is the table's bytes as they came."""

TIMESTAMP_HEADER = "x-fapiao-timestamp"
"""Where a timestamp goes that is no time, as decimal text."""

_UNREADABLE = (struct.error, ValueError, OverflowError, OSError)


def read_what_there_is() -> None:
    """Teach the decoder. Changes it for the whole process; may be called again."""
    decode.METHODS["shortstr"] = _short_text  # names: routing keys, queues, and what an error says of them
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
    at, delivery.consumer_tag = _short_text(data)
    delivery.delivery_tag = int.from_bytes(data[at : at + 8], "big")
    delivery.redelivered = bool(data[at + 8] & 1)
    data = data[at + 9 :]
    end, delivery.exchange = _short_text(data)
    _, delivery.routing_key = _short_text(data[end:])


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
