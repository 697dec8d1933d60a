"""Faults on demand: their names, how a person asks for them, and the book of those armed from outside.

Pure. A fault is asked for by a magic value in what the client sends, or armed for the next exchanges of a
``userId`` through the control endpoints. Both ways name the same table, ``FAULTS``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Phase = Literal["handshake", "login", "invoice"]
ANY_USER: Final = "*"
MAGIC_VALUE: Final = re.compile(r"#fault=([a-z0-9_]+)(?:=([0-9]+(?:\.[0-9]+)?))?")
PASSWORDS: Final = {"refuse-login": "login_refused", "silent-login": "login_silent"}
"""Passwords that need no ``#fault=``, for people who read the README only once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table. ``value`` is the meaning and default of ``=number``, where there is one."""

    phases: tuple[Phase, ...]
    effect: str
    value: float | None = None


_HANDSHAKE: Final[tuple[Phase, ...]] = ("handshake",)
_LOGIN: Final[tuple[Phase, ...]] = ("login",)
_INVOICE: Final[tuple[Phase, ...]] = ("invoice",)
_BOTH: Final[tuple[Phase, ...]] = ("login", "invoice")

FAULTS: Final[Mapping[str, Fault]] = {
    "handshake_401": Fault(_HANDSHAKE, "the handshake is answered with 401"),
    "handshake_403": Fault(_HANDSHAKE, "the handshake is answered with 403"),
    "handshake_503": Fault(_HANDSHAKE, "the handshake is answered with 503"),
    "handshake_refuse": Fault(_HANDSHAKE, "the connection is cut without an answer to the handshake"),
    "login_refused": Fault(_LOGIN, 'login is answered with "0"'),
    "login_silent": Fault(_LOGIN, "login is never answered"),
    "login_slow": Fault(_LOGIN, "login is answered after so many seconds", 5.0),
    "login_dropped": Fault(_LOGIN, "the socket is cut instead of an answer to login"),
    "no_qr": Fault(_INVOICE, "no scan is asked for, whatever the options say"),
    "qr_unavailable": Fault(_INVOICE, '`invoice_qrcode` "0" instead of a QR; not issued'),
    "qr_failed": Fault(_INVOICE, 'a QR, then `invoice_qrcode` "0", then nothing; not issued'),
    "qr_failed_then_new": Fault(_INVOICE, 'a QR, `invoice_qrcode` "0", and a second QR that works'),
    "qr_never_scanned": Fault(_INVOICE, "a QR that cannot be confirmed, then nothing; not issued"),
    "two_qrs": Fault(_INVOICE, "a second QR supersedes the first; only the second works"),
    "qr_bare_base64": Fault(_INVOICE, "the QR is base64 without `data:image/png;base64,`"),
    "qr_text": Fault(_INVOICE, "the QR's text is sent, not an image"),
    "refused": Fault(_INVOICE, '`invoice_pdf` "0"; not issued'),
    "refused_but_issued": Fault(_INVOICE, '`invoice_pdf` "0", although it was issued'),
    "slow": Fault(_INVOICE, "issuing takes so many seconds longer", 5.0),
    "silent": Fault(_INVOICE, "no answer; not issued"),
    "silent_after_issuing": Fault(_INVOICE, "issued, but never answered"),
    "dropped_before_result": Fault(_INVOICE, "the socket is cut; not issued"),
    "dropped_after_issuing": Fault(_INVOICE, "issued, then the socket is cut instead of the answer"),
    "result_twice": Fault(_INVOICE, "the result comes twice"),
    "result_late": Fault(_INVOICE, "issued at once, the result comes so many seconds later", 3.0),
    "other_user": Fault(_INVOICE, "a result with another `sendToId` comes before the right one"),
    "other_invoice": Fault(_INVOICE, "another buyer's result under the right `sendToId`, then nothing; not issued"),
    "other_invoice_first": Fault(_INVOICE, "another buyer's result under the right `sendToId`, then our own"),
    "garbage": Fault(_INVOICE, "text that is not JSON, then the right result"),
    "garbage_only": Fault(_INVOICE, "issued, but the answer is text that is not JSON"),
    "oversized_frame": Fault(_INVOICE, "issued, but the answer is a text frame of so many MiB", 5.0),
    "binary_frame": Fault(_INVOICE, "the result comes as a binary frame"),
    "draft": Fault(_INVOICE, '`isDrafts` "1": saved, not issued'),
    "numeric_status": Fault(_BOTH, "statuses are the numbers 1 and 0"),
    "boolean_status": Fault(_BOTH, "statuses are true and false"),
    "null_failure": Fault(_BOTH, "a failure is null"),
    "numeric_send_to_id": Fault(_BOTH, "`sendToId` is a number, if it consists of digits"),
    "wrong_type_word": Fault(_INVOICE, "the result says `login` as its type"),
    "result_as_json_text": Fault(_INVOICE, "the result's data is JSON inside a string"),
    "nested_data": Fault(_INVOICE, "the result is wrapped in one more `data`"),
    "items_as_list": Fault(_INVOICE, "`invoiceItems` is a list, not text"),
    "items_empty": Fault(_INVOICE, "`invoiceItems` is empty text"),
    "integers_for_flags": Fault(_INVOICE, "flags and `vipId` are numbers"),
    "url_with_curly_quotes": Fault(_INVOICE, "the URL is wrapped in curly quotes, as in the manual"),
    "missing_echo_fields": Fault(_INVOICE, "only seller, buyer name, items and the URL come back"),
    "no_echo": Fault(_INVOICE, "only the URL and `isDrafts` come back"),
    "extra_fields": Fault(_INVOICE, "members come back that the manual does not know"),
}

