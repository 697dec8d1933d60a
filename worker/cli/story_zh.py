"""The same story in Chinese: what an event of an order says, and what a code means. Pure: data to lines.

What queries and checks bring is in `story_found_zh`. The words for codes are the contract's.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from contracts.texts import FAILURES, REJECTIONS, WARNINGS
from worker.cli.story_evidence import candidate_lines


def warning(told: dict[str, Any]) -> str:
    """One warning of an event."""
    entry = WARNINGS.get(str(told.get("code")))
    said = f"{entry.zh.happened}{entry.zh.action}" if entry else told.get("message")
    return f"警告：{told.get('path') or ''} {said}"


def _qr_required(data: dict[str, Any]) -> list[str]:
    return [f"请销售方办税人员在 {_clock(data.get('expiresAt'))} 之前刷脸扫码（第 {data.get('attempt')} 次）"]


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
    return [*lines, f"将于 {_clock(data['nextLookAt'])} 再次查询"] if data.get("nextLookAt") else lines


def _clock(moment: Any) -> str:
    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return "?"


WORDS: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "invoice.issue.qr_required": _qr_required,
    "invoice.issue.completed": _completed,
    "invoice.issue.confirmed": _confirmed,
    "invoice.issue.unconfirmed": _unconfirmed,
    "invoice.issue.in_doubt": _in_doubt,
    "failed": _failed,
    "rejected": _rejected,
}
"""By event type, else by outcome."""
