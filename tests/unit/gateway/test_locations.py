"""Addresses that the gateway tells: passed on only where opening them means what it seems to mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.dialogue import RESULT, shown
from worker.gateway.rows import MAX_ADDRESS_CHARS, PLAIN_ADDRESS, closely_read, file_of, location


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.pdf", "https://example.com:8443/a?b=c&d=%20#e", "HTTPS://example.com/", "/files/1.pdf",
        "http://127.0.0.1:8090/files/1.pdf", "http://[::1]/a", "http://x/y?p=***",
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
        "http://example.com /a", "http://example.com/\r\nSet-Cookie: a", "http://example.com/\u202egpj.exe",
        "http://example.com:99999/", "http://example.com/<script>", "http://example.com\\@evil", "http://[::1/a",
        "http://example.com/" + "a" * MAX_ADDRESS_CHARS, "", "“”", "\x00", "http://example.com/\x7f",
    ],
)  # fmt: skip
def test_what_would_mislead_is_left_out(url: str) -> None:
    assert location(url) is None
    assert shown({**RESULT, "invoiceUrl": url}).invoice_url is None


@pytest.mark.parametrize(
    ("told", "told_on"),
    [
        ("http://例子.cn/发票.pdf", "http://xn--fsqu00a.cn/%E5%8F%91%E7%A5%A8.pdf"),
        ("http://x/a b.pdf?n=甲 乙#丙", "http://x/a%20b.pdf?n=%E7%94%B2%20%E4%B9%99#%E4%B8%99"),
        ("http://x/a%20b%2Fc.pdf", "http://x/a%20b%2Fc.pdf"),
        ("http://x/100%.pdf", "http://x/100%25.pdf"),
        ("http:\\/\\/x\\/a.pdf", "http://x/a.pdf"),
    ],
)
def test_blanks_and_chinese_are_percent_encoded_the_same_way_everywhere(told: str, told_on: str) -> None:
    assert location(told) == told_on
    assert location(told_on) == told_on
    assert shown({**RESULT, "invoiceUrl": told}).invoice_url == told_on
    row = {"invoiceBasicInfoId": 1, "type": "pdf", "url": told}
    assert (file_of(row, "http://gateway.test") or {})["url"] == told_on


@pytest.mark.parametrize(
    ("told", "told_on"),
    [
        ("/files/1.pdf", "https://gateway.test/files/1.pdf"),
        ("www.example.com/a.pdf", "https://www.example.com/a.pdf"),
        ("inv.example.com.cn/x/a.pdf", "https://inv.example.com.cn/x/a.pdf"),
        ("192.0.2.7:9/a.pdf", "https://192.0.2.7:9/a.pdf"),
        ("v1.2.3/a.pdf", "https://gateway.test/prefix/v1.2.3/a.pdf"),
        ("files/1.pdf", "https://gateway.test/prefix/files/1.pdf"),
        ("//cdn.test/1.pdf", "https://cdn.test/1.pdf"),
        ("//user:pw@cdn.test/1.pdf", None),
        ("https://user:pw@cdn.test/1.pdf", None),
        ("\\\\cdn.test\\1.pdf", None),
        ("javascript:alert(1)", None),
    ],
)
def test_results_and_files_follow_one_rule_against_the_gateways_base(told: str, told_on: str | None) -> None:
    base = "https://gateway.test/prefix"
    file = file_of({"invoiceBasicInfoId": 1, "type": "pdf", "url": told}, base)

    assert location(told, base) == told_on
    assert (None if file is None else file["url"]) == told_on


@given(st.text() | st.text().map(lambda text: f"http://x/{text}"), st.sampled_from([None, "http://gateway.test/p"]))
def test_whatever_is_told_is_passed_on_fit_to_be_opened_or_not_at_all(told: str, base: str | None) -> None:
    found = location(told, base)

    assert found is None or (
        found.isascii() and found.isprintable() and " " not in found and len(found) <= MAX_ADDRESS_CHARS
    )
    assert found is None or location(found, base) == found


@given(st.from_regex(PLAIN_ADDRESS, fullmatch=True))
def test_the_short_way_for_plain_addresses_says_what_the_long_one_says(told: str) -> None:
    assert location(told) == closely_read(told) == told
