"""The control API does what its OpenAPI document says, waits so that nobody sleeps, and tells no secret."""

import asyncio
import json
import re
from contextlib import suppress
from importlib.resources import files
from typing import Any

import httpx
import pytest

from tests.conformance.sandbox_client import client, logged_in, order
from tests.conformance.sandbox_peer import COMPANY, ask, querying
from tests.plain_http import NO_TLS
from worker.sandbox.api.table import ROUTES
from worker.sandbox.scenarios import SCENARIOS
from worker.sandbox.server import Sandbox, SandboxOptions

QUICK = SandboxOptions(qr="never")
SECRET = "top-secret"


async def call(sandbox: Sandbox, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False) as http:
        return await http.request(method, f"{sandbox.http_url}/{path}", **options)


async def told(sandbox: Sandbox, path: str, method: str = "GET", **options: Any) -> Any:
    answer = await call(sandbox, f"_sandbox/{path}", method, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_document_names_every_route_and_no_other() -> None:
    async with Sandbox(QUICK) as sandbox:
        document = await told(sandbox, "openapi.json")
        assert document["openapi"] == "3.1.0"
        assert document["servers"] == [{"url": sandbox.http_url}]
        assert document["paths"].keys() == {f"/_sandbox/{route.path}" for route in ROUTES}
        operations = [one["operationId"] for path in document["paths"].values() for one in path.values()]
        assert len(operations) == len(set(operations)) == len(ROUTES)


async def test_every_route_of_the_document_answers_its_method_and_refuses_the_other() -> None:
    """And a parameter that the document does not name, and one that is not of its kind."""
    async with Sandbox(QUICK) as sandbox:
        document = await told(sandbox, "openapi.json")
        for path, operations in document["paths"].items():
            ((method, operation),) = operations.items()
            other = "GET" if method == "post" else "POST"
            refused = await call(sandbox, path[1:], other)
            assert (refused.status_code, refused.headers["allow"]) == (405, method.upper()), path
            assert (await call(sandbox, path[1:], method.upper(), params={"zzz": "1"})).status_code == 400, path
            for parameter in operation["parameters"]:
                needed = {one["name"]: "1" for one in operation["parameters"] if one["required"]}
                if parameter["schema"]["type"] != "string":
                    wrong = {**needed, parameter["name"]: "x1x"}
                    answer = await call(sandbox, path[1:], method.upper(), params=wrong)
                    assert answer.status_code == 400, (path, parameter["name"])
                    assert "x1x" not in answer.text
            if method == "get" and not any(one["required"] for one in operation["parameters"]):
                kind = next(iter(operation["responses"]["200"]["content"]))
                assert (await _head(sandbox, path)).startswith(kind)


async def _head(sandbox: Sandbox, path: str) -> str:
    async with (
        httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False) as http,
        http.stream("GET", sandbox.http_url + path) as answer,
    ):
        assert answer.status_code == 200, path
        return answer.headers["content-type"]


async def test_the_readme_lists_every_route() -> None:
    readme = files("worker.sandbox").joinpath("README.md").read_text(encoding="utf-8")
    for route in ROUTES:
        if route.path != "elsewhere":
            assert re.search(rf"(_sandbox/|`){re.escape(route.path)}[`?]", readme), route.path


async def test_waiting_ends_with_what_was_waited_for_or_says_that_it_did_not_happen() -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        wait = asyncio.create_task(told(sandbox, "wait?event=qr.shown&userId=1111&remark=SO-1"))
        await speaker.issue(remark="SO-1 of today")
        happening = await wait
        assert (happening["event"], happening["remark"]) == ("qr.shown", "SO-1 of today")
        assert await told(sandbox, f"scans/confirm?token={happening['about']}", "POST") == {"confirmed": 1}
        issued = await told(sandbox, f"wait?event=invoice.issued,invoice.drafted&after={happening['number']}")
        assert issued["about"] in sandbox.ledger.invoices
        late = await call(sandbox, "_sandbox/wait?event=scan.expired&timeout=0.05")
        assert late.status_code == 408
        assert late.json()["lastNumber"] == sandbox.feed.last_number
        for wrong in (
            "wait",
            "wait?event=nonsense",
            "wait?event=frame.sent&timeout=301",
            "wait?event=frame.sent&timeout=nan",
        ):
            assert (await call(sandbox, f"_sandbox/{wrong}")).status_code == 400


async def test_events_are_told_as_they_happen_and_from_where_the_reader_was() -> None:
    async with (
        Sandbox(QUICK) as sandbox,
        httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False) as http,
        http.stream("GET", f"{sandbox.http_url}/_sandbox/events") as answer,
    ):
        lines = answer.aiter_lines()
        async with logged_in(sandbox):
            first = await _next_happening(lines)
            assert (first["event"], first["userId"]) == ("session.opened", "1111")
            heard = await _next_happening(lines)
            assert heard["event"] == "frame.heard"
            assert '"password": "***"' in heard["frame"]
        headers = {"Last-Event-ID": str(first["number"])}
        async with http.stream("GET", f"{sandbox.http_url}/_sandbox/events", headers=headers) as again:
            assert (await _next_happening(again.aiter_lines()))["number"] == heard["number"]


