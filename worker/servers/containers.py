"""A server in a container, by the `docker` command, where a Docker engine answers.

Guarantees: published on loopback only, removed with its data when its owner ends. It keeps its port over a restart.
"""

import shutil
import subprocess
from typing import Self

from worker.servers import CannotProvisionError
from worker.servers.processes import LOOPBACK, Guard, free_port, wait_until
from worker.servers.rabbitmq import speaks_amqp

RABBITMQ_IMAGE = "rabbitmq:4"
START_SECONDS = 300.0  # the first time, the image is downloaded


def engine_answers() -> bool:
    """Tell whether a Docker engine answers the `docker` command."""
    if shutil.which("docker") is None:
        return False
    try:
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class ContainerRabbit:
    """A broker in a container; `close` removes it."""

    def __init__(self, image: str = RABBITMQ_IMAGE, port: int | None = None) -> None:
        self._guard = Guard("rabbitmq")
        self._image = image
        self._port = port or free_port()
        self._name = self._guard.directory.name

    def start(self) -> Self:
        """Start the container and return when it takes connections. Raises CannotProvisionError."""
        self._guard.watch("container", self._name)
        published = f"{LOOPBACK}:{self._port}:5672"
        done = _docker("run", "--detach", "--name", self._name, "--publish", published, self._image)
        if done.returncode or not wait_until(lambda: speaks_amqp(self._port), None, 120):
            said = done.stderr or _docker("logs", "--tail", "5", self._name).stderr
            self.close()
            raise CannotProvisionError(f"The container {self._image} did not start: {' '.join(said.split())}")
        return self

    def url(self, vhost: str = "/") -> str:
        """Return the broker's AMQP address for a virtual host."""
        return f"amqp://guest:guest@{LOOPBACK}:{self._port}/{'' if vhost == '/' else vhost}"

    def close(self) -> None:
        """Remove the container and its data."""
        self._guard.close()


def _docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
