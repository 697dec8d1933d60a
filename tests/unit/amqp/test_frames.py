"""Frames that have come whole are read as the library reads them; the rest is read by the library."""

import asyncio
from typing import Any

import pytest
from aiormq.connection import FrameReceiver
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError
from pamqp import commands, frame, heartbeat

from worker.amqp.frames import read_in_one_piece

ACK = frame.marshal(commands.Basic.Ack(7, multiple=True), 3)
BEAT = heartbeat.Heartbeat().marshal()


def receiver(*pieces: bytes) -> FrameReceiver:
    """What has come so far, and nothing more."""
    read_in_one_piece()
    reader = asyncio.StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    return FrameReceiver(reader)


def read(given: Any) -> tuple[int, Any]:
    _, channel, told = given
    return channel, told.delivery_tag if isinstance(told, commands.Basic.Ack) else type(told)


async def test_the_first_frame_and_those_behind_it_are_told_alike() -> None:
    coming = receiver(ACK + BEAT + ACK)

    assert [read(await coming.get_frame()) for _ in range(3)] == [(3, 7), (0, heartbeat.Heartbeat), (3, 7)]


async def test_a_frame_is_waited_for_until_it_is_whole() -> None:
    coming = receiver(ACK, ACK[:9])
    await coming.get_frame()
    call = asyncio.ensure_future(coming.get_frame())
    await asyncio.sleep(0)
    assert not call.done()

    coming.reader.feed_data(ACK[9:])

    assert read(await call) == (3, 7)


async def test_the_end_of_a_connection_is_told_by_the_library() -> None:
    coming = receiver(ACK, ACK[:9])
    await coming.get_frame()
    coming.reader.feed_eof()

    with pytest.raises(AMQPConnectionError):
        await coming.get_frame()


async def test_what_is_no_frame_is_refused() -> None:
    coming = receiver(ACK, ACK[:-1] + b"x")
    await coming.get_frame()

    with pytest.raises(InvalidFrameError):
        await coming.get_frame()


async def test_the_end_of_a_stream_ends_it() -> None:
    coming = receiver(ACK)
    await coming.get_frame()
    coming.reader.feed_eof()

    with pytest.raises(StopAsyncIteration):
        await anext(coming)
