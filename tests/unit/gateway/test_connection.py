"""A connection between the event loop and the other side, both of which are the test. No socket, no wait."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from websockets.client import ClientProtocol
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from worker.gateway.connection import Connection, ConnectionClosed, Pongs


class Wire:
    """The transport, and the gateway behind it."""

    def __init__(self) -> None:
        self.pongs = Pongs(0)
        self.gateway = ServerProtocol()
        self.is_resting = False
        self.is_cut = False
        protocol = ClientProtocol(parse_uri("ws://gateway.test/invoice"))
        self.connection = Connection(protocol, protocol.connect(), 0.0, self.pongs)
        self.connection.connection_made(cast("asyncio.Transport", self))

    def write(self, data: bytes) -> None:
        self.gateway.receive_data(data)
        for event in self.gateway.events_received():
            if isinstance(event, Request):
                self.gateway.send_response(self.gateway.accept(event))

    def hear(self) -> None:
        """All that the gateway has said comes in, in one piece."""
        self.connection.data_received(b"".join(self.gateway.data_to_send()))

    def write_eof(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_cut

    def pause_reading(self) -> None:
        self.is_resting = True

    def resume_reading(self) -> None:
        self.is_resting = False

    def reads(self) -> bool:
        return not self.is_resting

    def abort(self) -> None:
        if not self.is_cut:
            self.is_cut = True
            self.connection.connection_lost(None)


async def opened() -> Wire:
    wire = Wire()
    wire.hear()
    await wire.connection.opened()
    return wire


async def begun(call: "asyncio.Future[Any]") -> None:
    """It waits for something by now."""
    await asyncio.sleep(0)
    assert not call.done()


async def test_a_message_in_several_frames_is_one() -> None:
    wire = await opened()
    wire.gateway.send_text("开".encode()[:2], fin=False)
    wire.gateway.send_continuation("开".encode()[2:], fin=False)
    wire.hear()
    assert wire.connection.has_unread

    wire.gateway.send_continuation("票".encode(), fin=True)
    wire.hear()

    assert await wire.connection.recv() == "开票"
    assert not wire.connection.has_unread


async def test_bytes_stay_bytes() -> None:
    wire = await opened()
    wire.gateway.send_binary(b"\xff")
    wire.hear()

    assert await wire.connection.recv() == b"\xff"


async def test_what_came_before_the_end_is_taken_before_it_is_told() -> None:
    wire = await opened()
    wire.gateway.send_text(b"last words")
    wire.gateway.send_close(CloseCode.GOING_AWAY, "bye")
    wire.hear()
    wire.abort()

    assert await wire.connection.recv() == "last words"
    with pytest.raises(ConnectionClosed) as raised:
        await wire.connection.recv()
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == CloseCode.GOING_AWAY


async def test_a_text_that_is_no_utf_8_ends_it() -> None:
    wire = await opened()
    wire.gateway.send_text(b"\xff")
    wire.hear()

    with pytest.raises(ConnectionClosed) as raised:
        await wire.connection.recv()
    assert raised.value.sent is not None
    assert raised.value.sent.code == CloseCode.INVALID_DATA


async def test_nothing_more_is_read_while_messages_wait() -> None:
    wire = await opened()
    for _ in range(5):
        wire.gateway.send_text(b"x")
    wire.hear()
    assert not wire.reads()

    for _ in range(4):
        await wire.connection.recv()

    assert wire.reads()
    assert await wire.connection.recv() == "x"


async def test_who_gives_up_waiting_loses_no_message() -> None:
    wire = await opened()
    call = asyncio.ensure_future(wire.connection.recv())
    await begun(call)
    wire.gateway.send_text(b"here")
    wire.hear()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await wire.connection.recv() == "here"


async def test_a_peer_that_does_not_end_what_it_has_begun_to_close_is_cut() -> None:
    wire = await opened()
    wire.gateway.send_close(CloseCode.NORMAL_CLOSURE)
    wire.hear()

    with pytest.raises(ConnectionClosed):
        await wire.connection.recv()
    assert wire.is_cut


async def test_a_peer_that_does_not_answer_our_close_is_cut() -> None:
    wire = await opened()

    await wire.connection.close()
    await wire.connection.close()

    assert wire.is_cut
    assert not wire.connection.is_open
    assert wire.gateway.state is State.CLOSING


async def test_sending_waits_for_a_peer_that_reads_slowly() -> None:
    wire = await opened()
    wire.connection.pause_writing()
    call = asyncio.ensure_future(wire.connection.send(b"x"))
    await begun(call)

    wire.connection.resume_writing()

    await call


@pytest.mark.parametrize("ends", [Wire.abort, lambda wire: wire.connection.connection_lost(OSError())])
async def test_who_waits_to_have_sent_is_told_of_the_end(ends: Callable[[Wire], None]) -> None:
    wire = await opened()
    wire.connection.pause_writing()
    call = asyncio.ensure_future(wire.connection.send(b"x"))
    await begun(call)

    ends(wire)

    with pytest.raises(ConnectionClosed):
        await call
    assert not wire.connection.send_at_once(b"y")


async def test_a_connection_that_is_lost_during_the_handshake_fails_it() -> None:
    wire = Wire()
    wire.connection.connection_lost(None)

    with pytest.raises(Exception, match="HTTP response"):
        await wire.connection.opened()


def were_heard(pongs: Pongs) -> bool:
    """As it is now, whatever was asserted before."""
    return pongs.were_heard


async def test_a_pong_shows_that_this_gateway_answers_pings() -> None:
    wire = await opened()
    wire.gateway.send_pong(b"unasked")
    wire.hear()
    assert not were_heard(wire.pongs)

    wire.connection._ping()
    wire.hear()

    assert were_heard(wire.pongs)
    wire.abort()
