"""Addresses of servers, as people write them: what is wrong with one, told without repeating it.

PURE. Where a password holds `#`, `/` or `?` and is not percent-encoded, the address is split in the middle of the
password, and a message that names the faulty part would show half of it. So no message from here repeats any part of an
address.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

ENCODE: Final = (
    "in its user and password the characters # / ? : @ [ ] % must be percent-encoded (# is %23, / is %2F, ? is %3F)"
)
_AUTHORITY: Final = re.compile(r"://(?P<user>[^:/@\s]*):(?P<password>[^\s]*)@")


def check_address(url: str, schemes: Collection[str], example: str) -> None:
    """Raises `ValueError` with a sentence that names nothing of the address."""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in schemes and bool(parts.netloc) and _is_whole(parts) and _has_hosts(parts.netloc)
    except ValueError:
        is_sound = False
    if not is_sound:
        raise ValueError(f"must be an address such as {example}; {ENCODE}")


def _is_whole(parts: SplitResult) -> bool:
    """Whether no piece of a password has slipped into what follows the host."""
    options = [option for option in parts.query.split("&") if option]
    return not parts.fragment and "@" not in parts.path and all("=" in option for option in options)


def _has_hosts(netloc: str) -> bool:
    """Whether all hosts have a name, and all ports can be one; PostgreSQL takes several hosts."""
    for place in netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{place}")
        if not parts.hostname or parts.port == 0:  # raises ValueError for what is no port
            return False
    return True


def passwords_in(url: str) -> list[str]:
    """Every form in which the password of an address could turn up in some library's message, also where the address
    is none."""
    found = _AUTHORITY.search(url)
    if found is None or not found["password"]:
        return []
    password = found["password"]
    pieces = [piece for piece in re.split(r"[#/?\[\]]", password) if len(piece) >= _SHORTEST_PIECE]
    return list(dict.fromkeys((password, unquote(password), *pieces)))


_SHORTEST_PIECE: Final = 4


def at(host: str, port: int | str | None = None) -> str:
    """Host and port as they stand in an address: an IPv6 host in brackets."""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def is_plain_to_others(url: str) -> bool:
    """Whether what is sent to this address leaves the machine in clear."""
    parts = urlsplit(url)
    return parts.scheme in {"ws", "http"} and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name; any other name may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
