"""An exchange as a file: recorded from one that passed, or written by hand, and replayed to whoever orders next.

Pure. A record holds no password, no picture and no address of this sandbox: a QR is `{qr}`, drawn anew at each replay,
and the invoice's address is `{invoiceUrl}`. What a recorded answer echoed of its order, a replayed one echoes of the
new order, so that a client that compares the two sees what it saw then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.gateway import INVOICE_PDF, INVOICE_QRCODE
from worker.sandbox.dialogue import AwaitScan, Issue, Pause, Say, ShowQr, Step
from worker.sandbox.faults import ANY_USER
from worker.sandbox.masking import masked
from worker.sandbox.tapes import Tape

QR: Final = "{qr}"
URL: Final = "{invoiceUrl}"
_LONGEST_PAUSE: Final = 3600.0
_MOST_FRAMES: Final = 100


@dataclass(frozen=True, slots=True)
class Cassette:
    """A recorded exchange. `frames`: seconds after the one before (a scan starts the count anew), type and data."""

    order: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[tuple[float, str, Any], ...] = ()
    is_issued: bool = False
    is_scanned: bool = False

    def as_json(self) -> dict[str, Any]:
        """What `read_cassette` reads."""
        return {
            "order": dict(self.order),
            "frames": [[seconds, type_word, data] for seconds, type_word, data in self.frames],
            "issued": self.is_issued,
            "scanned": self.is_scanned,
        }


def recorded(tape: Tape, invoice_url: str) -> Cassette:
    """The exchange on a tape."""
    frames: list[tuple[float, str, Any]] = []
    before = 0.0
    for taped in tape.frames:
        if not taped.type_word:
            continue
        seconds = 0.0 if frames and frames[-1][2] == QR else round(taped.seconds - before, 2)
        frames.append((seconds, taped.type_word, _portable(taped.type_word, taped.data, invoice_url, tape.secrets)))
        before = taped.seconds
    is_issued = tape.state == "invoice.issued"
    is_scanned = is_issued and any(data == QR for _, _, data in frames)
    order = {name: _hidden(value, tape.secrets) for name, value in tape.order.items()}
    return Cassette(order, tuple(frames), is_issued, is_scanned)


def read_cassette(given: Any) -> Cassette:
    """From JSON. Raises `ValueError` with a sentence for what makes no sense."""
    if not isinstance(given, Mapping) or not {"frames"} <= given.keys() <= {"order", "frames", "issued", "scanned"}:
        raise ValueError("a record has frames, and may have order, issued and scanned")
    order, frames = given.get("order", {}), given["frames"]
    if not isinstance(order, Mapping) or not isinstance(frames, list) or len(frames) > _MOST_FRAMES:
        raise ValueError(f"order is an object, and frames a list of at most {_MOST_FRAMES}")
    try:
        read = tuple((float(seconds), str(type_word), data) for seconds, type_word, data in frames)
    except (TypeError, ValueError):
        raise ValueError("a frame is a list of seconds, type and data") from None
    if not all(0 <= seconds <= _LONGEST_PAUSE for seconds, _, _ in read):
        raise ValueError(f"a frame comes from 0 to {_LONGEST_PAUSE:g} seconds after the one before")
    return Cassette(order, read, bool(given.get("issued", False)), bool(given.get("scanned", False)))


def steps(cassette: Cassette, order: Mapping[str, Any]) -> tuple[Step, ...]:
    """The script that plays it for this order."""
    done: list[Step] = []
    is_due = cassette.is_issued
    for seconds, type_word, data in cassette.frames:
        done.append(Pause(seconds))
        if type_word == INVOICE_QRCODE and data == QR:
            done.append(ShowQr("data_uri"))
            if cassette.is_scanned:
                done.append(AwaitScan())
            continue
        if type_word == INVOICE_PDF and is_due:
            done.append(Issue())
            is_due = False
        done.append(Say(type_word, _echoing(data, cassette.order, order)))
    return tuple(done) if not is_due else (*done, Issue())


def _portable(type_word: str, data: Any, invoice_url: str, secrets: tuple[str, ...]) -> Any:
    if type_word == INVOICE_QRCODE and isinstance(data, str) and len(data) > 100:
        return QR
    if isinstance(data, Mapping):
        return {name: _portable("", value, invoice_url, secrets) for name, value in data.items()}
    if isinstance(data, str):
        told = data.replace(invoice_url, URL) if invoice_url else data
        return _hidden(told, secrets)
    return data


def _hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    return masked(value, secrets) if isinstance(value, str) else value


def _echoing(data: Any, before: Mapping[str, Any], now: Mapping[str, Any]) -> Any:
    """The same answer about another order: each member that told the recorded order's value tells the new one's."""
    if not isinstance(data, Mapping):
        return data
    return {
        name: now[name] if name in now and name in before and _same(value, before[name]) else value
        for name, value in data.items()
    }


def _same(told: Any, ordered: Any) -> bool:
    return bool(told == ordered) or (not isinstance(ordered, (list, dict)) and str(told) == str(ordered))


class Replays:
    """What is to be replayed to whom, and how often."""

    def __init__(self) -> None:
        self._set: dict[str, tuple[Cassette, int]] = {}

    def set(self, user_id: str, cassette: Cassette, times: int) -> None:
        """To this user (`*`: to any) so many times, instead of what was set before."""
        self._set[user_id] = (cassette, times)

    def take(self, user_id: str) -> Cassette | None:
        """What this user's next order meets; the last time removes it."""
        whose = user_id if user_id in self._set else ANY_USER
        cassette, times = self._set.pop(whose, (None, 0))
        if cassette is not None and times > 1:
            self._set[whose] = (cassette, times - 1)
        return cassette

    def clear(self) -> None:
        self._set.clear()
