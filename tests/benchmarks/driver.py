"""What every contestant is given: the same commands from the same broker, and whoever counts the answers.

Commands are encoded before the clock runs; answers are told apart by a search in their bytes, so that the driver takes
little of the two cores.
"""

import asyncio
import contextlib
import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from tests.benchmarks.contestants import Contestant

CONSUMER_TIMEOUT_SECONDS = 60
ROUND_TIMEOUT_SECONDS = 300
_ABOUT = re.compile(rb'"(?:subject|commandId)":\s*"([0-9a-f]{32})"')
_KIND = re.compile(rb'"type":\s*"invoice\.issue\.([a-z_]+)"')


def order(command_id: str, user: str) -> dict[str, Any]:
    """An `invoice.issue` of about the size that shops send."""
    seller = {"sellerName": "XYZ科技有限公司", "sellerIndentification": "91330701MA2M37T86L"}
    buyer = {
        "buyerName": "ABC公司",
        "buyerIndentification": "91330701MA2DFB848M",
        "buyerAddress": "浙江省杭州市西湖区文一西路 123 号",
        "buyerPhone": "13812345678",
        "buyerEmail": "buyer@example.com",
        "buyerBank": "工商银行杭州分行",
        "buyerBankAccount": "1234567890123456789",
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "buyerBankShow": 0,
    }
    items = [
        {"name": "商品A", "quantity": 2, "spec": "规格A", "unit": "件", "unitPrice": 100},
        {"name": "商品B", "quantity": 1, "spec": "规格B", "unit": "套", "unitPrice": 200},
    ]
    bank = {"sellerBank": "招商银行杭州分行", "sellerBankAccount": "9876543210987654321", "sellerBankShow": 0}
    login = {
        "companyCode": "91330701MA2M37T86L",
        "phone": f"seller-{user}",
        "password": "sandbox-password",
        "area": "zhejiang",
        "role": "法定代表人",
    }
    invoice = seller | buyer | bank | {"invoiceItems": items, "remark": command_id}
    return {"userId": f"bench-{user}", "login": login, "invoice": invoice}


def message(user: str, replies: str, source: str = "benchmark") -> aio_pika.Message:
    """A command with a new id."""
    identifier = uuid.uuid4().hex
    return aio_pika.Message(
        json.dumps(order(identifier, user)).encode(),
        content_type="application/json",
        message_id=identifier,
        type="invoice.issue",
        app_id=source,
        reply_to=replies,
        delivery_mode=2,
    )


def messages(count: int, users: int, replies: str) -> list[aio_pika.Message]:
    """So many commands over so many users, in turns."""
    return [message(str(number % users), replies) for number in range(count)]


def scans(count: int, replies: str) -> list[aio_pika.Message]:
    """A command each of so many users, of another tenant, whose QR nobody scans."""
    return [message(f"scan-{number}", replies, "scans") for number in range(count)]


def as_task(name: str, commands: list[aio_pika.Message], queue: str) -> list[aio_pika.Message]:
    """The same commands as a peer's own client would publish them; for who reads any message, as they are."""
    shape = {"celery": _for_celery, "taskiq": _for_taskiq, "dramatiq": _for_dramatiq}.get(name)
    return commands if shape is None else [shape(one, queue) for one in commands]


