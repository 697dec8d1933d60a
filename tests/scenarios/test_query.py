"""A query goes in as a message; pages, items and addresses of files come out, and are stored. Whole processes."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import psutil
import pytest

from tests.plain_http import NO_TLS
from tests.scenarios.messages import make_query
from tests.scenarios.stack import Stack
from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.records import StoredFilter
from worker.sandbox.server import SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

YEAR = {"startInvoiceDate": "2024-01-01", "endInvoiceDate": "2024-12-31"}
MEBIBYTE = 1024 * 1024


def archive_of(count: int, **options: Any) -> SandboxOptions:
    """A gateway with so many invoices of 2024."""
    days: dict[str, Any] = {"archive_from": date(2024, 1, 1), "archive_to": date(2024, 12, 31)}
    given: dict[str, Any] = {"qr": "never", "archive_count": count} | days | options
    return SandboxOptions(**given)


def told_by(stack: Stack, command_id: str) -> list[dict[str, Any]]:
    """The invoices of the page events, each event once."""
    pages = {event["id"]: event for event in stack.events[command_id] if event["type"] == "invoice.query.page"}
    assert sorted(event["sequence"] for event in pages.values()) == list(range(1, len(pages) + 1))
    return [invoice for event in pages.values() for invoice in event["data"]["invoices"]]


async def until_pages(stack: Stack, command_id: str, count: int) -> None:
    """Wait until so many different page events have come."""
    await stack.wait_for(lambda: len({event["id"] for event in stack.events[command_id]}) >= count)


async def test_five_thousand_invoices_come_once_each_though_the_worker_is_killed_twice(
    new_stack: Callable[..., Stack],
) -> None:
    """500 pages; whoever takes over goes on at the page where the dead one stood."""
    async with new_stack(options=archive_of(5000), settings={"FAPIAO_LEASE_SECONDS": "8"}) as stack:
        worker = await stack.begin()
        await stack.publish("many", make_query(condition=YEAR), type="invoice.query")
        for killed_after in (150, 300):
            await until_pages(stack, "many", killed_after)
            worker.kill()
            worker = stack.start_worker()
        await until_pages(stack, "many", 340)
        early = psutil.Process(worker.process.pid).memory_info().rss
        await stack.until(["many"], ["completed"])
        late = psutil.Process(worker.process.pid).memory_info().rss

        invoices, done = told_by(stack, "many"), stack.last("many", "completed")
        assert len(invoices) == len({invoice["countETicketNumbers"] for invoice in invoices}) == 5000
        assert all(invoice["items"] and len(invoice["files"]) == 3 for invoice in invoices)
        assert (done["total"], done["pages"], done["invoiceCount"], done["missingInvoices"]) == (5000, 500, 5000, 0)
        assert (done["fileCount"], done["missingFiles"], done["missingItems"]) == (15000, [], [])
        assert done["itemCount"] == sum(len(invoice["items"]) for invoice in invoices)
        assert 500 <= stack.sandbox.vendor.of("user-1").pages <= 502
        assert stack.sandbox.vendor.of("user-1").max_concurrent == 1
        assert late - early < 32 * MEBIBYTE, f"{early} grew to {late}"
        await check_stored(stack, invoices)


async def check_stored(stack: Stack, invoices: list[dict[str, Any]]) -> None:
    """Every invoice, item and address is in the store, once."""
    journal = stack.journal()
    await journal.open()
    try:
        count, first = await journal.stored(StoredFilter(limit=5000))
        assert count == len(first) == len(invoices)
        files = Counter((file.invoice_id, file.type) for each in first for file in each.files)
        assert len(files) == 3 * len(invoices)
        assert set(files.values()) == {1}
        assert all(each.items for each in first)
    finally:
        await journal.close()


async def test_a_query_finds_what_was_issued_and_its_files_open(stack: Stack) -> None:
    """The order's invoice, with items, totals and three files of which the PDF is one."""
    order = await stack.publish_order("asking-1")
    await stack.until([order], ["completed"])
    query = stack.new_id()
    await stack.publish(query, make_query("asking-1", page={"pageSize": 500}), type="invoice.query")
    await stack.until([query], ["completed"])

    [found] = [invoice for invoice in told_by(stack, query) if invoice.get("note") == order]
    assert (found["totalPriceAndTax"], found["buyerName"]) == ("200.00", "ABC公司")
    assert [item["quantity"] for item in found["items"]] == ["2"]
    assert {file["type"] for file in found["files"]} == {"pdf", "ofd", "xml"}
    async with httpx.AsyncClient(verify=NO_TLS, timeout=PATIENCE_SECONDS) as client:
        pdf = await client.get(next(file["url"] for file in found["files"] if file["type"] == "pdf"))
    assert pdf.content.startswith(b"%PDF")


