"""The sandbox keeps to the manual over real sockets, and misbehaves only when asked to."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import zxingcpp
from PIL import Image
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.conformance.sandbox_client import client, get, logged_in, order, until
from worker.sandbox.faults import FAULTS
from worker.sandbox.server import Sandbox, SandboxOptions

QUICK = SandboxOptions(qr="never")
RESULT_MEMBERS = {
    *("buyerName", "buyerIndentification", "buyerAddress", "buyerPhone", "buyerInvoiceType", "buyerType"),
    *("buyerEmail", "buyerBank", "buyerBankAccount", "buyerBankShow", "sellerBankShow", "vipId", "isDrafts"),
    *("invoiceItems", "sellerName", "sellerIndentification", "sellerBank", "sellerBankAccount"),
    *("sellerLoginAccount", "sellerLoginPassword", "invoiceUrl", "sellerAddress", "sellerPhone", "remark"),
}


def scan_text(image: str, folder: Path) -> str:
    file = folder / "qr.png"
    file.write_bytes(base64.b64decode(image.removeprefix("data:image/png;base64,")))
    (code,) = zxingcpp.read_barcodes(Image.open(file))
    return str(code.text)


async def test_an_invoice_is_issued_after_the_qr_was_opened_and_confirmed(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        shown = await speaker.hear()
        assert shown["type"] == "invoice_qrcode"
        address = scan_text(shown["data"], tmp_path)
        assert sandbox.ledger.invoices == {}

        page = await get(sandbox, address.removeprefix(sandbox.http_url))
        assert "甲公司" in page.text
        assert "200.20" in page.text
        assert "Confirm the scan" in page.text
        said = await get(sandbox, address.removeprefix(sandbox.http_url) + "/confirm", "POST")
        assert "Scan confirmed" in said.text

        answer = await speaker.hear()
        assert (answer["type"], answer["sendToId"]) == ("invoice_pdf", "1111")
        assert set(answer["data"]) == RESULT_MEMBERS
        assert all(isinstance(value, str) for value in answer["data"].values())
        assert answer["data"]["sellerLoginPassword"] == "top-secret"
        assert json.loads(answer["data"]["invoiceItems"])[0]["unitPrice"] == 100.1
        file = await get(sandbox, answer["data"]["invoiceUrl"].removeprefix(sandbox.http_url))
        assert file.headers["content-type"] == "application/pdf"
        assert file.content.startswith(b"%PDF")


async def test_a_declined_scan_fails_the_qr_and_issues_nothing() -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        await speaker.hear()
        (waiting,) = sandbox.waiting_scans()
        said = await get(sandbox, f"/scan/{waiting.token}/decline", "POST")
        assert "Declined" in said.text
        assert (await speaker.hear()) == {"type": "invoice_qrcode", "sendToId": "1111", "data": "0"}
        assert not sandbox.confirm(waiting.token)
        assert sandbox.ledger.invoices == {}


async def test_a_scan_expires_and_confirms_by_itself_when_told_to() -> None:
    expiring = SandboxOptions(qr_valid_seconds=0.05)
    async with Sandbox(expiring) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        await speaker.hear()
        assert (await speaker.hear())["data"] == "0"
    automatic = SandboxOptions(auto_scan_seconds=0.05, qr="auto")
    async with Sandbox(automatic) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        assert [(await speaker.hear())["type"] for _ in range(2)] == ["invoice_qrcode", "invoice_pdf"]
        await speaker.issue()
        assert (await speaker.hear())["type"] == "invoice_pdf"


async def test_submissions_are_counted_by_remark_and_survive_the_process(tmp_path: Path) -> None:
    options = SandboxOptions(qr="never", ledger_path=tmp_path / "ledger.jsonl")
    async with Sandbox(options) as sandbox, logged_in(sandbox) as speaker:
        for remark in ("a", "a", "b"):
            await speaker.issue(remark=remark)
            await speaker.hear()
        told = (await get(sandbox, "/_sandbox/ledger?remark=a")).json()
        assert (told["submissionCount"], told["invoiceCount"], told["submittedTwice"]) == (2, 2, {"a": 2})
        assert told["invoices"][0]["totalPriceAndTax"] == 200.2
        assert len(told["invoices"][0]["invoiceNumber"]) == 20
    assert "top-secret" not in (tmp_path / "ledger.jsonl").read_text()
    async with Sandbox(options) as reopened:
        assert reopened.ledger.submissions_of("a") == 2
        (issued,) = (i.number for i in reopened.ledger.issued_for("b"))
        assert (await get(reopened, f"/files/{issued}.pdf")).content.startswith(b"%PDF")


async def test_an_order_without_login_or_beside_the_manual_is_refused_and_counted() -> None:
    async with Sandbox(QUICK) as sandbox, client(sandbox) as speaker:
        await speaker.issue()
        assert (await speaker.hear())["data"] == "0"
        await speaker.log_in()
        await speaker.issue(buyerType="0", novel=1)
        assert (await speaker.hear())["data"] == "0"
        assert sandbox.vendor.of("1111").violations == 1
        told = (await get(sandbox, "/_sandbox/journal")).json()
        assert "buyerType is not a number; novel is not in the manual" in {entry["about"] for entry in told}
        await speaker.socket.send("not json")
        await until(lambda: sandbox.vendor.of("1111").violations == 2)


async def test_the_newest_socket_gets_the_replies_and_a_late_close_of_the_old_one_loses_them() -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as old:
        await old.issue()
        await old.hear()
        async with logged_in(sandbox) as new:
            assert sandbox.vendor.of("1111").max_concurrent == 2
            sandbox.confirm(sandbox.waiting_scans()[0].token)
            assert (await new.hear())["type"] == "invoice_pdf"
            assert await old.hears_nothing()
            await old.socket.close()
            await until(lambda: len(sandbox.vendor.open_sockets("1111")) == 1)
            await new.say("login", {})
            assert await new.hears_nothing()
            assert sandbox.vendor.of("1111").lost_replies == 1


async def test_a_client_that_reconnects_after_its_close_is_never_seen_twice() -> None:
    async with Sandbox(QUICK) as sandbox:
        for _ in range(50):
            async with client(sandbox) as speaker:
                await speaker.log_in()
        told = (await get(sandbox, "/_sandbox/sessions?userId=1111")).json()
        assert told["maxConcurrent"] == 1
        assert told["users"]["1111"]["logins"] == 50


@pytest.mark.parametrize(("user_id", "status"), [("deny-401-x", 401), ("deny-403-x", 403), ("deny-503", 503)])
async def test_a_handshake_is_denied_by_user_id(user_id: str, status: int) -> None:
    async with Sandbox(QUICK) as sandbox:
        with pytest.raises(InvalidStatus) as denied:
            async with client(sandbox, user_id):
                pass
        assert denied.value.response.status_code == status


async def test_a_handshake_is_denied_by_an_armed_fault_as_often_as_armed() -> None:
    async with Sandbox(QUICK) as sandbox:
        armed = await get(sandbox, "/_sandbox/faults/set?name=handshake_refuse&userId=1111&times=1", "POST")
        assert armed.json()["armed"]["times"] == 1
        with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
            async with client(sandbox):
                pass
        async with logged_in(sandbox):
            pass


@pytest.mark.parametrize(
    ("password", "data"),
    [("refuse-login", "0"), ("#fault=login_refused#fault=numeric_status", 0), ("#fault=boolean_status", True)],
)
async def test_login_faults_are_asked_for_by_password(password: str, data: Any) -> None:
    async with Sandbox(QUICK) as sandbox, client(sandbox) as speaker:
        assert (await speaker.log_in(password))["data"] == data


async def test_a_login_can_stay_silent_or_cut_the_socket() -> None:
    async with Sandbox(QUICK) as sandbox:
        async with client(sandbox) as speaker:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.15):
                    await speaker.log_in("silent-login")
        async with client(sandbox) as speaker:
            with pytest.raises(ConnectionClosed):
                await speaker.log_in("#fault=login_dropped")


@pytest.mark.parametrize(
    ("fault", "frames", "invoices"),
    [
        ("refused", ["0"], 0),
        ("refused_but_issued", ["0"], 1),
        ("qr_unavailable", ["0"], 0),
        ("silent", [], 0),
        ("silent_after_issuing", [], 1),
        ("qr_failed", ["qr", "0"], 0),
        ("qr_never_scanned", ["qr"], 0),
        ("no_qr", ["result"], 1),
        ("result_twice", ["result", "result"], 1),
        ("other_user", ["result", "result"], 1),
        ("other_invoice", ["result"], 0),
        ("other_invoice_first", ["result", "result"], 1),
        ("draft", ["result"], 0),
        ("slow=0.1", ["result"], 1),
        ("result_late=0.1", ["result"], 1),
    ],
)
async def test_a_fault_is_asked_for_in_the_order(fault: str, frames: list[str], invoices: int) -> None:
    async with Sandbox(QUICK) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(remark=f"command-1#fault={fault}")
        heard = [await speaker.hear() for _ in frames]
        assert await speaker.hears_nothing()
        kinds = ["qr" if str(f["data"]).startswith("data:") else f["data"] for f in heard]
        assert ["result" if isinstance(kind, dict) else kind for kind in kinds] == frames
        assert len(sandbox.ledger.issued_for(f"command-1#fault={fault}")) == invoices
        assert sandbox.ledger.submissions_of(f"command-1#fault={fault}") == 1


async def test_a_mistyped_fault_is_told_where_people_look() -> None:
    async with Sandbox(QUICK) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(remark="SO-1#fault=refusd")
        await speaker.hear()
        (told,) = [each for each in sandbox.feed if each.event == "fault.unheard"]
        page = (await get(sandbox, "/")).text

    assert (told.about, told.remark) == ("no fault is named refusd; did you mean refused?", "SO-1#fault=refusd")
    assert told.about in page


@pytest.mark.parametrize(("fault", "invoices"), [("dropped_before_result", 0), ("dropped_after_issuing", 1)])
async def test_a_socket_is_cut_before_or_after_issuing(fault: str, invoices: int) -> None:
    async with Sandbox(QUICK) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(buyerName=f"甲公司#fault={fault}")
        with pytest.raises(ConnectionClosed):
            await speaker.hear()
        assert len(sandbox.ledger.invoices) == invoices


@pytest.mark.parametrize("fault", ["two_qrs", "qr_failed_then_new"])
async def test_only_the_newest_of_two_qrs_works(fault: str) -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(remark=f"#fault={fault}")
        first = await speaker.hear()
        (dead,) = sandbox.waiting_scans()
        assert not sandbox.confirm(dead.token)
        while (second := await speaker.hear())["data"] == "0":
            pass
        assert second["data"] != first["data"]
        (live,) = sandbox.waiting_scans()
        assert sandbox.confirm(live.token)
        assert (await speaker.hear())["type"] == "invoice_pdf"
        assert "newer QR" in (await get(sandbox, f"/scan/{dead.token}")).text


async def test_frames_that_are_no_answer_come_as_asked_for() -> None:
    async with Sandbox(QUICK) as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(remark="#fault=garbage")
        assert b"<html>" in str(await speaker.hear_raw()).encode()
        assert (await speaker.hear())["type"] == "invoice_pdf"
        await speaker.issue(remark="#fault=oversized_frame")
        assert len(await speaker.hear_raw()) == 5 * 1024 * 1024
        await speaker.issue(remark="#fault=binary_frame")
        assert isinstance(await speaker.hear_raw(), bytes)
        assert len(sandbox.ledger.invoices) == 3


async def test_the_control_endpoints_tell_arm_drop_and_reset() -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        assert set((await get(sandbox, "/_sandbox/faults")).json()["table"]) == set(FAULTS)
        assert (await get(sandbox, "/_sandbox/faults/set?name=nonsense", "POST")).status_code == 400
        assert (await get(sandbox, "/_sandbox/faults/set?name=refused&times=0", "POST")).status_code == 400
        assert (await get(sandbox, "/_sandbox/nonsense")).status_code == 404
        assert (await get(sandbox, "/scan/nonsense")).status_code == 404
        assert (await get(sandbox, "/files/1.pdf")).status_code == 404
        assert (await get(sandbox, "/", "PUT")).status_code == 405
        assert sandbox.url in (await get(sandbox, "/")).text
        await speaker.issue()
        await speaker.hear()
        (waiting,) = (await get(sandbox, "/_sandbox/scans")).json()
        assert waiting["url"].startswith(sandbox.http_url)
        assert (await get(sandbox, "/_sandbox/scans/confirm?userId=1111", "POST")).json() == {"confirmed": 1}
        assert (await speaker.hear())["type"] == "invoice_pdf"
        assert (await get(sandbox, "/_sandbox/submissions")).json() == {"command-1": 1}
        assert (await get(sandbox, "/_sandbox/reset", "POST")).json() == {"reset": True}
        assert (await get(sandbox, "/_sandbox/ledger")).json()["submissionCount"] == 0
        assert (await get(sandbox, "/_sandbox/drop?userId=1111", "POST")).json() == {"dropped": 1}
        with pytest.raises(ConnectionClosed):
            await speaker.hear()


async def test_no_password_is_told_over_http() -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue()
        await speaker.hear()
        await get(sandbox, "/_sandbox/scans/confirm", "POST")
        await speaker.hear()
        for path in ("ledger", "journal", "sessions", "scans", "faults"):
            assert "top-secret" not in (await get(sandbox, f"/_sandbox/{path}")).text


async def test_an_address_may_have_a_prefix_and_needs_a_user_id() -> None:
    async with Sandbox(QUICK) as sandbox:
        async with connect(f"{sandbox.url}/gateway/invoice?userId=1", compression=None) as socket:
            await socket.send("{}")
        for path in ("/invoice", "/web/invoice"):
            with pytest.raises(InvalidStatus):
                await connect(f"{sandbox.url}{path}", compression=None)


async def test_the_vendor_writes_it_another_way_where_it_was_told_to() -> None:
    """By a magic value of the order's own, and by a behaviour that was set over HTTP."""
    behaviour = {"result": [["sellerName", "append", "（杭州）"]], "logins": ["没有权限", "1"]}
    async with Sandbox(SandboxOptions(qr="never")) as sandbox:
        address = f"/_sandbox/behaviour/set?userId=u-1&behaviour={quote(json.dumps(behaviour))}"
        assert (await get(sandbox, address, "POST")).status_code == 200
        assert (await get(sandbox, "/_sandbox/behaviour/set?userId=u-1&behaviour={}x", "POST")).status_code == 400
        async with client(sandbox, "u-1") as speaker:
            assert (await speaker.log_in())["data"] == "没有权限"
            assert (await speaker.log_in())["data"] == "1"
            await speaker.say("invoice_info", order(remark="SO-1#fault=echo_suffixed"))
            told = (await speaker.hear())["data"]
        assert (told["buyerName"], told["sellerName"]) == ("甲公司（个人）", "乙公司（杭州）")
