"""One command on its lane: what is done in which order, and what each fault leads to."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from contracts.envelope import loads
from tests.builders import make_command, make_data, make_result
from tests.lane_fakes import After, Script
from tests.unit.lanes.playing import Played, issuing, later, now
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import LeaseLost, SubmissionInDoubt
from worker.ports import LoginAnswered, QrShown
from worker.records import CommandState

S = CommandState
QR = QrShown("data:image/png;base64,AA==", "https://scan.example/1")
WAITING = make_command(state=S.WAITING, epoch=0, attempts=0)


# ---- the good way --------------------------------------------------------------------------------------


@in_virtual_time
async def test_every_record_is_durable_before_the_act_it_announces() -> None:
    played = issuing(After(2, QR), After(30, make_result()))

    await played.run(WAITING)

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
    played = issuing(make_result())

    await played.run(WAITING)

    assert played.lane_session.is_connected


@in_virtual_time
async def test_next_command_is_taken_with_the_end_of_this_one() -> None:
    played = issuing(make_result())
    played.journal.add(make_command(key=2, state=S.WAITING, epoch=0))

    following = await played.run(WAITING)

    assert following is not None
    assert following.key == 2
    assert played.journal.calls["next_command"] == 0


@in_virtual_time
async def test_what_is_submitted_is_the_journaled_invoice() -> None:
    played = issuing(make_result())

    await played.run(WAITING)

    (submission,) = played.gateway.submissions
    assert submission.invoice == loads(make_data())["invoice"]
    assert submission.seller_password.get_secret_value() not in str(played.journal.events)


# ---- never twice ---------------------------------------------------------------------------------------


@in_virtual_time
async def test_fenced_record_sends_nothing() -> None:
    played = issuing(make_result())
    exchange = await played.prepare(WAITING)
    played.journal.steal("1111")

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert not played.gateway.submissions
    assert played.journal.state_of(1) is S.RUNNING


@pytest.mark.parametrize("is_lost_after_commit", [True, False])
@in_virtual_time
async def test_store_that_does_not_confirm_the_submission_stops_it(is_lost_after_commit: bool) -> None:
    """Nobody knows whether it is recorded: then nothing is sent, and it is not tried again under this lease."""
    played = issuing(make_result())
    exchange = await played.prepare(WAITING)
    (played.journal.loses_answers if is_lost_after_commit else played.journal.down).add("record")

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert not played.gateway.submissions
    assert played.journal.calls["record"] == 1
    assert played.journal.state_of(1) is (S.SUBMITTING if is_lost_after_commit else S.RUNNING)


@in_virtual_time
async def test_worker_that_was_stopped_between_record_and_send_does_not_send() -> None:
    played = issuing(make_result())
    exchange = await played.prepare(WAITING)
    played.journal.delays["record"] = 1.0
    later(0.5, lambda: setattr(played.stage.clock, "stopped_seconds", 49.5))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert played.stage.acts[-1] == "record submitting"
    assert not played.gateway.submissions


@in_virtual_time
async def test_lease_at_its_end_stops_even_the_record() -> None:
    played = Played(Script(login=[After(55, LoginAnswered(True))]))

    with pytest.raises(LeaseLost):
        await played.run(WAITING)

    assert played.stage.acts == ["connect", "login"]


@in_virtual_time
async def test_session_dropped_with_the_lease_cannot_be_sent_on_under_a_new_one() -> None:
    """The record was confirmed late; meanwhile the lanes were given up and the worker has a new lease."""
    played = issuing(make_result())
    exchange = await played.prepare(WAITING)
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
    played = issuing(make_result())

    await played.run(replace(WAITING, state=state, submitted_at=EPOCH))

    assert played.stage.acts == ["record in_doubt"]
    assert played.journal.outcomes_of(1) == ["in_doubt"]


@in_virtual_time
async def test_running_command_of_an_earlier_holder_is_begun_again() -> None:
    """Nothing had been submitted."""
    played = issuing(make_result())

    await played.run(replace(WAITING, state=S.RUNNING))

    assert played.journal.state_of(1) is S.COMPLETED


@in_virtual_time
async def test_connection_lost_while_submitting_is_in_doubt() -> None:
    played = Played(Script(submit_fails=SubmissionInDoubt("reset")))

    await played.run(WAITING)

    assert played.journal.state_of(1) is S.IN_DOUBT
    assert played.gateway.connections == 1
    assert not played.lane_session.is_connected


# ---- the store is down ---------------------------------------------------------------------------------


@in_virtual_time
async def test_result_is_held_until_the_store_answers() -> None:
    played = issuing(After(1, make_result()), settings={"poll_seconds": 1})
    exchange = await played.prepare(WAITING)
    played.journal.down.add("record_and_next")
    later(20.5, played.journal.down.clear)

    await exchange.run()

    assert now() == 21
    assert played.journal.state_of(1) is S.COMPLETED
    assert played.journal.outcomes_of(1) == ["completed"]
    assert played.lane_session.is_connected


@in_virtual_time
async def test_session_goes_with_the_lease_while_the_result_waits_for_the_store() -> None:
    played = issuing(After(1, make_result()))
    exchange = await played.prepare(WAITING)
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
    played = issuing(QR, After(1, make_result()))
    exchange = await played.prepare(WAITING)
    played.journal.loses_answers.add("record_and_next")

    with pytest.raises(LeaseLost, match="claimed anew"):
        await exchange.run()

    assert played.journal.outcomes_of(1) == ["qr_required", "completed"]
    assert played.stage.acts[-2:] == ["record completed", "fenced completed"]


@pytest.mark.parametrize("left", [S.IN_DOUBT, S.SUBMITTING])
@in_virtual_time
async def test_result_that_waits_for_the_store_is_not_lost_with_the_lane(left: S) -> None:
    """The store is away for longer than the lease, and another worker was quicker when it came back. In doubt, the
    command is settled by what the gateway told; not so far yet, the result is kept under it."""
    played = issuing(After(1, make_result()))
    exchange = await played.prepare(WAITING)
    played.journal.down.add("record_and_next")

    def take_over() -> None:
        played.journal.steal("1111")
        played.journal.put(replace(played.journal.commands[1], state=left))
        played.journal.down.clear()

    later(70, take_over)
    with capture_logs() as logs, pytest.raises(LeaseLost, match="another holder"):
        await exchange.run()

    kept = [(key, reason) for key, reason, _ in played.journal.strays]
    told = [line["event"] for line in logs if line["event"] in {"command_settled", "result_not_recorded"}]
    if left is S.IN_DOUBT:
        assert (played.journal.outcomes_of(1), kept, told) == (["completed"], [], ["command_settled"])
        assert played.completed()["reconciled"] is False
    else:
        assert (played.journal.outcomes_of(1), kept, told) == ([], [(1, "not_recorded")], ["result_not_recorded"])


@in_virtual_time
async def test_result_in_hand_settles_the_doubt_that_the_lanes_new_holder_tells_a_moment_later() -> None:
    """When the store is back all workers claim at once, and what was submitted falls into doubt in that second."""
    played = issuing(After(1, make_result()))
    exchange = await played.prepare(WAITING)
    played.journal.down.add("record_and_next")

    def come_to(state: CommandState) -> None:
        played.journal.put(replace(played.journal.commands[1], state=state))

    def take_over() -> None:
        played.journal.steal("1111")
        come_to(S.SUBMITTING)
        played.journal.down.clear()

    later(70, take_over)
    later(75, lambda: come_to(S.IN_DOUBT))
    with pytest.raises(LeaseLost, match="another holder"):
        await exchange.run()

    assert played.journal.outcomes_of(1) == ["completed"]
    assert now() < 80


@in_virtual_time
async def test_result_is_not_recorded_under_another_holders_epoch() -> None:
    played = issuing(After(5, make_result()))
    exchange = await played.prepare(WAITING)
    later(3, lambda: played.journal.steal("1111"))

    with pytest.raises(LeaseLost):
        await exchange.run()

    assert played.journal.state_of(1) is S.SUBMITTING


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
    played = Played(script)
    exchange = await played.prepare(WAITING)
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=False))

    await exchange.run()

    assert played.stage.acts == acts
    assert now() == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("script", [Script(connect_seconds=30), Script(login=[]), Script(), Script(submissions=[[QR]])])
@in_virtual_time
async def test_lost_lease_ends_the_exchange_without_another_word(script: Script) -> None:
    played = Played(script)
    exchange = await played.prepare(WAITING)
    later(5, lambda: played.lane_session.interrupt(lease_is_lost=True))

    with pytest.raises(LeaseLost):
        await exchange.run()

    ended = {"waiting", "failed", "completed", "in_doubt"}
    assert not ended & {act.removeprefix("record ") for act in played.stage.acts}
    assert now() == 5
