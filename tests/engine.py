"""RabbitMQ and PostgreSQL in containers, by testcontainers, for machines with a Docker engine.

Same interface as the private servers. A port stays the same over a restart, so clients may dial it again. The images
are `TEST_RABBITMQ_IMAGE` and `TEST_POSTGRES_IMAGE`. Guarantees that the containers are removed with their data when
this process ends, killed or not, by the same guard as the private servers have: testcontainers' own (Ryuk) is one more
image to pull, and not every engine lets it have the socket that it needs.
"""

import dataclasses
import json
import os
import socket
import subprocess
from collections.abc import Callable
from typing import Self

from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from deploy.provisioning import CannotProvisionError
from worker.servers.processes import LOOPBACK, Guard, free_port, wait_until
from worker.servers.rabbitmq import speaks_amqp

START_SECONDS = 240.0
LARGEST_MESSAGE_BYTES = 128 * 1024 * 1024
testcontainers_config.ryuk_disabled = True


@dataclasses.dataclass(frozen=True)
class ContainerControl:
    """What another process needs to command a server in a container."""

    container: str

    def run(self, *command: str, seconds: float = 240.0) -> str:
        """Run a command in the container and return what it printed. Raises CalledProcessError."""
        words = ["docker", "exec", self.container, *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
        return done.stdout

    def ctl(self, *arguments: str, seconds: float = 240.0) -> str:
        """Run `rabbitmqctl` in it and return what it printed. Raises CalledProcessError."""
        return self.run("rabbitmqctl", "--silent", *arguments, seconds=seconds)

    def to_json(self) -> str:
        """Return this as text, to pass through an environment variable."""
        return json.dumps(dataclasses.asdict(self))


class _Container:
    """One container that can be stopped, killed and started again."""

    def __init__(self, image: str, inner_port: int, ready: Callable[[], bool], **environment: str) -> None:
        self._guard = Guard("container")
        self._image = image
        self._ready = ready
        self._port = free_port()
        self.control = ContainerControl(self._guard.directory.name)
        try:
            self._container = DockerContainer(image, env=environment, name=self.control.container)
        except DockerException as error:
            self._guard.close()
            raise CannotProvisionError(f"No Docker engine answers: {error}") from error
        # Not with_bind_ports, which knows ports alone and would publish to the whole network.
        self._container.ports[str(inner_port)] = (LOOPBACK, self._port)  # type: ignore[assignment]
        self._created = False

    def start(self) -> Self:
        """Start it, on its old data if it ran before, and return when it takes connections."""
        try:
            if self._created:
                self._container.get_wrapped_container().start()
            else:
                self._guard.watch("container", self.control.container)
                self._container.start()
                self._created = True
        except DockerException as error:
            self.close()
            raise CannotProvisionError(f"The container {self._image} did not start: {error}") from error
        if not wait_until(self._ready, None, START_SECONDS):
            self.close()
            raise CannotProvisionError(f"The container {self._image} did not start in {START_SECONDS:.0f} s.")
        return self

    def stop(self) -> None:
        """Stop it in good order. Its data stay."""
        self._container.get_wrapped_container().stop(timeout=40)

    def kill(self) -> None:
        """Kill it. Its data stay."""
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        """Remove it with its data."""
        self._container.get_docker_client().client.close()
        self._guard.close()


class ContainerBroker(_Container):
    """RabbitMQ in a container."""

    def __init__(self) -> None:
        super().__init__(
            os.environ.get("TEST_RABBITMQ_IMAGE", "rabbitmq:4"),
            5672,
            lambda: speaks_amqp(self._port),
            # From 4.0 on a broker takes 16 MiB where 3.x took 128, and tests send a body that no worker should read.
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=f"-rabbit max_message_size {LARGEST_MESSAGE_BYTES}",
        )

    def restart(self) -> None:
        """Stop it, wait, start it on the same data and port."""
        self.stop()
        self.start()

    def url(self, vhost: str = "/") -> str:
        """Return the AMQP address for a virtual host."""
        return f"amqp://guest:guest@{LOOPBACK}:{self._port}/{'' if vhost == '/' else vhost}"

    def ctl(self, *arguments: str, seconds: float = 240.0) -> str:
        """Run `rabbitmqctl` in it and return what it printed."""
        return self.control.ctl(*arguments, seconds=seconds)

    def add_vhost(self, vhost: str) -> str:
        """Create a virtual host for `guest` and return its address."""
        self.ctl("add_vhost", vhost)
        self.ctl("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
        return self.url(vhost)


class ContainerDatabase(_Container):
    """PostgreSQL in a container."""

    def __init__(self) -> None:
        super().__init__(
            os.environ.get("TEST_POSTGRES_IMAGE", "postgres:17"),
            5432,
            self._answers,
            POSTGRES_USER="fapiao",
            POSTGRES_DB="postgres",
            POSTGRES_HOST_AUTH_METHOD="trust",
        )
        self._container.with_command(["postgres", "-c", "max_connections=300"])

    def restart(self) -> None:
        """Stop it and start it on the same data and port."""
        self.stop()
        self.start()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://fapiao@{LOOPBACK}:{self._port}/{database}"

    def _answers(self) -> bool:
        # Over TCP: while the image initialises itself, its server listens on a socket file only.
        return _succeeds(lambda: self.control.run("pg_isready", "-q", "-h", LOOPBACK)) and _listens(self._port)


def _succeeds(act: Callable[[], object]) -> bool:
    try:
        act()
    except subprocess.CalledProcessError:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        return False
    return True
