"""Why the gateway refuses, where it says so: a sentence, or an object with a code, in the place of an answer. Pure.

Guaranteed: a reason holds no password, no phone, id or account number, and at most `MAX_REASON_CHARS`; what may as well
mean that there is an invoice, or will be, is no refusal.
Not known here: whether an answer was asked for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from unicodedata import normalize

from worker.characters import in_usual_characters
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import location
from worker.gateway.values import count_of, is_absent, parsed_if_json, status_of, text_of
from worker.secrecy import hide_numbers

MAX_REASON_CHARS: Final = 500
_MAX_WRAPPERS: Final = 4
_REASON_NAMES: Final = (
    re.compile(r"(?:.*(?:msg|message|reason))|cwxx|cwms|fhxx|错误信息|失败原因|原因|提示|说明"),
    re.compile(r"errors?|.*(?:desc|description|details?|cause|tips?)"),
    re.compile(r"info|title|content|text|errinfo|errorinfo"),
)
"""The likeliest first; names in small letters, without what joins words."""
_CODE_NAMES: Final = re.compile(r"(?:err(?:or)?|return|ret|result|rtn)?code|status|success|issuccess|ok")
_INNER_NAMES: Final = ("data", "result", "response", "error", "body")
_JOINS: Final = re.compile(r"[_\-\s]")
_FINE_CODES: Final = frozenset(
    {
        "0",
        "1",
        "200",
        "00",
        "000",
        "0000",
        "00000",
        "000000",
        "10000",
        "20000",
        "success",
        "ok",
        "true",
        "s",
        "y",
        "yes",
    }
)
_FINE_WORDS: Final = frozenset(
    {"ok", "success", "successful", "成功", "操作成功", "请求成功", "处理成功", "null", "true"}
)
"""What a wrapper says where all is well: what matters stands inside of it."""
_MAY_BE_ISSUED: Final = re.compile(
    r"成功(?!0)|已经?开(?![户通启])|已提交|已完成|已经?生成|(?:开具|开票)完成|完成开[具票]"
    r"|已经?出票|(?:开具|开票|出票)完[毕成]|已有发票|(?:保存|存)(?:为|到|至)草稿|草稿(?:已保存|保存成功)"
    r"|处理中|开[票具]中|已(?:经|被)?(?:发送|上传)[至到]|受理|排队|正在|稍后(?:查询|查看)"
    r"|success|issued|created|generated|processing|pending|submitted|queued|in progress|\baccepted",
    re.IGNORECASE,
)
"""A gateway that refuses in such words may have issued the invoice, or may still issue it. So its absence is believed
no sooner than if there had been no answer at all."""
_IS_ISSUED: Final = re.compile(
    r"已经?开[具票出](?!的|数|量|份|张|金额|总)|开[具票]成功|(?:开[具票]|出票)(?:已经?)?完[成毕]|已经?出票|已有发票"
    r"|(?i:(?<!be )\bissued\b)"
)
"""Says of an order that there is an invoice, and not only that all goes well."""
_MEANS_WELL: Final = re.compile(
    r"(?:code )?(?:ok|done|finished|completed?|normal|完成|完毕|正常(?:开[具票])?)[.!。]*", re.IGNORECASE
)
"""The whole of an answer, or of its status, that says no more than that all is well."""
NUMBER_OF_ONE: Final = re.compile(r"(?<![0-9])[0-9]{20}(?![0-9])", re.ASCII)
"""An invoice's number: who tells one has issued it, unless it stands in a sentence that says that it failed."""
_QUOTA: Final = re.compile(
    r"(?:已经?开|issued?\b).{0,20}(?:限额|上限|超限|限制|额度|达到|用完|用尽|超过|超出|quota|limit(?!ed)|exceed)"
    r"|正在(?:升级|维护|更新|检修|割接)",
    re.IGNORECASE,
)
"""How many invoices there are already, and what the gateway is busy with: nothing of this one."""
_NOT: Final = re.compile(
    r"失败|[不未没].{0,8}(?:成功|开|生成|提交|完成|受理)|无法|不能|不可|unsuccess|\bnot\b|n't|fail", re.IGNORECASE
)
_TWICE: Final = re.compile(r"重复|幂等|已经?存在|duplicate|already|repeat(?:ed)? request", re.IGNORECASE)
"""Said of an order that was sent once: its invoice is there already, also where another is refused (`不能重复开票`)."""
_AFTERWARDS: Final = re.compile(
    r"pdf|ofd|版式|(?:发票|电子)文件|文件(?:未|没有?|尚未)?生成|邮件|短信|推送|交付|打印|回传|下载|上传|[入落]库|保存发票"
    r"|(?:获取|查询|查|找|读取|识别|解析|提取)[不到了]?.{0,6}(?:开票结果|(?:发票|票号)(?!额度|限额|抬头|类型|种类|税目))"
    r"|(?:发票|文件)(?:地址|链接)(?:为空|不存在)|url *(?:为空|is (?:null|empty))|发票查询|截图|回调|通知"
    r"|(?<![a-z])oss(?![a-z])|\bs?mail\b|\bsms\b|deliver",
    re.IGNORECASE,
)
"""What is done with an invoice that there is."""
_UNKNOWN: Final = re.compile(
    r"(?<!未)超时|time[d]?[- _]?out|(?<![\d.,])5(?:0[234]|2[0-7])(?![.,]?\d|元)|gateway|网络|断网|中断"
    r"|连接.{0,4}(?:重置|断开|失败|中断|关闭)|关闭.{0,8}连接|connection|disconnect|econn|epipe|etimedout|net::err"
    r"|broken pipe|hang up|(?<![a-z])eof|end of file|i/?o ?(?:error|异常|exception)|unavailable|upstream|通[讯信]异常"
    r"|(?:结果|返回|响应|应答)(?:结果|值)?为?空|empty (?:response|reply|result)|get (?:a )?response"
    r"|(?:killed|terminated|destroyed)|\bkill|\boom\b|out ?of ?memory|内存溢出"
    r"|abort|deadline.?exceeded|(?:context|task|request).{0,8}cancell?ed"
    r"|(?:浏览器|页面|进程|程序)(?:已经?|被)?(?:崩溃|关闭|断开|退出)|crash"
    r"|(?:target|page|browser|tab|stream|socket|channel).{0,20}closed"
    r"|(?:未|无|没有?).{0,8}(?:响应|应答|回应|回执)|等?待.{0,6}(?:返回|结果|响应)|no (?:response|reply|answer)"
    r"|(?:结果|(?<!纳税人)(?<!企业)状态)(?:未知|不明|不确定)|待(?:确认|核实)|wait(?:ed|ing)? for (?:the )?result"
    r"|unknown (?:status|result|state)|(?:status|result|state) (?:is )?unknown"
    r"|(?:开票|发票)?结果.{0,4}(?:核实|确认|查看|核对|查询)"
    r"|(?:核实|确认|查看|核对|查询)(?:开票|发票)?(?:结果|状态|是否(?:已|开))"
    r"|[到在去]电?子?税务?局.{0,6}(?:核实|确认|核对)(?!.{0,6}(?:额度|限额|信息|权限|资格|授信))",
    re.IGNORECASE,
)
"""Whoever says so does not know what became of it."""
_BEFORE: Final = re.compile(
    r"登录|登陆|会话|扫码|认证|人脸|刷脸|二维码|验证|实名|授权|session|log-?in|\bqr|scan|token", re.IGNORECASE
)
"""What comes before an invoice: where that took too long there is none."""
_NOTHING_THERE: Final = re.compile(
    r"(?:暂?无|没有|未[查找搜]询?到|查询?不到)(?:符合条件的?|相关的?|任何)?(?:数据|记录|发票|结果)[。.!]*$"
    r"|\bno (?:data|records?|invoices?|results?)(?: found)?[.!]*$",
    re.IGNORECASE,
)
_FINE: Final = re.compile(r"成功|完[成毕]|正常|^ok\b|success|done|complete|null|(?<!\d)0 *[条张]", re.IGNORECASE)
_NOT_YET: Final = re.compile(r"[未不]|稍后|正在|[同步查询处理]中|重试|again|later|pending", re.IGNORECASE)
_PARTLY: Final = re.compile(r"部分|仅|最多|前 *\d+ *[条张]|partial|truncat|at most|only", re.IGNORECASE)
_COUNTS: Final = re.compile(r"(?:total|records?|rows?|items?)?(?:count|total|nums?|number|elements?|records?|rows?)")
_CLAUSES: Final = re.compile(r"[,，;；。!！:：\n(（]|但|\bbut\b", re.IGNORECASE)
_FAILING: Final = re.compile(
    r"失败|错误|异常|不足|拒绝|无法|不能|未通过|超过|超限|fail|error|refus|reject|denied", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gateway says no; `reason` is its own word, where it says one."""

    reason: str | None = None


_DENIES: Final = re.compile(
    r"失败|错|误|异常|不|未|无|没|非法|拒绝|驳回|超|上限|限[额制]|用[完尽]|缺|请|需|须|应|只能|仅|繁忙|维护|升级|过期|失效|重复|冻结|注销"
    r"|停[用止业]|锁定|风险|黑名单|稍后|有误|终止|取消|作废|[0-9]{3}|^[0-9]+$"
    r"|fail|error|exception|invalid|illegal|refus|reject|denied|den(?:y|ies)|forbid|expired|exceed|quota|limit|busy"
    r"|missing|require|must|should|please|cannot|can't|unable|unknown|unauthor|wrong|bad|\bno\b|not|n't|unsuccess|\bcode\b",
    re.IGNORECASE,
)
"""Of a sentence that refuses, some word says so."""
_FILE: Final = re.compile(r"\s*(?:data:application/[\w.+-]+;base64,)?(?:JVBERi0|UEsDB)")
_STATES: Final = re.compile(
    r"(?:is|has|sf)?(?:invoice|fp|kp|开票|发票)?(?:result|state|status|flag|zt|issued?|success(?:ful)?|成功|结果|状态)"
)


def refusal_of(data: Any, sent_data: Any, redactor: AnswerRedactor) -> Refusal | None:
    """What this answer refuses: "0", null and false; a text that is no address; an object with a code or a message.
    `sent_data` is the answer with its wrappers. None where it refuses nothing, or may not."""
    status, told = status_of(data), _told(sent_data)
    if told is None and not isinstance(data, (Mapping, list)) and status is None:
        told = text_of(data)
    if status is True or (told is not None and _may_be_issued(told)):
        return None
    if status is False:
        return Refusal(_shown(told, redactor))
    if told is not None and told.strip().lower() in _FINE_CODES:
        return None
    if is_absent(told) or told is None or location(told) is not None or is_file(told):
        return None
    return Refusal(_shown(told, redactor))


def login_reason(data: Any, sent_data: Any, redactor: AnswerRedactor) -> str | None:
    """Why a login that was not accepted is refused, where the answer says so."""
    told = _told(sent_data)
    if told is None and isinstance(data, str) and status_of(data) is None:
        told = data
    return _shown(told, redactor)


def is_refused(data: Mapping[str, Any], answer: Any) -> bool:
    """Whether what has the members of a result brings none: no address, and it says that it failed, or one of its
    wrappers does, by a code that is not fine or in words."""
    return is_absent(data.get("invoiceUrl")) and _has_failed(answer)


def is_list_answered(answer: Any) -> bool:
    """Whether an answer with an empty list means that nothing is there: it does not say that it failed, or only that
    there is nothing (`暂无数据`)."""
    return not _has_failed(answer) or _NOTHING_THERE.search(_told(answer) or "") is not None


def casts_doubt(answer: Any, *, is_empty: bool) -> bool:
    """Whether what stands beside a list may say that it is not all: a failure, or `仅返回部分数据`; and where nothing
    at all is listed (`is_empty`) a count, or any sentence but that all is well or nothing is there (`数据同步中`)."""
    return any(
        _says_no(level)
        or any(_is_doubt(_plain(name), value, is_empty=is_empty) for name, value in islice(level.items(), _MOST))
        for level in levels(answer)
    )


def _is_doubt(name: str, value: Any, *, is_empty: bool) -> bool:
    if not isinstance(value, str) or is_absent(value):
        is_count = _COUNTS.fullmatch(name) is not None and is_empty
        return (is_count or name.startswith("err")) and bool(count_of(value))
    if _NOTHING_THERE.search(value):
        return False
    is_sentence = any(likely.fullmatch(name) for likely in _REASON_NAMES[:2])
    return (
        _FAILING.search(value) is not None
        or (is_sentence and (_PARTLY.search(value) or _UNKNOWN.search(value)) is not None)
        or (is_sentence and is_empty and not _is_fine(value))
    )


def _is_fine(text: str) -> bool:
    return _FINE.search(text) is not None and not _NOT_YET.search(text)


def _has_failed(answer: Any) -> bool:
    return any(map(_says_no, levels(answer)))


def levels(answer: Any) -> Iterator[Mapping[str, Any]]:
    """The answer, and what is in its `data`, as far down as these are objects."""
    for _ in range(_MAX_WRAPPERS):
        answer = parsed_if_json(answer)
        if not isinstance(answer, Mapping):
            return
        yield answer
        answer = answer.get("data")


def _plain(name: str) -> str:
    """A member's name as it is compared."""
    return _JOINS.sub("", name).lower()


def _says_no(data: Mapping[str, Any]) -> bool:
    message, code = _said(data)
    if message is not None and _may_be_issued(message):
        return False
    is_bad = code is not None and code.lower() not in _FINE_CODES
    return is_bad or (message is not None and _FAILING.search(message) is not None)


def says_otherwise(name: str, value: Any) -> bool:
    """Whether a member that the manual does not know, in the result or beside it, says that there is no invoice: a
    state that is not fine, or words of failure. What a code or a message says is `is_refused`."""
    name = _plain(name)
    text = str(value).lower() if isinstance(value, bool) else text_of(value)
    if text is None or is_absent(text) or _is_judged(name):
        return False
    if _STATES.fullmatch(name):
        return text.strip().lower() in {"0", "n", "no", "f"} or not (text.lower() in _FINE_CODES or _is_well(text))
    return _FAILING.search(text) is not None


def _is_judged(name: str) -> bool:
    """Whether `_says_no` has read it."""
    return _CODE_NAMES.fullmatch(name) is not None or any(likely.fullmatch(name) for likely in _REASON_NAMES)


def _is_well(text: str) -> bool:
    return _MEANS_WELL.fullmatch(normalize("NFKC", text).strip()) is not None or _may_be_issued(text)


def is_file(text: str) -> bool:
    """Whether this is a file in base64: the PDF itself, or what is packed like an OFD."""
    return _FILE.match(text) is not None


def says_issued(data: Any, answer: Any) -> bool:
    """Whether an answer says in words that there is an invoice (`开票成功`, `订单已开票`), though not which."""
    told = _told(answer) or (data if isinstance(data, str) else None)
    return told is not None and any(
        _IS_ISSUED.search(clause) is not None and not _is_of_none(clause)
        for clause in _CLAUSES.split(in_usual_characters(told))
    )


def denies(text: str) -> bool:
    """Whether some word of it says no."""
    return _DENIES.search(in_usual_characters(text)) is not None


def leaves_open(reason: str | None) -> bool:
    """Whether this reason leaves open that there is an invoice: what failed comes after it (`PDF生成失败`), the
    gateway only stopped waiting for it (`网络超时`), or no word of it says no (`已保存`)."""
    if reason and not denies(reason):
        return True
    return any(
        _BEFORE.search(clause) is None and (_AFTERWARDS.search(clause) or _UNKNOWN.search(clause)) is not None
        for clause in _CLAUSES.split(reason or "")
    )


def _told(sent: Any) -> str | None:
    """The message of the outermost object that has one and says more than that all is well; else its code where that
    is not fine."""
    fine: str | None = None
    bad: str | None = None
    for depth in range(_MAX_WRAPPERS):
        is_within = depth > 0 or isinstance(sent, list)
        sent = _opened(sent)
        if not isinstance(sent, Mapping):
            text = text_of(sent) if is_within else None
            is_more = text is not None and status_of(text) is None and not is_absent(text) and location(text) is None
            return text if is_more else fine or bad
        message, code = _said(sent)
        if message is not None and message.strip().lower() not in _FINE_WORDS:
            return message
        fine = fine or message
        if code is not None and code.lower() not in _FINE_CODES:
            bad = bad or f"code {code}"
        sent = next((sent[name] for name in _inner(sent)), None)
    return fine or bad


def _opened(sent: Any) -> Any:
    """What JSON text says; of a list what is in it and says more than yes or no."""
    sent = parsed_if_json(sent)
    if isinstance(sent, list):
        return next((each for each in sent[:_MOST] if isinstance(each, Mapping) or _is_sentence(each)), None)
    return sent


def _is_sentence(value: Any) -> bool:
    """Whether somebody wrote this to be read: a word alone in a list may be anything."""
    return isinstance(value, str) and any(each.isspace() or each > "\u2e80" for each in value.strip())


def _inner(sent: Mapping[str, Any]) -> list[str]:
    names = {_plain(name): name for name in sent}
    return [names[name] for name in _INNER_NAMES if name in names and sent[names[name]] is not None]


def _said(told: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Its message and its code."""
    names = [(_plain(name), name) for name in islice(told, _MOST)]
    message = next(
        (
            text
            for likely in _REASON_NAMES
            for plain, name in names
            if likely.fullmatch(plain) and (text := _sentence(told[name])) is not None
        ),
        None,
    )
    codes = (_text_in(told, name) for plain, name in names if _CODE_NAMES.fullmatch(plain))
    return message, next((code for code in codes if code is not None), None)


_MOST: Final = 50
"""Of members, or of a list's parts, that are looked at."""


def _sentence(value: Any, depth: int = 0) -> str | None:
    """The text, or the first one in what the gateway has put in its place."""
    if isinstance(value, str) or depth >= _MAX_WRAPPERS:
        return value if isinstance(value, str) and not is_absent(value) else None
    if isinstance(value, Mapping):
        message, code = _said(value)
        texts = (_sentence(each, depth + 1) for each in list(value.values())[:_MOST])
        return message or next((text for text in texts if text is not None and text != code), None)
    if isinstance(value, list):
        return next((text for each in value[:_MOST] if (text := _sentence(each, depth + 1)) is not None), None)
    return None


def _text_in(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    text = str(value).lower() if isinstance(value, bool) else text_of(value)
    return None if is_absent(text) else text


def _may_be_issued(text: str) -> bool:
    """In any of its clauses: `发票开具成功,但文件下载失败`. What is said of a login or a scan is of no invoice, nor is
    what is said of all that were issued: `今日已开票超过限额`."""
    plain = in_usual_characters(text)
    if _MEANS_WELL.fullmatch(plain.strip()) or (NUMBER_OF_ONE.search(plain) and not _FAILING.search(plain)):
        return True
    return any(
        (_TWICE.search(clause) is not None and not _is_of_others(clause))
        or (_MAY_BE_ISSUED.search(clause) is not None and not _is_of_none(clause))
        for clause in _CLAUSES.split(plain)
    )


def _is_of_none(clause: str) -> bool:
    return _NOT.search(clause) is not None or _is_of_others(clause)


def _is_of_others(clause: str) -> bool:
    return _QUOTA.search(clause) is not None or _BEFORE.search(clause) is not None


def _shown(text: str | None, redactor: AnswerRedactor) -> str | None:
    if text is None:
        return None
    whole = " ".join("".join(each if each.isprintable() else " " for each in redactor.sentence(text)).split())
    return hide_numbers(whole)[:MAX_REASON_CHARS] or None
