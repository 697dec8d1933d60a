"""Whether an invoice still counts, by what its list calls its status. Pure.

Guarantees that an invoice counts only by words that are known to mean so; a code (`2`) or an unknown word leaves it
open.
"""

import re
from typing import Final

from worker.characters import simplified
from worker.texts import folded, says_nothing

_WORDS: Final = (
    r"(?:作废|[红冲废退负])(?!税|责|包|突|值)[红冲废退负作字票数销正减回货]*"
    r"|撤销|撤回|注销|取消|删除|失效|无效|换开|重开|抵消|抵销"
    r"|void|cancel|invalid|revers|revok|delet|discard|destroy|offset|writ(?:e|t?en)off|credited|creditnote|refund"
    r"|annul|storno|nullif|rescind|withdrawn|superseded|scrapped|abolish|abandon|negated"
    r"|(?:^|ly|full|part|partial)red$|red(?:flush|ink|letter|invoice)|^red(?:full|part)|^y?(?:zf|hc)$"
)
_DEAD: Final = re.compile(_WORDS)
_JOINED: Final = str.maketrans("", "", "-_")
_NOT: Final = re.compile(
    r"(?:[未没](?:有|被|发生|进行|做过|经|曾)*|非|无需|无|不存在|不|不可|不?(?:允许|支持)(?:部分|全额)?|可(?:部分|全额)?"
    r"|能|not?(?:been|yet)?|un|non|never)"
    rf"(?={_WORDS})"
)
"""Before such a word: 未红冲, 非作废; 可红冲 says that it may yet be."""
_LABEL: Final = re.compile(r"^(?:红冲|冲红|作废)(?:标志|标识|状态):(?=[未没非](?:有|被)?[红冲作废])")
"""What the status is called, before it: 红冲状态:未红冲."""
_ANSWERED: Final = re.compile(
    r"(?:is|是否)?(?:被|已)?(?:[红冲作废退撤销回字]+|void(?:ed)?|cancell?ed|red)(?:标志|标识|状态|金额|次数)?[:=]?"
    r"(?:否|无|未|n|no|f|false|0[.0]*[元次]?)"
)
"""A flag that says no: 冲红标志:否."""
_TRIED: Final = r"(?:红冲|冲红|作废|冲销|撤销|取消)"
_FAILED: Final = re.compile(
    rf"{_TRIED}(?:申请)?(?:失败|已?被?(?:驳回|拒绝|撤销|撤回)|未通过)|(?:已?被?驳回|已?拒绝|已?撤[销回]){_TRIED}申请|红冲撤[销回]"
)
"""Says that somebody tried to red-letter or void it and failed, or gave it up: it still stands."""
_GOOD: Final = re.compile(
    r"(?:正常|有效|可用|已?生效|合法|蓝字|蓝票|正数|发票|状态|成功|完成|完毕|已?(?:开具|开票|出票)|普通"
    r"|[已未](?:认证|勾选|抵扣|入账|确认|用途确认|交付|签收|打印|申报|归集|归档|上传|报销|推送)"
    r"|normal|valid|issued|success(?:ful)?|succeeded|ok|active|effective|finished|done|completed?|blue|positive)+",
)
"""Words that say that there is one, and what was done with it since."""
_NO_WORDS: Final = re.compile(r"[\W\d_]+")


def is_dead(status: str | None) -> bool:
    """Whether it was red-lettered or voided, in full or in part, in whatever words (已红冲-全额, 部分红冲, 已作废)."""
    return _DEAD.search(_without_denials(status)) is not None


def status_when_taken_back(status: str | None) -> str:
    """Of an invoice that a red one of the list names, whatever its own row says."""
    return f"{status or ''} (被红冲)".strip()


def counts(status: str | None) -> bool:
    """Whether it surely counts: what it is called means so, or nothing is told."""
    if status is None or says_nothing(status):
        return True
    text = _without_denials(status)
    words = _NO_WORDS.sub("", text)
    return _DEAD.search(text) is None and (_GOOD.fullmatch(words) is not None if words else text != _plain(status))


def _plain(status: str | None) -> str:
    return simplified(folded(status or "")).translate(_JOINED)


def _without_denials(status: str | None) -> str:
    """Without what says that it was not voided: 未红冲, 冲红标志:否, 红冲失败."""
    text = _LABEL.sub("", _FAILED.sub("", _plain(status)))
    if _ANSWERED.fullmatch(text):
        return ""
    while (negated := _NOT.search(text)) is not None:
        behind = text[negated.end() :]
        dead = _DEAD.match(behind)
        text = text[: negated.start()] + (behind[dead.end() :] if dead else behind)
    return text