Asked = Mapping[str, float]
"""Fault names with their number (the table's default, or 0)."""


def asked_in(*texts: str) -> dict[str, float]:
    """Read the magic values in these texts; names that are not in the table are left alone."""
    found = {}
    for text in texts:
        for name, value in MAGIC_VALUE.findall(text) if "#fault=" in text else ():
            if name in FAULTS:
                found[name] = float(value) if value else FAULTS[name].value or 0.0
    return found


def asked_by_password(password: str) -> dict[str, float]:
    """Read the login faults that a password asks for, in words or as a magic value."""
    word = PASSWORDS.get(password)
    return {word: 0.0} if word else asked_in(password)


def asked_by_user_id(user_id: str) -> str | None:
    """Name the handshake fault of a ``userId`` such as ``deny-401-anything``, or ``None``."""
    if not user_id.startswith("deny-"):
        return None
    name = "handshake_" + user_id.removeprefix("deny-").split("-")[0]
    return name if name in FAULTS else None


@dataclass(slots=True)
class Armed:
    """A fault armed from outside: for one ``userId`` or all (``*``), so many times more."""

    user_id: str
    name: str
    value: float
    times: int


class FaultBook:
    """The faults armed from outside. Each use takes one of the times; the last removes it."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []

    def arm(self, name: str, user_id: str = ANY_USER, times: int = 1, value: float | None = None) -> Armed:
        """Arm ``name`` for the next ``times`` phases it belongs to. Raises ``ValueError`` if it is unknown."""
        if name not in FAULTS:
            raise ValueError(f"there is no fault called {name}")
        if times < 1:
            raise ValueError("times must be 1 or more")
        armed = Armed(user_id, name, FAULTS[name].value or 0.0 if value is None else value, times)
        self._armed.append(armed)
        return armed

    def take(self, user_id: str, phase: Phase) -> dict[str, float]:
        """Take what applies to this phase of this user now; counts it as used."""
        if not self._armed:
            return {}
        due = [a for a in self._armed if a.user_id in (user_id, ANY_USER) and phase in FAULTS[a.name].phases]
        for armed in due:
            armed.times -= 1
        self._armed = [armed for armed in self._armed if armed.times > 0]
        return {armed.name: armed.value for armed in due}

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def __iter__(self) -> Iterator[Armed]:
        return iter(tuple(self._armed))
