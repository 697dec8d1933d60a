"""The HTTP look-ups against the sandbox, and against servers that fail: over real sockets."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from contracts.failures import FailureCode
from contracts.invoices import FoundItem, InvoiceFile
from tests.conformance.gateway_peer import (
    details_of,
    heard_of_query,
    query_order,
    query_session_with,
    raw_server,
    self_signed,
    settings_for,
)
from tests.conformance.http_peer import answer, http_peer, rows
from tests.plain_http import NO_TLS
from worker.errors import Permanent, Transient
from worker.gateway.rest import MAX_BODY_BYTES, HttpInvoiceDetails
from worker.ports import InvoiceDetails, PageShown
from worker.sandbox.server import Sandbox, SandboxOptions

EVERY = ("pdf", "ofd", "xml")
ID = "1778381047770263553"
EMPTY = rows()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox in whose archive every company has 60 invoices."""
    async with Sandbox(SandboxOptions(qr="never", archive_count=60)) as running:
        yield running


async def ids_of(sandbox: Sandbox, count: int = 3) -> list[str]:
    """The ids of the first invoices that a query shows."""
    async with query_session_with(sandbox.url) as session:
        await session.query(query_order(size=count))
        shown = await heard_of_query(session)
    assert isinstance(shown, PageShown)
    return [found.gateway_id for found in shown.invoices]


# ---- as the manual has it ----------------------------------------------------------------------------


async def test_the_items_of_an_invoice(sandbox: Sandbox) -> None:
    [one] = await ids_of(sandbox, 1)

    async with details_of(sandbox.url) as details:
        items = await details.items(one)

    assert items
    for item in items:
        assert FoundItem.model_validate(item).invoiceBasicInfoId == one
        assert (item["taxRate"], item["taxRateValue"]) == ("1%", Decimal("0.01"))
        assert item["amount"] + item["tax"] == item["totalPriceAndTax"]
        assert "extra" not in item
    assert sandbox.lookups.violations == 0


async def test_the_files_of_some_invoices_can_be_fetched(sandbox: Sandbox) -> None:
    ids = await ids_of(sandbox)

    async with details_of(sandbox.url) as details:
        files = await details.files(ids, EVERY)

    assert {(one["invoiceBasicInfoId"], one["type"]) for one in files} == {(i, t) for i in ids for t in EVERY}
    assert all(InvoiceFile.model_validate(one).countETicketNumbers for one in files)
    async with httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False) as http:
        fetched = await http.get(next(one["url"] for one in files if one["type"] == "pdf"))
    assert fetched.content.startswith(b"%PDF")


@pytest.mark.parametrize("array", ["repeat", "comma", "brackets"])
async def test_lists_are_understood_in_every_form(sandbox: Sandbox, array: str) -> None:
    ids = await ids_of(sandbox)

    async with details_of(sandbox.url, http_array=array) as details:
        assert len(await details.files(ids, ["pdf", "xml"])) == 6
    assert sandbox.lookups.violations == 0


async def test_many_ids_go_in_batches(sandbox: Sandbox) -> None:
    ids = await ids_of(sandbox, 60)

    async with details_of(sandbox.url, http_batch=25) as details:
        assert len(await details.files(ids, ["pdf"])) == 60
    assert (sandbox.lookups.files, sandbox.lookups.file_ids) == (3, 60)


async def test_no_more_look_ups_run_at_once_than_the_settings_allow(sandbox: Sandbox) -> None:
    ids = await ids_of(sandbox, 40)
    sandbox.faults.arm("http_slow", times=100, value=0.02)

    async with details_of(sandbox.url, http_concurrency=4) as details:
        found = await asyncio.gather(*map(details.items, ids), details.files(ids, EVERY))

    assert len(found) == 41
    assert sandbox.lookups.max_concurrent == 4


async def test_files_that_are_not_ready_are_not_there() -> None:
    options = SandboxOptions(qr="never", archive_count=5, files_not_ready=1)
    async with Sandbox(options) as sandbox, details_of(sandbox.url) as details:
        ids = await ids_of(sandbox)
        assert await details.files(ids, EVERY) == ()
        assert len(await details.files(ids, EVERY)) == 9


async def test_ids_that_nobody_knows_have_nothing(sandbox: Sandbox) -> None:
    async with details_of(sandbox.url) as details:
        assert await details.items("17") == ()
        assert await details.files(["17"], EVERY) == ()
        assert await details.files([], EVERY) == ()


