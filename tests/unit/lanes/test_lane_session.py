"""One lane's session: waits that can be ended, and a session that is surely closed before the next."""

import asyncio
from typing import Any

import pytest

from tests.builders import make_command, make_data, make_lease, make_login
from tests.lane_fakes import FakeCredentials, Script, Stage
from tests.unit.lanes.playing import now
from tests.virtual_time import in_virtual_time
from worker.errors import LeaseLost, Transient
from worker.lanes.lane_session import Interruption, LaneSession
from worker.lanes.runs.order import Access, read_order
from worker.ports import LoginAnswered


def access_of(**login: str) -> Access:
    return read_order(make_command(data=make_data(login=make_login(**login))), FakeCredentials()).access


async def connected(**fields: Any) -> tuple[Stage, LaneSession]:
    stage = Stage(**fields)
    await stage.lease()
    lane_session = LaneSession(stage.services, make_lease())
    await lane_session.connect(access_of())
    return stage, lane_session


@in_virtual_time
async def test_wake_ends_an_idle_wait_only() -> None:
    _, lane_session = await connected()
    loop = asyncio.get_running_loop()

    loop.call_later(5, lane_session.wake)
    assert await lane_session.listen(60, wakeable=True) is None
    assert now() == 5

    loop.call_later(5, lane_session.wake)
    with pytest.raises(TimeoutError):
        await lane_session.listen(60)
    assert now() == 60


@in_virtual_time
async def test_wake_during_an_exchange_is_remembered_for_the_idle_wait() -> None:
    stage, lane_session = await connected()
    asyncio.get_running_loop().call_later(1, lane_session.wake)
    stage.gateway.sessions[0].say(LoginAnswered(True))
    await lane_session.listen(60)
    await asyncio.sleep(2)

    assert await lane_session.listen(60, wakeable=True) is None
    assert now() == 2


@in_virtual_time
async def test_wake_ends_one_wait_and_not_the_one_after_it() -> None:
    _, lane_session = await connected()
    lane_session.wake()

    assert await lane_session.listen(60, wakeable=True) is None
    with pytest.raises(TimeoutError):
        await lane_session.listen(7, wakeable=True)


@in_virtual_time
async def test_wake_that_was_heeded_does_not_end_the_next_wait() -> None:
    _, lane_session = await connected()
    lane_session.wake()
    lane_session.heed_wake()

    with pytest.raises(TimeoutError):
        await lane_session.listen(7, wakeable=True)


@pytest.mark.parametrize("is_wakeable", [True, False])
@pytest.mark.parametrize("is_lost", [True, False])
@in_virtual_time
async def test_interruption_ends_any_wait_now_and_later(is_wakeable: bool, is_lost: bool) -> None:
    _, lane_session = await connected()
    asyncio.get_running_loop().call_later(3, lambda: lane_session.interrupt(lease_is_lost=is_lost))

    for _ in range(2):
        with pytest.raises(Interruption) as raised:
            await lane_session.listen(60, wakeable=is_wakeable)
        assert raised.value.lease_is_lost is is_lost
    assert now() == 3


@in_virtual_time
async def test_interruption_ends_a_handshake_and_leaves_no_session() -> None:
    stage = Stage(scripts=[Script(connect_seconds=10)])
    await stage.lease()
    lane_session = LaneSession(stage.services, make_lease())
    asyncio.get_running_loop().call_later(1, lambda: lane_session.interrupt(lease_is_lost=False))

    with pytest.raises(Interruption):
        await lane_session.connect(access_of())

    assert now() == 1
    assert not stage.gateway.open_sessions


@in_virtual_time
async def test_interrupted_line_never_connects_again() -> None:
    """Its lane may be somebody else's by now, even where the worker has a new lease."""
    stage = Stage()
    await stage.lease()
    lane_session = LaneSession(stage.services, make_lease())
    lane_session.interrupt(lease_is_lost=True)

    with pytest.raises(Interruption):
        await lane_session.connect(access_of())

    assert stage.gateway.connections == 0


@in_virtual_time
async def test_line_does_not_connect_at_the_end_of_the_lease() -> None:
    stage = Stage()
    await stage.lease()
    await asyncio.sleep(50)

    with pytest.raises(LeaseLost):
        await LaneSession(stage.services, make_lease()).connect(access_of())

    assert stage.gateway.connections == 0


@in_virtual_time
async def test_handshake_that_times_out_may_be_tried_again() -> None:
    stage = Stage(scripts=[Script(refuses=TimeoutError())])
    await stage.lease()

    with pytest.raises(Transient):
        await LaneSession(stage.services, make_lease()).connect(access_of())


@in_virtual_time
async def test_event_that_comes_with_the_wake_is_not_lost() -> None:
    stage, lane_session = await connected()
    stage.gateway.sessions[0].say(LoginAnswered(True))
    await asyncio.sleep(1)

    lane_session.wake()
    assert await lane_session.listen(60, wakeable=True) is None
    assert await lane_session.listen(60) == LoginAnswered(True)


@in_virtual_time
async def test_hanging_up_closes_and_pauses() -> None:
    stage, lane_session = await connected(settings={"reconnect_pause_seconds": 0.2})
    stage.gateway.close_seconds = 1.0

    await lane_session.hang_up()

    assert now() == pytest.approx(1.2)
    assert not lane_session.is_connected
    assert not stage.gateway.open_sessions


@in_virtual_time
async def test_second_to_hang_up_waits_until_the_session_is_closed() -> None:
    stage, lane_session = await connected()
    stage.gateway.close_seconds = 3.0
    first = asyncio.create_task(lane_session.hang_up())
    await asyncio.sleep(1)

    await lane_session.hang_up()

    assert not stage.gateway.open_sessions
    assert now() >= 3
    await first


@in_virtual_time
async def test_hanging_up_without_a_session_costs_nothing() -> None:
    lane_session = LaneSession(Stage().services, make_lease())

    await lane_session.hang_up()

    assert now() == 0


@in_virtual_time
async def test_dropped_session_sends_nothing_more() -> None:
    _, lane_session = await connected()
    await lane_session.hang_up()

    with pytest.raises(LeaseLost):
        _ = lane_session.session


@in_virtual_time
async def test_session_of_other_credentials_is_closed_and_not_used() -> None:
    stage, lane_session = await connected()

    assert await lane_session.serves(access_of())
    assert not await lane_session.serves(access_of(phone="other"))
    assert not stage.gateway.open_sessions


@in_virtual_time
async def test_rest_is_ended_by_time_wake_or_interruption() -> None:
    lane_session = LaneSession(Stage().services, make_lease())
    loop = asyncio.get_running_loop()

    assert not await lane_session.rest(5)
    loop.call_later(1, lane_session.wake)
    assert await lane_session.rest(60)
    lane_session.wake()
    assert await lane_session.rest(60)
    loop.call_later(1, lambda: lane_session.interrupt(lease_is_lost=False))
    with pytest.raises(Interruption):
        await lane_session.rest(60)
    assert now() == 7
