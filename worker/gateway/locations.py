"""Addresses of files as the gateway tells them (traps 1, 50, 83): checked before anybody is told of them. Pure.

Guaranteed: what is passed on is an `http` or `https` address with a host, or a path on the gateway; of bounded length,
without spaces, quotes, controls or a user and password in it. Whether anything is there, nobody has looked.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from worker.gateway.qr import unwrapped

MAX_CHARS: Final = 2048
_UNFIT: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f\"'<>\\^`{|}\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def location(told: str) -> str | None:
    """The address, without the quotes and spaces that may surround it; None where it is none that may be opened."""
    bare = unwrapped(told)
    if not 0 < len(bare) <= MAX_CHARS or _UNFIT.search(bare) or not bare.isprintable():
        return None
    try:
        parts = urlsplit(bare)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    if parts.scheme.lower() in {"http", "https"}:
        return bare if has_host and "@" not in parts.netloc else None
    is_path = not parts.scheme and not parts.netloc and bare.startswith("/") and not bare.startswith("//")
    return bare if is_path else None
