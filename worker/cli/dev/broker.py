"""The broker of `dev`: the one that FAPIAO_AMQP_URL names, else an installed one started privately, else what answers
at RabbitMQ's usual address, else a container, else a sentence that says what to do.

Guarantees: never consumes what a worker of somebody else's is for. On a broker that was there before, queues with a
consumer are refused, and unless a `dev` of this folder has used them before, queues with commands, and on another
machine any at all: its own worker may just be away.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiormq.exceptions import AMQPChannelError

from worker.addresses import is_loopback
from worker.amqp.connections import Address
from worker.amqp.topology import Topology
from worker.cli.dev.home import Home
from worker.cli.parts import free_port_from
from worker.cli.terminal import USAGE, Stop, said, say
from worker.servers import CannotProvisionError, containers, rabbitmq
from worker.settings import Settings

_PORT: Final = 5672
_NO_BROKER: Final = (
    "No RabbitMQ here: install rabbitmq-server (Debian, Ubuntu: `apt install rabbitmq-server`; macOS: `brew install "
    "rabbitmq`), start Docker, or set FAPIAO_AMQP_URL to one that runs."
)


@dataclass(frozen=True, slots=True)
class DevBroker:
    """A broker to work with."""

    url: str
    how: str
    """How it was come by, in words."""
    is_ours: bool
    """Started here: nobody else's commands can be on it."""

    @property
    def label(self) -> str:
        """The address without user and password."""
        return Address(self.url).label

    @property
    def shown(self) -> str:
        """The address as clients take it; a password other than RabbitMQ's default is left to the reader."""
        return self.url if urlsplit(self.url).password in {None, "guest"} else self.label


@contextmanager
def obtained(settings: Settings, home: Home) -> Iterator[DevBroker]:
    """A running broker, ended afterwards if it was started here. Raises `Stop`."""
    scripts = rabbitmq.installed()
    if "amqp_url" in settings.model_fields_set:
        yield DevBroker(settings.amqp_urls[0], "FAPIAO_AMQP_URL", is_ours=False)
    elif scripts is not None:
        with _installed(scripts, home) as started:
            yield started
    elif rabbitmq.speaks_amqp(_PORT):
        yield DevBroker(_address(_PORT), said("it ran already", "原本就在运行"), is_ours=False)
    elif containers.engine_answers():
        with _container() as started:
            yield started
    else:
        raise Stop(_NO_BROKER, USAGE)


def _installed(scripts: Path, home: Home) -> AbstractContextManager[DevBroker]:
    port = free_port_from(_PORT)
    say(said("Starting RabbitMQ …", "正在启动 RabbitMQ …"))
    server = rabbitmq.PrivateRabbit(scripts, home=home.directory / "rabbitmq", port=port, inherited=home.held)
    return _running(
        server, port, said("started privately, its data in .fapiao/rabbitmq", "私下启动，数据在 .fapiao/rabbitmq")
    )


def _container() -> AbstractContextManager[DevBroker]:
    port = free_port_from(_PORT)
    image = containers.RABBITMQ_IMAGE
    say(
        said(
            f"Starting RabbitMQ in a container ({image}; the first time, it is downloaded) …",
            f"正在用容器启动 RabbitMQ（{image}，首次需要下载）…",
        )
    )
    server = containers.ContainerRabbit(port=port)
    return _running(server, port, said("started in a container; its data end with it", "在容器中启动，数据随之消失"))


@contextmanager
def _running(
    server: rabbitmq.PrivateRabbit | containers.ContainerRabbit, port: int, origin: str
) -> Iterator[DevBroker]:
    try:
        try:
            server.start()
        except CannotProvisionError as error:
            raise Stop(str(error)) from None
        yield DevBroker(_address(port), origin, is_ours=True)
    finally:
        server.close()


def _address(port: int) -> str:
    """In the form that every client takes: `%2f` is the virtual host `/`, which some read from an empty path too, and
    others not."""
    return f"amqp://guest:guest@127.0.0.1:{port}/%2f"


async def refuse_somebody_elses(settings: Settings, broker: DevBroker, home: Home) -> None:
    """Raises `Stop` where commands on this broker's queues may be meant for another worker."""
    if broker.is_ours:
        return
    known = home.last_broker() == (broker.label, settings.prefix)
    is_far = not is_loopback(urlsplit(broker.url).hostname or "")
    for queue, (consumers, messages) in (await _command_queues(settings)).items():
        if consumers or (not known and (messages or is_far)):
            what = f"is consumed by {consumers}" if consumers else f"is there already, with {messages} commands"
            raise Stop(
                f"The queue {queue} {what}. It looks like another worker's, and `dev` would answer its commands from "
                f"the sandbox. Set FAPIAO_PREFIX to a name of your own.",
                USAGE,
            )


async def _command_queues(settings: Settings) -> dict[str, tuple[int, int]]:
    """Consumers and messages of the command queues that exist."""
    from worker.cli.broker import answered, opened

    topology, found = Topology(settings.prefix), {}
    async with opened(settings) as link:
        for queue in (topology.issue_queue, topology.query_queue):
            channel = await link.open_channel(confirms=False)
            try:
                declared = await answered(channel.queue_declare(queue, passive=True))
            except AMQPChannelError:
                continue
            found[queue] = (declared.consumer_count or 0, declared.message_count or 0)
    return found
