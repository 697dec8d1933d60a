"""What comes in by plain HTTP and what is answered, and which of it a stranger's web page may not ask.

Pure. Guaranteed by `refusal`: a page of another origin, open in the browser of whoever runs the sandbox, changes
nothing here and reads nothing of the control pages, not even by a name of its own that leads to this machine.
"""

import ipaddress
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from contracts.gateway import dumps

_FORM: Final = "application/x-www-form-urlencoded"
_NOBODYS_TO_REGISTER: Final = (".localhost", ".local", ".internal", ".test")
"""Names under these lead nowhere on the internet, so nobody can point one at this machine from outside."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. Header names are in small letters."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def place(self) -> list[str]:
        """The pieces of the path."""
        return [unquote(piece) for piece in self.path.split("/") if piece]

    @property
    def asked(self) -> dict[str, str]:
        """The parameters: of the address, and of a form that was sent. The last of a name counts."""
        texts = [urlsplit(self.target).query]
        # JSON that a tool sent under its usual type is no form: `curl --data @record.json`.
        is_form = self.headers.get("content-type", "").partition(";")[0].strip() == _FORM
        if is_form and not self.body.lstrip().startswith(b"{"):
            texts.append(self.body.decode("utf-8", "replace"))
        return {name: values[-1] for text in texts for name, values in parse_qs(text, keep_blank_values=True).items()}

    @property
    def is_read(self) -> bool:
        """Whether it asks for something and changes nothing."""
        return self.method in ("GET", "HEAD")

    @property
    def wants_page(self) -> bool:
        """Whether a person's browser asks, by a link or a form of its own."""
        return "text/html" in self.headers.get("accept", "")


def refusal(call: Call, public_url: str | None) -> str | None:
    """Why a call is not answered, in a sentence; `None` if it is."""
    host, public = call.headers.get("host", ""), urlsplit(public_url or "")
    if host and not _is_ours(_name_of(host), public.hostname):
        return "This address is not the sandbox's: use 127.0.0.1, the machine's address, or what --public-url names."
    if call.is_read:
        return None
    origin = call.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc not in {host or None, public.netloc or None}:
        return "A page of another origin may change nothing here."
    if call.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return "A page of another origin may change nothing here."
    return None


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return "?."


def _is_ours(name: str, public: str | None) -> bool:
    """An address in digits, a name without a dot, or one that only our own network can know: another name may be a
    stranger's that leads here (DNS rebinding)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == public or (bool(name) and "." not in name) or name.endswith(_NOBODYS_TO_REGISTER)
    return True


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with a body in memory."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An HTTP answer that goes on until its reader leaves, or stays so far behind that it is left."""

    content_type: str
    pieces: AsyncGenerator[bytes, None]


def json_text(told: Any) -> str:
    """JSON of what a program here holds, floats too."""
    return dumps({"": _exact(told)})[len('{"":') : -1]


def _exact(told: Any) -> Any:
    if isinstance(told, float):
        return int(told) if told.is_integer() else Decimal(repr(told))
    if isinstance(told, Mapping):
        return {name: _exact(value) for name, value in told.items()}
    return [_exact(value) for value in told] if isinstance(told, (list, tuple)) else told
