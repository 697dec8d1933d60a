"""How reads are gathered, in virtual time."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.virtual_time import in_virtual_time
from worker.errors import JournalFaulty, JournalUnavailable
from worker.journal.postgres.batches import BESIDE_MAX, TOGETHER_MAX, ReadBatches


class Server:
    """Answers each key with its double, after a while."""

    def __init__(self) -> None:
        self.reads: list[list[int]] = []
        self.failing: dict[int, Exception] = {}
        """Keys over which a read fails."""

    async def read(self, keys: Sequence[int]) -> list[int]:
        self.reads.append(list(keys))
        await asyncio.sleep(0.5)
        for key in keys:
            if key in self.failing:
                raise self.failing[key]
        return [2 * key for key in keys]


@in_virtual_time
async def test_what_is_asked_at_once_is_read_together_and_each_gets_its_own() -> None:
    server = Server()
    together = ReadBatches(server.read)
    assert await asyncio.gather(*(together.ask(key) for key in range(5))) == [0, 2, 4, 6, 8]
    assert server.reads == [[0, 1, 2, 3, 4]]


@in_virtual_time
async def test_what_is_asked_while_others_are_read_waits_for_one_of_them() -> None:
    server = Server()
    together = ReadBatches(server.read)
    asked = []
    for key in range(BESIDE_MAX + 3):
        asked.append(asyncio.ensure_future(together.ask(key)))
        await asyncio.sleep(0.001)
    assert await asyncio.gather(*asked) == [2 * key for key in range(BESIDE_MAX + 3)]
    assert [len(keys) for keys in server.reads] == [1] * BESIDE_MAX + [3]


@in_virtual_time
async def test_no_read_is_for_more_than_the_most() -> None:
    server = Server()
    together = ReadBatches(server.read)
    await asyncio.gather(*(together.ask(key) for key in range(TOGETHER_MAX + 1)))
    assert [len(keys) for keys in server.reads] == [TOGETHER_MAX, 1]


@pytest.mark.parametrize("fault", [ValueError("this one"), JournalFaulty("XX000")])
@in_virtual_time
async def test_one_that_fails_takes_no_other_with_it(fault: Exception) -> None:
    server = Server()
    server.failing[1] = fault
    together = ReadBatches(server.read)
    answers = await asyncio.gather(*(together.ask(key) for key in range(3)), return_exceptions=True)
    assert [answers[0], answers[2]] == [0, 4]
    assert isinstance(answers[1], type(fault))


@in_virtual_time
async def test_a_server_that_is_away_is_away_for_all_and_asked_no_more() -> None:
    server = Server()
    server.failing[1] = JournalUnavailable("away")
    together = ReadBatches(server.read)
    answers = await asyncio.gather(*(together.ask(key) for key in range(3)), return_exceptions=True)
    assert all(isinstance(answer, JournalUnavailable) for answer in answers)
    assert len({id(answer) for answer in answers}) == 3
    assert len(server.reads) == 1


@in_virtual_time
async def test_who_asks_no_more_is_left_out() -> None:
    server = Server()
    together = ReadBatches(server.read)
    running = [asyncio.ensure_future(together.ask(key)) for key in range(2)]
    running[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await running[0]
    assert await running[1] == 2
    assert server.reads == [[1]]
