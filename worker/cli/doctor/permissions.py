"""`doctor` on the rights of the broker's user: each one the worker needs is tried, and the missing one is named.

Guarantees that trying changes nothing: each attempt is one that the broker, having looked at the right, refuses for
another reason or answers by doing nothing. Each has a channel of its own, for a refusal closes it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

from aiormq.abc import AbstractChannel
from aiormq.exceptions import AMQPChannelError, ChannelAccessRefused, DeliveryError, PublishError

from worker.amqp.connections import Link
from worker.amqp.permissions import DEFAULT_EXCHANGE, Need, needs, patterns
from worker.amqp.topology import Topology
from worker.cli.broker import answered
from worker.cli.doctor.findings import Finding, fail, ok

_SUBJECT: Final = "permissions"
_IMPOSSIBLE_TTL: Final[dict[str, Any]] = {"x-message-ttl": -1}
_NO_EXCHANGE: Final[dict[str, Any]] = {"alternate-exchange": 1}
_NO_PRIORITY: Final[dict[str, Any]] = {"x-priority": "none"}

Attempt = Callable[[AbstractChannel], Awaitable[Any]]


async def check_permissions(link: Link, topology: Topology, *, declares: bool) -> list[Finding]:
    """One line where all rights are there, else one for each that is missing."""
    wanted = needs(topology, declares=declares)
    missing = [need for need in sorted(wanted) if await _is_missing(link, need, topology)]
    if not missing:
        return [ok(_SUBJECT, f"all {len(wanted)} that the worker needs, replies among them")]
    words = " ".join(f"'{pattern}'" for pattern in patterns(topology, declares=declares))
    fix = f"rabbitmqctl set_permissions -p VHOST USER {words}"
    return [fail(_SUBJECT, f"the user may not {need.right} {need.kind} {need.name}", fix) for need in missing]


async def _is_missing(link: Link, need: Need, topology: Topology) -> bool:
    channel = await link.open_channel(confirms=need.name == DEFAULT_EXCHANGE)
    try:
        await answered(_attempt(need, topology)(channel))
    except ChannelAccessRefused as refusal:
        # Binding asks for two rights, so the refusal says which one is missing.
        return f"{need.kind} '{need.name}'" in str(refusal)
    except (AMQPChannelError, PublishError, DeliveryError):
        return False
    await answered(channel.close())
    return False


def _attempt(need: Need, topology: Topology) -> Attempt:
    name, nobody = need.name, f"doctor-{uuid4()}"
    if name == DEFAULT_EXCHANGE:
        # To a queue that does not exist, so that nobody gets it.
        return lambda channel: channel.basic_publish(b"", exchange="", routing_key=nobody, mandatory=True)
    attempts: dict[tuple[str, str], Attempt] = {
        ("configure", "queue"): lambda channel: channel.queue_declare(name, durable=True, arguments=_IMPOSSIBLE_TTL),
        ("configure", "exchange"): lambda channel: channel.exchange_declare(name, durable=True, arguments=_NO_EXCHANGE),
        ("write", "queue"): lambda channel: channel.queue_unbind(name, exchange=nobody, routing_key=nobody),
        ("write", "exchange"): lambda channel: channel.exchange_unbind(name, nobody, routing_key=nobody),
        ("read", "exchange"): lambda channel: channel.queue_unbind(topology.dead_queue, name, routing_key=nobody),
        # A consumer with such a priority is never made, so no message is touched.
        ("read", "queue"): lambda channel: channel.basic_consume(name, _ignore, arguments=_NO_PRIORITY),
    }
    return attempts[need.right, need.kind]


async def _ignore(_: object) -> None:
    """No message comes."""
