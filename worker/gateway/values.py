"""Single values as the gateway words them: numbers as text, text as numbers, yes and no in Chinese, waits. Pure.

Guaranteed: nothing raises on a value of parsed JSON; numbers stay exact and bounded in length; what cannot be read is
None and never guessed. A wait is read beside the answer's own date: our clock has no part in it.
Not known here: which member of which frame a value belongs to.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final
from unicodedata import normalize

import orjson

from contracts.gateway import plain_number
from contracts.queries import LARGEST_ID
from worker.characters import in_usual_characters

_MAX_DIGITS: Final = 40
"""Digits of a number. More is no money, and to write out a huge exponent would take the memory of the process."""
_USUAL_INTEGER: Final = 10**18
"""Below it a whole number has no more digits than that, and its digits need not be counted."""
_MAX_COUNT: Final = 10**9
_FLAG_WORDS: Final = {
    "1": 1, "true": 1, "yes": 1, "y": 1, "是": 1,
    "0": 0, "false": 0, "no": 0, "n": 0, "否": 0, "不是": 0,
}  # fmt: skip
_BLUE: Final = re.compile(r"[蓝正][字数]?[电子发]*票?(?:\(正数\))?|\+|(?:positive|blue)(?: invoice)?")
_RED: Final = re.compile(r"(?:否?\()?[红负][字数]?[电子发]*票?\)?(?:\(负数\))?|(?:negative|red)(?: invoice)?")
_UNRATED: Final = Decimal(1)
_MONEY_MARKS: Final = re.compile(
    r"(?:价税|税价)?合计(?:金额)?:?|(?:金|税)额:?|\(?小写\)?:?|\((?:元|人民币元?|含税)\)|\(?大写:?[零〇壹贰叁肆伍陆柒捌玖拾佰仟万亿元圆角分整正]+\)?"
    r"|CN¥|[¥元圆]整?|RMB|CNY|人民币:?"
    r"|[\u200b-\u200f\u202a-\u202e\u2060\ufeff]",
    re.IGNORECASE,
)
_AROUND: Final = " =\"'“”"
"""What a spreadsheet or a programmer leaves around a number."""
_SEPARATED: Final = re.compile(r"\d{1,3}(?:([,' ])\d{3})(?:\1\d{3})*(?:\.\d+)?", re.ASCII)
_NUMBER_CHARS: Final = (8, 20)
"""Characters of an invoice's number: the old kind, and the new one."""
_DIGITS: Final = re.compile(r"\d(?:[ -]?\d)*", re.ASCII)
_JOINS: Final = re.compile(r"[ -]")
_LARGEST_EXACT: Final = 2**53
"""Of whole numbers in a binary float."""
_NUMBER_LABEL: Final = re.compile(r"^\s*(?:no\.|№)", re.IGNORECASE)
_NO_NUMBER: Final = re.compile(r"[*?xX□■\u2026.]")
"""What has such a character was masked, cut or rounded, and is no number."""
_MINUSES: Final = str.maketrans(dict.fromkeys("‐‑‒–−负負\xad", "-") | dict.fromkeys("‘’", "'"))


def is_absent(value: Any) -> bool:
    """Whether a member says nothing: null and empty text mean the same (trap 67)."""
    return value is None or (isinstance(value, str) and not value.strip())


def status_of(data: Any) -> bool | None:
    """Success, failure or neither (traps 15, 17, 19): "1", 1, true; "0", 0, false, null; anything else."""
    if data is None:
        return False
    if isinstance(data, str):
        word = data.strip().lower()
        return True if word in ("1", "true") else False if word in ("0", "false", "null") else None
    if isinstance(data, (bool, int, Decimal)) and data in (0, 1):
        return bool(data)
    return None


