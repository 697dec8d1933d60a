"""The body of an HTTP answer, packed or not, read as far as it may be long.

The HTTP library would unpack whatever comes: a few hundred bytes that were packed three times fill the memory, and hold
the loop for seconds before anybody sees how long they are.
"""

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

_PLAIN: Final = {"", "identity"}
_PACKED: Final = {"gzip", "x-gzip", "deflate"}
_ANY_HEADER: Final = zlib.MAX_WBITS | 32


class AnswerTooLarge(Exception):
    """It is larger than it may be, as it came or unpacked."""


class AnswerUnreadable(Exception):
    """It is packed in a way that nobody asked for, or not as it says."""


class RawAnswer(Protocol):
    """As much of `httpx.Response` as is read here."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def aiter_raw(self) -> AsyncIterator[bytes]: ...


async def body_of(answer: RawAnswer, most_bytes: int) -> bytes:
    """All of it. Raises `AnswerTooLarge`, `AnswerUnreadable`, and what the library raises."""
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > most_bytes:
            raise AnswerTooLarge
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    return bytes(body) if encoding in _PLAIN or not body else _unpacked(bytes(body), encoding, most_bytes)


def _unpacked(body: bytes, encoding: str, most_bytes: int) -> bytes:
    if encoding not in _PACKED:
        raise AnswerUnreadable("packed in a way that was not asked for")
    unpacking = zlib.decompressobj(_ANY_HEADER)
    try:
        unpacked = unpacking.decompress(body, most_bytes + 1)
    except zlib.error:
        raise AnswerUnreadable("not packed as it says") from None
    if len(unpacked) > most_bytes:
        raise AnswerTooLarge
    if not unpacking.eof:
        raise AnswerUnreadable("cut off")
    return unpacked