async def _next_happening(lines: Any) -> Any:
    async with asyncio.timeout(60):
        async for line in lines:
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended")


async def test_a_stream_ends_with_the_sandbox() -> None:
    async with httpx.AsyncClient(verify=NO_TLS, timeout=60, trust_env=False) as http:
        sandbox = Sandbox(QUICK)
        await sandbox.start()
        async with http.stream("GET", f"{sandbox.http_url}/_sandbox/events") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            async with asyncio.timeout(60):
                await sandbox.stop()
                with suppress(httpx.TransportError):
                    assert [line async for line in lines if line] == []


@pytest.mark.parametrize("way", ["confirm", "decline", "expire"])
async def test_a_waiting_scan_is_settled_from_outside(way: str) -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        await speaker.hear()
        (waiting,) = await told(sandbox, "scans")
        assert list((await told(sandbox, f"scans/{way}?token={waiting['token']}", "POST")).values()) == [1]
        frame = await speaker.hear()
        assert (frame["type"], frame["data"] == "0") == (
            ("invoice_pdf", False) if way == "confirm" else ("invoice_qrcode", True)
        )
        assert (await call(sandbox, f"scan/{waiting['token']}/qr.svg")).headers["content-type"] == "image/svg+xml"
        assert (await call(sandbox, f"scan/{waiting['token']}/confirm")).status_code == 405


async def test_the_clock_moves_what_waits_and_what_is_dated() -> None:
    async with Sandbox(SandboxOptions(qr_valid_seconds=300)) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        await speaker.hear()
        before = await told(sandbox, "clock")
        after = await told(sandbox, "clock/advance", "POST", data={"seconds": "301"})
        assert after["offsetSeconds"] == before["offsetSeconds"] + 301
        assert await speaker.hear() == {"type": "invoice_qrcode", "sendToId": "1111", "data": "0"}
        assert (await call(sandbox, "_sandbox/clock/advance?seconds=-1", "POST")).status_code == 400
        await told(sandbox, "clock/advance?seconds=86400", "POST")
        await speaker.issue(remark="tomorrow#fault=no_qr")
        await speaker.hear()
        (invoice,) = sandbox.ledger.issued_for("tomorrow#fault=no_qr")
        assert invoice.issued_at[:10] > before["now"][:10]


async def test_an_exchange_is_recorded_and_replayed_to_another_order() -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(remark="first", buyerName="甲公司#fault=url_with_curly_quotes")
        await speaker.hear()
        sandbox.confirm(sandbox.waiting_scans()[0].token)
        first = (await speaker.hear())["data"]
        (taped,) = await told(sandbox, "orders?remark=first")
        assert (taped["state"], taped["invoiceNumber"] in first["invoiceUrl"]) == ("invoice.issued", True)
        record = await told(sandbox, f"record?order={taped['number']}")
        assert SECRET not in json.dumps(record)
        assert await told(sandbox, "replay/set?userId=1111", "POST", json=record) == {"set": "1111", "frames": 2}
        await speaker.issue(remark="second", buyerName="乙公司")
        assert (await speaker.hear())["data"].startswith("data:image/png")
        sandbox.confirm(sandbox.waiting_scans()[0].token)
        second = (await speaker.hear())["data"]
        assert (second["remark"], second["buyerName"], second["sellerLoginPassword"]) == ("second", "乙公司", SECRET)
        (issued,) = sandbox.ledger.issued_for("second")
        assert second["invoiceUrl"] == f"“{sandbox.file_url(issued.number)}“"
        for wrong in ("{}", "not json", "[" * 50_000):
            assert (await call(sandbox, "_sandbox/replay/set", "POST", content=wrong)).status_code == 400
        assert (await call(sandbox, "_sandbox/record?order=99")).status_code == 400


async def test_a_scenario_happens_to_whoever_comes_next() -> None:
    async with Sandbox(QUICK) as sandbox, logged_in(sandbox) as speaker:
        assert (await told(sandbox, "scenarios")).keys() == SCENARIOS.keys()
        await told(sandbox, "scenarios/set?name=refused_by_bureau", "POST")
        await speaker.issue()
        assert "授信额度不足" in (await speaker.hear())["data"]
        assert (await call(sandbox, "_sandbox/scenarios/set?name=nonsense", "POST")).status_code == 400
        await told(sandbox, "faults/set?name=slow", "POST")
        assert await told(sandbox, "faults/clear?name=slow", "POST") == {"armed": []}


