"""The store goes away in every way it can under whole workers; what the gateway did meanwhile is not forgotten."""

import asyncio
import contextlib
import resource
import subprocess
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.scenarios.chaos_fleet import CUT_ALL, Fleet, WatchedSandbox
from tests.scenarios.chaos_run import GATEWAY, SETTINGS, Run, Weather
from tests.scenarios.chaos_stacks import ChaosStack
from tests.scenarios.proxy import Proxy
from tests.servers import Database

pytestmark = pytest.mark.xdist_group("store-faults")

LIGHT = Weather(seed=8, seconds=5, per_second=8, fault_share=0.1)


@pytest.fixture
def own_url(own_database: Database) -> str:
    """A database on it, empty."""
    return asyncio.run(_create(own_database.url()))


async def _create(server: str) -> str:
    connection = await asyncpg.connect(server)
    name = f"t{uuid.uuid4().hex[:12]}"
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


async def lives_through(stack: ChaosStack, what: str, strike: Callable[[Fleet], Awaitable[None]], replicas: int) -> Run:
    """Whatever it is, every command comes to its one end."""
    run = Run(stack, LIGHT)
    await run.go(strike, replicas=replicas)
    print(f"store {what}: {run.verdict.counts}")
    assert not run.verdict.violations, run.report()
    assert run.verdict.counts.completed > 10
    return run


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_postgres_that_restarts_is_waited_for(
    amqp_url: str, amqp_prefix: str, own_database: Database, own_url: str, tmp_path: Path, how: str
) -> None:
    """Twice, with two workers on it: in good order, or as a crash."""

    async def strike(_fleet: Fleet) -> None:
        for _ in range(2):
            await asyncio.sleep(2)
            await asyncio.to_thread(own_database.stop if how == "stopped" else own_database.kill)
            await asyncio.sleep(1.5)
            await asyncio.to_thread(own_database.start)

    async with ChaosStack(amqp_url, amqp_prefix, own_url, tmp_path, GATEWAY, SETTINGS, WatchedSandbox) as stack:
        await lives_through(stack, f"PostgreSQL {how}", strike, replicas=2)


async def test_postgres_connections_that_are_cut_are_made_anew(
    amqp_url: str, amqp_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """`pg_terminate_backend` on all of them, again and again."""

    async def strike(_fleet: Fleet) -> None:
        connection = await asyncpg.connect(postgres_url)
        for _ in range(12):
            await asyncio.sleep(0.5)
            await connection.execute(CUT_ALL)
        await connection.close()

    async with ChaosStack(amqp_url, amqp_prefix, postgres_url, tmp_path, GATEWAY, SETTINGS, WatchedSandbox) as stack:
        await lives_through(stack, "connections cut", strike, replicas=2)


async def cut(proxy: Proxy) -> None:
    """Every connection is reset, in the middle of whatever it was about."""
    for _ in range(10):
        await asyncio.sleep(0.5)
        proxy.cut()


async def stall(proxy: Proxy) -> None:
    """No byte passes for longer than the lease; what was held comes in the end, commits among it."""
    await asyncio.sleep(1)
    proxy.stall()
    await asyncio.sleep(8)
    proxy.flow()


async def delay(proxy: Proxy) -> None:
    """Each piece comes late: a commit takes half a second."""
    proxy.delay_seconds = 0.25
    await asyncio.sleep(6)
    proxy.delay_seconds = 0.0


@pytest.mark.parametrize("strike", [cut, stall, delay])
async def test_a_broken_link_to_postgres_is_lived_through(
    amqp_url: str, amqp_prefix: str, postgres_url: str, tmp_path: Path, strike: Callable[[Proxy], Awaitable[None]]
) -> None:
    """Of one worker; another one on the same store has a good link, and takes over what the first must give up."""
    async with (
        ChaosStack(amqp_url, amqp_prefix, postgres_url, tmp_path, GATEWAY, SETTINGS, WatchedSandbox) as stack,
        Proxy.before(postgres_url) as proxy,
    ):
        await stack.prepare()
        stack.start_worker(database_url=proxy.address(postgres_url))
        await stack.worker_is_consuming()
        await lives_through(stack, f"link {strike.__name__}", lambda _: strike(proxy), replicas=1)
        assert proxy.accepted > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A disk of 8 MiB; None where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    yield folder if is_mounted else None
    if is_mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left on the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    yield
    filler.unlink()


@contextlib.contextmanager
def limited(pid: int, journal: Path) -> Iterator[None]:
    """No file of the process may grow beyond what the journal has now."""
    size = max(path.stat().st_size for path in journal.parent.glob(f"{journal.name}*"))
    _, highest = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, highest))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (highest, highest))


async def test_a_full_disk_under_sqlite_loses_nothing(
    amqp_url: str, amqp_prefix: str, small_disk: Path | None, tmp_path: Path
) -> None:
    """A small disk is filled and emptied again. Who may not mount one forbids the worker's files to grow. The
    watch that stops the intake before it comes to that is off."""
    journal = (small_disk or tmp_path) / "journal.db"

    async def strike(fleet: Fleet) -> None:
        await asyncio.sleep(2)
        with filled(small_disk) if small_disk is not None else limited(fleet.pids[0], journal):
            await asyncio.sleep(6)

    url, settings = f"sqlite:///{journal}", SETTINGS | {"FAPIAO_DISK_FREE_MIN_BYTES": "0"}
    async with ChaosStack(amqp_url, amqp_prefix, url, tmp_path, GATEWAY, settings, WatchedSandbox) as stack:
        await lives_through(stack, "disk full", strike, replicas=1)
        assert "journal_unavailable" in stack.workers[0].log()
