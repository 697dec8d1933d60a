"""Dates as gateways and bureaus write them (trap 64): numbers, lists, ISO, Chinese, English. Pure.

Guaranteed: nothing raises on a value of parsed JSON; what cannot be read is None; what may mean several moments says
so. Without an offset it is Beijing's time or UTC, as Java servers write either; without a time of day it is some moment
of the day. Day and month in figures alone, without the year in front, may be either and are not read.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from html import unescape
from typing import Any, Final
from unicodedata import normalize

from worker.gateway.values import decimal_of, parsed_if_json, text_of
from worker.records import BEIJING, Dated

_UTC: Final = timezone(timedelta(0))
_EPOCH: Final = datetime(1970, 1, 1, 8, tzinfo=BEIJING)
_EARLIEST_YEAR: Final = 1990
"""Earlier is a clock's zero or a placeholder, no invoice."""
_LATEST_YEAR: Final = 2200
_LONGEST: Final = 80
"""Characters of a text that may be a date."""
_LAST_OF_DAY: Final = timedelta(days=1) - timedelta(microseconds=1)
_PER_SECOND: Final = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
"""Digits of a moment since 1970 to how many of them make a second."""
_LENGTHS: Final = (3, 5, 6, 7)
"""Numbers in a list that is a date: LocalDate, and LocalDateTime without seconds, with them, with nanoseconds."""

_DEEPEST: Final = 3
_MOMENTS: Final = (
    *("$date", "$numberLong", "time", "epochSecond", "seconds", "_seconds", "epochMilli", "timestamp", "unix", "value"),
    "dateTime",
)
_LABEL: Final = re.compile(r"^(?:开票|开具)?(?:日期|时间) ?: ?")
_MICROSOFTS: Final = re.compile(r"/?Date\((\d{10,16})(?:[+-]\d{4})?\)/?|(\d{10,16})L")
_NUMERALS: Final = str.maketrans("〇零一二三四五六七八九", "00123456789")
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905  a list of words
_ZONES: Final = {
    "z": _UTC,
    "utc": _UTC,
    "gmt": _UTC,
    "cst": BEIJING,
    "hkt": BEIJING,
    "北京时间": BEIJING,
    "中国标准时间": BEIJING,
    "asia/shanghai": BEIJING,
    "prc": BEIJING,
}
"""CST is China's here, not Chicago's."""
_CLOCK: Final = (
    r"(?:(?:-(?=\d\d\.)|,?[ T_]*)(?P<half1>上午|下午|AM|PM)? *(?P<hour>\d{1,2})[:时点.](?P<minute>\d{1,2})"
    r"(?:[:分.](?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?秒?|分)? *(?P<half2>AM|PM)?)?"
)
_ZONE: Final = (
    r" *(?:\(?(?:UTC|GMT)?(?P<offset>[+-](?:\d{1,2}:?\d{2}|\d{1,2}))\)?(?: +[A-Z]{3,4}| *\([^()]{2,30}\))?"
    r"|(?P<zone>Z|UTC|GMT|CST|HKT|PRC|Asia/Shanghai|北京时间|中国标准时间))?(?: *\[[\w/]+\])?"
)
"""Behind an offset a name of it may stand, as Go and JavaScript write it."""
_QUOTES: Final = " \"'“”‘’="
_MONTH: Final = r"(?P<name>[A-Z]{3,9})\.?"
_DAY_OF_WEEK: Final = r"(?: *\(?(?:星期|周)[一二三四五六日天]\)?)?"
_WEEKDAY: Final = r"(?:[A-Z]{3,9},? +|(?:星期|周)[一二三四五六日天] *,? *)?"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        _WEEKDAY + r"(?P<year>\d{4})[-/._年—] ?(?P<month>\d{1,2})[-/._月—] ?(?P<day>\d{1,2})[日号]?"
        + _DAY_OF_WEEK + _CLOCK + _ZONE + _DAY_OF_WEEK,
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})T(?P<hour>\d{2}):?(?P<minute>\d{2}):?(?P<second>\d{2})" + _ZONE,
        _WEEKDAY + _MONTH + r" +(?P<day>\d{1,2}),? +(?P<year>\d{4})" + _CLOCK + _ZONE,
        _WEEKDAY + r"(?P<day>\d{1,2})[ -]" + _MONTH + r"[ ,-]+(?P<year>\d{4})" + _CLOCK + _ZONE,
        r"[A-Z]{3} +" + _MONTH + r" +(?P<day>\d{1,2}) +(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})"
        r" *(?:(?P<zone>[A-Z]{1,4})|(?:UTC|GMT)?(?P<offset>[+-]\d{2}:?\d{2}))? +(?P<year>\d{4})",
    )
)  # fmt: skip
_BEGINS_WITH_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?: ?(\d{2}):?(\d{2}):?(\d{2})(?:\.?\d{3})?)?")


