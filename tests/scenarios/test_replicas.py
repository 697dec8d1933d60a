"""Two replicas on one PostgreSQL and one queue: a `userId` never has two sockets, a command never two submissions."""

import random
from pathlib import Path

import pytest

from tests.scenarios.proxy import Proxy
from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions


@pytest.fixture
def replicas(amqp_url: str, amqp_prefix: str, postgres_url: str, tmp_path: Path) -> Stack:
    """A stack on PostgreSQL."""
    return Stack(amqp_url, amqp_prefix, postgres_url, tmp_path)


async def test_two_replicas_share_twenty_user_ids(replicas: Stack) -> None:
    async with replicas as stack:
        await stack.prepare()
        for _ in range(2):
            stack.start_worker(session_idle_seconds="0.1")
        await stack.worker_is_consuming(workers=2)
        orders = []
        for number in range(300):
            orders.append(await stack.publish_order(f"user-{number % 20}"))
            if number % 50 == 0:
                await stack.pause(0.3)
        await stack.until(orders, ["completed"])

        stack.check_promises(orders)
        assert all(stack.sandbox.vendor.of(f"user-{n}").max_concurrent == 1 for n in range(20))

        def served() -> list[int]:
            return [worker.log().count('"command_settled"') for worker in stack.workers]

        await stack.wait_for(lambda: sum(served()) >= len(orders))  # the line comes after the step that told the event
        assert min(served()) > 0, f"one replica did all the work: {served()}"
        assert sum(served()) == len(orders)


async def test_a_replica_takes_over_from_one_that_is_killed(replicas: Stack) -> None:
    """The survivor finishes all; what the dead one had submitted is in doubt, not submitted again."""
    async with replicas as stack:
        await stack.prepare()
        workers = [stack.start_worker(lease_seconds="8") for _ in range(2)]
        await stack.worker_is_consuming()
        orders = [await stack.publish_order(f"user-{n % 20}") for n in range(200)]
        await stack.until_outcomes(orders, "completed", 30)
        random.choice(workers).kill()

        await stack.until(orders, ["completed", "in_doubt"])

        stack.check_promises(orders)
        await stack.check_nothing_is_left()


async def test_what_a_replica_without_a_broker_has_to_tell_is_told_by_another(amqp_url: str, replicas: Stack) -> None:
    """Its scan goes on, for it has its database and its gateway; its link to the broker does not come back."""
    replicas.options = SandboxOptions(qr="always")
    async with replicas as stack, Proxy.before(amqp_url) as link:
        await stack.prepare()
        cut_off = stack.start_worker(amqp_url=link.address(amqp_url), lease_seconds="120")
        await stack.worker_is_consuming()
        order = await stack.publish_order()
        await stack.until([order], ["qr_required"])
        stack.start_worker()
        await stack.worker_is_consuming(workers=2)
        await link.refuse()
        link.cut()
        (scan,) = stack.sandbox.waiting_scans()
        stack.sandbox.confirm(scan.token)

        await stack.until([order], ["completed"])

        assert cut_off.process.poll() is None
        assert stack.said(order) == ["qr_required", "completed"]
        stack.check_promises([order])
        await stack.check_nothing_is_left()


async def test_a_replica_frozen_past_its_lease_submits_nothing_when_it_wakes(replicas: Stack) -> None:
    async with replicas as stack:
        frozen = await stack.begin(lease_seconds="8", heartbeat_seconds="2")
        orders = [await stack.publish_order(f"user-{n}", fault="login_slow=1") for n in range(10)]
        await stack.pause(0.6)
        frozen.freeze()
        stack.start_worker(lease_seconds="8")
        await stack.until(orders, ["completed", "in_doubt"])
        frozen.thaw()
        await stack.pause(2)

        for order in orders:
            assert stack.submissions(order) <= 1
        assert frozen.process.poll() is None, "it should go on with a new lease"
        again = [await stack.publish_order(f"user-{n}") for n in range(10)]
        await stack.until(again, ["completed"])
        await stack.check_nothing_is_left()
