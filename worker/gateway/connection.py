"""One WebSocket: the library's protocol (handshake, frames, closing) on a transport of the event loop.

Guaranteed: what came before the end is taken before the end is told; `recv` may be cancelled without losing a message;
while messages wait that nobody takes, nothing more is read; a peer that does not end what either side has begun to
close is cut after the time for closing. Every wait for the peer but `recv` is bounded by that, or by its caller.

The library's own connection, which has a task, queues and contexts, takes twice the CPU to open and close and several
KiB more while somebody scans. Not known here: what failures and messages mean.

Pings find dead connections. RFC 6455 asks every server to answer them, but some do not: closing for a missing pong
would cut healthy scans there after twice `FAPIAO_GATEWAY_PING_SECONDS`, each into doubt. So a connection is closed for
a missing pong only where this gateway has ever sent one.
"""

import asyncio
import contextlib
import secrets
from typing import Final, cast

import structlog
from typing_extensions import override
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import BytesLike

__all__ = ["Connection", "ConnectionClosed", "Pongs"]

log = structlog.get_logger()

UNANSWERED: Final = "keepalive ping timeout"
"""The reason of our own close frame: it tells this end of a connection from others with the same code."""
_MAX_WAITING: Final = 4
"""Messages that nobody has taken (count); with more, reading rests until there is one at most."""
_TAKEN_AT_ONCE_BYTES: Final = 16 * 1024
"""The transport asks for a rest where its buffer has four times as many."""


class Pongs:
    """What is known of a gateway, over all its connections."""

    def __init__(self, ping_seconds: float) -> None:
        """0: no pings."""
        self.ping_seconds = ping_seconds
        self.were_heard = False
        self._was_told = False

    def missed(self) -> None:
        """A ping had no answer, and none ever had one."""
        if not self._was_told:
            self._was_told = True
            log.warning(
                "gateway_answers_no_pings",
                ping_seconds=self.ping_seconds,
                advice="connections stay open; FAPIAO_GATEWAY_PING_SECONDS=0 sends none, and a dead one is found later",
            )


