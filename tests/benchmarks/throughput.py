"""Throughput, CPU per command and memory per parked scan of the worker, beside a bare consumer in the same run.

Interleaved rounds and medians, since the machine drifts; compare the ratio, not the figures. Everything is
durable: quorum queues, persistent messages, the journal with an fsync per commit.
"""

import argparse
import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import asyncpg
from aio_pika.abc import AbstractChannel

from tests import servers
from tests.benchmarks.contestants import Contestant, prepare, sandbox, started

CONSUMER_TIMEOUT_SECONDS = 60
ROUND_TIMEOUT_SECONDS = 300


@dataclass
class Figures:
    """What one contestant showed, a value per round."""

    per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    parked_kib: list[float] = field(default_factory=list)


def order(command_id: str, user: int) -> dict[str, Any]:
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


async def publish(channel: AbstractChannel, contestant: Contestant, replies: str, count: int, users: int) -> None:
    """Persistent and confirmed, a hundred at a time."""
    exchange = await channel.get_exchange(contestant.exchange, ensure=False) if contestant.exchange else None
    target = exchange or channel.default_exchange
    for first in range(0, count, 100):
        messages = []
        for number in range(first, min(first + 100, count)):
            identifier = uuid.uuid4().hex
            message = aio_pika.Message(
                json.dumps(order(identifier, number % users)).encode(),
                content_type="application/json",
                message_id=identifier,
                type="invoice.issue",
                app_id="benchmark",
                reply_to=replies,
                delivery_mode=2,
            )
            messages.append(target.publish(message, routing_key=contestant.routing_key))
        await asyncio.gather(*messages)


async def count_answers(channel: AbstractChannel, replies: str, kind: str, count: int) -> float:
    """Wait for so many different commands' events of a kind; the moment the last one came (monotonic seconds)."""
    queue = await channel.get_queue(replies, ensure=False)
    seen: set[str] = set()
    done = asyncio.get_running_loop().create_future()

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        if event["type"] == f"invoice.issue.{kind}":
            seen.add(event["subject"])
        elif not event["type"].endswith(("qr_required", "completed")) and not done.done():
            done.set_exception(RuntimeError(f"unexpected answer: {message.body[:500]!r}"))
        if len(seen) == count and not done.done():
            done.set_result(time.monotonic())

    tag = await queue.consume(take, no_ack=True)
    async with asyncio.timeout(ROUND_TIMEOUT_SECONDS):
        moment = await done
    await queue.cancel(tag)
    return float(moment)


async def wait_for_consumer(channel: AbstractChannel, queue: str) -> None:
    """Until the contestant consumes. A queue that is not there yet closes the channel, so each look has its own."""
    connection = channel.channel.connection  # type: ignore[attr-defined]
    async with asyncio.timeout(CONSUMER_TIMEOUT_SECONDS):
        while True:
            try:
                look = await connection.channel()
                declared = await look.queue_declare(queue, passive=True)
                await look.close()
                if declared.consumer_count:
                    return
            except aio_pika.exceptions.AMQPError:
                pass
            await asyncio.sleep(0.2)


