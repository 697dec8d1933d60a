"""What an event says, in English and in Chinese side by side: the first line is what happened, the others are details
and what to do next. Pure but for the language, which is the terminal's: data to lines.

In Chinese a code is told in the contract's words.
"""

from collections.abc import Callable
from typing import Any, Final

from contracts.texts import FAILURES, REJECTIONS, WARNINGS
from worker.cli.story_parts import (
    archived,
    candidate_lines,
    clock,
    file_line,
    first_lines,
    invoice_line,
    item_line,
    moment,
    names,
    percent,
)
from worker.cli.terminal import is_chinese, said

STATES: Final = {
    "waiting": "等待执行",
    "held": "暂缓",
    "following": "等待同一订单号的先前命令",
    "running": "执行中",
    "submitting": "已提交或正在提交",
    "scanning": "等待扫码",
    "checking": "网关已拒绝，正在核实",
    "in_doubt": "已提交，结果不明",
    "completed": "已完成",
    "failed": "未成功",
    "rejected": "已拒收",
}
"""What a command's state means."""


def state_of(command: dict[str, Any]) -> str:
    """A command's state, as it is asked for and, in Chinese, in words too."""
    state = str(command.get("state"))
    return f"{state}（{STATES[state]}）" if is_chinese() and state in STATES else state


def warning(told: dict[str, Any]) -> str:
    """One warning of an event."""
    return f"{said('warning: ', '警告：')}{told.get('path') or ''} {_warned(told)}"


def _warned(told: dict[str, Any]) -> Any:
    entry = WARNINGS.get(str(told.get("code"))) if is_chinese() else None
    return f"{entry.zh.happened}{entry.zh.action}" if entry else told.get("message")


def _qr_required(data: dict[str, Any]) -> list[str]:
    until, attempt = clock(data.get("expiresAt"), said("        ", "?")), data.get("attempt")
    return [
        said(
            f"scan this with the face of the seller's user before {until} (attempt {attempt})",
            f"请销售方办税人员在 {until} 之前刷脸扫码（第 {attempt} 次）",
        )
    ]


def _completed(data: dict[str, Any]) -> list[str]:
    invoice = data.get("invoice") or {}
    number, buyer = invoice.get("invoiceNumber"), invoice.get("buyerName")
    unheard = said(", found without the gateway's reply", "（未收到网关答复，另行查明）")
    found = unheard if data.get("reconciled") else ""
    first = said(
        f"invoice {f'{number} ' if number else ''}issued to {buyer or 'the buyer'}",
        f"已向 {buyer or '购买方'} 开具发票{f' {number}' if number else ''}",
    )
    url = data.get("invoiceUrl")
    return [first + found, *([said(f"PDF: {url}", f"PDF：{url}")] if url else [])]


def _confirmed(data: dict[str, Any]) -> list[str]:
    number, when, total = (
        data.get("invoiceNumber"),
        str(data.get("invoiceDate") or "")[:10],
        data.get("totalPriceAndTax"),
    )
    matches = {
        True: said(", as expected", "，与预期一致"),
        False: said(", NOT the expected total", "，与预期金额不符！"),
        None: "",
    }[data.get("expectedTotalMatches")]
    first = said(f"invoice {number}", f"发票号码 {number}")
    if when:
        first += said(f" of {when}", f"，{when} 开具")
    if total:
        first += said(", total ", "，价税合计 ") + f"{total}{matches}"
    return [first, *map(file_line, data.get("files") or [])]


def _unconfirmed(data: dict[str, Any]) -> list[str]:
    looks = data.get("lookUps") or 0
    return [
        said(
            f"issued, but its number was not found in {_count(looks, 'look-up')}",
            f"已开票，但查询 {looks} 次仍未查到号码",
        ),
        said(
            f"look for it at the tax bureau; fapiao-worker status {data.get('commandId')}",
            "请到电子税务局查看，不要重发",
        ),
    ]


def _failed(data: dict[str, Any]) -> list[str]:
    code, stage, why = data.get("code"), data.get("stage"), data.get("gatewayMessage")
    entry = FAILURES.get(str(code))
    happened = entry.zh.happened if entry else data.get("message")
    lines = [said(f"{code} at stage {stage}: {data.get('message')}", f"{code}（{stage}）：{happened}")]
    if why:
        lines.append(said(f"the gateway says: {why}", f"网关原文：{why}"))
    if entry:
        return [*lines, said(entry.en.action, entry.zh.action)]
    may_again = said("may be sent again under a new id", "可用新的 id 重新发送")
    will_not_help = said("sending it again as it is will not help", "原样重发无济于事")
    return [*lines, may_again if data.get("retryable") else will_not_help]


