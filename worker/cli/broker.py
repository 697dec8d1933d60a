"""The command line as a client of the broker: publish a command, listen for its events, look into the dead queue.

Guarantees: a publish that returns was confirmed and routed; every wait is bounded; errors name what to do and never
show a password. Opens its own connection, declares nothing but a private reply queue.
"""

import asyncio
import contextlib
import difflib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPChannelError, ChannelAccessRefused, ChannelNotFoundEntity, DeliveryError

from contracts.kinds import CommandType
from worker.amqp.confirms import Confirming, Verdict
from worker.amqp.connections import ANSWER_SECONDS, Address, Link, ask, open_link
from worker.amqp.tables import changed
from worker.amqp.topology import Topology
from worker.amqp.wire import Outgoing, Properties, properties_of
from worker.cli.outgoing import OutgoingCommand
from worker.cli.terminal import USAGE, Stop
from worker.clock import SystemClock
from worker.errors import BrokerLost
from worker.intake.reading import Incoming, Reading, read
from worker.intake.routes import ReplyPattern
from worker.outbox.publisher import open_confirming
from worker.settings import Settings
from worker.tls import broker_tls

T = TypeVar("T")

_PERSISTENT: Final = 2
_LARGEST_READ_BYTES: Final = 16 * 1024 * 1024
_LEFT_MILLISECONDS: Final = 60 * 60 * 1000
_NAME_LETTERS: Final = 10
"""Of a dead letter's name (count): two of ten thousand have one name by chance once in twenty thousand times."""
_OUR_HEADERS: Final = ("x-fapiao-", "x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-")
"""Headers that dead-lettering added; a message that is sent again goes without them."""
_ROUTING_HEADERS: Final = frozenset({"CC", "BCC"})
"""Headers by which the broker would send copies elsewhere."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of the dead queue, without its body: that may hold a password."""

    tag: int
    letter: str
    """What it is called, as long as it lies there. Made of what is told here and of its times, not of its body, so
    messages that are alike in all that have one name."""
    code: str
    reason: str
    type: str
    id: str
    source: str
    routing_key: str
    size_bytes: int


