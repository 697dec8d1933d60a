"""The traps of `/invoice` that concern what comes after a submission: QR codes and results, by their number."""

import base64
import json
from typing import Any

import pytest

from tests.unit.gateway.dialogue import (
    LOGIN,
    PASSWORD,
    RESULT,
    SUBMISSION,
    data_uri,
    frame,
    ignored,
    picture,
    session_in,
    shown,
    told,
)
from worker.gateway.codec import IgnoredReason
from worker.gateway.session import InvoiceSession, Phase
from worker.ports import (
    FrameIgnored,
    QrRefused,
    QrShown,
    ResultRefused,
    ResultShown,
)

# ---- invoice_qrcode ----------------------------------------------------------------------------------


def test_trap_41_data_uri_qr() -> None:
    uri = data_uri(picture("hello"))

    assert told("invoice_qrcode", uri) == QrShown(image=uri, content=None)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif"])
def test_trap_41_bare_base64_qr(kind: str) -> None:
    content = picture("hello", kind)

    assert told("invoice_qrcode", base64.b64encode(content).decode()) == QrShown(data_uri(content, kind), None)


def test_trap_41_anything_else_is_the_text_of_the_qr() -> None:
    text = "qrcode_id=abc&areaPrefix=zhejiang"

    assert told("invoice_qrcode", text) == QrShown(image=None, content=text)


def test_trap_41_json_may_be_the_text_of_the_qr() -> None:
    assert told("invoice_qrcode", '{"id":7}') == QrShown(image=None, content='{"id":7}')


def test_trap_41_a_qr_larger_than_a_mebibyte_is_refused() -> None:
    content = b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024)
    session = InvoiceSession("1111", max_frame_bytes=4 * 1024 * 1024)
    session.send_login(LOGIN)
    session.receive_text(frame("login", "1"))
    session.send_invoice(SUBMISSION)

    too_large = data_uri(content + bytes(1024))

    assert session.receive_text(frame("invoice_qrcode", data_uri(content))) == FrameIgnored(IgnoredReason.UNREADABLE)
    assert session.receive_text(frame("invoice_qrcode", too_large)) == FrameIgnored(IgnoredReason.OVERSIZED)
    assert session.receive_text(frame("invoice_qrcode", "x" * 7090)) == FrameIgnored(IgnoredReason.OVERSIZED)


@pytest.mark.parametrize("data", ["data:text/html;base64,PGI+", "data:image/png;base64,!!!", "data:,x", "iVBORw0KGgo!"])
def test_trap_41_what_calls_itself_a_picture_and_is_none_is_not_shown(data: str) -> None:
    assert ignored("invoice_qrcode", data) == IgnoredReason.UNREADABLE


def test_trap_42_a_new_code_and_a_result_may_follow_a_failed_scan() -> None:
    session = session_in(Phase.SUBMITTED)

    assert session.receive_text(frame("invoice_qrcode", "0")) == QrRefused()
    assert isinstance(session.receive_text(frame("invoice_qrcode", "second")), QrShown)
    assert isinstance(session.receive_text(frame("invoice_pdf", RESULT)), ResultShown)


def test_trap_43_each_new_code_is_shown() -> None:
    session = session_in(Phase.SUBMITTED)

    codes = [session.receive_text(frame("invoice_qrcode", text)) for text in ("first", "second")]

    assert codes == [QrShown(None, "first"), QrShown(None, "second")]


def test_trap_44_the_result_may_come_without_a_code() -> None:
    assert shown(RESULT).is_draft is False


# ---- invoice_pdf -------------------------------------------------------------------------------------


def test_trap_46_a_refusal_is_told_as_such_and_does_not_end_the_dialogue() -> None:
    session = session_in(Phase.SUBMITTED)

    assert session.receive_text(frame("invoice_pdf", "0")) == ResultRefused()
    assert isinstance(session.receive_text(frame("invoice_pdf", RESULT)), ResultShown)


@pytest.mark.parametrize("word", ["1", 1, True, "true", "是", "Y"])
def test_trap_47_a_draft_is_told_as_a_draft(word: Any) -> None:
    result = shown({**RESULT, "isDrafts": word})

    assert result.is_draft
    assert result.invoice["isDrafts"] == 1


@pytest.mark.parametrize("word", ["0", 0, False, "false", "否", "", None])
def test_trap_47_all_else_that_says_no_is_no_draft(word: Any) -> None:
    assert not shown({**RESULT, "isDrafts": word}).is_draft


@pytest.mark.parametrize("word", ["草稿", "2", 5, [], {}, "maybe"])
def test_trap_47_whether_it_is_a_draft_is_never_guessed(word: Any) -> None:
    event = told("invoice_pdf", {**RESULT, "isDrafts": word})

    assert isinstance(event, FrameIgnored)
    assert event.reason == IgnoredReason.UNREADABLE
    assert event.body is not None


def test_trap_49_the_echo_of_account_and_password_ends_here() -> None:
    result = shown({**RESULT, "traceId": PASSWORD, "notes": [f"pw={PASSWORD};", {"userPassword": "other"}]})

    assert not {"sellerLoginAccount", "sellerLoginPassword"} & set(result.invoice)
    assert result.invoice["traceId"] == "***"
    assert result.invoice["notes"] == ["pw=***;", {}]
    assert PASSWORD not in repr(result)


def test_trap_49_a_url_gives_no_password_away() -> None:
    url = shown({**RESULT, "invoiceUrl": f"http://x/y?p={PASSWORD}"}).invoice_url

    assert url == "http://x/y?p=***"


def test_trap_50_the_url_is_told_and_no_member_of_the_invoice() -> None:
    assert "invoiceUrl" not in shown(RESULT).invoice


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(RESULT),
        json.dumps(json.dumps(RESULT)),
        {"data": RESULT},
        {"data": {"data": json.dumps(RESULT)}},
        json.dumps({"code": 200, "data": RESULT}),
    ],
)
def test_trap_52_the_result_comes_as_object_as_json_text_and_nested(data: Any) -> None:
    assert shown(data) == shown(RESULT)
