"""What a row says of whether its invoice counts, beside the member that the manual has for it. Pure.

Programs name it as they like: `zfbz`, 红冲状态, `isRed`, the number of the invoice that a red one takes back.
Guaranteed: what may say that the invoice was voided or red-lettered, or is a red one, is told; what denies it is not.
Not known here: what follows for whose invoice it is.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from worker.characters import in_usual_characters
from worker.gateway.values import is_absent, text_of

_MOST: Final = 200
"""Members of a row that are looked at."""
_LONGEST: Final = 60
_JOINS: Final = re.compile(r"[_\-\s.]")
_AROUND: Final = r"(?:已经?|被|正常|全额?|部分?|[-_/():,. ])*"
_DEAD: Final = re.compile(
    rf"{_AROUND}(?:作废|红冲|冲红|冲销|冲正|注销|撤销|失效){_AROUND}(?:发票|票)?{_AROUND}"
    r"|void(?:ed)?|cancell?ed|revoked|reversed|annull?ed|(?:fully?|partial(?:ly)?|part)?[-_ ]?red[-_ ]?flush(?:ed)?",
    re.IGNORECASE,
)
_RED: Final = re.compile(
    rf"{_AROUND}(?:红字|红票|负数|负票){_AROUND}(?:发票|票)?{_AROUND}"
    r"|(?:credit|negative)[-_ ]?(?:note|invoice|memo)?|red(?:[-_ ]?(?:letter(?:ed)?|invoice|ink))?",
    re.IGNORECASE,
)
"""The whole of a member's value: a street or a wine may be called red."""
_FLAG: Final = r"(?:bz|bs|zt|flag|status|state|mark|type|标志|标识|标记|状态|类型)"
_TOLD: Final = rf"(?:{_FLAG}|zhuangtai|biaozhi|time|date|at|by|reason|时间|日期|人|原因)"
_IS: Final = r"(?:is|if|sf|has|是否)?(?:已|被)*(?:invoice|fp|发票)?"
_DEAD_NAMES: Final = re.compile(
    rf"{_IS}(?:void(?:ed)?|invalid(?:ated)?|cancell?ed|revers(?:ed|al)|revoked|作废|红冲|冲红|冲销|hongchong|zuofei){_TOLD}?"
    rf"|{_IS}(?:zf|hc|ch|fpzf|fphc)(?:bz|bs|zt|flag)|(?:sf|is)(?:zf|hc)"
)
"""Of zf, `zfStatus` and `zfType` are a payment's."""
_RED_NAMES: Final = re.compile(
    rf"{_IS}(?:red(?:invoice|letter(?:ed)?|ink)?|creditnote|negative|红字|红票|hongzi){_FLAG}?|(?:sf|is)?(?:hz|hp){_FLAG}"
    r"|.*(?:红字|hz)(?:发票)?(?:信息|通知单?|确认单?|xx|tzd|qrd|fpxxqrd).*"
    r"|(?:red|blue|orig(?:inal)?|源|原|(?:被红冲)?蓝字?|被红冲|对应(?:蓝字|正数)|红字?|y|l|lz|yl|hz?)"
    r"(?:invoice|fp|发票|数电票?|蓝字发票|蓝票|正数发票)+(?:no|num(?:ber)?|code|id|hm|dm|号码?|代码)"
)
"""Members that only a red invoice has, or one that a red one has taken back."""
_STATUS_NAMES: Final = re.compile(
    r"(?:invoice|fp|bill|ticket|发票|票据|开票)?(?:status|state|zt|状态)(?:code|name|desc|dm|mc)?"
)
_NO: Final = re.compile(
    r"[0.\-/]*|否|无|空|没有|[未非不]\w*|正常|蓝字?票?|正数?|n|no|f|false|off|null|none|undefined|nan|n/?a|normal|valid|blue",
    re.IGNORECASE,
)


Member = tuple[str, str, str]
"""Its name, the name as it compares, and the value's text."""


def other_members(row: Mapping[str, Any], known: Collection[str]) -> tuple[Member, ...]:
    """Of what is short enough; `known` are the members that say something else."""
    return tuple(_told(row, known))


def told_elsewhere(members: Iterable[Member]) -> Iterator[str]:
    """What may say that it counts no more, as `name: value`."""
    for name, plain, text in members:
        if (_is_named(_DEAD_NAMES, plain) and not _NO.fullmatch(text)) or _DEAD.fullmatch(text):
            yield f"{name}: {text}"


def may_be_red(members: Iterable[Member]) -> bool:
    """Whether anything says that it is a red invoice, or has to do with one."""
    return any(
        (_is_named(_RED_NAMES, plain) and not _NO.fullmatch(text)) or _RED.fullmatch(text) for _, plain, text in members
    )


def status_elsewhere(members: Iterable[Member]) -> str | None:
    """Its status, by another name."""
    return next((text for _, plain, text in members if _is_named(_STATUS_NAMES, plain)), None)


def _told(row: Mapping[str, Any], known: Collection[str]) -> Iterator[Member]:
    for name, value in islice(row.items(), _MOST):
        if name in known or len(name) > _LONGEST:
            continue
        text = str(value).lower() if isinstance(value, bool) else text_of(value)
        if text is not None and not is_absent(text) and len(text) <= _LONGEST:
            yield name, _plain_name(name), _plain_text(text)


@lru_cache(maxsize=512)
def _plain_name(name: str) -> str:
    return _JOINS.sub("", in_usual_characters(name)).lower()


@lru_cache(maxsize=1024)
def _is_named(names: re.Pattern[str], plain: str) -> bool:
    """Rows have the same few members, one after the other."""
    return names.fullmatch(plain) is not None


def _plain_text(text: str) -> str:
    return in_usual_characters(text).strip()
