"""The RabbitMQ of the tests: named, installed, or in a container, in the order in which `fapiao-worker dev` looks.

Guarantees: one that was started here ends with the tests. One that runs already is used only if it is named: tests
empty what they touch.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from worker.servers import CannotProvisionError, containers, rabbitmq

_NONE: Final = (
    "No RabbitMQ for the fapiao_… fixtures: install rabbitmq-server (Debian, Ubuntu: `apt install rabbitmq-server`; "
    "macOS: `brew install rabbitmq`), start Docker, or name one with --fapiao-broker."
)


@dataclass(frozen=True, slots=True)
class KitBroker:
    """Where it is."""

    url: str
    """As every language's client takes it."""
    is_ours: bool
    """Started for these tests: nobody else is on it."""


@contextmanager
def obtained(named: str | None) -> Iterator[KitBroker]:
    """A running broker. Raises CannotProvisionError where none can be had."""
    url = named or os.environ.get("FAPIAO_AMQP_URL")
    scripts = rabbitmq.installed()
    if url:
        yield KitBroker(url, is_ours=False)
        return
    server: rabbitmq.PrivateRabbit | containers.ContainerRabbit
    if scripts is not None:
        server = rabbitmq.PrivateRabbit(scripts)
    elif containers.engine_answers():
        server = containers.ContainerRabbit()
    else:
        raise CannotProvisionError(_NONE)
    try:
        server.start()
        yield KitBroker(server.url().removesuffix("/") + "/%2f", is_ours=True)
    finally:
        server.close()
