"""Tells a person what an event says: one line, what to do next, and the QR drawn in the terminal.

Knows nothing of where events come from.
"""

import base64
import binascii
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts import meanings
from worker.cli.story_parts import clock, difference_lines
from worker.cli.story_words import WORDS, warning
from worker.cli.terminal import draw_qr, is_chinese, is_terminal, said, say

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
    say(f"{clock(event.get('time'))}  {outcome:<12} {lines[0]}", style=style)
    for line in (*lines[1:], *difference_lines(data)) if not is_past or outcome in _LASTING else ():
        say(f"{'':22}{line}")
    for told in data.get("warnings") or []:
        say(f"{'':22}{warning(told)}", style="warn")
    if outcome == "qr_required" and not is_past:
        _show_qr(data, str(data.get("commandId", "command")))


def tell_briefly(event: dict[str, Any]) -> None:
    """One line, and for a QR its link: for who watches many commands at once."""
    outcome, data = outcome_of(event), event.get("data") or {}
    said = _words_for(str(event.get("type")), outcome)(data)[0]
    say(f"{clock(event.get('time'))}  {outcome:<12} {said}", style=_STYLES.get(outcome))
    if outcome == "qr_required" and data.get("content"):
        say(f"{'':22}{data['content']}")


def outcome_of(event: dict[str, Any]) -> str:
    """The last part of the event's type."""
    return str(event.get("type", "")).rpartition(".")[2]


def _words_for(event_type: str, outcome: str) -> Callable[[dict[str, Any]], list[str]]:
    return WORDS.get(event_type) or WORDS.get(outcome) or (lambda _: [_meaning(event_type)])


def _meaning(event_type: str) -> str:
    """What the guide says of it, for an event that nobody has written lines for; nothing where it is of a later
    version."""
    meaning = meanings.events().get(event_type)
    return meaning.words("zh-CN" if is_chinese() else "en")[0].replace("`", "") if meaning else ""


def _show_qr(data: dict[str, Any], name: str) -> None:
    content = data.get("content")
    if content:
        if is_terminal():
            draw_qr(content)
        say(f"{'':22}{'或打开链接：' if is_chinese() else 'or open: '}{content}")
        return
    path = _save_picture(data.get("image"), name, data.get("attempt"))
    if path:
        say(f"{'':22}{said('its text could not be read; the picture is in ', '无法识别其中的文本，图片在 ')}{path}")
    else:
        say(f"{'':22}{said('it has neither readable text nor a picture', '既没有可识别的文本，也没有图片')}")


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
