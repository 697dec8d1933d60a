"""Publishing with confirms, many at a time, each with a verdict of its own.

Guarantees: a verdict is what the broker said about that very message. `CONFIRMED` means that it is in every queue
it was routed to, durably; `RETURNED` that no queue took it; `REFUSED` that the broker declined it; `LOST` that nobody
knows, because the channel ended first. A batch is written in one piece and its confirms are counted without a future
each: the client library's own `basic_publish` costs ten times the CPU.
Relies on how aiormq 7 books confirms (`delivery_tag`, `confirmations`, `message_id_delivery_tag`), which
`tests/integration/test_amqp_confirms.py` holds it to. Knows nothing of events.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol

from aiormq.abc import AbstractChannel, ChannelFrame
from aiormq.exceptions import PublishError

from worker.amqp.connections import ask
from worker.amqp.wire import NotEncodableError, Outgoing, publish_frames

WRITE_BYTES = 256 * 1024
"""A batch is handed to the socket in pieces of about this size, each drained before the next."""


class Verdict(StrEnum):
    """What became of one publish."""

    CONFIRMED = "confirmed"
    RETURNED = "returned"
    """No queue is bound for it, or the queue it names does not exist."""
    REFUSED = "refused"
    """`basic.nack`: a full queue, or the broker's own trouble."""
    FORBIDDEN = "forbidden"
    """The broker does not let this worker publish: no queue's fault, and no row's."""
    LOST = "lost"
    """Unknown: it may have been queued."""
    UNSENDABLE = "unsendable"
    """It cannot be sent at all: it does not fit into frames, or the broker closes the channel over it."""
    PENDING = "pending"
    """No answer yet."""


class Batch:
    """Publishes that were sent together."""

    def __init__(self, size: int) -> None:
        self.verdicts = [Verdict.PENDING] * size
        self.ended_by: BaseException | None = None
        """Why the channel ended, where it did."""
        self.was_sent = False
        """Whether any of it may have reached the broker."""
        self._open = size
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_late: Callable[[int, Verdict], None] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether no verdict is pending."""
        return self._open == 0

    def settle(self, index: int, verdict: Verdict) -> None:
        """Give one verdict; the first one counts."""
        if self.verdicts[index] is not Verdict.PENDING:
            return
        self.verdicts[index] = verdict
        self._open -= 1
        if self._on_late is not None:
            self._on_late(index, verdict)
        if not self._open and not self._done.done():
            self._done.set_result(None)

    def lose(self, reason: BaseException | None) -> None:
        """Give up on all that is pending."""
        self.ended_by = reason
        for index, verdict in enumerate(self.verdicts):
            if verdict is Verdict.PENDING:
                self.settle(index, Verdict.LOST)

    def report_late(self, on_late: Callable[[int, Verdict], None]) -> None:
        """Tell of each verdict that comes from now on, by index."""
        self._on_late = on_late

    async def wait(self, seconds: float) -> bool:
        """Wait for all verdicts, at most so long. Returns whether all are there."""
        if self._open:
            await asyncio.wait((self._done,), timeout=seconds)
        return self._open == 0


class _Slot:
    """Stands in aiormq's book where a future would."""

    __slots__ = ("_batch", "_book", "_index", "_message_id", "following", "tag")

    def __init__(self, batch: Batch, index: int, channel: Any, message_id: str, tag: int) -> None:
        self._batch = batch
        self._index = index
        self._book: dict[str, int] = channel.message_id_delivery_tag
        self._message_id = message_id
        self.tag = tag
        self.following: _Slot | None = None
        """The next message in flight with the same id: the library's book has only the first. A return that is not in
        the book would be logged by the library, with its body."""
        first = channel.confirmations.get(self._book.setdefault(message_id, tag))
        if isinstance(first, _Slot):
            first.append(self)

    def append(self, last: "_Slot") -> None:
        """One more with this message id."""
        slot = self
        while slot.following is not None:
            slot = slot.following
        slot.following = last

    def done(self) -> bool:
        return self._batch.verdicts[self._index] is not Verdict.PENDING

    def cancelled(self) -> bool:
        return self.done()

    def set_result(self, _: object) -> None:
        self._settle(Verdict.CONFIRMED)

    def set_exception(self, error: BaseException) -> None:
        # PublishError (returned) is a kind of DeliveryError (nack)
        self._settle(Verdict.RETURNED if isinstance(error, PublishError) else Verdict.REFUSED)

    def _settle(self, verdict: Verdict) -> None:
        self._batch.settle(self._index, verdict)
        if self._book.get(self._message_id) == self.tag:
            following = self.following
            while following is not None and following.done():
                following = following.following
            if following is None:
                del self._book[self._message_id]
            else:
                self._book[self._message_id] = following.tag


