"""What is wrong with a command, in words for the people who sent it: where, and what to do.

Turns a validation error into JSON Pointers with the vendor's names and sentences that say what is wanted and what came:
its kind and length, never its value, for that may be a password in the wrong place. Knows nothing of codes, queues or
limits.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from contracts.commands import COMMANDS, Discount, Invoice, InvoiceItem
from contracts.damage import damage
from contracts.events import FieldError
from contracts.members import CREDENTIAL_NAME, SAME_AS, Login
from contracts.queries import INVOICE_NUMBER, Condition, Page

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


MOST_ERRORS: Final = 50
"""Faults told of one message; the rest is counted."""
_MEMBERS: Final = sorted(
    {
        name
        for model in (*COMMANDS.values(), Login, Invoice, InvoiceItem, Discount, Condition, Page)
        for name in model.model_fields
    }
    | {*SAME_AS.values()}
)
_BY_PLAIN: Final = {name.lower(): name for name in _MEMBERS}
_HOMES: Final[Mapping[str, tuple[type[BaseModel], ...]]] = {
    "login": (Login,),
    "invoice": (Invoice,),
    "the lines of invoiceItems": (InvoiceItem,),
    "the entries of discounts, beside invoice": (Discount,),
    "condition, of invoice.query": (Condition,),
    "page, of invoice.query": (Page,),
    "the data itself": (*COMMANDS.values(),),
}


def _by_usual(names: Mapping[str, str]) -> dict[str, str]:
    """What other programs call a member, in small letters without what joins words, to our name."""
    return {usual: name for name, all_ in names.items() for usual in all_.split()}


_NAMES_OF_LINES: Final = _by_usual(
    {
        "unitPrice": "price singleprice danjia 单价",
        "quantity": "qty num count shuliang 数量",
        "name": "goodsname itemname productname projectname spmc 商品名称 名称",
        "spec": "specification model specmodel ggxh 规格型号 规格",
        "unit": "uom dw 单位",
    }
)
_NAMES_OF_INVOICES: Final = _by_usual(
    {
        "invoiceItems": "items lines details goods invoicedetails 商品明细",
        "remark": "memo note remarks notes comment bz 备注",
        "buyerName": "title invoicetitle gmfmc 购买方名称 抬头",
        "sellerName": "xsfmc 销售方名称",
    }
)
_TAX_ID: Final = re.compile(
    r"(?:tax|vat)(?:payer)?(?:no|num|number|id|identification.*)|(?:social)?creditcode|.*nsrsbh|.*(?:税号|识别号|信用代码)"
)
_PARTY: Final = re.compile(r"(?P<seller>seller|xsf?|销售?方?)|buyer|purchaser|customer|gmf|购买?方?")
_SUM: Final = re.compile(r"(?:line|item|sub|net|gross)?(?:amount|total|sum|money)|je|金额|小计")
_DISCOUNT: Final = re.compile(r"discount|折扣|zke")
_OF_TAXES: Final = re.compile(
    r"tax|rate$|vat|goods?code|税|^(?:hsbz|lslbs|yhzc(?:bs|sm)|zzstsgl|spbm|slv)$", re.IGNORECASE
)
_TOTAL: Final = re.compile(
    r"(?:invoice|order|grand)?(?:total|amount|sum|money)(?:amount|price|money|fee|priceandtax)?|jshj|hjje|kphjje|价税合计"
)
_AT_THE_BUREAU: Final = (
    (
        re.compile(
            r"red(?:info|letter|confirm|invoice|flag|reason)|(?:original|blue)invoice|yfp(?:dm|hm)|kplx|chyy|红[字冲票]|原发票"
        ),
        "a red-letter invoice (红字发票)",
    ),
    (re.compile(r"kce|deduct|差额|扣除"), "an invoice taxed on the margin (差额征税)"),
    (
        re.compile(r"specificbusiness|specialbusiness|tdyw|tdys|特定业务|特定要素"),
        "an invoice of a special kind of business (特定业务)",
    ),
)
"""What the manual has no member for, by what other programs call it: who leaves it out gets another invoice."""
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
_DISCOUNTS_SAY: Final = (
    'discounts, beside invoice: [{"line": 1, "amount": "10.00"}] folds it into the price of that line'
)
_NEGATIVE_PRICE: Final = (
    f"must be 0 or more: a line cannot take something off. Put what is to be taken off into {_DISCOUNTS_SAY}"
)
_NEGATIVE_QUANTITY: Final = (
    "must be greater than 0: goods that came back need a red-letter invoice (红字发票), which is made at the tax bureau"
)
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
    if kind == "value_error":
        # Only our own validators raise it, and they name no values.
        return str(context["error"])
    if kind == "too_long" and isinstance(fault.get("input"), SecretStr):
        kind = "string_too_long"
    if kind == "extra_forbidden":
        return _unknown_member(str(fault["loc"][-1]), fault["loc"][:-1])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"]) or _no_controls(fault.get("input"))
    if kind == "greater_than_equal" and fault["loc"][-1:] == ("unitPrice",):
        return _NEGATIVE_PRICE
    if kind == "greater_than" and fault["loc"][-1:] == ("quantity",):
        return _NEGATIVE_QUANTITY
    return _SENTENCES.get(kind, _by_beginning(kind)).format_map(context)


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


def _unknown_member(name: str, above: Sequence[str | int]) -> str:
    plain, is_of_line = _plain(shortened(name)), "invoiceItems" in above
    if name in _RIGHT_SPELLINGS:
        return f"is given twice: send either {name} or {_RIGHT_SPELLINGS[name]}, or the same in both"
    if above[:1] == ("invoice",) and (said := _not_of_an_invoice(plain, is_of_line=is_of_line)):
        return f"is not a known member; {said}"
    usual = None
    if above[:1] == ("invoice",):
        usual = _NAMES_OF_LINES.get(plain) if is_of_line else _NAMES_OF_INVOICES.get(plain) or _tax_id(plain)
    if name in _MEMBERS and usual is None:
        others = [kind.value for kind, model in COMMANDS.items() if name in model.model_fields]
        if others and not above:
            return f"is no member of this command, but of {' and '.join(others)}"
        return f"does not belong here, but in {_home(name)}"
    return f"is not a known member; {_hint(name, plain, usual, above)}"


def _not_of_an_invoice(plain: str, *, is_of_line: bool) -> str | None:
    """What to do about a member that other programs have and the gateway's manual lacks."""
    if is_of_line and _SUM.fullmatch(plain):
        return "a line comes to quantity times unitPrice: leave it out"
    if not is_of_line and _TOTAL.fullmatch(plain):
        return "the lines make the total. What you expect goes into expectedTotal, beside invoice"
    kind = next((kind for names, kind in _AT_THE_BUREAU if names.search(plain)), None)
    return kind and f"the gateway's manual has none for {kind}: make it at the tax bureau"