class Broker:
    """One open connection."""

    def __init__(
        self,
        link: Link,
        channel: AbstractChannel,
        settings: Settings,
        open_confirming: Callable[[Link], Awaitable[Confirming]] = open_confirming,
    ) -> None:
        self._link = link
        self._open_confirming = open_confirming
        self._confirming: Confirming | None = None
        self._channel = channel
        self._topology = Topology(settings.prefix)
        self.user_id = _user_id(settings)
        """The publisher's name, where `FAPIAO_REPLY_TO_PATTERN` asks for one."""

    async def listen(self, *, outlives: bool = False) -> tuple[str, "asyncio.Queue[bytes | None]"]:
        """Declare a private reply queue and consume it: its name, and bodies as they come; None once the broker is
        lost. The queue ends with the connection, or an hour later: an event that nobody waits for any more then has
        somewhere to go, and is no undeliverable reply to look after."""
        name = f"send-{uuid4()}"
        bodies: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def keep(message: DeliveredMessage) -> None:
            bodies.put_nowait(bytes(message.body))
            await self._channel.basic_ack(message.delivery_tag or 0)

        kind = {"durable": True, "arguments": {"x-expires": _LEFT_MILLISECONDS}}
        declaring = self._channel.queue_declare(name, **kind if outlives else {"exclusive": True, "auto_delete": True})
        await granted(declaring, "declare queues named send-…")
        await granted(self._channel.basic_consume(name, keep), "read queues named send-…")
        self._channel.closing.add_done_callback(lambda _: bodies.put_nowait(None))
        return name, bodies

    async def overhear(self) -> "asyncio.Queue[bytes | None]":
        """Every event of every command from now on, as it is published; None once the broker is lost."""
        name, bodies = await self.listen()
        await ask(self._channel.queue_bind(name, self._topology.events_exchange, routing_key="#"))
        return bodies

    async def publish(self, command: OutgoingCommand, reply_to: str | None) -> None:
        """Publish a command: persistent, mandatory, confirmed. Raises `Stop` where nobody takes it."""
        properties = Properties(
            content_type=command.content_type,
            delivery_mode=_PERSISTENT,
            message_id=command.id,
            type=command.type,
            app_id=command.source if command.is_bare else None,
            reply_to=reply_to,
            correlation_id=command.id,
            user_id=self.user_id,
        )
        await self._send(Outgoing(self._topology.commands_exchange, command.type, command.body, properties))

    async def unattended_queue(self, command_type: str) -> str | None:
        """The queue of these commands, if nobody consumes it."""
        topology = self._topology
        name = topology.issue_queue if command_type == CommandType.ISSUE else topology.query_queue
        counts = await counts_of(self._link, name)
        return name if counts is not None and not counts[1] else None

    async def dead_count(self) -> int:
        """How many messages the dead queue holds. Raises `Stop` if there is none."""
        try:
            looking = self._channel.queue_declare(self._topology.dead_queue, passive=True)
            declared = await granted(looking, f"look at queue {self._topology.dead_queue}")
        except ChannelNotFoundEntity:
            raise Stop(
                f"The broker has no queue {self._topology.dead_queue}: no worker has declared it yet, or FAPIAO_PREFIX "
                "differs from the worker's."
            ) from None
        return declared.message_count or 0

    async def dead_letters(self, limit: int) -> AsyncIterator[tuple[DeadLetter, DeliveredMessage]]:
        """The oldest dead letters, unacknowledged: they go back when the connection is closed."""
        for _ in range(min(limit, await self.dead_count())):
            getting = self._channel.basic_get(self._topology.dead_queue)
            message = await granted(getting, f"read queue {self._topology.dead_queue}")
            if not message.delivery_tag:
                return
            yield _dead_letter(message), message

    async def send_again(self, letter: DeadLetter, message: DeliveredMessage) -> None:
        """Publish a dead letter to the commands exchange as it was, then take it off the dead queue. In this order,
        or a crash in between would lose it. Raises `Stop` where it is not taken; then it stays."""
        given = properties_of(message.header.properties)
        properties = given._replace(
            headers=changed(given.headers, _of_the_sender, {}) or None,
            delivery_mode=_PERSISTENT,
            user_id=None,  # the broker closes the channel of whoever sends another's
            expiration=None,
        )
        outgoing = Outgoing(self._topology.commands_exchange, letter.routing_key, bytes(message.body), properties)
        await self._send(outgoing)
        await ask(self._channel.basic_ack(letter.tag))

    async def _send(self, outgoing: Outgoing) -> None:
        if self._confirming is None or not self._confirming.is_open:
            self._confirming = await self._open_confirming(self._link)
        batch = await self._confirming.send([outgoing])
        if not await batch.wait(ANSWER_SECONDS):
            raise BrokerLost("the broker did not confirm in time")
        verdict, ended_by, exchange = batch.verdicts[0], batch.ended_by, outgoing.exchange
        if verdict is Verdict.RETURNED or isinstance(ended_by, ChannelNotFoundEntity):
            raise Stop(
                f"Nothing takes {outgoing.routing_key!r} at exchange {exchange}: no worker has declared its queues "
                "there, or there is no such command. Start one with `fapiao-worker run`; look at FAPIAO_AMQP_URL and "
                f"FAPIAO_PREFIX.{_meant(outgoing.routing_key)}",
                USAGE,
            )
        if isinstance(ended_by, ChannelAccessRefused):
            raise Stop(f"The broker's user may not write to exchange {exchange}.", USAGE)
        if verdict is Verdict.REFUSED:
            raise Stop(f"The broker refused the message: the queue behind {exchange} is full. Send it later.")
        if verdict is Verdict.UNSENDABLE or isinstance(ended_by, AMQPChannelError):
            raise Stop("The broker does not take it as it is.")
        if verdict is not Verdict.CONFIRMED:
            raise BrokerLost("it was lost before the broker confirmed")


async def counts_of(link: Link, queue: str) -> tuple[int, int] | None:
    """How many messages lie in a queue, and how many consumers it has. None where it is not there, or may not be looked
    at."""
    with contextlib.suppress(BrokerLost):
        channel = await link.open_channel(confirms=False)
        there = await ask(channel.queue_declare(queue, passive=True))
        await ask(channel.close())
        return there.message_count or 0, there.consumer_count or 0
    return None


