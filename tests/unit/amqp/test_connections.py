"""The supervisor: whatever happens, another link follows, and nobody waits for ever."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator

import pytest
from aiormq.exceptions import (
    AMQPConnectionError,
    ChannelInvalidStateError,
    ChannelPreconditionFailed,
    InvalidFrameError,
)
from structlog.testing import capture_logs

from tests.virtual_time import in_virtual_time
from worker.amqp.connections import (
    BACKOFF_MAX_SECONDS,
    Address,
    Link,
    SupervisedConnection,
    ask,
    backoff_seconds,
    classify,
)
from worker.errors import BrokerLost, ConfigurationError

URLS = ["amqp://a/", "amqp://b/"]


class FakeTransport:
    """What a link needs of a connection."""

    def __init__(self) -> None:
        self.closing: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.unblocked = asyncio.Event()
        self.unblocked.set()

    async def ready(self) -> None:
        await self.unblocked.wait()


class FakeBroker:
    """Hosts that can be down, and a log of attempts."""

    def __init__(self) -> None:
        self.attempts: list[tuple[float, str]] = []
        self.down: set[str] = set()
        self.links: list[Link] = []
        self.transports: list[FakeTransport] = []
        self.open = 0

    @contextlib.asynccontextmanager
    async def connect(self, address: Address, name: str, heartbeat: int, epoch: int) -> AsyncIterator[Link]:
        self.attempts.append((asyncio.get_running_loop().time(), address.url))
        if address.url in self.down:
            raise BrokerLost("refused")
        self.transports.append(FakeTransport())
        self.links.append(Link(epoch, self.transports[-1]))  # type: ignore[arg-type]
        self.open += 1
        try:
            yield self.links[-1]
        finally:
            self.open -= 1
            self.links[-1].forget()


@contextlib.asynccontextmanager
async def supervised(broker: FakeBroker, **options: object) -> AsyncIterator[SupervisedConnection]:
    async def serve(link: Link) -> None:
        await link.lost()

    arguments = {"serve": serve, "urls": lambda: URLS, "roll": lambda: 1.0} | options
    connection = SupervisedConnection(name="test", connect=broker.connect, **arguments)  # type: ignore[arg-type]
    task = asyncio.create_task(connection.run())
    await asyncio.sleep(0.01)
    try:
        yield connection
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert broker.open == 0


@in_virtual_time
async def test_an_hour_without_a_broker_is_a_line_for_each_address() -> None:
    broker = FakeBroker()
    with capture_logs() as lines:
        async with supervised(broker):
            broker.down = set(URLS)
            broker.transports[-1].closing.set_exception(AMQPConnectionError("gone"))
            await asyncio.sleep(3600)
            broker.down.clear()
            await asyncio.sleep(60)
    told = [(line["event"], line["address"], line.get("reason"), line.get("failures", 0) > 100) for line in lines]
    assert told == [
        ("broker_connected", "amqp://a/", None, False),
        ("broker_lost", "amqp://a/", "the connection ended: AMQPConnectionError: gone", False),
        ("broker_lost", "amqp://b/", "refused", False),
        ("broker_lost", "amqp://a/", "refused", False),
        ("broker_connected", "amqp://a/", None, True),
    ]


@in_virtual_time
async def test_each_link_has_a_higher_epoch() -> None:
    """So a delivery of an earlier one can never be acknowledged on a later one."""
    broker = FakeBroker()
    async with supervised(broker) as connection:
        for _ in range(5):
            broker.transports[-1].closing.set_exception(AMQPConnectionError("gone"))
            await asyncio.sleep(60)
    assert [link.epoch for link in broker.links] == [1, 2, 3, 4, 5, 6]
    assert connection.epoch == 6


@in_virtual_time
async def test_hosts_are_tried_in_turn_and_the_pause_grows() -> None:
    """All hosts at once, then a pause that doubles up to its limit."""
    broker = FakeBroker()
    broker.down = set(URLS)
    async with supervised(broker):
        await asyncio.sleep(200)
    times = [when for when, _ in broker.attempts]
    assert [url for _, url in broker.attempts[:4]] == ["amqp://a/", "amqp://b/", "amqp://a/", "amqp://b/"]
    rounds = times[::2]
    pauses = [round(later - earlier, 3) for earlier, later in itertools.pairwise(rounds)]
    assert pauses[:8] == [0.5, 1, 2, 4, 8, 10, 10, 10]


@in_virtual_time
async def test_a_link_that_held_begins_the_back_off_anew() -> None:
    """An outage after a good week is not the tenth failure in a row."""
    broker = FakeBroker()
    async with supervised(broker, urls=lambda: ["amqp://a/"]):
        for _ in range(6):
            broker.links[-1].fail("gone")
            await asyncio.sleep(100)
            broker.links[-1].fail("gone after a long time")
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(10)
            assert broker.attempts[-1][0] - before == pytest.approx(0.5)
            await asyncio.sleep(100)


@in_virtual_time
async def test_a_foreign_cancellation_of_the_user_is_a_loss() -> None:
    """The client library cancels what waits on a half-open link; a TaskGroup would call that a normal end."""
    broker = FakeBroker()

    async def cancelled_by_the_library(_: Link) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, future.cancel)
        await future

    async with supervised(broker, serve=cancelled_by_the_library):
        await asyncio.sleep(20)
    assert len(broker.links) > 3


@in_virtual_time
async def test_a_fault_of_the_user_is_survived() -> None:
    """Whatever `serve` raises, the connection is built anew."""
    broker = FakeBroker()

    async def faulty(_: Link) -> None:
        raise KeyError("a bug")

    async with supervised(broker, serve=faulty):
        await asyncio.sleep(20)
    assert len(broker.links) > 3


@in_virtual_time
async def test_a_drop_on_purpose_builds_another_link() -> None:
    """For deliveries that must go back before the broker takes them back."""
    broker = FakeBroker()
    async with supervised(broker) as connection:
        assert connection.is_connected
        connection.drop("enough")
        await asyncio.sleep(5)
        assert connection.epoch == 2


@in_virtual_time
async def test_a_link_says_whether_the_broker_takes_publishes() -> None:
    """`connection.blocked`, asked without waiting."""
    broker = FakeBroker()
    async with supervised(broker):
        assert not await broker.links[-1].is_blocked()
        broker.transports[-1].unblocked.clear()
        assert await broker.links[-1].is_blocked()


@in_virtual_time
async def test_no_question_to_the_broker_is_unbounded() -> None:
    """Silence is a loss."""
    with pytest.raises(BrokerLost, match="did not answer"):
        await ask(asyncio.get_running_loop().create_future(), 5)


@in_virtual_time
async def test_a_link_without_heartbeats_is_told_in_words() -> None:
    """The library says no more of it than that it cancelled its reader."""
    transport = FakeTransport()
    link = Link(1, transport)  # type: ignore[arg-type]
    transport.closing.set_exception(asyncio.CancelledError())
    with pytest.raises(BrokerLost, match="no sign of life"):
        await link.lost()


@in_virtual_time
async def test_our_own_cancellation_is_not_taken_for_a_loss() -> None:
    """A shutdown must go through."""
    task = asyncio.create_task(_ask_for_ever())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("error", [None, ChannelInvalidStateError("closed")])
@in_virtual_time
async def test_our_own_cancellation_is_heeded_where_the_library_lets_it_fall(error: Exception | None) -> None:
    """One look in a thousand met the answer; the task that looks went on for ever, and nothing could end it."""

    async def let_it_fall() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if error is not None:
                raise error from None

    task = asyncio.create_task(ask(let_it_fall()))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_what_runs_out_of_time_is_no_cancellation() -> None:
    """Nor is what a task asks on its way down, after it was cancelled."""

    async def ask_late() -> str:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            with pytest.raises(BrokerLost):
                await ask(asyncio.get_running_loop().create_future(), 5)
            return await ask(asyncio.sleep(1, "answer"), 5)
        return "nobody cancelled it"

    task = asyncio.create_task(ask_late())
    await asyncio.sleep(1)
    task.cancel()
    assert await task == "answer"


@in_virtual_time
async def test_a_foreign_cancellation_of_a_question_is_a_loss() -> None:
    """Trap 2: with `cancelling()` at 0 it is the library's doing."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1, future.cancel)
    with pytest.raises(BrokerLost):
        await ask(future, 5)


