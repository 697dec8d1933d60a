"""Which server to use on this machine: a decision on facts, apart from the means.

Guarantees the order: the address that the user gave, an installed server started privately, a container, Debian's
package, and otherwise one sentence that says what to do.
"""

import dataclasses
import enum
import os
from collections.abc import Mapping
from typing import Protocol

from deploy.provisioning import CannotProvisionError, packages, postgres
from deploy.provisioning.packages import Say
from worker.servers import containers, rabbitmq


class Way(enum.Enum):
    """How a server is come by."""

    GIVEN = "the address given"
    INSTALLED = "the installed server, started privately"
    CONTAINER = "a container"
    PACKAGE = "Debian's package"


@dataclasses.dataclass(frozen=True)
class Machine:
    """What this machine offers for one kind of server."""

    given: bool
    installed: bool
    engine: bool
    package: bool


class Server(Protocol):
    """What every server offers, however it was come by."""

    def url(self) -> str:
        """Return its address."""
        ...

    def close(self) -> None:
        """Remove it, where it is ours."""
        ...


@dataclasses.dataclass(frozen=True)
class GivenServer:
    """A server of the user's own: never started, stopped or removed here."""

    address: str

    def url(self) -> str:
        """Return its address."""
        return self.address

    def close(self) -> None:
        """Leave it as it is."""


def choose(machine: Machine, name: str, variable: str) -> Way:
    """Return the way to the server. Raises CannotProvisionError with the sentence that says what to do."""
    for way, open_ in (
        (Way.GIVEN, machine.given),
        (Way.INSTALLED, machine.installed),
        (Way.CONTAINER, machine.engine),
        (Way.PACKAGE, machine.package),
    ):
        if open_:
            return way
    raise CannotProvisionError(
        f"No {name} here: set {variable} to one that runs, or install {name} or Docker, or run this as root on Debian."
    )


def _survey(given: str | None, installed: bool) -> Machine:
    if given or installed:  # asking a Docker engine takes a moment; only who needs one pays
        return Machine(bool(given), installed, engine=False, package=False)
    return Machine(given=False, installed=False, engine=containers.engine_answers(), package=packages.can_install())


def obtain_rabbitmq(say: Say, environment: Mapping[str, str] = os.environ) -> Server:
    """Return a running RabbitMQ. Raises CannotProvisionError."""
    variable = "FAPIAO_AMQP_URL"
    given = environment.get(variable)
    way = choose(_survey(given, rabbitmq.installed() is not None), "RabbitMQ", variable)
    say(f"RabbitMQ: {way.value}.")
    if given:
        return GivenServer(given)
    if way is Way.CONTAINER:
        return containers.ContainerRabbit().start()
    return obtain_private_rabbit(say)


def obtain_private_rabbit(say: Say) -> rabbitmq.PrivateRabbit:
    """Return a private broker from the installed package, which is installed first if need be and possible."""
    if rabbitmq.installed() is None:
        _install(["rabbitmq-server"], "rabbitmq-server", "RabbitMQ", say)
    scripts = rabbitmq.installed()
    if scripts is None:
        raise CannotProvisionError("RabbitMQ was installed, but its start script is not where Debian puts it.")
    return rabbitmq.PrivateRabbit(scripts).start()


def obtain_private_postgres(say: Say, *, durable: bool = True) -> postgres.PrivatePostgres:
    """Return a private PostgreSQL from the installed package, which is installed first if need be and possible."""
    if postgres.installed() is None:
        _install(["postgresql"], "postgresql", "PostgreSQL", say)
    programs = postgres.installed()
    if programs is None:
        raise CannotProvisionError("PostgreSQL was installed, but its programs are not where Debian puts them.")
    return postgres.PrivatePostgres(programs, durable=durable).start()


def _install(names: list[str], service: str, name: str, say: Say) -> None:
    variable = "FAPIAO_AMQP_URL" if name == "RabbitMQ" else "TEST_DATABASE_URL"
    choose(Machine(given=False, installed=False, engine=False, package=packages.can_install()), name, variable)
    packages.install(names, service, say)
