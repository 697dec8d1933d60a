"""The sandbox bends queries, downloads and look-ups when asked to, and no other way."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from contracts.gateway import dumps
from contracts.gateway_query import DownloadZipRequest
from tests.conformance.sandbox_client import Client, get, logged_in
from tests.conformance.sandbox_peer import COMPANY, NOTICE, PAST, ask, files_of, query, querying, retry
from tests.plain_http import NO_TLS
from worker.sandbox.faults import FAULTS
from worker.sandbox.server import Sandbox, SandboxOptions


def numbers_of(data: Any) -> list[str]:
    return [row["countETicketNumbers"] for row in data["data"]]


def members(data: Any, name: str) -> list[Any]:
    return [row.get(name) for row in data["data"]]


def is_mixed(data: Any) -> bool:
    first, second, third = data["data"][:3]
    return first["drawer"] is None and second["drawer"] == "" and "drawer" not in third


SHAPES: dict[str, Any] = {
    "page_typed_login": lambda frame, _: frame["type"] == "login" and len(frame["data"]["data"]) == 10,
    "page_nested": lambda frame, _: frame["data"]["data"]["total"] == 25 == 15 + len(frame["data"]["data"]["data"]),
    "page_nested=3": lambda frame, _: frame["data"]["data"]["data"]["data"]["total"] == 25,
    "page_paging_outside": lambda frame, _: frame["data"]["total"] == 25 and len(frame["data"]["data"]["data"]) == 10,
    "page_as_json_text": lambda frame, _: json.loads(frame["data"])["total"] == 25,
    "page_oversized=1": lambda frame, _: len(frame["data"]["data"][0]["note"].encode()) > 1_000_000,
    "paging_has_next_always": lambda _, data: data["hasNext"] is True,
    "paging_has_next_never": lambda _, data: data["hasNext"] is False,
    "paging_no_has_next": lambda _, data: "hasNext" not in data and data["total"] == 25,
    "paging_total_page_wrong=7": lambda _, data: data["totalPage"] == 7,
    "paging_total_wrong=7": lambda _, data: data["total"] == 7,
    "paging_text": lambda _, data: (data["total"], data["hasNext"]) == ("25", "true"),
    "paging_missing": lambda _, data: set(data) == {"data"},
    "rows_twice": lambda _, data: len(data["data"]) == 20 == 2 * len(set(numbers_of(data))),
    "rows_foreign": lambda _, data: set(members(data, "sellerIdentificationNumber")) == {COMPANY, "91330000SANDBOX099"},
    "rows_mixed_empty": lambda _, data: is_mixed(data),
    "rows_extra_members": lambda _, data: members(data, "traceId")[1] == "sandbox-1",
    "rows_ids_text": lambda _, data: len(members(data, "id")[0]) == 19,
    "rows_vip_text": lambda _, data: members(data, "vipId")[0].isdigit(),
    "rows_dates_seconds": lambda _, data: len(str(members(data, "invoiceDate")[0])) == 10,
    "rows_dates_digits": lambda _, data: len(members(data, "invoiceDate")[0]) == 13,
    "rows_dates_text": lambda _, data: members(data, "invoiceDate")[0][:11] == "2024-12-17 ",
    "rows_dates_day": lambda _, data: members(data, "invoiceDate")[0] == "2024-12-17",
    "rows_dates_iso": lambda _, data: members(data, "invoiceDate")[0][-6:] == "+08:00",
    "rows_dates_array": lambda _, data: members(data, "invoiceDate")[0][:3] == [2024, 12, 17],
    "rows_dates_array_nanos": lambda _, data: len(members(data, "invoiceDate")[0]) == 7,
    "rows_dates_fraction": lambda _, data: len(members(data, "invoiceDate")[0]) == len("2024-12-17T00:00:00.123456789"),
    "rows_dates_slashes": lambda _, data: members(data, "invoiceDate")[0][:11] == "2024/12/17 ",
    "rows_dates_chinese": lambda _, data: members(data, "invoiceDate")[0] == "2024年12月17日",
    "rows_dates_english": lambda _, data: members(data, "invoiceDate")[0][:13] == "Dec 17, 2024 ",
    "rows_dates_java": lambda _, data: members(data, "invoiceDate")[0][:11] == "Tue Dec 17 ",
    "rows_money_separated": lambda _, data: all("." in told for told in members(data, "totalPriceAndTax")),
    "rows_money_marked": lambda _, data: (
        members(data, "totalTax")[0][:: len(members(data, "totalTax")[0]) - 1] == "￥元"
    ),
    "rows_money_text": lambda _, data: isinstance(members(data, "totalTax")[0], str),
    "rows_money_noisy": lambda _, data: len(str(members(data, "totalTax")[0])) > 10,
    "rows_totals_disagree": lambda _, data: all(
        abs(row["totalAmount"] + row["totalTax"] + 1 - row["totalPriceAndTax"]) < 0.001 for row in data["data"]
    ),
    "query_filters_ignored": lambda _, data: data["total"] == 25,
}


@pytest.mark.parametrize("fault", SHAPES)
async def test_a_page_has_the_shape_that_was_asked_for(fault: str) -> None:
    """Traps 54, 55, 56, 61, 62, 64, 65, 67 and 69. A fault in a name filters nothing."""
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        buyer = "nobody" if fault == "query_filters_ignored" else None
        for asked in (query(password=f"pw#fault={fault}", buyerName=buyer), query(buyerName=f"#fault={fault}")):
            await speaker.socket.send(asked)
            frame = await speaker.hear()
            assert SHAPES[fault](frame, frame["data"])
            assert (await speaker.hear())["data"] == "1"


COURSES: dict[str, list[str]] = {
    "query_refused": ["query_invoice 0"],
    "query_silent": [],
    "query_slow=0.05": ["page", "1"],
    "query_dropped": ["cut"],
    "query_dropped_after_page": ["page", "cut"],
    "query_login_told": ["login 1", "page", "1"],
    "query_other_send_to": ["page of 11110", "page", "1"],
    "query_garbage": ["garbage", "page", "1"],
    "query_garbage_only": ["garbage"],
    "query_twice": ["page", "page", "1"],
    "query_binary": ["page", "1"],
    "login_refused": ["login 0"],
    "login_reason": ["login 账号或密码错误,您还有2次机会"],
    "login_silent": [],
    "login_slow=0.05": ["page", "1"],
    "login_dropped": ["cut"],
    "download_fails": ["page", "2024-12-17"],
    "download_never": ["page", "2024-12-17"],
    "download_two_dates": ["page", "2024-12-17", "2024-08-13"],
    "download_garbage": ["page", "下载异常"],
    "download_zero": ["page", "0"],
    "download_silent": ["page"],
    "download_late=0.05": ["page", "1"],
    "download_before_page": ["1", "page"],
    "download_twice": ["page", "1", "1"],
    "download_dropped": ["page", "cut"],
}


async def course(speaker: Client, steps: int) -> list[str]:
    """What is heard in so many steps, each frame in a word, and whatever comes after them."""
    heard: list[str] = []
    for _ in range(steps):
        try:
            heard.append(word(await speaker.hear_raw(20)))
        except ConnectionClosed:
            return [*heard, "cut"]
    return heard if await speaker.hears_nothing() else [*heard, "more"]


def word(raw: str | bytes) -> str:
    if raw == "<html>502 Bad Gateway</html>":
        return "garbage"
    frame = json.loads(raw)
    if isinstance(frame["data"], dict):
        return "page" if frame["sendToId"] == "1111" else f"page of {frame['sendToId']}"
    return frame["data"].split(" ")[0] if frame["type"] == NOTICE else f"{frame['type']} {frame['data']}"


@pytest.mark.parametrize("fault", COURSES)
async def test_a_query_takes_the_course_that_was_asked_for(fault: str) -> None:
    """Traps 54, 70, 72 and 73."""
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        await speaker.socket.send(query(password=f"#fault={fault}"))
        assert await course(speaker, len(COURSES[fault])) == COURSES[fault]


async def test_a_query_fault_can_be_armed_for_one_user_and_a_page_can_be_binary() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        sandbox.faults.arm("query_refused", "1111")
        sandbox.faults.arm("query_binary", "other")
        await speaker.socket.send(query())
        assert (await speaker.hear())["data"] == "0"
        sandbox.faults.arm("query_binary", "1111")
        await speaker.socket.send(query())
        assert isinstance(await speaker.hear_raw(), bytes)
        assert isinstance(await speaker.hear_raw(), bytes)


async def test_a_refused_login_is_counted_and_short_words_work_in_queries_too() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        await speaker.socket.send(query(password="refuse-login"))
        assert await speaker.hear() == {"type": "login", "sendToId": "1111", "data": "0"}
        assert sandbox.vendor.of("1111").login_refusals == 1


async def test_a_failed_download_succeeds_after_so_many_retries_on_any_socket() -> None:
    """Traps 73 and 74."""
    async with Sandbox(PAST) as sandbox:
        async with querying(sandbox) as speaker:
            await speaker.socket.send(query(password="#fault=download_fails=3"))
            await speaker.hear()
            date = (await speaker.hear())["data"]
        async with querying(sandbox) as speaker:
            assert [(await retry(speaker, date))["data"] for _ in range(4)] == [date, date, "1", "1"]
            assert (await retry(speaker, date.replace(" ", "T")))["data"] == date.replace(" ", "T")
        assert sandbox.vendor.of("1111").violations == 1
        assert sandbox.vendor.of("1111").downloads == 5


async def test_a_download_that_never_succeeds_says_the_same_date_for_ever() -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        await speaker.socket.send(query(password="#fault=download_never"))
        await speaker.hear()
        date = (await speaker.hear())["data"]
        assert {(await retry(speaker, date))["data"] for _ in range(20)} == {date}


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        ("download_silent", []),
        ("download_zero", ["0"]),
        ("download_garbage", ["下载异常"]),
        ("download_dropped", ["cut"]),
    ],
)
async def test_a_retry_can_go_wrong_too(fault: str, heard: list[str]) -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        sandbox.downloads.fail("1111", "2024-04-12 10:10:10")
        sandbox.faults.arm(fault, "1111")
        await speaker.socket.send(dumps(DownloadZipRequest(data="2024-04-12 10:10:10")))
        assert await course(speaker, len(heard)) == heard


async def test_an_empty_last_page_and_pages_without_end() -> None:
    """Trap 61."""
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        pages = [await ask(speaker, number, password="#fault=paging_empty_last") for number in (3, 4)]
        assert [(len(p["data"]), p["totalPage"], p["hasNext"]) for p in pages] == [(5, 4, True), (0, 4, False)]
        pages = [await ask(speaker, number, password="#fault=paging_repeats") for number in (1, 2, 99)]
        assert numbers_of(pages[0]) == numbers_of(pages[1]) == numbers_of(pages[2])
        assert [(p["hasNext"], p["currentPage"], p["totalPage"]) for p in pages[1:]] == [(True, 2, 3), (True, 99, 100)]


async def test_rows_shift_while_pages_are_turned() -> None:
    """Trap 61: what comes on top pushes rows onto the next page, where they are told again."""
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        pages = [await ask(speaker, number, password="#fault=rows_shift=2") for number in (1, 2, 3)]
        told = [number for page in pages for number in numbers_of(page)]
        assert [page["total"] for page in pages] == [19, 21, 23]
        assert (len(told), len(set(told))) == (23, 19)
        everything = [invoice.number for invoice in sandbox.archive.invoices(COMPANY, 0)]
        assert list(dict.fromkeys(told)) == everything[6:]


class Clock:
    """A clock that goes on when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 4, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