def _meant(command_type: str) -> str:
    """Which command a mistyped one may be."""
    known = [str(each) for each in CommandType]
    close = [] if command_type in known else difflib.get_close_matches(command_type, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _of_the_sender(header: str) -> str | None:
    """The header as it is, or None for one that dead-lettering added or that the broker would route by."""
    return None if header.startswith(_OUR_HEADERS) or header in _ROUTING_HEADERS else header


def _user_id(settings: Settings) -> str | None:
    """As the broker knows us: it refuses a message that names anybody else."""
    if not ReplyPattern(settings.reply_to_pattern).names_user:
        return None
    name = urlsplit(settings.amqp_urls[0]).username
    return unquote(name) if name else None


async def answered(awaitable: Awaitable[T]) -> T:
    """Wait for the broker's answer. Raises what it answered, and `BrokerLost` only where it answered nothing."""
    try:
        return await ask(awaitable)
    except BrokerLost as error:
        if isinstance(error.__cause__, DeliveryError | AMQPChannelError):
            raise error.__cause__ from None
        raise


@contextlib.asynccontextmanager
async def broker(settings: Settings) -> AsyncIterator[Broker]:
    """Connect to the first broker of `FAPIAO_AMQP_URL` that answers. Raises `Stop` if none does."""
    async with opened(settings) as link:
        yield Broker(link, await link.open_channel(confirms=False), settings)


async def granted(awaitable: Awaitable[T], right: str) -> T:
    """Wait for the broker's answer. Raises `Stop` that names the right where the user lacks it."""
    try:
        return await answered(awaitable)
    except ChannelAccessRefused:
        raise Stop(f"The broker's user may not {right}: deploy/README.md, Rights, says what it needs.", USAGE) from None


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Link]:
    """A link to the first address of `FAPIAO_AMQP_URL` that answers. Raises `Stop` if none does."""
    tls = broker_tls(settings).context
    failures: list[tuple[str, BrokerLost]] = []
    for address in [Address(url, tls) for url in settings.amqp_urls]:
        opening = open_link(address, "fapiao-worker cli", settings.heartbeat_seconds, 1)
        try:
            link = await opening.__aenter__()
        except BrokerLost as error:
            failures.append((address.label, error))
            continue
        try:
            yield link
        finally:
            await opening.__aexit__(None, None, None)
        return
    reasons = "; ".join(f"{label} ({error})" for label, error in failures)
    advice = "" if failures[-1][1].says_what_to_do else " Start it, or set FAPIAO_AMQP_URL."
    says_what_to_do = any(error.says_what_to_do for _, error in failures)
    raise Stop(f"Cannot reach RabbitMQ at {reasons}.{advice}", USAGE, says_what_to_do=says_what_to_do)


def _dead_letter(message: DeliveredMessage) -> DeadLetter:
    properties = message.header.properties
    headers = properties.headers or {}
    deaths = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    keys = death.get("routing-keys")
    original = str(keys[0]) if isinstance(keys, list) and keys else ""
    routing_key = original or message.routing_key or properties.message_type or ""
    told = _told_by(message, routing_key)
    letter = DeadLetter(
        tag=message.delivery_tag or 0,
        letter="",
        code=str(headers.get("x-fapiao-code") or death.get("reason") or ""),
        reason=str(headers.get("x-fapiao-reason") or _last_words(death)),
        type=str(told.type or properties.message_type or ""),
        id=told.id or properties.message_id or "",
        source=told.source if told.id else properties.app_id or "",
        routing_key=routing_key,
        size_bytes=len(message.body),
    )
    of_it = repr((astuple(letter)[1:], properties.timestamp, death.get("time")))
    return replace(letter, letter=hashlib.sha256(of_it.encode()).hexdigest()[:_NAME_LETTERS])


def _told_by(message: DeliveredMessage, routing_key: str) -> Reading:
    """What the message says of itself, in whichever form: a CloudEvent's id is in its body."""
    given = message.header.properties
    incoming = Incoming(
        body=message.body,
        content_type=given.content_type,
        content_encoding=given.content_encoding,
        message_id=given.message_id,
        type=given.message_type,
        routing_key=routing_key,
        app_id=given.app_id,
        reply_to=None,
        correlation_id=None,
        user_id=None,
        headers=given.headers or {},
        received_at=SystemClock().now(),
    )
    return read(incoming, _LARGEST_READ_BYTES)


def _last_words(death: Mapping[str, Any]) -> str:
    """Why the broker dead-lettered it itself; a worker's reason stands in a header of its own."""
    if not death:
        return ""
    words = {
        "expired": "its expiration was over before a worker took it from",
        "delivery_limit": "it was delivered too often, and no worker lived to take it, from",
        "maxlen": "it was dropped from the full queue",
        "rejected": "it was rejected from",
    }
    return f"{words.get(str(death.get('reason')), 'the broker took it out of')} {death.get('queue')}"
