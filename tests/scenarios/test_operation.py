"""Signals, restarts, secrets and many scans at once: what operators live with. Whole processes, real servers."""

import contextlib
import signal
import sqlite3
from collections.abc import Callable

import asyncpg
import pytest

from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_drain_finishes_what_is_short_and_hands_over_what_is_not(new_stack: Callable[..., Stack]) -> None:
    """SIGTERM: an order being issued completes; an open scan is in doubt after the restart, not submitted again. A
    restart behind the journal's times is told."""
    async with new_stack(options=SandboxOptions(qr="auto", issue_delay_seconds=1)) as stack:
        worker = await stack.begin(drain_seconds="8")
        scanning = await stack.publish_order("user-scan")
        await stack.until([scanning], ["qr_required"])
        short = await stack.publish_order("user-short", fault="no_qr")
        await stack.until_submitted(short)

        worker.signal(signal.SIGTERM)
        assert await worker.died() == 0
        await stack.until([short], ["completed"])

        await set_times_ahead(stack.database_url)
        restarted = stack.start_worker()
        await stack.until([scanning], ["in_doubt"])
        await restarted.logged('"clock_behind_journal"')
        stack.check_promises([scanning, short])


async def set_times_ahead(database_url: str) -> None:
    """As if the machine's clock had been set back by an hour while no worker ran."""
    if database_url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as file:
            file.execute("UPDATE command SET received_at = received_at + 3600000000")
            file.commit()
        return
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE command SET received_at = received_at + interval '1 hour'")
    await connection.close()


async def test_a_second_signal_ends_at_once(new_stack: Callable[..., Stack]) -> None:
    async with new_stack(options=SandboxOptions(qr="always")) as stack:
        worker = await stack.begin(drain_seconds="3600")
        await stack.until([await stack.publish_order()], ["qr_required"])

        worker.signal(signal.SIGTERM)
        await worker.logged('"signal_received"')  # two that nobody has looked at yet are one
        worker.signal(signal.SIGTERM)

        assert await worker.died() == 1


async def test_a_person_ends_a_doubt(stack: Stack) -> None:
    """`resolve` publishes the final event, with the running worker on the same store; `replay` repeats the events."""
    issued = await stack.publish_order("decided-1", fault="dropped_after_issuing")
    missing = await stack.publish_order("decided-2", fault="dropped_before_result")
    await stack.until([issued, missing], ["in_doubt"])
    number = stack.sandbox.ledger.issued_for(f"{issued}#fault=dropped_after_issuing")[0].number

    done = await stack.command_line("resolve", issued, "--issued", number, "--json")
    assert done.returncode == 0, done.stderr
    done = await stack.command_line("resolve", missing, "--not-issued")
    assert done.returncode == 0, done.stderr
    await stack.until([issued], ["confirmed"])
    await stack.until([missing], ["failed"])

    assert stack.last(issued, "completed")["invoice"]["invoiceNumber"] == number
    assert stack.last(issued, "completed")["reconciled"] is True
    assert stack.last(issued, "confirmed")["invoiceNumber"] == number
    assert stack.last(missing, "failed")["code"] == "not_issued"
    assert (await stack.command_line("resolve", missing, "--not-issued")).returncode == 1

    before = len(stack.events[issued])
    assert (await stack.command_line("replay", issued)).returncode == 0
    await stack.until_copies(issued, before + 2)
    stack.check_promises([issued, missing])


async def test_an_order_like_one_in_doubt_waits_for_it(stack: Stack) -> None:
    """Its reply could not be told from the other's; the lane serves others meanwhile."""
    alike = {"remark": "", "buyerName": "同一位#fault=dropped_after_issuing"}
    doubtful = await stack.publish_order("twins", invoice=alike)
    await stack.until([doubtful], ["in_doubt"])
    twin = await stack.publish_order("twins", invoice=alike)
    other = await stack.publish_order("twins")
    await stack.until([other], ["completed"])

    listed = await stack.command_line("list", "--state", "held", "--json")
    assert twin in listed.stdout

    assert (await stack.command_line("resolve", doubtful, "--not-issued")).returncode == 0
    await stack.until([twin], ["in_doubt"])
    assert stack.sandbox.vendor.of("twins").submissions == 3


async def test_a_second_process_on_one_sqlite_file_is_refused(stack: Stack) -> None:
    if stack.database_url.startswith("postgres"):
        return  # any number of replicas may share it: test_replicas
    second = stack.start_worker()

    assert await second.died() == 2
    assert "postgresql://" in second.log()


async def test_an_old_schema_is_refused_with_the_command_that_helps(new_stack: Callable[..., Stack]) -> None:
    async with new_stack() as stack:
        if stack.database_url.startswith("sqlite"):
            return  # `run` applies migrations there
        worker = stack.start_worker()

        assert await worker.died() == 2
        assert "fapiao-worker db upgrade" in worker.log()


async def test_two_thousand_scans_wait_at_once(new_stack: Callable[..., Stack]) -> None:
    """And a tenant that needs no scan is served meanwhile."""
    async with new_stack(
        options=SandboxOptions(qr="auto"), settings={"FAPIAO_MAX_LANES": "2100", "FAPIAO_TENANT_LANES": "2100"}
    ) as stack:
        if stack.database_url.startswith("postgres"):
            return  # the store makes no difference to a parked scan; once is enough for the time it takes
        worker = await stack.begin(lease_seconds="60", scan_timeout_seconds="3600")
        parked = [
            await stack.publish_order(f"user-{n}", invoice={"sellerLoginAccount": f"account-{n}"}) for n in range(2000)
        ]
        await stack.until(parked, ["qr_required"])

        quick = await stack.publish_order("another-tenant", fault="no_qr")
        await stack.until([quick], ["completed"])

        assert len(stack.sandbox.waiting_scans()) == 2000
        for scan in stack.sandbox.waiting_scans()[:100]:
            stack.sandbox.confirm(scan.token)
        await stack.until_outcomes(parked, "completed", 100)
        stack.check_promises([quick])
        worker.kill()