class Confirming(Protocol):
    """What the publisher and the dead letters ask of a channel; tests put a fake in its place."""

    @property
    def is_open(self) -> bool: ...

    async def send(self, messages: Sequence[Outgoing]) -> Batch: ...

    async def close(self) -> None: ...


class ConfirmChannel:
    """A channel in confirm mode. Where several messages in flight share a message id, a return may be counted for the
    wrong one of them. Confirms are right as long as none of them is returned, since a return comes before its message's
    confirm."""

    def __init__(self, channel: AbstractChannel, frame_max: int) -> None:
        self._channel: Any = channel  # the book is no part of the abstract class
        self._frame_max = frame_max
        self._flying: set[Batch] = set()
        self._closing: asyncio.Future[object] = channel.closing
        self._closing.add_done_callback(self._end)

    @property
    def is_open(self) -> bool:
        """Whether anything can still be sent on it."""
        return not self._closing.done()

    async def send(self, messages: Sequence[Outgoing]) -> Batch:
        """Write all messages and return at once with their verdicts to come. Never raises for the broker's doing:
        what could not be written is `LOST`, what cannot be encoded `UNSENDABLE`."""
        batch = Batch(len(messages))
        self._flying = {flying for flying in self._flying if not flying.is_settled}
        if not self.is_open:
            batch.lose(None)
            return batch
        batch.was_sent = True
        self._flying.add(batch)
        try:
            await ask(self._write(messages, batch))
        except Exception as error:
            # tags are spent that the broker never saw, so the channel's count no longer fits
            batch.lose(error)
            await self.close()
        return batch

    async def close(self) -> None:
        """Give the channel up; what is pending is `LOST`. Does not wait for the broker."""
        for batch in self._flying:
            batch.lose(None)
        if self.is_open:
            self._closing.remove_done_callback(self._end)
            self._closing = asyncio.get_running_loop().create_future()
            self._closing.set_result(None)
            _close_later(self._channel)

    async def _write(self, messages: Sequence[Outgoing], batch: Batch) -> None:
        async with self._channel.lock:
            piece = bytearray()
            for index, message in enumerate(messages):
                self._book(message, batch, index, piece)
                if len(piece) >= WRITE_BYTES:
                    await self._flush(piece)
                    piece = bytearray()
            if piece:
                await self._flush(piece)

    def _book(self, message: Outgoing, batch: Batch, index: int, piece: bytearray) -> None:
        channel = self._channel
        try:
            frames = publish_frames(channel.number, message, self._frame_max)
        except NotEncodableError:
            batch.settle(index, Verdict.UNSENDABLE)
            return
        channel.delivery_tag = tag = channel.delivery_tag + 1
        message_id = message.properties.message_id or ""
        channel.confirmations[tag] = _Slot(batch, index, channel, message_id, tag)
        piece += frames

    async def _flush(self, piece: bytearray) -> None:
        drained = self._channel.create_future()  # ends with the channel, too
        await self._channel.write_queue.put(
            ChannelFrame(payload=bytes(piece), should_close=False, drain_future=drained)
        )
        await drained

    def _end(self, closing: asyncio.Future[object]) -> None:
        reason = None if closing.cancelled() else closing.exception()
        for batch in self._flying:
            batch.lose(reason)


_leftovers: set[asyncio.Task[None]] = set()


def _close_later(channel: AbstractChannel) -> None:
    task = asyncio.get_running_loop().create_task(_close_quietly(channel))
    _leftovers.add(task)
    task.add_done_callback(_leftovers.discard)


async def _close_quietly(channel: AbstractChannel) -> None:
    with contextlib.suppress(Exception):  # it ends with its connection at the latest
        await ask(channel.close())
