"""What a worker's user needs at the broker, and no more: as data, and as RabbitMQ's three patterns.

RabbitMQ asks for `configure` to declare, for `write` to publish to an exchange and to bind something to a queue, for
`read` to consume and to bind from an exchange; an alternate or dead-letter exchange wants `read` on the one that names
it and `write` on the one named. `amq.default` is how replies reach any queue: what keeps them from reaching the wrong
one is `FAPIAO_REPLY_TO_PATTERN`. Does not ask the broker anything: `doctor` does.
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from worker.amqp.topology import Topology

Right = Literal["configure", "write", "read"]
RIGHTS: tuple[Right, ...] = ("configure", "write", "read")
DEFAULT_EXCHANGE = "amq.default"
NOTHING = "^$"


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
        return NOTHING
    ours = rf"{re.escape(prefix)}\.({'|'.join(own)})"
    return rf"^(amq\.default|{ours})$" if DEFAULT_EXCHANGE in names else f"^{ours}$"
