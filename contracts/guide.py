"""The tables of the integrator's guide that say what each code means, drawn from `contracts.texts`.

Guarantees: what stands between `<!-- failures: begin -->` and `<!-- failures: end -->` (`rejections`, `warnings`) is
the table of this version; the rest of the guide is left as it is. Knows nothing of files.
"""

from collections.abc import Mapping
from typing import Final

from contracts.failures import RETRYABLE
from contracts.texts import KINDS, Again, Entry, Possible

FILES: Final[Mapping[str, str]] = {"README.md": "en", "README.zh-CN.md": "zh-CN"}
"""File name of each guide to its language."""

_HEADS: Final = {
    "en": ("code", "what happened", "an invoice?", "send again?", "what to do", "tell the customer"),
    "zh-CN": ("代码", "发生了什么", "可能已开票？", "能否重发？", "如何处理", "如何告知客户"),
}
_POSSIBLE: Final[Mapping[str, Mapping[Possible, str]]] = {
    "en": {
        Possible.NO: "no",
        Possible.UNLIKELY: "none was found",
        Possible.FIRST: "perhaps of the earlier command",
        Possible.OPEN: "says nothing of it",
    },
    "zh-CN": {
        Possible.NO: "没有",
        Possible.UNLIKELY: "已查询，未发现",
        Possible.FIRST: "可能由先前的命令开出",
        Possible.OPEN: "与此无关",
    },
}
_AGAIN: Final[Mapping[str, Mapping[Again, str]]] = {
    "en": {
        Again.SAME_ID: "later, **same id**",
        Again.NEW_ID: "as it is, **new id**",
        Again.CHANGED: "once mended, **new id**",
        Again.AFTER_CHECK: "after a look, **new id**",
        Again.NO: "**no**",
        Again.NEEDLESS: "needless",
    },
    "zh-CN": {
        Again.SAME_ID: "稍后，**同一 id**",
        Again.NEW_ID: "原样，**新 id**",
        Again.CHANGED: "改正后，**新 id**",
        Again.AFTER_CHECK: "核实后，**新 id**",
        Again.NO: "**不可**",
        Again.NEEDLESS: "无需",
    },
}
_RETRYABLE: Final = {"en": " (retryable)", "zh-CN": "（retryable）"}


def with_tables(text: str, language: str) -> str:
    """The guide's text with its tables drawn anew."""
    for kind in KINDS:
        begin, end = f"<!-- {kind}: begin -->\n", f"<!-- {kind}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if found and closed:
            text = f"{before}{begin}{table(kind, language)}{end}{after}"
    return text


def table(kind: str, language: str) -> str:
    """One kind of codes as a Markdown table."""
    columns = (0, 1, 4) if kind == "warnings" else range(6)
    lines = [_row([_HEADS[language][column] for column in columns]), _row(["---" for _ in columns])]
    for code, entry in KINDS[kind].items():
        cells = _cells(code, entry, language)
        lines.append(_row([cells[column] for column in columns]))
    return "".join(lines)


def _cells(code: str, entry: Entry, language: str) -> list[str]:
    words = entry.words(language)
    retryable = _RETRYABLE[language] if code in RETRYABLE else ""
    return [
        f"`{code}`",
        words.happened,
        _POSSIBLE[language][entry.invoice],
        _AGAIN[language][entry.again] + retryable,
        words.action,
        words.customer or "–",
    ]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