async def measure(
    figures: Figures, name: str, amqp_url: str, gateways: dict[str, str], commands: int, users: int, parked: int
) -> None:
    """One round of one contestant."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(500)
        prefix = f"bench{uuid.uuid4().hex[:8]}"
        replies = await prepare(channel, prefix)
        database = await new_database(gateways["postgres"], prefix) if name == "worker-postgres" else None
        lanes = max(200, users)
        with started(name, amqp_url, gateways["never"], prefix, lanes=lanes, postgres_url=database) as contestant:
            await wait_for_consumer(channel, contestant.queue)
            await asyncio.sleep(1)
            cpu_before, began = contestant.cpu_seconds(), time.monotonic()
            answers = asyncio.create_task(count_answers(channel, replies, "completed", commands))
            await publish(channel, contestant, replies, commands, users)
            ended = await answers
            figures.per_second.append(commands / (ended - began))
            figures.cpu_ms.append((contestant.cpu_seconds() - cpu_before) / commands * 1000)
        if parked and database is None:
            await measure_parked(figures, name, amqp_url, gateways["always"], channel, parked)
        await clean_up(channel, prefix)


async def new_database(server: str, name: str) -> str:
    """An empty database on that PostgreSQL; the server goes when the benchmark ends."""
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


async def measure_parked(
    figures: Figures, name: str, amqp_url: str, gateway: str, channel: AbstractChannel, parked: int
) -> None:
    """Memory per command whose QR waits for a person, each on a `userId` of its own."""
    prefix = f"bench{uuid.uuid4().hex[:8]}"
    replies = await prepare(channel, prefix)
    with started(name, amqp_url, gateway, prefix, lanes=parked + 50) as contestant:
        await wait_for_consumer(channel, contestant.queue)
        await asyncio.sleep(1)
        before = contestant.resident_bytes()
        answers = asyncio.create_task(count_answers(channel, replies, "qr_required", parked))
        await publish(channel, contestant, replies, parked, parked)
        await answers
        await asyncio.sleep(2)
        figures.parked_kib.append((contestant.resident_bytes() - before) / parked / 1024)
    await clean_up(channel, prefix)


async def clean_up(channel: AbstractChannel, prefix: str) -> None:
    """Take away what a round declared."""
    for queue in ("bare", "replies", "issue", "dead", "unrouted"):
        await channel.queue_delete(f"{prefix}.{queue}")
    for exchange in ("commands", "events", "dead", "unrouted"):
        await channel.exchange_delete(f"{prefix}.{exchange}")


def show(results: dict[str, Figures]) -> None:
    """A table of medians, and the ratio to the bare consumer."""
    bare = results.get("bare")
    print(f"\n{'contestant':<18}{'commands/s':>12}{'ratio':>8}{'CPU ms/command':>16}{'KiB/parked scan':>17}")
    for name, figures in results.items():
        speed = statistics.median(figures.per_second)
        ratio = f"{speed / statistics.median(bare.per_second):.2f}" if bare else "-"
        parked = f"{statistics.median(figures.parked_kib):.0f}" if figures.parked_kib else "-"
        print(f"{name:<18}{speed:>12.0f}{ratio:>8}{statistics.median(figures.cpu_ms):>16.2f}{parked:>17}")


async def run(options: argparse.Namespace, names: Sequence[str]) -> None:
    """All rounds, contestants interleaved."""
    broker = servers.start_rabbit(print)
    database = servers.start_postgres(print) if "worker-postgres" in names else None
    results = {name: Figures() for name in names}
    delays = {"login_delay_seconds": options.login_delay, "issue_delay_seconds": options.issue_delay}
    try:
        with sandbox("never", **delays) as quick, sandbox("always") as scanning:
            gateways = {"never": quick, "always": scanning, "postgres": database.url() if database else ""}
            for turn in range(options.rounds):
                for name in names:
                    parked = options.parked if turn == 0 else 0
                    await measure(results[name], name, broker.url(), gateways, options.commands, options.users, parked)
                    print(f"round {turn + 1} {name}: {results[name].per_second[-1]:.0f}/s", flush=True)
    finally:
        broker.close()
        if database is not None:
            database.close()
    show(results)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=2000, help="per round and contestant")
    parser.add_argument("--users", type=int, default=200, help="different userIds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parked", type=int, default=1000, help="parked scans, measured in the first round; 0 = none")
    parser.add_argument("--login-delay", type=float, default=0.0, help="seconds the gateway takes to log in")
    parser.add_argument("--issue-delay", type=float, default=0.0, help="seconds the gateway takes to issue")
    parser.add_argument("--contestants", default="bare,worker", help="also: worker-postgres")
    options = parser.parse_args()
    asyncio.run(run(options, options.contestants.split(",")))


if __name__ == "__main__":
    main()
