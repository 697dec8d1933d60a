"""The exchange in a FastStream application, acknowledged after completion."""

import asyncio
from typing import Any

from faststream import FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

from tests.benchmarks.peers.exchange import AMQP_URL, PREFETCH, QUEUE, issue

broker = RabbitBroker(AMQP_URL, default_channel=Channel(prefetch_count=PREFETCH))


@broker.subscriber(RabbitQueue(QUEUE, declare=False), no_reply=True)
async def handle(order: dict[str, Any], message: RabbitMessage) -> None:
    """One command."""
    told = await issue(order, message.message_id)
    await broker.publish(told, queue=message.reply_to, persist=True)


asyncio.run(FastStream(broker).run())
