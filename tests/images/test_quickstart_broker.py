"""The broker of `deploy/quickstart` on a machine with an engine and without RabbitMQ."""

import asyncio
import os

import aio_pika

from tests.images.conftest import docker
from worker.servers.containers import RABBITMQ_IMAGE, ContainerRabbit


async def test_it_takes_connections_and_leaves_no_container() -> None:
    """On loopback alone, and gone when it is closed."""
    broker = ContainerRabbit(os.environ.get("TEST_RABBITMQ_IMAGE", RABBITMQ_IMAGE)).start()
    try:
        async with await aio_pika.connect(broker.url()) as connection:
            assert not connection.is_closed
    finally:
        broker.close()
    left = await asyncio.to_thread(docker, "ps", "--all", "--quiet", "--filter", f"name={broker._name}")
    assert left == ""
