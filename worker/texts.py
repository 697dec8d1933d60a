"""Texts compared as people compare them: what only a machine tells apart is the same. PURE.

The one place for it: replies, listed invoices and the intake's fingerprint all use `folded`. What is sent is never
changed here.

A comparison has five answers (`Likeness`). Only `SAME` is proof and only `DIFFERENT` is contradiction; what lies
between was cut, masked, put into another character set or printed beside something, and says so.
"""

import html
import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from worker.characters import gapped, holds_another, letter_of, simplified


class Likeness(StrEnum):
    """How the text that came is related to the one that was sent."""

    SAME = "same"
    AKIN = "akin"
    """One holds the other, or characters that no register takes are gone, replaced or masked."""
    UNCLEAR = "unclear"
    """One holds the other, but what is left over could be part of a number: `SO-1` in `SO-12`."""
    DIFFERENT = "different"
    UNTOLD = "untold"


# ---- folding -------------------------------------------------------------------------------------------

_BREAKS: Final = re.compile(r"<\s*/?\s*(?:br|p|div)\s*/?\s*>", re.IGNORECASE)
_MAX_UNESCAPINGS: Final = 4  # `&amp;amp;amp;` has been seen twice escaped; nobody escapes for ever
_ALIKE: Final = {
    ".": "·•・･‧∙⋅●᛫⸱⸳ꞏ˙。｡﹒．",
    "'": "‘’‚‛′‵´`ʹʻʼˈ＇｀",
    '"': "“”„‟″‶〃〝〞〟「」『』﹁﹂﹃﹄＂",
    "<": "《〈‹«⟨⟪〈≪",
    ">": "》〉›»⟩⟫〉≫",
    "-": "‐‑‒–—―−﹘﹣－─━⸺⸻⁃˗ー",
    "~": "～〜∼˜∽",
    "(": "（[［{｛【〔〖〘〚﹝﹙❨",
    ")": "）]］}｝】〕〗〙〛﹞﹚❩",
    ",": "，、､﹑﹐",
    "x": "×✕✖⨯",
    "*": "＊∗⁎✱",
    "/": "／⁄∕",
}
_GBK_1: Final = "\u2e81\U00020087\U00020089\U000200cc\u2e84\u3473\u3447\u2e88\u2e8b\u9fb4\u359e\u361a\u360e\u2e8c\u2e97"
_GBK_2: Final = "\u396e\u3918\u9fb5\u39cf\u39df\u3a73\u39d0\u9fb6\u9fb7\u3b4e\u3c6e\u3ce0\u2ea7\U000215d7\u9fb8\u2eaa"
_GBK_3: Final = "\u4056\u415f\u2eae\u4337\u2eb3\u2eb6\u2eb7\U0002298f\u43b1\u43ac\u2ebb\u43dd\u44d6\u4661\u464c\u9fb9"
_GBK_4: Final = "\u4723\u4729\u477c\u478d\u2eca\u4947\u497a\u497d\u4982\u4983\u4985\u4986\u499f\u499b\u49b7\u49b6"
_GBK_5: Final = (
    "\u9fba\U000241fe\u4ca3\u4c9f\u4ca0\u4ca1\u4c77\u4ca2\u4d13\u4d14\u4d15\u4d16\u4d17\u4d18\u4d19\u4dae\u9fbb"
)
_PRIVATE_USE: Final = {
    # GBK's rows FE50 to FEA0, which Windows and GB 18030-2000 have in the private use area.
    **dict(enumerate(_GBK_1 + _GBK_2 + _GBK_3 + _GBK_4 + _GBK_5, start=0xE815)),
    # Vertical punctuation of A6D9 to A6F3, as what it stands for.
    0xE78D: ",", 0xE78E: ".", 0xE78F: ",", 0xE790: ":", 0xE791: ";", 0xE792: "!", 0xE793: "?",
    0xE794: "(", 0xE795: ")", 0xE796: "...",
    0xE5E5: " ", 0xE76C: "€", 0xE7C7: "\u1e3f", 0xE7C8: "\u01f9",
    0xE7E7: "\u303e", **{0xE7E8 + place: chr(0x2FF0 + place) for place in range(12)},
    **{0xE766 + place: chr(0x2170 + place) for place in range(6)},
}  # fmt: skip
"""What GBK keeps in the private use area, by GB 18030-2005 (the standard's own table)."""
_BEFORE: Final = str.maketrans(_PRIVATE_USE) | {ord(each): usual for usual, all_ in _ALIKE.items() for each in all_}
_INVISIBLE_LETTERS: Final = frozenset("\u034f\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800")  # not of the category Cf
_UNUSUAL: Final = re.compile(r"[^\x20-\x7e\u4e00-\u9fff]")
_RUNS_OF_DASHES: Final = re.compile(r"-(?:\s*-)+")
_ORDINARY: Final = re.compile(r"[0-9A-Za-z_:/+,()\-.*\u4e00-\u9fa5]*", re.ASCII)
"""Texts of nothing but these need no closer look."""
_LONGEST_REMEMBERED: Final = 24  # characters: goods, units and tax ids come again with every order of a seller


