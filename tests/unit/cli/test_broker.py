"""The command line's own connection to the broker, over a channel that answers as told."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, cast

import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
)
from pamqp.commands import Basic, Queue
from pamqp.header import ContentHeader
from typing_extensions import override

from worker.amqp.confirms import Batch, Verdict
from worker.amqp.connections import Link
from worker.amqp.wire import Outgoing
from worker.cli.broker import Broker, opened
from worker.cli.outgoing import OutgoingCommand
from worker.cli.terminal import Stop
from worker.errors import BrokerLost
from worker.settings import Settings

ORDER = OutgoingCommand("cmd-1", "erp", "invoice.issue", b"{}", "application/json")
DEATH = {"reason": "rejected", "routing-keys": ["invoice.issue"], "queue": "q"}


class FakeChannel:
    """Remembers what it is asked; `fault` is what it answers with."""

    def __init__(self, *messages: DeliveredMessage) -> None:
        self.messages = list(messages)
        self.fault: BaseException | None = None
        self.acknowledged: list[int] = []
        self.declared: list[dict[str, Any]] = []
        self.consumer: Any = None
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def queue_declare(self, queue: str, **given: Any) -> Queue.DeclareOk:
        if self.fault is not None:
            raise self.fault
        self.declared.append({"queue": queue, **given})
        return Queue.DeclareOk(queue, len(self.messages), 0)

    async def basic_consume(self, _queue: str, consumer: Any) -> None:
        self.consumer = consumer

    async def basic_get(self, _queue: str) -> DeliveredMessage:
        return self.messages.pop(0)

    async def basic_ack(self, tag: int) -> None:
        self.acknowledged.append(tag)


class FakeConfirming:
    """Gives one verdict to whatever is sent."""

    is_open = True

    def __init__(self, verdict: Verdict = Verdict.CONFIRMED, ended_by: Exception | None = None) -> None:
        self.verdict = verdict
        self.ended_by = ended_by
        self.sent: list[Outgoing] = []

    async def send(self, messages: Sequence[Outgoing]) -> Batch:
        self.sent += messages
        batch = Batch(len(messages))
        batch.ended_by = self.ended_by
        for index in range(len(messages)):
            batch.settle(index, self.verdict)
        return batch

    async def close(self) -> None: ...


def _broker(channel: FakeChannel, confirming: FakeConfirming | None = None) -> Broker:
    settings = Settings(_env_file=None, prefix="pre")

    async def open_confirming(_: Link) -> FakeConfirming:
        return confirming or FakeConfirming()

    return Broker(cast("Link", None), cast("AbstractChannel", channel), settings, open_confirming)


def _message(tag: int, headers: dict[str, Any], **properties: Any) -> DeliveredMessage:
    header = ContentHeader(properties=Basic.Properties(headers=headers, **properties))
    delivery = Basic.GetOk(delivery_tag=tag, routing_key="invoice.issue")
    return DeliveredMessage(delivery=delivery, header=header, body=b"given", channel=cast("AbstractChannel", None))


async def test_a_command_is_published_persistent_and_by_its_type() -> None:
    confirming = FakeConfirming()

    await _broker(FakeChannel(), confirming).publish(ORDER, "answers")

    ((exchange, routing_key, body, properties),) = confirming.sent
    assert (body, exchange, routing_key) == (b"{}", "pre.commands", "invoice.issue")
    assert (properties.delivery_mode, properties.message_id, properties.app_id) == (2, "cmd-1", "erp")
    assert (properties.reply_to, properties.correlation_id) == ("answers", "cmd-1")


async def test_a_mistyped_command_is_told_which_one_it_may_be() -> None:
    confirming = FakeConfirming(Verdict.RETURNED, None)
    order = replace(ORDER, type="invoice.isue")

    with pytest.raises(Stop, match=r"FAPIAO_PREFIX\. Did you mean invoice\.issue\?$"):
        await _broker(FakeChannel(), confirming).publish(order, "answers")


NOT_TAKEN = pytest.mark.parametrize(
    ("verdict", "ended_by", "says", "code"),
    [
        (Verdict.RETURNED, None, "Nothing takes .* no worker has declared its queues", 2),
        (Verdict.LOST, ChannelNotFoundEntity("none"), "Nothing takes .* no worker has declared its queues", 2),
        (Verdict.LOST, ChannelAccessRefused("no"), "may not write", 2),
        (Verdict.REFUSED, None, "is full", 1),
        (Verdict.UNSENDABLE, None, "as it is", 1),
    ],
)


@NOT_TAKEN
async def test_what_the_broker_does_not_take_is_one_clear_sentence(
    verdict: Verdict, ended_by: Exception | None, says: str, code: int
) -> None:
    with pytest.raises(Stop, match=says) as stopped:
        await _broker(FakeChannel(), FakeConfirming(verdict, ended_by)).publish(ORDER, None)
    assert stopped.value.code == code


@pytest.mark.parametrize("ended_by", [ConnectionResetError("gone"), None])
async def test_a_connection_lost_while_publishing_is_told_as_such(ended_by: Exception | None) -> None:
    with pytest.raises(BrokerLost):
        await _broker(FakeChannel(), FakeConfirming(Verdict.LOST, ended_by)).publish(ORDER, None)


async def test_the_reply_queue_is_private_and_its_end_is_told() -> None:
    channel = FakeChannel()
    name, bodies = await _broker(channel).listen()

    assert channel.declared == [{"queue": name, "exclusive": True, "auto_delete": True}]
    await channel.consumer(_message(7, {}))
    assert await bodies.get() == b"given"
    assert channel.acknowledged == [7]
    channel.closing.set_result(None)
    assert await asyncio.wait_for(bodies.get(), 60) is None


async def test_a_queue_that_is_left_behind_ends_by_itself() -> None:
    channel = FakeChannel()
    name, _ = await _broker(channel).listen(outlives=True)

    assert channel.declared == [{"queue": name, "durable": True, "arguments": {"x-expires": 3_600_000}}]


async def test_dead_letters_tell_who_buried_them_and_why() -> None:
    channel = FakeChannel(
        _message(1, {"x-fapiao-code": "invalid", "x-fapiao-reason": "no"}, message_id="a", app_id="erp"),
        _message(2, {"x-death": [DEATH]}, message_type="invoice.issue"),
    )

    letters = [letter async for letter, _ in _broker(channel).dead_letters(10)]

    assert [(letter.tag, letter.code, letter.reason, letter.id, letter.routing_key) for letter in letters] == [
        (1, "invalid", "no", "a", "invoice.issue"),
        (2, "rejected", "it was rejected from q", "", "invoice.issue"),
    ]
    assert channel.acknowledged == []


async def test_a_dead_letter_keeps_its_name_and_two_that_differ_have_two() -> None:
    """Whatever its place; also where neither has an id."""
    two = [_message(1, {"x-fapiao-code": "no_id"}), _message(2, {"x-death": [DEATH]})]
    names = [letter.letter async for letter, _ in _broker(FakeChannel(*two)).dead_letters(2)]

    again = [
        letter.letter async for letter, _ in _broker(FakeChannel(_message(7, {"x-death": [DEATH]}))).dead_letters(1)
    ]
    assert again == names[1:]
    assert names[0] != names[1]


async def test_no_more_are_looked_at_than_asked_for() -> None:
    channel = FakeChannel(_message(1, {}), _message(2, {}), _message(3, {}))

    assert len([letter async for letter, _ in _broker(channel).dead_letters(2)]) == 2


async def test_a_dead_letter_goes_back_as_it_came_and_is_let_go_only_then() -> None:
    headers = {"x-fapiao-code": "invalid", "x-death": [DEATH], "x-first-death-queue": "q", "traceparent": "t"}
    channel = FakeChannel(_message(4, headers, message_id="a", reply_to="answers", user_id="somebody"))
    confirming = FakeConfirming()
    broker = _broker(channel, confirming)

    async for letter, message in broker.dead_letters(1):
        await broker.send_again(letter, message)

    (sent,) = confirming.sent
    assert (sent.body, sent.routing_key, sent.exchange) == (b"given", "invoice.issue", "pre.commands")
    assert sent.properties.headers == {"traceparent": "t"}
    assert (sent.properties.message_id, sent.properties.reply_to) == ("a", "answers")
    assert sent.properties.user_id is None
    assert channel.acknowledged == [4]


@NOT_TAKEN
async def test_a_dead_letter_that_nobody_takes_stays(
    verdict: Verdict, ended_by: Exception | None, says: str, code: int
) -> None:
    channel = FakeChannel(_message(4, {}))
    broker = _broker(channel, FakeConfirming(verdict, ended_by))
    async for letter, message in broker.dead_letters(1):
        with pytest.raises(Stop, match=says) as stopped:
            await broker.send_again(letter, message)
        assert stopped.value.code == code

    assert channel.acknowledged == []


async def test_a_missing_dead_queue_names_the_prefix() -> None:
    channel = FakeChannel()
    channel.fault = ChannelNotFoundEntity("none")

    with pytest.raises(Stop, match="FAPIAO_PREFIX"):
        await _broker(channel).dead_count()


async def test_brokers_that_do_not_answer_are_all_named_without_their_passwords() -> None:
    with pytest.raises(Stop) as stopped:
        async with opened(
            Settings(_env_file=None, amqp_url="amqp://u:pass-word@127.0.0.1:1/,amqp://u:pass-word@127.0.0.1:2/")
        ):
            pass

    assert "127.0.0.1:1" in str(stopped.value)
    assert "127.0.0.1:2" in str(stopped.value)
    assert "pass-word" not in str(stopped.value)
    assert str(stopped.value).endswith(". Start it, or set FAPIAO_AMQP_URL.")
    assert not stopped.value.says_what_to_do
    assert stopped.value.code == 2


async def test_a_broker_that_says_itself_what_is_wrong_is_not_to_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(AbstractAsyncContextManager[Link]):
        @override
        async def __aenter__(self) -> Link:
            raise BrokerLost("it refuses the user: look at FAPIAO_AMQP_URL", says_what_to_do=True)

        @override
        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr("worker.cli.broker.open_link", lambda *_: Refused())
    with pytest.raises(Stop, match=r"look at FAPIAO_AMQP_URL\)\.$") as stopped:
        async with opened(Settings(_env_file=None, amqp_url="amqp://127.0.0.1/")):
            pass

    assert stopped.value.says_what_to_do
