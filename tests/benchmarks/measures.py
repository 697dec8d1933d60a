"""What is measured of a contestant, each in a process of its own that is started for it.

Everything is durable: quorum queues, persistent messages, the journal with an fsync per commit.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aio_pika
import asyncpg
import psutil
from aio_pika.abc import AbstractChannel

from tests.benchmarks import driver
from tests.benchmarks.contestants import Contestant, started

Figures = dict[str, float]
BIG_TENANT_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Places:
    """Where broker, gateways and database are."""

    amqp_url: str
    quick_gateway: str
    scanning_gateway: str
    postgres_url: str
    """Of the server; each round makes a database of its own there."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A contestant that consumes, and what is needed to ask it."""

    channel: AbstractChannel
    contestant: Contestant
    replies: str
    database: str | None
    others: tuple[Contestant, ...] = ()
    """Replicas beside it, on the same queue and database."""

    def cpu_seconds(self) -> float:
        """Of all of them."""
        return sum(each.cpu_seconds() for each in (self.contestant, *self.others))


@asynccontextmanager
async def stage(
    name: str, places: Places, *, lanes: int, scanning: bool = False, replicas: int = 1
) -> AsyncIterator[Stage]:
    """Start a contestant, or several replicas of it, wait until they consume; clean up afterwards."""
    prefix = f"bench{uuid.uuid4().hex[:8]}"
    async with await aio_pika.connect(places.amqp_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(500)
        replies = await driver.prepare(channel, prefix)
        database = await _new_database(places.postgres_url, prefix) if name == "worker-postgres" else None
        gateway = places.scanning_gateway if scanning else places.quick_gateway
        async with AsyncExitStack() as stack:
            stack.push_async_callback(driver.clean_up, connection, prefix)
            contestant, *others = [
                stack.enter_context(started(name, places.amqp_url, gateway, prefix, lanes=lanes, postgres_url=database))
                for _ in range(replicas)
            ]
            await driver.wait_for_consumer(connection, contestant.queue, replicas)
            await asyncio.sleep(1)
            yield Stage(channel, contestant, replies, database, tuple(others))


async def _new_database(server: str, name: str) -> str:
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


async def throughput(name: str, places: Places, commands: int, users: int, replicas: int = 1) -> Figures:
    """Commands per second from the first publish to the last answer, CPU of the contestant, all replicas together, and
    of PostgreSQL."""
    async with stage(name, places, lanes=max(200, min(users, 1000)), replicas=replicas) as at:
        waiting = driver.as_task(name, driver.messages(commands, users, at.replies), at.contestant.queue)
        server = await _server_processes(at.database)
        cpu, server_cpu = at.cpu_seconds(), _cpu_seconds(server)
        figures = {
            "commands/s": await _answered_per_second(at, waiting),
            "CPU ms": (at.cpu_seconds() - cpu) / commands * 1000,
        }
        if server is not None:
            figures["PostgreSQL CPU ms"] = (_cpu_seconds(server) - server_cpu) / commands * 1000
        return figures


async def _answered_per_second(at: Stage, commands: list[aio_pika.Message]) -> float:
    """From the first publish to the last answer."""
    answers, stop = await driver.listen(at.channel, at.replies, "completed", len(commands))
    began = time.monotonic()
    await driver.publish(at.channel, at.contestant, commands)
    ended = max((await answers.all()).values())
    await stop()
    return len(commands) / (ended - began)


async def _server_processes(database: str | None) -> psutil.Process | None:
    """The PostgreSQL server's first process, where it runs on this machine."""
    if database is None:
        return None
    connection = await asyncpg.connect(database)
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    try:
        return psutil.Process(pid).parent()
    except psutil.Error:
        return None
    finally:
        await connection.close()


def _cpu_seconds(server: psutil.Process | None) -> float:
    if server is None:
        return 0.0
    total = 0.0
    for process in [server, *server.children()]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
        if process is server:
            total += times.children_user + times.children_system
    return total


async def replicas(name: str, places: Places, commands: int, users: int) -> Figures:
    """One, two and three workers side by side: what a command costs all of them, and the server. Where the cores are
    few, that shows what replicas cost each other; commands per second show it only where there are cores for all."""
    figures: Figures = {}
    for count in (1, 2, 3):
        took = await throughput(name, places, commands, users, count)
        figures |= {f"{figure}, {count}": value for figure, value in took.items()}
    return figures


async def latency(name: str, places: Places, commands: int, per_second: float) -> Figures:
    """Milliseconds from the publish of a command to its answer, one at a time, and CPU per command then."""
    async with stage(name, places, lanes=200) as at:
        warm = driver.as_task(name, driver.messages(20, 20, at.replies), at.contestant.queue)
        waiting = driver.as_task(name, driver.messages(commands, 20, at.replies), at.contestant.queue)
        answers, stop = await driver.listen(at.channel, at.replies, "completed", commands + len(warm))
        await driver.publish(at.channel, at.contestant, warm)
        await asyncio.sleep(1)
        cpu, sent = at.contestant.cpu_seconds(), {}
        for one in waiting:
            sent[one.message_id] = time.monotonic()
            await driver.publish(at.channel, at.contestant, [one])
            await asyncio.sleep(max(0.0, sent[one.message_id] + 1 / per_second - time.monotonic()))
        came = await answers.all()
        took = sorted((came[str(identifier)] - moment) * 1000 for identifier, moment in sent.items())
        await stop()
        return {
            "p50 ms": statistics.median(took),
            "p95 ms": took[int(len(took) * 0.95)],
            "CPU ms": (at.contestant.cpu_seconds() - cpu) / commands * 1000,
        }


async def parked(name: str, places: Places, scans: int) -> Figures:
    """Memory per command whose QR waits for a person, each on a `userId` of its own."""
    async with stage(name, places, lanes=2 * scans + 50, scanning=True) as at:
        before = at.contestant.resident_bytes()
        await _park(at, scans)
        return {"KiB/scan": (at.contestant.resident_bytes() - before) / scans / 1024}


async def _park(at: Stage, scans: int) -> None:
    """Until every one of them waits for a person."""
    answers, stop = await driver.listen(at.channel, at.replies, "qr_required", scans)
    await driver.publish(at.channel, at.contestant, driver.scans(scans, at.replies))
    await answers.all()
    await asyncio.sleep(2)
    await stop()


async def beside_parked(name: str, places: Places, scans: int, commands: int, users: int) -> Figures:
    """Commands per second of one tenant while so many scans of another wait, and without them."""
    alone = await _throughput_beside(name, places, 0, commands, users)
    beside = await _throughput_beside(name, places, scans, commands, users)
    return {"alone commands/s": alone, "beside commands/s": beside, "beside to alone": beside / alone}


async def _throughput_beside(name: str, places: Places, scans: int, commands: int, users: int) -> float:
    async with stage(name, places, lanes=scans + users, scanning=True) as at:
        if scans:
            await _park(at, scans)
        return await _answered_per_second(at, driver.messages(commands, users, at.replies))


async def big_tenant(name: str, places: Places, commands: int) -> Figures:
    """How long small tenants wait beside one that has nine tenths of a backlog, and how long without it."""
    small = max(1, int(commands * (1 - BIG_TENANT_SHARE)))
    alone = await _small_tenants_wait(name, places, small, 0)
    beside = await _small_tenants_wait(name, places, small, commands - small)
    return {"alone p50 ms": alone, "beside p50 ms": beside, "ratio": beside / alone}


async def _small_tenants_wait(name: str, places: Places, small: int, big: int) -> float:
    async with stage(name, places, lanes=50) as at:
        backlog = [driver.message(f"big-{n % 500}", at.replies, "big") for n in range(big)]
        waiting = [driver.message(f"small-{n}", at.replies, f"small-{n}") for n in range(small)]
        answers, stop = await driver.listen(at.channel, at.replies, "completed", small + big)
        publishing = asyncio.create_task(driver.publish(at.channel, at.contestant, backlog))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await driver.publish(at.channel, at.contestant, waiting)
        await publishing
        came = await answers.all()
        await stop()
        return statistics.median((came[str(one.message_id)] - began) * 1000 for one in waiting)
