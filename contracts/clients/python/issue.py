"""Issue one invoice: python issue.py order.json     (pip install aio-pika)"""

import asyncio
import json
import os
import pathlib
import sys
import uuid
from typing import Any

import aio_pika

URL = os.environ.get("FAPIAO_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f")
REPLIES = os.environ.get("SHOP_REPLIES", "shop.replies")
EXIT = {"confirmed": 0, "failed": 1, "rejected": 2, "unconfirmed": 3}


async def main(order: pathlib.Path) -> int:
    # The id lies beside the order BEFORE anything is published: after a crash the same id goes out again, harmlessly.
    beside, end = order.with_suffix(".id"), order.with_suffix(".end")
    if end.exists():
        return handle(json.loads(end.read_bytes())) or 0
    if not beside.exists():
        beside.write_text(str(uuid.uuid4()))
    command_id = beside.read_text()
    envelope = json.dumps({"specversion": "1.0", "id": command_id, "source": "/shop", "type": "invoice.issue"})
    # The data go in as text: json.loads would make binary floats of the money.
    command = f'{envelope[:-1]}, "data": {order.read_text("utf-8")}}}'

    connection = await aio_pika.connect_robust(URL)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        replies = await channel.declare_queue(REPLIES, durable=True)
        exchange = await channel.get_exchange("fapiao.commands", ensure=False)
        await exchange.publish(  # returns when RabbitMQ has it on disk; raises if nobody takes it
            aio_pika.Message(
                command.encode(),
                content_type="application/cloudevents+json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                reply_to=REPLIES,
            ),
            routing_key="invoice.issue",
        )
        print("published", command_id, flush=True)

        seen = set()  # in your database: a unique key on the event's id
        async with replies.iterator(timeout=900) as messages:
            async for message in messages:
                event = json.loads(message.body)
                outcome = None if event["id"] in seen else handle(event)
                seen.add(event["id"])
                ended = event["subject"] == command_id and outcome is not None
                if ended:
                    end.write_bytes(message.body)
                await message.ack()  # only after what it says is stored
                if ended:
                    return outcome or 0
    return 4


def handle(event: dict[str, Any]) -> int | None:
    """Store what an event says; the exit code, if nothing more follows it."""
    outcome, data = event["type"].rsplit(".", 1)[1], event["data"]
    match outcome:
        case "qr_required":  # a later attempt replaces an earlier one: here, the page is simply written anew
            pathlib.Path("qr.html").write_text(f'<img src="{data["image"]}"> until {data["expiresAt"]}')
            print(f"qr_required: show qr.html before {data['expiresAt']}, or open {data.get('content')}")
        case "in_doubt":
            print(f"in_doubt: WAIT, never send the order again ({data['reason']})")
            if data["needsPerson"]:
                return 3  # somebody decides with `fapiao-worker resolve`; the final event follows
        case "completed":
            print(f"completed: issued, {data['invoiceUrl']}")
        case "confirmed":
            print(f"confirmed: number {data['invoiceNumber']}, total {data['totalPriceAndTax']}")
        case "failed":
            print(
                f"failed: {data['code']}; {'may' if data['retryable'] else 'do not simply'} send again under a new id"
            )
        case "rejected":
            print(f"rejected: {data['code']} {[error['path'] for error in data['errors']]}")
        case _:
            print(outcome)
    return EXIT.get(outcome)


try:
    code = asyncio.run(main(pathlib.Path(sys.argv[1])))
except Exception as error:  # no broker, nobody takes it, nothing for too long: start it again, the id lies there
    print(error, file=sys.stderr)
    code = 4
sys.exit(code)
