"""One command on its lane: what is done in which order, and what each fault leads to."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.envelope import loads
from contracts.failures import FailureCode
from tests.builders import make_command, make_data, make_invoice, make_result
from tests.lane_fakes import After, Answer, Script, Stage
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import InDoubt, LeaseLost, Permanent, Transient, Unreachable
from worker.lanes.lane_session import LaneSession
from worker.lanes.runs.issue import IssueRun
from worker.ports import Disconnected, FrameIgnored, LoginAnswered, QrRefused, QrShown, ResultRefused
from worker.records import Command, CommandState

S = CommandState
QR = QrShown("data:image/png;base64,AA==", "https://scan.example/1")
WAITING = make_command(state=S.WAITING, epoch=0, attempts=0)


class Played:
    """One exchange on a stage of fakes."""

    def __init__(self, *answers: Answer, script: Script | None = None, **fields: Any) -> None:
        self.stage = Stage(scripts=[script or Script(submissions=[answers])], **fields)
        self.journal = self.stage.journal
        self.gateway = self.stage.gateway

    async def prepare(self, command: Command = WAITING) -> IssueRun:
        claim = await self.stage.claim(command)
        self.stage.acts.clear()
        self.lane_session = LaneSession(self.stage.services, claim.lease)
        return IssueRun(self.stage.services, self.lane_session, claim.command, may_take_next=lambda: True)

    async def run(self, command: Command = WAITING) -> Command | None:
        return (await (await self.prepare(command)).run()).command

    @property
    def failure(self) -> dict[str, Any]:
        """What the command failed of."""
        (event,) = [event for event in self.journal.events[1] if event.type == "invoice.issue.failed"]
        said: dict[str, Any] = loads(event.body)["data"]
        return said


def now() -> float:
    return asyncio.get_running_loop().time()


def later(seconds: float, act: Any) -> None:
    asyncio.get_running_loop().call_later(seconds, act)


# ---- the good way --------------------------------------------------------------------------------------


@in_virtual_time
async def test_every_record_is_durable_before_the_act_it_announces() -> None:
    played = Played(After(2, QR), After(30, make_result()))

    await played.run()

    assert played.stage.acts == [
        "connect",
        "login",
        "record submitting",
        "submit",
        "record scanning",
        "record completed",
    ]
    assert played.journal.outcomes_of(1) == ["qr_required", "completed"]
    assert played.stage.commits == 2
    assert now() == 32


@in_virtual_time
async def test_session_stays_open_after_a_result() -> None:
    played = Played(make_result())

    await played.run()

    assert played.lane_session.is_connected


@in_virtual_time
async def test_next_command_is_taken_with_the_end_of_this_one() -> None:
    played = Played(make_result())
    played.journal.add(make_command(key=2, state=S.WAITING, epoch=0))

    following = await played.run()

    assert following is not None
    assert following.key == 2
    assert played.journal.calls["next_command"] == 0


@in_virtual_time
async def test_what_is_submitted_is_the_journaled_invoice() -> None:
    played = Played(make_result())

    await played.run()

    (submission,) = played.gateway.submissions
    assert submission.invoice == loads(make_data())["invoice"]
    assert submission.seller_password.get_secret_value() not in str(played.journal.events)


# ---- never twice ---------------------------------------------------------------------------------------


@in_virtual_time
async def test_fenced_record_sends_nothing() -> None:
    played = Played(make_result())
    exchange = await played.prepare()
    played.journal.steal("1111")

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert not played.gateway.submissions
    assert played.journal.state_of(1) is S.RUNNING


@pytest.mark.parametrize("is_lost_after_commit", [True, False])
@in_virtual_time
async def test_store_that_does_not_confirm_the_submission_stops_it(is_lost_after_commit: bool) -> None:
    """Nobody knows whether it is recorded: then nothing is sent, and it is not tried again under this lease."""
    played = Played(make_result())
    exchange = await played.prepare()
    (played.journal.loses_answers if is_lost_after_commit else played.journal.down).add("record")

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert not played.gateway.submissions
    assert played.journal.calls["record"] == 1
    assert played.journal.state_of(1) is (S.SUBMITTING if is_lost_after_commit else S.RUNNING)


@in_virtual_time
async def test_worker_that_was_stopped_between_record_and_send_does_not_send() -> None:
    played = Played(make_result())
    exchange = await played.prepare()
    played.journal.delays["record"] = 1.0
    later(0.5, lambda: setattr(played.stage.clock, "stopped_seconds", 49.5))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert played.stage.acts[-1] == "record submitting"
    assert not played.gateway.submissions


@in_virtual_time
async def test_lease_at_its_end_stops_even_the_record() -> None:
    played = Played(script=Script(login=[After(55, LoginAnswered(True))]))

    with pytest.raises(LeaseLost):
        await played.run()

    assert played.stage.acts == ["connect", "login"]


@in_virtual_time
async def test_session_dropped_with_the_lease_cannot_be_sent_on_under_a_new_one() -> None:
    """The record was confirmed late; meanwhile the lanes were given up and the worker has a new lease."""
    played = Played(make_result())
    exchange = await played.prepare()
    played.journal.delays["record"] = 20.0
    running = asyncio.create_task(exchange.run())
    await asyncio.sleep(5)
    played.lane_session.interrupt(lease_is_lost=True)
    await played.lane_session.hang_up()

    with pytest.raises(LeaseLost):
        await running

    assert not played.gateway.submissions


@pytest.mark.parametrize("state", [S.SUBMITTING, S.SCANNING])
@in_virtual_time
async def test_submitted_command_of_an_earlier_holder_falls_into_doubt(state: CommandState) -> None:
    played = Played(make_result())

    await played.run(replace(WAITING, state=state, submitted_at=EPOCH))

    assert played.stage.acts == ["record in_doubt"]
    assert played.journal.outcomes_of(1) == ["in_doubt"]


@in_virtual_time
async def test_running_command_of_an_earlier_holder_is_begun_again() -> None:
    """Nothing had been submitted."""
    played = Played(make_result())

    await played.run(replace(WAITING, state=S.RUNNING))

    assert played.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_connection_lost_while_submitting_is_in_doubt() -> None:
    played = Played(script=Script(submit_fails=InDoubt("reset")))

    await played.run()

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.gateway.connections == 1
    assert not played.lane_session.is_connected


# ---- the store is down ---------------------------------------------------------------------------------


@in_virtual_time
async def test_result_is_held_until_the_store_answers() -> None:
    played = Played(After(1, make_result()), settings={"poll_seconds": 1})
    exchange = await played.prepare()
    played.journal.down.add("record_and_next")
    later(20.5, played.journal.down.clear)

    await exchange.run()

    assert now() == 21
    assert played.journal.state_of(1) is S.COMPLETED
    assert played.journal.outcomes_of(1) == ["completed"]
    assert played.lane_session.is_connected


@in_virtual_time
async def test_session_goes_with_the_lease_while_the_result_waits_for_the_store() -> None:
    played = Played(After(1, make_result()))
    exchange = await played.prepare()
    played.journal.down.add("record_and_next")
    running = asyncio.create_task(exchange.run())

    await asyncio.sleep(49)
    assert played.gateway.open_sessions
    await asyncio.sleep(5)
    assert not played.gateway.open_sessions
    played.journal.down.clear()
    await running

    assert played.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_record_whose_answer_was_lost_is_not_written_twice_and_ends_the_lane() -> None:
    """The lost answer may have held the lane's next command, already running: a new claim finds it."""
    played = Played(QR, After(1, make_result()))
    exchange = await played.prepare()
    played.journal.loses_answers.add("record_and_next")

    with pytest.raises(LeaseLost, match="claimed anew"):
        await exchange.run()

    assert played.journal.outcomes_of(1) == ["qr_required", "completed"]
    assert played.stage.acts[-2:] == ["record completed", "fenced completed"]


