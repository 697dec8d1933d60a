"""What an audit found, as an accountant reads it: in English or Chinese, as a table, as CSV, as lines of a story.

Pure: data to rows and lines. Knows nothing of terminals.
"""

from typing import Any, Final

from contracts.audits import FindingKind
from worker.cli.terminal import is_chinese, said

_KINDS: Final = {
    FindingKind.MISSING: ("not in the list", "清单缺少"),
    FindingKind.UNKNOWN: ("issued by no command", "来历不明"),
    FindingKind.CHANGED: ("red-lettered or voided", "已红冲或作废"),
    FindingKind.DIFFERS: ("differs", "内容不同"),
    FindingKind.DOUBLE: ("perhaps issued twice", "疑似重复"),
    FindingKind.UNNUMBERED: ("number found", "补得号码"),
}
_MEMBERS: Final = {
    "buyerName": ("buyer", "购买方"),
    "buyerIndentification": ("buyer's tax id", "购买方税号"),
    "invoiceDate": ("date", "开票日期"),
    "totalPriceAndTax": ("total", "价税合计"),
}
_CSV: Final = (
    "kind", "invoiceDate", "invoiceNumber", "buyerIdentificationNumber", "buyerName", "totalPriceAndTax",
    "invoiceStatus", "orderNo", "commandId", "remark",
)  # fmt: skip


def adds_up(completed: dict[str, Any]) -> bool:
    """Whether list and journal agree, and nothing is open. A number that was found is put right."""
    counts = {**completed["counts"], FindingKind.UNNUMBERED: 0}
    is_open = completed["undecidedInvoices"] or completed["undecidedCommands"]
    return bool(completed["isWhole"]) and not any(counts.values()) and not is_open


def kind_in_words(kind: str) -> str:
    """As the terminal speaks; a kind of a later version as it came."""
    return said(*_KINDS[FindingKind(kind)]) if kind in _KINDS else kind


def heads() -> list[str]:
    """Of the table of findings."""
    if is_chinese():
        return ["类别", "开票日期", "发票号码", "购买方", "价税合计", "状态", "订单号", "命令", "说明"]
    return ["finding", "date", "number", "buyer", "total", "status", "order", "command", "what"]


def row(finding: dict[str, Any]) -> list[str]:
    """One finding of the table."""
    invoice = finding.get("invoice") or {}
    told = [
        str(invoice.get("invoiceDate") or "")[:10],
        finding.get("invoiceNumber"),
        invoice.get("buyerName"),
        invoice.get("totalPriceAndTax"),
        invoice.get("invoiceStatus"),
        finding.get("orderNo"),
        finding.get("commandId"),
        remark(finding),
    ]
    return [kind_in_words(str(finding["kind"])), *(str(cell or "-") for cell in told)]


def remark(finding: dict[str, Any]) -> str:
    """What differs, or of what it is a double."""
    parts = [
        f"{_member(str(each.get('member')))}: {_short(each.get('confirmed'))} → {_short(each.get('listed'))}"
        for each in finding.get("differs") or []
    ]
    other = finding.get("double") or {}
    if other:
        parts.append(said("like ", "同 ") + str(other.get("invoiceNumber") or other.get("commandId")))
    return "; ".join(parts)


def csv_heads() -> list[str]:
    """The columns of the CSV, in the contract's own names, whatever the terminal speaks."""
    return [*_CSV]


def csv_row(finding: dict[str, Any]) -> list[Any]:
    """One finding of the CSV."""
    told = {**(finding.get("invoice") or {}), **finding, "remark": remark(finding)}
    return [told.get(name) for name in _CSV]


def sum_heads() -> list[str]:
    """Of the table of sums."""
    return ["月份", "状态", "张数", "价税合计"] if is_chinese() else ["month", "status", "count", "total with tax"]


def sum_rows(completed: dict[str, Any]) -> list[list[str]]:
    """What is listed, by month and status."""
    members = ("month", "status", "count", "totalPriceAndTax")
    return [
        [str(each.get(name) if each.get(name) is not None else "-") for name in members] for each in completed["sums"]
    ]


def completed(data: dict[str, Any]) -> list[str]:
    """`invoice.audit.completed`: what it comes to, and what to do next."""
    counts = data.get("counts") or {}
    found = [f"{kind_in_words(kind)} {number}" for kind, number in counts.items() if number]
    listed, matched = data.get("total"), data.get("matched")
    nothing = said("nothing that does not add up", "未发现不符")
    lines = [
        said(f"{listed} listed, {matched} as they were confirmed; ", f"清单 {listed} 张，相符 {matched} 张；")
        + (said(", ", "、").join(found) or nothing)
    ]
    if (others := _others(data)) > 0:
        lines.append(said(f"{others} more are of other sources' commands", f"另有 {others} 张由其他来源的命令开具"))
    if not data.get("isWhole"):
        lines.append(
            said(
                "the list was not whole: what is missing cannot be told; audit again",
                "清单不完整，无法认定缺少哪些，请稍后再对一次",
            )
        )
    if data.get("undecidedInvoices"):
        number = data["undecidedInvoices"]
        lines.append(
            said(
                f"{number} listed may be a command's without a number", f"未定发票 {number} 张，可能属于尚无号码的命令"
            )
        )
    if data.get("undecidedCommands"):
        number = data["undecidedCommands"]
        where = "fapiao-worker list --state in_doubt --state unconfirmed"
        lines.append(
            said(
                f"{number} of your commands are open, under way or in doubt: audit again later, or {where}",
                f"您有 {number} 条命令尚无定论（处理中或结果存疑）：请稍后再对一次，或执行 {where}",
            )
        )
    return lines


def _others(data: dict[str, Any]) -> int:
    """What is left of the list is theirs: or an accountant's sum of these lines would not come to it."""
    told = {**(data.get("counts") or {}), FindingKind.MISSING: 0}
    ours = (data.get("matched") or 0) + (data.get("undecidedInvoices") or 0) + sum(told.values())
    return int((data.get("total") or 0) - ours)


def findings(data: dict[str, Any]) -> list[str]:
    """`invoice.audit.finding`."""
    some = data.get("findings") or []
    lines = ["  ".join(cell for cell in row(each) if cell != "-") for each in some]
    return [said(f"{len(some)} to look at", f"需核对 {len(some)} 项"), *lines]


def _member(name: str) -> str:
    return said(*_MEMBERS[name]) if name in _MEMBERS else name


def _short(value: Any) -> str:
    text = str(value)
    return text[:10] if len(text) > 18 and text[10:11] == "T" else text
