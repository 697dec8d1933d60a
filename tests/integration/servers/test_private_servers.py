"""What the fixtures promise: real servers, a broker that survives being killed, isolation between tests."""

import asyncio

import aio_pika
import asyncpg
import pytest

from tests.servers import Broker, Control


async def _publish_and_count(url: str, queue: str, number: int) -> int:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        await asyncio.sleep(1.5)  # the node notes a new queue on disk every half second only
        for _ in range(number):
            message = aio_pika.Message(b"kept", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, routing_key=queue)
        again = await channel.declare_queue(queue, passive=True)
        assert declared.name == again.name
        return again.declaration_result.message_count or 0


async def test_a_killed_broker_comes_back_with_its_confirmed_messages(own_rabbit: Broker) -> None:
    """Confirmed messages of a quorum queue outlive a SIGKILL, on the same address."""
    url = own_rabbit.url()
    await _publish_and_count(url, "kept", 20)
    own_rabbit.kill()
    with pytest.raises(OSError, match=r".*"):
        await aio_pika.connect(url)
    own_rabbit.start()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", passive=True)
        # Not basic.get: right after a start the queue has no leader yet, and a get then waits in vain.
        async with queue.iterator(no_ack=True, timeout=60) as messages:
            for _ in range(20):
                assert (await anext(messages)).body == b"kept"
    own_rabbit.kill()  # for the test after this one


async def test_a_broker_that_the_test_before_left_dead_runs_again(own_rabbit: Broker) -> None:
    """The fixture starts it, so that tests do not depend on each other's tidiness."""
    assert "/" in own_rabbit.ctl("list_vhosts").split()
    address = own_rabbit.add_vhost("aside")
    async with await aio_pika.connect(address) as connection:
        assert not connection.is_closed


async def test_the_shared_broker_gives_each_test_a_prefix(amqp_url: str, amqp_prefix: str, reply_queue: str) -> None:
    """The reply queue lies under the test's prefix, so it is removed with the rest."""
    assert reply_queue.startswith(amqp_prefix)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(reply_queue, passive=True)


def test_the_shared_broker_takes_commands_of_rabbitmqctl(amqp_control: Control) -> None:
    """Tests can ask the node about itself without holding the object that started it."""
    assert "/" in amqp_control.ctl("list_vhosts").split()


async def test_each_test_has_a_database_of_its_own(postgres_url: str) -> None:
    """It is empty and durable: a commit waits for the disk."""
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()
