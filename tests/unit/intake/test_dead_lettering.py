"""Dead letters: untouched, confirmed before they are acknowledged, and in nobody's way."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from contracts.failures import RejectionCode
from tests.virtual_time import in_virtual_time
from worker.amqp.confirms import Verdict
from worker.amqp.deliveries import Delivery
from worker.amqp.wire import Outgoing, Properties
from worker.intake.admission import DeadLetterReason
from worker.intake.dead_lettering import PATIENT_ROUNDS, DeadLettering, FaultyDelivery, dead_letter_of


class FakeQueue:
    """The consumer's side: which deliveries are current, and what became of them."""

    def __init__(self) -> None:
        self.epoch = 1
        self.acknowledged: list[int] = []
        self.left_to_broker: list[int] = []

    def is_current(self, delivery: Delivery) -> bool:
        return delivery.epoch == self.epoch

    def let_go(self, delivery: Delivery) -> None: ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged += [delivery.tag for delivery in deliveries]

    async def dead_letter(self, delivery: Delivery) -> None:
        self.left_to_broker.append(delivery.tag)


class FakePublisher:
    """Verdicts by body; `confirmed` otherwise."""

    def __init__(self) -> None:
        self.verdicts: dict[bytes, Verdict] = {}
        self.rounds: list[list[Outgoing]] = []

    async def publish_dead(self, messages: Sequence[Outgoing]) -> Sequence[Verdict]:
        self.rounds.append(list(messages))
        return [self.verdicts.get(message.body, Verdict.CONFIRMED) for message in messages]


def dead(tag: int, body: bytes = b"x", message_id: str | None = None, epoch: int = 1) -> FaultyDelivery:
    delivery = Delivery(epoch, tag, False, "invoice.issue", body, Properties(message_id=message_id or f"m{tag}"))
    return FaultyDelivery(delivery, DeadLetterReason(RejectionCode.MALFORMED, "why"))


def dead_lettering(*, broker_may_dead_letter: bool = True) -> tuple[DeadLettering, FakePublisher, FakeQueue]:
    publisher, queue = FakePublisher(), FakeQueue()
    counted: list[str] = []
    part = DeadLettering(
        publisher, queue, "fapiao.dead", broker_may_dead_letter=broker_may_dead_letter, count=counted.append
    )
    return part, publisher, queue


def test_the_copy_is_untouched_but_for_what_the_broker_would_not_take() -> None:
    """User id and expiration move to headers; code and reason are added; everything else stays."""
    given = Properties(
        content_type="text/plain",
        content_encoding="gzip",
        headers={"mine": [1, {"a": True}]},
        delivery_mode=1,
        priority=4,
        correlation_id="c",
        reply_to="r",
        expiration="60000",
        message_id="m",
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        type="t",
        user_id="erp",
        app_id="shop",
    )
    letter = FaultyDelivery(
        Delivery(1, 1, False, "invoice.issue", b"\x00\xff", given),
        DeadLetterReason(RejectionCode.INVALID, "/data is wrong"),
    )

    copy = dead_letter_of(letter, "fapiao.dead")

    assert (copy.exchange, copy.routing_key, copy.body) == ("fapiao.dead", "invoice.issue", b"\x00\xff")
    assert copy.properties.headers == {
        "mine": [1, {"a": True}],
        "x-fapiao-code": "invalid",
        "x-fapiao-reason": "/data is wrong",
        "x-fapiao-user-id": "erp",
        "x-fapiao-expiration": "60000",
    }
    for name in ("content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to"):
        assert getattr(copy.properties, name) == getattr(given, name)
    for name in ("message_id", "timestamp", "type", "app_id"):
        assert getattr(copy.properties, name) == getattr(given, name)
    assert copy.properties.user_id is None
    assert copy.properties.expiration is None


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_headers_by_which_the_broker_routes_are_kept_under_another_name(header: str) -> None:
    """Published as they came, they would send copies wherever their sender likes, with the worker's permissions."""
    given = Properties(headers={header: ["somebody.else"], "cc": "is no routing header"})
    why = DeadLetterReason(RejectionCode.INVALID, "why")
    letter = FaultyDelivery(Delivery(1, 1, False, "invoice.issue", b"x", given), why)

    headers = dead_letter_of(letter, "fapiao.dead").properties.headers or {}

    assert header not in headers
    assert headers[f"x-fapiao-{header.lower()}"] == ["somebody.else"]
    assert headers["cc"] == "is no routing header"


@in_virtual_time
async def test_only_what_is_confirmed_is_acknowledged() -> None:
    """The others stay and are tried again."""
    part, publisher, queue = dead_lettering()
    publisher.verdicts = {b"lost": Verdict.LOST, b"full": Verdict.REFUSED, b"nowhere": Verdict.RETURNED}
    for tag, body in enumerate((b"fine", b"lost", b"full", b"nowhere"), start=1):
        part.add(dead(tag, body))

    assert await part.run_once() == 1
    assert queue.acknowledged == [1]
    assert len(part) == 3
    publisher.verdicts.clear()
    assert await part.run_once() == 3
    assert sorted(queue.acknowledged) == [1, 2, 3, 4]