def _for_celery(one: aio_pika.Message, _queue: str) -> aio_pika.Message:
    body = [_arguments(one), {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    headers = {"lang": "py", "task": "issue", "id": one.message_id, "root_id": one.message_id, "retries": 0}
    return _shaped(one, body, headers)


def _for_taskiq(one: aio_pika.Message, _queue: str) -> aio_pika.Message:
    task: dict[str, Any] = {"task_id": one.message_id, "task_name": "issue", "labels": {}, "labels_types": {}}
    return _shaped(one, task | {"args": _arguments(one), "kwargs": {}})


def _for_dramatiq(one: aio_pika.Message, queue: str) -> aio_pika.Message:
    task: dict[str, Any] = {
        "queue_name": queue,
        "actor_name": "issue",
        "args": _arguments(one),
        "kwargs": {},
        "options": {},
    }
    return _shaped(one, task | {"message_id": one.message_id, "message_timestamp": 0})


def _arguments(one: aio_pika.Message) -> list[Any]:
    return [json.loads(one.body), one.message_id, one.reply_to]


def _shaped(one: aio_pika.Message, body: Any, headers: dict[str, Any] | None = None) -> aio_pika.Message:
    return aio_pika.Message(
        json.dumps(body).encode(),
        headers=headers or {},
        content_type="application/json",
        content_encoding="utf-8",
        message_id=one.message_id,
        correlation_id=one.message_id,
        delivery_mode=2,
    )


async def publish(channel: AbstractChannel, contestant: Contestant, commands: list[aio_pika.Message]) -> None:
    """Persistent and confirmed, a hundred at a time."""
    target = channel.default_exchange
    if contestant.exchange:
        target = await channel.get_exchange(contestant.exchange, ensure=False)
    for first in range(0, len(commands), 100):
        batch = commands[first : first + 100]
        await asyncio.gather(*(target.publish(one, routing_key=contestant.routing_key) for one in batch))


@dataclass
class Answers:
    """When each command's event of a kind came (monotonic seconds), by command."""

    kind: str
    count: int
    at: dict[str, float] = field(default_factory=dict)
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def take(self, answer: AbstractIncomingMessage) -> None:
        """Take note of an event."""
        kind, about = _KIND.search(answer.body), _ABOUT.search(answer.body)
        if kind is None or about is None or kind[1] not in {b"qr_required", b"completed"}:
            if not self.done.done():
                self.done.set_exception(RuntimeError(f"unexpected answer: {answer.body[:500]!r}"))
        elif kind[1].decode() == self.kind:
            self.at.setdefault(about[1].decode(), time.monotonic())
            if len(self.at) == self.count and not self.done.done():
                self.done.set_result(None)

    async def all(self) -> dict[str, float]:
        """Wait for every command's answer."""
        async with asyncio.timeout(ROUND_TIMEOUT_SECONDS):
            await self.done
        return self.at


async def listen(channel: AbstractChannel, replies: str, kind: str, count: int) -> tuple[Answers, Callable[[], Any]]:
    """Collect answers from now on; and how to stop."""
    queue = await channel.get_queue(replies, ensure=False)
    answers = Answers(kind, count)
    tag = await queue.consume(answers.take, no_ack=True)
    return answers, lambda: queue.cancel(tag)


async def wait_for_consumer(connection: AbstractConnection, queue: str, consumers: int = 1) -> None:
    """Until the contestants consume. A queue that is not there yet closes the channel, so each look has its own."""
    async with asyncio.timeout(CONSUMER_TIMEOUT_SECONDS):
        while True:
            try:
                look = await connection.channel()
                declared = await look.declare_queue(queue, passive=True)
                await look.close()
                if (declared.declaration_result.consumer_count or 0) >= consumers:
                    return
            except aio_pika.exceptions.AMQPError:
                pass
            await asyncio.sleep(0.2)


async def prepare(channel: AbstractChannel, prefix: str) -> str:
    """The peers' queue, durable and replicated like the worker's, and the reply queue; returns the latter."""
    await channel.declare_queue(f"{prefix}.bare", durable=True, arguments={"x-queue-type": "quorum"})
    replies = await channel.declare_queue(f"{prefix}.replies", durable=True, arguments={"x-queue-type": "quorum"})
    return str(replies.name)


async def clean_up(connection: AbstractConnection, prefix: str) -> None:
    """Take away what a round declared, as far as that goes: the broker may be the benchmark's own."""
    with contextlib.suppress(aio_pika.exceptions.AMQPError, TimeoutError):
        channel = await connection.channel()
        for queue in (
            "bare",
            "dramatiq",
            "dramatiq.DQ",
            "dramatiq.XQ",
            "replies",
            "issue",
            "query",
            "dead",
            "unrouted",
        ):
            await channel.queue_delete(f"{prefix}.{queue}")
        for exchange in ("commands", "events", "dead", "unrouted"):
            await channel.exchange_delete(f"{prefix}.{exchange}")