async def test_items_files_and_stored_are_commands_of_their_own(stack: Stack) -> None:
    """They need no session: nobody logs in for them."""
    order = await stack.publish_order("asking-2")
    await stack.until([order], ["completed"])
    query = stack.new_id()
    await stack.publish(query, make_query("asking-2", page={"pageSize": 500}), type="invoice.query")
    await stack.until([query], ["completed"])
    [found] = [invoice for invoice in told_by(stack, query) if invoice.get("note") == order]
    visits = stack.sandbox.vendor.of("asking-2").opened

    asked = {
        "items": {"invoiceBasicInfoId": found["id"]},
        "files": {"invoiceIdList": [found["id"]], "typeList": ["ofd"]},
        "stored": {"invoiceNumber": found["countETicketNumbers"]},
    }
    ids = {name: stack.new_id() for name in asked}
    for name, data in asked.items():
        await stack.publish(ids[name], data, type=f"invoice.{name}")
    await stack.until([*ids.values()], ["completed"])

    assert stack.last(ids["items"], "completed")["items"] == found["items"]
    assert [file["type"] for file in stack.last(ids["files"], "completed")["files"]] == ["ofd"]
    [stored] = stack.last(ids["stored"], "completed")["invoices"]
    assert stored["invoice"]["countETicketNumbers"] == found["countETicketNumbers"]
    assert {file["type"] for file in stored["files"]} == {"pdf", "ofd", "xml"}
    assert stack.sandbox.vendor.of("asking-2").opened == visits
    assert "userId" not in stack.last(ids["items"], "completed")


async def test_what_one_source_queried_is_not_told_to_another(stack: Stack) -> None:
    """`invoice.stored` answers with nothing where the question is another tenant's."""
    query, asked = stack.new_id(), stack.new_id()
    await stack.publish_order("asking-3", command_id=f"of-{query}")
    await stack.until([f"of-{query}"], ["completed"])
    await stack.publish(query, make_query("asking-3", page={"pageSize": 500}), type="invoice.query")
    await stack.until([query], ["completed"])
    number = told_by(stack, query)[0]["countETicketNumbers"]

    await stack.publish(asked, {"invoiceNumber": number}, type="invoice.stored", app_id="somebody-else")
    await stack.until([asked], ["completed"])

    assert stack.last(asked, "completed")["invoices"] == []


async def test_a_failed_download_is_asked_for_again_with_its_date_byte_for_byte(stack: Stack) -> None:
    """Twice it fails, then it comes; the query's end says that all is there."""
    stack.sandbox.faults.arm("download_fails", user_id="asking-4", times=1, value=2)
    await stack.publish_order("asking-4", command_id="asking-4-order")
    await stack.until(["asking-4-order"], ["completed"])
    query = stack.new_id()
    await stack.publish(query, make_query("asking-4", page={"pageSize": 500}), type="invoice.query")
    await stack.until([query], ["completed"])

    assert stack.last(query, "completed")["download"] == {"ok": True, "date": None}
    assert stack.last(query, "completed")["missingFiles"] == []