def folded(text: str) -> str:
    """The text without what people do not see or do not mind: width, case, blanks, line feeds, invisible characters,
    HTML escapes, and which of several dots, quotes, dashes or brackets it is."""
    return _folded(text) if len(text) <= _LONGEST_REMEMBERED else _folded.__wrapped__(text)


@lru_cache(maxsize=1024)
def _folded(text: str) -> str:
    if _ORDINARY.fullmatch(text):
        return _RUNS_OF_DASHES.sub("-", text.casefold()) if "--" in text else text.casefold()
    return spaced(text).replace(" ", "")


def spaced(text: str) -> str:
    """The same with one space wherever blanks were: where words end can be seen."""
    if "&" in text or "<" in text or "＆" in text or "＜" in text:
        text = _unescaped(text)
    text = unicodedata.normalize("NFKC", text.translate(_BEFORE)).casefold()
    text = unicodedata.normalize("NFKC", text).translate(_BEFORE)
    text = _UNUSUAL.sub(lambda found: "" if _is_invisible(found[0]) else found[0], text)
    return " ".join(_RUNS_OF_DASHES.sub("-", text).split())


def _unescaped(text: str) -> str:
    """Also what was escaped twice, and what is written in full width."""
    for _ in range(_MAX_UNESCAPINGS):
        once = html.unescape(unicodedata.normalize("NFKC", text))
        if once == text:
            break
        text = once
    return _BREAKS.sub(" ", text)


@lru_cache(maxsize=4096)
def _is_invisible(each: str) -> bool:
    if each.isspace():
        return False
    is_selector = "\ufe00" <= each <= "\ufe0f" or "\U000e0100" <= each <= "\U000e01ef"
    return is_selector or each in _INVISIBLE_LETTERS or unicodedata.category(each) in {"Cf", "Cc"}


PERSON: Final = r"(?:境[内外]|外[籍国])?(?:个人消费者|個人消費者|消费者|个人|個人|自然人|本人)"
_PERSON_SUFFIX: Final = re.compile(
    rf"(?<=.)(?:[ \-/.,_]*[(<] *{PERSON} *[)>]|[ \-/.,_]+{PERSON}|(?:先生|女士|小姐)$)+[ .]*$"
)
_PERSON_PREFIX: Final = re.compile(rf"(?:{PERSON}(?:[ \-/.,_:]+(?=.)|[(<](?=.+[)>]$))|[(<]{PERSON}[)>] *(?=.))")
_LATIN: Final = str.maketrans("АВЕКМНОРСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXABEZHIKMNOPTYX")
_NO_CODE: Final = re.compile(r"[^0-9A-Z*?X]*|[^1-9A-Z*?]+|NULL|NONE|NIL|UNDEFINED|NAN|N/?A|[\d.]+E\+?\d+")
"""The last is what a spreadsheet makes of a number: the rest of its digits is lost."""
_NO_REMARK: Final = frozenset(
    {"null", "undefined", "(null)", "nil", "none", "n/a", "无", "无备注", "空", "(空)", "暂无", "没有", "备注"}
)
_NOTHING_MEANT: Final = re.compile(r"[-/\\.,_:;|()\[\]{}\"']*")


