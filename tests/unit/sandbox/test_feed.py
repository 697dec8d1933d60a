"""What happens is numbered, kept within bounds, told without passwords, and can be waited for."""

import asyncio
from datetime import UTC, datetime

import pytest

from worker.sandbox.feed import EVENTS, Awaited, Feed


@pytest.fixture
def feed() -> Feed:
    return Feed(lambda: datetime(2026, 11, 29, tzinfo=UTC))


async def test_what_happened_before_the_wait_counts_too(feed: Feed) -> None:
    feed.add("invoice.issued", "u", about="1", remark="SO-1 and more")
    found = await feed.next(Awaited(frozenset({"invoice.issued"}), "u", "SO-1"))
    assert (found.number, found.about) == (1, "1")


async def test_whoever_waits_is_told_of_the_so_manieth_that_fits(feed: Feed) -> None:
    waiting = asyncio.create_task(feed.next(Awaited(frozenset({"frame.sent"}), after=1), count=2))
    for event in ("frame.sent", "frame.sent", "frame.heard"):
        feed.add(event, "u")
        await asyncio.sleep(0)
    assert not waiting.done()
    feed.add("frame.sent", "other")
    assert (await asyncio.wait_for(waiting, 60)).number == 4


async def test_a_reset_forgets_and_numbers_go_on(feed: Feed) -> None:
    feed.add("frame.sent", "u")
    feed.clear()
    assert list(feed) == []
    feed.add("frame.sent", "u")
    assert [one.number for one in feed.since(0)] == [2]
    await asyncio.wait_for(feed.more_than(1), 60)


async def test_a_wait_for_what_was_forgotten_waits_for_the_next(feed: Feed) -> None:
    feed.add("frame.sent", "u")
    feed.clear()
    waiting = asyncio.create_task(feed.next(Awaited(frozenset({"frame.sent"}))))
    await asyncio.sleep(0)
    feed.add("frame.sent", "u")
    assert (await asyncio.wait_for(waiting, 60)).number == 2


def test_nothing_grows_without_bound(feed: Feed) -> None:
    for number in range(12_000):
        feed.add("frame.sent", "u", frame=f"{number}")
    assert len(list(feed)) == 10_000
    assert sum("frame" in feed.told(one) for one in feed) == 1_000
    feed.add("frame.sent", "u", frame="x" * 6_000_000)
    assert len(feed._frames[feed.last_number]) < 5_000


def test_no_password_is_told(feed: Feed) -> None:
    feed.hide("u", {"hunter22"})
    feed.add("frame.heard", "u", about="hunter22", remark="hunter22", frame='{"data":"hunter22"}')
    (told,) = map(feed.told, feed)
    assert "hunter22" not in str(told)
    assert told["userId"] == "u"


def test_only_what_is_in_the_list_happens(feed: Feed) -> None:
    with pytest.raises(KeyError):
        feed.add("nonsense")
    assert all("." in name for name in EVENTS)
