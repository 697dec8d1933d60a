"""The worker's exchanges, queues and bindings as data, and one call that declares them.

Guarantees durable objects whose arguments never depend on settings: a redeclaration with other arguments would
close the channel, so what an operator may want to change (delivery limit, lengths, TTLs of the command queues) is
left to policies. Does not know who publishes or consumes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from aiormq.abc import AbstractChannel

from worker.amqp.connections import Link, ask

UNROUTED_MAX_MESSAGES: Final = 100_000
UNROUTED_TTL_MILLISECONDS: Final = 7 * 24 * 60 * 60 * 1000

DECLARE_SECONDS: Final = 60.0
"""Choosing leaders for new quorum queues takes a busy cluster a while."""

ISSUE: Final = "invoice.issue"
"""Routing key of the command that `<prefix>.issue` takes."""
LOOKUPS: Final = (
    "invoice.query",
    "invoice.download",
    "invoice.items",
    "invoice.files",
    "invoice.stored",
    "invoice.check",
)
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
    def own_queues(self) -> frozenset[str]:
        """Queues no `reply_to` may name: an answer there would be taken for a command, or for somebody's evidence."""
        return frozenset({self.issue_queue, self.query_queue, self.unrouted_queue, self.dead_queue})

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
        bounded = {"x-max-length": UNROUTED_MAX_MESSAGES, "x-message-ttl": UNROUTED_TTL_MILLISECONDS}
        return (
            Queue(self.dead_queue, self.dead_exchange, ("",), quorum),
            Queue(self.unrouted_queue, self.unrouted_exchange, ("",), quorum | bounded),
            Queue(self.issue_queue, self.commands_exchange, (ISSUE,), quorum | self._dead_lettering),
            Queue(self.query_queue, self.commands_exchange, LOOKUPS, quorum | self._dead_lettering),
        )

    @property
    def _dead_lettering(self) -> dict[str, Any]:
        # At least once needs reject-publish; with any other overflow the broker silently falls back to at most once.
        return {
            "x-dead-letter-exchange": self.dead_exchange,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


async def declare_over(link: Link, topology: Topology) -> None:
    """Declare everything on a channel of its own; harmless for what is there. The broker refuses an object that is
    there with other arguments: then the link is of no use. Raises `BrokerLost`."""
    channel = await link.open_channel(confirms=False)
    await ask(declare(channel, topology), DECLARE_SECONDS)
    await ask(channel.close())


async def declare(channel: AbstractChannel, topology: Topology) -> None:
    """Declare everything, in an order in which nothing names what is not there yet."""
    for exchange in topology.exchanges:
        await channel.exchange_declare(
            exchange.name, exchange_type=exchange.kind, durable=True, arguments=dict(exchange.arguments)
        )
    for queue in topology.queues:
        await channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
        for routing_key in queue.routing_keys:
            await channel.queue_bind(queue.name, queue.exchange, routing_key)