def folded_name(name: str, *, is_person: bool) -> str:
    """A party's name as it compares: the bureau prints （个人） behind a natural person's, others write it before."""
    return _of_person(spaced(name)).replace(" ", "") if is_person else folded(name)


def _of_person(name: str) -> str:
    bare = _PERSON_SUFFIX.sub("", name)
    prefix = _PERSON_PREFIX.match(bare)
    return bare if prefix is None else bare[prefix.end() :].rstrip(")>")


def folded_code(code: str) -> str:
    """A tax id or a number as it compares: hyphens do not count either, and letters of other scripts that look like
    Latin ones are these. What programs and people write where there is none is none: zeros, `null`, 无."""
    text = folded(code).replace("-", "").upper()
    if not text.isascii():
        text = text.translate(_LATIN)
    return "" if _NO_CODE.fullmatch(text) else text


def folded_remark(remark: str) -> str:
    """A remark as it compares: `null` is none, and so are `/` and `——`, as forms are filled in."""
    text = folded(remark)
    return "" if text in _NO_REMARK or _NOTHING_MEANT.fullmatch(text) else text


def says_nothing(text: str) -> bool:
    """Whether nothing is meant by it: a word for none (`null`, 无), or marks alone (`-`, `/`)."""
    plain = folded(text)
    return plain in _NO_REMARK or not any(map(str.isalnum, plain))


# ---- comparing -----------------------------------------------------------------------------------------

_MASKS: Final = re.compile(r"\*+|\.{2,}|[■□▇█◆◇▲△○◯◎]+|_{3,}|#{2,}")
_LETTERS_AS_MASKS: Final = re.compile(r"x{2,}|(?<![0-9a-z])x(?![0-9a-z])|某+")
"""张x, 李某: a letter may stand for itself, so what lies behind it is not clear."""
_CODE_MASKS: Final = re.compile(r"X{2,}|[^0-9A-Z]+")
_NUMBERED: Final = r"销方|销售方|购方|购买方|开户行?|银行|账号|帐号|户名|地址|电话|地点|税号|识别号|代开|差额征税"
_LABELS: Final = re.compile(rf"{_NUMBERED}|收款人|复核人?|开票人|付款|备注|项目名称")
"""Beginnings of what bureaus print beside a remark."""
_OTHER_NUMBER: Final = re.compile(
    rf"订单|单号|合同|工单|流水|编号|order|[补重换]开|\(补\)|第[二三四五六七八九十]|^(?:(?!{_NUMBERED}).)*\d", re.DOTALL
)
"""That names an order or the like: a number behind no label of those that have one."""
_MARKS: Final = " ,.;:/-(<*"
_SHORT: Final = 2


class Text:
    """A text as it came with what is compared of it, worked out once: a list has thousands."""

    __slots__ = ("_bones", "plain", "raw")

    def __init__(self, raw: str, plain: str | None = None) -> None:
        self.raw = raw
        self.plain = folded(raw) if plain is None else plain
        self._bones: tuple[str, str, str, str] | None = None

    @classmethod
    def of_remark(cls, remark: str) -> "Text":
        """A remark: `null` is none."""
        return cls(remark, folded_remark(remark))

    @classmethod
    def of_name(cls, name: str, *, is_person: bool) -> "Text":
        """A party's name, without the suffix of a natural person."""
        bare = _of_person(spaced(name)) if is_person else name
        return cls(bare, bare.replace(" ", "") if is_person else folded(name))

    @property
    def bones(self) -> tuple[str, str, str, str]:
        """With accents taken off; without the letters that have them; as if what no register takes had never stood
        between two letters; and in simplified characters, with what programs escape resolved."""
        if self._bones is None:
            raw, plainer = self.raw, simplified(_unquoted(self.raw))
            usual = bones(raw)
            self._bones = (
                usual,
                bones(raw, accents=False),
                bones(raw, gaps=False),
                usual if plainer == raw else bones(plainer),
            )
        return self._bones

    @property
    def is_told(self) -> bool:
        """Whether anything of it is there to be read."""
        return bool(self.plain.strip(_NOTHING_TO_READ))