async def _ask_for_ever() -> None:
    await ask(asyncio.get_running_loop().create_future(), 1000)


@pytest.mark.parametrize(
    "error",
    [
        AMQPConnectionError("x"),
        ChannelPreconditionFailed("x"),
        ChannelInvalidStateError("x"),
        ConnectionResetError("x"),
        TimeoutError(),
        asyncio.CancelledError(),
        RuntimeError("connection closed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_failure_of_the_library_is_a_lost_broker(error: BaseException) -> None:
    """One consequence: build anew."""
    lost = classify(error)

    assert isinstance(lost, BrokerLost)
    assert not lost.says_what_to_do


def test_a_limit_of_connections_is_told_as_one_thing_that_it_may_be() -> None:
    """The library keeps nothing of NOT_ALLOWED but that another frame came than it waited for."""
    lost = classify(InvalidFrameError("Connection.Close in place of Connection.OpenOk"))
    assert lost is not None
    assert "vhost" in str(lost)
    assert "limits of connections" in str(lost)
    assert lost.says_what_to_do


def test_a_bug_is_not_called_a_lost_broker() -> None:
    """It must be seen as what it is."""
    assert classify(KeyError("x")) is None


def test_the_back_off_is_spread_over_its_whole_range() -> None:
    """Full jitter: a thousand workers do not come back in step."""
    rolls = random.Random(1)
    pauses = [backoff_seconds(failures, rolls.random()) for failures in range(1, 400)]
    assert all(0 <= pause <= BACKOFF_MAX_SECONDS for pause in pauses)
    assert min(pauses[20:]) < 1
    assert max(pauses[20:]) > BACKOFF_MAX_SECONDS - 1


def test_an_address_never_shows_its_password() -> None:
    """Not in its label and not in its representation."""
    address = Address("amqps://user:secret@host:5671/vhost?heartbeat=5")

    assert address.label == "amqps://host:5671/vhost"
    assert "secret" not in f"{address!r} {address.label}"


@pytest.mark.parametrize("url", ["http://host/", "amqp:///", "amqps://host/?no_verify_ssl=1"])
def test_an_address_that_cannot_be_used_is_refused_at_start(url: str) -> None:
    """With a sentence that names the setting, and not the address."""
    with pytest.raises(ConfigurationError, match="FAPIAO_AMQP_URL"):
        Address(url)
