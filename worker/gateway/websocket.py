"""A WebSocket as this worker wants it, and what its failures mean.

Guaranteed: one shared TLS context, no compression, no proxy from the environment, no redirect, no reconnection;
sizes and waits are bounded; nothing of a frame, a header or an address is ever logged or put into an error, for
`userId` is in the address and names a customer.
Not known here: what frames mean.
"""

import asyncio
import errno
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from socket import gaierror
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.uri import parse_uri

from contracts.failures import FailureCode
from worker.errors import Permanent, Transient, Unreachable
from worker.gateway.connection import Connection, Pongs
from worker.gateway.values import retry_after

_MESSAGE_TOO_BIG: Final = 1009
_INTERNAL_ERROR: Final = 1011
"""What our own keep-alive closes with when the peer no longer answers pings."""
_REFUSED_IDENTITY: Final = {401: FailureCode.GATEWAY_UNAUTHORIZED, 403: FailureCode.GATEWAY_FORBIDDEN}
_USER_AGENT: Final = "fapiao-worker"

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


async def open_socket(
    url: str, headers: Mapping[str, str], limits: SocketLimits, tls: ssl.SSLContext | None, pongs: Pongs
) -> Connection:
    """Open one socket, by one attempt. Follows no redirect: another address might not be the vendor's, and would get
    `userId` and headers. Raises `Transient` or `Permanent`, see `classify`."""
    try:
        async with asyncio.timeout(limits.open_timeout_seconds):
            return await _open(url, headers, limits, tls, pongs)
    except (OSError, WebSocketException, EOFError) as exc:
        raise classify(exc) from exc


async def _open(
    url: str, headers: Mapping[str, str], limits: SocketLimits, tls: ssl.SSLContext | None, pongs: Pongs
) -> Connection:
    address = parse_uri(url)
    protocol = ClientProtocol(address, max_size=limits.max_frame_bytes, logger=_wire_log)
    request = protocol.connect()
    request.headers.update(headers)
    request.headers.setdefault("User-Agent", _USER_AGENT)
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(protocol, request, limits.close_timeout_seconds, pongs), address.host, address.port, ssl=tls
    )
    try:
        await connection.opened()
    except BaseException:
        connection.transport.abort()
        raise
    return connection


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