_NOTHING_TO_READ: Final = "*.?□▯■\ufffd"


def likeness(ours: Text, theirs: Text) -> Likeness:
    """Compare what was sent with what came."""
    if ours.plain == theirs.plain:
        return Likeness.SAME
    return _closely(ours, theirs) if theirs.is_told else Likeness.UNTOLD


def code_likeness(ours: str, theirs: str) -> Likeness:
    """The same for a tax id: masked or cut it is akin, in all else it is the same or another. A label before it makes
    no difference."""
    if ours == theirs:
        return Likeness.SAME
    sent, came = folded_code(ours), folded_code(theirs)
    if sent == came:
        return Likeness.SAME
    if not came.strip("*X?"):
        return Likeness.UNTOLD
    if len(sent) >= _LONG_ENOUGH and sent in _CODE_MASKS.split(came):
        return Likeness.SAME
    masked = folded(theirs).upper()
    if (
        sent
        and _CODE_MASKS.search(masked)
        and (_fits_mask(came, sent, _CODE_MASKS) or _fits_mask(masked, sent, _CODE_MASKS))
    ):
        return Likeness.AKIN
    is_cut = (len(came) >= _OWN_CODE and came in sent) or (len(sent) >= _LONG_ENOUGH and sent in came)
    return Likeness.AKIN if is_cut else Likeness.DIFFERENT


_OWN_CODE: Final = 9
"""Characters of the organisation's own code within a tax id; it stood alone once."""
_LONG_ENOUGH: Final = 10
"""Characters that a tax id must have to be found within another text."""


def remark_likeness(ours: Text, theirs: Text, *, prints_bank: bool) -> Likeness:
    """The same for a remark. The bureau prints more beside it: no difference where bank data were to be shown."""
    sent, came = ours.plain, theirs.plain
    if sent == came:
        return Likeness.SAME
    if not theirs.is_told:
        return Likeness.UNTOLD
    close = _closely(ours, theirs) if sent else Likeness.AKIN
    if close is not Likeness.AKIN or sent not in came or not any(map(str.isalnum, came.replace(sent, "", 1))):
        return close
    if not _is_beside(ours, theirs):
        return Likeness.UNCLEAR
    return Likeness.SAME if prints_bank else Likeness.AKIN


def _is_beside(ours: Text, theirs: Text) -> bool:
    """Whether our remark stands in the text as words of its own, and what stands beside it is what the bureau adds, or
    at least has no number in it: `新订单 1` and `谢谢惠顾 订单 8` are other orders' remarks."""
    text, words = spaced(theirs.raw), spaced(ours.raw)
    if not ours.plain:
        return _LABELS.match(text.lstrip(_MARKS)) is not None and _OTHER_NUMBER.search(text) is None
    if words not in text:
        text, words = theirs.plain, ours.plain
    before, _, behind = text.partition(words)
    is_apart = (not before or not before[-1].isalnum()) and (
        not behind or not behind[0].isalnum() or _LABELS.match(behind) is not None
    )
    return is_apart and _OTHER_NUMBER.search(before + " " + behind) is None


def is_masked_of(ours: Text, theirs: Text) -> bool:
    """Whether theirs could be ours with a part of it masked."""
    return _MASKS.search(theirs.plain) is not None and _fits_mask(theirs.plain, ours.plain, _MASKS)


def _closely(ours: Text, theirs: Text) -> Likeness:
    if is_masked_of(ours, theirs):
        return Likeness.AKIN
    if not ours.plain:
        return Likeness.DIFFERENT
    close = _by_bones(ours, theirs)
    if close is Likeness.DIFFERENT:
        return Likeness.UNCLEAR if _may_be_replaced(ours.plain, theirs.plain) else close
    return Likeness.UNCLEAR if close is Likeness.AKIN and holds_another(ours.plain, theirs.plain) else close


