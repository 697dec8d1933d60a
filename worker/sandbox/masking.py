"""Frames as they may be shown: without passwords, and without the length of pictures.

Pure. A password is found by the name of its member, at whatever depth of JSON inside JSON, and by its value wherever
else that stands.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

MASK: Final = "***"
LONGEST: Final = 4096
"""Characters of a frame that are shown."""
SECRET_MEMBERS: Final = frozenset({"password", "sellerLoginPassword"})
_SHORTEST: Final = 4
"""A shorter text is found in words that are nobody's password; the member's name tells those."""
_MEMBER: Final = re.compile(
    r"(?P<quote>\\*\")(?:" + "|".join(sorted(SECRET_MEMBERS)) + r")(?P=quote)\s*:\s*"
    r"(?:(?P<opened>(?P=quote))|[^,}\s\"]+)"
)
_QUOTE: Final = re.compile(r"(?P<slashes>\\*)\"")
_PICTURE: Final = re.compile(r"[A-Za-z0-9+/=]{200,}")


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """A frame's text as it may be shown, with these values hidden too."""
    text = _without_members(text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    text = _PICTURE.sub(lambda found: f"{found[0][:24]}…({len(found[0]):,} characters)", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…({len(text):,} characters)"


def _without_members(text: str) -> str:
    done, kept = 0, []
    while (found := _MEMBER.search(text, done)) is not None:
        quote = found["quote"]
        value = found.end() - len(quote) if found["opened"] else found.end()
        name = text[done:value] if found["opened"] else text[done : found.start()] + found[0].partition(":")[0] + ": "
        kept += [name, quote, MASK, quote]
        done = _end_of(text, found.end(), len(quote) - 1) if found["opened"] else found.end()
    return "".join((*kept, text[done:]))


def _end_of(text: str, start: int, slashes: int) -> int:
    """Behind the quote that ends a text which began with so many backslashes before its quote: 0, 1, 3, 7, … by how
    deep it lies. An escaped quote has other numbers of them."""
    for quote in _QUOTE.finditer(text, start):
        if len(quote["slashes"]) % (2 * slashes + 2) == slashes:
            return quote.end()
    return len(text)


def masked_members(told: Any) -> Any:
    """JSON as it may be kept: each password's value replaced, at any depth."""
    if isinstance(told, dict):
        return {name: MASK if name in SECRET_MEMBERS else masked_members(value) for name, value in told.items()}
    return [masked_members(each) for each in told] if isinstance(told, list) else told


def secrets_in(told: Any) -> set[str]:
    """The passwords that a frame of a client holds."""
    if isinstance(told, list):
        return {secret for each in told for secret in secrets_in(each)}
    if not isinstance(told, dict):
        return set()
    found = {value for name, value in told.items() if name in SECRET_MEMBERS and isinstance(value, str)}
    return found.union(*(secrets_in(value) for value in told.values() if isinstance(value, (dict, list))))
