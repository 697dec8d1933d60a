"""The worker's exchanges, queues and bindings as data, one call that declares them, and the rights that they need.

Guarantees durable objects whose arguments never depend on settings: what an operator may want to change (delivery
limit, lengths, TTLs of the command queues) is left to policies. An object that was declared otherwise is used as it is,
as long as it can serve; so is one that this user may not declare (any more), where it is there. Does not know who
publishes or consumes.

RabbitMQ asks for `configure` to declare, for `write` to publish to an exchange and to bind something to a queue, for
`read` to consume and to bind from an exchange; an alternate or dead-letter exchange wants `read` on the one that names
it and `write` on the one named. `amq.default` is how replies reach any queue: what keeps them from reaching the wrong
one is `FAPIAO_REPLY_TO_PATTERN`. Whether the user has them is not asked here: `doctor` does.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import structlog
from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    AMQPChannelError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from contracts.commands import CommandType
from worker.amqp.connections import Link, ask
from worker.errors import BrokerLost

log = structlog.get_logger()

COPIES_MAX_MESSAGES: Final = 100_000
COPIES_TTL_MILLISECONDS: Final = 7 * 24 * 60 * 60 * 1000
"""Bounds of the queues that perhaps nobody reads: unrouted events, and copies of dead letters."""

DECLARE_SECONDS: Final = 60.0
"""Choosing leaders for new quorum queues takes a busy cluster a while."""

ISSUE: Final = CommandType.ISSUE.value
"""Routing key of the command that `<prefix>.issue` takes."""
QUERIES: Final = tuple(each.value for each in CommandType if each is not CommandType.ISSUE)
"""Routing keys of the commands that `<prefix>.query` takes."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["direct", "topic", "fanout"]
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue and what it is bound to."""

    name: str
    exchange: str
    routing_keys: tuple[str, ...]
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Topology:
    """Every name that begins with the prefix."""

    prefix: str

    @property
    def commands_exchange(self) -> str:
        return f"{self.prefix}.commands"

    @property
    def issue_queue(self) -> str:
        return f"{self.prefix}.issue"

    @property
    def query_queue(self) -> str:
        return f"{self.prefix}.query"

    @property
    def events_exchange(self) -> str:
        return f"{self.prefix}.events"

    @property
    def unrouted_exchange(self) -> str:
        return f"{self.prefix}.unrouted"

    @property
    def unrouted_queue(self) -> str:
        return f"{self.prefix}.unrouted"

    @property
    def dead_exchange(self) -> str:
        return f"{self.prefix}.dead"

    @property
    def dead_queue(self) -> str:
        return f"{self.prefix}.dead"

    @property
    def returned_queue(self) -> str:
        """Copies of what went to the dead queue. The worker takes from here what the broker itself has dead-lettered,
        and answers it: nobody else has told its sender."""
        return f"{self.prefix}.returned"

    @property
    def own_queues(self) -> frozenset[str]:
        """Queues no `reply_to` may name: an answer there would be taken for a command, or for somebody's evidence."""
        return frozenset(
            {self.issue_queue, self.query_queue, self.unrouted_queue, self.dead_queue, self.returned_queue}
        )

    @property
    def command_queues(self) -> tuple[str, ...]:
        """The queues a worker consumes."""
        return (self.issue_queue, self.query_queue)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """In an order in which each may name the earlier ones."""
        return (
            Exchange(self.dead_exchange, "fanout"),
            Exchange(self.unrouted_exchange, "fanout"),
            Exchange(self.commands_exchange, "direct"),
            Exchange(self.events_exchange, "topic", {"alternate-exchange": self.unrouted_exchange}),
        )

    @property
    def queues(self) -> tuple[Queue, ...]:
        quorum = {"x-queue-type": "quorum"}
        bounded = {"x-max-length": COPIES_MAX_MESSAGES, "x-message-ttl": COPIES_TTL_MILLISECONDS}
        return (
            Queue(self.dead_queue, self.dead_exchange, ("",), quorum),
            Queue(self.unrouted_queue, self.unrouted_exchange, ("",), quorum | bounded),
            Queue(self.returned_queue, self.dead_exchange, ("",), quorum | bounded),
            Queue(self.issue_queue, self.commands_exchange, (ISSUE,), quorum | self._dead_lettering),
            Queue(self.query_queue, self.commands_exchange, QUERIES, quorum | self._dead_lettering),
        )

    @property
    def _dead_lettering(self) -> dict[str, Any]:
        # At least once needs reject-publish; with any other overflow the broker silently falls back to at most once.
        return {
            "x-dead-letter-exchange": self.dead_exchange,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


async def declare_over(link: Link, topology: Topology, *, is_again: bool = False) -> frozenset[str]:
    """Declare everything; harmless for what is there, and silent where it `is_again`. An object that is there with
    other arguments is used as it is, with a warning, unless it could not serve: then the link is of no use. Returns the
    names of those that differ, or may. Raises `BrokerLost`."""
    declaring = _Declaring(link, log.debug if is_again else log.warning)
    try:
        async with asyncio.timeout(DECLARE_SECONDS):
            for exchange in topology.exchanges:
                await declaring.exchange(exchange)
            for queue in topology.queues:
                await declaring.queue(queue, is_needed=queue.name in topology.command_queues)
            return frozenset(declaring.differing)
    finally:
        await declaring.close()


Look = Callable[[AbstractChannel], Awaitable[object]]
"""Asks for an object without making it."""


class _Declaring:
    """A channel to declare on, opened anew when the broker closes it over a difference."""

    def __init__(self, link: Link, say: Callable[..., object]) -> None:
        self._link = link
        self._say = say
        self._channel: AbstractChannel | None = None
        self.differing: set[str] = set()

    async def exchange(self, exchange: Exchange) -> None:
        channel = await self._open()
        arguments = dict(exchange.arguments)
        await self._unless_different(
            channel.exchange_declare(exchange.name, exchange_type=exchange.kind, durable=True, arguments=arguments),
            exchange.name,
            lambda there: there.exchange_declare(exchange.name, passive=True),
            is_needed=True,
        )

    async def queue(self, queue: Queue, *, is_needed: bool) -> None:
        channel = await self._open()
        await self._unless_different(
            channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments)),
            queue.name,
            lambda there: there.queue_declare(queue.name, passive=True),
            is_needed=is_needed,
        )
        try:
            for routing_key in queue.routing_keys:
                channel = await self._open()
                await ask(channel.queue_bind(queue.name, queue.exchange, routing_key))
        except BrokerLost as error:
            if not isinstance(error.__cause__, ChannelAccessRefused):
                raise
            self._note_forbidden(queue.name, error.__cause__)

    async def close(self) -> None:
        if self._channel is not None:
            with contextlib.suppress(BrokerLost):
                await ask(self._channel.close())

    async def _open(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed:
            self._channel = await self._link.open_channel(confirms=False)
        return self._channel

    async def _unless_different(self, declared: Awaitable[object], name: str, look: Look, *, is_needed: bool) -> None:
        try:
            await ask(declared, DECLARE_SECONDS)
        except BrokerLost as error:
            refusal = error.__cause__
            if isinstance(refusal, ChannelAccessRefused):
                await self._see(look, error)
                self._note_forbidden(name, refusal)
                return
            if not isinstance(refusal, ChannelPreconditionFailed) or (is_needed and not can_serve(str(refusal))):
                raise
            self._channel = None
            self.differing.add(name)
            self._say("topology_differs", object=name, reason=str(refusal), advice="it is used as it is; see doctor")

    async def _see(self, look: Look, refusal: BrokerLost) -> None:
        """Whether it is there: to look takes no right. Raises the refusal where it is not."""
        self._channel = None
        try:
            await ask(look(await self._open()))
        except BrokerLost as error:
            raise refusal from error

    def _note_forbidden(self, name: str, refusal: Exception) -> None:
        self._channel = None
        self.differing.add(name)
        self._say("topology_forbidden", object=name, reason=str(refusal), advice="it is used as it is; see doctor")


def can_serve(refusal: str) -> bool:
    """Whether an object that is there with another argument, as the broker's refusal names it, does the worker's work
    all the same. One that forgets its messages, or routes them elsewhere, does not; nor does a stream, which shows a
    consumer nothing of what came before it."""
    return not any(f"inequivalent arg '{vital}'" in refusal for vital in _VITAL) and _A_STREAM not in refusal


_VITAL: Final = ("type", "durable", "auto_delete", "internal")
_A_STREAM: Final = "but current is 'stream'"


async def queues_to_consume(link: Link, topology: Topology) -> tuple[str, ...]:
    """The queues of commands, and the one of returned commands where it is there for us. Raises `BrokerLost`."""
    channel = await link.open_channel(confirms=False)
    try:
        # A consumer with such a priority is never made: the broker looks at the queue and at our right to it first.
        await ask(channel.basic_consume(topology.returned_queue, _ignore, arguments={"x-priority": "none"}))
    except BrokerLost as error:
        if not isinstance(error.__cause__, AMQPChannelError):
            raise
        if isinstance(error.__cause__, ChannelNotFoundEntity | ChannelAccessRefused):
            log.warning(
                "returned_commands_unseen",
                queue=topology.returned_queue,
                reason=str(error.__cause__),
                advice="declare the queue, or allow to read it: what expires in the broker is told to nobody else",
            )
            return topology.command_queues
    return (*topology.command_queues, topology.returned_queue)


async def _ignore(_: object) -> None:
    """No message comes."""


# ---- what a worker's user needs, and no more ------------------------------------------------------------


Right = Literal["configure", "write", "read"]
RIGHTS: tuple[Right, ...] = ("configure", "write", "read")
DEFAULT_EXCHANGE = "amq.default"
_NOTHING = "^$"
"""The pattern of no object at all."""


class Need(NamedTuple):
    """One right on one object."""

    right: Right
    kind: Literal["exchange", "queue"]
    name: str


def needs(topology: Topology, *, declares: bool) -> frozenset[Need]:
    """Every right that `run` uses; fewer where the objects were declared for it (`FAPIAO_DECLARE=false`)."""
    found = {
        Need("write", "exchange", DEFAULT_EXCHANGE),
        Need("write", "exchange", topology.events_exchange),
        Need("write", "exchange", topology.dead_exchange),
        *(Need("read", "queue", queue) for queue in (*topology.command_queues, topology.returned_queue)),
    }
    return frozenset(found | _to_declare(topology)) if declares else frozenset(found)


def _to_declare(topology: Topology) -> set[Need]:
    found = set()
    for exchange in topology.exchanges:
        found.add(Need("configure", "exchange", exchange.name))
        if "alternate-exchange" in exchange.arguments:
            found.add(Need("read", "exchange", exchange.name))
            found.add(Need("write", "exchange", exchange.arguments["alternate-exchange"]))
    for queue in topology.queues:
        found |= {
            Need("configure", "queue", queue.name),
            Need("write", "queue", queue.name),
            Need("read", "exchange", queue.exchange),
        }
        if "x-dead-letter-exchange" in queue.arguments:
            found.add(Need("read", "queue", queue.name))
            found.add(Need("write", "exchange", queue.arguments["x-dead-letter-exchange"]))
    return found


def patterns(topology: Topology, *, declares: bool) -> tuple[str, str, str]:
    """`configure`, `write` and `read` for `rabbitmqctl set_permissions`, in this order."""
    wanted = needs(topology, declares=declares)
    configure, write, read = (
        _pattern(topology.prefix, {need.name for need in wanted if need.right == right}) for right in RIGHTS
    )
    return configure, write, read


def _pattern(prefix: str, names: Iterable[str]) -> str:
    own = sorted(name.removeprefix(f"{prefix}.") for name in names if name != DEFAULT_EXCHANGE)
    if not own:
        return _NOTHING
    ours = rf"{re.escape(prefix)}\.({'|'.join(own)})"
    return rf"^(amq\.default|{ours})$" if DEFAULT_EXCHANGE in names else f"^{ours}$"
