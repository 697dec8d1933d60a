"""Where answers may go, on a real broker: only where their publisher may read, and nowhere by a header."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import aio_pika
import pytest

from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.servers.rabbitmq import BrokerControl


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One store is enough: what is shown is between the broker and the intake."""
    return sqlite_url


@pytest.fixture
def shop(amqp_control: BrokerControl) -> Iterator[str]:
    """A caller's user at the broker, whose password is its name."""
    name = f"s{uuid.uuid4().hex[:10]}"
    amqp_control.ctl("add_user", name, name)
    amqp_control.ctl("set_permissions", "-p", "/", name, ".*", ".*", ".*")
    yield name
    amqp_control.ctl("delete_user", name)


async def publish_as(stack: Stack, user: str, command_id: str, **properties: str) -> None:
    """Publish an order on a connection of this user, confirmed."""
    parts = urlsplit(stack.amqp_url)
    url = f"amqp://{user}:{user}@{parts.hostname}:{parts.port}/"
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(f"{stack.prefix}.commands", ensure=False)
        body = json.dumps(make_order(command_id, command_id)).encode()
        given = {"content_type": "application/json", "message_id": command_id, "type": "invoice.issue", "app_id": user}
        message = aio_pika.Message(body, delivery_mode=2, **given | properties)  # type: ignore[arg-type]
        await exchange.publish(message, routing_key="invoice.issue")


async def test_a_caller_gets_answers_only_into_queues_of_its_own_name(
    new_stack: Callable[..., Stack], amqp_prefix: str, shop: str
) -> None:
    """The broker vouches for the property `user_id`: a caller that claims another's name is cut off by it."""
    async with new_stack(settings={"FAPIAO_REPLY_TO_PATTERN": rf"{amqp_prefix}\.{{user_id}}\..*"}) as stack:
        await stack.begin()
        own = await stack.channel.declare_queue(f"{amqp_prefix}.{shop}.answers", exclusive=True)
        others = await stack.channel.declare_queue(f"{amqp_prefix}.other.answers", exclusive=True)
        topic = await stack.listen_to_topic("#")

        await publish_as(stack, shop, "c-own", reply_to=own.name, user_id=shop)
        await publish_as(stack, shop, "c-others", reply_to=others.name, user_id=shop)
        await publish_as(stack, shop, "c-nameless", reply_to=own.name)
        with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed, match="user_id"):
            await publish_as(stack, shop, "c-liar", reply_to=others.name, user_id="other")

        outcomes: dict[str, str] = {}
        while len(outcomes) < 3:
            event = await stack.next_from(topic)
            outcomes[event["subject"]] = event["data"].get("code") or event["type"].rpartition(".")[2]
        assert outcomes == {"c-own": "completed", "c-others": "reply_to_refused", "c-nameless": "reply_to_refused"}
        async with own.iterator(timeout=60) as answers:
            answer = await anext(answers)
        assert json.loads(answer.body)["subject"] == "c-own"
        assert await others.get(fail=False, timeout=60) is None


async def test_headers_that_route_are_echoed_nowhere(new_stack: Callable[..., Stack]) -> None:
    """`CC` names a queue that is bound wherever the worker publishes. It gets nothing: not events, not dead letters,
    not a dead letter that an operator sends again."""
    async with new_stack() as stack:
        await stack.begin()
        headers = {"CC": ["spy"], "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
        spy = await stack.channel.declare_queue(exclusive=True)
        await spy.bind(f"{stack.prefix}.events", "spy")
        good, bad = stack.new_id(), stack.new_id()
        await stack.publish(good, make_order(good, "u-good"), headers=headers)
        await stack.publish(bad, b"[]", headers=headers)
        await stack.until([good, bad], ["completed", "rejected"])
        await spy.bind(f"{stack.prefix}.commands", "spy")

        async with asyncio.timeout(PATIENCE_SECONDS):  # the answer may be here before the dead letter
            while (replayed := await stack.command_line("dead", "replay", bad, "--json")).returncode != 0:
                assert "None was sent" in replayed.stderr

        await stack.pause(0.5)
        assert '"replayed": 1' in replayed.stdout
        assert await spy.get(fail=False, timeout=60) is None
        mine = [message for message in stack.messages if message.correlation_id in {good, bad}]
        assert {"CC", "BCC"}.isdisjoint({name for message in mine for name in message.headers})
        assert any(message.headers.get("traceparent") == headers["traceparent"] for message in mine)