def dated_of(value: Any) -> Dated | None:
    """When an invoice is dated, with all that it may mean; None where it is no date."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return _dated_of(value)
    try:
        return _dated_of_text(value)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _dated_of_text(text: str) -> Dated:
    """A row's date is read twice, and the same rows come with the next look. Dates alone are kept: what is none may be
    anything, a secret too."""
    dated = _dated_of(text)
    if dated is None:
        raise ValueError
    return dated


def _dated_of(value: Any) -> Dated | None:
    try:
        read = _read(value)
    except (ValueError, OverflowError, ArithmeticError):
        return None
    if read is None:
        return None
    moment, is_exact = read
    if not _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
        return None
    latest = moment if is_exact else moment.replace(tzinfo=_UTC).astimezone(BEIJING)
    is_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return Dated(moment, moment, latest + _LAST_OF_DAY if is_day else latest)


def moment_of(value: Any) -> datetime | None:
    """The moment with Beijing's offset. Without an offset it is Beijing's time; without a time of day, the day's
    beginning."""
    dated = dated_of(value)
    return None if dated is None else dated.shown


def is_dated(text: str) -> bool:
    """Whether this text begins with a day, or is a moment."""
    return _BEGINS_WITH_DAY.match(text.lstrip()) is not None or moment_of(text) is not None


def _read(value: Any, depth: int = 0) -> tuple[datetime, bool] | None:
    """The moment with Beijing's offset, and whether its own offset is told."""
    value = parsed_if_json(value)
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        if len(value) == 2 and all(isinstance(part, list) for part in value):
            value = [*value[0], *value[1]]  # a day, and a time of it
        return _read(value[0], depth + 1) if len(value) == 1 else _listed(value)
    if isinstance(value, dict):
        return _described(value, depth)
    told = text_of(value)
    if told is None or len(told) > _LONGEST:
        return None
    text = _LABEL.sub("", " ".join(normalize("NFKC", unescape(told)).split()).strip(_QUOTES))
    if (counted := _MICROSOFTS.fullmatch(text)) is not None:
        text = counted[1] or counted[2]
    if not text.isascii() or not text.isdigit():
        return _compact(text) or _written(_in_digits(text))
    return _counted(Decimal(text)) or _compact(text)


def _in_digits(text: str) -> str:
    """二〇二四年十一月二十九日 as 2024年11月29日."""
    if "年" not in text or any(each.isdecimal() for each in text):
        return text
    text = text.translate(_NUMERALS)
    for ten, digits in ((r"(?<=\d)十(?=\d)", ""), (r"(?<=\d)十", "0"), (r"十(?=\d)", "1"), ("十", "10")):
        text = re.sub(ten, digits, text)
    return text


