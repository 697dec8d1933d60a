"""The same story in Chinese: what an event of an order says, and what a code means. Pure: data to lines.

The words for codes are the contract's.
"""

from collections.abc import Callable
from typing import Any, Final

from contracts.texts import FAILURES, REJECTIONS, WARNINGS
from worker.cli.story_parts import candidate_lines, clock, file_line, first_lines, invoice_line, item_line, names

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
    """A command's state, as it is asked for and in words."""
    state = str(command.get("state"))
    return f"{state}（{STATES[state]}）" if state in STATES else state


def warning(told: dict[str, Any]) -> str:
    """One warning of an event."""
    entry = WARNINGS.get(str(told.get("code")))
    said = f"{entry.zh.happened}{entry.zh.action}" if entry else told.get("message")
    return f"警告：{told.get('path') or ''} {said}"


def _qr_required(data: dict[str, Any]) -> list[str]:
    return [f"请销售方办税人员在 {clock(data.get('expiresAt'), '?')} 之前刷脸扫码（第 {data.get('attempt')} 次）"]


def _completed(data: dict[str, Any]) -> list[str]:
    invoice = data.get("invoice") or {}
    number = invoice.get("invoiceNumber")
    found = "（网关未答复，由查询得知）" if data.get("reconciled") else ""
    lines = [f"已向 {invoice.get('buyerName') or '购买方'} 开具发票{f' {number}' if number else ''}{found}"]
    return [*lines, f"PDF：{data['invoiceUrl']}"] if data.get("invoiceUrl") else lines


def _confirmed(data: dict[str, Any]) -> list[str]:
    matches = {True: "，与预期一致", False: "，与预期金额不符！", None: ""}[data.get("expectedTotalMatches")]
    when, total = str(data.get("invoiceDate") or "")[:10], data.get("totalPriceAndTax")
    first = f"发票号码 {data.get('invoiceNumber')}{f'，{when} 开具' if when else ''}"
    files = [f"{file.get('type', '')!s:<4} {file.get('url')}" for file in data.get("files") or []]
    return [first + (f"，价税合计 {total}{matches}" if total else ""), *files]


def _unconfirmed(data: dict[str, Any]) -> list[str]:
    return [f"已开票，但查询 {data.get('lookUps')} 次仍未查到号码", "请到电子税务局查看，不要重发"]


def _failed(data: dict[str, Any]) -> list[str]:
    entry = FAILURES.get(str(data.get("code")))
    reason = [f"网关原文：{data['gatewayMessage']}"] if data.get("gatewayMessage") else []
    if entry is None:
        return [f"{data.get('code')}（{data.get('stage')}）：{data.get('message')}", *reason]
    return [f"{data.get('code')}（{data.get('stage')}）：{entry.zh.happened}", *reason, entry.zh.action]


def _rejected(data: dict[str, Any]) -> list[str]:
    entry = REJECTIONS.get(str(data.get("code")))
    faults = [f"{error.get('path') or '（整条消息）'}: {error.get('message')}" for error in data.get("errors") or []]
    if entry is None:
        return [str(data.get("code")), *faults]
    return [f"{data.get('code')}：{entry.zh.happened}", *faults, entry.zh.action]


def _in_doubt(data: dict[str, Any]) -> list[str]:
    lines = [f"已提交，结果不明：{data.get('reason')}", "请勿重发此订单"]
    if data.get("needsPerson"):
        command_id = data.get("commandId")
        lines += [line for found in data.get("candidates") or [] for line in candidate_lines(found)]
        return [
            *lines,
            "请到电子税务局核实发票是否存在，然后决定：",
            f"fapiao-worker resolve {command_id} --issued 发票号码",
            f"fapiao-worker resolve {command_id} --not-issued",
        ]
    return [*lines, f"将于 {clock(data['nextLookAt'], '?')} 再次查询"] if data.get("nextLookAt") else lines


def _page(data: dict[str, Any]) -> list[str]:
    found = data.get("invoices") or []
    lines = first_lines([*map(invoice_line, found)], _more)
    if data.get("late"):
        return [f"{len(found)} 张发票的文件随后到齐", *lines]
    number, total_page = data.get("pageNumber"), data.get("totalPage")
    place = f"第 {number} 页" + (f"，共 {total_page} 页" if total_page else "")
    if (data.get("parts") or 1) > 1:
        place += f"，第 {data.get('part')} 部分（共 {data.get('parts')} 部分）"
    return [f"{place}：{len(found)} 张发票", *lines]


