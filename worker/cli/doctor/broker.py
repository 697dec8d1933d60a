"""`doctor` on RabbitMQ: reachable, recent, and with the queues and permissions the worker needs.

Each question has a channel of its own, for the broker closes the channel over any "no". Trying a right changes nothing:
each attempt is one that the broker, having looked at the right, refuses for another reason or answers by doing nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import uuid4

from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    AMQPChannelError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    PublishError,
)

from worker.amqp.connections import Address, Link
from worker.amqp.topology import DEFAULT_EXCHANGE, Need, Queue, Topology, can_serve, needs, patterns
from worker.cli.broker import answered, counts_of, opened
from worker.cli.doctor.diagnosis import Diagnosis, fail, ok, warn
from worker.cli.terminal import Stop
from worker.errors import WorkerError
from worker.settings import Settings

OLDEST_VERSION: Final = (3, 10)
"""Dead-lettering at least once needs it."""
_SUBJECT: Final = "broker"


async def check_broker(settings: Settings) -> Sequence[Diagnosis]:
    """Everything about the broker."""
    try:
        where = ", ".join(Address(url).label for url in settings.amqp_urls)
        async with opened(settings) as link:
            topology = Topology(settings.prefix)
            queues = [await _queue(link, queue, is_declared=settings.declare) for queue in topology.queues]
            rights = await check_permissions(link, topology, declares=settings.declare)
            beside = [*await _unattended(link, topology), *await _dead(link, topology)]
            return [await _version(link, where), *queues, *rights, *beside]
    except Stop as error:
        asks = "look at FAPIAO_AMQP_URL, and whether RabbitMQ runs"
        advice = "change what it names" if error.says_what_to_do else asks
        return [fail(_SUBJECT, str(error), advice)]
    except WorkerError as error:
        return [fail(_SUBJECT, f"lost while looking: {error}", "look at the broker's log")]


async def _version(link: Link, where: str) -> Diagnosis:
    channel = await link.open_channel(confirms=False)
    told = getattr(channel.connection, "server_properties", {}).get("version", "")
    version = told.decode() if isinstance(told, bytes) else str(told)
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_VERSION:
        return fail(_SUBJECT, f"RabbitMQ {version or '(unknown)'} at {where} is too old", "use 3.10 or later")
    return ok(_SUBJECT, f"RabbitMQ {version} at {where}")


async def _queue(link: Link, queue: Queue, *, is_declared: bool) -> Diagnosis:
    try:
        channel = await link.open_channel(confirms=False)
        there = await answered(channel.queue_declare(queue.name, passive=True))
    except ChannelNotFoundEntity:
        if is_declared:
            return ok("queue", f"{queue.name} is not there yet; `fapiao-worker run` declares it")
        return fail("queue", f"{queue.name} is missing", "declare it (FAPIAO_DECLARE=true, or deploy's definitions)")
    except AMQPChannelError as error:
        return warn(
            "queue", f"{queue.name} cannot be looked at ({type(error).__name__})", "give the user any permission"
        )
    counts = f"{there.message_count} waiting, {there.consumer_count} consumers"
    try:
        await answered(channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments)))
    except ChannelPreconditionFailed as error:
        difference = str(error).partition("inequivalent ")[2] or str(error)
        says = f"{queue.name} was declared with other arguments ({counts}): {difference}"
        fix = "drain and delete it, then restart the worker; or use another FAPIAO_PREFIX"
        return warn("queue", f"{says}; used as it is", fix) if can_serve(str(error)) else fail("queue", says, fix)
    except ChannelAccessRefused:
        return ok("queue", f"{queue.name}: {counts}; arguments not compared (no permission to configure)")
    return await _bindings(link, queue, counts) if is_declared else ok("queue", f"{queue.name}: {counts}")


_AGAIN: Final = "a running worker declares it again within a minute (FAPIAO_DECLARE); if none runs, start one"


async def _bindings(link: Link, queue: Queue, counts: str) -> Diagnosis:
    """AMQP has no question for them; binding again changes nothing where they are."""
    keys = ", ".join(filter(None, queue.routing_keys))
    try:
        channel = await link.open_channel(confirms=False)
        for routing_key in queue.routing_keys:
            await answered(channel.queue_bind(queue.name, queue.exchange, routing_key))
    except ChannelNotFoundEntity:
        return fail("queue", f"{queue.name}: {counts}; exchange {queue.exchange} is missing", _AGAIN)
    except ChannelAccessRefused:
        return ok("queue", f"{queue.name}: {counts}; bindings not compared (no permission to bind)")
    return ok("queue", f"{queue.name}: {counts}" + (f"; bound to {keys}" if keys else ""))


async def _unattended(link: Link, topology: Topology) -> list[Diagnosis]:
    """Commands that lie in the broker, and no worker takes them."""
    found = []
    for name in topology.command_queues:
        waiting, consumers = await counts_of(link, name) or (0, 0)
        if waiting and not consumers:
            fix = "start one, or look at /readyz of those that run"
            found.append(warn("consumers", f"no worker takes from {name}, where {waiting} commands wait", fix))
    return found


async def _dead(link: Link, topology: Topology) -> list[Diagnosis]:
    try:
        channel = await link.open_channel(confirms=False)
        there = await answered(channel.queue_declare(topology.dead_queue, passive=True))
    except AMQPChannelError:
        return []
    if there.message_count:
        says = f"{there.message_count} messages: no commands, or such as the broker dead-lettered (expired, for one)"
        return [warn("dead", says, "fapiao-worker dead list says why, and whose they are")]
    return []


_RIGHTS: Final = "permissions"
_IMPOSSIBLE_TTL: Final[dict[str, Any]] = {"x-message-ttl": -1}
_NO_EXCHANGE: Final[dict[str, Any]] = {"alternate-exchange": 1}
_NO_PRIORITY: Final[dict[str, Any]] = {"x-priority": "none"}

Attempt = Callable[[AbstractChannel], Awaitable[Any]]


async def check_permissions(link: Link, topology: Topology, *, declares: bool) -> list[Diagnosis]:
    """One line where all rights are there, else one for each that is missing."""
    wanted = needs(topology, declares=declares)
    missing = [need for need in sorted(wanted) if await _is_missing(link, need, topology)]
    if not missing:
        return [ok(_RIGHTS, f"all {len(wanted)} that the worker needs, replies among them")]
    words = " ".join(f"'{pattern}'" for pattern in patterns(topology, declares=declares))
    fix = f"rabbitmqctl set_permissions -p VHOST USER {words}"
    return [fail(_RIGHTS, f"the user may not {need.right} {need.kind} {need.name}", fix) for need in missing]


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
