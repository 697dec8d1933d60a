"""Bad input is answered as the design says, and the worker goes on as if nothing had happened."""

import json
from typing import Any

import aio_pika
import pytest

from tests.scenarios.stack import Stack, make_order

pytestmark = pytest.mark.timeout(120)


async def dead_letter(stack: Stack, seconds: float = 20) -> aio_pika.abc.AbstractIncomingMessage:
    """The oldest dead letter, waited for."""
    queue = await stack.channel.get_queue(f"{stack.prefix}.dead", ensure=False)
    for _ in range(int(seconds / 0.1)):
        message = await queue.get(no_ack=True, fail=False, timeout=5)
        if message is not None:
            return message
        await stack.pause(0.1)
    raise AssertionError("nothing came to the dead letters")


async def worker_goes_on(stack: Stack) -> None:
    """A good order is still issued by the same process."""
    order = await stack.publish_order("somebody-else")
    await stack.until([order], ["completed"])
    assert stack.workers[0].process.poll() is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", "malformed"),
        (b"[1, 2]", "malformed"),
        (b'{"userId": NaN}', "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, "malformed"),
    ],
)
async def test_what_is_no_json_object_is_rejected_and_kept(stack: Stack, body: bytes, code: str) -> None:
    await stack.publish("bad-1", body)
    await stack.until(["bad-1"], ["rejected"])

    letter = await dead_letter(stack)

    assert stack.last("bad-1", "rejected")["code"] == code
    assert letter.body == body
    assert letter.message_id == "bad-1"
    assert letter.headers["x-fapiao-code"] == code
    assert letter.headers["x-fapiao-reason"]
    await worker_goes_on(stack)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"invoice": {"buyerName": 7}}, "/invoice/buyerName"),
        ({"invoice": {"buyerNaem": "typo"}}, "/invoice/buyerNaem"),
        ({"invoice": {"invoiceItems": []}}, "/invoice/invoiceItems"),
        ({"surprise": True}, "/surprise"),
    ],
)
async def test_wrong_types_and_unknown_members_are_named_by_pointer(
    stack: Stack, changes: dict[str, Any], path: str
) -> None:
    await stack.publish("bad-2", make_order("bad-2", **changes))
    await stack.until(["bad-2"], ["rejected"])

    rejected = stack.last("bad-2", "rejected")

    assert rejected["code"] == "invalid"
    assert path in [error["path"] for error in rejected["errors"]]
    assert stack.submissions("bad-2") == 0
    await worker_goes_on(stack)


async def test_a_body_of_17_mib_is_rejected_unread(stack: Stack) -> None:
    body = json.dumps(make_order("big") | {"orderNo": "x" * (17 * 1024 * 1024)}).encode()

    await stack.publish("big", body)
    await stack.until(["big"], ["rejected"])

    assert stack.last("big", "rejected")["code"] == "too_large"
    assert len((await dead_letter(stack)).body) == len(body)
    await worker_goes_on(stack)


async def test_a_message_without_an_id_goes_to_the_dead_letters_only(stack: Stack) -> None:
    await stack.publish_without_id(make_order("no-id"))

    letter = await dead_letter(stack)

    assert letter.headers["x-fapiao-code"] == "id_missing"
    assert json.loads(letter.body)["invoice"]["remark"] == "no-id"
    assert not stack.events
    await worker_goes_on(stack)


@pytest.mark.parametrize("own", ["issue", "dead", "unrouted"])
async def test_a_reply_to_that_is_the_workers_own_queue_is_refused(stack: Stack, own: str) -> None:
    """The answer then goes to the topic alone."""
    topic = await stack.listen_to_topic()
    await stack.publish("loop", make_order("loop"), reply_to=f"{stack.prefix}.{own}")

    event = await stack.next_from(topic)

    assert event["type"] == "invoice.issue.rejected"
    assert event["data"]["code"] == "reply_to_refused"
    assert stack.submissions("loop") == 0
    await worker_goes_on(stack)


async def test_an_unknown_type_is_rejected_as_a_command(stack: Stack) -> None:
    await stack.publish("odd", {"a": 1}, type="invoice.burn")
    await stack.until(["odd"], ["rejected"])

    assert stack.events["odd"][0]["type"] == "command.rejected"
    assert stack.last("odd", "rejected")["code"] == "unknown_type"
