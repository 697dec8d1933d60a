"""The real servers that tests run against, behind one interface however they are come by.

Order: the address in the environment; a container where a Docker engine answers (testcontainers); the installed server,
started privately; Debian's package. A server that cannot be had is an error with the sentence that says what to do.
`tests/run` starts the shared ones once and passes their addresses to every test process by the environment.
"""

import json
import os
from collections.abc import Mapping
from typing import Protocol

from deploy.provisioning import choice
from deploy.provisioning.packages import Say
from worker.servers import containers
from worker.servers.rabbitmq import BrokerControl

AMQP_URL, AMQP_CONTROL, DATABASE_URL = "TEST_AMQP_URL", "TEST_AMQP_CONTROL", "TEST_DATABASE_URL"


class Control(Protocol):
    """`rabbitmqctl` on a node, also for a process that did not start it."""

    def ctl(self, *arguments: str, seconds: float = 240.0) -> str: ...
    def to_json(self) -> str: ...


class Broker(Protocol):
    """A RabbitMQ node that belongs to the test: it may be stopped, killed and started again on the same data."""

    @property
    def control(self) -> Control: ...
    def start(self) -> object: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def url(self, vhost: str = "/") -> str: ...
    def ctl(self, *arguments: str, seconds: float = 240.0) -> str: ...
    def add_vhost(self, vhost: str) -> str: ...
    def close(self) -> None: ...


class Database(Protocol):
    """A PostgreSQL server that belongs to the test."""

    def start(self) -> object: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def url(self, database: str = "postgres") -> str: ...
    def close(self) -> None: ...


def start_rabbit(say: Say) -> Broker:
    """Start a broker that the caller may break and must close. Raises CannotProvisionError."""
    if containers.engine_answers():
        from tests import engine

        say("RabbitMQ: a container (testcontainers).")
        return engine.ContainerBroker().start()
    return choice.obtain_private_rabbit(say)


def start_postgres(say: Say) -> Database:
    """Start a PostgreSQL, fsync on, that the caller may break and must close. Raises CannotProvisionError."""
    if containers.engine_answers():
        from tests import engine

        say("PostgreSQL: a container (testcontainers).")
        return engine.ContainerDatabase().start()
    return choice.obtain_private_postgres(say)


def shared_rabbit(say: Say, environment: Mapping[str, str] = os.environ) -> tuple[choice.Server, dict[str, str]]:
    """Return the broker that all tests share, and the environment by which other processes find it."""
    given = environment.get(AMQP_URL) or environment.get("FAPIAO_AMQP_URL")
    if given:
        control = {AMQP_CONTROL: environment[AMQP_CONTROL]} if AMQP_CONTROL in environment else {}
        return choice.GivenServer(given), {AMQP_URL: given} | control
    broker = start_rabbit(say)
    return broker, {AMQP_URL: broker.url(), AMQP_CONTROL: broker.control.to_json()}


def read_control(text: str) -> Control:
    """Read what `to_json` of either control wrote."""
    if "container" not in json.loads(text):
        return BrokerControl.from_json(text)
    from tests import engine

    return engine.ContainerControl(**json.loads(text))


def shared_postgres(say: Say, environment: Mapping[str, str] = os.environ) -> tuple[choice.Server, dict[str, str]]:
    """Return the database server that all tests share, and the environment by which other processes find it."""
    given = environment.get(DATABASE_URL)
    if given:
        return choice.GivenServer(given), {DATABASE_URL: given}
    database = start_postgres(say)
    return database, {DATABASE_URL: database.url()}
