"""A lane's waits under one timer: each ends when it should, and none of them ends another."""

import asyncio
from collections.abc import Awaitable

import pytest

from tests.unit.lanes.playing import now
from tests.virtual_time import in_virtual_time
from worker.lanes.lane_session import Waits


def for_ever() -> Awaitable[None]:
    return asyncio.get_running_loop().create_future()


async def timed_out(waits: Waits, until: float | None) -> float:
    """When the wait for what never comes was over."""
    with pytest.raises(TimeoutError):
        await waits.bounded(for_ever(), until)
    return now()


@in_virtual_time
async def test_what_is_there_is_returned_also_when_the_time_is_over() -> None:
    waits = Waits()

    assert await waits.bounded(asyncio.sleep(3, "result"), 5) == "result"
    assert await waits.bounded(asyncio.sleep(3, "result"), None) == "result"
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ready.set_result("ready")
    assert await waits.bounded(ready, 1) == "ready"
    assert now() == 6


@in_virtual_time
async def test_every_wait_has_its_own_end_earlier_or_later_than_the_one_before() -> None:
    waits = Waits()
    await waits.bounded(asyncio.sleep(1), 100)
    await waits.bounded(asyncio.sleep(1), 5)

    assert await timed_out(waits, 10) == 10
    assert await timed_out(waits, 30) == 30
    assert await timed_out(waits, 7) == 30


@in_virtual_time
async def test_a_wait_without_an_end_outlasts_the_timer_of_the_one_before() -> None:
    waits = Waits()
    await waits.bounded(asyncio.sleep(1), 5)

    await waits.bounded(asyncio.sleep(50), None)

    assert now() == 51


@in_virtual_time
async def test_the_end_of_one_wait_does_not_end_the_next() -> None:
    """What ended it may be called in the very turn in which the answer came."""
    waits = Waits()
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def answer_and_end() -> None:
        answer.set_result("answer")
        waits.end()

    asyncio.get_running_loop().call_later(1, answer_and_end)

    assert await waits.bounded(answer, None) == "answer"
    await waits.bounded(asyncio.sleep(5), None)
    waits.end()
    await waits.bounded(asyncio.sleep(5), None)

    assert now() == 11


@in_virtual_time
async def test_a_wait_that_is_ended_cancels_its_work_and_can_be_ended_once() -> None:
    waits = Waits()
    work = asyncio.create_task(asyncio.sleep(60))
    for _ in range(2):
        asyncio.get_running_loop().call_later(2, waits.end)

    with pytest.raises(TimeoutError):
        await waits.bounded(work, 30)

    assert work.cancelled()
    assert now() == 2
    assert await timed_out(waits, 40) == 40


@pytest.mark.parametrize("is_over_too", [False, True])
@in_virtual_time
async def test_a_task_that_is_cancelled_stays_cancelled(is_over_too: bool) -> None:
    waits = Waits()

    async def wait() -> None:
        await waits.bounded(for_ever(), 5)

    task = asyncio.create_task(wait())
    await asyncio.sleep(1)
    if is_over_too:
        waits.end()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@in_virtual_time
async def test_what_the_work_raises_comes_through_and_leaves_nothing_behind() -> None:
    waits = Waits()

    async def fail() -> None:
        await asyncio.sleep(1)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await waits.bounded(fail(), 5)
    await waits.bounded(asyncio.sleep(10), None)

    assert now() == 11


@in_virtual_time
async def test_a_forgotten_timer_does_not_go_off() -> None:
    waits = Waits()
    await waits.bounded(asyncio.sleep(1), 5)
    waits.forget_timer()

    assert await timed_out(waits, 20) == 20
