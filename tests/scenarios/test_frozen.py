"""A worker stopped past its lease while it asks the gateway, and woken after another one has done its work.

That nothing is submitted then is shown in `test_replicas.py`; here a query and a look for an invoice are under way.
"""

from pathlib import Path

import pytest

from tests.scenarios.chaos_fleet import WatchedSandbox
from tests.scenarios.chaos_load import WHOLE
from tests.scenarios.messages import make_order, make_query
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import WorkerProcess
from worker.sandbox.server import SandboxOptions

LOOKING = {
    "FAPIAO_LEASE_SECONDS": "6",
    "FAPIAO_HEARTBEAT_SECONDS": "2",
    "FAPIAO_RECONCILE_SCHEDULE": "0.5s,1s,1s,2s",
    "FAPIAO_CONFIRM": "true",
    "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5",
    "FAPIAO_CONFIRM_SCHEDULE": "1s,1s",
}


@pytest.fixture
def replicas(amqp_url: str, amqp_prefix: str, postgres_url: str, tmp_path: Path) -> Stack:
    """A stack on PostgreSQL whose gateway tells when a socket is used that another one has followed."""
    options = SandboxOptions(qr="never")
    return Stack(amqp_url, amqp_prefix, postgres_url, tmp_path, options, LOOKING, sandbox_type=WatchedSandbox)


async def freeze_at_the_page(stack: Stack, worker: WorkerProcess) -> None:
    """Stop it while it waits for a page, let another worker come in, and wait until that one asks in its place."""
    while stack.sandbox.vendor.of("user-1").pages == 0:
        await stack.pause(0.02)
    worker.freeze()
    stack.start_worker()
    while stack.sandbox.vendor.of("user-1").pages < 2:
        await stack.pause(0.05)


async def thaw_and_go_on(stack: Stack, worker: WorkerProcess) -> None:
    """Awake, it closes what it must not use, and serves under a new lease."""
    worker.thaw()
    await stack.pause(2)
    assert worker.process.poll() is None
    assert isinstance(stack.sandbox, WatchedSandbox)
    assert stack.sandbox.violations == []
    orders = [await stack.publish_order(f"user-{number}") for number in range(6)]
    await stack.until(orders, ["confirmed"])
    stack.check_promises(orders[2:])
    await stack.check_nothing_is_left()


async def test_a_worker_frozen_while_it_asks_for_a_page_ends_no_query_twice(replicas: Stack) -> None:
    async with replicas as stack:
        frozen = await stack.begin()
        stack.sandbox.ledger.issue("user-1", make_order("by hand")["invoice"] | WHOLE)
        stack.sandbox.faults.arm("query_slow", "user-1", value=3)
        await stack.publish("query", make_query("user-1"), type="invoice.query")
        await freeze_at_the_page(stack, frozen)
        await stack.until(["query"], ["completed"])
        await thaw_and_go_on(stack, frozen)

        assert stack.said("query") == ["page", "completed"]
        assert stack.last("query", "completed")["total"] == 1


async def test_a_worker_frozen_while_it_looks_for_an_invoice_decides_nothing_twice(replicas: Stack) -> None:
    async with replicas as stack:
        frozen = await stack.begin()
        stack.sandbox.faults.arm("query_slow", "user-1", value=3)
        order = await stack.publish_order("user-1", fault="dropped_after_issuing")
        await freeze_at_the_page(stack, frozen)
        await stack.until([order], ["confirmed"])
        await thaw_and_go_on(stack, frozen)

        assert stack.said(order) == ["in_doubt", "completed", "confirmed"]
        assert stack.submissions(order) == 1