@in_virtual_time
async def test_result_is_not_recorded_under_another_holders_epoch() -> None:
    played = Played(After(5, make_result()))
    exchange = await played.prepare()
    later(3, lambda: played.journal.steal("1111"))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert played.journal.state_of(1) is S.SUBMITTING


# ---- what the gateway may do ---------------------------------------------------------------------------


@in_virtual_time
async def test_ignored_frames_do_not_prolong_the_wait() -> None:
    noise = [After(50, FrameIgnored("not_json")) for _ in range(5)]
    played = Played(*noise)

    await played.run()

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert now() == pytest.approx(120, abs=1)
    assert played.stage.hooks.ignored == ["not_json", "not_json"]
    assert not played.journal.strays


@in_virtual_time
async def test_frame_that_may_be_evidence_is_kept() -> None:
    played = Played(FrameIgnored("other_user", b"{}"), make_result())

    await played.run()

    assert played.journal.strays == [(1, "other_user", b"{}")]
    assert played.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_result_that_fits_nothing_is_kept_and_settles_nothing() -> None:
    played = Played(make_result(make_invoice(remark="other")), After(1, make_result()))

    await played.run()

    assert [reason for _, reason, _ in played.journal.strays] == ["does_not_fit"]
    assert loads(played.journal.strays[0][2])["remark"] == "other"
    assert played.journal.outcomes_of(1) == ["completed"]


@in_virtual_time
async def test_store_that_cannot_keep_evidence_does_not_stop_the_exchange() -> None:
    played = Played(FrameIgnored("other_user", b"{}"), make_result())
    exchange = await played.prepare()
    played.journal.down.add("keep_stray")

    await exchange.run()

    assert played.journal.state_of(1) is S.COMPLETED


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
    played = Played(*answers, settings={"lease_seconds": 3600, "reconnect_pause_seconds": 0})

    await played.run()

    assert played.journal.state_of(1) is state
    assert now() == pytest.approx(seconds, abs=0.1)
    assert len(played.gateway.submissions) == 1
    if code:
        assert played.failure["code"] == code


# ---- before the submission -----------------------------------------------------------------------------