async def test_an_invoice_is_listed_late_or_never() -> None:
    clock = Clock()
    async with Sandbox(SandboxOptions(qr="never"), clock) as sandbox:
        async with logged_in(sandbox, "issuer") as speaker:
            for fault in ("listed_late", "never_listed"):
                await speaker.issue(remark=f"#fault={fault}")
                await speaker.hear()
        async with querying(sandbox) as speaker:
            totals = []
            for seconds in (1, 1, 10**8):
                clock.at += timedelta(seconds=seconds)
                totals.append((await ask(speaker))["total"])
            assert totals == [0, 1, 1]


def code_of(answer: httpx.Response) -> Any:
    return answer.status_code, answer.json()["code"], answer.json()["data"]


ANSWERS: dict[str, Any] = {
    "http_401": lambda a: a.status_code == 401,
    "http_403": lambda a: a.status_code == 403,
    "http_429": lambda a: (a.status_code, a.headers["Retry-After"]) == (429, "1"),
    "http_500": lambda a: a.status_code == 500 and "Retry-After" not in a.headers,
    "http_503": lambda a: a.status_code == 503 and "Retry-After" not in a.headers,
    "http_slow": lambda a: code_of(a)[:2] == (200, 0),
    "http_not_json": lambda a: (a.status_code, a.text) == (200, "<html>502 Bad Gateway</html>"),
    "http_code_200": lambda a: code_of(a)[:2] == (200, 200) and a.json()["data"],
    "http_business_error": lambda a: code_of(a) == (200, 500, None) and a.json()["msg"],
    "http_data_null": lambda a: code_of(a) == (200, 0, None),
    "http_redirect": lambda a: a.status_code == 302 and "//localhost:" in a.headers["Location"],
    "rows_twice": lambda a: len(a.json()["data"]) == 2 * len({row["id"] for row in a.json()["data"]}),
    "rows_extra_members": lambda a: a.json()["data"][0]["traceId"] == "sandbox-0",
    "rows_ids_text": lambda a: len(a.json()["data"][0]["invoiceBasicInfoId"]) == 19,
}
ITEM_ANSWERS: dict[str, Any] = {
    "rows_mixed_empty": lambda a: a.json()["data"][0]["specificBusinessType"] is None,
    "rows_money_text": lambda a: isinstance(a.json()["data"][0]["unitPrice"], str),
    "rows_money_noisy": lambda a: len(str(a.json()["data"][0]["tax"])) > 10,
    "rows_totals_disagree": lambda a: (
        sum(row["totalPriceAndTax"] - row["amount"] - row["tax"] for row in a.json()["data"]) > 0.9
    ),
    "items_none": lambda a: code_of(a) == (200, 0, []),
    "items_foreign": lambda a: len({row["invoiceBasicInfoId"] for row in a.json()["data"]}) == 2,
    "items_rates_fractions": lambda a: a.json()["data"][0]["taxRate"] == "0.01",
    "items_rates_words": lambda a: a.json()["data"][0]["taxRate"] == "免税",
}
FILE_ANSWERS: dict[str, Any] = {
    "files_none": lambda a: code_of(a) == (200, 0, []),
    "files_types_missing": lambda a: [row["type"] for row in a.json()["data"]] == ["pdf"],
    "files_foreign": lambda a: len({row["invoiceBasicInfoId"] for row in a.json()["data"]}) == 2,
    "files_urls_relative": lambda a: all(row["url"].startswith("/files/2433") for row in a.json()["data"]),
    "files_urls_spaced": lambda a: all(" 电子发票" in row["url"] for row in a.json()["data"]),
    "files_types_odd": lambda a: [row["type"] for row in a.json()["data"]] == ["PDF", ".OFD", "XML"],
}


