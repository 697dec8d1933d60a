"""The broker of `deploy/quickstart` on a machine with an engine and without RabbitMQ."""

import os
import subprocess

import aio_pika

from deploy.provisioning.containers import RABBITMQ_IMAGE, ContainerRabbit


async def test_it_takes_connections_and_leaves_no_container() -> None:
    """On loopback alone, and gone when it is closed."""
    broker = ContainerRabbit(os.environ.get("TEST_RABBITMQ_IMAGE", RABBITMQ_IMAGE)).start()
    try:
        async with await aio_pika.connect(broker.url()) as connection:
            assert not connection.is_closed
    finally:
        broker.close()
    command = ["docker", "ps", "--all", "--quiet", "--filter", f"name={broker._name}"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == ""
