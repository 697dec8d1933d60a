"""Addresses that the gateway tells: passed on only where opening them means what it seems to mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.dialogue import RESULT, shown
from worker.gateway.locations import MAX_CHARS, location


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.pdf", "https://example.com:8443/a?b=c&d=%20#e", "HTTPS://example.com/", "/files/1.pdf",
        "http://127.0.0.1:8090/files/1.pdf", "http://[::1]/a", "http://例子.cn/发票.pdf", "http://x/y?p=***",
    ],
)  # fmt: skip
def test_what_can_be_opened_is_passed_on_as_it_is(url: str) -> None:
    assert location(url) == url
    assert location(f" “{url}“\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://example.com/a", "//example.com/a",
        "http://", "http:///a", "http://user:pass@example.com/a", "http://example.com@evil.example/a", "a.pdf",
        "http://example.com/a b", "http://example.com/\r\nSet-Cookie: a", "http://example.com/\u202egpj.exe",
        "http://example.com:99999/", "http://example.com/<script>", "http://example.com\\@evil", "http://[::1/a",
        "http://example.com/" + "a" * MAX_CHARS, "", "“”", "\x00", "http://example.com/\x7f",
    ],
)  # fmt: skip
def test_what_would_mislead_is_left_out(url: str) -> None:
    assert location(url) is None
    assert shown({**RESULT, "invoiceUrl": url}).invoice_url is None


@given(st.text())
def test_whatever_is_told_is_passed_on_whole_or_not_at_all(told: str) -> None:
    found = location(told)

    assert found is None or (
        found in told and found.startswith(("http", "HTTP", "/", "h", "H")) and found.isprintable()
    )
