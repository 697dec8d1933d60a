"""A script holds what was asked for, and issues at most once."""

import itertools

import pytest

from worker.sandbox.alterations import Behaviour, Saying
from worker.sandbox.dialogue import (
    ISSUE_REASON,
    QR_REASON,
    AwaitScan,
    Cut,
    FailQr,
    Issue,
    Pause,
    Say,
    SayRefused,
    SendGarbage,
    SendResult,
    ShowQr,
    Step,
    as_told,
    script,
)
from worker.sandbox.faults import FAULTS

DELIVERED: tuple[Step, ...] = (Issue(), SendResult())


def asked(*names: str) -> dict[str, float]:
    return {name: FAULTS[name].value or 0.0 for name in names}


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        ((), (ShowQr("data_uri"), AwaitScan(), *DELIVERED)),
        (("no_qr",), DELIVERED),
        (("qr_bare_base64",), (ShowQr("bare_base64"), AwaitScan(), *DELIVERED)),
        (("qr_text",), (ShowQr("text"), AwaitScan(), *DELIVERED)),
        (("qr_unavailable",), (FailQr(),)),
        (("qr_never_scanned",), (ShowQr("data_uri", works=False),)),
        (("no_qr", "listed_late"), (Issue(listed_after_seconds=2.0), SendResult())),
        (("no_qr", "never_listed", "refused_but_issued"), (Issue(listed_after_seconds=None), SayRefused())),
        (("no_qr", "slow"), (Pause(5.0), *DELIVERED)),
        (("no_qr", "refused"), (SayRefused(),)),
        (("no_qr", "refused_but_issued"), (Issue(), SayRefused())),
        (("no_qr", "silent"), ()),
        (("no_qr", "dropped_before_result"), (Cut(),)),
        (("no_qr", "dropped_after_issuing"), (Issue(), Cut())),
        (("no_qr", "oversized_frame"), (Issue(), SendGarbage(5.0))),
        (("no_qr", "garbage"), (SendGarbage(), *DELIVERED)),
        (("no_qr", "draft", "result_twice"), (Issue(as_draft=True), SendResult(), SendResult())),
        (("no_qr", "result_late"), (Issue(), Pause(3.0), SendResult())),
        (("no_qr", "other_invoice"), (SendResult("other_invoice"),)),
    ],
)
def test_a_script_has_these_steps(names: tuple[str, ...], steps: tuple[Step, ...]) -> None:
    assert script(asked(*names), qr=True) == steps


def test_without_faults_or_qr_a_script_never_waits() -> None:
    assert script({}, qr=False) == DELIVERED
    assert script({}, qr=False, issue_delay_seconds=0.1) == (Pause(0.1), *DELIVERED)


def test_no_pair_of_faults_issues_twice() -> None:
    for pair in itertools.combinations(FAULTS, 2):
        issued = [step for step in script(asked(*pair), qr=True) if isinstance(step, Issue)]
        assert len(issued) <= 1, pair


def test_frames_laid_down_from_outside_come_instead_of_the_usual_ones() -> None:
    told = (Saying(0.2, "invoice_pdf", "没有额度"),)
    assert as_told(Behaviour(frames=told)) == (Pause(0.2), Say("invoice_pdf", "没有额度"))
    assert as_told(Behaviour(frames=told, is_issued=True)) == (Issue(), Pause(0.2), Say("invoice_pdf", "没有额度"))
    assert as_told(Behaviour()) is None


def test_a_reason_comes_where_a_qr_or_a_result_should_be_and_nothing_is_issued() -> None:
    assert script({"qr_reason": 0.0}, qr=True) == (Say("invoice_qrcode", QR_REASON),)
    assert script({"refused_with_reason": 0.0}, qr=False) == (Say("invoice_pdf", ISSUE_REASON),)
