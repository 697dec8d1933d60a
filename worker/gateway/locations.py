"""Addresses of files as the gateway tells them (traps 1, 50, 83): one rule for results and look-ups. Pure.

Guaranteed: what is passed on is an `http` or `https` address with a host, without a user in it, or, where no base is
known, a path on the gateway; in ASCII and of bounded length, blanks and Chinese percent-encoded. What holds controls,
quotes, backslashes or invisible characters is none, but for `\\/`, which is a slash of JSON that was escaped twice.
Whether anything is there, nobody has looked.
"""

import re
from typing import Any, Final
from unicodedata import category
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from worker.gateway.qr import unwrapped

MAX_CHARS: Final = 4096
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\"'<>\\^`{|}]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Kinds of characters that nobody sees, and that may turn what is seen."""
_KEPT: Final = "%!#$&()*+,/:;=?@[]~"
"""What stands for itself in a path, a query or a fragment."""
PLAIN: Final = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[1-9][0-9]{0,3})?/[A-Za-z0-9._~/-]*(?:\?[A-Za-z0-9._~=&/-]+)?"
)
"""What most addresses are: they stay as they are, and need no closer look."""
_HOST_FIRST: Final = re.compile(
    r"(?:www\.[a-z0-9-]+\.[a-z0-9.-]+|(?:[a-z0-9-]+\.)+(?:com|cn|net|org|gov|edu|io)|\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?/",
    re.IGNORECASE,
)
"""An address whose scheme was left out; with a known base it is taken to have the base's."""
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def location(told: Any, base_url: str | None = None) -> str | None:
    """The address, without the quotes and spaces that may surround it, resolved against the gateway's base where that
    is known; None where it is none that may be opened."""
    if isinstance(told, str) and len(told) <= MAX_CHARS and PLAIN.fullmatch(told):
        return told
    return closely_read(told, base_url)


def closely_read(told: Any, base_url: str | None = None) -> str | None:
    """The same, whatever the address looks like."""
    bare = unwrapped(told).replace("\\/", "/") if isinstance(told, str) else ""
    if not 0 < len(bare) <= MAX_CHARS or _UNFIT.search(bare) or any(category(each) in _UNSEEN for each in bare):
        return None
    try:
        if _HOST_FIRST.match(bare) is not None:
            bare = f"//{bare}" if base_url is not None else f"http://{bare}"
        is_whole = base_url is None or bool(urlsplit(bare).scheme)
        encoded = _encoded(bare if is_whole else urljoin(f"{str(base_url).rstrip('/')}/", bare))
    except ValueError:
        return None
    return encoded if encoded is not None and len(encoded) <= MAX_CHARS else None


def _encoded(address: str) -> str | None:
    parts = urlsplit(address)
    path, query, fragment = (_quoted(part) for part in (parts.path, parts.query, parts.fragment))
    if not parts.scheme and not parts.netloc:
        return urlunsplit(("", "", path, query, fragment)) if path.startswith("/") else None
    is_web = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    if not is_web or parts.port == 0 or any(each.isspace() for each in parts.netloc):
        return None
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    scheme = address[: len(parts.scheme)]  # as it came: `urlsplit` makes it small
    return f"{scheme}:{urlunsplit(('', host, path, query, fragment))}"


def _quoted(part: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=_KEPT)
