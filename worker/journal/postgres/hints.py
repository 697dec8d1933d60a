"""LISTEN and NOTIFY as a hint between processes. A hint may get lost, and one may come although there is nothing to do.

A notification takes a lock of the whole database at its commit, so it never rides on a transaction that matters and
goes out at most every 50 milliseconds. The listener reconnects by itself and wakes once after it did. Knows nothing
of what there is to do.
"""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from worker.backoff import full_jitter
from worker.errors import WorkerError
from worker.journal.postgres.pool import Connections
from worker.journal.postgres.statements import Statements
from worker.outages import Outage

log = structlog.get_logger()

CHANNEL = "fapiao_work"
DEBOUNCE_SECONDS = 0.05
_CHECK_SECONDS = 30.0
_RETRY_SECONDS = (0.5, 10.0)
"""Shortest and longest pause before it listens again, with full jitter: the listeners of all workers lost the server at
one moment."""


class Hints:
    """Sends hints, and listens for those of others."""

    def __init__(self, connections: Connections, chance: Callable[[], float] = random.random) -> None:
        self._connections = connections
        self._chance = chance
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._is_asked = False
        """Somebody wants a hint that has not set out."""
        self._is_news_here = False
        """It tells this process something, too."""
        self._name = uuid.uuid4().hex
        self._outage = Outage("journal_listener_lost", "journal_listens")

    def send(self, *, is_known_here: bool = False) -> None:
        """Tell the other processes soon, and this one too, unless the caller has done so already (`is_known_here`).
        Never raises, never waits. Where a hint is on its way, one more follows it: the first may be heard before this
        caller's work is there."""
        self._is_asked = True
        self._is_news_here = self._is_news_here or not is_known_here
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="journal-hint")

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` at every hint, until `close`."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(wake), name="journal-listener")

    async def close(self) -> None:
        """Send what is to be sent; stop listening."""
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        self._sending = self._listening = None

    async def _send(self) -> None:
        while self._is_asked:
            await asyncio.sleep(DEBOUNCE_SECONDS)
            sender = "" if self._is_news_here else self._name
            self._is_asked = self._is_news_here = False
            try:
                await self._connections.run(partial(_notify, sender))
            except WorkerError as error:
                log.debug("journal_hint_not_sent", error=str(error))

    async def _listen(self, wake: Callable[[], None]) -> None:
        while True:
            try:
                await self._listen_once(wake)
            except Exception as error:
                self._outage.met(str(error) or type(error).__name__)
            shortest, longest = _RETRY_SECONDS
            await asyncio.sleep(full_jitter(self._outage.failures, self._chance(), shortest=shortest, longest=longest))

    async def _listen_once(self, wake: Callable[[], None]) -> None:
        connection = await self._connections.connect()
        try:
            over = asyncio.Event()
            connection.add_termination_listener(lambda _connection: over.set())

            def hear(_connection: Any, _process: int, _channel: str, sender: Any) -> None:
                if sender != self._name:
                    wake()

            await connection.add_listener(CHANNEL, hear)
            self._outage.over()
            # Work may have come while nobody listened.
            wake()
            await _until_over(over, lambda: connection.execute("SELECT 1"))
        finally:
            connection.terminate()


async def _until_over(over: asyncio.Event, check: Callable[[], Awaitable[Any]]) -> None:
    """Wait for the end of the connection, asking now and then whether it is half open."""
    while not over.is_set():
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await over.wait()
        except TimeoutError:
            await check()


async def _notify(sender: str, statements: Statements) -> None:
    await statements.connection.execute(f"NOTIFY {CHANNEL}, '{sender}'")
