"""A command's run and the gateway's steps below it, as spans."""

from dataclasses import replace

import pytest

from tests.builders import PASSWORD, make_command, make_data, make_result
from tests.lane_fakes import After, Answer, Script, Stage
from tests.unit.ops.otel.kept import CALLER, TRACE, Kept, id_of, parent_of, said, trace_of
from tests.virtual_time import in_virtual_time
from worker.errors import Transient
from worker.lanes.runner import LaneRunner
from worker.ports import Disconnected, FrameIgnored, LoginAnswered, QrShown, QueryRefused, ResultRefused
from worker.records import LOOK_UP, Command, CommandState, Route, Settlement

ROUTE = Route("replies", "corr", traceparent=CALLER)
WAITING = make_command(state=CommandState.WAITING, epoch=0, attempts=0, route=ROUTE)
QR = QrShown("data:image/png;base64,AA==", "https://scan.example/1")


async def play(kept: Kept, *answers: Answer, script: Script | None = None, command: Command = WAITING) -> Stage:
    """Serve one lane to its end, traced."""
    stage = Stage(scripts=[script or Script(submissions=[answers])], settings={"session_idle_seconds": 1})
    stage.services.journal = kept.spans.lanes(stage.journal)
    stage.services.gateway = kept.spans.gateway(stage.gateway)
    stage.journal.add(command)
    await stage.lease()
    (claim,) = await stage.services.journal.claim("w-1", 1, stage.clock.now())
    await LaneRunner(stage.services, claim).serve()
    return stage


@in_virtual_time
async def test_each_step_of_an_invoice_is_a_span_below_its_run() -> None:
    kept = Kept()

    await play(kept, After(2, QR), After(30, make_result()))

    assert kept.names == [
        "connect gateway", "login gateway", "submit gateway", "answer gateway", "scan gateway", "run invoice.issue",
    ]  # fmt: skip
    run = kept.one("run invoice.issue")
    assert {parent_of(span) for span in kept.all[:-1]} == {id_of(run)}
    assert (trace_of(run), parent_of(run)) == (TRACE, CALLER.split("-")[2])
    assert [said(run, name) for name in ("fapiao.command.id", "fapiao.state", "fapiao.attempts")] == [
        WAITING.id, "completed", 1,
    ]  # fmt: skip
    assert [event.name for event in run.events if event.name.startswith("recorded")] == [
        "recorded submitting", "recorded scanning", "recorded completed",
    ]  # fmt: skip
    assert said(kept.one("connect gateway"), "server.address") == "gateway.example"
    assert said(kept.one("connect gateway"), "server.port") == 443
    assert all(span.status.is_ok or span.status.is_unset for span in kept.all)


@in_virtual_time
async def test_the_second_command_of_a_session_has_a_run_of_its_own() -> None:
    kept = Kept()
    stage = Stage(scripts=[Script(submissions=[[make_result()]])], settings={"session_idle_seconds": 1})
    stage.services.journal = kept.spans.lanes(stage.journal)
    stage.services.gateway = kept.spans.gateway(stage.gateway)
    other = Route(None, "other")
    stage.journal.add(WAITING, make_command(key=2, id="second", state=CommandState.WAITING, epoch=0, route=other))
    await stage.lease()
    (claim,) = await stage.services.journal.claim("w-1", 1, stage.clock.now())
    await LaneRunner(stage.services, claim).serve()

    runs = [span for span in kept.all if span.name == "run invoice.issue"]
    assert [said(run, "fapiao.command.id") for run in runs] == [WAITING.id, "second"]
    assert trace_of(runs[1]) != TRACE
    submits = [span for span in kept.all if span.name == "submit gateway"]
    assert [parent_of(span) for span in submits] == [id_of(run) for run in runs]
    assert kept.names.count("login gateway") == 1


@in_virtual_time
async def test_a_run_that_falls_into_doubt_says_so_and_quotes_nobody() -> None:
    kept = Kept()

    await play(kept, QR, After(1, Disconnected("closed by 13800000000")))

    run, scan = kept.one("run invoice.issue"), kept.one("scan gateway")
    assert (said(run, "fapiao.state"), said(run, "error.type")) == ("in_doubt", "in_doubt")
    assert said(scan, "error.type") == "Disconnected"
    assert not run.status.is_ok


@in_virtual_time
async def test_a_failure_is_told_by_its_code() -> None:
    kept = Kept()

    await play(kept, ResultRefused())

    assert said(kept.one("run invoice.issue"), "error.type") == "issue_refused"


@in_virtual_time
async def test_a_command_put_back_has_a_run_for_each_try() -> None:
    kept = Kept()

    await play(kept, script=Script(refuses=Transient("no route to 10.1.2.3")))

    assert said(kept.one("connect gateway"), "error.type") == "Transient"
    run = kept.one("run invoice.issue")
    assert (said(run, "fapiao.state"), said(run, "error.type")) == ("waiting", None)