async def test_files_that_come_late_are_told_late(stack: Stack) -> None:
    """An empty list is "not ready": it is asked again, and what comes is told in a page event that says so."""
    stack.sandbox.faults.arm("files_none", times=1)
    await stack.publish_order("asking-5", command_id="asking-5-order")
    await stack.until(["asking-5-order"], ["completed"])
    query = stack.new_id()
    await stack.publish(query, make_query("asking-5", page={"pageSize": 500}), type="invoice.query")
    await stack.until([query], ["completed"])

    pages = [event["data"] for event in stack.events[query] if event["type"] == "invoice.query.page"]
    late = [invoice for page in pages if page["late"] for invoice in page["invoices"]]
    assert late
    assert all(len(invoice["files"]) == 3 for invoice in late)
    assert stack.last(query, "completed")["missingFiles"] == []


async def test_an_issue_does_not_wait_for_a_long_query_of_its_user(new_stack: Callable[..., Stack]) -> None:
    """Between two pages the lane gives way, and the query goes on afterwards where it stood."""
    async with new_stack(options=archive_of(300, query_delay_seconds=0.2)) as stack:
        await stack.begin()
        await stack.publish("long", make_query(condition=YEAR, items=False, files=[]), type="invoice.query")
        await until_pages(stack, "long", 3)
        order = await stack.publish_order("user-1")
        await stack.until([order], ["completed"])

        assert "completed" not in stack.said("long")
        await stack.until(["long"], ["completed"])
        assert len(told_by(stack, "long")) == 300
        assert stack.sandbox.vendor.of("user-1").max_concurrent == 1


@pytest.mark.parametrize(
    ("password", "code"), [("refuse-login", "login_refused"), ("#fault=query_refused", "query_refused")]
)
async def test_a_query_that_the_gateway_refuses_fails_with_its_code(stack: Stack, password: str, code: str) -> None:
    query = stack.new_id()
    data = make_query(f"refused-{code}", login={"password": password, "phone": f"phone-{code}"})
    await stack.publish(query, data, type="invoice.query")
    await stack.until([query], ["failed"])

    assert stack.last(query, "failed")["code"] == code


async def test_a_query_by_the_manuals_example_is_accepted(stack: Stack) -> None:
    """Its condition names every member, most of them null."""
    query = stack.new_id()
    condition = {
        "queryType": 0,
        "invoiceSource": None,
        "invoiceType": None,
        "isInvoicePositive": None,
        "countETicketNumbers": "",
        "invoiceCode": None,
        "invoiceNumber": None,
        "sellerIdentificationNumber": None,
        "sellerName": None,
        "startInvoiceValue": None,
        "endInvoiceValue": None,
        "startInvoiceDate": "2024-04-01",
        "endInvoiceDate": "2024-04-12",
    }
    data = make_query("asking-6") | {"condition": condition}
    await stack.publish(query, data, type="invoice.query")
    await stack.until([query], ["completed"])

    assert stack.last(query, "completed")["invoiceCount"] == 0
    assert stack.sandbox.vendor.of("asking-6").violations == 0


async def test_no_password_of_a_query_shows_anywhere(new_stack: Callable[..., Stack]) -> None:
    """Not in an event, not in the log, not in the store."""
    secret = "hunter2-of-the-query"
    async with new_stack(options=archive_of(3)) as stack:
        worker = await stack.begin(log_level="debug")
        data = make_query(condition=YEAR, login={"password": secret})
        await stack.publish("secret", data, type="invoice.query")
        await stack.until(["secret"], ["completed"])

        assert secret not in worker.log()
        assert secret not in str(stack.events["secret"])
        if stack.database_url.startswith("sqlite"):
            files = [path for path in stack.folder.iterdir() if path.name.startswith("journal.db")]
            assert files
            assert all(secret.encode() not in path.read_bytes() for path in files if path.is_file())
