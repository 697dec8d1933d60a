"""What every code means for those who meet it, in English and Chinese: one table, from which the guide's tables, the
files `zh-CN.json` and `en.json` and the command line's words come.

Guarantees: each code of `contracts.failures` and each warning has both languages. The words may change at any time;
only codes are for ever. Knows nothing of how a code comes about.
"""

from collections.abc import Mapping
from typing import Any, Final

from contracts.texts.entry import Again, Entry, Possible, Words
from contracts.texts.failures import FAILURES
from contracts.texts.rejections import REJECTIONS, WARNINGS

__all__ = [
    "FAILURES",
    "KINDS",
    "LANGUAGES",
    "REJECTIONS",
    "WARNINGS",
    "Again",
    "Entry",
    "Possible",
    "Words",
    "document",
]

LANGUAGES: Final = ("en", "zh-CN")
KINDS: Final[Mapping[str, Mapping[str, Entry]]] = {
    "failures": FAILURES,
    "rejections": REJECTIONS,
    "warnings": WARNINGS,
}


def document(language: str) -> dict[str, Any]:
    """All of it in one language, as it is published in `texts/<language>.json`."""
    return {
        "language": language,
        **{
            kind: {code: _published(entry, language) for code, entry in entries.items()}
            for kind, entries in KINDS.items()
        },
    }


def _published(entry: Entry, language: str) -> dict[str, str | None]:
    words = entry.words(language)
    return {
        "invoice": entry.invoice,
        "again": entry.again,
        "happened": words.happened,
        "action": words.action,
        "customer": words.customer,
    }