# ---- faults of the sandbox ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["http_code_200", "rows_ids_text", "rows_twice", "files_foreign", "files_urls_relative", "files_types_odd"]
)
async def test_each_bent_answer_about_files_reads_as_the_plain_one(sandbox: Sandbox, fault: str) -> None:
    ids = await ids_of(sandbox)

    async with details_of(sandbox.url) as details:
        plain = await details.files(ids, EVERY)
        sandbox.faults.arm(fault)
        assert await details.files(ids, EVERY) == plain


@pytest.mark.parametrize("fault", ["http_code_200", "rows_ids_text", "rows_money_text", "items_foreign"])
async def test_each_bent_answer_about_items_reads_as_the_plain_one(sandbox: Sandbox, fault: str) -> None:
    [one] = await ids_of(sandbox, 1)

    async with details_of(sandbox.url) as details:
        plain = await details.items(one)
        sandbox.faults.arm(fault)
        assert await details.items(one) == plain


@pytest.mark.parametrize("fault", ["http_429", "http_500", "http_503", "http_cut"])
async def test_what_fails_in_passing_is_repeated(sandbox: Sandbox, fault: str) -> None:
    ids = await ids_of(sandbox)
    sandbox.faults.arm(fault, times=3, value=0)

    async with details_of(sandbox.url) as details:
        assert len(await details.files(ids, EVERY)) == 9
    assert sandbox.lookups.files == 4


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("http_401", FailureCode.GATEWAY_UNAUTHORIZED, "with 401"),
        ("http_403", FailureCode.GATEWAY_FORBIDDEN, "with 403"),
        ("http_business_error", FailureCode.HTTP_ERROR, "code 500"),
        ("http_not_json", FailureCode.HTTP_ERROR, "not JSON"),
        ("http_redirect", FailureCode.HTTP_ERROR, "with 302"),
    ],
)
async def test_what_repeating_cannot_help_is_permanent_at_once(
    sandbox: Sandbox, fault: str, code: FailureCode, says: str
) -> None:
    sandbox.faults.arm(fault, times=9)

    async with details_of(sandbox.url) as details:
        with pytest.raises(Permanent, match=says) as raised:
            await details.items(ID)

    assert raised.value.code is code
    assert (sandbox.lookups.items, sandbox.lookups.redirects_followed) == (1, 0)


@pytest.mark.parametrize("fault", ["items_none", "http_data_null"])
async def test_items_that_are_not_ready_are_not_there(sandbox: Sandbox, fault: str) -> None:
    [one] = await ids_of(sandbox, 1)
    sandbox.faults.arm(fault)

    async with details_of(sandbox.url) as details:
        assert await details.items(one) == ()
        assert await details.items(one)


# ---- the wire ----------------------------------------------------------------------------------------


async def test_a_rotated_header_goes_with_the_next_request_on_the_same_connection() -> None:
    tokens = iter(("first", "next"))
    async with http_peer(EMPTY) as (url, peer):
        details = HttpInvoiceDetails(settings_for(url), headers=lambda: {"X-Token": next(tokens)})
        for _ in range(2):
            await details.items(ID)
        await details.aclose()

    assert [heard.headers["x-token"] for heard in peer.heard] == ["first", "next"]


async def test_requests_carry_the_headers_of_the_settings_and_no_body() -> None:
    async with (
        http_peer(EMPTY) as (url, peer),
        details_of(f"{url}/prefix", gateway_headers={"X-Token": "abc"}) as details,
    ):
        await details.items(ID)
        await details.files([ID, "17"], ["pdf"])

    first, second = peer.heard
    assert first.target == f"/prefix/web/invoice/item/{ID}"
    assert second.target == f"/prefix/web/invoice/file?invoiceIdList={ID}&invoiceIdList=17&typeList=pdf"
    assert first.headers["x-token"] == "abc"
    assert first.headers["user-agent"] == "fapiao-worker"
    assert not {"content-length", "content-type", "cookie", "transfer-encoding"} & first.headers.keys()


async def test_brackets_are_encoded_on_the_wire() -> None:
    async with http_peer(EMPTY) as (url, peer), details_of(url, http_array="brackets") as details:
        await details.files([ID], ["pdf"])

    assert peer.heard[0].target == f"/web/invoice/file?invoiceIdList%5B%5D={ID}&typeList%5B%5D=pdf"


async def test_the_http_address_may_be_another() -> None:
    async with http_peer(EMPTY) as (url, peer):
        base = url.replace("ws:", "http:") + "/api/"
        async with details_of("ws://127.0.0.1:9", gateway_http_url=base) as details:
            assert await details.items(ID) == ()

    assert peer.heard[0].target == f"/api/web/invoice/item/{ID}"


