"""Takes secrets and personal numbers out of anything that is about to be logged or shown.

Guarantees: whatever stands under a key that names a secret or a payload is replaced; in any other text URL
passwords, the secrets of the settings, the passwords in use just now, tokens, pictures and long digit runs (phones,
citizen ids, bank accounts) are replaced, at any depth. It prefers hiding too much to showing too much. Knows nothing of
logging.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from worker import secrecy
from worker.addresses import passwords_in

if TYPE_CHECKING:
    from worker.settings import Settings

REDACTED: Final = "[redacted]"
MAX_DEPTH: Final = 8
"""Nothing that is logged on purpose is deeper; what is, is dropped."""

_SECRET_KEY = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|tax_?id|phone|id_?card|bank|in?dentification"
    r"|^(body|payload|data|image|content|login|invoice|headers|frame|journal_keys?)$",
    re.IGNORECASE,
)
_LANE_KEYS = frozenset({"lane", "user_id", "userId"})
_ID_KEYS = frozenset({"command_id", "command_source", "event_id", "message_id", "correlation_id", "timestamp"})
"""Keys whose digits stay, for a person must be able to look the command up."""

_LONG_RUN = re.compile(r"[\dA-Z](?:(?<=\d)(?:\d{10}|[- ]\d{4}[- ]\d)|(?<=[0-9A-Z])[0-9A-Z]{17})")
"""Phones, ids and accounts. All begin alike, which the search for them makes use of."""
_URL_CREDENTIALS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^:/@\s]*):[^\s,\"']*@")
_ASSIGNED = re.compile(
    r"(?P<name>(?:passw(?:or)?d|secret|token|authorization|cookie)[\"']?\s*[:=]\s*[\"']?)"
    r"(?:(?:bearer|basic)\s+)?[^\"'&,;\s}]+",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"data:image/[^,\s]*,[A-Za-z0-9+/=_-]*")
_JSON_WEB_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")

_LONG_NUMBER = 10_000_000_000
"""Numbers from here on could be a phone, or an account."""
_PUBLIC_DEFAULT = "guest"
"""RabbitMQ's user name as well as its password: hiding it would garble messages and hide nothing."""

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys or hides instead of showing it, but for line feeds and tabs."""

_LANE_DIGEST = re.compile(r"u-[0-9a-f]{8}")


def lane_digest(user_id: str) -> str:
    """A `userId` as logs show it: the same text for the same user, without saying who. `u-` and eight hex digits."""
    if _LANE_DIGEST.fullmatch(user_id):
        return user_id
    return "u-" + hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def visible(text: str) -> str:
    """The same text without what would move a terminal's cursor, turn its direction, or be no text at all."""
    return text if text.isprintable() else _UNSEEN.sub("\ufffd", text)


@lru_cache(maxsize=512)
def _names_a_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _is_suspicious(text: str) -> bool:
    """Cheap screen: other text needs no closer look."""
    return ":" in text or "=" in text or "eyJ" in text or _LONG_RUN.search(text) is not None


class Redactor:
    """Redacts by key and by value. `secrets` are texts that must appear nowhere."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, self._secrets)))

    def text(self, value: str, *, keep_digits: bool = False) -> str:
        """The same text without secrets; long digit runs keep their last four unless `keep_digits`."""
        value = visible(value)
        if any(secret in value for secret in self._secrets):  # nearly never, and told quicker than by the pattern
            value = self._known.sub(REDACTED, value)
        for secret in secrecy.found_in(value):
            value = value.replace(secret, REDACTED)
        if not _is_suspicious(value):
            return value
        value = _URL_CREDENTIALS.sub(r"\g<scheme>\g<user>:***@", value)
        value = _PICTURE.sub("data:image…", value)
        value = _JSON_WEB_TOKEN.sub(REDACTED, value)
        value = _ASSIGNED.sub(r"\g<name>***", value)
        return value if keep_digits else secrecy.hide_numbers(value)

    def may_all_be_shown(self, fields: Mapping[str, Any]) -> bool:
        """Whether `value` would change none of these: True is certain. Looked at together, for most lines hold nothing
        that must be hidden, and each look costs nearly the same for one text as for all of them."""
        texts: list[str] = []
        for key, value in fields.items():
            if isinstance(value, str):
                texts.append(value)
            elif value is None:
                continue
            elif not (isinstance(value, (int, float)) and abs(value) < _LONG_NUMBER):
                return False
            if key in _LANE_KEYS or _names_a_secret(key):
                return False
        return self._is_harmless(" ".join(texts))

    def _is_harmless(self, text: str) -> bool:
        for secret in self._secrets:
            if secret in text:
                return False
        return text.isprintable() and not secrecy.found_in(text) and not _is_suspicious(text)

    def value(self, key: str, value: Any, depth: int = 0) -> Any:
        """What may be shown under this key."""
        if key in _LANE_KEYS:
            return lane_digest(value) if isinstance(value, str) else value
        if value is None or value is True or value is False:
            return value
        return REDACTED if _names_a_secret(key) else self._plain(key, value, depth)

    def _plain(self, key: str, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value, keep_digits=key in _ID_KEYS)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return value if abs(value) < _LONG_NUMBER else self.text(str(value))  # NaN and infinity become text
        return self._composite(key, value, depth)

    def _composite(self, key: str, value: Any, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            return REDACTED
        if isinstance(value, Mapping):
            return {str(name): self.value(str(name), inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._plain(key, inner, depth + 1) for inner in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{len(value)} bytes]"
        return self.text(str(value))


def known_secrets(settings: "Settings") -> list[str]:
    """Every secret of the configuration, as it could turn up in a message of some library."""
    found: list[str] = []
    gateways = [settings.gateway_url, settings.gateway_http_url or ""]
    for address in [*settings.amqp_urls, settings.database_url.get_secret_value(), *gateways]:
        found += passwords_in(address)
    found += [value.get_secret_value() for value in settings.gateway_headers.values()]
    found += [key.get_secret_value() for key in settings.journal_keys]
    return [secret for secret in found if secret != _PUBLIC_DEFAULT]
