"""SIGKILL at every crash point of every flow, on both stores: nothing lost, nothing twice, nothing left behind.

The points of each way are checked against a recording run, and every durable step of the code against the points
(`tests/unit/test_crashpoints.py`), so that a new step without a kill test fails.

The kills come in chains: one life after the other on the same stack, each with messages of its own, each killed at the
next point, and recovering what the lives before it left. The last life is not killed; then everything is judged.
`TEST_CRASH_CHAIN=1` gives each point a stack of its own, to look at one alone.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.scenarios.crash_acts import Names
from tests.scenarios.crash_ways import POINTS, WAYS, Way, stack_of
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS, WorkerProcess

LONGEST_CHAIN = int(os.environ.get("TEST_CRASH_CHAIN", "10"))
CHAINS = [
    (way, way.points[start : start + LONGEST_CHAIN])
    for way in WAYS
    for start in range(0, len(way.points), LONGEST_CHAIN)
]
REACHED_AFTER_A_CRASH = {"housekeeping.reaped"}
"""Frees what a dead worker held, or a delay that is over: not on every way."""


RACED = {"repeat.heeded", "repeat.following_next", "repeat.following_recorded"}
"""Passed where housekeeping looks at a follower before its first has gone on. On a busy machine it may come too late
for all of them, and all be over without it: then more are published."""
AGAIN_AFTER_SECONDS = 20.0
MOST_AGAIN = 8


async def go(way: Way, stack: Stack, worker: WorkerProcess, names: Names) -> Sequence[str]:
    """Publish; and tell the worker to stop, where that is the way."""
    commands = await way.publish(stack, names)
    if way.drains:
        await stack.until(commands, ["qr_required"])
        worker.signal(signal.SIGTERM)
    return commands


async def go_again(
    way: Way, stack: Stack, worker: WorkerProcess, names: Names, *, until: Callable[[], bool]
) -> list[Sequence[str]]:
    """Publish once more each time that it has taken so long, under names of their own; what was published each time."""
    published: list[Sequence[str]] = []
    while len(published) < MOST_AGAIN:
        try:
            async with asyncio.timeout(AGAIN_AFTER_SECONDS):
                await stack.wait_for(until)
        except TimeoutError:
            names = Names(names.life + LONGEST_CHAIN)
            published.append(await way.publish(stack, names))
        else:
            break
    return published


def is_over(worker: WorkerProcess) -> bool:
    """Whether it has died."""
    return worker.process.poll() is not None


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
async def test_the_list_of_crash_points_is_complete(new_stack: Callable[..., Stack], tmp_path: Path, way: Way) -> None:
    """What a way passes is listed, with it or with another; what it lists it passes."""
    passed = tmp_path / "passed"

    def seen() -> set[str]:
        return set(passed.read_text(encoding="utf-8").split())

    def left() -> set[str]:
        return set(way.points) - seen() - REACHED_AFTER_A_CRASH

    async with stack_of(way, new_stack) as stack:
        await stack.prepare()
        worker = stack.start_worker(crash_log=str(passed), lease_seconds="60")  # none may be lost here
        await stack.worker_is_consuming()
        commands = await go(way, stack, worker, Names())
        if way.drains:
            assert await worker.died() == 0
        else:
            await stack.until(commands, way.ends)
            await go_again(way, stack, worker, Names(), until=lambda: left().isdisjoint(RACED))
            await stack.wait_for(lambda: not left())

    assert seen() <= POINTS
    assert set(way.points) <= seen() | REACHED_AFTER_A_CRASH


@pytest.mark.parametrize(("way", "points"), CHAINS, ids=[f"{way.name}: {points[0]}" for way, points in CHAINS])
async def test_kills_at_crash_points_do_no_harm(
    new_stack: Callable[..., Stack], way: Way, points: Sequence[str]
) -> None:
    """Killed at each point in turn, and there again if the last life comes by: every command has one end (or a doubt,
    where nobody looks), at most one submission, and nothing stays behind."""
    lives: list[tuple[str, Sequence[str]]] = []
    async with stack_of(way, new_stack) as stack:
        await stack.prepare()
        for life, point in enumerate(points):
            worker = stack.start_worker(crash_at=point)
            if await consumes_or_died(stack, worker):
                lives.append((point, await go(way, stack, worker, Names(life))))
                if point in RACED:
                    again = await go_again(way, stack, worker, Names(life), until=partial(is_over, worker))
                    lives += [(point, commands) for commands in again]
            assert await worker.died() == -9, f"{point} was never reached"

        last = stack.start_worker(crash_at=points[-1])
        watching = asyncio.create_task(replace_if_killed(stack, last))
        try:
            for point, commands in lives:
                await settle(way, stack, commands, point)
                stack.check_promises([one for one in commands if not one.startswith("bad")])
            await stack.check_nothing_is_left()
        finally:
            watching.cancel()


async def consumes_or_died(stack: Stack, worker: WorkerProcess) -> bool:
    """Whether it consumes; False where what it recovered has led it to its point before that."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while worker.process.poll() is None:
            if await stack.consumers():
                return True
            await asyncio.sleep(0.1)
    return False


async def replace_if_killed(stack: Stack, worker: WorkerProcess) -> None:
    """The recovery may be killed at the same point; the worker after it is not. As whatever runs workers would, this
    starts one again that came while a command line, for want of a worker, held the SQLite file itself."""
    for _ in range(5):
        status = await worker.died()
        if status != -9 and "in use by another process" not in worker.log():
            return
        worker = stack.start_worker()


async def settle(way: Way, stack: Stack, commands: Sequence[str], point: str) -> None:
    """Until every command has come to an end. What became of an order decides about its repeats and about another order
    of its number, so a doubt about the first one is decided by a person. So is one that nobody looks into, of an order
    that was killed between its record and its frame: there is nothing that an audit could find."""
    waiting = commands[2:4] if way.name == "issuing" else ()

    def is_never_found(one: str) -> bool:
        return "in_doubt" in stack.said(one) and not stack.submissions(one)

    try:
        if way.name == "auditing":
            ends = set(way.ends)
            await stack.wait_for(lambda: all(ends & set(stack.said(one)) or is_never_found(one) for one in commands))
            for one in filter(is_never_found, commands):
                await decide(stack, one)
        await stack.until([one for one in commands if one not in waiting], way.ends)
        if not waiting:
            return
        if "in_doubt" in stack.said(commands[0]):
            await decide(stack, commands[0])
        await stack.until(waiting, way.ends)
    except AssertionError as error:
        raise AssertionError(f"in the life that was killed at {point}: {error}") from error


async def decide(stack: Stack, command: str) -> None:
    """As a person does who found no invoice. A look that is under way may be quicker."""
    for _ in range(20):
        decided = await stack.command_line("resolve", command, "--not-issued")
        if decided.returncode == 0 or "completed" in stack.said(command):
            return
        await stack.pause(0.5)
