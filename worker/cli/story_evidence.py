"""Tells a person on what an outcome rests: the candidates of a doubt, strays among them, and what differs. Pure: data
to lines, in Chinese where the terminal's locale is.
"""

from typing import Any, Final

from worker.cli.language import is_chinese

_MEMBERS: Final = ("invoiceNumber", "invoiceDate", "totalPriceAndTax", "buyerName", "note", "remark", "invoiceStatus")


def candidate_lines(found: dict[str, Any]) -> list[str]:
    """One candidate: which invoice it is, and in what it differs from the order. A result of the gateway that settled
    nothing (a stray) is one too, with the address of its PDF."""
    known = "  ".join(str(found[name]) for name in _MEMBERS if found.get(name))
    if found.get("laidAside"):
        said = (
            "网关曾返回此结果，但未能对应任何订单"
            if is_chinese()
            else "the gateway gave this result, and it fitted nothing"
        )
        return [f"{said}: {known or '-'}  {found.get('invoiceUrl') or ''}".rstrip(), *difference_lines(found)]
    return [f"{'可能是：' if is_chinese() else 'perhaps: '}{known}", *difference_lines(found)]


def difference_lines(data: dict[str, Any]) -> list[str]:
    """What was sent and what is listed, member by member."""
    return [f"  {_difference(each)}" for each in data.get("differs") or []]


def _difference(each: dict[str, Any]) -> str:
    sent, listed = each.get("sent"), each.get("listed")
    if is_chinese():
        return f"{each.get('member')} 不同：提交的是 {_shown(sent)}，查到的是 {_shown(listed)}"
    return f"{each.get('member')} differs: sent {_shown(sent)}, listed {_shown(listed)}"


def _shown(value: Any) -> str:
    return "-" if value in {None, ""} else str(value)
