"""Whether an invoice still counts, by what its list says. Pure."""

import re
from typing import Final

from worker.characters import simplified
from worker.texts import folded

_WORDS: Final = (
    r"(?:作废|[红冲废退负])(?!税|责|包|突|值)[红冲废退负作字票数销正减回货]*"
    r"|撤销|撤回|注销|取消|删除|失效|无效|换开|重开|抵消|抵销"
    r"|void|cancel|invalid|revers|revok|delet|discard|destroy|offset|writ(?:e|t?en)off|credited|creditnote|refund"
    r"|annul|storno|nullif|rescind|withdrawn|superseded|scrapped|abolish|negated"
    r"|(?:^|ly)red$|red(?:flush|ink|letter|invoice)"
)
_DEAD: Final = re.compile(_WORDS)
_JOINED: Final = str.maketrans("", "", "-_")
_NOT: Final = re.compile(
    r"(?:[未没](?:有|被|发生|进行|做过|经|曾)*|非|无需|无|不|不可|可(?:部分|全额)?|能|not(?:been|yet)?|un|non|never)"
    rf"(?={_WORDS})"
)
"""Before such a word: 未红冲, 非作废; 可红冲 says that it may yet be."""
_ANSWERED: Final = re.compile(
    r"(?:是否)?(?:被|已)?(?:[红冲作废退撤销回字]+|void(?:ed)?)(?:标志|标识|状态|金额)?[:=](?:否|无|n|no|false|0[.0]*元?)"
)
"""A flag that says no: 冲红标志:否."""
_FAILED: Final = re.compile(r"(?:红冲|冲红|作废|冲销|撤销|取消)(?:申请)?(?:失败|被驳回|已驳回|未通过)")
"""Somebody tried, and it still stands."""


def is_dead(status: str | None) -> bool:
    """Whether it was red-lettered or voided, in full or in part, in whatever words (已红冲-全额, 部分红冲, 已作废)."""
    text = _FAILED.sub("", simplified(folded(status or "")).translate(_JOINED))
    if _ANSWERED.fullmatch(text):
        return False
    while (negated := _NOT.search(text)) is not None:
        behind = text[negated.end() :]
        dead = _DEAD.match(behind)
        text = text[: negated.start()] + (behind[dead.end() :] if dead else behind)
    return _DEAD.search(text) is not None
