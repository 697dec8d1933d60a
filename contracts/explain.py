"""What is wrong with a command, in words for the people who sent it: where, and what to do.

Turns a validation error into JSON Pointers with the vendor's names and sentences that never repeat a value, for
the value may be a password in the wrong place. Knows nothing of codes, queues or limits.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from contracts.commands import COMMANDS, Invoice, InvoiceItem
from contracts.events import FieldError
from contracts.members import CREDENTIAL_NAME, SAME_AS, Login
from contracts.queries import INVOICE_NUMBER, Condition, Page

MOST_ERRORS: Final = 50
"""Faults told of one message; the rest is counted."""
_LONGEST_STEP_CHARS: Final = 64
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160), *range(55296, 57344)), "�")
_MEMBERS: Final = sorted(
    {
        name
        for model in (*COMMANDS.values(), Login, Invoice, InvoiceItem, Condition, Page)
        for name in model.model_fields
    }
    | {*SAME_AS.values()}
)
_RIGHT_SPELLINGS: Final = {right: vendors for vendors, right in SAME_AS.items()}
_DECIMAL: Final = 'must be a decimal number, as JSON number or text (12.50 or "12.50")'
_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "too_short": "must not be empty",
    "too_long": "must be at most {max_length} long",
    "literal_error": "must be the number {expected}",
    "enum": "must be one of {expected}",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "decimal_type": _DECIMAL,
    "decimal_parsing": _DECIMAL,
    "finite_number": _DECIMAL,
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be at most {le}",
}
_PATTERNS: Final[Mapping[str, str]] = {
    CREDENTIAL_NAME: "must be letters, digits, '.', '_' and '-', beginning with a letter or digit",
    INVOICE_NUMBER: "must be 8 to 20 digits",
}
_NO_CONTROLS: Final = "must not hold control characters such as tabs or line breaks"
_TIME: Final = "must be a time as RFC 3339 text with an offset, such as 2026-01-31T12:00:00+08:00"
_DAY: Final = "must be a day, such as 2026-01-31"


def pointer(steps: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901). Member names are the sender's own, so long ones are cut and controls replaced."""
    return "".join("/" + _step(step) for step in steps)


def explain(error: ValidationError) -> list[FieldError]:
    """One sentence per fault, at most `MOST_ERRORS`, in the order of the schema."""
    faults = error.errors(include_url=False, include_input=False)
    told = [FieldError(path=pointer(fault["loc"]), message=_sentence(fault)) for fault in faults[:MOST_ERRORS]]
    if len(faults) > MOST_ERRORS:
        told.append(FieldError(path="", message=f"and {len(faults) - MOST_ERRORS} more faults"))
    return told


def _step(step: str | int) -> str:
    text = str(step).translate(_CONTROLS)
    if len(text) > _LONGEST_STEP_CHARS:
        text = text[:_LONGEST_STEP_CHARS] + "…"
    return text.replace("~", "~0").replace("/", "~1")


def _sentence(fault: Mapping[str, Any]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        # Only our own validators raise it, and they name no values.
        return str(context["error"])
    if kind == "extra_forbidden":
        return _unknown_member(str(fault["loc"][-1]))
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], _NO_CONTROLS)
    if kind.startswith(("datetime", "timezone")):
        return _TIME
    if kind.startswith("date_"):
        return _DAY
    sentence = _SENTENCES.get(kind)
    return sentence.format_map(context) if sentence else "is not valid"


def _unknown_member(name: str) -> str:
    if name in _RIGHT_SPELLINGS:
        return f"is given twice: send either {name} or {_RIGHT_SPELLINGS[name]}"
    close = difflib.get_close_matches(name[:_LONGEST_STEP_CHARS], _MEMBERS, n=1, cutoff=0.75)
    if close and close[0] == name:
        return "does not belong here; move it to where the schema has it"
    hint = f"did you mean {close[0]}?" if close else "check the spelling, or leave it out"
    return f"is not a known member; {hint}"