class Connection(asyncio.Protocol):
    """Made for `create_connection`; of use when `opened` has returned."""

    __slots__ = (
        "_close_seconds",
        "_cut",
        "_fault",
        "_is_full",
        "_is_lost",
        "_is_resting",
        "_is_text",
        "_loop",
        "_opening",
        "_part",
        "_pinging",
        "_pongs",
        "_protocol",
        "_request",
        "_unanswered",
        "_unread",
        "_waiters",
        "transport",
    )

    def __init__(self, protocol: ClientProtocol, request: Request, close_seconds: float, pongs: Pongs) -> None:
        self.transport: asyncio.Transport
        self._protocol = protocol
        self._request: Request | None = request
        self._close_seconds = close_seconds
        self._pongs = pongs
        self._loop = asyncio.get_running_loop()
        self._opening: asyncio.Future[None] | None = self._loop.create_future()
        self._unread: list[str | bytes] = []
        self._part: bytearray | None = None
        """What has come so far of a message in several frames."""
        self._is_text = False
        self._waiters: list[asyncio.Future[None]] = []
        """Whoever waits for a message, for room, or for the end."""
        self._is_resting = False
        self._is_full = False
        self._is_lost = False
        self._fault: Exception | None = None
        self._unanswered: bytes | None = None
        self._pinging: asyncio.TimerHandle | None = None
        self._cut: asyncio.TimerHandle | None = None

    # ---- what sessions ask -----------------------------------------------------------------------------

    async def opened(self) -> None:
        """Wait for the handshake. Raises what the library calls its failure."""
        if self._opening is not None:
            await self._opening
            self._opening = None
        if self._pongs.ping_seconds:
            self._pinging = self._loop.call_later(self._pongs.ping_seconds, self._ping)

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close, as far as is known."""
        return self._protocol.state is State.OPEN and not self._is_lost

    @property
    def has_unread(self) -> bool:
        """Whether a message, or a part of one, has come that nobody has taken."""
        return bool(self._unread) or self._part is not None

    async def recv(self) -> str | bytes:
        """The next message. Raises `ConnectionClosed` when there will be none."""
        while not self._unread:
            if self._is_lost:
                raise self._closed()
            await self._something()
        message = self._unread.pop(0)
        if self._is_resting and len(self._unread) <= 1:
            self._is_resting = False
            self.transport.resume_reading()
        return message

    def send_at_once(self, text: bytes) -> bool:
        """Send a text message where the system, or an empty buffer, takes it, so that nobody waits for the other side.
        False where `send` must do it."""
        transport = self.transport
        if not self.is_open or transport.is_closing() or transport.get_write_buffer_size():
            return False
        if len(text) >= _TAKEN_AT_ONCE_BYTES:
            return False
        self._protocol.send_text(text)
        self._write()
        return True

    async def send(self, text: bytes) -> None:
        """Send a text message, and wait until the other side has read enough. Raises `ConnectionClosed`, when it is
        known how the connection ended."""
        if self.is_open and not self.transport.is_closing():
            self._protocol.send_text(text)
            self._write()
            while self._is_full and not self._is_lost:
                await self._something()
            if not self._is_lost:
                return
        await self._end()
        raise self._closed()

    async def close(self) -> None:
        """Say so, and wait for the end."""
        if self.is_open:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._write()
        await self._end()

    # ---- what the event loop tells ---------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._request is not None:
            self._protocol.send_request(self._request)
            self._request = None
        self._write()

    @override
    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Response):
                self._answered(event)
        self._write()

    @override
    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._write()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.receive_eof()
        self._is_lost, self._fault = True, exc
        for timer in (self._pinging, self._cut):
            if timer is not None:
                timer.cancel()
        self._pinging = self._cut = None
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(self._protocol.handshake_exc or exc or ConnectionResetError())
        self._wake()

    @override
    def pause_writing(self) -> None:
        self._is_full = True

    @override
    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    # ---- inside ----------------------------------------------------------------------------------------

    def _answered(self, response: Response) -> None:
        """The handshake has its answer."""
        refusal = self._protocol.handshake_exc
        if refusal is None:
            # Of no use any more, and 2 KiB of each scan that waits.
            response.headers.clear()
        if self._opening is None or self._opening.done():
            return
        if refusal is None:
            self._opening.set_result(None)
        else:
            self._opening.set_exception(refusal)

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._is_text = opcode is Opcode.TEXT
            if frame.fin:
                self._take_message(frame.data)
                frame.data = b""  # the library holds its last frame: the picture of a QR, for as long as somebody scans
            else:
                self._part = bytearray(frame.data)
        elif opcode is Opcode.CONT and self._part is not None:
            self._part += frame.data
            if frame.fin:
                whole, self._part = self._part, None
                self._take_message(whole)
        elif opcode is Opcode.PONG and frame.data == self._unanswered:
            self._unanswered = None
            self._pongs.were_heard = True

    def _take_message(self, data: BytesLike) -> None:
        try:
            self._unread.append(str(data, "utf-8") if self._is_text else bytes(data))
        except UnicodeDecodeError:
            if self._protocol.state is State.OPEN:
                self._protocol.fail(CloseCode.INVALID_DATA, "no UTF-8")
            return
        if len(self._unread) > _MAX_WAITING and not self._is_resting:
            self._is_resting = True
            self.transport.pause_reading()
        self._wake()

    def _write(self) -> None:
        """Send what the protocol has to say. Once the connection is to end, bound the wait for the peer to end it."""
        for data in self._protocol.data_to_send():
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                with contextlib.suppress(OSError, RuntimeError):  # it may have ended by itself
                    self.transport.write_eof()
            else:
                self.transport.close()
        if self._cut is None and not self._is_lost and self._protocol.close_expected():
            self._cut = self._loop.call_later(self._close_seconds, self.transport.abort)

    def _ping(self) -> None:
        if not self.is_open:
            return
        if self._unanswered is not None:
            if self._pongs.were_heard:
                self._protocol.fail(CloseCode.INTERNAL_ERROR, UNANSWERED)
                self._write()
                return
            self._pongs.missed()
        self._unanswered = secrets.token_bytes(4)
        self._protocol.send_ping(self._unanswered)
        self._write()
        self._pinging = self._loop.call_later(self._pongs.ping_seconds, self._ping)

    async def _something(self) -> None:
        """Wait until something has happened that anybody here waits for."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _end(self) -> None:
        while not self._is_lost:
            await self._something()

    def _closed(self) -> ConnectionClosed:
        error = self._protocol.close_exc
        if self._fault is not None:
            error.__cause__ = self._fault
        return error
