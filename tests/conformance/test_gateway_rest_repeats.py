"""When an HTTP look-up is repeated, and how patiently: over real sockets, without really waiting."""

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests.conformance.gateway_peer import (
    details_of,
    settings_for,
)
from tests.conformance.http_peer import answer, http_peer, rows
from worker.errors import Transient
from worker.gateway.rest import HttpInvoiceDetails

EVERY = ("pdf", "ofd", "xml")
ID = "1778381047770263553"
EMPTY = rows()


class Waits:
    """Remembers what was waited for, and does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def patient(url: str, waits: Waits, chance: float = 1.0, **changes: Any) -> HttpInvoiceDetails:
    """The look-ups with chance and time in the test's hands."""
    return HttpInvoiceDetails(settings_for(url, **changes), chance=lambda: chance, sleep=waits)


@pytest.mark.parametrize(("chance", "waited"), [(1.0, [1, 2, 4, 5]), (0.5, [0.5, 1, 2, 2.5]), (0.0, [0, 0, 0, 0])])
async def test_waits_double_up_to_the_longest_and_have_full_jitter(chance: float, waited: list[float]) -> None:
    waits = Waits()
    async with http_peer(answer(503)) as (url, peer):
        details = patient(url, waits, chance, retry_max_seconds=5)
        with pytest.raises(Transient, match="with 503"):
            await details.items(ID)
        await details.aclose()

    assert waits.seconds == waited
    assert len(peer.heard) == 5


async def test_the_number_of_attempts_is_a_setting() -> None:
    async with http_peer(answer(500)) as (url, peer), details_of(url, http_attempts=2) as details:
        with pytest.raises(Transient):
            await details.items(ID)

    assert len(peer.heard) == 2


async def test_the_gateways_word_on_when_to_come_back_is_heeded() -> None:
    waits = Waits()
    busy = answer(429, None, "Retry-After: 7")
    async with http_peer(busy, EMPTY) as (url, _):
        details = patient(url, waits, 0.5)
        assert await details.items(ID) == ()
        await details.aclose()

    assert waits.seconds[0] == 7
    # The fake did not really wait, and the gateway wants quiet until then.
    assert waits.seconds[1] == pytest.approx(7, abs=1)


async def test_when_the_gateway_wants_quiet_all_callers_are_quiet() -> None:
    waits = Waits()
    async with http_peer(answer(429, None, "Retry-After: 30"), EMPTY) as (url, _):
        details = patient(url, waits, 0.0)
        await details.items(ID)
        waits.seconds.clear()
        await asyncio.gather(*(details.items(ID) for _ in range(3)))
        await details.aclose()

    assert waits.seconds == [pytest.approx(30, abs=1)] * 3


async def test_a_gateway_that_asks_for_more_patience_than_there_is_is_left_at_once() -> None:
    waits = Waits()
    async with http_peer(answer(503, None, "Retry-After: 600")) as (url, peer):
        details = patient(url, waits)
        with pytest.raises(Transient) as raised:
            await details.items(ID)
        await details.aclose()

    assert raised.value.retry_after == timedelta(seconds=600)
    assert waits.seconds == []
    assert len(peer.heard) == 1


async def test_repetitions_are_logged_without_addresses(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with http_peer(answer(500), None, EMPTY) as (url, _), details_of(url) as details:
        with structlog.testing.capture_logs() as lines:
            await details.files([ID], EVERY)

    assert [(line["event"], line["attempt"], line["reason"]) for line in lines] == [
        ("gateway_look_up_repeated", 1, "the gateway answered a look-up with 500"),
        ("gateway_look_up_repeated", 2, "the gateway broke off a look-up (RemoteProtocolError)"),
    ]
    assert ID not in repr(lines) + caplog.text
    assert "127.0.0.1" not in repr(lines) + caplog.text


async def test_what_succeeded_is_measured() -> None:
    seen: list[tuple[str, float]] = []
    async with http_peer(answer(500), EMPTY) as (url, _):
        details = HttpInvoiceDetails(
            settings_for(url), observe=lambda operation, seconds: seen.append((operation, seconds)), sleep=Waits()
        )
        await details.items(ID)
        await details.files([ID], EVERY)
        await details.aclose()

    assert [operation for operation, _ in seen] == ["items", "files"]
    assert all(0 <= seconds < 5 for _, seconds in seen)


async def test_a_look_up_that_is_cancelled_keeps_no_later_one_waiting() -> None:
    """At whatever moment, and again while it cleans up: a connection of the library's was busy for ever then."""
    async with http_peer(rows()) as (url, _):
        for moment in range(30):
            async with details_of(url) as details:
                call = asyncio.create_task(details.items(ID))
                for _ in range(moment):
                    await asyncio.sleep(0)
                for _ in range(4):
                    call.cancel()
                    await asyncio.sleep(0)
                with contextlib.suppress(asyncio.CancelledError):
                    await call
                async with asyncio.timeout(5):
                    assert await details.items(ID) == ()
