"""Takes secrets out of what the gateway says before anything else sees it (trap 49). Pure.

Guaranteed: members named like a secret are gone at any depth, also inside JSON text; a value equal to a known
password, or text that contains a long one, is masked; text that no database or encoder takes is mended;
nesting is bounded. Never raises on parsed JSON.
Not known here: which member means what.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

MASK: Final = "***"
MAX_DEPTH: Final = 24
"""Deeper parts are masked whole: no reply of the manual is deeper than five."""
MAX_EVIDENCE_BYTES: Final = 64 * 1024
_SHORTEST_SECRET: Final = 4
"""Shorter values are as likely a flag or a quantity as a password; equal ones are left alone."""
_SHORTEST_CONTAINED: Final = 8
"""A password that is shorter is masked only where it is the whole text: one like "sandbox" may also be a word in an
address."""
_LONGEST_REMEMBERED: Final = 64
_JSON_STARTS: Final = frozenset('{["')
_SECRET_NAME: Final = re.compile(r"passw|pwd|secret|token|credential|login_?account|密码|口令", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a member of this name is dropped unread."""
    # The same few names come in every frame; a long one is no name of the manual's, and not worth keeping.
    return _is_secret_name(name) if len(name) <= _LONGEST_REMEMBERED else _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=512)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def sound_text(text: str) -> str:
    """Mend what UTF-8 and PostgreSQL refuse: lone surrogates become "?", NUL characters go."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class AnswerRedactor:
    """Masks the given passwords, except in texts that we sent in clear ourselves (`harmless`)."""

    def __init__(self, secrets: Collection[str] = (), harmless: Collection[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)
        self._contained = tuple(secret for secret in self._secrets if len(secret) >= _SHORTEST_CONTAINED)
        self._contained_in_codes = tuple(secret for secret in self._contained if not secret.isdigit())
        self._harmless = frozenset(harmless)

    def text(self, text: str) -> str:
        """Mask the passwords in one text and mend it."""
        return self._masked(text, self._contained)

    def code(self, code: str) -> str:
        """The same for a number that names something. A password of digits counts there only as a whole: digits
        coincide, and a number of which a part is masked would name nothing."""
        return self._masked(code, self._contained_in_codes)

    def sentence(self, text: str) -> str:
        """Mask the passwords wherever they stand in a text that somebody wrote for people, short ones too."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return self.text(text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """Redact parsed JSON. Members named like secrets are left out, too deep ones masked."""
        match value:
            case str():
                return self.text(value)
            case dict() | list() if depth >= MAX_DEPTH:
                return MASK
            case dict():
                return {
                    self.text(name): self.value(inner, depth + 1)
                    for name, inner in value.items()
                    if not is_secret_name(name)
                }
            case list():
                return [self.value(inner, depth + 1) for inner in value]
            case _:
                return value

    def _masked(self, text: str, contained: Iterable[str]) -> str:
        if text in self._harmless:
            return text
        if text in self._secrets:
            return MASK
        for secret in contained:
            if secret in text:
                text = text.replace(secret, MASK)
        if text.lstrip()[:1] in _JSON_STARTS and _SECRET_NAME.search(text):
            text = self._without_json_secrets(text)
        return sound_text(text)

    def _without_json_secrets(self, text: str) -> str:
        """JSON inside text may name a password of its own; such text is redacted as JSON, or masked whole."""
        try:
            return json.dumps(self.value(json.loads(text)), ensure_ascii=False)
        except (ValueError, RecursionError):
            return MASK


def evidence(frame: Any, secrets: Collection[str] = ()) -> bytes:
    """Write a parsed frame as JSON for a person to look at: redacted, the passwords that it names itself masked
    everywhere in it, cut at `MAX_EVIDENCE_BYTES`."""
    redacted = AnswerRedactor({*secrets, *_named_secrets(frame)}).value(frame)
    text = json.dumps(redacted, ensure_ascii=False, default=_plain)
    return text.encode("utf-8", "replace")[:MAX_EVIDENCE_BYTES].decode("utf-8", "ignore").encode("utf-8")


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise AssertionError(f"parsed JSON holds no {type(value).__name__}")


def _named_secrets(value: Any, depth: int = 0) -> Iterator[str]:
    if depth >= MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str) and is_secret_name(name):
                yield inner
            else:
                yield from _named_secrets(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_secrets(inner, depth + 1)
