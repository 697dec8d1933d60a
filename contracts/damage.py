"""Texts that were broken on their way: written in one encoding and read in another, or made of a value that is missing.

Nobody can mend them here, and an invoice cannot be undone: whoever sends them is told. What is said is certain: a text
that could be meant is left alone. Pure.
"""

import re
from functools import lru_cache
from typing import Final

_CP1252_BYTES: Final = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\u0080-\u00bf"
_UTF8_AS_LATIN: Final = re.compile(f"[ä-é][{_CP1252_BYTES}]{{2}}")
"""One Chinese character's three bytes, read one by one: 公 becomes å…¬."""
_GBK_AS_LATIN: Final = re.compile(r"(?:[\u00b0-\u00f7][\u00a1-\u00fe]){2,}")
"""Two Chinese characters of two bytes each: 公司 becomes ¹«Ë¾."""
_LATIN_LETTER: Final = re.compile("[À-ÖØ-öø-ÿ]")
_FEWEST_LETTERS: Final = 3
"""Different accented letters in a row of such pairs; ××× and ··· are masks, and no language has so many together."""
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")
_LOST_TWICE: Final = "锟斤拷"
"""Two of U+FFFD in UTF-8, read as GBK."""
_FEWEST_CHINESE: Final = 3
_LETTER: Final = re.compile(r"\w")
_LONGEST_REMEMBERED: Final = 40
"""Names, units and banks come again with every order of a seller (characters)."""
_WORDS_FOR_NOTHING: Final = frozenset({"null", "undefined", "NaN", "None", "[object Object]"})

LOST: Final = (
    "holds U+FFFD or what became of it, which programs put for characters that they could not read: these are lost. "
    "Read and write texts as UTF-8"
)
MISREAD: Final = "is {} that was read as {}: name the encoding wherever your program reads or writes a text"
QUESTION_MARKS: Final = (
    "is nothing but question marks, which programs write for characters that an encoding lacks: the text is lost. "
    "Name UTF-8 wherever your program turns text into bytes"
)
NOTHING: Final = "is the word that programs write for a value that is not there; give the name itself"


def damage(text: str) -> str | None:
    """What broke a text, as a sentence about it; None where it could be meant."""
    if text.isascii():
        return None
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _damage(text)


def _damage(text: str) -> str | None:
    if "\ufffd" in text or _LOST_TWICE in text:
        return LOST
    if _CHINESE.search(text) is None:
        return _damage_in_latin(text)
    return MISREAD.format("UTF-8", "GBK") if _is_utf8_as_gbk(text) else None


_remembered = lru_cache(maxsize=1024)(_damage)


def damage_of_name(text: str) -> str | None:
    """The same for a name, which must also say something."""
    if text in _WORDS_FOR_NOTHING:
        return NOTHING
    if text.count("?") > 1 and _LETTER.search(text) is None:
        return QUESTION_MARKS
    return damage(text)


def _damage_in_latin(text: str) -> str | None:
    if len(_UTF8_AS_LATIN.findall(text)) > 1:
        return MISREAD.format("UTF-8", "Latin-1")
    letters = {letter for run in _GBK_AS_LATIN.findall(text) for letter in _LATIN_LETTER.findall(run)}
    return MISREAD.format("GBK", "Latin-1") if len(letters) >= _FEWEST_LETTERS else None


def _is_utf8_as_gbk(text: str) -> bool:
    try:
        return len(_CHINESE.findall(text.encode("gb18030").decode())) >= _FEWEST_CHINESE
    except UnicodeDecodeError:
        return False
