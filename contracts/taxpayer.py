"""What is known of Chinese taxpayers without asking anybody: tax ids and their check digit, areas, roles.

Pure tables and arithmetic. A failed check digit proves nothing (real codes fail it), and whether the vendor
uses exactly these words for areas and roles is not confirmed, so nothing here refuses anything: see
`contracts.limits` for what does.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_USCC_VALUE: Final = {character: value for value, character in enumerate(_USCC_ALPHABET)}
_USCC_CHARS: Final = 18
_MOST_TYPOS: Final = 2
_CITIZEN_ID: Final = re.compile(
    r"[1-9][0-9]{5}(18|19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]", re.ASCII
)
_CITIZEN_CHECKS: Final = "10X98765432"
_INNER_MARKS: Final = str.maketrans("", "", " -\u2010\u2011\u2013")

AREAS: Final[Mapping[str, tuple[str, str]]] = {
    "1100": ("beijing", "北京"),
    "1200": ("tianjin", "天津"),
    "1300": ("hebei", "河北"),
    "1400": ("shanxi", "山西"),
    "1500": ("neimenggu", "内蒙古"),
    "2100": ("liaoning", "辽宁"),
    "2102": ("dalian", "大连"),
    "2200": ("jilin", "吉林"),
    "2300": ("heilongjiang", "黑龙江"),
    "3100": ("shanghai", "上海"),
    "3200": ("jiangsu", "江苏"),
    "3300": ("zhejiang", "浙江"),
    "3302": ("ningbo", "宁波"),
    "3400": ("anhui", "安徽"),
    "3500": ("fujian", "福建"),
    "3502": ("xiamen", "厦门"),
    "3600": ("jiangxi", "江西"),
    "3700": ("shandong", "山东"),
    "3702": ("qingdao", "青岛"),
    "4100": ("henan", "河南"),
    "4200": ("hubei", "湖北"),
    "4300": ("hunan", "湖南"),
    "4400": ("guangdong", "广东"),
    "4403": ("shenzhen", "深圳"),
    "4500": ("guangxi", "广西"),
    "4600": ("hainan", "海南"),
    "5000": ("chongqing", "重庆"),
    "5100": ("sichuan", "四川"),
    "5200": ("guizhou", "贵州"),
    "5300": ("yunnan", "云南"),
    "5400": ("xizang", "西藏"),
    "6100": ("shaanxi", "陕西"),
    "6200": ("gansu", "甘肃"),
    "6300": ("qinghai", "青海"),
    "6400": ("ningxia", "宁夏"),
    "6500": ("xinjiang", "新疆"),
}
"""The 36 tax bureaus: code to pinyin and Chinese name. Five cities have a bureau apart from their province's."""

ROLES: Final[Mapping[str, str]] = {
    "01": "法定代表人",
    "02": "财务负责人",
    "03": "办税员",
    "04": "税务代理人",
    "05": "管理员",
    "06": "出口退税人员",
    "07": "领票人",
    "08": "社保经办人",
    "09": "开票员",
    "10": "销售人员",
    "31": "行政办事员",
    "99": "其他人员",
}
"""The login page's roles: code to name. The manual's only example is 法定代表人."""

AREA_WORDS: Final = frozenset(pinyin for pinyin, _ in AREAS.values())
ROLE_NAMES: Final = frozenset({*ROLES.values(), "涉税服务人员"})

_SUFFIXES: Final = ("壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "省", "市")
_PINYIN_BY_NAME: Final = {name: pinyin for pinyin, name in AREAS.values()}


def normalise_tax_id(value: str) -> str:
    """Half-width, upper-case, without spaces and hyphens; empty stays empty."""
    if value.isascii() and value.isalnum():
        return value.upper()
    folded = unicodedata.normalize("NFKC", value).translate(_INNER_MARKS)
    return "".join(folded.split()).upper()


def check_digit_fits(tax_id: str) -> bool:
    """Whether an 18-character unified social credit code (GB 32100-2015) carries the right check character.

    Older payer numbers of another length have none and always fit.
    """
    return len(tax_id) != _USCC_CHARS or _check_character_fits(tax_id)


def is_citizen_id(tax_id: str) -> bool:
    """Whether it is a citizen's id (GB 11643-1999) of 18 characters that carries the right check character."""
    if _CITIZEN_ID.fullmatch(tax_id) is None:
        return False
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(tax_id[:17]))
    return tax_id[17] == _CITIZEN_CHECKS[total % 11]


def is_mistyped(sent: str, told: str) -> bool:
    """Whether the tax id that is told is the one that was meant, as registers correct it: a unified social credit code
    whose check character fits, where the one that was sent has none that does and is but two letters from it. Two
    codes that both fit are two parties."""
    return (
        len(told) == _USCC_CHARS
        and check_digit_fits(told)
        and not (len(sent) == _USCC_CHARS and check_digit_fits(sent))
        and abs(len(sent) - len(told)) <= _MOST_TYPOS
        and _edits(sent, told) <= _MOST_TYPOS
    )


@lru_cache(maxsize=4096)
def _edits(one: str, other: str) -> int:
    """How many letters must be changed, put in or left out to make one of the other."""
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        here = [row]
        for column, their in enumerate(other, start=1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != their)))
        above = here
    return above[-1]


@lru_cache(maxsize=4096)
def _check_character_fits(tax_id: str) -> bool:
    values = [_USCC_VALUE.get(character) for character in tax_id]
    total = 0
    for value, weight in zip(values[:-1], _USCC_WEIGHTS, strict=True):
        if value is None:
            return False
        total += value * weight
    return values[-1] == (31 - total % 31) % 31


def area_word(value: str) -> str:
    """The lower-case pinyin for a pinyin, a Chinese name or a four-digit code; what is unknown stays as it is."""
    word = value.lower()
    if word in AREA_WORDS:
        return word
    folded = unicodedata.normalize("NFKC", value).strip()
    if folded in AREAS:
        return AREAS[folded][0]
    if folded.lower() in AREA_WORDS:
        return folded.lower()
    for suffix in ("", *_SUFFIXES):
        pinyin = _PINYIN_BY_NAME.get(folded.removesuffix(suffix))
        if pinyin is not None:
            return pinyin
    return value


def role_name(value: str) -> str:
    """The name for a role's code; a name, and what is unknown, stays as it is."""
    return ROLES.get(value, value)


def area_of(tax_id: str) -> str | None:
    """The area that a unified social credit code names at positions 3 to 6, as pinyin; None where it names none.

    A hint only: firms move, and some codes are national.
    """
    if len(tax_id) != _USCC_CHARS:
        return None
    region = tax_id[2:6]
    known = AREAS.get(region) or AREAS.get(region[:2] + "00")
    return known[0] if known else None
