"""A body as its sender meant it: unpacked where the property `content_encoding` says so, without a byte order mark.

PURE. Never gives out more than the bound, whatever is packed.
"""

import zlib
from typing import Final

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP_MARK: Final = b"\x1f\x8b"
_AS_IT_IS: Final = frozenset({"", "utf-8", "utf8", "identity", "binary", "8bit", "7bit", "ascii", "us-ascii"})
_WINDOWS: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""What zlib is told. "deflate" is with its header by the book, and without it in practice."""


class NotUnpacked(ValueError):
    """The sentence says what is wrong, and repeats nothing of the body."""


class TooLargeUnpacked(ValueError):
    """It is larger than the bound."""


def unpacked(body: bytes, content_encoding: str | None, bytes_max: int) -> bytes:
    """The JSON text, as bytes. Raises `NotUnpacked` and `TooLargeUnpacked`."""
    encoding = (content_encoding or "").strip().lower()
    if encoding in _WINDOWS:
        body = _inflated(body, encoding, bytes_max)
    elif encoding not in _AS_IT_IS:
        raise NotUnpacked("is encoded in a way not known here: content_encoding must be absent, utf-8, gzip or deflate")
    elif body.startswith(_GZIP_MARK):
        raise NotUnpacked("is packed with gzip: say so by the property content_encoding, or send it as it is")
    if body.startswith(_WIDE_MARKS):
        raise NotUnpacked("is in UTF-16, and must be in UTF-8")
    return body.removeprefix(_BYTE_ORDER_MARK)


def _inflated(body: bytes, encoding: str, bytes_max: int) -> bytes:
    for window in _WINDOWS[encoding]:
        inflating = zlib.decompressobj(window)
        try:
            text = inflating.decompress(body, bytes_max + 1)
        except zlib.error:
            continue
        if len(text) > bytes_max:
            raise TooLargeUnpacked
        if inflating.eof and not inflating.unused_data:
            return text
    raise NotUnpacked(f"is not {encoding}, or not the whole of it, though the property content_encoding says so")
