"""A gateway that is away for ten minutes, in virtual time: who can wait waits, and nothing is decided meanwhile."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from contracts.commands import CommandType
from contracts.envelope import dumps, loads
from contracts.failures import FailureCode
from tests.builders import (
    make_command,
    make_condition,
    make_data,
    make_found,
    make_invoice,
    make_page,
    make_question,
    make_result,
)
from tests.lane_fakes import After, FakeSession, Script, Stage
from tests.unit.lanes.runs.test_look_up import LOOKING
from tests.unit.lanes.scheduling import at_work
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import Permanent, Transient, Unreachable
from worker.lanes.breaker import GatewayBreaker
from worker.ports import Disconnected, DownloadTold
from worker.records import Command, CommandState, own_lane

S = CommandState
MINUTES = 60.0
AWAY = Script(refuses=Unreachable("refused"))
BACK = Script(submissions=[[make_result()]], pages=[[make_page(make_found(1, note="scan"))]])
SCANS_WHEN_IT_GOES = Script(submissions=[[After(5, Disconnected("the gateway went away"))]])


def waiting(key: int, user: int | None = None, **fields: Any) -> Command:
    lane = f"user-{key if user is None else user}"
    return make_command(key=key, state=S.WAITING, epoch=0, attempts=0, lane=lane, **fields)


def of_its_own(key: int, command_type: CommandType, data: dict[str, Any]) -> Command:
    """A command that needs no session."""
    lane = own_lane("erp", str(key))
    return make_command(
        key=key, type=command_type, state=S.WAITING, epoch=0, attempts=0, lane=lane, data=dumps(data), fingerprint=None
    )


def stored(key: int) -> Command:
    return of_its_own(key, CommandType.STORED, {"invoiceNumber": "1", "limit": 10, "offset": 0})


def items(key: int) -> Command:
    return of_its_own(key, CommandType.ITEMS, {"invoiceBasicInfoId": str(key)})


def is_open(breaker: GatewayBreaker) -> bool:
    return breaker.is_open


@in_virtual_time
async def test_gateway_that_is_away_for_ten_minutes_costs_time_and_nothing_else() -> None:
    """Orders with half an hour's deadline are issued afterwards; those with five minutes fail unsubmitted; an open scan
    falls into doubt, and the look that could be made in the end finds the invoice."""
    stage = Stage(scripts=[SCANS_WHEN_IT_GOES], settings=LOOKING | {"confirm": False, "reconnect_pause_seconds": 0})
    order = make_data(invoice=make_invoice(remark="scan"))
    scanning = waiting(1000, data=order, deadline_at=EPOCH + timedelta(minutes=30))
    patient = [waiting(key, deadline_at=EPOCH + timedelta(minutes=30)) for key in range(60)]
    hasty = [waiting(key, deadline_at=EPOCH + timedelta(minutes=5)) for key in range(100, 160)]

    async with at_work(stage):
        stage.journal.add(scanning)
        await asyncio.sleep(2)
        assert stage.journal.state_of(1000) is S.SUBMITTING
        stage.gateway.scripts = [AWAY]
        stage.journal.add(*patient, *hasty)
        await asyncio.sleep(10 * MINUTES)

        assert Counter(stage.journal.state_of(one.key) for one in hasty) == {S.FAILED: 60}
        codes = {loads(stage.journal.events[one.key][-1].body)["data"]["code"] for one in hasty}
        assert codes <= {FailureCode.GATEWAY_UNAVAILABLE, FailureCode.DEADLINE_EXCEEDED}
        assert {stage.journal.state_of(one.key) for one in patient} <= {S.WAITING, S.RUNNING}
        assert stage.journal.state_of(1000) is S.IN_DOUBT
        assert stage.journal.commands[1000].look_ups == 0
        knocks = stage.gateway.connections

        stage.gateway.scripts = [BACK]
        await asyncio.sleep(5 * MINUTES)

    assert {stage.journal.state_of(one.key) for one in patient} == {S.COMPLETED}
    assert stage.journal.outcomes_of(1000) == ["in_doubt", "completed", "confirmed"]
    assert len(stage.gateway.submissions) == 61
    assert stage.gateway.most_open_of_one_user == 1
    assert knocks < 200, "a gateway that is away is probed by few"


@in_virtual_time
async def test_what_needs_no_gateway_is_answered_while_it_is_away() -> None:
    """On the default settings: sixty seconds without a gateway, with orders of forty users that knock at it."""
    stage = Stage(scripts=[AWAY])

    async with at_work(stage):
        stage.journal.add(*(waiting(key) for key in range(40)))
        await asyncio.sleep(5)
        assert not is_open(stage.services.breaker)
        for second in range(60):
            stage.journal.add(*(stored(1000 + 2 * second + number) for number in range(2)))
            await asyncio.sleep(1)

        assert Counter(stage.journal.state_of(key) for key in range(1000, 1120)) == {S.COMPLETED: 120}
        knocks = stage.gateway.connections
        stage.gateway.scripts = [BACK]
        await asyncio.sleep(20)
        assert is_open(stage.services.breaker), "what needs no gateway takes no probe"
        assert knocks < 60


@in_virtual_time
async def test_what_was_submitted_is_told_as_in_doubt_within_seconds_of_a_takeover_though_the_gateway_is_away() -> None:
    stage = Stage(scripts=[AWAY])
    left = [
        make_command(key=key, state=S.SUBMITTING, lane=f"user-{key}", attempts=1, submitted_at=EPOCH)
        for key in range(300, 420)
    ]

    async with at_work(stage):
        stage.journal.add(*(waiting(key) for key in range(200)))
        await asyncio.sleep(30)
        assert not is_open(stage.services.breaker)
        stage.journal.add(*left)
        await asyncio.sleep(3)

        assert Counter(stage.journal.state_of(one.key) for one in left) == {S.IN_DOUBT: 120}


@in_virtual_time
async def test_users_whose_handshake_is_refused_or_dropped_close_nothing_for_the_others() -> None:
    """Forbidden, refused by the second, dropped in the handshake: four users of each kind, knocking for minutes."""
    stage = Stage(scripts=[BACK], settings={"reconnect_pause_seconds": 0})
    troubles = {
        "user-1": Permanent(FailureCode.GATEWAY_FORBIDDEN, "403"),
        "user-2": Transient("the handshake was dropped"),
        "user-3": Transient("503"),
        "user-4": Transient("no answer in time"),
    }
    connect = stage.gateway.connect

    async def pick(user_id: str) -> FakeSession:
        if user_id in troubles:
            raise troubles[user_id]
        return await connect(user_id)

    stage.gateway.connect = pick  # type: ignore[method-assign]
    async with at_work(stage):
        for minute in range(3):
            stage.journal.add(*(waiting(10 * minute + key, user=key) for key in range(1, 5)))
            await asyncio.sleep(30)
            stage.journal.add(*(waiting(1000 + 10 * minute + key) for key in range(10)))
            await asyncio.sleep(3)
            others = [stage.journal.state_of(1000 + 10 * minute + key) for key in range(10)]
            assert others == [S.COMPLETED] * 10
            assert is_open(stage.services.breaker)


@in_virtual_time
async def test_http_that_is_away_holds_up_no_order_and_is_asked_by_few() -> None:
    stage = Stage(scripts=[BACK], settings={"reconnect_pause_seconds": 0})
    stage.details.fails = [Unreachable("refused") for _ in range(100_000)]

    async with at_work(stage):
        stage.journal.add(*(items(key) for key in range(100)))
        await asyncio.sleep(60)
        assert not is_open(stage.services.details_breaker)
        assert is_open(stage.services.breaker)
        assert len(stage.details.asked_items) < 160, "a hundred that knew no better, and then few"
        stage.journal.add(waiting(1000))
        await asyncio.sleep(2)
        assert stage.journal.state_of(1000) is S.COMPLETED

        stage.details.fails.clear()
        for key in range(100):
            stage.details.lay_out(f"{key}", items=1)
        await asyncio.sleep(120)
        assert Counter(stage.journal.state_of(key) for key in range(100)) == {S.COMPLETED: 100}


@in_virtual_time
async def test_query_until_the_end_of_the_calendar_holds_up_nothing_behind_it() -> None:
    stage = Stage(
        scripts=[Script(pages=[[make_page(), DownloadTold(True)]]), BACK], settings={"reconnect_pause_seconds": 0}
    )
    edge = make_condition(startInvoiceDate="9999-01-01", endInvoiceDate="9999-12-31")
    data = dumps(make_question(condition=edge, files=[]))
    query = waiting(1, user=1, type=CommandType.QUERY, data=data, fingerprint=None)

    async with at_work(stage):
        stage.journal.add(query)
        await asyncio.sleep(1)
        stage.journal.add(waiting(2, user=1))
        await asyncio.sleep(60)

    assert stage.journal.outcomes_of(1)[-1] == "completed"
    assert stage.journal.state_of(2) is S.COMPLETED
    assert stage.gateway.connections == 2


@in_virtual_time
async def test_while_no_event_goes_out_nothing_is_begun_that_a_person_must_see() -> None:
    """The broker is away: the QR of every order that waits would be shown to nobody, and each would end in doubt. What
    needs no session is answered, and what runs comes to its end."""
    stage = Stage()
    is_told = [True]
    stage.services.can_tell = lambda: is_told[0]
    stage.gateway.scripts = [Script(submissions=[[After(20, make_result())]])]
    stage.journal.add(*(waiting(key, user=1) for key in range(1, 4)))
    async with at_work(stage):
        await asyncio.sleep(10)
        is_told[0] = False
        stage.journal.add(waiting(4, user=2), stored(5))
        await asyncio.sleep(10 * MINUTES)
        assert [stage.journal.state_of(key) for key in (1, 2, 4, 5)] == [S.COMPLETED, S.WAITING, S.WAITING, S.COMPLETED]
        is_told[0] = True
        await asyncio.sleep(2 * MINUTES)
    assert {stage.journal.state_of(key) for key in range(1, 6)} == {S.COMPLETED}
