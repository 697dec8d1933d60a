"""Header tables as the bytes they came as, for copies that must not differ in a bit.

A client library's decoder and encoder do not undo each other: doubles become single floats, timestamps lose their
milliseconds, integers change their width, long names are cut, and text that is no UTF-8 is refused. Here entries are
only found, left out and added. Pure; knows nothing of what a header means.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pamqp import encode

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
    """The same table with names changed (None leaves the entry out) and entries added in the place of those of their
    names. What was received stays byte for byte."""
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
