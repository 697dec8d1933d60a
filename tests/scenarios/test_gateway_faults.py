"""The link to the gateway breaks in every way a network can, or the gateway says nothing; then it comes back.

Each under load, judged by the gateway's own books.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.scenarios.chaos_fleet import Fleet, WatchedSandbox
from tests.scenarios.chaos_load import USERS
from tests.scenarios.chaos_run import GATEWAY, SETTINGS, Run, Weather
from tests.scenarios.chaos_stacks import ChaosStack
from tests.scenarios.proxy import Proxy
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.ops.conditions import Wait
from worker.servers.processes import free_port

QUIET = Weather(seed=4, seconds=6, per_second=8, fault_share=0.0)
Strike = Callable[[Proxy], Awaitable[None]]


async def cut(proxy: Proxy) -> None:
    """Every connection is reset, again and again."""
    for _ in range(8):
        await asyncio.sleep(0.6)
        proxy.cut()


async def stall(proxy: Proxy) -> None:
    """No byte passes for longer than anybody waits; then all that was held comes at once."""
    await asyncio.sleep(1)
    proxy.stall()
    await asyncio.sleep(7)
    proxy.flow()


async def delay(proxy: Proxy) -> None:
    """Each piece takes as long as a satellite's."""
    proxy.delay_seconds = 0.6
    await asyncio.sleep(6)
    proxy.delay_seconds = 0.0


async def refuse(proxy: Proxy) -> None:
    """Nobody listens, and what was open is gone."""
    await asyncio.sleep(1)
    await proxy.refuse()
    proxy.cut()
    await asyncio.sleep(6)
    await proxy.listen()


@pytest.mark.parametrize("strike", [cut, stall, delay, refuse])
async def test_a_broken_link_to_the_gateway_is_lived_through(
    amqp_url: str, amqp_prefix: str, sqlite_url: str, tmp_path: Path, strike: Strike
) -> None:
    stack = ChaosStack(amqp_url, amqp_prefix, sqlite_url, tmp_path, GATEWAY, dict(SETTINGS), WatchedSandbox)
    async with stack, Proxy.before(stack.sandbox.url) as proxy:
        stack.settings["FAPIAO_GATEWAY_URL"] = proxy.address(stack.sandbox.url)
        run = Run(stack, QUIET)

        await run.go(lambda _: strike(proxy))

        print(f"gateway {strike.__name__}: {run.verdict.counts}")
        assert not run.verdict.violations, run.report()
        assert run.verdict.counts.completed > 0
        assert proxy.accepted > 0


async def test_a_gateway_that_accepts_and_never_answers_holds_up_nobody_for_ever(
    amqp_url: str, amqp_prefix: str, sqlite_url: str, tmp_path: Path
) -> None:
    """Logins, orders, pages and look-ups are met with silence: what was not submitted is tried again, the rest is in
    doubt, and both come to their end when it speaks again."""

    async def silence(_: Fleet) -> None:
        for user in range(USERS):  # where no login is answered, nothing else is ever asked
            for fault in (["login_silent"], ["silent_after_issuing", "query_silent", "download_silent"])[user % 2]:
                stack.sandbox.faults.arm(fault, f"user-{user}", times=10_000)
        await asyncio.sleep(8)
        stack.sandbox.faults.clear()

    stack = ChaosStack(amqp_url, amqp_prefix, sqlite_url, tmp_path, GATEWAY, dict(SETTINGS), WatchedSandbox)
    async with stack:
        run = Run(stack, QUIET)

        await run.go(silence)

        print(f"gateway silent: {run.verdict.counts}")
        assert not run.verdict.violations, run.report()
        assert run.verdict.counts.completed > 0
        assert run.verdict.counts.doubted > 0


async def test_what_waits_for_a_gateway_that_is_away_says_so(
    amqp_url: str, amqp_prefix: str, sqlite_url: str, tmp_path: Path
) -> None:
    """Nothing in the journal tells it: `status` asks the worker beside it, which is as ready as ever."""
    async with Stack(amqp_url, amqp_prefix, sqlite_url, tmp_path) as stack, Proxy.before(stack.sandbox.url) as proxy:
        await proxy.refuse()
        stack.settings["FAPIAO_HTTP_PORT"] = port = str(free_port())
        stack.start_worker(gateway_url=proxy.address(stack.sandbox.url))
        await stack.worker_is_consuming()
        orders = [await stack.publish_order(f"u-{number}") for number in range(4)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (ready := (await stack.ask(int(port), "/readyz"))).text != f"ok\n{Wait.GATEWAY}\n":
                await asyncio.sleep(0.1)
        assert ready.status_code == 200
        told = json.loads((await stack.command_line("status", orders[0], "--json")).stdout)
        assert (told["state"], told["workerSays"]) == ("waiting", [Wait.GATEWAY])

        await proxy.listen()
        await stack.until(orders, ["completed"])
        assert (await stack.ask(int(port), "/readyz")).text == "ok\n"
