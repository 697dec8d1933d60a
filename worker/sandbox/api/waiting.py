"""Whoever waits: a test for one thing to happen, a page for whatever happens."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, Final

from worker.sandbox.answers import Answer, Stream, json_text
from worker.sandbox.api.routes import Values
from worker.sandbox.calls import Call
from worker.sandbox.feed import EVENTS, Awaited
from worker.sandbox.house import House

LONGEST_WAIT_SECONDS: Final = 300.0
_SIGN_OF_LIFE_SECONDS: Final = 15.0
_MOST_AT_ONCE: Final = 100
"""Of what was missed; a page that was away so long asks for all of it anyway."""


async def wait(house: House, asked: Values, _: Call) -> Any:
    """The thing that was waited for; 408 if it did not happen in time."""
    events = frozenset(name.strip() for name in asked["event"].split(","))
    unknown = events - EVENTS.keys()
    if unknown:
        raise ValueError("there is no event of this name; /_sandbox/events/names lists them")
    awaited = Awaited(events, asked["userId"] or "", asked["remark"] or "", asked["after"])
    try:
        async with asyncio.timeout(asked["timeout"]):
            return house.feed.told(await house.feed.next(awaited, asked["count"]))
    except TimeoutError:
        told = {"error": f"it did not happen within {asked['timeout']:g} s", "lastNumber": house.feed.last_number}
        return Answer(HTTPStatus.REQUEST_TIMEOUT, "application/json; charset=utf-8", json_text(told).encode())


def stream(house: House, asked: Values, call: Call) -> Any:
    """Server-sent events, from the number behind which the reader is."""
    last = call.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else asked["after"]
    return Stream("text/event-stream; charset=utf-8", _told(house, house.feed.last_number if after is None else after))


async def _told(house: House, after: int) -> AsyncGenerator[bytes, None]:
    yield b"retry: 1000\n\n"
    feed = house.feed
    # A number from before a restart of the sandbox is none of ours.
    after = min(after, feed.last_number)
    while True:
        for happening in feed.since(after)[-_MOST_AT_ONCE:]:
            yield f"id: {happening.number}\nevent: happening\ndata: {json_text(feed.told(happening))}\n\n".encode()
        after = feed.last_number
        try:
            async with asyncio.timeout(_SIGN_OF_LIFE_SECONDS):
                await feed.more_than(after)
        except TimeoutError:
            yield b": still here\n\n"
