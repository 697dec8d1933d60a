"""JSON Pointers to members of a message, safe to print: the names in them are the sender's own."""

from collections.abc import Iterable
from typing import Final

_LONGEST_STEP_CHARS: Final = 64
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160), *range(55296, 57344)), "�")


def pointer(steps: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901). Long names are cut and controls replaced."""
    return "".join("/" + _step(step) for step in steps)


def shortened(name: str) -> str:
    """A member's name, cut to what is worth comparing."""
    return name[:_LONGEST_STEP_CHARS]


def _step(step: str | int) -> str:
    text = str(step).translate(_CONTROLS)
    if len(text) > _LONGEST_STEP_CHARS:
        text = text[:_LONGEST_STEP_CHARS] + "…"
    return text.replace("~", "~0").replace("/", "~1")
