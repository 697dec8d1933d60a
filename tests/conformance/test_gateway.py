"""The gateway client against the sandbox over real sockets: the dialogue as the manual has it, and every fault."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator

import pytest

from tests.conformance.gateway_peer import PASSWORD, USER_ID, heard, login, session_with, submission
from worker.errors import SubmissionInDoubt, Transient
from worker.ports import (
    Disconnected,
    FrameIgnored,
    GatewaySession,
    LoginAnswered,
    QrRefused,
    QrShown,
    ResultRefused,
    ResultShown,
    SessionEvent,
    Submission,
)
from worker.sandbox.server import Sandbox, SandboxOptions


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose scans confirm themselves at once."""
    async with Sandbox(SandboxOptions(qr="never", auto_scan_seconds=0.05)) as running:
        yield running


async def told_after(session: GatewaySession, order: Submission, count: int) -> list[SessionEvent]:
    """Log in, submit, and listen to the next `count` events."""
    await session.login(login())
    assert await heard(session) == LoginAnswered(accepted=True)
    await session.submit(order)
    return [await heard(session) for _ in range(count)]


async def answers(sandbox: Sandbox, fault: str, count: int = 1) -> list[SessionEvent]:
    """What a session hears after a submission that asks for `fault`."""
    async with session_with(sandbox.url) as session:
        return await told_after(session, submission(fault), count)


def names(events: list[SessionEvent]) -> list[str]:
    return [event.reason if isinstance(event, FrameIgnored) else type(event).__name__ for event in events]


# ---- the dialogue as the manual has it ---------------------------------------------------------------


async def test_a_session_says_whether_something_has_come_that_nobody_heard(sandbox: Sandbox) -> None:
    """Read from the socket library's own queue, which is no promise of its: this holds it to it."""
    async with session_with(sandbox.url) as session:
        before = session.has_unheard
        await session.login(login())
        async with asyncio.timeout(60):
            while not session.has_unheard:
                await asyncio.sleep(0.01)

        assert before is False
        assert await heard(session) == LoginAnswered(accepted=True)
        assert not session.has_unheard


async def test_an_invoice_is_issued_without_a_scan(sandbox: Sandbox) -> None:
    [result] = await answers(sandbox, "")

    assert isinstance(result, ResultShown)
    assert result.invoice["buyerName"] == "买方有限公司"
    assert str(result.invoice["invoiceItems"][0]["unitPrice"]) in {"100.5", "100.50"}
    assert re.fullmatch(r"http://.*\.pdf", result.invoice_url or "")
    assert PASSWORD not in repr(result)
    assert not sandbox.vendor.of(USER_ID).violations


async def test_an_invoice_is_issued_after_a_scan_and_the_code_is_read() -> None:
    async with Sandbox(SandboxOptions(qr="always")) as sandbox, session_with(sandbox.url) as session:
        [code] = await told_after(session, submission(), 1)

        assert isinstance(code, QrShown)
        assert (code.image or "").startswith("data:image/png;base64,")
        [scan] = sandbox.waiting_scans()
        assert code.content == sandbox.scan_url(scan.token)
        assert sandbox.confirm(scan.token)
        assert isinstance(await heard(session), ResultShown)


async def test_one_session_serves_many_invoices(sandbox: Sandbox) -> None:
    async with session_with(sandbox.url) as session:
        await told_after(session, submission(), 1)
        for _ in range(4):
            await session.submit(submission())
            assert isinstance(await heard(session), ResultShown)

    assert sandbox.vendor.of(USER_ID).opened == 1
    assert sandbox.vendor.of(USER_ID).logins == 1
    assert sandbox.vendor.of(USER_ID).submissions == 5


async def test_the_same_user_id_may_connect_again_after_closing(sandbox: Sandbox) -> None:
    for _ in range(5):
        async with session_with(sandbox.url) as session:
            assert names(await told_after(session, submission(), 1)) == ["ResultShown"]

    assert sandbox.vendor.of(USER_ID).max_concurrent == 1


async def test_a_large_invoice_arrives_whole(sandbox: Sandbox) -> None:
    async with session_with(sandbox.url) as session:
        [result] = await told_after(session, submission(lines=2000), 1)

    assert isinstance(result, ResultShown)
    assert len(result.invoice["invoiceItems"]) == 2000


@pytest.mark.parametrize(
    "fault",
    ["login_refused", "login_refused,numeric_status", "login_refused,boolean_status", "login_refused,null_failure"],
)
async def test_a_refused_login_is_told_in_every_wording(sandbox: Sandbox, fault: str) -> None:
    for name in fault.split(","):
        sandbox.faults.arm(name)

    async with session_with(sandbox.url) as session:
        await session.login(login())
        assert await heard(session) == LoginAnswered(accepted=False)


