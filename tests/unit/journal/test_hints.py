"""Hints between processes: one asked for is one that goes out after it."""

import asyncio
from typing import Any

import pytest

from tests.virtual_time import in_virtual_time
from worker.errors import JournalUnavailable
from worker.journal.postgres import hints
from worker.journal.postgres.hints import DEBOUNCE_SECONDS, Hints

ROUND_TRIP_SECONDS = 0.5
LISTENED_SECONDS = 10.0


class FakeListener:
    """A connection that somebody ends."""

    def __init__(self, dies_after: float) -> None:
        self._dies_after = dies_after

    def add_termination_listener(self, listener: Any) -> None:
        asyncio.get_running_loop().call_later(self._dies_after, listener, self)

    async def add_listener(self, channel: str, hear: Any) -> None:
        assert channel == hints.CHANNEL
        self.hear = hear

    def terminate(self) -> None:
        """It is over already."""


class FakeConnections:
    """A slow server."""

    def __init__(self) -> None:
        self.notified: list[float] = []
        self.connected: list[float] = []
        self.is_away = False
        self.listener: FakeListener | None = None
        self.connection = self

    async def execute(self, statement: str) -> None:
        """As the server: whoever listens is told by whom."""
        said = statement.removeprefix(f"NOTIFY {hints.CHANNEL}, '").removesuffix("'")
        for listener in self.listeners:
            listener.hear(listener, 1, hints.CHANNEL, said)

    @property
    def listeners(self) -> list["FakeListener"]:
        return [] if self.listener is None else [self.listener]

    async def run(self, notify: Any) -> None:
        self.notified.append(asyncio.get_running_loop().time())
        await notify(self)
        await asyncio.sleep(ROUND_TRIP_SECONDS)

    async def connect(self) -> FakeListener:
        self.connected.append(asyncio.get_running_loop().time())
        if self.is_away:
            raise JournalUnavailable("away")
        self.listener = FakeListener(LISTENED_SECONDS)
        return self.listener


@in_virtual_time
async def test_what_is_asked_for_while_a_hint_is_on_its_way_gets_one_of_its_own() -> None:
    """The first may be heard before the work is there: it would be found by the next look at the clock alone."""
    server = FakeConnections()
    sender = Hints(server)  # type: ignore[arg-type]
    for _ in range(3):
        sender.send()
    await asyncio.sleep(DEBOUNCE_SECONDS + ROUND_TRIP_SECONDS / 2)
    assert len(server.notified) == 1
    sender.send()
    await asyncio.sleep(10)
    assert len(server.notified) == 2
    await sender.close()
    assert len(server.notified) == 2


@in_virtual_time
async def test_a_listener_that_listened_begins_the_pauses_anew() -> None:
    """However often it was lost before."""
    server = FakeConnections()
    listener = Hints(server)  # type: ignore[arg-type]
    server.is_away = True
    listener.listen(lambda: None)
    await asyncio.sleep(60)
    server.is_away = False
    await asyncio.sleep(60)
    await listener.close()
    earlier, later = server.connected[-2:]
    assert later - earlier < LISTENED_SECONDS + 1, "as after the first loss"


@in_virtual_time
async def test_listeners_that_lost_the_server_together_do_not_come_back_together() -> None:
    """Each waits its own part of a pause that grows up to ten seconds."""
    came = []
    for chance in (0.25, 1.0):
        server = FakeConnections()
        server.is_away = True
        listener = Hints(server, lambda chance=chance: chance)  # type: ignore[arg-type, misc]
        began = asyncio.get_running_loop().time()
        listener.listen(lambda: None)
        await asyncio.sleep(60)
        await listener.close()
        came.append([at - began for at in server.connected])
    assert came[0][:4] == pytest.approx([0, 0.125, 0.375, 0.875])
    assert came[1][:8] == pytest.approx([0, 0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5])


@in_virtual_time
async def test_what_is_known_here_already_wakes_others_alone() -> None:
    """Its lanes were told when the command was journaled: to claim because of it would be to look for nothing."""
    server, woken = FakeConnections(), list[int]()
    hinting = Hints(server)  # type: ignore[arg-type]
    hinting.listen(lambda: woken.append(1))
    await asyncio.sleep(0)
    woken.clear()
    hinting.send(is_known_here=True)
    await asyncio.sleep(1)
    assert len(server.notified) == 1
    assert woken == []
    hinting.send(is_known_here=True)
    hinting.send()
    await asyncio.sleep(1)
    assert len(server.notified) == 2
    assert woken == [1]
    assert server.listener is not None
    server.listener.hear(server.listener, 1, hints.CHANNEL, "another process")
    assert woken == [1, 1]
    await hinting.close()
