"""Bad input is answered as the design says, and the worker goes on as if nothing had happened."""

import asyncio
import json
from typing import Any

import aio_pika
import pytest

from tests.scenarios.messages import make_order
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def dead_letter(stack: Stack, message_id: str) -> aio_pika.abc.AbstractIncomingMessage:
    """The dead letter with this message id, waited for; those before it are done with."""
    queue = await stack.channel.get_queue(f"{stack.prefix}.dead", ensure=False)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            message = await queue.get(no_ack=True, fail=False)
            if message is not None and (message.message_id or "") == message_id:
                return message
            if message is None:
                await stack.pause(0.1)


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
    bad = stack.new_id()
    await stack.publish(bad, body)
    await stack.until([bad], ["rejected"])

    letter = await dead_letter(stack, bad)

    assert stack.last(bad, "rejected")["code"] == code
    assert letter.body == body
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
    bad = stack.new_id()
    await stack.publish(bad, make_order(bad, **changes))
    await stack.until([bad], ["rejected"])

    rejected = stack.last(bad, "rejected")

    assert rejected["code"] == "invalid"
    assert path in [error["path"] for error in rejected["errors"]]
    assert stack.submissions(bad) == 0
    await worker_goes_on(stack)


async def test_a_body_of_17_mib_is_rejected_unread(stack: Stack) -> None:
    body = json.dumps(make_order("big") | {"orderNo": "x" * (17 * 1024 * 1024)}).encode()

    await stack.publish("big", body)
    await stack.until(["big"], ["rejected"])

    assert stack.last("big", "rejected")["code"] == "too_large"
    assert len((await dead_letter(stack, "big")).body) == len(body)
    await worker_goes_on(stack)


async def test_one_dead_letter_is_sent_again_alone_and_the_others_keep_their_places(stack: Stack) -> None:
    bad = [stack.new_id() for _ in range(3)]

    async def letters_are(*expected: str) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                listed = await stack.command_line("dead", "list", "--json")
                mine = [letter for letter in json.loads(listed.stdout) if letter["id"] in bad]
                if [letter["id"] for letter in mine] == list(expected):
                    return mine
                await stack.pause(0.1)

    letters: list[dict[str, Any]] = []
    for number, each in enumerate(bad):
        await stack.publish(each, b"[]")
        letters = await letters_are(*bad[: number + 1])

    async with asyncio.timeout(PATIENCE_SECONDS):  # what was looked at is back a moment after the broker has lost us
        while "--yes" not in (refused := await stack.command_line("dead", "replay")).stderr:
            await stack.pause(0.1)
        while (sent := await stack.command_line("dead", "replay", letters[1]["letter"])).returncode != 0:
            assert "None was sent" in sent.stderr

    assert (refused.returncode, sent.stdout) == (2, "1 sent again.\n")
    await letters_are(bad[0], bad[2], bad[1])
    await worker_goes_on(stack)


async def test_a_message_without_an_id_goes_to_the_dead_letters_only(stack: Stack) -> None:
    known = set(stack.events)
    await stack.publish_without_id(make_order("no-id"))

    letter = await dead_letter(stack, "")

    assert letter.headers["x-fapiao-code"] == "id_missing"
    assert json.loads(letter.body)["invoice"]["remark"] == "no-id"
    assert set(stack.events) == known
    await worker_goes_on(stack)


@pytest.mark.parametrize("own", ["issue", "dead", "unrouted"])
async def test_a_reply_to_that_is_the_workers_own_queue_is_refused(stack: Stack, own: str) -> None:
    """The answer then goes to the topic alone."""
    topic = await stack.listen_to_topic("invoice.issue.rejected")
    await stack.publish(f"loop-{own}", make_order(f"loop-{own}"), reply_to=f"{stack.prefix}.{own}")

    event = await stack.next_from(topic)

    assert event["subject"] == f"loop-{own}"
    assert event["data"]["code"] == "reply_to_refused"
    assert stack.submissions(f"loop-{own}") == 0
    await worker_goes_on(stack)


async def test_an_unknown_type_is_rejected_as_a_command(stack: Stack) -> None:
    await stack.publish("odd", {"a": 1}, type="invoice.burn")
    await stack.until(["odd"], ["rejected"])

    assert stack.events["odd"][0]["type"] == "command.rejected"
    assert stack.last("odd", "rejected")["code"] == "unknown_type"
