"""A lane from its claim to its release: one session for many commands, closed before the lane is given up."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from contracts.failures import FailureCode
from tests.builders import make_command, make_data, make_invoice, make_login, make_result
from tests.lane_fakes import After, Script, Stage
from tests.unit.lanes.playing import later, now, waiting_query
from tests.virtual_time import in_virtual_time
from worker.errors import Permanent, SubmissionInDoubt, Unreachable
from worker.lanes.runner import QUANTUM, LaneRunner
from worker.lanes.runs.run import Run
from worker.ports import Disconnected, FrameIgnored, LoginAnswered, QrShown
from worker.records import Command, CommandState

S = CommandState


def waiting(key: int, **fields: Any) -> Command:
    return make_command(key=key, state=S.WAITING, epoch=0, attempts=0, **fields)


def issuing(**fields: Any) -> Stage:
    """A gateway that issues whatever it is given."""
    return Stage(scripts=[Script(submissions=[[make_result()]])], **fields)


async def begin(stage: Stage, *commands: Command) -> LaneRunner:
    claim = await stage.claim(*commands)
    stage.acts.clear()
    return LaneRunner(stage.services, claim)


@contextmanager
def no_garbage_collected() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def runs_in_memory() -> set[Run]:
    return {each for each in gc.get_objects() if isinstance(each, Run)}


@in_virtual_time
async def test_hundred_invoices_of_one_login_cost_one_login() -> None:
    stage = issuing()
    runner = await begin(stage, *(waiting(key) for key in range(1, 101)))

    await runner.serve()

    assert stage.gateway.connections == 1
    assert len(stage.gateway.submissions) == 100
    assert {stage.journal.state_of(key) for key in range(1, 101)} == {S.COMPLETED}


@pytest.mark.parametrize(
    "second",
    [
        waiting(2, data=make_data(login=make_login(phone="other"))),
        waiting(2, secrets={"/login/password": "other"}),
        waiting(2, data=make_data(login=make_login(role="办税员"))),
    ],
    ids=["another account", "another password", "another role"],
)
@in_virtual_time
async def test_other_credentials_get_a_session_of_their_own(second: Command) -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1), second)

    await runner.serve()

    assert stage.gateway.connections == 2
    assert stage.gateway.most_open_of_one_user == 1
    assert stage.journal.state_of(2) is S.COMPLETED


@pytest.mark.parametrize("command", [waiting(1), waiting_query()], ids=["issue", "query"])
@in_virtual_time
async def test_a_run_leaves_memory_with_its_password_as_soon_as_it_is_over(command: Command) -> None:
    stage = issuing()
    runner = await begin(stage, command)

    with no_garbage_collected():
        before = runs_in_memory()
        await runner.serve()
        left = runs_in_memory() - before

    assert stage.gateway.connections
    assert not left


@in_virtual_time
async def test_an_idle_lane_keeps_nothing_of_its_last_command() -> None:
    stage = issuing(settings={"session_idle_seconds": 30})
    runner = await begin(stage, waiting(1, data=make_data(invoice=make_invoice(remark="kept by nobody"))))
    kept: list[Command] = []

    def look() -> None:
        known = list(stage.journal.commands.values())
        mine = [each for each in gc.get_objects() if isinstance(each, Command) and b"kept by nobody" in each.data]
        kept.extend(each for each in mine if not any(each is one for one in known))

    later(20, look)
    with no_garbage_collected():
        await runner.serve()

    assert now() > 20
    assert not kept


@in_virtual_time
async def test_idle_session_is_kept_for_its_time_and_closed_before_the_lane_is_given_up() -> None:
    stage = issuing(settings={"session_idle_seconds": 30, "reconnect_pause_seconds": 0.2})
    runner = await begin(stage, waiting(1))

    await runner.serve()

    assert stage.acts[-2:] == ["close", "release 1111"]
    assert now() == pytest.approx(30.2)
    assert stage.journal.lanes["1111"].holder is None


@in_virtual_time
async def test_work_that_comes_while_idle_is_done_at_once_on_the_same_session() -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1))

    def more() -> None:
        stage.journal.add(waiting(2))
        runner.lane_session.wake()

    later(10, more)
    later(10.5, lambda: stage.acts.append("checked"))
    await runner.serve()

    assert stage.acts.index("record completed", stage.acts.index("record completed") + 1) < stage.acts.index("checked")
    assert stage.gateway.connections == 1


@in_virtual_time
async def test_work_that_comes_during_an_exchange_is_found_after_it() -> None:
    """The wake comes between the look for more work and the wait: it must not be lost."""
    stage = Stage(scripts=[Script(submissions=[[After(5, make_result())]])])
    runner = await begin(stage, waiting(1))
    later(5, lambda: stage.journal.add(waiting(2)))
    later(5, runner.lane_session.wake)

    await runner.serve()

    assert stage.journal.state_of(2) is S.COMPLETED
    assert now() < 5 + 5 + 31


@in_virtual_time
async def test_wake_for_work_that_was_taken_already_costs_no_look_of_its_own() -> None:
    stage = Stage(scripts=[Script(submissions=[[After(5, make_result())]])])
    runner = await begin(stage, waiting(1), waiting(2))
    later(1, runner.lane_session.wake)

    await runner.serve()

    assert stage.journal.state_of(2) is S.COMPLETED
    assert stage.journal.calls["next_command"] == 0


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (make_result(), ["does_not_fit"]),
        (QrShown(None, "text"), ["QrShown"]),
        (FrameIgnored("other_user", b"{}"), ["other_user"]),
        (FrameIgnored("not_json"), []),
        (Disconnected("closed:1000"), []),
    ],
)
@in_virtual_time
async def test_surprise_while_idle_ends_the_session(event: Any, kept: list[str]) -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1))
    later(3, lambda: stage.gateway.sessions[0].say(event))

    await runner.serve()

    assert now() == pytest.approx(3.2)
    assert not stage.gateway.open_sessions
    assert [reason for _, reason, _ in stage.journal.strays] == kept


@in_virtual_time
async def test_what_came_before_a_command_began_is_no_answer_to_it() -> None:
    """A late result of an order that differs in nothing, here together with the answer to the one between them."""
    other = make_invoice(remark="another order")
    answers = [make_result(other), make_result(invoice_url="http://pdf.example/late.pdf")]
    stage = Stage(scripts=[Script(submissions=[answers]), Script(submissions=[[]])])
    runner = await begin(stage, waiting(1, data=make_data(invoice=other)), waiting(2))

    await runner.serve()

    assert stage.journal.outcomes_of(1) == ["completed"]
    assert stage.journal.outcomes_of(2) == ["in_doubt"]
    assert [reason for _, reason, _ in stage.journal.strays] == ["does_not_fit"]


@in_virtual_time
async def test_gateway_that_ends_an_idle_session_is_no_stray_frame() -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1))
    later(3, lambda: stage.gateway.sessions[0].say(Disconnected("closed:1001")))

    await runner.serve()

    assert not stage.hooks.ignored


@in_virtual_time
async def test_lane_that_others_wait_for_gives_way_after_its_turn() -> None:
    stage = issuing()
    runner = await begin(stage, *(waiting(key) for key in range(1, QUANTUM + 6)))
    stage.services.is_contended = True

    await runner.serve()

    assert len(stage.gateway.submissions) == QUANTUM
    assert stage.journal.state_of(QUANTUM + 1) is S.WAITING


@in_virtual_time
async def test_lane_that_others_wait_for_keeps_no_idle_session() -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1))
    stage.services.is_contended = True

    await runner.serve()

    assert now() < 1


@in_virtual_time
async def test_idle_lane_gives_way_the_moment_others_begin_to_wait() -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1))

    def contend() -> None:
        stage.services.is_contended = True
        runner.lane_session.wake()

    later(4, contend)
    await runner.serve()

    assert now() == pytest.approx(4.2)


@in_virtual_time
async def test_lane_without_a_session_is_given_up_at_once() -> None:
    stage = Stage(scripts=[Script(login=[LoginAnswered(False)])], settings={"reconnect_pause_seconds": 0})
    runner = await begin(stage, waiting(1))

    await runner.serve()

    assert now() == 0
    assert stage.acts[-2:] == ["close", "release 1111"]


@in_virtual_time
async def test_lane_whose_gateway_is_down_takes_nothing_more() -> None:
    """Or each lane would run through its backlog, one connection per command, past the gate."""
    stage = Stage(scripts=[Script(refuses=Unreachable("refused"))], chance=lambda: 0.0)
    stage.services.breaker.failures = 2
    runner = await begin(stage, *(waiting(key) for key in range(1, 50)))

    await runner.serve()

    assert stage.gateway.connections == 1


@in_virtual_time
async def test_drain_lets_the_exchange_finish_and_takes_nothing_more() -> None:
    stage = Stage(scripts=[Script(submissions=[[After(10, make_result())]])])
    runner = await begin(stage, waiting(1), waiting(2))
    later(5, lambda: setattr(stage.services, "is_draining", True))

    await runner.serve()

    assert (stage.journal.state_of(1), stage.journal.state_of(2)) == (S.COMPLETED, S.WAITING)
    assert now() == pytest.approx(10.2)


@in_virtual_time
async def test_session_that_ended_in_doubt_is_not_used_again() -> None:
    stage = Stage(scripts=[Script(submit_fails=SubmissionInDoubt("reset")), Script(submissions=[[make_result()]])])
    runner = await begin(stage, waiting(1), waiting(2, data=make_data(invoice=make_invoice(remark="2"))))
    stage.gateway.scripts[1] = replace(stage.gateway.scripts[1], submissions=[[make_result(make_invoice(remark="2"))]])

    await runner.serve()

    assert (stage.journal.state_of(1), stage.journal.state_of(2)) == (S.IN_DOUBT, S.COMPLETED)
    assert stage.gateway.connections == 2
    assert stage.gateway.most_open_of_one_user == 1


@in_virtual_time
async def test_refused_handshake_costs_one_attempt_per_command() -> None:
    stage = Stage(scripts=[Script(refuses=Permanent(FailureCode.GATEWAY_UNAUTHORIZED, "401"))])
    runner = await begin(stage, waiting(1), waiting(2))

    await runner.serve()

    assert stage.gateway.connections == 2
    assert {stage.journal.state_of(key) for key in (1, 2)} == {S.FAILED}


@in_virtual_time
async def test_lane_is_released_when_the_store_is_back_however_long_that_takes() -> None:
    """The worker goes on renewing its lease: a lane that it kept unserved would be lost to everybody."""
    stage = issuing()
    runner = await begin(stage, waiting(1))
    stage.journal.down.update({"next_command", "release"})
    later(40, stage.journal.down.clear)

    await runner.serve()

    assert stage.journal.lanes["1111"].holder is None
    assert not stage.gateway.open_sessions
    assert 40 <= now() < 42


@in_virtual_time
async def test_release_that_meets_a_bug_is_tried_again() -> None:
    stage = issuing(settings={"session_idle_seconds": 0})
    runner = await begin(stage, waiting(1))
    stage.journal.broken.add("release")

    await runner.serve()

    assert stage.journal.lanes["1111"].holder is None


@in_virtual_time
async def test_release_is_not_insisted_on_once_the_lease_is_lost() -> None:
    stage = issuing(settings={"session_idle_seconds": 0})
    runner = await begin(stage, waiting(1))
    stage.journal.down.add("release")
    later(10, lambda: setattr(stage.services.lease, "is_given_up", True))

    await runner.serve()

    assert now() == pytest.approx(10, abs=2)


@in_virtual_time
async def test_bug_costs_the_lane_a_pause_without_a_session() -> None:
    stage = issuing()
    runner = await begin(stage, waiting(1))
    stage.journal.broken.add("next_command")
    later(0.5, runner.lane_session.wake)
    later(1, lambda: stage.acts.append("a second later"))

    await runner.serve()

    assert stage.acts.index("close") < stage.acts.index("a second later") < stage.acts.index("release 1111")
    assert now() == pytest.approx(5.7)


@in_virtual_time
async def test_cancelled_lane_closes_its_session_and_is_released() -> None:
    stage = Stage()
    runner = await begin(stage, waiting(1))
    serving = asyncio.create_task(runner.serve())
    await asyncio.sleep(5)

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert stage.acts[-2:] == ["close", "release 1111"]
    assert stage.journal.state_of(1) is S.SUBMITTING
