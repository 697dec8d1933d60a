"""SIGKILL at every crash point of every flow, on both stores: nothing lost, nothing twice, nothing left behind.

The points of each way are checked against a recording run, and every durable step of the code against the points
(`tests/unit/test_crashpoints.py`), so that a new step without a kill test fails.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.scenarios.crash_ways import POINTS, WAYS, Way, stack_of
from tests.scenarios.stack import Stack, WorkerProcess

pytestmark = pytest.mark.timeout(240)


async def go(way: Way, stack: Stack, worker: WorkerProcess) -> Sequence[str]:
    """Publish; and tell the worker to stop, where that is the way."""
    commands = await way.publish(stack)
    if way.drains:
        await stack.until(commands, ["qr_required"])
        worker.signal(signal.SIGTERM)
    return commands


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
async def test_the_list_of_crash_points_is_complete(new_stack: Callable[..., Stack], tmp_path: Path, way: Way) -> None:
    """What a way passes is listed, with it or with another; what it lists it passes."""
    passed = tmp_path / "passed"
    async with stack_of(way, new_stack) as stack:
        await stack.prepare()
        worker = stack.start_worker(crash_log=str(passed))
        await stack.worker_is_consuming()
        commands = await go(way, stack, worker)
        if way.drains:
            assert await worker.died() == 0
        else:
            await stack.until(commands, way.ends)
            await stack.pause(2)

    seen = set(passed.read_text(encoding="utf-8").split())
    assert seen <= {point for _, point in POINTS}
    assert set(way.points) <= seen | REACHED_AFTER_A_CRASH


REACHED_AFTER_A_CRASH = {"housekeeping.reaped"}
"""Frees what a dead worker held, or a delay that is over: not on every way."""


@pytest.mark.parametrize(("way", "point"), POINTS, ids=[f"{way.name}: {point}" for way, point in POINTS])
async def test_a_kill_at_a_crash_point_does_no_harm(new_stack: Callable[..., Stack], way: Way, point: str) -> None:
    """Killed there, started again, killed there again if it comes by once more: every command has one end (or a doubt,
    where nobody looks), at most one submission, and nothing stays behind."""
    async with stack_of(way, new_stack) as stack:
        await stack.prepare()
        first = stack.start_worker(crash_at=point)
        await stack.worker_is_consuming()
        commands = await go(way, stack, first)
        assert await first.died() == -9, f"{point} was never reached"

        second = stack.start_worker(crash_at=point)
        watching = asyncio.create_task(replace_if_killed(stack, second))
        try:
            await settle(way, stack, commands)
            stack.check_promises([one for one in commands if one != "bad"])
            await stack.check_nothing_is_left(30)
        finally:
            watching.cancel()


async def replace_if_killed(stack: Stack, worker: WorkerProcess) -> None:
    """The recovery may be killed at the same point; the third worker is not."""
    if await worker.died(200) == -9:
        stack.start_worker()


async def settle(way: Way, stack: Stack, commands: Sequence[str]) -> None:
    """Until every command has come to an end. What became of an order decides about its repeats, so a doubt about the
    first one is decided by a person."""
    repeat = commands[2] if way.name == "issuing" else None
    await stack.until([one for one in commands if one != repeat], way.ends, seconds=60)
    if repeat is None:
        return
    if "in_doubt" in stack.said(commands[0]):
        for _ in range(20):
            decided = await stack.command_line("resolve", commands[0], "--not-issued")
            if decided.returncode == 0 or "completed" in stack.said(commands[0]):
                break
            await stack.pause(0.5)
    await stack.until([repeat], ["completed", "failed"])