@in_virtual_time
async def test_refused_login_is_counted_and_fails_the_command() -> None:
    played = Played(script=Script(login=[LoginAnswered(False)]))

    await played.run()

    assert played.failure["code"] == FailureCode.LOGIN_REFUSED
    assert [account.refusals for account in played.journal.accounts.values()] == [1]
    assert played.stage.hooks.refusals == 1
    assert not played.lane_session.is_connected


@in_virtual_time
async def test_third_refusal_suspends_and_the_account_is_left_alone() -> None:
    played = Played(script=Script(login=[LoginAnswered(False)]))
    for key in (1, 2, 3, 4):
        await played.run(replace(WAITING, key=key, id=f"o-{key}", epoch=0))
        played.journal.hold("1111", None)

    assert played.gateway.connections == 3
    assert loads(played.journal.events[4][-1].body)["data"]["code"] == "login_suspended"


@in_virtual_time
async def test_accepted_login_forgets_the_refusals_before_it() -> None:
    played = Played(make_result())
    exchange = await played.prepare()
    login = exchange._access().counted("1111")
    for _ in range(2):
        await played.journal.count_login(login, accepted=False, now=EPOCH, threshold=9, suspend=timedelta(hours=1))

    await exchange.run()

    assert not played.journal.accounts


@in_virtual_time
async def test_accepted_login_without_refusals_before_it_costs_no_write() -> None:
    played = Played(make_result())

    await played.run()

    assert played.journal.calls["count_login"] == 0


@in_virtual_time
async def test_missing_credential_fails_without_a_connection() -> None:
    played = Played()

    await played.run(replace(WAITING, data=make_data(credential="gone"), secrets={}))

    assert played.failure["code"] == FailureCode.CREDENTIAL_MISSING
    assert played.gateway.connections == 0


@in_virtual_time
async def test_refused_connection_puts_the_command_back_and_counts_for_the_gate() -> None:
    played = Played(script=Script(refuses=Unreachable("refused", retry_after=timedelta(seconds=9))))

    assert await played.run() is None

    assert played.journal.state_of(1) is S.WAITING
    assert played.journal.due_at(1) == EPOCH + timedelta(seconds=9)
    assert played.stage.services.breaker.failures == 1
    assert not played.journal.events[1]


@in_virtual_time
async def test_refused_handshake_fails_at_once_and_shows_that_the_gateway_answers() -> None:
    played = Played(script=Script(refuses=Permanent(FailureCode.GATEWAY_FORBIDDEN, "403")))
    played.stage.services.breaker.failures = 9

    await played.run()

    assert played.failure["code"] == FailureCode.GATEWAY_FORBIDDEN
    assert played.gateway.connections == 1
    assert played.stage.services.breaker.is_open


@pytest.mark.parametrize(
    "script",
    [Script(login_fails=Transient("reset")), Script(login=[After(3, Disconnected("reset"))]), Script(login=[])],
    ids=["lost while sending", "lost while waiting", "unanswered"],
)
@in_virtual_time
async def test_login_without_an_answer_is_tried_again_later(script: Script) -> None:
    played = Played(script=script, settings={"lease_seconds": 600})

    await played.run()

    assert played.journal.state_of(1) is S.WAITING
    assert not played.gateway.open_sessions


@in_virtual_time
async def test_login_fails_in_the_end_if_it_is_never_answered() -> None:
    played = Played(script=Script(login=[]), settings={"lease_seconds": 600})

    await played.run(replace(WAITING, attempts=2))

    assert played.failure["code"] == FailureCode.GATEWAY_TIMEOUT


@in_virtual_time
async def test_overdue_command_is_not_begun() -> None:
    played = Played()

    await played.run(replace(WAITING, deadline_at=EPOCH))

    assert played.failure["code"] == FailureCode.DEADLINE_EXCEEDED
    assert played.gateway.connections == 0


# ---- interruptions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "acts"),
    [
        (Script(connect_seconds=30), ["connect", "record waiting"]),
        (Script(login=[]), ["connect", "login", "record waiting", "close"]),
        (Script(), ["connect", "login", "record submitting", "submit", "close"]),
        (
            Script(submissions=[[QR]]),
            ["connect", "login", "record submitting", "submit", "record scanning", "close"],
        ),
    ],
    ids=["connecting", "logging in", "submitted", "scanning"],
)
@in_virtual_time
async def test_drain_puts_back_what_was_not_submitted_and_leaves_the_rest_as_it_stands(
    script: Script, acts: list[str]
) -> None:
    played = Played(script=script)
    exchange = await played.prepare()
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=False))

    await exchange.run()

    assert played.stage.acts == acts
    assert now() == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("script", [Script(connect_seconds=30), Script(login=[]), Script(), Script(submissions=[[QR]])])
@in_virtual_time
async def test_lost_lease_ends_the_exchange_without_another_word(script: Script) -> None:
    played = Played(script=script)
    exchange = await played.prepare()
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=True))

    with pytest.raises(LeaseLost):
        await exchange.run()

    ended = {"waiting", "failed", "completed", "in_doubt"}
    assert not ended & {act.removeprefix("record ") for act in played.stage.acts}
    assert now() == 5
