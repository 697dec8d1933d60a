"""Recognises the picture in an `invoice_qrcode` (manual: 人脸二维码响应; trap 41). Pure.

Guaranteed: what is called an image is a PNG, JPEG or GIF by its own first bytes, whatever the gateway calls it,
at most `MAX_IMAGE_BYTES` long, written as a canonical data URI.
Not known here: what the code in the picture says (`scanner`).
"""

import base64
import binascii
import re
from typing import Final

MAX_IMAGE_BYTES: Final = 1024 * 1024
MAX_TEXT_CHARS: Final = 7089
"""A QR holds no more, even of digits."""
_MAX_ENCODED_CHARS: Final = MAX_IMAGE_BYTES * 4 // 3 + 4
_MAGIC: Final = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF87a": "gif", b"GIF89a": "gif"}
_ENCODED_MAGIC: Final = ("iVBORw0KGgo", "/9j/", "_9j_", "R0lGOD")
_DATA_URI: Final = re.compile(r"data:[^,]{0,200}?;\s*base64\s*,", re.IGNORECASE)
_WRAPPING: Final = " \t\r\n\"'`“”„‟‘’«»\ufeff"
"""Quotes and spaces that pasted examples leave around an address (trap 1)."""


def unwrapped(address: str) -> str:
    """Strip quotes and spaces around a URL, as the manual's own example has them."""
    return address.strip(_WRAPPING)


def looks_like_image(text: str) -> bool:
    """Whether this is meant as a picture, readable or not: a data URI, or base64 with a picture's first bytes."""
    head = text[:32].lstrip(_WRAPPING)
    return head[:5].lower() == "data:" or head.startswith(_ENCODED_MAGIC)


def is_oversized(text: str) -> bool:
    """Whether the picture, or the text meant for one, is longer than any QR."""
    if not looks_like_image(text):
        return len(text) > MAX_TEXT_CHARS
    return len(text) > _MAX_ENCODED_CHARS + 256


def image_uri(text: str) -> str | None:
    """Write the picture as `data:image/…;base64,…`; None if it is none of the three kinds or no base64."""
    bare = unwrapped(text)
    prefix = _DATA_URI.match(bare)
    encoded = bare[prefix.end() :] if prefix else bare
    content = _decoded(encoded)
    if content is None or len(content) > MAX_IMAGE_BYTES:
        return None
    kind = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)
    if kind is None:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def image_bytes(uri: str) -> bytes:
    """The picture of a data URI that `image_uri` wrote."""
    return base64.b64decode(uri.partition(",")[2])


def _decoded(encoded: str) -> bytes | None:
    """Base64 of either alphabet, with line breaks, with or without padding."""
    joined = "".join(encoded.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(joined + "=" * (-len(joined) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
