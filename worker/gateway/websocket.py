"""A WebSocket as this worker wants it, and what its failures mean. The only door to `websockets`.

Guaranteed: one shared TLS context, no compression, no proxy from the environment, no redirect, no reconnection;
sizes and waits are bounded; nothing of a frame, a header or an address is ever logged or put into an error, for
`userId` is in the address and names a customer.

Pings tell a dead connection from a gateway that answers none. RFC 6455 asks every server to answer them, and some do
not: a client that closes for it cuts healthy scans after twice `FAPIAO_GATEWAY_PING_SECONDS`, and each falls into
doubt. So a connection is closed for a missing pong only if this gateway has ever sent one.
Not known here: what frames mean.
"""

import asyncio
import errno
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from socket import gaierror
from typing import Any, Final

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as _websockets_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import State

from contracts.failures import FailureCode
from worker.errors import Permanent, Transient, Unreachable
from worker.gateway.values import retry_after

log = structlog.get_logger()

UNANSWERED: Final = "keepalive ping timeout"
"""The reason of our own close frame: it tells this end of a connection from others with the same code."""


class Pongs:
    """What is known of a gateway, over all its connections."""

    def __init__(self, ping_seconds: float) -> None:
        self._ping_seconds = ping_seconds
        self.were_heard = False
        self._was_told = False

    def missed(self) -> None:
        """A ping had no answer, and none ever had one."""
        if not self._was_told:
            self._was_told = True
            log.warning(
                "gateway_answers_no_pings",
                ping_seconds=self._ping_seconds,
                advice="connections stay open; FAPIAO_GATEWAY_PING_SECONDS=0 sends none, and a dead one is found later",
            )


class PingingConnection(ClientConnection):
    """The library's connection with a keep-alive of our own."""

    pongs: Pongs

    async def keepalive(self) -> None:  # type: ignore[explicit-override]  # `typing.override` is not in Python 3.11
        """Ping at regular intervals, until the connection ends."""
        if self.ping_interval is None:
            return
        waited = 0.0
        try:
            while True:
                await asyncio.sleep(max(0.0, self.ping_interval - waited))
                pong = await self.ping()
                try:
                    async with asyncio.timeout(self.ping_timeout):
                        waited = await pong
                    self.pongs.were_heard = True
                except TimeoutError:
                    if self.pongs.were_heard:
                        async with self.send_context():
                            self.protocol.fail(CloseCode.INTERNAL_ERROR, UNANSWERED)
                        return
                    self.pongs.missed()
                    waited = self.ping_timeout or 0.0
        except ConnectionClosed:
            return


def pinging(pongs: Pongs) -> Callable[..., PingingConnection]:
    """Makes connections that share what is known of their gateway."""

    def create(*given: Any, **options: Any) -> PingingConnection:
        connection = PingingConnection(*given, **options)
        connection.pongs = pongs
        return connection

    return create


__all__ = [
    "ClientConnection",
    "ConnectionClosed",
    "SocketLimits",
    "classify",
    "closing_reason",
    "has_unread",
    "is_open",
    "open_socket",
    "send_at_once",
]

_MAX_QUEUED_FRAMES: Final = 4
_MESSAGE_TOO_BIG: Final = 1009
_INTERNAL_ERROR: Final = 1011
"""What our own keep-alive closes with when the peer no longer answers pings."""
_REFUSED_IDENTITY: Final = {401: FailureCode.GATEWAY_UNAUTHORIZED, 403: FailureCode.GATEWAY_FORBIDDEN}
_USER_AGENT: Final = "fapiao-worker"
_TAKEN_AT_ONCE_BYTES: Final = 16 * 1024
"""The library waits for the other side only where its buffer has twice as many (its `write_limit`)."""

_wire_log = logging.getLogger("worker.gateway.wire")
# At DEBUG the library writes out addresses, headers and frames: `userId`, tokens and passwords.
_wire_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Bounds of one socket. `ping_seconds` 0 turns keep-alive off."""

    open_timeout_seconds: float
    close_timeout_seconds: float
    ping_seconds: float
    max_frame_bytes: int


class _DirectConnect(_websockets_connect):
    """Follows no redirect: another address might not be the vendor's, and would get `userId` and headers."""

    # `typing.override` is not there before Python 3.12.
    def process_redirect(self, exc: Exception) -> Exception | str:  # type: ignore[explicit-override]
        return exc


