"""Whether an invoice still counts, by what its list says. Pure."""

import re
from typing import Final

from worker.texts import folded

_DEAD: Final = re.compile(
    r"红冲|冲红|红字|冲销|红票|紅沖|沖紅|紅字|作废|作廢|废票|失效|无效|void|cancel|invalid|revers|redflush|redink"
)
_NOT: Final = re.compile(r"(?:未被?|非|没有|无需|不可|not|un|non)(?=红|冲|紅|沖|作|废|void|cancel|invalid|revers|red)")
"""Before such a word: 未红冲, 非作废."""


def is_dead(status: str | None) -> bool:
    """Whether it was red-lettered or voided, in full or in part, in whatever words (已红冲-全额, 部分红冲, 已作废)."""
    text = folded(status or "").replace("-", "").replace("_", "")
    while (negated := _NOT.search(text)) is not None:
        behind = text[negated.end() :]
        dead = _DEAD.match(behind)
        text = text[: negated.start()] + (behind[dead.end() :] if dead else behind)
    return _DEAD.search(text) is not None
