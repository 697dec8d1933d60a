"""What is wrong with a command, in words for the people who sent it: where, and what to do.

Turns a validation error into JSON Pointers with the vendor's names and sentences that say what is wanted and what came:
its kind and length, never its value, for that may be a password in the wrong place. Knows nothing of codes, queues or
limits.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from contracts.damage import damage
from contracts.events import FieldError
from contracts.members import CREDENTIAL_NAME
from contracts.queries import INVOICE_NUMBER
from contracts.unknown_members import DISCOUNTS_SAY, unknown_member

_LONGEST_STEP_CHARS: Final = 64
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160), *range(55296, 57344)), "�")


def pointer(steps: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901). Long names are cut and controls replaced."""
    return "".join("/" + _step(step) for step in steps)


def _step(step: str | int) -> str:
    text = str(step).translate(_CONTROLS)
    if len(text) > _LONGEST_STEP_CHARS:
        text = text[:_LONGEST_STEP_CHARS] + "…"
    return text.replace("~", "~0").replace("/", "~1")


MOST_ERRORS: Final = 50
"""Faults told of one message; the rest is counted."""
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
    "int_parsing_size": "is too large",
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
_SECRETS: Final = frozenset({"password", "sellerLoginPassword"})
_NO_VALUE: Final = frozenset({"missing", "extra_forbidden"})
"""Faults of a member's name: what its value is does not matter."""
_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float, Decimal), "a number"),
    (dict, "an object"),
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_CONTROLS: Final = "must not hold control characters such as tabs or line breaks"
_NEGATIVE_PRICE: Final = (
    f"must be 0 or more: a line cannot take something off. Put what is to be taken off into {DISCOUNTS_SAY}"
)
_NEGATIVE_QUANTITY: Final = (
    "must be greater than 0: goods that came back need a red-letter invoice (红字发票), which is made at the tax "
    f"bureau. What is to be taken off what is sold goes into {DISCOUNTS_SAY}"
)
_NO_QUANTITY: Final = (
    "must be greater than 0: leave out a line of which there is nothing; a heading or a note goes into remark"
)
_NO_AMOUNT: Final = f"{_DECIMAL}. A line with an amount alone has a quantity of 1, and that amount as unitPrice"
_LEFT_OUT: Final = "must be text, or be left out where there is none"
_WRITTEN_IN_DIGITS: Final = re.compile(r"(?:(?:Inden|Iden)tification|Phone|Account|No|Number|Code)$|^phone$")
_QUOTED: Final = "must be text, in quotation marks: a number loses noughts and digits on its way"
_TIME: Final = "must be a time as RFC 3339 text with an offset, such as 2026-01-31T12:00:00+08:00"
_DAY: Final = "must be a day, such as 2026-01-31"


def explain(error: ValidationError) -> list[FieldError]:
    """One sentence per fault, at most `MOST_ERRORS`, in the order of the schema."""
    faults = error.errors(include_url=False)
    first = [FieldError(path=pointer(fault["loc"]), message=sentence(fault)) for fault in faults[:MOST_ERRORS]]
    return at_most(first, len(faults))


def at_most(errors: list[FieldError], count: int | None = None) -> list[FieldError]:
    """The first `MOST_ERRORS` faults; the rest is counted, for an event must stay a message that everybody takes.
    `count` is how many there are, where not all are given."""
    more = (len(errors) if count is None else count) - MOST_ERRORS
    return [*errors[:MOST_ERRORS], FieldError(path="", message=f"and {more} more faults")] if more > 0 else errors


def sentence(fault: Mapping[str, Any]) -> str:
    """What is wanted, and what came instead."""
    wanted, given = _wanted(fault), fault.get("input")
    if fault["type"] in _NO_VALUE or (isinstance(given, dict) and fault["type"] == "value_error"):
        return wanted
    if kind_of(given) == "empty text" and fault["type"].endswith("too_short"):
        return wanted
    step = fault["loc"][-1] if fault["loc"] else ""
    return f"{wanted}; {kind_of(given, is_secret=step in _SECRETS)} came"


def kind_of(value: Any, *, is_secret: bool = False) -> str:
    """What it is, in words that tell nothing of its content."""
    if isinstance(value, SecretStr):
        return kind_of(value.get_secret_value(), is_secret=True)
    if isinstance(value, str):
        if not value.strip():
            return "empty text"
        return "text" if is_secret else f"text of {len(value)} character{'s' if len(value) > 1 else ''}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "something else")


def _wanted(fault: Mapping[str, Any]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if (usual := _usual_mistake(kind, fault["loc"], fault.get("input"))) is not None:
        return usual
    if kind == "value_error":
        # Only our own validators raise it, and they name no values.
        return str(context["error"])
    if kind == "too_long" and isinstance(fault.get("input"), SecretStr):
        kind = "string_too_long"
    if kind == "extra_forbidden":
        return unknown_member(str(fault["loc"][-1]), fault["loc"][:-1])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"]) or _no_controls(fault.get("input"))
    return _SENTENCES.get(kind, _by_beginning(kind)).format_map(context)


def _usual_mistake(kind: str, steps: tuple[str | int, ...], given: Any) -> str | None:
    """What to do where programs are known to write this."""
    last = steps[-1] if steps else ""
    if kind == "greater_than_equal" and last == "unitPrice":
        return _NEGATIVE_PRICE
    if kind == "greater_than" and last == "quantity":
        return _NEGATIVE_QUANTITY if str(given).strip(" -+.0") else _NO_QUANTITY
    if last in {"quantity", "unitPrice"} and (given is None or given == ""):
        return _NO_AMOUNT
    if kind == "string_type" and isinstance(given, bool):
        return _LEFT_OUT
    is_number = isinstance(given, int | float | Decimal)
    return _QUOTED if kind == "string_type" and is_number and _WRITTEN_IN_DIGITS.search(str(last)) else None


def _by_beginning(kind: str) -> str:
    if kind.startswith(("datetime", "timezone")):
        return _TIME
    return _DAY if kind.startswith("date_") else "is not valid"


def _no_controls(text: Any) -> str:
    if isinstance(text, str) and (damaged := damage(text)) is not None:
        return damaged
    found = _CONTROL.search(text.strip()) if isinstance(text, str) else None
    if found is None:
        return _NO_CONTROLS
    what = "a line feed" if found[0] == "\n" else "one"
    return f"{_NO_CONTROLS} ({what} is at character {found.start() + 1})"
