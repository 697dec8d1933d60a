"""The parts of `page.html` with values put in. No text can become markup: whatever is put in is escaped, unless it was
made here.

Pure, but that it reads its own file, once.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from re import split, sub
from string import Formatter
from typing import Any, Final

from typing_extensions import override


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


class _Escaping(Formatter):
    @override
    def format_field(self, value: Any, format_spec: str) -> str:
        return value if isinstance(value, Html) else escape(format(value, format_spec))


_ESCAPING: Final = _Escaping()


def html(part: str, /, **values: Any) -> Html:
    """A part by its name, with values in the places that it names as `str.format` does: `{scan.token}`,
    `{words[title]}`, `{total:.2f}`. Markup goes in as it is, everything else escaped."""
    return Html(_ESCAPING.vformat(parts()[part], (), values))


def joined(texts: Iterable[str]) -> Html:
    """One after the other: markup as it is, everything else escaped."""
    return Html("".join(text if isinstance(text, Html) else escape(text) for text in texts))


def with_code(text: str) -> Html:
    """A sentence in which backticks mark code."""
    return Html(sub(r"`([^`]*)`", r"<code>\1</code>", escape(text.replace("\\", ""))))


@cache
def parts() -> Mapping[str, str]:
    """The parts of `page.html` by name. Line breaks and indentation between tags are taken out, for a browser would
    show some of them as blanks."""
    _, *found = split(r"<!-- part: (\w+) -->\n", files(__package__ or "").joinpath("page.html").read_text("utf-8"))
    return {name: _in_one_line(text) for name, text in zip(found[::2], found[1::2], strict=True)}


def _in_one_line(text: str) -> str:
    lines = "\n".join(line.strip() for line in sub("<!--.*?-->", "", text).splitlines())
    return sub(r"(?<=[>}])\n+|\n+(?=[<{])", "", lines.strip("\n")).replace("\n", " ")
