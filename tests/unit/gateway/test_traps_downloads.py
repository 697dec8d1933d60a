"""The traps of download notices (research/domain.md 5, 72 to 76), and of every frame on `/web/invoice` (7, 9, 49)."""

import json
from typing import Any

import pytest

from tests.unit.gateway.dialogue import PASSWORD, RESULT, USER_ID, frame
from tests.unit.gateway.queries import (
    PAGE,
    ROW,
    answered,
    asked,
    ignored,
    shown,
    told,
)
from worker.gateway.codec import IgnoredReason
from worker.gateway.session import QueryDialogue
from worker.ports import DownloadTold, FrameIgnored, PageShown, ResultShown

# ---- download messages -------------------------------------------------------------------------------


def test_trap_72_notices_come_unasked_before_and_after_a_page_and_as_many_as_they_like() -> None:
    dialogue = asked()

    assert told("1", "query_invoice_download_zip", dialogue) == DownloadTold(ok=True)
    assert isinstance(told(PAGE, dialogue=dialogue), PageShown)
    for _ in range(2):
        assert told("1", "query_invoice_download_zip", dialogue) == DownloadTold(ok=True)


def test_trap_72_a_notice_before_anything_was_asked_is_nobodys() -> None:
    dialogue = QueryDialogue(USER_ID)

    assert ignored("1", "query_invoice_download_zip", dialogue) == IgnoredReason.UNEXPECTED_PHASE


@pytest.mark.parametrize("success", ["1", 1, True, " 1 ", {"data": "1"}])
def test_trap_73_a_download_that_is_done(success: Any) -> None:
    assert told(success, "query_invoice_download_zip", answered()) == DownloadTold(ok=True)


@pytest.mark.parametrize(
    "date", ["2024-04-12 10:10:10", " 2024-04-12  10:10:10 ", "2024/4/12", "2024年4月12日, 2 张", "1712643071000"]
)
def test_trap_73_the_text_of_a_failure_goes_back_byte_for_byte(date: str) -> None:
    dialogue = answered()

    assert told(date, "query_invoice_download_zip", dialogue) == DownloadTold(ok=False, date=date)
    assert json.loads(dialogue.send_retry(date)) == {"type": "query_invoice_download_zip", "data": date}


@pytest.mark.parametrize(
    "data",
    ["0", 0, None, "", "下载异常", {}, [], {"date": "x"}, "2024-04-12\n10", "2024-04-12 " + "x" * 200, "2"],
)
def test_trap_73_anything_else_is_a_failure_that_nobody_can_retry(data: Any) -> None:
    assert told(data, "query_invoice_download_zip", answered()) == DownloadTold(ok=False, date=None)


@pytest.mark.parametrize("type_word", ["query_invoice", "login", "", None])
def test_trap_73_a_bare_date_is_a_failed_download_whatever_the_type_word_says(type_word: Any) -> None:
    date = "2024-04-12 10:10:10"

    assert told(date, type_word, answered()) == DownloadTold(ok=False, date=date)
    assert told(date, type_word, asked()) == DownloadTold(ok=False, date=date)


def test_trap_73_the_tables_type_word_serves_for_success_once_the_page_is_there() -> None:
    assert told("1", "query_invoice", answered()) == DownloadTold(ok=True)
    assert ignored("1", "query_invoice", asked()) == IgnoredReason.NO_DATA


def test_trap_74_a_retry_asks_for_its_text_alone() -> None:
    dialogue = QueryDialogue(USER_ID)

    assert json.loads(dialogue.send_retry("2024-04-12 10:10:10")) == {
        "type": "query_invoice_download_zip",
        "data": "2024-04-12 10:10:10",
    }
    assert told("1", "query_invoice_download_zip", dialogue) == DownloadTold(ok=True)


def test_trap_75_no_frame_brings_a_file() -> None:
    assert told("UEsDBBQAAAAIAA==", "query_invoice_download_zip", answered()) == DownloadTold(ok=False)


def test_trap_76_an_answer_with_comments_is_not_json() -> None:
    text = '// 成功\n{"type": "query_invoice_download_zip", "sendToId": "1111", "data": "1"}'

    assert answered().receive_text(text) == FrameIgnored(IgnoredReason.NOT_JSON)


# ---- for all of them ---------------------------------------------------------------------------------


def test_trap_7_pages_and_notices_for_another_user_never_count() -> None:
    dialogue = asked()

    stray = dialogue.receive_text(frame("query_invoice", PAGE, "2222"))

    assert isinstance(stray, FrameIgnored)
    assert stray.reason == IgnoredReason.OTHER_USER
    assert "ABC科技有限公司" in (stray.body or b"").decode()
    for type_word, data in (("login", "1"), ("query_invoice", "0"), ("query_invoice_download_zip", "1")):
        assert dialogue.receive_text(frame(type_word, data, "2222")) == FrameIgnored(IgnoredReason.OTHER_USER)
    assert isinstance(dialogue.receive_text(frame("query_invoice", PAGE, 1111)), PageShown)


def test_trap_9_a_late_result_on_the_query_side_is_told_as_one() -> None:
    """It settles what it proves, by the same rules as on a session for orders."""
    for type_word in ("invoice_pdf", "login", "query_invoice", ""):
        event = told(RESULT, type_word)

        assert isinstance(event, ResultShown)
        assert event.invoice["buyerName"] == "买方有限公司"
        assert PASSWORD not in repr(event)


def test_trap_9_what_refuses_or_says_nothing_on_the_query_side_is_kept_as_evidence() -> None:
    for data in ({**RESULT, "invoiceUrl": None, "code": 500, "msg": "失败"}, {"code": 500, "msg": "失败"}, "0"):
        event = told(data, "invoice_pdf")

        assert isinstance(event, FrameIgnored)
        assert event.reason == IgnoredReason.UNEXPECTED_TYPE
        assert event.body is not None
        assert PASSWORD.encode() not in event.body


def test_trap_49_the_password_of_a_query_is_a_secret_wherever_it_is_echoed() -> None:
    row = {**ROW, "note": f"pw={PASSWORD}", "drawer": PASSWORD, "password": PASSWORD, "trace": {"t": [PASSWORD]}}

    page = shown({**PAGE, "data": [row], "login": {"password": PASSWORD}})

    assert PASSWORD not in repr(page)
    assert page.invoices[0].told["extra"] == {"trace": {"t": ["***"]}}