@in_virtual_time
async def test_of_those_with_the_same_message_id_none_is_acknowledged_where_one_was_returned() -> None:
    """A broker tells a return by the message id, so it may be of any of them (trap E1); messages without an id count as
    the same. One by one they took a round trip each: whoever forgot the ids kept everybody's orders waiting."""
    part, publisher, queue = dead_lettering()
    publisher.verdicts = {b"x2": Verdict.RETURNED}
    for tag, message_id in enumerate(("a", "a", "b", "a"), start=1):
        part.add(dead(tag, b"x%d" % tag, message_id))

    assert await part.run_once() == 1
    assert queue.acknowledged == [3]
    publisher.verdicts.clear()
    assert await part.run_once() == 3
    assert sorted(queue.acknowledged) == [1, 2, 3, 4]
    assert [len(sent) for sent in publisher.rounds] == [4, 3]


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.RETURNED])
@in_virtual_time
async def test_what_the_dead_queue_goes_on_to_decline_is_left_to_the_broker(verdict: Verdict) -> None:
    """Full, or gone. Kept here, as many of them as the prefetch lets in would stop the intake for everybody."""
    part, publisher, queue = dead_lettering()
    publisher.verdicts = {b"x": verdict}
    for tag in (1, 2):
        part.add(dead(tag))

    for _ in range(PATIENT_ROUNDS - 1):
        assert await part.run_once() == 0
    assert await part.run_once() == 2
    assert (queue.left_to_broker, queue.acknowledged) == ([1, 2], [])

    publisher.verdicts.clear()
    part.add(dead(3))
    assert await part.run_once() == 1
    assert queue.acknowledged == [3]
    publisher.verdicts = {b"x": verdict}
    part.add(dead(4))
    assert await part.run_once() == 0, "there was room meanwhile, so it is waited for again"


@in_virtual_time
async def test_what_waits_for_its_confirm_is_here_still() -> None:
    """A dead queue that does not answer fills the prefetch too, and a drain waits for what is on its way."""
    part, publisher, _ = dead_lettering()
    answered = asyncio.Event()

    async def slow(messages: Sequence[Outgoing]) -> Sequence[Verdict]:
        await answered.wait()
        return [Verdict.CONFIRMED] * len(messages)

    publisher.publish_dead = slow  # type: ignore[method-assign]
    for tag in (1, 2):
        part.add(dead(tag))
    sending = asyncio.create_task(part.run_once())
    await asyncio.sleep(1)
    assert len(part) == 2
    answered.set()
    assert (await sending, len(part)) == (2, 0)


@in_virtual_time
async def test_a_broker_that_is_away_for_long_declines_nothing() -> None:
    part, publisher, queue = dead_lettering()
    publisher.verdicts = {b"x": Verdict.LOST}
    part.add(dead(1))

    for _ in range(2 * PATIENT_ROUNDS):
        assert await part.run_once() == 0
    assert queue.left_to_broker == []


@in_virtual_time
async def test_what_cannot_be_sent_is_left_to_the_broker() -> None:
    """Its queue has a dead-letter exchange, so the broker can move it itself."""
    part, publisher, queue = dead_lettering()
    publisher.verdicts = {b"huge": Verdict.UNSENDABLE}
    part.add(dead(1, b"huge"))

    assert await part.run_once() == 1
    assert queue.left_to_broker == [1]
    assert queue.acknowledged == []


@in_virtual_time
async def test_without_a_known_dead_letter_exchange_it_is_kept() -> None:
    """A reject would destroy it. It blocks nobody: the others go."""
    part, publisher, queue = dead_lettering(broker_may_dead_letter=False)
    publisher.verdicts = {b"huge": Verdict.UNSENDABLE, b"full": Verdict.REFUSED}
    part.add(dead(1, b"huge"))
    part.add(dead(2))
    part.add(dead(3, b"full"))

    for _ in range(2 * PATIENT_ROUNDS):
        await part.run_once()
    assert queue.left_to_broker == []
    assert queue.acknowledged == [2]
    assert len(part) == 2


@pytest.mark.parametrize("verdict", [Verdict.CONFIRMED, Verdict.LOST])
def test_those_of_an_earlier_epoch_are_forgotten(verdict: Verdict) -> None:
    """They are delivered again."""

    @in_virtual_time
    async def scenario() -> None:
        part, publisher, queue = dead_lettering()
        publisher.verdicts = {b"x": verdict}
        part.add(dead(1))
        queue.epoch = 2

        assert await part.run_once() == 0
        assert len(part) == 0
        assert queue.acknowledged == []

    scenario()
