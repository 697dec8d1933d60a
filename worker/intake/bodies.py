"""A message's body as its sender meant it: the text of JSON, unpacked within a bound.

PURE. Knows nothing of what the text says.
"""

import re
import zlib
from typing import Final

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{")
_GZIP_MARK: Final = b"\x1f\x8b"
_AS_IT_IS: Final = frozenset({"", "utf-8", "utf8", "identity", "binary", "8bit", "7bit", "ascii", "us-ascii"})
_WINDOWS: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""What zlib is told. "deflate" is with its header by the book, and without it in practice."""
_STEPS: Final = re.compile(r"[:,\s]+")
"""Between the steps of an encoding: Spring writes `gzip:UTF-8`, or `gzip, UTF-8`."""


class NotUnpacked(ValueError):
    """The sentence says what is wrong, and repeats nothing of the body."""


class TooLargeUnpacked(ValueError):
    """It is larger than the bound."""


def unpacked(body: bytes, content_encoding: str | None, bytes_max: int) -> bytes:
    """The JSON text, as bytes. Raises `NotUnpacked` and `TooLargeUnpacked`."""
    steps = [step for step in _STEPS.split((content_encoding or "").lower()) if step not in _AS_IT_IS]
    if steps and (len(steps) > 1 or steps[0] not in _WINDOWS):
        raise NotUnpacked("is encoded in a way not known here: content_encoding must be absent, utf-8, gzip or deflate")
    if steps:
        body = _inflated(body, steps[0], bytes_max)
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
