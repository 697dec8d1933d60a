"""A worker in a container that may do nothing but work, beside the servers and the sandbox of a scenario.

It runs as its image says, with a read-only root, no capability, no way to new privileges, and on the host's network,
where the scenario's loopback addresses hold.
"""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from tests.images.conftest import docker
from tests.scenarios.stack import Stack
from worker.servers.processes import Guard

CONFINED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host")
STORE = "/var/lib/fapiao"


class HardenedWorker:
    """`async with HardenedWorker(…)`: gone afterwards, whatever happened in it, even if this process is killed."""

    def __init__(self, image: str, stack: Stack, volume: str, **settings: str) -> None:
        self._guard = Guard("worker")
        self._name = self._guard.directory.name
        self._image = image
        self._volume = volume
        self._environment = {
            name: value for name, value in stack.environment(**settings).items() if name.startswith("FAPIAO_")
        }

    async def __aenter__(self) -> Self:
        """Start it; it need not be ready yet."""
        await asyncio.to_thread(self._start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show its log if the test failed, and remove the container."""
        if error is not None:
            print(await asyncio.to_thread(docker, "logs", "--tail", "50", self._name))
        await asyncio.to_thread(self._guard.close)

    def _start(self) -> None:
        self._guard.watch("container", self._name)
        file = self._guard.directory / "worker.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in self._environment.items()))
        mounted = ("--mount", f"type=volume,source={self._volume},target={STORE}")
        docker("run", "--detach", "--name", self._name, *CONFINED, *mounted, "--env-file", str(file), self._image)

    async def healthy(self, seconds: float = 90) -> None:
        """Wait until the image's own health check says so."""
        async with asyncio.timeout(seconds):
            while (await self._state())["Health"]["Status"] != "healthy":
                await asyncio.sleep(0.5)

    async def stop(self) -> int:
        """Send SIGTERM, as an engine and Kubernetes do, and return the exit code."""
        await asyncio.to_thread(docker, "stop", "--time", "30", self._name)
        return int((await self._state())["ExitCode"])

    async def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        await asyncio.to_thread(docker, "kill", self._name)

    async def identity(self) -> dict[str, str]:
        """What the kernel says of process 1."""
        text = await asyncio.to_thread(docker, "exec", self._name, "cat", "/proc/1/status")
        return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}

    async def _state(self) -> dict[str, Any]:
        text = await asyncio.to_thread(docker, "inspect", "--format", "{{json .State}}", self._name)
        state: dict[str, Any] = json.loads(text)
        return state