@pytest.mark.parametrize("fault", [*ANSWERS, *ITEM_ANSWERS, *FILE_ANSWERS])
async def test_a_look_up_is_answered_as_was_armed_once(fault: str) -> None:
    """Traps 62, 77 to 80, 82 to 84, 86 and 88. Armed for the user "", a fault waits for look-ups alone."""
    async with Sandbox(PAST) as sandbox:
        identity = sandbox.archive.invoices(COMPANY, 0)[0].row_id
        paths = [] if fault in FILE_ANSWERS else [f"/web/invoice/item/{identity}"]
        paths += [] if fault in ITEM_ANSWERS else [files_of(identity)]
        answers = {**ANSWERS, **ITEM_ANSWERS, **FILE_ANSWERS}
        for path in paths:
            plain = (await get(sandbox, path)).json()
            sandbox.faults.arm(fault, "", value=0.01 if fault == "http_slow" else None)
            async with querying(sandbox) as speaker:
                await ask(speaker)
            assert answers[fault](await get(sandbox, path))
            assert (await get(sandbox, path)).json() == plain


async def test_a_connection_is_cut_and_a_followed_redirect_is_counted() -> None:
    async with Sandbox(PAST) as sandbox:
        identity = sandbox.archive.invoices(COMPANY, 0)[0].row_id
        sandbox.faults.arm("http_cut")
        with pytest.raises(httpx.TransportError):
            await get(sandbox, files_of(identity))
        sandbox.faults.arm("http_503", value=3)
        assert (await get(sandbox, files_of(identity))).headers["Retry-After"] == "3"
        sandbox.faults.arm("http_429", value=0)
        assert "Retry-After" not in (await get(sandbox, files_of(identity))).headers
        sandbox.faults.arm("http_redirect")
        assert sandbox.lookups.redirects_followed == 0
        async with httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False, follow_redirects=True) as http:
            await http.get(sandbox.http_url + files_of(identity))
        assert sandbox.lookups.redirects_followed == 1


def test_every_fault_of_the_query_side_is_shown_here() -> None:
    shown = {name.partition("=")[0] for name in (*SHAPES, *COURSES, *ANSWERS, *ITEM_ANSWERS, *FILE_ANSWERS)}
    shown |= {"paging_empty_last", "paging_repeats", "rows_shift", "http_cut"}
    sides = {"query", "download", "items", "files"}
    statuses = {"numeric_status", "boolean_status", "null_failure", "numeric_send_to_id"}
    assert shown == {name for name, fault in FAULTS.items() if sides & set(fault.phases)} - statuses


@pytest.mark.parametrize(
    ("fault", "data"),
    [("numeric_status", 0), ("boolean_status", False), ("null_failure", None), ("numeric_send_to_id", "0")],
)
async def test_statuses_have_the_shape_that_was_asked_for(fault: str, data: Any) -> None:
    async with Sandbox(PAST) as sandbox, querying(sandbox) as speaker:
        await speaker.socket.send(query(password=f"#fault=query_refused#fault={fault}"))
        heard = await speaker.hear()
        assert heard["data"] is data or heard["data"] == data
        assert heard["sendToId"] == (1111 if fault == "numeric_send_to_id" else "1111")
