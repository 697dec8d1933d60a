"""Links that die without a word (traps E12 and E18): found by heartbeat and time-outs, and replaced."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from tests.integration.messaging import outbox_row, running, take_each, until
from tests.message_stores import OutboxStore
from tests.scenarios.proxy import proxied
from worker.amqp import connections
from worker.amqp.connections import Address, open_link
from worker.amqp.topology import Topology
from worker.clock import SystemClock
from worker.errors import BrokerLost
from worker.outbox.publisher import Publisher
from worker.outbox.relay import Relay
from worker.records import Copy


async def test_a_half_open_link_is_found_and_what_was_in_flight_is_sent_again(
    amqp_url: str, amqp_prefix: str, reply_queue: str
) -> None:
    """No packet comes, no error either: after three heartbeats the link is given up, and the next one delivers."""
    clock = SystemClock()
    journal = OutboxStore(clock)
    async with proxied(amqp_url) as (proxy, url):
        publisher = Publisher(urls=lambda: [url], topology=Topology(amqp_prefix), heartbeat_seconds=1)
        relay = Relay(journal=journal, publisher=publisher, worker="w", clock=clock, poll=timedelta(seconds=0.05))
        async with running(publisher.run(), relay.run()):
            await until(lambda: publisher.is_connected)
            proxy.stall()
            journal.add(*(outbox_row(n, Copy.REPLY, reply_queue, created_at=clock.now()) for n in range(20)))
            await until(lambda: not publisher.is_connected)
            assert len(journal) == 20
            proxy.flow()
            await until(lambda: len(journal) == 0)
    # What the link held comes as well, once it flows.
    wanted = {f"event-{n}:r" for n in range(20)}
    assert {message.message_id for message in await take_each(amqp_url, reply_queue, wanted)} == wanted


async def test_a_silent_listener_does_not_hold_a_connect_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts and never speaks."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with server:
        address = Address(f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        async with asyncio.timeout(60):
            with pytest.raises(BrokerLost, match="in time"):
                async with open_link(address, "test", 10, 1):
                    pass
        for writer in held:
            writer.close()


async def test_who_hangs_up_before_an_answer_may_speak_another_protocol() -> None:
    """As a port that wants TLS does, and one that wants a certificate: what to look at is said."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        address = Address(f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with pytest.raises(BrokerLost, match="look at the port of FAPIAO_AMQP_URL"):
            async with open_link(address, "test", 10, 1):
                pass


async def test_a_wrong_password_is_a_loss_that_does_not_tell_it(amqp_url: str) -> None:
    """The worker stays up and tries again; the reason names no secret."""
    parts = urlsplit(amqp_url)
    address = Address(f"amqp://guest:wrong-secret@{parts.hostname}:{parts.port}/")
    with pytest.raises(BrokerLost) as caught:
        async with open_link(address, "test", 10, 1):
            pass
    assert "wrong-secret" not in str(caught.value)
