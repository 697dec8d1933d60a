"""How asks are gathered into batches, in virtual time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.ops.fakes import command
from tests.virtual_time import EPOCH, in_virtual_time
from worker.errors import JournalFaulty, JournalUnavailable
from worker.journal.postgres.batches import BATCH_MAX, SLOW_SECONDS, SUBMISSIONS_MAX, Ask, Batches
from worker.records import CommandState, LaneLease, Step


class Server:
    """Takes its time over each batch, and answers each ask with its lane."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.batches: list[list[str]] = []
        self.failing: dict[str, Exception] = {}
        """Lanes over whose asks a batch fails."""
        self.beside = 0
        self.most_beside = 0

    async def write(self, batch: Sequence[Ask]) -> list[Any]:
        self.batches.append([ask.lease.lane for ask in batch])
        self.beside += 1
        self.most_beside = max(self.most_beside, self.beside)
        await asyncio.sleep(self.seconds)
        self.beside -= 1
        for ask in batch:
            if ask.lease.lane in self.failing:
                raise self.failing[ask.lease.lane]
        return [ask.lease.lane for ask in batch]


def look(lane: str) -> Ask:
    return Ask(LaneLease(lane, "w", 1), EPOCH, wants_next=True)


def submission(lane: str) -> Ask:
    lease = LaneLease(lane, "w", 1)
    running = frozenset({CommandState.RUNNING})
    return Ask(lease, EPOCH, Step(command(), lease, running, CommandState.SUBMITTING, EPOCH))


@in_virtual_time
async def test_one_alone_goes_at_once() -> None:
    server = Server()
    batches = Batches(server.write, places=4)
    began = asyncio.get_running_loop().time()
    assert await batches.ask(look("a")) == "a"
    assert asyncio.get_running_loop().time() - began == pytest.approx(server.seconds)


@in_virtual_time
async def test_what_waits_while_a_batch_is_written_goes_together() -> None:
    server = Server()
    batches = Batches(server.write, places=4)
    first = asyncio.create_task(batches.ask(look("a")))
    await asyncio.sleep(0.001)
    others = [asyncio.create_task(batches.ask(look(lane))) for lane in "bcd"]
    await asyncio.gather(first, *others)
    assert server.batches == [["a"], ["b", "c", "d"]]


@in_virtual_time
async def test_what_waits_goes_as_soon_as_the_batch_before_is_done() -> None:
    """It waited until a slow batch would have been passed, a twentieth of a second, which halved the throughput."""
    server = Server()
    batches = Batches(server.write, places=4)
    loop = asyncio.get_running_loop()
    began = loop.time()
    first = asyncio.create_task(batches.ask(look("a")))
    await asyncio.sleep(server.seconds / 2)
    await batches.ask(look("b"))
    assert first.done()
    assert loop.time() - began == pytest.approx(2 * server.seconds)


@in_virtual_time
async def test_what_did_not_fit_is_written_beside_a_slow_batch() -> None:
    """Nobody asks again meanwhile, so nobody else reminds of it."""
    server = Server(seconds=3)
    batches = Batches(server.write, places=4)
    lanes = [f"u{number}" for number in range(2 * SUBMISSIONS_MAX + 1)]
    asked = [asyncio.create_task(batches.ask(submission(lane))) for lane in lanes]
    await asyncio.sleep(3 * SLOW_SECONDS)
    assert [len(batch) for batch in server.batches] == [SUBMISSIONS_MAX, SUBMISSIONS_MAX, 1]
    await asyncio.gather(*asked)


@in_virtual_time
async def test_a_lane_has_one_ask_in_flight() -> None:
    server = Server()
    batches = Batches(server.write, places=4)
    await asyncio.gather(*(batches.ask(look(lane)) for lane in ("a", "a", "b", "a")))
    assert server.batches == [["a", "b"], ["a"], ["a"]]