def _query_completed(data: dict[str, Any]) -> list[str]:
    counts = [data.get(f"{what}Count") or 0 for what in ("invoice", "item", "file")]
    lines = [f"{counts[0]} 张发票，{counts[1]} 条明细，{counts[2]} 个文件，共 {data.get('pages') or 0} 页"]
    if data.get("isCut"):
        lines.append("列表可能不全：请调大 FAPIAO_QUERY_MAX_PAGES，或缩短日期范围")
    if data.get("missingInvoices"):
        lines.append(f"网关统计还有 {data['missingInvoices']} 张：查询期间列表可能有变动，请再查一次")
    if data.get("missingItems"):
        lines.append(f"缺少明细：{names(data['missingItems'], _more)}（可用 invoice.items 再取）")
    if data.get("missingFiles"):
        lines.append(f"缺少文件：{names(data['missingFiles'], _more)}（可用 invoice.files 再取）")
    download = data.get("download") or {}
    if download.get("date"):
        lines.append(f"网关未能取得全部文件：请发送 invoice.download，date 填 “{download['date']}”")
    return lines


def _download_completed(data: dict[str, Any]) -> list[str]:
    return [f"网关已取得 {data.get('date')} 的文件；用 invoice.files 查询地址"]


def _items_completed(data: dict[str, Any]) -> list[str]:
    items = data.get("items") or []
    return [f"{len(items)} 条明细", *first_lines([*map(item_line, items)], _more)]


def _files_completed(data: dict[str, Any]) -> list[str]:
    files = data.get("files") or []
    lines = [f"{len(files)} 个文件", *map(file_line, files)]
    if data.get("missingFiles"):
        lines.append(f"缺少文件：{names(data['missingFiles'], _more)}")
    return lines


def _stored_completed(data: dict[str, Any]) -> list[str]:
    found = data.get("invoices") or []
    lines = [invoice_line({**each["invoice"], "files": each.get("files")}) for each in found]
    total = data.get("total") or 0
    some = f"，此处 {len(found)} 张" if total > len(found) else ""
    return [f"已保存的发票共 {total} 张{some}", *first_lines(lines, _more)]


def _check_completed(data: dict[str, Any]) -> list[str]:
    if not data.get("accepted"):
        return ["会被拒收", *_faults(data)]
    lines = ["可以接收；未发送任何内容", *_faults(data)]
    lines += map(_folded, data.get("discountsFolded") or [])
    if data.get("totals"):
        lines.append(f"各行合计 {data.get('linesTotal')}；是否含税尚不确定：")
        lines += map(_reading, data["totals"])
    return lines


def _faults(data: dict[str, Any]) -> list[str]:
    faults = [f"{error.get('path') or '（整条消息）'}：{error.get('message')}" for error in data.get("errors") or []]
    return faults + [_check_warning(each) for each in data.get("warnings") or []]


def _check_warning(each: dict[str, Any]) -> str:
    entry = WARNINGS.get(str(each.get("code")))
    said = f"{entry.zh.happened}{entry.zh.action}" if entry else each.get("message")
    return f"警告 {each.get('code')}，{each.get('path')}：{said}"


def _folded(folded: dict[str, Any]) -> str:
    return (
        f"第 {folded['line']} 行：减 {folded['amount']}，单价由 {folded['unitPriceBefore']} 变为 "
        f"{folded['unitPrice']}，该行 {folded['lineAmount']}"
    )


def _reading(total: dict[str, Any]) -> str:
    reading = "单价含税" if total.get("pricesIncludeTax") else "单价不含税"
    matches = "  与 expectedTotal 一致" if total.get("expectedTotalMatches") else ""
    return (
        f"{reading}，税率 {total.get('taxRate')}：{total.get('totalAmount')} + {total.get('totalTax')} = "
        f"{total.get('totalPriceAndTax')}{matches}"
    )


def _more(count: int) -> str:
    return f"…… 还有 {count} 条"


WORDS: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "invoice.issue.qr_required": _qr_required,
    "invoice.issue.completed": _completed,
    "invoice.issue.confirmed": _confirmed,
    "invoice.issue.unconfirmed": _unconfirmed,
    "invoice.issue.in_doubt": _in_doubt,
    "invoice.query.page": _page,
    "invoice.query.completed": _query_completed,
    "invoice.download.completed": _download_completed,
    "invoice.items.completed": _items_completed,
    "invoice.files.completed": _files_completed,
    "invoice.stored.completed": _stored_completed,
    "invoice.check.completed": _check_completed,
    "failed": _failed,
    "rejected": _rejected,
}
"""By event type, else by outcome."""
