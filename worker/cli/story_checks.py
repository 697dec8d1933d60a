"""Tells a person what an order would become: its faults, and its total under each reading. Pure: data to lines.

The first line is what happened, the others are details and what to do next.
"""

from typing import Any


def completed(data: dict[str, Any]) -> list[str]:
    """`invoice.check.completed`."""
    if not data.get("accepted"):
        return ["would be rejected", *_faults(data)]
    lines = ["would be accepted; nothing was sent", *_faults(data)]
    lines += map(_folded, data.get("discountsFolded") or [])
    if data.get("totals"):
        lines.append(f"the lines come to {data.get('linesTotal')}; nobody knows yet whether that includes tax:")
        lines += map(_reading, data["totals"])
    return lines


def _faults(data: dict[str, Any]) -> list[str]:
    faults = [f"{error.get('path') or '(message)'}: {error.get('message')}" for error in data.get("errors") or []]
    odd = data.get("warnings") or []
    return faults + [f"warning {each.get('code')}, {each.get('path')}: {each.get('message')}" for each in odd]


def _folded(folded: dict[str, Any]) -> str:
    return (
        f"line {folded['line']}: {folded['amount']} off, unit price {folded['unitPriceBefore']} becomes "
        f"{folded['unitPrice']}, line {folded['lineAmount']}"
    )


def _reading(total: dict[str, Any]) -> str:
    reading = "with tax" if total.get("pricesIncludeTax") else "without tax"
    matches = "  = expectedTotal" if total.get("expectedTotalMatches") else ""
    return (
        f"prices {reading}, rate {total.get('taxRate')}: {total.get('totalAmount')} + {total.get('totalTax')} = "
        f"{total.get('totalPriceAndTax')}{matches}"
    )