@in_virtual_time
async def test_an_ask_that_fails_takes_no_other_with_it() -> None:
    server = Server()
    server.failing["b"] = ValueError("not this one")
    batches = Batches(server.write, places=4)
    answers = await asyncio.gather(*(batches.ask(look(lane)) for lane in "abc"), return_exceptions=True)
    assert answers[0] == "a"
    assert isinstance(answers[1], ValueError)
    assert answers[2] == "c"


@in_virtual_time
async def test_a_row_that_the_server_cannot_read_concerns_its_own_lane() -> None:
    """A corrupt page, say: the server has rolled the statement back, so the others can be done."""
    server = Server()
    server.failing["b"] = JournalFaulty("could not read block 7")
    batches = Batches(server.write, places=4)
    answers = await asyncio.gather(*(batches.ask(submission(lane)) for lane in "abc"), return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2]) == ("a", JournalFaulty, "c")


@in_virtual_time
async def test_where_the_commit_is_unknown_all_are_told_and_nothing_is_done_again() -> None:
    """A submission must not be recorded twice, and an invoice hangs on each."""
    server = Server()
    server.failing["b"] = JournalUnavailable("the connection broke")
    batches = Batches(server.write, places=4)
    answers = await asyncio.gather(*(batches.ask(submission(lane)) for lane in "abc"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalUnavailable] * 3
    assert server.batches == [["a", "b", "c"]]


@in_virtual_time
async def test_a_crash_finds_few_submissions_in_one_batch() -> None:
    server = Server()
    batches = Batches(server.write, places=4)
    lanes = [f"u{number}" for number in range(30)]
    await asyncio.gather(
        *(batches.ask(submission(lane)) for lane in lanes), *(batches.ask(look(f"q{n}")) for n in lanes)
    )
    assert max(sum(lane.startswith("u") for lane in batch) for batch in server.batches) == SUBMISSIONS_MAX
    assert sorted(lane for batch in server.batches for lane in batch) == sorted([*lanes, *(f"q{n}" for n in lanes)])


@in_virtual_time
async def test_no_batch_is_without_bounds() -> None:
    server = Server()
    batches = Batches(server.write, places=1)
    await asyncio.gather(*(batches.ask(look(f"u{number}")) for number in range(2 * BATCH_MAX + 1)))
    assert [len(batch) for batch in server.batches] == [BATCH_MAX, BATCH_MAX, 1]


@in_virtual_time
async def test_a_slow_server_writes_batches_beside_each_other_and_larger_ones() -> None:
    """Half a second for each of six round trips: hundreds of commands a second all the same."""
    server = Server(seconds=3)
    batches = Batches(server.write, places=4)
    done = 0

    async def lane(name: str) -> None:
        nonlocal done
        while True:
            await batches.ask(submission(name))
            done += 1

    tasks = [asyncio.create_task(lane(f"u{number}")) for number in range(1000)]
    await asyncio.sleep(60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert server.most_beside == 4
    assert done / 60 > 200


@in_virtual_time
async def test_what_is_cancelled_before_it_is_written_is_left_out() -> None:
    server = Server()
    batches = Batches(server.write, places=1)
    first = asyncio.create_task(batches.ask(look("a")))
    await asyncio.sleep(0.001)
    waiting = asyncio.create_task(batches.ask(look("b")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(first, waiting, return_exceptions=True)
    await batches.close()
    assert server.batches == [["a"]]


@in_virtual_time
async def test_closing_waits_for_what_was_asked() -> None:
    server = Server()
    batches = Batches(server.write, places=1)
    asked = [asyncio.create_task(batches.ask(look(lane))) for lane in "aab"]
    await asyncio.sleep(0.001)
    await batches.close()
    assert await asyncio.gather(*asked) == ["a", "a", "b"]


@in_virtual_time
async def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    server = Server(seconds=1000)
    batches = Batches(server.write, places=1)
    asked = [asyncio.create_task(batches.ask(look(lane))) for lane in "ab"]
    await asyncio.sleep(0.001)
    began = asyncio.get_running_loop().time()
    await batches.close()
    assert asyncio.get_running_loop().time() - began <= 10.1
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalUnavailable] * 2
