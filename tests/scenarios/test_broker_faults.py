"""The broker dies, hangs up, blocks and loses queues under whole workers; judged by messages and the gateway's books.

What intake and relay make of each is shown closer by in `tests/integration/test_amqp_outages.py`.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.messaging import elect_leaders
from tests.scenarios.chaos_fleet import Fleet, WatchedSandbox
from tests.scenarios.chaos_run import GATEWAY, SETTINGS, Run, Weather
from tests.scenarios.chaos_stacks import ChaosStack
from tests.scenarios.proxy import Proxy
from tests.servers import Broker

LIGHT = Weather(seed=5, seconds=5, per_second=8, fault_share=0.1)
DECLARED_FOR_SECONDS = 3
"""RabbitMQ 3.10 forgets a queue that it declared just before a SIGKILL, with its confirmed messages."""


@pytest.fixture
def stack(own_rabbit: Broker, sqlite_url: str, tmp_path: Path) -> ChaosStack:
    """On a broker that may be broken."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    return ChaosStack(own_rabbit.url(), prefix, sqlite_url, tmp_path, GATEWAY, dict(SETTINGS), WatchedSandbox)


async def lives_through(stack: ChaosStack, what: str, strike: Callable[[], Awaitable[object]]) -> Run:
    """Whatever it is, every command comes to its one end."""

    async def later(_: Fleet) -> None:
        await asyncio.sleep(DECLARED_FOR_SECONDS)
        await strike()

    run = Run(stack, LIGHT)
    await run.go(later)
    print(f"broker {what}: {run.verdict.counts}")
    assert not run.verdict.violations, run.report()
    assert run.verdict.counts.completed > 10
    return run


async def test_a_killed_broker_loses_no_command_and_no_event(own_rabbit: Broker, stack: ChaosStack) -> None:
    """SIGKILL, some seconds of nothing, and a start on the same data."""

    def strike() -> None:
        own_rabbit.kill()
        own_rabbit.start()
        elect_leaders(own_rabbit)

    async with stack:
        await lives_through(stack, "killed", lambda: asyncio.to_thread(strike))


async def test_connections_closed_by_an_operator_are_made_anew(own_rabbit: Broker, stack: ChaosStack) -> None:
    def strike() -> None:
        for _ in range(3):
            own_rabbit.ctl("close_all_connections", "maintenance")

    async with stack:
        await lives_through(stack, "connections closed", lambda: asyncio.to_thread(strike))


async def test_a_memory_alarm_delays_and_loses_nothing(own_rabbit: Broker, stack: ChaosStack) -> None:
    """Publishers wait, ours and the caller's, until the alarm is over."""

    async def strike() -> None:
        await asyncio.to_thread(own_rabbit.ctl, "set_vm_memory_high_watermark", "0.0001")
        await asyncio.sleep(4)
        await asyncio.to_thread(own_rabbit.ctl, "set_vm_memory_high_watermark", "0.4")

    async with stack:
        await lives_through(stack, "memory alarm", strike)


async def test_a_reply_queue_that_is_deleted_gets_its_replies_when_it_is_back(
    own_rabbit: Broker, stack: ChaosStack
) -> None:
    """Those that were in it are gone with it, the topic has them. Those that come afterwards are kept for it."""
    async with stack:

        async def strike() -> None:
            stack.listen_to(f"{stack.prefix}.unrouted")
            await asyncio.to_thread(own_rabbit.ctl, "delete_queue", stack.replies)
            await stack.until_heard(10)

        await lives_through(stack, "reply queue deleted", strike)


async def test_a_command_queue_that_is_deleted_is_declared_and_consumed_again(
    own_rabbit: Broker, stack: ChaosStack
) -> None:
    """What was in it is lost with it, so its callers must have been told: it is empty when it is deleted."""
    async with stack:
        first = await lives_through(stack, "before the queue is deleted", lambda: asyncio.sleep(0))
        await asyncio.to_thread(own_rabbit.ctl, "delete_queue", f"{stack.prefix}.issue")
        await stack.worker_is_consuming()
        order = await stack.publish_order("user-1", command_id="afterwards")
        await stack.until([order], ["completed"])
        assert first.verdict.counts.lost == 0


async def cut(proxy: Proxy) -> None:
    """Every connection is reset, again and again."""
    for _ in range(5):
        proxy.cut()
        await asyncio.sleep(1)


async def stall(proxy: Proxy) -> None:
    """No byte passes, and nobody is told; what was held comes in the end."""
    proxy.stall()
    await asyncio.sleep(8)
    proxy.flow()


async def delay(proxy: Proxy) -> None:
    """Each piece comes late: confirms and acknowledgements pile up."""
    proxy.delay_seconds = 0.4
    await asyncio.sleep(6)
    proxy.delay_seconds = 0.0


@pytest.mark.parametrize(("strike", "connections"), [(cut, 4), (stall, 4), (delay, 2)])
async def test_a_broken_link_to_the_broker_is_lived_through(
    amqp_url: str,
    amqp_prefix: str,
    sqlite_url: str,
    tmp_path: Path,
    strike: Callable[[Proxy], Awaitable[None]],
    connections: int,
) -> None:
    """The worker's link alone: who publishes notices nothing. A slow link is kept, a dead one is replaced."""
    settings = SETTINGS | {"FAPIAO_HEARTBEAT_SECONDS": "1"}
    stack = ChaosStack(amqp_url, amqp_prefix, sqlite_url, tmp_path, GATEWAY, settings, WatchedSandbox)
    async with stack, Proxy.before(amqp_url) as proxy:
        stack.settings["FAPIAO_AMQP_URL"] = proxy.address(amqp_url)
        await lives_through(stack, f"link {strike.__name__}", lambda: strike(proxy))
        assert proxy.accepted >= connections
