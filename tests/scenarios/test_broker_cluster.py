"""Three RabbitMQ nodes with quorum queues, as in production: any of them may be killed under load."""

import asyncio
import concurrent.futures
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.provisioning import choice
from tests.scenarios.chaos_fleet import Fleet, WatchedSandbox
from tests.scenarios.chaos_run import GATEWAY, SETTINGS, Run, Weather
from tests.scenarios.chaos_stacks import ChaosStack
from worker.servers import rabbitmq
from worker.servers.rabbitmq import PrivateRabbit

pytestmark = pytest.mark.xdist_group("cluster")

LIGHT = Weather(seed=6, seconds=5, per_second=5, fault_share=0.1)


@pytest.fixture
def cluster() -> Iterator[list[PrivateRabbit]]:
    """Three nodes that found each other. They are the installed server's, also where others are containers."""
    first = choice.obtain_private_rabbit(print)
    scripts = rabbitmq.installed()
    assert scripts is not None
    others = [PrivateRabbit(scripts, beside=first) for _ in range(2)]
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda node: node.start(), others))
        yield [first, *others]
    finally:
        for node in (*others, first):  # the first one brought the port mapper that all use
            node.close()


async def test_nodes_of_a_cluster_are_killed_one_after_the_other(
    cluster: list[PrivateRabbit], sqlite_url: str, tmp_path: Path
) -> None:
    """First the node that leads the queues. The worker and its callers go on with the other two."""
    urls = ",".join(node.url() for node in cluster)
    prefix = f"t{uuid.uuid4().hex[:12]}"
    stack = ChaosStack(urls, prefix, sqlite_url, tmp_path, GATEWAY, SETTINGS, WatchedSandbox)

    async def strike(_fleet: Fleet) -> None:
        await asyncio.sleep(3)
        for node in (leading(cluster, f"{prefix}.issue"), cluster[2], cluster[1]):
            node.kill()
            await stack.until_heard(10)
            await asyncio.to_thread(node.start)
            await asyncio.sleep(2)

    async with stack:
        run = Run(stack, LIGHT)
        await run.go(strike)

    print(f"cluster: {run.verdict.counts}")
    assert not run.verdict.violations, run.report()


def leading(cluster: list[PrivateRabbit], queue: str) -> PrivateRabbit:
    """The node that leads this queue."""
    listed = cluster[0].ctl("list_queues", "name", "leader")
    name = next(line.split()[1] for line in listed.splitlines() if line.startswith(f"{queue}\t"))
    return next(node for node in cluster if node.control.environment["RABBITMQ_NODENAME"] == name)
