"""The scan page says what is sold to whom, what happened, and lets nothing of the order become markup."""

from typing import Any

import pytest

from worker.sandbox.page.scanning import scan_page
from worker.sandbox.vendor import Scan, ScanState

ORDER: dict[str, Any] = {
    "sellerName": "乙公司",
    "buyerName": "<script>甲",
    "remark": "",
    "sellerLoginPassword": "top-secret",
    "invoiceItems": [{"name": "a", "quantity": 2, "spec": "", "unit": "", "unitPrice": 617}] * 4,
}


def test_a_waiting_scan_shows_the_parties_the_total_and_the_button() -> None:
    page = scan_page(Scan("tok", "u", ORDER, works=True))
    for word in ("乙公司", "&lt;script&gt;甲", "¥4,936.00", "肆仟玖佰叁拾陆元整", "等 4 项", "/scan/tok/confirm"):
        assert word in page
    assert "<script>" not in page
    assert "top-secret" not in page


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ScanState.CONFIRMED, "Scan confirmed"),
        (ScanState.DECLINED, "Declined"),
        (ScanState.EXPIRED, "expired"),
        (ScanState.SUPERSEDED, "newer QR"),
    ],
)
def test_a_settled_scan_says_what_happened_and_has_no_button(state: ScanState, words: str) -> None:
    page = scan_page(Scan("tok", "u", ORDER, works=True, state=state))
    assert words in page
    assert "<button>" not in page


def test_a_scan_that_cannot_work_says_so() -> None:
    assert "cannot be confirmed" in scan_page(Scan("tok", "u", ORDER, works=False))
