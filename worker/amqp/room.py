"""A bound on what is held of the broker's messages, whatever their number and size.

The prefetch counts deliveries, and a body may have 128 MiB: 200 of them would be the end of the process. Guarantees
that, once the bodies held come to the bound, nothing more is read from the connection until some have gone; the rest
stays in the broker. A body whose reading has begun is finished, so one more may be held than fits.
Relies on how aiormq 7 hands a channel its frames (`channel.frames.put`, awaited by the connection's only reader),
which `tests/integration/test_intake_flood.py` holds it to. Knows nothing of what a message is.
"""

import asyncio

from aiormq.abc import AbstractChannel


class ByteBudget:
    """Counts the bytes held."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held = 0
        self._has_some = asyncio.Event()
        self._has_some.set()

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read."""
        return not self._has_some.is_set()

    def take(self, size: int) -> None:
        """So many bytes have come."""
        self._held += size
        if self._held >= self._bytes_max:
            self._has_some.clear()

    def give_back(self, size: int) -> None:
        """So many bytes are gone."""
        self._held -= size
        if self._held < self._bytes_max:
            self._has_some.set()

    async def wait(self) -> None:
        """Return when there is room."""
        await self._has_some.wait()


def read_as_there_is_room(channel: AbstractChannel, room: ByteBudget) -> None:
    """Make the reader of the channel's connection wait for room before each frame of this channel. Everything on that
    connection waits with it, so the connection must not be needed for anything else."""
    frames = channel.frames
    put = frames.put

    async def put_when_there_is_room(frame: object) -> None:
        if room.is_full:
            await room.wait()
        await put(frame)

    frames.put = put_when_there_is_room  # type: ignore[method-assign, assignment]
