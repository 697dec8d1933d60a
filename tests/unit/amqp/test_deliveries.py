"""Acknowledgements: each delivery once, none that is not done, as few frames as possible; and what the broker leaves
undone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.virtual_time import in_virtual_time
from worker.amqp.connections import Link
from worker.amqp.deliveries import AcknowledgementBook, ByteBudget, Consumption
from worker.errors import BrokerLost


def book_of(count: int) -> AcknowledgementBook:
    book = AcknowledgementBook()
    for tag in range(1, count + 1):
        book.delivered(tag)
    return book


def test_a_whole_prefix_is_one_acknowledgement() -> None:
    """`multiple` covers everything up to the tag."""
    assert book_of(50).settle(range(1, 51)) == [(50, True)]


def test_a_hole_is_never_covered() -> None:
    """Delivery 3 is still being worked on."""
    book = book_of(5)

    assert book.settle([1, 2, 4, 5]) == [(2, True), (4, False), (5, False)]
    assert book.settle([3]) == [(3, False)]


def test_nothing_is_acknowledged_twice() -> None:
    """The broker would close the channel over it."""
    book = book_of(2)
    book.settle([1])

    assert book.settle([1, 2, 2, 99]) == [(2, False)]
    assert book.settle([2]) == []


@given(st.integers(1, 30), st.data())
def test_what_is_acknowledged_is_what_was_done(count: int, data: st.DataObject) -> None:
    """Whatever the order, the broker's view (open deliveries) matches what is left to do."""
    book, left = book_of(count), set(range(1, count + 1))
    while left:
        done = data.draw(st.sets(st.sampled_from(sorted(left)), min_size=1))
        broker = set(left)
        for tag, multiple in book.settle(done):
            covered = {open_tag for open_tag in broker if open_tag == tag or (multiple and open_tag < tag)}
            assert tag in covered
            broker -= covered
        left -= done
        assert broker == left
    assert len(book) == 0


class SilentChannel:
    """Of a broker that does nothing more and does not hang up: heartbeats come, answers do not."""

    def __init__(self) -> None:
        self.closing: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.frames: asyncio.Queue[object] = asyncio.Queue()
        self.on_consumer_cancel_callbacks: set[object] = set()
        self.is_closed = False

    async def basic_qos(self, **_: object) -> None:
        return None

    async def _never(self, *_: object, **__: object) -> None:
        await asyncio.get_running_loop().create_future()

    basic_consume = basic_cancel = basic_ack = basic_reject = _never


class SilentLink(Link):
    """With one channel."""

    async def open_channel(self, *, confirms: bool) -> Any:  # type: ignore[explicit-override]
        assert not confirms
        return SilentChannel()


@pytest.mark.parametrize(
    "act",
    [
        lambda each: each.consume(["q"]),
        lambda each: each.acknowledge([1]),
        lambda each: each.dead_letter(1),
        lambda each: each.cancel(),
    ],
    ids=["consume", "acknowledge", "dead_letter", "cancel"],
)
@in_virtual_time
async def test_what_the_broker_does_not_do_ends_the_link(act: Callable[[Consumption], Awaitable[None]]) -> None:
    """Nobody would ask again: a worker stood there connected, and took no commands, or held the prefetch for ever."""
    link = SilentLink(1, SilentChannel())  # type: ignore[arg-type]
    consumption = await Consumption.open(link, 10, lambda _: None, ByteBudget(1))
    consumption._book.delivered(1)
    consumption._consumer_tags.append("tag")
    with pytest.raises(BrokerLost):
        await act(consumption)
    with pytest.raises(BrokerLost, match="did not do"):
        await link.lost()
    link.forget()
