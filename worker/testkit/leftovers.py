"""Takes the worker's queues and exchanges off a broker that others use."""

import asyncio

import aio_pika

from worker.amqp.topology import Topology


def delete_objects(amqp_url: str, prefix: str) -> None:
    """Delete everything that a worker declares under this prefix. What is not there is no error."""
    asyncio.run(_delete(amqp_url, Topology(prefix)))


async def _delete(amqp_url: str, topology: Topology) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for queue in topology.queues:
            await channel.queue_delete(queue.name)
        for exchange in reversed(topology.exchanges):
            await channel.exchange_delete(exchange.name)