def _listed(parts: Sequence[Any]) -> tuple[datetime, bool] | None:
    """As Java writes its LocalDateTime where nobody asked for anything better; the numbers as text too."""
    told = [decimal_of(part) for part in parts[: _LENGTHS[-1] + 1]]
    numbers = [int(each) for each in told if each is not None and each == int(each)]
    is_mixed = len({isinstance(part, str) for part in parts}) > 1
    if len(parts) not in _LENGTHS or len(numbers) < len(parts) or is_mixed:
        return None
    year, month, day, hour, minute, second, nanoseconds = (*numbers, 0, 0, 0, 0)[: _LENGTHS[-1]]
    return _moment(year, month, day, hour, minute, second).replace(microsecond=nanoseconds // 1000), False


def _described(parts: dict[str, Any], depth: int) -> tuple[datetime, bool] | None:
    """As Java and JavaScript libraries write a Date (`time`), an Instant (`epochSecond`), a LocalDateTime (`year`,
    `monthValue`, … or `date` and `time` apart), and MongoDB a date (`$date`)."""
    if isinstance(parts.get("date"), dict):
        clock = parts.get("time")
        return _described({**parts["date"], **(clock if isinstance(clock, dict) else {})}, depth + 1)
    if isinstance(parts.get("date"), str):
        return _read(f"{parts['date']} {text_of(parts.get('time')) or ''}", depth + 1)
    moment = next((parts[name] for name in _MOMENTS if parts.get(name) is not None), None)
    if moment is not None:
        return _read(moment, depth + 1)
    year, month, day = parts.get("year"), parts.get("monthValue", parts.get("month")), parts.get("day")
    told = [year, month, parts.get("dayOfMonth", day), *(parts.get(name, 0) for name in ("hour", "minute", "second"))]
    return _listed(told) if all(told[:3]) else None


def _counted(number: Decimal) -> tuple[datetime, bool] | None:
    if number <= 0 or number >= 10 ** max(_PER_SECOND):
        return None
    per_second = _PER_SECOND.get(len(str(int(number))))
    if per_second is None:
        return None
    return _EPOCH + timedelta(microseconds=int(number * 10**6 / per_second)), True


def _compact(digits: str) -> tuple[datetime, bool] | None:
    parts = _COMPACT.fullmatch(digits)
    return None if parts is None else (_moment(*map(int, parts.groups(default="0"))), False)


def _written(text: str) -> tuple[datetime, bool] | None:
    found = next((match for form in _FORMS if (match := form.fullmatch(text)) is not None), None)
    if found is None:
        return _in_figures(text)
    told = {name: value for name, value in found.groupdict().items() if value is not None}
    month = int(told["month"]) if "month" in told else _month(told["name"])
    clock = (int(told.get(name, 0)) for name in ("minute", "second"))
    moment = _moment(int(told["year"]), month, int(told["day"]), _hour(told), *clock)
    moment = moment.replace(microsecond=int(told.get("fraction", "")[:6].ljust(6, "0")))
    zone = _zone(told)
    if zone is None and told.get("zone"):
        return None
    return (moment, False) if zone is None else (moment.replace(tzinfo=zone).astimezone(BEIJING), True)


def _in_figures(text: str) -> tuple[datetime, bool] | None:
    """A number of milliseconds may have become 1.764E12 on its way."""
    if not text[:1].isdigit() or not text.isascii() or not set(text) <= set("0123456789.eE+"):
        return None
    return _counted(Decimal(text))


def _month(name: str) -> int:
    """Raises `ValueError` for what is none."""
    return _MONTHS.index(name[:3].lower()) + 1


def _hour(told: dict[str, str]) -> int:
    hour, half = int(told.get("hour", 0)), (told.get("half1") or told.get("half2") or "").lower()
    if half in {"pm", "下午"} and hour < 12:
        return hour + 12
    return 0 if half in {"am", "上午"} and hour == 12 else hour


def _zone(told: dict[str, str]) -> timezone | None:
    if "zone" in told:
        return _ZONES.get(told["zone"].lower())
    if "offset" not in told:
        return None
    sign, digits = told["offset"][0], told["offset"][1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    distance = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-distance if sign == "-" else distance)


def _moment(*parts: int) -> datetime:
    """24:00 is the next day's beginning, and a leap second is the one before."""
    year, month, day, hour, minute, second = parts
    if (hour, minute, second) == (24, 0, 0):
        return datetime(year, month, day, tzinfo=BEIJING) + timedelta(days=1)
    return datetime(year, month, day, hour, minute, 59 if second == 60 else second, tzinfo=BEIJING)
