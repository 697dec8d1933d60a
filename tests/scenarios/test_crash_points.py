"""SIGKILL at every crash point of the issue flow, on both stores: nothing lost, nothing twice, nothing left behind.

The list below is checked against a recording run, so that a new durable step without a kill test fails here.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.timeout(180)

CRASH_POINTS = (
    "intake.received",
    "intake.committed",
    "intake.acked",
    "intake.dead_lettered",
    "lane.claimed",
    "lane.hung_up",
    "issue.connected",
    "issue.login_sent",
    "issue.submitting_next",
    "issue.submitting_recorded",
    "issue.submitted",
    "issue.scanning_next",
    "issue.scanning_recorded",
    "issue.completed_next",
    "issue.completed_recorded",
    "issue.failed_next",
    "issue.failed_recorded",
    "issue.in_doubt_next",
    "issue.in_doubt_recorded",
    "issue.waiting_next",
    "issue.waiting_recorded",
    "housekeeping.completed_next",
    "housekeeping.completed_recorded",
    "relay.published",
    "relay.marked",
)


async def every_way(stack: Stack) -> list[str]:
    """Orders that together pass every step: a scan, a repeat of an order, a refusal, a doubt, a retry, bad input."""
    stack.sandbox.faults.arm("handshake_503", user_id="user-retry", times=1)
    orders = [
        await stack.publish_order("user-1", orderNo="N-1"),
        await stack.publish_order("user-1"),
        await stack.publish_order("user-2", orderNo="N-1"),
        await stack.publish_order("user-3", fault="refused"),
        await stack.publish_order("user-4", fault="dropped_after_issuing"),
        await stack.publish_order("user-retry"),
    ]
    await stack.publish("bad", b"not json")
    return orders


def new_crash_stack(new_stack: Callable[..., Stack]) -> Stack:
    """Quick to finish, with a scan for every invoice; a short lease, so that the dead worker's lanes are free soon."""
    options = SandboxOptions(qr="always", auto_scan_seconds=0.2, login_delay_seconds=0.05)
    return new_stack(options=options, settings={"FAPIAO_LEASE_SECONDS": "3"})


async def test_the_list_of_crash_points_is_complete(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    passed = tmp_path / "passed"
    async with new_crash_stack(new_stack) as stack:
        await stack.prepare()
        stack.start_worker(crash_log=str(passed))
        await stack.worker_is_consuming()
        orders = await every_way(stack)
        await stack.until([*orders, "bad"], ["completed", "failed", "in_doubt", "rejected"])
        await stack.pause(2)

    assert set(passed.read_text(encoding="utf-8").split()) == set(CRASH_POINTS)


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_a_kill_at_a_crash_point_does_no_harm(new_stack: Callable[..., Stack], point: str) -> None:
    """Killed there, started again: every order has one end or a doubt, and at most one submission."""
    async with new_crash_stack(new_stack) as stack:
        await stack.prepare()
        first = stack.start_worker(crash_at=point)
        await stack.worker_is_consuming()
        orders = await every_way(stack)
        assert await first.died() == -9, f"{point} was never reached"

        stack.start_worker()
        first_of_order, second_of_order = orders[0], orders.pop(2)
        await stack.until([*orders, "bad"], ["completed", "failed", "in_doubt", "rejected"])
        stack.check_promises(orders)

        if "in_doubt" in stack.said(first_of_order):  # what became of an order decides about its repeats, too
            decided = await stack.command_line("resolve", first_of_order, "--not-issued")
            assert decided.returncode == 0, decided.stderr
        await stack.until([second_of_order], ["completed", "failed"])
        stack.check_promises([*orders, second_of_order])
        await stack.check_nothing_is_left()