# ---- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ("qr_unavailable", ["QrRefused"]),
        ("qr_failed", ["QrShown", "QrRefused"]),
        ("qr_failed_then_new", ["QrShown", "QrRefused", "QrShown", "ResultShown"]),
        ("two_qrs", ["QrShown", "QrShown", "ResultShown"]),
        ("refused", ["ResultRefused"]),
        ("refused_but_issued", ["ResultRefused"]),
        ("result_twice", ["ResultShown", "ResultShown"]),
        ("other_user", ["other_user", "ResultShown"]),
        ("other_invoice_first", ["ResultShown", "ResultShown"]),
        ("garbage", ["not_json", "ResultShown"]),
        ("dropped_before_result", ["Disconnected"]),
        ("dropped_after_issuing", ["Disconnected"]),
    ],
)
async def test_each_fault_is_told_as_what_it_is(sandbox: Sandbox, fault: str, events: list[str]) -> None:
    assert names(await answers(sandbox, fault, len(events))) == events


@pytest.mark.parametrize(
    "fault",
    [
        "wrong_type_word",
        "result_as_json_text",
        "nested_data",
        "items_as_list",
        "integers_for_flags",
        "url_with_curly_quotes",
        "binary_frame",
        "extra_fields",
    ],
)
async def test_each_bent_shape_reads_as_the_plain_one(sandbox: Sandbox, fault: str) -> None:
    [bent] = await answers(sandbox, fault)
    [plain] = await answers(sandbox, "")

    assert isinstance(bent, ResultShown)
    assert isinstance(plain, ResultShown)
    told = ("buyerName", "buyerType", "sellerBankShow", "vipId", "isDrafts", "invoiceItems", "sellerAddress")
    assert [bent.invoice[name] for name in told] == [plain.invoice[name] for name in told]
    assert (bent.invoice_url or "").endswith(".pdf")
    assert PASSWORD not in repr(bent)


@pytest.mark.parametrize("fault", ["items_empty", "missing_echo_fields", "no_echo"])
async def test_a_scant_result_is_a_result(sandbox: Sandbox, fault: str) -> None:
    [result] = await answers(sandbox, fault)

    assert isinstance(result, ResultShown)
    assert result.invoice.get("invoiceItems", []) == [] or fault == "missing_echo_fields"


@pytest.mark.parametrize("fault", ["numeric_status", "boolean_status", "null_failure"])
async def test_a_refusal_is_one_in_every_wording(sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.arm("refused")
    assert await answers(sandbox, fault) == [ResultRefused()]


async def test_a_numeric_send_to_id_is_our_own(sandbox: Sandbox) -> None:
    async with session_with(sandbox.url, "0") as session:
        assert names(await told_after(session, submission("numeric_send_to_id"), 1)) == ["ResultShown"]


async def test_a_draft_is_told(sandbox: Sandbox) -> None:
    [result] = await answers(sandbox, "draft")

    assert isinstance(result, ResultShown)
    assert result.is_draft


@pytest.mark.parametrize(("fault", "has_image"), [("qr_bare_base64", True), ("qr_text", False)])
async def test_a_code_is_read_in_every_form(sandbox: Sandbox, fault: str, has_image: bool) -> None:
    [code] = await answers(sandbox, fault)

    assert isinstance(code, QrShown)
    assert (code.image is not None) is has_image
    assert (code.content or "").startswith(f"{sandbox.http_url}/scan/")


async def test_another_users_result_is_evidence_without_secrets(sandbox: Sandbox) -> None:
    [stray, _] = await answers(sandbox, "other_user", 2)

    assert isinstance(stray, FrameIgnored)
    assert stray.body is not None
    assert PASSWORD.encode() not in stray.body


async def test_trap_12_an_oversized_frame_ends_the_session(sandbox: Sandbox) -> None:
    async with session_with(sandbox.url) as session:
        assert await told_after(session, submission("oversized_frame"), 1) == [Disconnected("oversized")]
        assert not session.is_open
        assert await heard(session) == Disconnected("oversized")


async def test_trap_11_a_socket_that_is_cut_is_reset(sandbox: Sandbox) -> None:
    async with session_with(sandbox.url) as session:
        assert session.is_open
        sandbox.drop(USER_ID)
        assert await heard(session) == Disconnected("reset")
        assert not session.is_open


async def test_sending_on_a_socket_that_is_gone_says_so(sandbox: Sandbox) -> None:
    async with session_with(sandbox.url) as session:
        await told_after(session, submission(), 1)
        sandbox.drop(USER_ID)
        await heard(session)
        with pytest.raises(SubmissionInDoubt):
            await session.submit(submission())

    async with session_with(sandbox.url) as session:
        sandbox.drop(USER_ID)
        await heard(session)
        with pytest.raises(Transient):
            await session.login(login())


async def test_a_submission_is_sent_exactly_once_whatever_comes_back(sandbox: Sandbox) -> None:
    for fault in ("garbage", "dropped_after_issuing", "result_twice", "refused", "qr_failed"):
        sandbox.reset()
        await answers(sandbox, fault)
        assert sandbox.vendor.of(USER_ID).submissions == 1, fault


async def test_nothing_of_a_dialogue_is_logged_at_debug(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await answers(sandbox, "")

    # The sandbox runs in this process and logs for itself.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("worker.sandbox")]
    assert not [message for message in ours if PASSWORD in message or "userId" in message or "invoice_info" in message]


async def test_a_scan_that_fails_may_be_followed_by_a_result(sandbox: Sandbox) -> None:
    events = await answers(sandbox, "qr_failed_then_new", 4)

    assert QrRefused() in events
    assert isinstance(events[-1], ResultShown)
