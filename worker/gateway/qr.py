"""Recognises the picture in an `invoice_qrcode`, or the text of a QR (manual: 人脸二维码响应; trap 41). Pure.

Guaranteed: what is called an image is one by its own first bytes, or by the gateway's word where they are of no kind
known here; at most `MAX_IMAGE_BYTES` long; written as a canonical data URI. A text that no QR would hold is none.
Not known here: what the code in the picture says (`scanner`). An SVG is passed on as it came, scripts included: show it
as an image, which runs none.
"""

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes

MAX_IMAGE_BYTES: Final = 1024 * 1024
MAX_TEXT_CHARS: Final = 7089
"""A QR holds no more, even of digits."""
_MAX_ENCODED_CHARS: Final = MAX_IMAGE_BYTES * 4 // 3 + 4
_MAGIC: Final = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}
_ENCODED_MAGIC: Final = ("iVBORw0KGgo", "/9j/", "_9j_", "R0lGOD")
_PERHAPS_ENCODED: Final = ("UklGR", "Qk", "AAAB", "AAAA", "SUkq", "TU0A", "PHN2Z", "PD94bWw", "PCFE", "PCEt")
"""How base64 of the other kinds begins; a QR's own text may begin so too, and then the whole decides."""
_SHORTEST_ENCODED: Final = 100
_AVIF_BRANDS: Final = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heif"}
_PREFIX: Final = re.compile(
    r"(?<![^\s])(?:(image/[a-z0-9.+-]{1,40});)?base64,(?=[A-Za-z0-9+/_=\s-]{20})", re.IGNORECASE
)
"""Where `data:` got lost."""
_IMAGE_TAG: Final = re.compile(r"<img\s[^>]*?src\s*=\s*[\"']?(data:[^\"'>]+)", re.IGNORECASE)
_SVG: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)*<(?:svg:)?svg[\s>]", re.IGNORECASE | re.DOTALL
)
_DATA_URI: Final = re.compile(r"data:([^,;]{0,100})([^,]{0,200}?)(;\s*base64\s*)?,", re.IGNORECASE)
_WRAPPING: Final = " \t\r\n\"'`“”„‟‘’«»\ufeff"
"""Quotes and spaces that pasted examples leave around an address (trap 1)."""


def unwrapped(address: str) -> str:
    """Strip quotes and spaces around a URL, as the manual's own example has them."""
    return address.strip(_WRAPPING)


def looks_like_image(text: str) -> bool:
    """Whether this is meant as a picture, readable or not: a data URI, base64 with a picture's first bytes, or SVG."""
    head = text[:2000].lstrip(_WRAPPING)
    if (
        head[:5].lower() in ("data:", "<?xml")
        or head.startswith(_ENCODED_MAGIC)
        or _PREFIX.match(head) is not None
        or _IMAGE_TAG.match(head) is not None
        or _SVG.match(head.encode("utf-8", "replace")) is not None
    ):
        return True
    is_long = len(text) >= _SHORTEST_ENCODED
    return (
        is_long and head.startswith(_PERHAPS_ENCODED) and not is_oversized_image(text) and _bare_kind(text) is not None
    )


def may_be_content(text: str) -> bool:
    """Whether a QR may hold this text: an address or a token, without blanks or Chinese. A sentence is none, nor is a
    page of a proxy."""
    bare = unwrapped(text)
    return bool(bare) and bare.isascii() and bare.isprintable() and " " not in bare and bare[0] != "<"


def found_in(data: Any) -> str | None:
    """The picture in an object or a list, else the text of a member that is named like one that has a QR."""
    contents: list[str] = []
    left = [("", data)]
    for _ in range(_MOST_MEMBERS):
        if not left:
            break
        name, value = left.pop(0)
        if isinstance(value, dict):
            left += [(each, value[each]) for each in value if isinstance(each, str)]
        elif isinstance(value, list):
            left += [(name, each) for each in value]
        elif isinstance(value, str) and isinstance(data, (dict, list)):
            if looks_like_image(value):
                return value
            if _NAMED.search(name) and len(value) >= _SHORTEST_CONTENT and may_be_content(value):
                contents.append(value)
    return contents[0] if contents else None


_MOST_MEMBERS: Final = 100
_SHORTEST_CONTENT: Final = 8
_NAMED: Final = re.compile(r"qr|url|二维码|ewm|^(?:content|image|img|picture|base64)$", re.IGNORECASE)


def is_oversized(text: str) -> bool:
    """Whether the picture, or the text meant for one, is longer than any QR."""
    return is_oversized_image(text) if looks_like_image(text) else len(text) > MAX_TEXT_CHARS


def is_oversized_image(text: str) -> bool:
    """Whether this is longer than any picture that is passed on."""
    return len(text) > _MAX_ENCODED_CHARS + 256


def image_uri(text: str) -> str | None:
    """Write the picture as `data:image/…;base64,…`; None if it is no picture or no base64."""
    bare = unwrapped(text)
    if (tag := _IMAGE_TAG.match(bare)) is not None:
        bare = tag[1]
    bare = _PREFIX.sub(r"data:\1;base64,", bare)
    if bare[:1] == "<":
        return _written(bare.encode("utf-8", "replace"), "")
    prefix = _DATA_URI.match(bare)
    if prefix is None:
        content = _decoded(bare)
        return None if content is None else _written(content, "")
    declared, encoded = prefix[1].strip().lower(), bare[prefix.end() :]
    content = _decoded(encoded) if prefix[3] else unquote_to_bytes(encoded)
    return None if content is None else _written(content, declared.removeprefix("image/") if prefix[3] else "")


def _written(content: bytes, declared: str) -> str | None:
    """By its own bytes, else by the kind that the gateway says, unless the bytes should have shown that."""
    kind = _kind_of(content)
    if kind is None and content and _OTHER_KIND.fullmatch(declared) and declared not in _KNOWN_BY_BYTES:
        kind = declared
    if kind is None or len(content) > MAX_IMAGE_BYTES:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


_OTHER_KIND: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}")
_KNOWN_BY_BYTES: Final = frozenset({"png", "jpeg", "jpg", "gif", "octet-stream"})


def _kind_of(content: bytes) -> str | None:
    kind = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)
    if kind is not None:
        return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    if content[4:8] == b"ftyp":
        return _AVIF_BRANDS.get(content[8:12])
    if content[:2] == b"BM" and int.from_bytes(content[2:6], "little") == len(content):
        return "bmp"
    if content[:4] == b"\x00\x00\x01\x00" and 0 < int.from_bytes(content[4:6], "little") <= 64:
        return "x-icon"
    return "svg+xml" if _SVG.match(content[:2000]) else None


def _bare_kind(text: str) -> str | None:
    content = _decoded(unwrapped(text))
    return None if content is None else _kind_of(content)


def image_bytes(uri: str) -> bytes:
    """The picture of a data URI that `image_uri` wrote."""
    return base64.b64decode(uri.partition(",")[2])


def _decoded(encoded: str) -> bytes | None:
    """Base64 of either alphabet, with line breaks, with or without padding."""
    if "%" in encoded or "\\" in encoded:
        encoded = unquote(re.sub(r"\\(?:r|n|/)", lambda found: "/" if found[0] == "\\/" else "", encoded))
    joined = "".join(encoded.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(joined + "=" * (-len(joined) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
