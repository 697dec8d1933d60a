"""The story in Chinese, where the terminal's locale is."""

import re
from typing import Any

import pytest

from contracts import example_files
from contracts.failures import FailureCode, RejectionCode
from contracts.texts import WARNINGS
from worker.cli import story
from worker.cli.story_words import state_of
from worker.cli.terminal import is_chinese
from worker.records import CommandState

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


def _told(capsys: pytest.CaptureFixture[str], outcome: str, **data: Any) -> str:
    event = {"type": f"invoice.issue.{outcome}", "time": "2026-11-29T10:00:00Z", "data": {"commandId": "c-1", **data}}
    story.tell(event)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, True),
        ({"LANG": ""}, False),
    ],
)
def test_the_locale_decides(variables: dict[str, str], chinese: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with any program: LC_ALL before LC_MESSAGES before LANG."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_chinese() is chinese


@pytest.mark.parametrize("code", FailureCode)
def test_every_failure_says_what_happened_and_what_to_do(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(capsys, "failed", code=code, stage="login", message="in English", gatewayMessage="企业不存在")

    assert len(CHINESE.findall(told)) > 20
    assert "in English" not in told
    assert "企业不存在" in told
    assert code in told


@pytest.mark.parametrize("code", RejectionCode)
def test_every_rejection_says_so_beside_its_faults(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(capsys, "rejected", code=code, errors=[{"path": "/invoice/remark", "message": "is too long"}])

    assert "/invoice/remark: is too long" in told
    assert len(CHINESE.findall(told)) > 10


@pytest.mark.parametrize("code", WARNINGS)
def test_every_warning_is_told(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(capsys, "completed", warnings=[{"code": code, "path": "/invoice/buyerName", "message": "English"}])

    assert f"警告：/invoice/buyerName {WARNINGS[code].zh.happened}" in told
    assert "English" not in told


def test_the_ways_of_an_order_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    later = "2026-11-29T10:05:00+00:00"
    assert "刷脸扫码（第 2 次）" in _told(capsys, "qr_required", expiresAt=later, attempt=2, content="http://x")
    assert "另行查明" in _told(capsys, "completed", reconciled=True, invoiceUrl="http://p", invoice={})
    assert "与预期金额不符" in _told(
        capsys, "confirmed", invoiceNumber="1", totalPriceAndTax="3", expectedTotalMatches=False, files=[]
    )
    assert "不要重发" in _told(capsys, "unconfirmed", lookUps=4)
    assert "再次查询" in _told(capsys, "in_doubt", reason="r", nextLookAt=later)
    person = _told(capsys, "in_doubt", reason="r", needsPerson=True, candidates=[{"invoiceNumber": "26", "note": "n"}])
    assert "可能是：26  n" in person
    assert "resolve c-1 --not-issued" in person


def test_a_code_of_a_later_version_is_told_in_the_workers_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert "new words" in _told(capsys, "failed", code="brand_new", stage="s", message="new words")
    assert "brand_new" in _told(capsys, "rejected", code="brand_new", errors=[])
    assert "new words" in _told(capsys, "completed", warnings=[{"code": "brand_new", "message": "new words"}])


INVOICE = {
    "id": "7",
    "countETicketNumbers": "26332000000000000042",
    "invoiceDate": "2026-03-01T12:00:02.000+08:00",
    "buyerName": "示例购买方",
    "totalPriceAndTax": "398.00",
    "files": [{"type": "pdf"}],
}


@pytest.mark.parametrize("event_type", example_files.events())
def test_whatever_may_come_is_told_in_chinese(event_type: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every word but names, numbers, addresses and what is typed."""
    story.tell(example_files.events()[event_type])

    told = capsys.readouterr().out
    said = "\n".join(line[22:] for line in told.splitlines())  # behind the outcome, which is the contract's word
    assert CHINESE.search(said)
    for english in ("page", " invoice ", "issued", "accepted", " file", " item", "without", "prices"):
        assert english not in said


def test_what_a_query_misses_comes_with_the_way_to_ask_again_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    data = {
        "invoiceCount": 9,
        "pages": 1,
        "isCut": True,
        "missingInvoices": 2,
        "missingItems": ["1"],
        "missingFiles": [str(number) for number in range(9)],
        "download": {"ok": False, "date": "2024-04-12 10:10:10"},
    }
    story.tell({"type": "invoice.query.completed", "data": data})
    told = capsys.readouterr().out

    assert "9 张发票，0 条明细，0 个文件，共 1 页" in told
    assert "缺少文件：0, 1, 2, 3, 4 …… 还有 4 条（可用 invoice.files 再取）" in told
    assert "date 填 “2024-04-12 10:10:10”" in told
    assert "FAPIAO_QUERY_MAX_PAGES" in told


def test_pages_are_told_with_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    page = {"pageNumber": 3, "totalPage": 500, "part": 2, "parts": 3, "invoices": [INVOICE] * 50}
    story.tell({"type": "invoice.query.page", "data": page})
    told = capsys.readouterr().out.splitlines()

    assert told[0].endswith("第 3 页，共 500 页，第 2 部分（共 3 部分）：50 张发票")
    assert told[-1].strip() == "…… 还有 45 条"


def test_a_check_tells_faults_and_warnings_in_the_words_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [{"code": "check_digit", "path": "/invoice/buyerIndentification", "message": "English"}]
    wrong = [{"path": "/invoice/remark", "message": "is too long"}]
    story.tell({"type": "invoice.check.completed", "data": {"accepted": False, "errors": wrong, "warnings": odd}})
    told = capsys.readouterr().out

    assert "会被拒收" in told
    assert "/invoice/remark：is too long" in told
    assert f"警告 check_digit，/invoice/buyerIndentification：{WARNINGS['check_digit'].zh.happened}" in told


@pytest.mark.parametrize("state", CommandState)
def test_every_state_has_words(state: str) -> None:
    assert re.fullmatch(rf"{state}（.+）", state_of({"state": state}))
