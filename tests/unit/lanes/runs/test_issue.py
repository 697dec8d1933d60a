"""One order on its lane: what the gateway may say, and what keeps it from being submitted at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.envelope import loads
from contracts.failures import FailureCode
from tests.builders import make_command, make_data, make_invoice, make_result
from tests.lane_fakes import After, Answer, Script
from tests.unit.lanes.playing import Played, issuing, later, now
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import Permanent, Transient, Unreachable
from worker.ports import Disconnected, FrameIgnored, LoginAnswered, QrRefused, QrShown, ResultRefused
from worker.records import CommandState

S = CommandState
QR = QrShown("data:image/png;base64,AA==", "https://scan.example/1")
WAITING = make_command(state=S.WAITING, epoch=0, attempts=0)


# ---- what the gateway may do ---------------------------------------------------------------------------


@in_virtual_time
async def test_ignored_frames_do_not_prolong_the_wait() -> None:
    noise = [After(50, FrameIgnored("not_json")) for _ in range(5)]
    played = issuing(*noise)

    await played.run(WAITING)

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert now() == pytest.approx(120, abs=1)
    assert played.stage.hooks.ignored == ["not_json", "not_json"]
    assert not played.journal.strays


@in_virtual_time
async def test_frame_that_may_be_evidence_is_kept() -> None:
    played = issuing(FrameIgnored("other_user", b"{}"), make_result())

    await played.run(WAITING)

    assert played.journal.strays == [(1, "other_user", b"{}")]
    assert played.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_result_that_fits_nothing_is_kept_and_settles_nothing() -> None:
    played = issuing(make_result(make_invoice(remark="other")), After(1, make_result()))

    await played.run(WAITING)

    assert [reason for _, reason, _ in played.journal.strays] == ["does_not_fit"]
    assert loads(played.journal.strays[0][2])["remark"] == "other"
    assert played.journal.outcomes_of(1) == ["completed"]


@in_virtual_time
async def test_store_that_cannot_keep_evidence_does_not_stop_the_exchange() -> None:
    played = issuing(FrameIgnored("other_user", b"{}"), make_result())
    exchange = await played.prepare(WAITING)
    played.journal.down.add("keep_stray")

    await exchange.run()

    assert played.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_evidence_that_comes_while_the_store_is_away_is_kept_with_the_next_record() -> None:
    """By it the doubt that follows is no absence. The run goes on meanwhile, for its own result may come."""
    played = issuing(After(1, make_result(make_invoice(remark="other"))), After(5, Disconnected("reset")))
    exchange = await played.prepare(WAITING)
    later(0.5, lambda: played.journal.down.add("*"))
    later(30, played.journal.down.clear)

    await exchange.run()

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert [(key, reason) for key, reason, _ in played.journal.strays] == [(1, "does_not_fit")]


@pytest.mark.parametrize(
    ("answers", "state", "code", "seconds"),
    [
        ([], S.IN_DOUBT, None, 120),
        ([QR], S.IN_DOUBT, None, 420),
        ([QR, After(1, Disconnected("reset"))], S.IN_DOUBT, None, 1),
        ([After(1, ResultRefused())], S.FAILED, FailureCode.ISSUE_REFUSED, 1),
        ([After(1, QrRefused())], S.FAILED, FailureCode.QR_FAILED, 6),
        ([QrRefused(), After(4, QR), After(1, make_result())], S.COMPLETED, None, 5),
        ([QR, After(299, QR), After(299, make_result())], S.COMPLETED, None, 598),
        ([QR, After(419, make_result())], S.COMPLETED, None, 419),
        ([make_result(is_draft=True)], S.FAILED, FailureCode.SAVED_AS_DRAFT, 0),
    ],
)
@in_virtual_time
async def test_answers_after_the_submission(
    answers: list[Answer], state: CommandState, code: FailureCode | None, seconds: float
) -> None:
    # A lease that outlasts the scan: nobody renews it here.
    played = issuing(*answers, settings={"lease_seconds": 3600, "reconnect_pause_seconds": 0})

    await played.run(WAITING)

    assert played.journal.state_of(1) is state
    assert now() == pytest.approx(seconds, abs=0.1)
    assert len(played.gateway.submissions) == 1
    if code:
        assert played.failure()["code"] == code


# ---- before the submission -----------------------------------------------------------------------------


@in_virtual_time
async def test_refused_login_is_counted_and_fails_the_command() -> None:
    played = Played(Script(login=[LoginAnswered(False)]))

    await played.run(WAITING)

    assert played.failure()["code"] == FailureCode.LOGIN_REFUSED
    assert [account.refusals for account in played.journal.accounts.values()] == [1]
    assert played.stage.hooks.refusals == 1
    assert not played.lane_session.is_connected


@in_virtual_time
async def test_third_refusal_suspends_and_the_account_is_left_alone() -> None:
    played = Played(Script(login=[LoginAnswered(False)]))
    for key in (1, 2, 3, 4):
        await played.run(replace(WAITING, key=key, id=f"o-{key}", epoch=0))
        played.journal.hold("1111", None)

    assert played.gateway.connections == 3
    assert loads(played.journal.events[4][-1].body)["data"]["code"] == "login_suspended"


@in_virtual_time
async def test_accepted_login_forgets_the_refusals_before_it() -> None:
    played = issuing(make_result())
    exchange = await played.prepare(WAITING)
    login = exchange._access().counted("1111")
    for _ in range(2):
        await played.journal.count_login(login, accepted=False, now=EPOCH, threshold=9, suspend=timedelta(hours=1))

    await exchange.run()

    assert not played.journal.accounts


@in_virtual_time
async def test_accepted_login_without_refusals_before_it_costs_no_write() -> None:
    played = issuing(make_result())

    await played.run(WAITING)

    assert played.journal.calls["count_login"] == 0


@in_virtual_time
async def test_missing_credential_fails_without_a_connection() -> None:
    played = issuing()

    await played.run(replace(WAITING, data=make_data(credential="gone"), secrets={}))

    assert played.failure()["code"] == FailureCode.CREDENTIAL_MISSING
    assert played.gateway.connections == 0


@in_virtual_time
async def test_refused_connection_puts_the_command_back_and_counts_for_the_gate() -> None:
    played = Played(Script(refuses=Unreachable("refused", retry_after=timedelta(seconds=9))))

    assert await played.run(WAITING) is None

    assert played.journal.state_of(1) is S.WAITING
    assert played.journal.due_at(1) == EPOCH + timedelta(seconds=9)
    assert played.stage.services.breaker.failures == 1
    assert not played.journal.events[1]


@in_virtual_time
async def test_refused_handshake_fails_at_once_and_shows_that_the_gateway_answers() -> None:
    played = Played(Script(refuses=Permanent(FailureCode.GATEWAY_FORBIDDEN, "403")))
    played.stage.services.breaker.failures = 9

    await played.run(WAITING)

    assert played.failure()["code"] == FailureCode.GATEWAY_FORBIDDEN
    assert played.gateway.connections == 1
    assert played.stage.services.breaker.is_open


@pytest.mark.parametrize(
    "script",
    [Script(login_fails=Transient("reset")), Script(login=[After(3, Disconnected("reset"))]), Script(login=[])],
    ids=["lost while sending", "lost while waiting", "unanswered"],
)
@in_virtual_time
async def test_login_without_an_answer_is_tried_again_later(script: Script) -> None:
    played = Played(script, settings={"lease_seconds": 600})

    await played.run(WAITING)

    assert played.journal.state_of(1) is S.WAITING
    assert not played.gateway.open_sessions


@in_virtual_time
async def test_login_fails_in_the_end_if_it_is_never_answered() -> None:
    played = Played(Script(login=[]), settings={"lease_seconds": 600})

    await played.run(replace(WAITING, attempts=2))

    assert played.failure()["code"] == FailureCode.GATEWAY_TIMEOUT


@in_virtual_time
async def test_overdue_command_is_not_begun() -> None:
    played = issuing()

    await played.run(replace(WAITING, deadline_at=EPOCH))

    assert played.failure()["code"] == FailureCode.DEADLINE_EXCEEDED
    assert played.gateway.connections == 0
