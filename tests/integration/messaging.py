"""What the tests of intake, relay and connections need of a real broker."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from tests.servers import Broker
from worker.records import Copy, OutboxRow

LONG_SECONDS = 240.0


@contextlib.asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these beside the block; one that ends by itself fails the test."""
    tasks = [asyncio.create_task(part) for part in work]
    try:
        yield
        for task in tasks:
            assert not task.done() or task.exception() is None, task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool], seconds: float = LONG_SECONDS) -> None:
    """Wait until it holds; fail when the time is over."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


async def until_async(holds: Callable[[], Awaitable[bool]], seconds: float = LONG_SECONDS) -> None:
    """The same for what must be asked."""
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def broker_channel(url: str) -> AsyncIterator[AbstractChannel]:
    """A plain channel of the test's own."""
    async with await aio_pika.connect(url, timeout=60) as connection:
        yield await connection.channel(on_return_raises=True)


async def depth(url: str, queue: str) -> int:
    """Messages ready in a queue, asked on a channel of its own."""
    async with broker_channel(url) as channel:
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


async def take(url: str, queue: str, count: int, seconds: float = LONG_SECONDS) -> list[AbstractIncomingMessage]:
    """Get and acknowledge just so many messages, waiting for them. Only where none may rightly come twice."""
    taken: list[AbstractIncomingMessage] = []
    async with broker_channel(url) as channel, asyncio.timeout(seconds):
        source = await channel.get_queue(queue, ensure=False)
        while len(taken) < count:
            message = await source.get(fail=False, no_ack=True)
            if message is None:
                await asyncio.sleep(0.05)
            else:
                taken.append(message)
    return taken


async def take_each(
    url: str,
    queue: str,
    wanted: Iterable[str],
    seconds: float = LONG_SECONDS,
    told_by: Callable[[AbstractIncomingMessage], str] = lambda message: message.message_id or "",
) -> list[AbstractIncomingMessage]:
    """Get and acknowledge messages until every wanted one has come, and return each once, as it first came. For all
    that is promised at least once: a count would take a repeat for one that is missing. `told_by` tells them apart."""
    missing = set(wanted)
    taken: dict[str, AbstractIncomingMessage] = {}
    try:
        async with broker_channel(url) as channel, asyncio.timeout(seconds):
            source = await channel.get_queue(queue, ensure=False)
            while missing:
                message = await source.get(fail=False, no_ack=True)
                if message is None:
                    await asyncio.sleep(0.05)
                    continue
                taken.setdefault(told_by(message), message)
                missing.discard(told_by(message))
    except TimeoutError:
        raise AssertionError(f"{len(missing)} did not come to {queue}, such as {sorted(missing)[:5]}") from None
    return list(taken.values())


async def publish_command(
    channel: AbstractChannel, prefix: str, identifier: str | None, body: bytes | None = None, **properties: Any
) -> None:
    """Publish a command of the plain form, confirmed by the broker."""
    exchange = await channel.get_exchange(f"{prefix}.commands", ensure=False)
    message = aio_pika.Message(
        body if body is not None else json.dumps(issue_data()).encode(),
        content_type="application/json",
        delivery_mode=2,
        message_id=identifier,
        app_id="shop",
        **properties,
    )
    await exchange.publish(message, "invoice.issue")


def issue_data(user: str = "user-1") -> dict[str, Any]:
    """The data of a command that admission accepts."""
    return {
        "userId": user,
        "credential": "main",
        "invoice": {
            "buyerName": "买方有限公司",
            "buyerIndentification": "91330106MA2B2C3D4E",
            "buyerInvoiceType": 0,
            "buyerType": 0,
            "invoiceItems": [{"name": "咨询服务", "quantity": 1, "unitPrice": "100.00"}],
            "sellerName": "卖方有限公司",
            "sellerIndentification": "91330106MA2B2C3D4F",
            "sellerBank": "",
            "sellerBankAccount": "",
        },
    }


def outbox_row(seq: int, copy: Copy, destination: str, **changes: Any) -> OutboxRow:
    """A row as the journal hands it out; one command per `seq` unless said otherwise."""
    values: dict[str, Any] = {
        "command_key": seq,
        "command_id": f"command-{seq}",
        "event_id": f"event-{seq}",
        "event_type": "invoice.issue.completed",
        "body": b'{"specversion":"1.0"}',
        "correlation_id": f"command-{seq}",
        "traceparent": None,
        "tracestate": None,
        "attempts": 0,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return OutboxRow(seq=seq, copy=copy, destination=destination, **(values | changes))


def elect_leaders(broker: Broker) -> None:
    """A lone 3.10 node leaves a quorum queue without a leader for ever when a client calls it in the first 300 ms after
    a start (rabbitmq-server issue 10070, seen with any client): the broker's own fault, mended by the operator."""
    queues = "amqqueue:get_type(Q) =:= rabbit_quorum_queue"
    for _ in range(2):  # a client that calls between the start and the first time needs the second
        time.sleep(1)
        broker.ctl("eval", f"[ra:trigger_election(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), {queues}].")
