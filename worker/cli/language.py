"""In which language the command line speaks to people: Chinese where the terminal's locale is, else English.

Knows nothing of what is said.
"""

import os
from typing import Final

_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


def said(english: str, chinese: str) -> str:
    """Whichever of the two the terminal speaks."""
    return chinese if is_chinese() else english


def is_chinese() -> bool:
    """Whether the first of LC_ALL, LC_MESSAGES and LANG that is set names Chinese."""
    named = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return named.lower().startswith("zh")
