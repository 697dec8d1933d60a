"""Events told to a person."""

import base64
from pathlib import Path
from typing import Any

import pytest

from contracts import example_files
from contracts.texts import FAILURES, REJECTIONS
from worker.cli.story import outcome_of, tell
from worker.cli.story_words import WORDS

PICTURE = b"\x89PNG\r\n"


def _event(outcome: str, **data: Any) -> dict[str, Any]:
    return {
        "type": f"invoice.issue.{outcome}",
        "time": "2026-01-01T12:00:00.000Z",
        "data": {"commandId": "cmd/1", **data},
    }


def _told(capsys: pytest.CaptureFixture[str], outcome: str, **data: Any) -> str:
    tell(_event(outcome, **data))
    return capsys.readouterr().out


def test_the_outcome_is_the_last_part_of_the_type() -> None:
    assert outcome_of({"type": "command.rejected"}) == "rejected"
    assert outcome_of({}) == ""


@pytest.mark.parametrize("event_type", example_files.events())
def test_whatever_may_come_is_told(event_type: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell(example_files.events()[event_type])

    assert capsys.readouterr().out.splitlines()[0][23:].strip()  # behind time and outcome


@pytest.mark.parametrize(
    ("language", "says"), [("en", "the gateway has the files now"), ("zh_CN.UTF-8", "网关已取得文件")]
)
def test_an_event_without_lines_of_its_own_is_told_as_the_guide_does(
    language: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    event = "invoice.download.completed"
    monkeypatch.delitem(WORDS, event)

    tell({"type": event, "data": {}})

    assert says in capsys.readouterr().out


def test_what_the_vault_could_not_have_and_what_differs_stands_before_what_it_keeps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = example_files.events()["invoice.issue.archived"]["data"]
    kept = example["files"][0]
    other = kept | {"differs": [{"member": "totalPriceAndTax", "listed": "398.00", "file": "1"}]}

    lines = _told(capsys, "archived", **{**example, "files": [kept, other]}).splitlines()

    assert lines[0].endswith("2 files in the vault, 1 could not be had")
    assert lines[1].endswith("missing  26332000000000000042.ofd  the address was answered with status 404")
    assert lines[2].endswith(f"{kept['vaultKey']}  says another totalPriceAndTax than the list")
    assert lines[3].endswith(f"xml  {kept['vaultKey']}")


def test_a_rejection_lists_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    faults = [{"path": "/invoice/remark", "message": "is too long"}, {"path": "", "message": "is odd"}]

    told = _told(capsys, "rejected", code="invalid", errors=faults)

    assert "/invoice/remark: is too long" in told
    assert "(message): is odd" in told


@pytest.mark.parametrize(("retryable", "says"), [(True, "may be sent again"), (False, "will not help")])
def test_a_failure_says_whether_to_try_again(capsys: pytest.CaptureFixture[str], retryable: bool, says: str) -> None:
    told = _told(capsys, "failed", code="of_tomorrow", stage="login", message="No answer.", retryable=retryable)

    assert "of_tomorrow at stage login" in told
    assert says in told


@pytest.mark.parametrize("code", FAILURES)
def test_what_a_known_failure_says_to_do_is_not_contradicted(capsys: pytest.CaptureFixture[str], code: str) -> None:
    """`not_issued` said that sending it again would not help, and in the next line to send it under a new id."""
    told = _told(capsys, "failed", code=code, stage="result", message="No.", retryable=False)

    assert FAILURES[code].en.action in told
    assert "will not help" not in told


def test_warnings_are_told_with_every_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    warning = {"code": "check_digit", "message": "has an odd check digit", "path": "/invoice/buyerIndentification"}

    assert "has an odd check digit" in _told(capsys, "completed", invoice={}, warnings=[warning])


def test_a_qr_without_text_is_saved_as_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    image = "data:image/png;base64," + base64.b64encode(PICTURE).decode()

    told = _told(capsys, "qr_required", content=None, image=image, attempt=1, expiresAt="2026-01-01T12:05:00Z")

    path = Path(told.rsplit("the picture is in ", 1)[1].strip())
    assert path.read_bytes() == PICTURE
    assert "cmd-1" in path.name
    path.unlink()


@pytest.mark.parametrize("image", [None, "", "data:image/png;base64,***", "data:text/plain;base64,YQ=="])
def test_a_qr_with_neither_text_nor_picture_is_told_as_such(
    capsys: pytest.CaptureFixture[str], image: str | None
) -> None:
    assert "neither" in _told(capsys, "qr_required", content=None, image=image, attempt=1)


def test_an_outcome_of_a_later_version_is_told_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert "amended" in _told(capsys, "amended", invoiceNumber="1")


def test_several_candidates_are_put_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    candidates = [
        {"invoiceNumber": "1", "invoiceDate": "2026-03-01", "totalPriceAndTax": "5.00", "buyerName": "B", "note": "n"},
        {"invoiceNumber": "2", "invoiceDate": None},
    ]

    told = _told(capsys, "in_doubt", reason="several fit", needsPerson=True, candidates=candidates)

    assert "perhaps: 1  2026-03-01  5.00  B  n" in told
    assert "perhaps: 2\n" in told
    assert "resolve cmd/1 --issued NUMBER" in told


def test_a_doubt_that_the_worker_looks_into_says_when(capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(capsys, "in_doubt", reason="lost", needsPerson=False, nextLookAt="2026-01-01T12:01:00Z")

    assert "looks again at" in told
    assert "resolve" not in told


def test_what_differs_is_told_with_the_outcome_that_rests_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A person compares what was sent with what is listed."""
    differs = [{"member": "buyerName", "sent": "甲公司", "listed": "甲有限公司"}, {"member": "remark", "listed": None}]

    told = _told(capsys, "completed", reconciled=True, invoice={}, differs=differs)

    assert "buyerName differs: sent 甲公司, listed 甲有限公司" in told
    assert "remark differs: sent -, listed -" in told


def test_a_stray_is_a_candidate_with_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    stray = {"laidAside": "fits nothing", "buyerName": "乙公司", "invoiceUrl": "http://pdf/1", "differs": []}
    listed = {
        "invoiceNumber": "26",
        "invoiceStatus": "已红冲",
        "differs": [{"member": "total", "sent": 1, "listed": 2}],
    }

    told = _told(capsys, "in_doubt", reason="r", needsPerson=True, candidates=[stray, listed])

    assert "the gateway gave this result, and it fitted nothing: 乙公司  http://pdf/1" in told
    assert "perhaps: 26  已红冲" in told
    assert "total differs: sent 1, listed 2" in told


@pytest.mark.parametrize(("outcome", "codes"), [("failed", FAILURES), ("rejected", REJECTIONS)])
def test_every_code_says_what_to_do_next(capsys: pytest.CaptureFixture[str], outcome: str, codes: Any) -> None:
    """In English as in Chinese."""
    for code, entry in codes.items():
        assert entry.en.action in _told(capsys, outcome, code=str(code), stage="login", message="No.")