@in_virtual_time
async def test_a_command_taken_over_after_a_crash_goes_on_in_its_trace() -> None:
    kept = Kept()

    await play(kept, command=replace(WAITING, state=CommandState.SUBMITTING))

    run = kept.one("run invoice.issue")
    assert (trace_of(run), said(run, "fapiao.taken_over"), said(run, "fapiao.state")) == (TRACE, True, "in_doubt")


@in_virtual_time
async def test_an_end_without_a_lane_is_a_span_of_the_commands_trace() -> None:
    kept = Kept()
    stage = Stage()
    stage.journal.add(WAITING)
    events = ()
    settlement = Settlement(WAITING, frozenset({CommandState.WAITING}), CommandState.FAILED, stage.clock.now(), events)

    assert await kept.spans.lanes(stage.journal).settle(settlement)

    span = kept.one("settle invoice.issue")
    assert (trace_of(span), said(span, "fapiao.state")) == (TRACE, "failed")


@in_virtual_time
async def test_no_span_holds_what_the_dialogue_said() -> None:
    kept = Kept()
    command = replace(WAITING, data=make_data(), secrets={"/login/password": PASSWORD})

    await play(kept, FrameIgnored("not_json", b"13800000000"), QR, After(1, make_result()), command=command)

    everything = " ".join(span.to_json() for span in kept.all)
    for secret in (PASSWORD, "13800000000", "91330701MA2DFB848M", "scan.example", "https://", command.lane or "-"):
        assert secret not in everything


@in_virtual_time
async def test_runs_that_a_lost_lease_leaves_behind_are_ended() -> None:
    kept = Kept()
    stage = Stage()
    journal = kept.spans.lanes(stage.journal)
    stage.journal.add(WAITING)
    await stage.lease()
    await journal.claim("w-1", 1, stage.clock.now())

    await journal.register("w-1", stage.services.settings.lease)

    assert said(kept.one("run invoice.issue"), "error.type") == "lease_lost"


@in_virtual_time
async def test_what_is_not_traced_is_the_parts_own() -> None:
    """A method that a port gains later passes through, and so does a fault."""
    stage = Stage()
    traced = Kept().spans.lanes(stage.journal)

    assert traced.ready_lanes == stage.journal.ready_lanes
    with pytest.raises(AttributeError, match="no_such_method"):
        traced.no_such_method  # noqa: B018


class FakeQuerySession:
    """Answers each request at once, or says that the connection is gone."""

    def __init__(self) -> None:
        self.is_gone = False
        self._says: list[LoginAnswered | QueryRefused] = []

    async def query(self, order: object) -> None:
        if self.is_gone:
            raise Transient("gone: 13800000000")
        self._says = [LoginAnswered(True), QueryRefused()]

    async def retry_download(self, date: str) -> None:
        self._says = [QueryRefused()]

    async def receive(self) -> LoginAnswered | QueryRefused:
        return self._says.pop(0)

    async def close(self) -> None: ...


class FakeQueryGateway:
    """Opens the one session there is."""

    def __init__(self) -> None:
        self.session = FakeQuerySession()

    async def connect_query(self, user_id: str) -> FakeQuerySession:
        return self.session


async def test_a_query_and_a_download_are_steps_too() -> None:
    kept, gateway = Kept(), FakeQueryGateway()
    session = await kept.spans.gateway(gateway).connect_query("user-1")
    await session.query(object())
    assert await session.receive() == LoginAnswered(True)
    assert kept.names == ["connect gateway"]  # the query itself has not been answered
    assert await session.receive() == QueryRefused()
    await session.retry_download("2026-01-01")
    assert await session.receive() == QueryRefused()
    gateway.session.is_gone = True
    with pytest.raises(Transient):
        await session.query(object())
    await session.close()

    assert kept.names == ["connect gateway", "query gateway", "download gateway", "query gateway"]
    assert [said(span, "error.type") for span in kept.all] == [None, None, None, "Transient"]
    assert "13800000000" not in "".join(span.to_json() for span in kept.all)


@in_virtual_time
async def test_a_look_up_that_is_done_ends_its_run() -> None:
    kept, stage = Kept(), Stage()
    journal = kept.spans.lanes(stage.journal)
    stage.journal.add(replace(WAITING, type=LOOK_UP, route=Route(None, "")))
    await stage.lease()
    (claim,) = await journal.claim("w-1", 1, stage.clock.now())

    assert await journal.end_look_up(claim.command, claim.lease)

    assert said(kept.one("run look_up"), "error.type") is None
