"""The exchange as a task of Taskiq, acknowledged after completion."""

import asyncio
from typing import Any

import aio_pika
from taskiq.acks import AcknowledgeType
from taskiq.api import run_receiver_task
from taskiq_aio_pika import AioPikaBroker
from taskiq_aio_pika.queue import Queue

from tests.benchmarks.peers.exchange import AMQP_URL, PREFETCH, QUEUE, issue

broker = AioPikaBroker(AMQP_URL, qos=PREFETCH, task_queues=[Queue(name=QUEUE, declare=False)])
broker.is_worker_process = True


@broker.task(task_name="issue")
async def handle(order: dict[str, Any], command_id: str, replies: str) -> None:
    """One command."""
    told = await issue(order, command_id)
    message = aio_pika.Message(told, delivery_mode=2)
    await broker.write_channel.default_exchange.publish(message, routing_key=replies)


asyncio.run(
    run_receiver_task(broker, max_async_tasks=PREFETCH, run_startup=True, ack_time=AcknowledgeType.WHEN_EXECUTED)
)