def text_of(value: Any) -> str | None:
    """Text, also from a number (trap 7: ids come as either); None from anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    return plain_number(value) if isinstance(value, Decimal) else None


def flag_of(value: Any) -> int | None:
    """A small integer from a number, a word or true and false (trap 33); None if it is none."""
    if isinstance(value, (bool, int, Decimal)):
        return int(value) if value == int(value) and 0 <= value <= 9 else None
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    if len(word) == 1 and word in "0123456789":
        return int(word)
    return _FLAG_WORDS.get(word)


def bool_of(value: Any) -> bool | None:
    """Yes or no, in any wording of `flag_of`."""
    flag = flag_of(value)
    return bool(flag) if flag in (0, 1) else None


def sign_of(value: Any) -> bool | None:
    """Whether an invoice is a blue one (`bool_of`, 蓝字, 正数) or a red one (红字, 负数)."""
    flag = bool_of(value)
    if flag is not None or not isinstance(value, str):
        return flag
    word = in_usual_characters(value).strip().lower()
    return True if _BLUE.fullmatch(word) else False if _RED.fullmatch(word) else None


def count_of(value: Any) -> int | None:
    """A whole number that is not negative, from a number or its text."""
    number = decimal_of(value)
    return int(number) if number is not None and 0 <= number <= _MAX_COUNT and number == int(number) else None


def decimal_of(value: Any) -> Decimal | None:
    """An exact number of bounded length, from a number or text; None from anything else, binary floats too."""
    if isinstance(value, str):
        if len(value) <= _MAX_DIGITS and value.isascii() and value.replace(".", "", 1).isdigit():
            return Decimal(value)  # the usual case, surely finite and short
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            return None
    elif type(value) is int and -_USUAL_INTEGER < value < _USUAL_INTEGER:
        return Decimal(value)  # short as well
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    fits = abs(value.adjusted()) <= _MAX_DIGITS and isinstance(exponent, int) and exponent >= -_MAX_DIGITS
    return value if fits else None


def amount_of(value: Any) -> Decimal | None:
    """An amount, also as people and exports write it: ¥ before or 元 behind, thousands separators, full-width digits,
    in parentheses or with the minus behind where it is negative. None from anything else: of `1,5` and `1.234,50`
    nobody can tell whose comma it is."""
    exact = decimal_of(value)
    if exact is not None or not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return exact
    text = " ".join(_MONEY_MARKS.sub(" ", normalize("NFKC", value).translate(_MINUSES)).split()).strip(_AROUND)
    is_negative = False
    if text.startswith("(") and text.endswith(")"):
        is_negative, text = True, text[1:-1].strip()
    elif text.startswith("-") or text.endswith("-"):
        is_negative, text = True, text.strip("- ") if text.count("-") == 1 else ""
    if (separated := _SEPARATED.fullmatch(text)) is not None:
        text = text.replace(separated[1], "")
    amount = decimal_of(text) if text[:1].isdigit() or text[:1] in (".", "+") else None
    return -amount if is_negative and amount is not None else amount


def id_of(value: Any) -> str | None:
    """An id as text, from an integer or digits (trap 62). A number with a fraction or an exponent went through a
    binary float and may have lost its last digits: None, as is 0, the placeholder of generated examples."""
    digits = code_of(value)
    if digits is None or not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:
        return None
    return str(int(digits)) if 0 < int(digits) <= LARGEST_ID else None


def code_of(value: Any) -> str | None:
    """A number that names something, as text without spaces around it: leading zeros count, fractions do not occur."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def invoice_number_of(value: Any) -> str | None:
    """The number that names an invoice: 8 to 20 digits, without the label, blanks or hyphens that may be around them.
    None from what names none, and from what may be shown for many: a count, zeros, 无, a mask, a rounded float."""
    code = code_of(value)
    if code is None or (code.isascii() and code.isdigit() and _NUMBER_CHARS[0] <= len(code) <= _NUMBER_CHARS[1]):
        return code if code is not None and code.strip("0") and not _is_rounded(value) else None
    code = _NUMBER_LABEL.sub("", code)
    digits = [_JOINS.sub("", each) for each in _DIGITS.findall(normalize("NFKC", code).translate(_MINUSES))]
    likely = [each for each in digits if _NUMBER_CHARS[0] <= len(each) <= _NUMBER_CHARS[1] and each.strip("0")]
    is_one = len(likely) == len(digits) == 1 and _NO_NUMBER.search(code) is None
    return likely[0] if is_one else None


def _is_rounded(value: Any) -> bool:
    """Whether a JSON number of that many digits was a binary float once: a program in JavaScript has no other ones. It
    writes zeros for the digits that it lost, others write what the float is exactly."""
    if not isinstance(value, int) or value <= _LARGEST_EXACT:
        return False
    return value == float(value) or value == Decimal(repr(float(value)))


def rate_of(value: Any) -> Decimal | None:
    """A tax rate as a fraction: 0.01 from "1%", "0.01" or 0.01. None from words (免税, ***), and from 1 and more
    without a per cent sign, which may mean either."""
    text = text_of(value)
    if text is None:
        return None
    number, sign, rest = text.strip().replace("％", "%").partition("%")
    rate = decimal_of(number)
    if rate is None or rest or rate < 0:
        return None
    rate = rate.scaleb(-2) if sign else rate
    return rate if rate < _UNRATED else None


# ---- JSON --------------------------------------------------------------------------------------------


def parsed(text: str) -> Any:
    """Strict JSON with exact numbers. Raises `ValueError`, or `RecursionError` for absurd nesting."""
    try:
        value = orjson.loads(text)
    except ValueError:
        return _exactly_parsed(text)
    # The fast parser rounds fractions and huge integers to binary floats.
    return _exactly_parsed(text) if _has_float(value) else value


def parsed_if_json(value: Any) -> Any:
    """What JSON text says (traps 17, 52); anything else stays as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "[", '"', " ", "\n"):
        return value
    try:
        return parsed(value)
    except (ValueError, RecursionError):
        return value


def _has_float(value: Any) -> bool:
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind is float
    for inner in value.values() if kind is dict else value:
        kind = type(inner)
        if kind is str:  # nearly all are
            continue
        if kind is float or ((kind is dict or kind is list) and _has_float(inner)):
            return True
    return False


def _number(text: str) -> Decimal | str:
    """A JSON number with a fraction or exponent: exact, or kept as text where it is absurdly long."""
    number = decimal_of(text)
    return text if number is None else number


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_exactly_parsed: Final[Callable[[str], Any]] = json.JSONDecoder(parse_float=_number, parse_constant=_constant).decode


LONGEST: Final = timedelta(hours=1)


def retry_after(value: str, date: str) -> timedelta | None:
    """The wait that `value` asks for: seconds, or a date, which is read beside the answer's own `date`. None if it is
    neither; never longer than `LONGEST`."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), LONGEST)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), LONGEST)
