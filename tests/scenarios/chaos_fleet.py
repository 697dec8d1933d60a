"""The processes of the random run, what is done to them, and a gateway that watches their sockets."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

import asyncpg
import psutil
from typing_extensions import override

from tests.scenarios.chaos_checker import Verdict
from tests.scenarios.stack import Stack
from worker.clock import SystemClock
from worker.sandbox.server import Sandbox, SandboxOptions

THAWED_SECONDS = 10.0
"""What a worker that wakes up may take on a busy machine to see that it must open nothing any more."""
CUT_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
now = SystemClock().monotonic


class Fleet:
    """Each process in a slot of its own; every slot is tormented on its own."""

    def __init__(self, stack: Stack, verdict: Verdict, *, size: int, lease_seconds: float, seed: int) -> None:
        self._stack, self._verdict, self._lease_seconds = stack, verdict, lease_seconds
        self._dice = random.Random(seed)
        self._slots = [stack.start_worker() for _ in range(size)]
        self._excused: dict[int, float] = {}
        """Process to the moment until which it may not know yet that it was frozen."""
        self._frozen: set[tuple[int, int]] = set()
        """Process and port of what was held when it was frozen: however long closing it takes, it is not used."""

    def owner_of(self, port: int) -> str | None:
        """The worker that holds this connection; None for one that is dead, or that was frozen."""
        for worker in self._slots:
            pid = worker.process.pid
            if worker.process.poll() is not None or (pid, port) in self._frozen or now() < self._excused.get(pid, 0):
                continue
            if port in _ports_of(pid):
                return worker.log_path.stem
        return None

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [worker.process.pid for worker in self._slots]

    async def torment(self, seconds: float) -> None:
        """All slots, for so long; all run again afterwards."""
        until = now() + seconds
        await asyncio.gather(*(self._torment(slot, until) for slot in range(len(self._slots))))

    async def _torment(self, slot: int, until: float) -> None:
        acts = self._acts()
        while (pause := self._dice.uniform(0.5, 4)) < until - now():
            await asyncio.sleep(pause)
            await self._dice.choice(acts)(slot)

    def _acts(self) -> list[Callable[[int], Awaitable[None]]]:
        acts: list[Callable[[int], Awaitable[None]]] = [self._cut_gateway]
        acts += [self._kill] * 5
        acts += [self._freeze, self._stop] * 2
        if self._stack.database_url.startswith("postgres"):
            acts.append(self._cut_database)
        return acts

    def look_for_the_dead(self) -> None:
        """A worker ends by our hand only."""
        for slot, worker in enumerate(self._slots):
            if (code := worker.process.poll()) is not None:
                self._verdict.violated("", f"{worker.log_path.name} ended by itself, with {code}")
                self._slots[slot] = self._stack.start_worker()

    async def _kill(self, slot: int) -> None:
        self._slots[slot].kill()
        self._verdict.counts.kills += 1
        await self._start_again(slot)

    async def _freeze(self, slot: int) -> None:
        """For less than the lease, or for long."""
        worker, seconds = self._slots[slot], self._dice.uniform(0.3, 2.5 * self._lease_seconds)
        self._excused[worker.process.pid] = now() + seconds + THAWED_SECONDS
        worker.freeze()
        self._frozen |= {(worker.process.pid, port) for port in _ports_of(worker.process.pid)}
        await asyncio.sleep(seconds)
        worker.thaw()
        self._excused[worker.process.pid] = now() + THAWED_SECONDS
        self._verdict.counts.freezes += 1

    async def _stop(self, slot: int) -> None:
        worker = self._slots[slot]
        worker.signal(signal.SIGTERM)
        code = await worker.died()
        if code not in {0, -signal.SIGTERM}:  # the latter where it had not yet come to handle signals
            self._verdict.violated("", f"{worker.log_path.name} was asked to stop and ended with {code}")
        self._verdict.counts.stops += 1
        await self._start_again(slot)

    async def _start_again(self, slot: int) -> None:
        await asyncio.sleep(self._dice.uniform(0, 1))
        self._slots[slot] = self._stack.start_worker()

    async def _cut_gateway(self, _: int) -> None:
        self._stack.sandbox.drop()
        self._verdict.counts.cuts += 1

    async def _cut_database(self, _: int) -> None:
        connection = await asyncpg.connect(self._stack.database_url)
        await connection.execute(CUT_ALL)
        await connection.close()
        self._verdict.counts.cuts += 1


class WatchedSandbox(Sandbox):
    """Tells when a `userId` has a second socket, and when something comes on one that is not its newest."""

    def __init__(self, options: SandboxOptions | None = None) -> None:
        super().__init__(options)
        self.fleet: Fleet | None = None
        self.violations: list[tuple[str, str]] = []

    @override
    def note(self, user_id: str, socket: int, event: str, about: str = "", *, frame: str = "") -> None:
        super().note(user_id, socket, event, about, frame=frame)
        sockets = self.vendor.open_sockets(user_id)
        if event == "session.opened" and len(sockets) > 1:
            owners = [owner for one in sockets if (owner := self._owner_of(one)) is not None]
            if len(owners) > 1:
                self.violations.append((user_id, f"two sockets at once, of {owners}"))
        if event == "frame.heard" and socket < max(sockets, default=socket):
            self.violations.append((user_id, f"{about} came on a socket that another one had followed"))

    def _owner_of(self, socket: int) -> str | None:
        port = int(self._connections[socket].remote_address[1])
        return self.fleet.owner_of(port) if self.fleet is not None else None


def _ports_of(pid: int) -> set[int]:
    """Its own ends of the connections that it has."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return set()
    return {one.laddr.port for one in connections if one.status == psutil.CONN_ESTABLISHED}