def _by_bones(ours: Text, theirs: Text) -> Likeness:
    sent, came = ours.bones, theirs.bones
    if any(each in came and len(each) >= _SHORT for each in sent):
        return Likeness.AKIN
    # Most texts have nothing by which these would differ: what is the same pair is compared once.
    held = [_held(one, other) for one, other in dict.fromkeys(zip(sent, came, strict=True))]
    if Likeness.AKIN in held:
        return Likeness.AKIN
    if _LETTERS_AS_MASKS.search(theirs.plain) and _fits_mask(theirs.plain, ours.plain, _LETTERS_AS_MASKS):
        return Likeness.UNCLEAR
    return held[0] if held[0] is not Likeness.DIFFERENT else _held(sent[-1], came[-1])


def _may_be_replaced(ours: str, theirs: str) -> bool:
    """Whether two texts differ only where one of them has a rare character: a program may have put a usual one there,
    its parts or its sound (山﨑 as 山崎, 张玥婷 as 张YUE婷), or the other is another's."""
    pairs = (gapped(ours), theirs), (gapped(theirs), ours)
    return any(gaps is not None and _fits_mask(gaps, simplified(text), _MASKS) for gaps, text in pairs)


def _fits_mask(masked: str, text: str, masks: re.Pattern[str]) -> bool:
    """Whether the text could stand behind the mask; some of it is seen, and each mask hides something."""
    first, *others = masks.split(masked)
    if not others or not (first or any(others)) or not text.startswith(first):
        return False
    last, at = others.pop(), len(first)
    for each in others:
        at = text.find(each, at + 1)
        if at < 0:
            return False
        at += len(each)
    return text.endswith(last) and at < len(text) - len(last)


_ESCAPED: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([rnt])|([\\'\"/]))")


def _unquoted(text: str) -> str:
    """Without what programs make of characters on the way: `\\n` and `\\u5f20` of JSON that was escaped twice, `%20` of
    an address."""
    if "\\" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[3] or " ", text)
    return unquote(text, errors="strict") if "%" in text and _is_quoted(text) else text


def _is_quoted(text: str) -> bool:
    try:
        return unquote(text, errors="strict") != text
    except UnicodeDecodeError:
        return False


def bones(text: str, *, accents: bool = True, gaps: bool = True) -> str:
    """What every register accepts of a text: letters and digits of GB 2312, without the rest. `|` stands where
    something between two Latin letters or digits was left out, for `1-2` is not `12`. Accents are taken off, or their
    letters left out. Without `gaps` what is gone because it is in no register leaves none."""
    parts: list[str] = []
    gap = False
    for each in unicodedata.normalize("NFC", spaced(text)):
        base = letter_of(each, accents=accents)
        if base is None:
            gap = gap or gaps or each <= "\uffff"
            continue
        if gap and parts and parts[-1][-1].isascii() and base[0].isascii():
            parts.append("|")
        parts.append(base)
        gap = False
    return "".join(parts)


def _held(one: str, other: str) -> Likeness:
    """Whether one stands in the other, and whether as words of its own."""
    short, long = sorted((one, other), key=len)
    if not short or (at := long.find(short)) < 0:
        return Likeness.DIFFERENT
    if len(short) < _SHORT and short.isascii():
        return Likeness.UNCLEAR
    while at >= 0:
        before, behind = long[:at], long[at + len(short) :]
        if not _goes_on(short[-1], behind) and not _goes_on(short[0], before[::-1]):
            return Likeness.AKIN
        at = long.find(short, at + 1)
    return Likeness.UNCLEAR


_A_NUMBER_GOES_ON: Final = re.compile(r"[0-9a-z]|\|(?:[0-9]|[0-9a-z]{1,2}(?![0-9a-z]))", re.ASCII)


def _goes_on(edge: str, beside: str) -> bool:
    """Whether a number or word that ends at this edge goes on beside it: `SO-1` in `SO-12`, and in `SO-1-2`."""
    return edge.isascii() and edge.isalnum() and _A_NUMBER_GOES_ON.match(beside) is not None