async def test_an_archive_is_laid_out_while_it_runs() -> None:
    async with Sandbox(QUICK) as sandbox, querying(sandbox) as speaker:
        assert (await ask(speaker))["total"] == 0
        seeded = await told(sandbox, "seed?count=12&from=2025-01-01&to=2025-03-01", "POST")
        assert seeded == {"total": 12, "seed": 1, "from": "2025-01-01", "to": "2025-03-01"}
        assert (await ask(speaker))["total"] == 12
        assert (await told(sandbox, f"archive?companyCode={COMPANY}&limit=1"))["invoices"][0]["issuedAt"] < "2025-03-02"
        for wrong in ("seed?from=x", "seed?from=2025-01-02&to=2025-01-01", "seed?count=-1"):
            assert (await call(sandbox, f"_sandbox/{wrong}", "POST")).status_code == 400


async def test_no_password_is_told_anywhere() -> None:
    """Neither as a member, nor where an order's text repeats it."""
    async with Sandbox(SandboxOptions(qr="always")) as sandbox, client(sandbox) as speaker:
        await speaker.log_in(SECRET)
        await speaker.issue(remark=f"pay with {SECRET}", buyerName=f"{SECRET}公司")
        await speaker.hear()
        pages = ["", "_sandbox/page/body", *(f"_sandbox/{p}" for p in ("orders", "record?order=1", "journal", "scans"))]
        for _ in range(2):
            for page in pages:
                answer = await call(sandbox, page)
                assert answer.status_code == 200
                assert SECRET not in answer.text, page
            if sandbox.waiting_scans():
                sandbox.confirm(sandbox.waiting_scans()[0].token)
                await speaker.hear()


async def test_a_page_of_another_origin_reads_and_changes_nothing() -> None:
    async with Sandbox(QUICK) as sandbox:
        foreign = {"Origin": "https://evil.example"}
        assert (await call(sandbox, "_sandbox/faults/set?name=slow", "POST", headers=foreign)).status_code == 403
        assert (
            await call(sandbox, "_sandbox/reset", "POST", headers={"Sec-Fetch-Site": "cross-site"})
        ).status_code == 403
        for page in ("", "_sandbox/ledger", "scan/x"):
            answer = await call(sandbox, page, headers={"Host": "evil.example"})
            assert answer.status_code == 403, page
        assert list(sandbox.faults) == []
        own = {"Origin": sandbox.http_url}
        assert (await call(sandbox, "_sandbox/faults/set?name=slow", "POST", headers=own)).status_code == 200
        assert (await call(sandbox, "")).headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_form_without_scripts_leads_back_to_the_page() -> None:
    async with Sandbox(QUICK) as sandbox:
        page = {"Accept": "text/html,application/xhtml+xml"}
        answer = await call(sandbox, "_sandbox/faults/set", "POST", data={"name": "slow"}, headers=page)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert [armed.name for armed in sandbox.faults] == ["slow"]


@pytest.mark.parametrize("length", ["x", "99999999", "-1", "1e3"])
async def test_a_body_of_no_or_too_great_length_is_refused(length: str) -> None:
    async with Sandbox(QUICK) as sandbox:
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
        writer.write(f"POST /_sandbox/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        async with asyncio.timeout(60):
            assert (await reader.readline()).split()[1] in {b"411", b"413"}
        writer.close()


async def test_texts_of_a_stranger_are_no_markup() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='x"
    async with Sandbox() as sandbox, logged_in(sandbox, "u<b>") as speaker:
        item = {"name": evil, "quantity": 1, "spec": "", "unit": "", "unitPrice": 1}
        await speaker.issue(remark=evil, buyerName=evil, sellerName=evil, invoiceItems=[item])
        await speaker.hear()
        sandbox.faults.arm("slow", evil)
        await speaker.say("invoice_info", {**order(), "invoiceItems": evil, "novel": evil})
        await speaker.hear()
        for _ in range(2):
            for language in ("en", "zh"):
                text = (await call(sandbox, f"?lang={language}")).text
                assert "<img src=x" not in text
                assert "<script>alert" not in text
                assert "u<b>" not in text
                assert evil not in text
            for scan in sandbox.waiting_scans():
                sandbox.confirm(scan.token)
                await speaker.hear()


async def test_an_issued_invoice_is_red_lettered_or_voided_afterwards_and_told_so() -> None:
    """A number that was never given is an error."""
    async with Sandbox(QUICK) as sandbox:
        first, second = (sandbox.ledger.issue("1111", order(remark=remark)) for remark in ("SO-1", "SO-2"))
        red = await told(sandbox, f"invoices/red_letter?number={first.number}", "POST")
        await told(sandbox, f"invoices/void?number={second.number}", "POST")

        listed = {invoice.number: invoice for invoice in sandbox.ledger.invoices.values()}
        assert listed[first.number].status == "已红冲-全额"
        assert listed[second.number].status == "已作废"
        assert listed[red["by"]].total == -first.total
        assert (await told(sandbox, "wait?event=invoice.changed"))["about"] == first.number
        assert (await call(sandbox, "_sandbox/invoices/void?number=1", "POST")).status_code == 400