async def open_socket(
    url: str, headers: Mapping[str, str], limits: SocketLimits, tls: ssl.SSLContext | None, pongs: Pongs
) -> ClientConnection:
    """Open one socket, by one attempt. Raises `Transient` or `Permanent`, see `classify`."""
    try:
        socket = await _DirectConnect(
            url,
            additional_headers=dict(headers),
            user_agent_header=_USER_AGENT,
            compression=None,
            proxy=None,
            open_timeout=limits.open_timeout_seconds,
            close_timeout=limits.close_timeout_seconds,
            ping_interval=limits.ping_seconds or None,
            ping_timeout=limits.ping_seconds or None,
            max_size=limits.max_frame_bytes,
            max_queue=_MAX_QUEUED_FRAMES,
            logger=_wire_log,
            ssl=tls,
            create_connection=pinging(pongs),  # type: ignore[arg-type]  # it may be any callable that makes one
        )
    except (OSError, WebSocketException, EOFError) as exc:
        raise classify(exc) from exc
    # The headers of both sides are of no use any more, and 2 KiB of each scan that waits.
    socket.request = None
    if socket.response is not None:
        socket.response.headers.clear()
    return socket


def classify(exc: Exception) -> Transient | Permanent:
    """What a failed opening means. Nothing was sent yet, so all but a refused identity may be tried again; a bad
    certificate too, for certificates are repaired while commands wait. `Unreachable` where it cannot be one user's own
    trouble."""
    if isinstance(exc, InvalidStatus):
        status = exc.response.status_code
        message = f"the gateway answered the handshake with {status}"
        if status in _REFUSED_IDENTITY:
            return Permanent(_REFUSED_IDENTITY[status], message)
        return Transient(message, retry_after=_wait_asked_for(exc.response))
    may_be_this_users = isinstance(exc, TimeoutError | ConnectionResetError) or not isinstance(exc, OSError)
    return Transient(_what_failed(exc)) if may_be_this_users else Unreachable(_what_failed(exc))


def _what_failed(exc: Exception) -> str:
    """A sentence without addresses: an error's own text may hold them."""
    match exc:
        case TimeoutError():
            what = "the gateway did not finish the handshake in time"
        case ssl.SSLCertVerificationError():
            what = f"the gateway's certificate is not trusted: {getattr(exc, 'verify_message', 'no reason given')}"
        case ssl.SSLError():
            what = f"TLS with the gateway failed: {getattr(exc, 'reason', None) or 'no reason given'}"
        case ConnectionRefusedError():
            what = "the gateway refuses connections"
        case OSError():
            what = _unreached(exc)
        case _:
            what = f"the gateway's handshake was no WebSocket handshake ({type(exc).__name__})"
    return what


def _unreached(exc: OSError) -> str:
    if exc.errno in {errno.EMFILE, errno.ENFILE}:
        return "this process has no file left to open (ulimit -n): no socket to the gateway could be made"
    if isinstance(exc, gaierror):
        return "no address is found for the gateway's name: look at FAPIAO_GATEWAY_URL and at DNS"
    return f"the gateway cannot be reached ({type(exc).__name__})"


def is_open(socket: ClientConnection) -> bool:
    """Whether neither side has begun to close, as far as is known."""
    return socket.state is State.OPEN


def has_unread(socket: ClientConnection) -> bool:
    """Whether a frame, or a part of one, has come that nobody has taken."""
    return len(socket.recv_messages.frames) > 0


def send_at_once(socket: ClientConnection, text: bytes) -> bool:
    """Send a text frame where the system, or an empty buffer, takes it, so that nobody waits for the other side. False
    where the library must do it, which waits, and knows how a connection that is over ended."""
    transport = socket.transport
    if not is_open(socket) or transport.is_closing() or transport.get_write_buffer_size():
        return False
    if len(text) >= _TAKEN_AT_ONCE_BYTES:
        return False
    # What its `send` does, without three contexts around it.
    socket.protocol.send_text(text)
    socket.send_data()
    return True


def closing_reason(exc: Exception) -> str:
    """Name why a socket ended: `oversized`, `timeout`, `pings_unanswered`, `closed:<code>` or `reset`."""
    if not isinstance(exc, ConnectionClosed):
        return "timeout" if isinstance(exc, TimeoutError) else "reset"
    codes = [frame.code for frame in (exc.rcvd, exc.sent) if frame is not None]
    if _MESSAGE_TOO_BIG in codes:
        return "oversized"
    if exc.rcvd is None and codes == [_INTERNAL_ERROR]:
        return "pings_unanswered"
    return f"closed:{codes[0]}" if codes else "reset"


def _wait_asked_for(response: Response) -> timedelta | None:
    return retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
