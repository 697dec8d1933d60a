"""The issue flow where the gateway refuses: what is checked, what is a doubt, whose words are told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.failures import FailureCode
from tests.builders import MOMENT
from tests.unit.flows.tables import EXAMPLES, TIMING
from tests.unit.flows.test_issue import LOOKS, situation
from worker.flows.issue import Next, Phase, decide
from worker.flows.looks import Absence
from worker.flows.vocabulary import (
    ConnectionLost,
    CountRefusal,
    Record,
    TimedOut,
)
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused
from worker.records import CommandState

# ---- refusals ----------------------------------------------------------------------------------------------


def checking(decision: Next) -> tuple[Record, Absence]:
    (record, counted, _) = decision.effects
    assert isinstance(record, Record)
    assert record.to is CommandState.CHECKING
    assert counted == CountRefusal(refused=True)
    return record, Absence.read(record.progress)


@pytest.mark.parametrize("phase", [Phase.SUBMITTED, Phase.SCANNING, Phase.RESULT_OVERDUE])
def test_a_refusal_is_checked_and_keeps_the_gateways_words(phase: Phase) -> None:
    record, absence = checking(decide(situation(phase, looks=LOOKS), ResultRefused("授信额度不足")))

    assert record.sought_at == MOMENT + timedelta(seconds=15)
    assert (absence.code, absence.gateway_message) == (FailureCode.ISSUE_REFUSED, "授信额度不足")
    assert absence.not_before is None


@pytest.mark.parametrize("phase", [Phase.SUBMITTED, Phase.SCANNING, Phase.RESULT_OVERDUE, Phase.QR_REFUSED])
@pytest.mark.parametrize("is_noted", [False, True])
def test_a_reason_that_leaves_open_whether_there_is_an_invoice_is_a_doubt(phase: Phase, is_noted: bool) -> None:
    """An invoice that the bureau lists two minutes later must not be called refused."""
    given = ResultRefused("PDF生成失败", may_be_anothers=is_noted, leaves_open=True)
    decision = decide(situation(phase, looks=LOOKS), given)
    if is_noted and phase is not Phase.QR_REFUSED:
        decision = decide(
            replace(situation(looks=LOOKS), state=replace(decision.state, phase=Phase.SUBMITTED)), TimedOut()
        )

    record = decision.effects[0]
    assert isinstance(record, Record)
    assert record.to is CommandState.IN_DOUBT
    assert CountRefusal(refused=True) not in decision.effects
    assert Absence.read(record.progress).code == FailureCode.NOT_ISSUED
    assert record.announcements[0].data.get("gatewayMessage") == (None if is_noted else "PDF生成失败")


def test_a_refused_scan_keeps_the_gateways_words_until_its_grace_is_over() -> None:
    refused = decide(situation(Phase.SUBMITTED, looks=LOOKS), QrRefused("请重新登录"))
    at = situation(looks=LOOKS)

    _, absence = checking(decide(replace(at, state=refused.state), TimedOut()))

    assert refused.timer == TIMING.refusal_grace
    assert (absence.code, absence.gateway_message) == (FailureCode.QR_FAILED, "请重新登录")


def test_a_connection_lost_after_a_refused_scan_tells_the_doubt_why() -> None:
    refused = decide(situation(Phase.SUBMITTED, looks=LOOKS), QrRefused("请重新登录"))

    decision = decide(replace(situation(looks=LOOKS), state=refused.state), ConnectionLost("reset"))

    (record, _) = decision.effects
    assert isinstance(record, Record)
    assert record.announcements[0].data["gatewayMessage"] == "请重新登录"


@pytest.mark.parametrize("refusal", [ResultRefused("额度不足", True), QrRefused("额度不足", True)], ids=type)
def test_a_refusal_that_may_be_anothers_is_this_ones_where_nothing_else_comes(
    refusal: ResultRefused | QrRefused,
) -> None:
    """And its absence proves nothing before its own answer could not come any more."""
    noted = decide(situation(Phase.SUBMITTED, looks=LOOKS), refusal)
    assert (noted.state.phase, noted.effects, noted.timer) == (Phase.SUBMITTED, (), None)

    _, absence = checking(decide(replace(situation(looks=LOOKS), state=noted.state), TimedOut()))

    assert absence.gateway_message == "额度不足"
    assert absence.not_before == MOMENT + timedelta(seconds=120 + 300 + 121)


def test_a_refusal_that_may_be_anothers_is_forgotten_where_this_ones_qr_comes() -> None:
    noted = decide(situation(Phase.SUBMITTED, looks=LOOKS), ResultRefused("额度不足", may_be_anothers=True))
    shown = decide(replace(situation(looks=LOOKS), state=noted.state), EXAMPLES[QrShown])
    overdue = decide(replace(situation(looks=LOOKS), state=shown.state), TimedOut())

    (record, _) = decide(replace(situation(looks=LOOKS), state=overdue.state), TimedOut()).effects

    assert isinstance(record, Record)
    assert record.to is CommandState.IN_DOUBT


def test_a_doubt_is_not_forgotten_for_a_later_refusal_that_may_be_anothers_too() -> None:
    at = situation(Phase.SUBMITTED, looks=LOOKS)
    doubt = decide(at, ResultRefused("PDF生成失败", may_be_anothers=True, leaves_open=True))
    refused = decide(replace(at, state=doubt.state), QrRefused("请重新登录", may_be_anothers=True))

    decision = decide(replace(at, state=refused.state), TimedOut())

    record = decision.effects[0]
    assert isinstance(record, Record)
    assert record.to is CommandState.IN_DOUBT


def test_a_refused_login_tells_the_gateways_words() -> None:
    decision = decide(situation(Phase.LOGGING_IN), LoginAnswered(accepted=False, reason="还有2次机会"))

    record = decision.effects[1]
    assert isinstance(record, Record)
    assert record.announcements[0].data["gatewayMessage"] == "还有2次机会"
    assert "gatewayMessage" in record.announcements[0].data["message"]
