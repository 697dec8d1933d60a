"""Tells a person what an event says: one line, what to do next, and the QR drawn in the terminal.

Knows nothing of where events come from.
"""

import base64
import binascii
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from worker.cli import audit_report as audits
from worker.cli import story_checks as checks
from worker.cli import story_found_zh as chinese_found
from worker.cli import story_queries as queries
from worker.cli import story_zh as chinese
from worker.cli.language import is_chinese
from worker.cli.story_evidence import candidate_lines, difference_lines
from worker.cli.terminal import draw_qr, is_terminal, say

_STYLES = {
    "completed": "good",
    "confirmed": "good",
    "unconfirmed": "warn",
    "failed": "bad",
    "rejected": "bad",
    "in_doubt": "warn",
    "qr_required": "strong",
}
_LASTING = frozenset({"completed", "confirmed", "unconfirmed", "failed", "rejected"})
"""Outcomes whose details matter for ever; a QR or a doubt is over when the command has gone on."""


def tell(event: dict[str, Any], *, is_past: bool = False) -> None:
    """Show one event (its CloudEvents envelope as a dict); of a past one only what happened, not what to do."""
    outcome = outcome_of(event)
    data = event.get("data") or {}
    lines = _words_for(str(event.get("type")), outcome)(data)
    style = "bad" if data.get("expectedTotalMatches") is False else _STYLES.get(outcome)
    say(f"{_clock(event.get('time'))}  {outcome:<12} {lines[0]}", style=style)
    for line in (*lines[1:], *difference_lines(data)) if not is_past or outcome in _LASTING else ():
        say(f"{'':22}{line}")
    for warning in data.get("warnings") or []:
        say(f"{'':22}{_warning(warning)}", style="warn")
    if outcome == "qr_required" and not is_past:
        _show_qr(data, str(data.get("commandId", "command")))


def tell_briefly(event: dict[str, Any]) -> None:
    """One line, and for a QR its link: for who watches many commands at once."""
    outcome, data = outcome_of(event), event.get("data") or {}
    said = _words_for(str(event.get("type")), outcome)(data)[0]
    say(f"{_clock(event.get('time'))}  {outcome:<12} {said}", style=_STYLES.get(outcome))
    if outcome == "qr_required" and data.get("content"):
        say(f"{'':22}{data['content']}")


def outcome_of(event: dict[str, Any]) -> str:
    """The last part of the event's type."""
    return str(event.get("type", "")).rpartition(".")[2]


def _qr_required(data: dict[str, Any]) -> list[str]:
    until, attempt = _clock(data.get("expiresAt")), data.get("attempt")
    return [f"scan this with the face of the seller's user before {until} (attempt {attempt})"]


def _completed(data: dict[str, Any]) -> list[str]:
    invoice = data.get("invoice") or {}
    number = invoice.get("invoiceNumber")
    found = ", found without the gateway's reply" if data.get("reconciled") else ""
    lines = [f"invoice {number + ' ' if number else ''}issued to {invoice.get('buyerName') or 'the buyer'}{found}"]
    if data.get("invoiceUrl"):
        lines.append(f"PDF: {data['invoiceUrl']}")
    return lines


def _failed(data: dict[str, Any]) -> list[str]:
    again = "may be sent again under a new id" if data.get("retryable") else "sending it again as it is will not help"
    why = data.get("gatewayMessage")
    said = [f"the gateway says: {why}"] if why else []
    return [f"{data.get('code')} at stage {data.get('stage')}: {data.get('message')}", *said, again]


def _rejected(data: dict[str, Any]) -> list[str]:
    faults = [f"{error.get('path') or '(message)'}: {error.get('message')}" for error in data.get("errors") or []]
    return [str(data.get("code")), *faults]


def _in_doubt(data: dict[str, Any]) -> list[str]:
    lines = [f"submitted, outcome unknown: {data.get('reason')}", "do not send this order again"]
    if data.get("needsPerson"):
        command_id = data.get("commandId")
        lines += [line for found in data.get("candidates") or [] for line in candidate_lines(found)]
        lines += [
            "look at the tax bureau whether the invoice exists, then decide:",
            f"fapiao-worker resolve {command_id} --issued NUMBER",
            f"fapiao-worker resolve {command_id} --not-issued",
        ]
    elif data.get("nextLookAt"):
        lines.append(f"the worker looks again at {_clock(data['nextLookAt'])}")
    return lines


def _warning(told: dict[str, Any]) -> str:
    return chinese.warning(told) if is_chinese() else f"warning: {told.get('path') or ''} {told.get('message')}"


def _words_for(event_type: str, outcome: str) -> Callable[[dict[str, Any]], list[str]]:
    spoken = chinese.WORDS | chinese_found.WORDS
    if is_chinese() and (words := spoken.get(event_type) or spoken.get(outcome)):
        return words
    return _WORDS_OF_TYPE.get(event_type) or _WORDS.get(outcome, _other)


def _other(_data: dict[str, Any]) -> list[str]:
    return [""]


_WORDS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "qr_required": _qr_required,
    "completed": _completed,
    "failed": _failed,
    "rejected": _rejected,
    "in_doubt": _in_doubt,
    "page": queries.page,
    "confirmed": queries.confirmed,
    "unconfirmed": queries.unconfirmed,
}
_WORDS_OF_TYPE = {
    "invoice.query.completed": queries.query_completed,
    "invoice.download.completed": queries.download_completed,
    "invoice.items.completed": queries.items_completed,
    "invoice.files.completed": queries.files_completed,
    "invoice.stored.completed": queries.stored_completed,
    "invoice.check.completed": checks.completed,
    "invoice.audit.finding": audits.findings,
    "invoice.audit.completed": audits.completed,
}


def _show_qr(data: dict[str, Any], name: str) -> None:
    content = data.get("content")
    if content:
        if is_terminal():
            draw_qr(content)
        say(f"{'':22}{'或打开链接：' if is_chinese() else 'or open: '}{content}")
        return
    path = _save_picture(data.get("image"), name, data.get("attempt"))
    if path:
        say(f"{'':22}its text could not be read; the picture is in {path}")
    else:
        say(f"{'':22}it has neither readable text nor a picture")


def _save_picture(image: str | None, name: str, attempt: Any) -> Path | None:
    head, _, payload = (image or "").partition(",")
    try:
        picture = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not picture or "image" not in head:
        return None
    safe = "".join(letter if letter.isalnum() else "-" for letter in name)[:40]
    with tempfile.NamedTemporaryFile(prefix=f"fapiao-qr-{safe}-{attempt}-", suffix=".png", delete=False) as file:
        file.write(picture)
    return Path(file.name)


def _clock(moment: Any) -> str:
    """The local time of day of an RFC 3339 text."""
    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return "        "
