"""Keep-alive that tells a dead connection from a gateway that answers no pings.

RFC 6455 asks every server to answer them, and some do not: a client that closes for it cuts healthy scans after twice
`FAPIAO_GATEWAY_PING_SECONDS`, and each falls into doubt. Guarantees that a connection is closed for a missing pong only
if this gateway has ever sent one. Knows nothing of frames.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

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
