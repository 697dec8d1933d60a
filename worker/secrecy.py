"""The passwords in use right now, so that whoever writes text out can look for them.

Guarantees that a secret is known as long as an object lives that was given with it, and forgotten with the last one:
nothing is kept longer than its holder keeps it. Looking costs the same with a thousand secrets as with one. Never
writes anything itself.
"""

import re
import threading
import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Final

SHORTEST: Final = 6
"""Shorter texts are not looked for: they would be found in words that are nobody's password."""
_HEAD: Final = 4
_FEW_HEADS: Final = 64

_SPACED_PHONE: Final = re.compile(r"1[3-9]\d[- ]\d{4}[- ](?P<tail>\d{4})")
_TAX_CODE: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Z]{2}\d{6}[0-9A-Z]{6}(?P<tail>[0-9A-Z]{4})(?![0-9A-Za-z])")
_DIGITS: Final = re.compile(r"\d{7,}(?P<tail>\d{3}[0-9Xx])(?![0-9])")


class _Hold(weakref.ref[object]):
    """Somebody who lives, and the secrets that are known meanwhile. `weakref.finalize` takes four times as long, and
    there are several for every command."""

    __slots__ = ("secrets",)
    secrets: tuple[str, ...]


_holds: dict[int, _Hold] = {}
"""By identity: a reference to what is gone has no hash."""
_held: Counter[str] = Counter()
_by_head: dict[str, set[str]] = {}
_lock: Final = threading.RLock()
"""A holder may go in any thread, wherever garbage is collected, also within `guard`. Who only looks takes copies: a
line of the log from the journal's thread must not break because an order ended meanwhile."""


def guard(holder: object, secrets: Iterable[str]) -> None:
    """Know these secrets for as long as `holder` lives."""
    kept = tuple(secret for secret in secrets if len(secret) >= SHORTEST)
    if not kept:
        return
    with _lock:
        for secret in kept:
            _held[secret] += 1
            _by_head.setdefault(secret[:_HEAD], set()).add(secret)
        hold = _Hold(holder, _let_go)
        hold.secrets = kept
        _holds[id(hold)] = hold


def found_in(text: str) -> list[str]:
    """The known secrets that this text holds, longest first."""
    # Nearly every text holds none: told by the interpreter's own search, while there are few heads to search for.
    if len(_by_head) <= _FEW_HEADS and not _holds_a_head(text):
        return []
    found = {
        secret
        for at in range(len(text) - SHORTEST + 1)
        if (heads := _by_head.get(text[at : at + _HEAD])) is not None
        for secret in tuple(heads)
        if text.startswith(secret, at)
    }
    return sorted(found, key=len, reverse=True)


def _holds_a_head(text: str) -> bool:
    for head in tuple(_by_head):  # noqa: SIM110  `any` would take twice as long, and this is done for every line of the log
        if head in text:
            return True
    return False


def hide_numbers(text: str) -> str:
    """The same text with phones, tax codes, citizen ids and account numbers cut down to their last four characters."""
    for pattern in (_SPACED_PHONE, _TAX_CODE, _DIGITS):
        text = pattern.sub(r"…\g<tail>", text)
    return text


def _let_go(hold: _Hold) -> None:
    with _lock:
        del _holds[id(hold)]
        for secret in hold.secrets:
            _held[secret] -= 1
            if _held[secret] <= 0:
                del _held[secret]
                same_head = _by_head[secret[:_HEAD]]
                same_head.discard(secret)
                if not same_head:
                    del _by_head[secret[:_HEAD]]
