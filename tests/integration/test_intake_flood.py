"""Bodies of any size and number: what is held is bounded, and the rest stays in the broker."""

import asyncio

import aio_pika

from tests.integration.messaging import broker_channel, until
from worker.amqp.connections import Address, Link, open_link
from worker.amqp.deliveries import ByteBudget, Consumption, Delivery

MIB = 1024 * 1024


async def fill(url: str, queue: str, count: int) -> None:
    """Publish so many bodies of 1 MiB."""
    async with broker_channel(url) as channel:
        for _ in range(count):
            await channel.default_exchange.publish(aio_pika.Message(bytes(MIB)), routing_key=queue)


async def begin(link: Link, queue: str, room: ByteBudget, arrived: list[Delivery]) -> Consumption:
    """Consume with a prefetch that would let everything in."""

    def receive(delivery: Delivery) -> None:
        room.take(len(delivery.body))
        arrived.append(delivery)

    consumption = await Consumption.open(link, 200, receive, room)
    await consumption.consume([queue])
    return consumption


async def test_no_more_is_read_than_there_is_room_for(amqp_url: str, reply_queue: str) -> None:
    """A prefetch of 200 bodies, room for 3: a few come; as each is let go, the next one does; in the end all came."""
    await fill(amqp_url, reply_queue, 12)
    room, arrived = ByteBudget(3 * MIB), list[Delivery]()
    async with open_link(Address(amqp_url), "test", 10, 1) as link:
        consumption = await begin(link, reply_queue, room, arrived)
        await until(lambda: room.is_full)
        for _ in range(20):
            await asyncio.sleep(0.05)
            assert room.held <= 4 * MIB
        assert len(arrived) <= 4

        let_go = 0
        while let_go < 12:
            await until(lambda: len(arrived) > let_go)  # noqa: B023  awaited here and now
            room.give_back(len(arrived[let_go].body))
            await consumption.acknowledge([arrived[let_go].tag])
            let_go += 1
            assert room.held <= 4 * MIB

    assert [delivery.tag for delivery in arrived] == list(range(1, 13))


async def test_a_link_without_room_can_be_given_up_and_loses_nothing(amqp_url: str, reply_queue: str) -> None:
    """As while the journal is down: the broker keeps everything for the next link."""
    await fill(amqp_url, reply_queue, 6)
    room, arrived = ByteBudget(MIB), list[Delivery]()
    async with open_link(Address(amqp_url), "test", 10, 1) as link:
        await begin(link, reply_queue, room, arrived)
        await until(lambda: room.is_full)
        link.fail("no room")

    again = list[Delivery]()
    async with open_link(Address(amqp_url), "test", 10, 2) as link:
        await begin(link, reply_queue, ByteBudget(100 * MIB), again)
        await until(lambda: len(again) == 6)
