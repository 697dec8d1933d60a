"""Whether an invoice still counts, by what its list says. Pure."""

import re
from typing import Final

from worker.characters import simplified
from worker.texts import folded

_DEAD: Final = re.compile(
    r"红冲|冲红|红字|冲销|冲正|冲减|红票|红废|作废|废票|废弃|退票|撤销|注销|取消|删除|失效|无效"
    r"|void|cancel|invalid|revers|revok|delet|discard|destroy|offset|writ(?:e|t?en)off|credited|creditnote|refund"
    r"|(?:^|ly)red$|red(?:flush|ink|letter|invoice)"
)
_JOINED: Final = str.maketrans("", "", "-_")
_NOT: Final = re.compile(
    r"(?:未被?|非|没有|无需|无|不|不可|可|能|not|un|non|never)"
    r"(?=红|冲|作|废|退|撤|注|取消|删|失效|void|cancel|invalid|rev|red|del|off|refund)"
)
"""Before such a word: 未红冲, 非作废; 可红冲 says that it may yet be."""
_FAILED: Final = re.compile(r"(?:红冲|冲红|作废|冲销|撤销|取消)(?:申请)?(?:失败|被驳回|已驳回|未通过)")
"""Somebody tried, and it still stands."""


def is_dead(status: str | None) -> bool:
    """Whether it was red-lettered or voided, in full or in part, in whatever words (已红冲-全额, 部分红冲, 已作废)."""
    text = _FAILED.sub("", simplified(folded(status or "")).translate(_JOINED))
    while (negated := _NOT.search(text)) is not None:
        behind = text[negated.end() :]
        dead = _DEAD.match(behind)
        text = text[: negated.start()] + (behind[dead.end() :] if dead else behind)
    return _DEAD.search(text) is not None