def _rejected(data: dict[str, Any]) -> list[str]:
    code = str(data.get("code"))
    entry = REJECTIONS.get(code)
    if entry is None:
        return [code, *_faults(data, ": ")]
    return [said(code, f"{code}：{entry.zh.happened}"), *_faults(data, ": "), said(entry.en.action, entry.zh.action)]


def _faults(data: dict[str, Any], colon: str) -> list[str]:
    whole = said("(message)", "（整条消息）")
    return [f"{error.get('path') or whole}{colon}{_fault(error)}" for error in data.get("errors") or []]


def _fault(error: dict[str, Any]) -> str:
    if not is_chinese():
        return str(error.get("message"))
    from worker.cli.faults_zh import in_chinese  # only what is wrong needs it

    return in_chinese(str(error.get("message")))


def _in_doubt(data: dict[str, Any]) -> list[str]:
    lines = [
        said("submitted, outcome unknown: ", "已提交，结果不明：") + str(data.get("reason")),
        said("do not send this order again", "请勿重发此订单"),
    ]
    if data.get("needsPerson"):
        resolve = f"fapiao-worker resolve {data.get('commandId')}"
        lines += [line for found in data.get("candidates") or [] for line in candidate_lines(found)]
        lines += [
            said(
                "look at the tax bureau whether the invoice exists, then decide:",
                "请到电子税务局核实发票是否存在，然后决定：",
            ),
            f"{resolve} --issued {said('NUMBER', '发票号码')}",
            f"{resolve} --not-issued",
        ]
    elif data.get("nextLookAt"):
        at = moment(data["nextLookAt"])
        lines.append(said(f"the worker looks again at {at}", f"将于 {at} 再次查询"))
    return lines


def _page(data: dict[str, Any]) -> list[str]:
    found = data.get("invoices") or []
    count, lines = len(found), first_lines([*map(invoice_line, found)])
    if data.get("late"):
        return [said(f"files of {_count(count, 'invoice')} came late", f"{count} 张发票的文件随后到齐"), *lines]
    number, total_page, part, parts = (data.get(name) for name in ("pageNumber", "totalPage", "part", "parts"))
    place = said(f"page {number}", f"第 {number} 页")
    if total_page:
        place += said(f" of {total_page}", f"，共 {total_page} 页")
    if (parts or 1) > 1:
        place += said(f", part {part} of {parts}", f"，第 {part} 部分（共 {parts} 部分）")
    return [place + said(f": {_count(count, 'invoice')}", f"：{count} 张发票"), *lines]


def _query_completed(data: dict[str, Any]) -> list[str]:
    invoices, items, files = (data.get(f"{what}Count") or 0 for what in ("invoice", "item", "file"))
    pages, more, date = data.get("pages") or 0, data.get("missingInvoices"), (data.get("download") or {}).get("date")
    counts = ", ".join((_count(invoices, "invoice"), _count(items, "item"), _count(files, "file")))
    lines = [
        said(
            f"{counts}, on {_count(pages, 'page')}",
            f"{invoices} 张发票，{items} 条明细，{files} 个文件，共 {pages} 页",
        )
    ]
    if data.get("isCut"):
        lines.append(
            said(
                "the list may not be whole: raise FAPIAO_QUERY_MAX_PAGES, or ask for fewer days",
                "列表可能不全：请调大 FAPIAO_QUERY_MAX_PAGES，或缩短日期范围",
            )
        )
    if more:
        lines.append(
            said(
                f"the gateway counted {more} more: rows may have shifted; query again",
                f"网关统计还有 {more} 张：查询期间列表可能有变动，请再查一次",
            )
        )
    if data.get("missingItems"):
        some = names(data["missingItems"])
        lines.append(
            said(f"without items: {some} (invoice.items asks again)", f"缺少明细：{some}（可用 invoice.items 再取）")
        )
    if data.get("missingFiles"):
        lines.append(_lacking(data) + said(" (invoice.files asks again)", "（可用 invoice.files 再取）"))
    if date:
        lines.append(
            said(
                f'the gateway could not get all files: send invoice.download with date "{date}"',
                f"网关未能取得全部文件：请发送 invoice.download，date 填 “{date}”",
            )
        )
    return lines


