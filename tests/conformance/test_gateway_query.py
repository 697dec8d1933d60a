"""The query side of the gateway client against the sandbox over real sockets: as the manual has it, and every fault."""

import json
import logging
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from contracts.failures import FailureCode
from contracts.invoices import FoundInvoice
from tests.conformance.gateway_peer import (
    PASSWORD,
    USER_ID,
    heard,
    heard_of_query,
    login,
    query_order,
    query_session_with,
    session_with,
    settings_for,
    submission,
)
from worker.errors import Permanent, Transient
from worker.gateway.client import WebSocketGateway
from worker.ports import (
    Disconnected,
    DownloadTold,
    FrameIgnored,
    LoginAnswered,
    PageShown,
    QueryEvent,
    QueryOrder,
    QueryRefused,
    QuerySession,
    ResultShown,
)
from worker.sandbox.server import Sandbox, SandboxOptions

ARCHIVE = SandboxOptions(qr="never", archive_count=25)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox in whose archive every company has 25 invoices."""
    async with Sandbox(ARCHIVE) as running:
        yield running


async def told(session: QuerySession, order: QueryOrder, count: int) -> list[QueryEvent]:
    """Ask, and listen to the next `count` events."""
    await session.query(order)
    return [await heard_of_query(session) for _ in range(count)]


async def answers(sandbox: Sandbox, fault: str, count: int = 1) -> list[QueryEvent]:
    """What a new session hears after a query that asks for `fault`."""
    async with query_session_with(sandbox.url) as session:
        return await told(session, query_order(fault), count)


async def page(sandbox: Sandbox, fault: str = "") -> PageShown:
    [event] = await answers(sandbox, fault)
    assert isinstance(event, PageShown), event
    return event


def names(events: list[QueryEvent]) -> list[str]:
    return [event.reason if isinstance(event, FrameIgnored) else type(event).__name__ for event in events]


# ---- the dialogue as the manual has it ---------------------------------------------------------------


async def test_a_page_and_its_downloads_notice(sandbox: Sandbox) -> None:
    shown, notice = await answers(sandbox, "", 2)

    assert isinstance(shown, PageShown)
    assert (shown.total, shown.current_page, shown.total_page, shown.has_next) == (25, 1, 3, True)
    assert len({found.told["id"] for found in shown.invoices}) == 10
    assert all(len(found.told["id"]) == 19 for found in shown.invoices)
    assert notice == DownloadTold(ok=True)
    assert not sandbox.vendor.of(USER_ID).violations


async def test_every_invoice_fits_the_contract_and_adds_up(sandbox: Sandbox) -> None:
    for found in (await page(sandbox)).invoices:
        assert FoundInvoice.model_validate(found.told).invoiceDate is not None
        assert found.told["totalAmount"] + found.told["totalTax"] == found.told["totalPriceAndTax"]
        assert "totalsDiffer" not in found.told
        assert "extra" not in found.told
        assert found.told["sellerIdentificationNumber"] == "91330000SANDBOX001"


async def test_all_pages_over_one_session(sandbox: Sandbox) -> None:
    numbers: list[str] = []
    async with query_session_with(sandbox.url) as session:
        for number in (1, 2, 3):
            shown, notice = await told(session, query_order(page=number), 2)
            assert isinstance(shown, PageShown)
            assert (shown.current_page, shown.has_next, notice) == (number, number < 3, DownloadTold(ok=True))
            numbers += [found.told["countETicketNumbers"] for found in shown.invoices]

    assert len(numbers) == len(set(numbers)) == 25
    assert (sandbox.vendor.of(USER_ID).opened, sandbox.vendor.of(USER_ID).max_concurrent) == (1, 1)


async def test_an_issued_invoice_is_found_on_the_other_endpoint() -> None:
    async with Sandbox(SandboxOptions(qr="never")) as sandbox:
        async with session_with(sandbox.url) as session:
            await session.login(login())
            await heard(session)
            await session.submit(submission())
            assert isinstance(await heard(session), ResultShown)
        [issued] = sandbox.ledger.invoices.values()
        today = issued.issued_at[:10]
        async with query_session_with(sandbox.url) as session:
            [event] = await told(session, query_order(startInvoiceDate=today, endInvoiceDate=today), 1)

    assert isinstance(event, PageShown)
    [found] = event.invoices
    assert (found.told["buyerName"], found.told["note"], found.told["totalPriceAndTax"]) == (
        "买方有限公司",
        "订单号:7",
        Decimal(201),
    )
    assert found.told["isInvoicePositive"] is True


async def test_filters_reach_the_gateway_as_it_understands_them(sandbox: Sandbox) -> None:
    [one, *_] = (await page(sandbox)).invoices
    amount = one.told["totalAmount"]

    async with query_session_with(sandbox.url) as session:
        by_buyer = await told(session, query_order(buyerIdentificationNumber=one.told["buyerIdentificationNumber"]), 1)
        await heard_of_query(session)
        by_amount = await told(session, query_order(startInvoiceValue=str(amount), endInvoiceValue=amount), 1)
        await heard_of_query(session)
        by_number = await told(session, query_order(countETicketNumbers=one.told["countETicketNumbers"]), 1)

    for [event] in (by_buyer, by_amount, by_number):
        assert isinstance(event, PageShown)
        assert one.told["id"] in {found.told["id"] for found in event.invoices}
        assert len(event.invoices) < 10
    assert not sandbox.vendor.of(USER_ID).violations


async def test_what_was_received_is_asked_for_by_the_other_query_type(sandbox: Sandbox) -> None:
    async with query_session_with(sandbox.url) as session:
        [event] = await told(session, query_order(queryType=1), 1)

    assert isinstance(event, PageShown)
    assert {found.told["buyerIdentificationNumber"] for found in event.invoices} == {"91330000SANDBOX001"}


async def test_a_failed_download_is_retried_by_its_text_even_on_another_session(sandbox: Sandbox) -> None:
    _, failure = await answers(sandbox, "download_fails=2", 2)
    assert isinstance(failure, DownloadTold)
    assert failure.date is not None

    async with query_session_with(sandbox.url) as session:
        await session.retry_download(failure.date)
        assert await heard_of_query(session) == failure
        await session.retry_download(failure.date)
        assert await heard_of_query(session) == DownloadTold(ok=True)
    assert not sandbox.vendor.of(USER_ID).violations


async def test_a_page_of_a_thousand_invoices_fits() -> None:
    many = SandboxOptions(qr="never", archive_count=1000)
    async with Sandbox(many) as sandbox, query_session_with(sandbox.url) as session:
        [event] = await told(session, query_order(size=1000), 1)

    assert isinstance(event, PageShown)
    assert len(event.invoices) == 1000


# ---- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ("login_refused", ["LoginAnswered"]),
        ("query_refused", ["QueryRefused"]),
        ("query_login_told", ["LoginAnswered", "PageShown", "DownloadTold"]),
        ("query_dropped", ["Disconnected", "Disconnected"]),
        ("query_dropped_after_page", ["PageShown", "Disconnected"]),
        ("query_other_send_to", ["other_user", "PageShown", "DownloadTold"]),
        ("query_garbage", ["not_json", "PageShown", "DownloadTold"]),
        ("query_garbage_only", ["not_json"]),
        ("query_twice", ["PageShown", "unexpected_phase", "DownloadTold"]),
        ("query_binary", ["PageShown", "DownloadTold"]),
        ("page_oversized", ["Disconnected", "Disconnected"]),
        ("download_before_page", ["DownloadTold", "PageShown"]),
        ("download_twice", ["PageShown", "DownloadTold", "DownloadTold"]),
        ("download_two_dates", ["PageShown", "DownloadTold", "DownloadTold"]),
        ("download_dropped", ["PageShown", "Disconnected"]),
    ],
)
async def test_each_fault_is_told_as_what_it_is(sandbox: Sandbox, fault: str, events: list[str]) -> None:
    assert names(await answers(sandbox, fault, len(events))) == events


@pytest.mark.parametrize(
    "fault",
    [
        *("page_typed_login", "page_nested=1", "page_nested=3", "page_paging_outside", "page_as_json_text"),
        *("paging_text", "rows_ids_text", "rows_vip_text", "rows_money_text"),
        *("numeric_send_to_id", "query_binary"),
    ],
)
async def test_each_bent_shape_reads_as_the_plain_one(sandbox: Sandbox, fault: str) -> None:
    bent, plain = await page(sandbox, fault), await page(sandbox)

    assert bent == plain


async def test_what_is_null_empty_or_missing_is_left_out(sandbox: Sandbox) -> None:
    bent, plain = await page(sandbox, "rows_mixed_empty"), await page(sandbox)

    for one, other in zip(bent.invoices, plain.invoices, strict=True):
        assert one.told == {
            name: value for name, value in other.told.items() if name not in {"invoiceRiskLevel", "drawer"}
        }


@pytest.mark.parametrize(
    "fault",
    [
        *("rows_dates_seconds", "rows_dates_digits", "rows_dates_text", "rows_dates_iso", "rows_dates_array"),
        *("rows_dates_slashes", "rows_dates_english", "rows_dates_java"),
    ],
)
async def test_each_wording_of_a_date_is_the_same_moment(sandbox: Sandbox, fault: str) -> None:
    bent, plain = await page(sandbox, fault), await page(sandbox)

    assert [found.told["invoiceDate"] for found in bent.invoices] == [
        found.told["invoiceDate"] for found in plain.invoices
    ]


async def test_a_day_alone_is_its_beginning(sandbox: Sandbox) -> None:
    bent, plain = await page(sandbox, "rows_dates_day"), await page(sandbox)

    days = [found.told["invoiceDate"].date() for found in plain.invoices]
    assert [found.told["invoiceDate"].date() for found in bent.invoices] == days
    assert all(found.told["invoiceDate"].isoformat().endswith("T00:00:00+08:00") for found in bent.invoices)


async def test_paging_that_is_missing_or_wrong_is_told_as_it_came(sandbox: Sandbox) -> None:
    assert [(await page(sandbox, "paging_missing")).total, (await page(sandbox, "paging_total_wrong=7")).total] == [
        None,
        7,
    ]
    assert (await page(sandbox, "paging_no_has_next")).has_next is None
    assert (await page(sandbox, "paging_has_next_never")).has_next is False


async def test_rows_beyond_the_manual_keep_what_it_does_not_know(sandbox: Sandbox) -> None:
    [first, *_] = (await page(sandbox, "rows_extra_members")).invoices

    assert first.told["extra"] == {"traceId": "sandbox-0", "tags": ["a", None]}


async def test_totals_that_disagree_are_marked_and_noise_is_not(sandbox: Sandbox) -> None:
    assert all(found.told["totalsDiffer"] for found in (await page(sandbox, "rows_totals_disagree")).invoices)
    assert not any("totalsDiffer" in found.told for found in (await page(sandbox, "rows_money_noisy")).invoices)


@pytest.mark.parametrize(("fault", "date"), [("download_garbage", None), ("download_zero", None)])
async def test_a_notice_that_cannot_be_read_is_a_failure_without_a_date(
    sandbox: Sandbox, fault: str, date: str | None
) -> None:
    assert (await answers(sandbox, fault, 2))[1] == DownloadTold(ok=False, date=date)


@pytest.mark.parametrize("fault", ["numeric_status", "boolean_status", "null_failure"])
async def test_statuses_are_read_in_every_wording(sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.arm("query_refused")
    assert await answers(sandbox, fault) == [QueryRefused()]
    sandbox.faults.arm("login_refused")
    assert await answers(sandbox, fault) == [LoginAnswered(accepted=False)]
    assert (await answers(sandbox, fault, 2))[1] == DownloadTold(ok=True)


async def test_trap_12_a_page_beyond_the_limit_ends_the_session(sandbox: Sandbox) -> None:
    async with query_session_with(sandbox.url, max_page_bytes=8192) as session:
        assert await told(session, query_order(size=25), 1) == [Disconnected("oversized")]
        assert not session.is_open


async def test_trap_5_a_refused_identity_is_permanent(sandbox: Sandbox) -> None:
    with pytest.raises(Permanent) as raised:
        await WebSocketGateway(settings_for(sandbox.url)).connect_query("deny-401")
    assert raised.value.code is FailureCode.GATEWAY_UNAUTHORIZED


async def test_asking_on_a_socket_that_is_gone_says_so(sandbox: Sandbox) -> None:
    async with query_session_with(sandbox.url) as session:
        sandbox.drop(USER_ID)
        assert await heard_of_query(session) == Disconnected("reset")
        with pytest.raises(Transient):
            await session.query(query_order())
        with pytest.raises(Transient):
            await session.retry_download("2024-04-12 10:10:10")


async def test_another_users_page_is_evidence_without_secrets(sandbox: Sandbox) -> None:
    stray, _ = await answers(sandbox, "query_other_send_to", 2)

    assert isinstance(stray, FrameIgnored)
    assert isinstance(json.loads(stray.body or b"")["data"], list)
    assert PASSWORD.encode() not in (stray.body or b"")


async def test_nothing_of_a_query_is_logged_at_debug(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await answers(sandbox, "", 2)

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("worker.sandbox")]
    assert not [message for message in ours if PASSWORD in message or "userId" in message or "query_invoice" in message]
