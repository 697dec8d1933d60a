"""Names of parties, where nothing but the name says who it is: a buyer without a tax id. PURE.

Beyond what holds of every text (`texts`), a register may put a name's words in another order, leave out its marks, or
write the legal form and the place another way. Any of that may be the same party, and may be another: `name_likeness`
says akin, as it does of two words for just anybody, and `is_whole` whether all of the name is there and nothing beside
it, so that it is surely the same.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Final

from worker.characters import simplified
from worker.texts import PERSON, Likeness, Text, folded, is_masked_of, likeness

_ANYBODY: Final = re.compile(PERSON)
_CHINESE: Final = "CJK"
"""As Unicode names its characters."""
_GAP: Final = re.compile(r"(?<![0-9])\||\|(?![0-9])")
"""Between two letters, or a letter and a digit: an apostrophe or a hyphen; between two digits it tells them apart."""
_DIGITS: Final = re.compile(r"\d+")
_FORMS: Final = re.compile(r"股份|有限|责任|公司|集团|分公司|[省市区县]")
_LATIN_FORM: Final = re.compile(
    r"co|ltd|limited|company|inc(?:orporated)?|corp(?:oration)?|ll[cp]|plc|g?mbh|ag|sas?|sarl|srl|spa|[bn]v|pt[ey]|kk|oy|ab"
    r"|the|and"
)
_CHINESE_LETTER: Final = re.compile(r"(?=[^\W\d_])[\u2e80-\U0003ffff]")
_MARK: Final = re.compile(r"[^\w(),.\-/]")
"""What may stand in the place of a letter that got lost: `?`, a box."""
_SHORTEST: Final = 4
"""Letters of a name whose order may not matter: 张王 is not 王张."""
_SHORTEST_CORE: Final = 2


def name_likeness(ours: Text, theirs: Text) -> Likeness:
    """Compare the name that was sent with the one that came."""
    close = likeness(ours, theirs)
    if close is not Likeness.DIFFERENT:
        return close
    if is_anybody(ours) and is_anybody(theirs):
        return Likeness.AKIN
    sent, came = ours.bones[-1], theirs.bones[-1]
    is_akin = _DIGITS.findall(sent) == _DIGITS.findall(came) and (
        _joined(sent) == _joined(came) or _is_reordered(sent, came) or _core(sent) == _core(came) != ""
    )
    return Likeness.AKIN if is_akin else Likeness.DIFFERENT


def says_who(ours: Text, theirs: Text) -> bool:
    """Whether the name that came could contradict the one that was sent. 个人 for 张三 could not, nor could a hash, a
    transcription, or what was read in a wrong encoding: no letter of it is of a script of ours."""
    if is_anybody(theirs) and not is_anybody(ours):
        return False
    sent, came = _scripts(ours.plain), _scripts(theirs.plain)
    is_garbled = _garbled(ours.raw) in theirs.plain
    return not (sent.isdisjoint(came) or (_CHINESE in sent and _CHINESE not in came) or is_garbled)


def is_anybody(name: Text) -> bool:
    """Whether it names nobody: 个人, 消费者."""
    return _ANYBODY.fullmatch(name.plain) is not None


def _garbled(name: str) -> str:
    """What becomes of the beginning of a name in UTF-8 that is read as GBK."""
    return folded(name.encode("utf-8", "replace").decode("gbk", "replace").partition("\ufffd")[0]) or name


@lru_cache(maxsize=4096)
def _scripts(text: str) -> frozenset[str]:
    return frozenset(unicodedata.name(each, "").partition(" ")[0] for each in text if each.isalpha())


def is_whole(ours: Text, theirs: Text) -> bool:
    """Whether akin names differ in single characters alone: marks, accents, what no register takes, what is masked.
    张三 in 张三丰, or a firm beside its branch, is not that, nor is 王玥 for 王喆. 消费者 says no less than 个人."""
    if is_anybody(ours) and is_anybody(theirs):
        return True
    pairs = zip(ours.bones, theirs.bones, strict=True)
    is_all_there = any(_joined(sent) == _joined(came) != "" for sent, came in pairs) and _has_lost_little(ours, theirs)
    return is_all_there or is_masked_of(ours, theirs)


def _has_lost_little(ours: Text, theirs: Text) -> bool:
    """Whether every Chinese letter of theirs is one of ours, and either theirs has a mark in a letter's place, or GBK
    has none of the letters that it lacks: only such a letter gets lost without leaving a mark."""
    sent, came = (Counter(_CHINESE_LETTER.findall(simplified(name.plain))) for name in (ours, theirs))
    return not came - sent and (_MARK.search(theirs.plain) is not None or not any(map(_is_in_gbk, sent - came)))


def _is_in_gbk(letter: str) -> bool:
    try:
        letter.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def _joined(letters: str) -> str:
    return _GAP.sub("", letters)


def _is_reordered(sent: str, came: str) -> bool:
    """SMITH JOHN for John Smith, 示例（杭州）科技 for 杭州示例科技."""
    one, other = (sorted(each.replace("|", "")) for each in (sent, came))
    return len(one) >= _SHORTEST and one == other


def _core(letters: str) -> str:
    """The name without its legal form, and without what only says that a place is one; "" where too little is left."""
    words = [each for each in _FORMS.sub("", letters).split("|") if not _LATIN_FORM.fullmatch(each)]
    core = "".join(words)
    return core if len(core) >= _SHORTEST_CORE else ""
