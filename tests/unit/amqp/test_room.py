"""Nothing more is read while what is held comes to the bound."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from tests.virtual_time import in_virtual_time
from worker.amqp.deliveries import ByteBudget, read_as_there_is_room


@in_virtual_time
async def test_frames_wait_for_room_and_keep_their_order() -> None:
    channel = SimpleNamespace(frames=asyncio.Queue())
    room = ByteBudget(100)
    read_as_there_is_room(cast("Any", channel), room)
    await channel.frames.put(1)
    room.take(60)
    await channel.frames.put(2)
    room.take(60)

    waiting = asyncio.create_task(channel.frames.put(3))
    await asyncio.sleep(60)

    assert not waiting.done()
    assert channel.frames.qsize() == 2
    room.give_back(60)
    await waiting
    assert [channel.frames.get_nowait() for _ in range(3)] == [1, 2, 3]


@in_virtual_time
async def test_a_body_larger_than_the_room_is_let_in_alone() -> None:
    room = ByteBudget(100)

    room.take(1000)
    was_full = room.is_full
    room.give_back(1000)

    assert was_full
    assert (room.is_full, room.held) == (False, 0)
