"""Signals, restarts, secrets and many scans at once: what operators live with. Whole processes, real servers."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]


async def test_a_drain_finishes_what_is_short_and_hands_over_what_is_not(new_stack: Callable[..., Stack]) -> None:
    """SIGTERM: an order being issued completes; an open scan is in doubt after the restart, not submitted again."""
    async with new_stack(options=SandboxOptions(qr="auto", issue_delay_seconds=1)) as stack:
        await stack.prepare()
        worker = stack.start_worker(drain_seconds="3")
        await stack.worker_is_consuming()
        scanning = await stack.publish_order("user-scan")
        await stack.until([scanning], ["qr_required"])
        short = await stack.publish_order("user-short", fault="no_qr")
        await stack.until_submitted(short)

        worker.signal(signal.SIGTERM)
        assert await worker.died() == 0
        await stack.until([short], ["completed"])

        stack.start_worker()
        await stack.until([scanning], ["in_doubt"])
        stack.check_promises([scanning, short])


async def test_a_second_signal_ends_at_once(new_stack: Callable[..., Stack]) -> None:
    async with new_stack(options=SandboxOptions(qr="always")) as stack:
        await stack.prepare()
        worker = stack.start_worker(drain_seconds="60")
        await stack.worker_is_consuming()
        await stack.until([await stack.publish_order()], ["qr_required"])

        worker.signal(signal.SIGTERM)
        await stack.pause(0.5)
        worker.signal(signal.SIGTERM)

        assert await worker.died(15) == 1


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
    await stack.until([issued], ["completed"])
    await stack.until([missing], ["failed"])

    assert stack.last(issued, "completed")["invoice"]["invoiceNumber"] == number
    assert stack.last(issued, "completed")["reconciled"] is True
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


async def test_no_password_is_found_anywhere(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    """Logs at DEBUG, events, the command line's JSON, metrics, and every byte of the database."""
    marked = "Pa55-MARKED-w0rd"
    async with new_stack(options=SandboxOptions(qr="always", auto_scan_seconds=0.2)) as stack:
        await stack.prepare()
        port = stack.free_port()
        worker = stack.start_worker(log_level="debug", http_port=str(port))
        await stack.worker_is_consuming()
        good = await stack.publish_order("user-1", password=marked)
        odd = await stack.publish_order("user-2", password=marked, fault="other_invoice_first")
        doubtful = await stack.publish_order("user-3", password=marked, fault="dropped_after_issuing")
        wrong = await stack.publish_order("user-4", password=marked, surprise=1)
        await stack.until([good, odd, doubtful, wrong], ["completed", "in_doubt", "rejected"])

        found = {
            "events": json.dumps(stack.events, ensure_ascii=False).encode(),
            "log": worker.log().encode(),
            "metrics": await stack.metrics(port),
            "status": (await stack.command_line("status", good, "--json")).stdout.encode(),
            "list": (await stack.command_line("list", "--json")).stdout.encode(),
            "settings": (await stack.command_line("settings", "--json")).stdout.encode(),
            "database": await database_bytes(stack, tmp_path),
        }

        assert all(len(content) > 100 for content in found.values()), {k: len(v) for k, v in found.items()}
        assert [where for where, content in found.items() if marked.encode() in content] == []


async def database_bytes(stack: Stack, tmp_path: Path) -> bytes:
    """SQLite's files as they are; for PostgreSQL every row of every table as text."""
    if stack.database_url.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in sorted(tmp_path.glob("journal.db*")) if path.is_file())
    connection = await asyncpg.connect(stack.database_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    dump = []
    for (table,) in tables:
        rows = await connection.fetch(f'SELECT t::text FROM "{table}" t')  # noqa: S608
        dump += [str(row[0]) for row in rows]
        columns = await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND data_type = 'bytea'", table
        )
        for (column,) in columns:
            values = await connection.fetch(f'SELECT "{column}" FROM "{table}"')  # noqa: S608
            dump += [bytes(value[0] or b"").decode("utf-8", "replace") for value in values]
    await connection.close()
    return "\n".join(dump).encode()


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
    async with new_stack(options=SandboxOptions(qr="auto"), settings={"FAPIAO_MAX_LANES": "2100"}) as stack:
        if stack.database_url.startswith("postgres"):
            return  # the store makes no difference to a parked scan; once is enough for the time it takes
        await stack.prepare()
        worker = stack.start_worker(lease_seconds="30")
        await stack.worker_is_consuming()
        parked = [
            await stack.publish_order(f"user-{n}", invoice={"sellerLoginAccount": f"account-{n}"}) for n in range(2000)
        ]
        await stack.until(parked, ["qr_required"], seconds=120)

        quick = await stack.publish_order("another-tenant", fault="no_qr")
        await stack.until([quick], ["completed"], seconds=15)

        assert len(stack.sandbox.waiting_scans()) == 2000
        for scan in stack.sandbox.waiting_scans()[:100]:
            stack.sandbox.confirm(scan.token)
        await stack.until_outcomes(parked, "completed", 100, seconds=60)
        stack.check_promises([quick])
        worker.kill()
