"""HTML in which no text can become markup: whatever is put in is escaped, unless it was made here.

Pure.
"""

from collections.abc import Iterable
from html import escape
from re import sub


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def put(*parts: str) -> Html:
    """One after the other: markup as it is, everything else escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def joined(parts: Iterable[str]) -> Html:
    """As `put`, of any number."""
    return put(*parts)


def element(tag: str, /, *inside: str, **attributes: str | bool | None) -> Html:
    """An element; `class_` and `aria_label` stand for names that Python cannot say, `None` and False leave out."""
    told = []
    for attribute, value in attributes.items():
        if value is None or value is False:
            continue
        word = attribute.rstrip("_").replace("_", "-")
        told.append(f" {word}" if value is True else f' {word}="{escape(str(value))}"')
    start = f"<{tag}{''.join(told)}>"
    return Html(start if tag in {"input", "img", "link", "meta"} else f"{start}{put(*inside)}</{tag}>")


def with_code(text: str) -> Html:
    """A sentence in which backticks mark code."""
    return Html(sub(r"`([^`]*)`", r"<code>\1</code>", escape(text.replace("\\", ""))))


def form(action: str, *inside: str, **attributes: str | bool | None) -> Html:
    """A form that sends a POST to the control API."""
    return element("form", *inside, method="post", action=f"/_sandbox/{action}", **attributes)


def hidden(**values: str) -> Html:
    """What a form sends along."""
    return joined(element("input", type="hidden", name=name, value=value) for name, value in values.items())


def button(text: str, **attributes: str | bool | None) -> Html:
    """A button that sends its form."""
    return element("button", text, **{"type": "submit", **attributes})