def _hint(name: str, plain: str, usual: str | None, above: Sequence[str | int]) -> str:
    if usual is None and _DISCOUNT.search(plain) and (above or plain != "discount"):
        return f"what is taken off belongs into {_DISCOUNTS_SAY}"
    if usual is None and _OF_TAXES.search(name):
        return "an invoice has no member for tax rates or codes, for the gateway's manual has none: leave it out"
    close = [] if usual else difflib.get_close_matches(plain, _BY_PLAIN, n=1, cutoff=0.8)
    meant = usual or (_BY_PLAIN[close[0]] if close else None)
    return f"did you mean {meant}?" if meant else "check the spelling, or leave it out"


def _home(name: str) -> str:
    return " or ".join(place for place, models in _HOMES.items() if any(name in each.model_fields for each in models))


def _tax_id(plain: str) -> str | None:
    """What a program that calls it another way means by it; without a party it is the buyer's."""
    party = _PARTY.match(plain)
    rest = plain[party.end() :] if party is not None else plain
    if _TAX_ID.fullmatch(rest) is None and not (party is not None and rest in {"taxcode", "code", "id", "no"}):
        return None
    return "sellerIndentification" if party is not None and party["seller"] else "buyerIndentification"


def _plain(name: str) -> str:
    """As it compares: capitals and what joins words are no difference."""
    return name.lower().replace("_", "").replace("-", "")