async def test_connections_are_kept_alive_also_after_a_failure() -> None:
    async with http_peer(answer(429, {"msg": "busy"}), EMPTY) as (url, peer), details_of(url) as details:
        for _ in range(5):
            await details.items(ID)

    assert (len(peer.heard), peer.connections) == (6, 1)


async def test_a_connection_that_the_gateway_closed_meanwhile_costs_one_repetition() -> None:
    async with http_peer(EMPTY, None, EMPTY) as (url, peer), details_of(url) as details:
        assert [await details.items(ID) for _ in range(2)] == [(), ()]

    assert [one.connection for one in peer.heard] == [1, 1, 2]


async def test_no_cookie_is_kept() -> None:
    cookie = answer(200, {"code": 0, "data": []}, "Set-Cookie: session=somebody; Path=/")
    async with http_peer(cookie) as (url, peer), details_of(url) as details:
        await details.items(ID)
        await details.items(ID)

    assert "cookie" not in peer.heard[1].headers


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with http_peer(EMPTY) as (url, _), details_of(url) as details:
        assert await details.items(ID) == ()


async def test_a_look_up_that_takes_too_long_is_given_up_and_its_place_is_free_again() -> None:
    hangs = asyncio.Event()
    async with (
        http_peer(EMPTY) as (url, peer),
        details_of(url, http_timeout_seconds=0.2, http_attempts=1, http_concurrency=1) as details,
    ):
        peer.gate = hangs.wait
        for _ in range(3):
            with pytest.raises(Transient, match="in time"):
                await details.items(ID)
        peer.gate = None
        assert await details.items(ID) == ()


async def test_an_answer_that_trickles_is_given_up_all_the_same() -> None:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)

    async with raw_server(trickle) as url, details_of(url, http_timeout_seconds=0.3, http_attempts=1) as details:
        with pytest.raises(Transient, match="in time"):
            await details.items(ID)


async def test_a_caller_that_gives_up_leaves_its_place_to_others() -> None:
    hangs = asyncio.Event()
    async with http_peer(EMPTY) as (url, peer), details_of(url, http_concurrency=1) as details:
        peer.gate = hangs.wait
        first, waiting = asyncio.ensure_future(details.items(ID)), asyncio.ensure_future(details.items(ID))
        while not peer.heard:
            await asyncio.sleep(0.001)
        for call in (waiting, first):
            call.cancel()
        await asyncio.gather(first, waiting, return_exceptions=True)
        peer.gate = None
        assert await details.items(ID) == ()


async def test_an_answer_of_absurd_length_is_not_read_to_its_end() -> None:
    async with http_peer(answer(200, b" " * (MAX_BODY_BYTES + 1))) as (url, peer), details_of(url) as details:
        with pytest.raises(Permanent, match="longer than"):
            await details.items(ID)

    assert len(peer.heard) == 1


async def test_numbers_stay_exact() -> None:
    body = (
        b'{"code":0,"data":[{"invoiceBasicInfoId":1778381047770263553,"quantity":0.1,"amount":12345678901234567.89}]}'
    )
    async with http_peer(answer(200, body)) as (url, _), details_of(url) as details:
        [item] = await details.items(ID)

    assert item == {
        "invoiceBasicInfoId": ID,
        "quantity": Decimal("0.1"),
        "amount": Decimal("12345678901234567.89"),
    }


async def test_nobody_listening_is_transient() -> None:
    async with details_of("ws://127.0.0.1:9", http_attempts=2) as details:
        with pytest.raises(Transient, match="cannot be reached"):
            await details.items(ID)


@pytest.mark.parametrize("says", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b""])
async def test_a_server_that_speaks_no_http_or_stops_in_the_middle_is_transient(says: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(says)
        writer.close()

    async with raw_server(speak) as url, details_of(url, http_attempts=2) as details:
        with pytest.raises(Transient, match="broke off a look-up"):
            await details.items(ID)


async def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_trusted_one_lets_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)

    async with http_peer(EMPTY, tls=tls) as (url, _):
        async with details_of(url, http_attempts=1) as details:
            with pytest.raises(Transient, match="certificate that is not trusted: self-signed certificate"):
                await details.items(ID)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with details_of(url, http_attempts=1) as details:
            assert await details.items(ID) == ()


async def test_it_is_the_port() -> None:
    async with details_of("ws://127.0.0.1:9") as details:
        port: InvoiceDetails = details
        assert port is details
