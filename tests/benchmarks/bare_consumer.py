"""The consumer that everybody writes first: forty lines, no journal, acknowledgement after completion.

It is the measure of what durability costs, and of what its absence costs. Settings come from the environment.
"""

import asyncio
import json
import os

import aio_pika
import websockets


async def exchange(gateway: str, data: dict, publish_qr) -> dict:  # type: ignore[no-untyped-def, type-arg]
    """One login and one invoice over a connection of its own."""
    invoice = data["invoice"] | {
        "sellerLoginAccount": data["login"]["phone"],
        "sellerLoginPassword": data["login"]["password"],
    }
    async with websockets.connect(f"{gateway}/invoice?userId={data['userId']}", max_size=2**20, proxy=None) as socket:
        await socket.send(json.dumps({"type": "login", "data": data["login"]}))
        assert json.loads(await socket.recv())["data"] == "1"
        await socket.send(json.dumps({"type": "invoice_info", "data": invoice}))
        while True:
            answer = json.loads(await socket.recv())
            if answer["type"] == "invoice_pdf":
                return answer["data"]  # type: ignore[no-any-return]
            await publish_qr(answer["data"])


async def main() -> None:
    """Consume until killed."""
    connection = await aio_pika.connect(os.environ["FAPIAO_AMQP_URL"])
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=int(os.environ["FAPIAO_PREFETCH"]))
    queue = await channel.get_queue(os.environ["BARE_QUEUE"], ensure=False)

    async def handle(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async def publish(kind: str, data: object) -> None:
            event = {"type": f"invoice.issue.{kind}", "subject": message.message_id, "data": data}
            body = aio_pika.Message(json.dumps(event).encode(), delivery_mode=2, correlation_id=message.message_id)
            await channel.default_exchange.publish(body, routing_key=message.reply_to or "")

        async with message.process(requeue=True):
            command = json.loads(message.body)
            result = await exchange(
                os.environ["FAPIAO_GATEWAY_URL"], command, lambda qr: publish("qr_required", {"image": qr})
            )
            await publish("completed", {"invoice": result})

    await queue.consume(handle)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