def _lacking(data: dict[str, Any]) -> str:
    return said("files lacking: ", "缺少文件：") + names(data["missingFiles"])


def _download_completed(data: dict[str, Any]) -> list[str]:
    date = data.get("date")
    return [
        said(
            f"the gateway has the files of {date} now; invoice.files tells where",
            f"网关已取得 {date} 的文件；用 invoice.files 查询地址",
        )
    ]


def _items_completed(data: dict[str, Any]) -> list[str]:
    items = data.get("items") or []
    first = said(_count(len(items), "item"), f"{len(items)} 条明细")
    return [first, *first_lines([*map(item_line, items)])]


def _files_completed(data: dict[str, Any]) -> list[str]:
    files = data.get("files") or []
    lines = [said(_count(len(files), "file"), f"{len(files)} 个文件"), *map(file_line, files)]
    return [*lines, _lacking(data)] if data.get("missingFiles") else lines


def _stored_completed(data: dict[str, Any]) -> list[str]:
    found, total = data.get("invoices") or [], data.get("total") or 0
    lines = [invoice_line({**each["invoice"], "files": each.get("files")}) for each in found]
    is_part = total > len(found)
    first = said(
        f"{f'{len(found)} of ' if is_part else ''}{_count(total, 'stored invoice')}",
        f"已保存的发票共 {total} 张{f'，此处 {len(found)} 张' if is_part else ''}",
    )
    return [first, *first_lines(lines)]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _check_completed(data: dict[str, Any]) -> list[str]:
    faults = _faults(data, said(": ", "：")) + [_odd(each) for each in data.get("warnings") or []]
    if not data.get("accepted"):
        return [said("would be rejected", "会被拒收"), *faults]
    lines = [said("would be accepted; nothing was sent", "可以接收；未发送任何内容"), *faults]
    lines += map(_folded, data.get("discountsFolded") or [])
    if data.get("totals"):
        total = data.get("linesTotal")
        lines.append(
            said(
                f"the lines come to {total}; nobody knows yet whether that includes tax:",
                f"各行合计 {total}；是否含税尚不确定：",
            )
        )
        lines += map(_reading, data["totals"])
    return lines


def _odd(each: dict[str, Any]) -> str:
    code, path = each.get("code"), each.get("path")
    return said(f"warning {code}, {path}: ", f"警告 {code}，{path}：") + str(_warned(each))


def _folded(folded: dict[str, Any]) -> str:
    line, off, before, after, amount = (
        folded[name] for name in ("line", "amount", "unitPriceBefore", "unitPrice", "lineAmount")
    )
    return said(
        f"line {line}: {off} off, unit price {before} becomes {after}, line {amount}",
        f"第 {line} 行：减 {off}，单价由 {before} 变为 {after}，该行 {amount}",
    )


def _reading(total: dict[str, Any]) -> str:
    rate, sum_ = (
        percent(total.get("taxRate")),
        f"{total.get('totalAmount')} + {total.get('totalTax')} = {total.get('totalPriceAndTax')}",
    )
    reading = (
        said("prices with tax", "单价含税")
        if total.get("pricesIncludeTax")
        else said("prices without tax", "单价不含税")
    )
    matches = said("  = expectedTotal", "  与 expectedTotal 一致") if total.get("expectedTotalMatches") else ""
    return said(f"{reading}, rate {rate}: {sum_}", f"{reading}，税率 {rate}：{sum_}") + matches


def _audited(data: dict[str, Any]) -> list[str]:
    from worker.cli import audit_report  # it knows the contract's models, which few commands need

    return audit_report.findings(data) if "findings" in data else audit_report.completed(data)


WORDS: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "invoice.issue.qr_required": _qr_required,
    "invoice.issue.completed": _completed,
    "failed": _failed,
    "rejected": _rejected,
    "invoice.issue.in_doubt": _in_doubt,
    "invoice.query.page": _page,
    "invoice.issue.confirmed": _confirmed,
    "invoice.issue.unconfirmed": _unconfirmed,
    "archived": archived,
    "invoice.query.completed": _query_completed,
    "invoice.download.completed": _download_completed,
    "invoice.items.completed": _items_completed,
    "invoice.files.completed": _files_completed,
    "invoice.stored.completed": _stored_completed,
    "invoice.check.completed": _check_completed,
    "invoice.audit.finding": _audited,
    "invoice.audit.completed": _audited,
}
"""By event type, else by outcome."""
