"""The traps of the vendor's document (research/domain.md 5) that concern the client of `/invoice`, by their number.

Not here: 3, 22, 28, 31, 34, 38, 39, 40 (the command's contract), 4 (settings), 2, 51 (HTTP), 50 (fetching files),
8, 10, 13, 21, 48 and what 9, 42, 43, 46 ask for in time (flows and lanes), 14 (the sandbox), 18, 37, 45, 53 (words).
What comes after a submission (41 to 52) is in `test_traps_answers`, the handshake and the socket (5, 6, 11, 12) in
`test_websocket` and `tests/conformance/test_gateway`.
"""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from tests.unit.gateway.dialogue import (
    INVOICE,
    ITEM,
    LOGIN,
    PASSWORD,
    RESULT,
    SUBMISSION,
    data_uri,
    frame,
    ignored,
    items_of,
    picture,
    session_in,
    shown,
    told,
)
from worker.gateway.codec import IgnoredReason, invoice_frame, login_frame
from worker.gateway.session import InvoiceSession, Phase
from worker.ports import (
    FrameIgnored,
    LoginAnswered,
    LoginFields,
    QrRefused,
    QrShown,
    ResultRefused,
    ResultShown,
    Submission,
)

FAILURES = ["0", 0, False, None, " 0 ", "false", 0.0]
SUCCESSES = ["1", 1, True, "true", 1.0]


def sent(**members: Any) -> dict[str, Any]:
    """The data of the `invoice_info` that an invoice with these members becomes."""
    text = invoice_frame(Submission({**INVOICE, **members}, "13900000000", SecretStr(PASSWORD)))
    data: dict[str, Any] = json.loads(text, parse_float=Decimal)["data"]
    return data


# ---- whole document ----------------------------------------------------------------------------------


def test_trap_1_curly_quotes_are_not_json() -> None:
    event = session_in(Phase.SUBMITTED).receive_text("{“type”: “login”, “sendToId”: “1111”, “data”: “1”}")

    assert event == FrameIgnored(IgnoredReason.NOT_JSON)


@pytest.mark.parametrize(
    "url", ["“http://example.com/a.pdf“", ' "http://example.com/a.pdf" ', "'http://example.com/a.pdf’\n"]
)
def test_trap_1_quotes_and_spaces_go_from_around_a_url(url: str) -> None:
    assert shown({**RESULT, "invoiceUrl": url}).invoice_url == "http://example.com/a.pdf"


def test_trap_1_quotes_stay_in_all_other_text() -> None:
    assert shown({**RESULT, "remark": " “如实” "}).invoice["remark"] == " “如实” "


@pytest.mark.parametrize("stranger", ["2222", "", "1111 ", None, 2222, 1111.5, True, ["1111"], {"id": "1111"}])
def test_trap_7_a_result_for_another_user_is_kept_as_evidence_and_never_counts(stranger: Any) -> None:
    event = session_in(Phase.SUBMITTED).receive_text(frame("invoice_pdf", RESULT, stranger))

    assert isinstance(event, FrameIgnored)
    assert event.reason == IgnoredReason.OTHER_USER
    assert event.body is not None
    assert "买方有限公司" in event.body.decode()
    assert PASSWORD.encode() not in event.body


def test_trap_7_a_reply_without_send_to_id_is_another_users() -> None:
    event = session_in(Phase.LOGIN_PENDING).receive_text('{"type":"login","data":"1"}')

    assert event == FrameIgnored(IgnoredReason.OTHER_USER)


def test_trap_7_ids_are_opaque_text_whether_they_come_as_number_or_text() -> None:
    event = session_in(Phase.SUBMITTED).receive_text(frame("invoice_pdf", {**RESULT, "vipId": 987654321}, 1111))

    assert isinstance(event, ResultShown)
    assert event.invoice["vipId"] == "987654321"


@pytest.mark.parametrize("phase", list(Phase))
def test_trap_9_a_result_before_any_submission_is_told_as_one(phase: Phase) -> None:
    """It is the late one of a submission on a session before: whose, the lane finds out."""
    assert isinstance(told("invoice_pdf", RESULT, phase), ResultShown)


def test_trap_9_a_late_refusal_does_not_answer_a_login() -> None:
    session = session_in(Phase.LOGIN_PENDING)

    assert isinstance(session.receive_text(frame("invoice_pdf", "0")), FrameIgnored)
    assert session.phase is Phase.LOGIN_PENDING


def test_trap_12_a_frame_beyond_the_limit_is_not_even_parsed() -> None:
    session = InvoiceSession("1111", max_frame_bytes=100)

    assert session.receive_text(" " * 101) == FrameIgnored(IgnoredReason.OVERSIZED)


@pytest.mark.parametrize("type_word", ["login", "query_invoice", "INVOICE_PDF", "", None, 7, ["invoice_pdf"]])
def test_trap_16_a_result_is_known_by_its_shape_whatever_the_type_word_says(type_word: Any) -> None:
    assert shown(RESULT, type_word).invoice_url == "http://example.com/invoice.pdf"


@pytest.mark.parametrize("type_word", ["login", "invoice_pdf", "qr", None])
def test_trap_16_a_qr_is_known_by_its_shape_whatever_the_type_word_says(type_word: Any) -> None:
    assert isinstance(told(type_word, data_uri(picture("hello"))), QrShown)


def test_trap_16_an_echo_of_our_own_invoice_is_no_result() -> None:
    assert ignored("invoice_info", json.loads(invoice_frame(SUBMISSION))["data"]) == IgnoredReason.UNEXPECTED_TYPE


@pytest.mark.parametrize("type_word", ["notice", "query_invoice", "", None])
@pytest.mark.parametrize("data", ["0", "1", "hello", {}, []])
def test_trap_16_a_bare_status_under_an_unknown_type_word_means_nothing(type_word: Any, data: Any) -> None:
    assert ignored(type_word, data) == IgnoredReason.UNEXPECTED_TYPE


@pytest.mark.parametrize("failure", FAILURES)
def test_trap_17_every_wording_of_failure_is_one(failure: Any) -> None:
    assert told("login", failure, Phase.LOGIN_PENDING) == LoginAnswered(accepted=False)
    assert told("invoice_qrcode", failure) == QrRefused()
    assert told("invoice_pdf", failure) == ResultRefused()


@pytest.mark.parametrize("type_word", ["invoice_qrcode", "invoice_pdf"])
def test_trap_17_a_reply_without_data_is_no_failure(type_word: str) -> None:
    event = session_in(Phase.SUBMITTED).receive_text(json.dumps({"type": type_word, "sendToId": "1111"}))

    assert isinstance(event, FrameIgnored)
    assert event.reason == IgnoredReason.NO_DATA


# ---- login -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("success", SUCCESSES)
def test_trap_19_a_login_succeeds_by_1_or_true(success: Any) -> None:
    session = session_in(Phase.LOGIN_PENDING)

    assert session.receive_text(frame("login", success)) == LoginAnswered(accepted=True)
    assert session.phase is Phase.LOGGED_IN


@pytest.mark.parametrize("data", [*FAILURES, "", "2", "成功", {}, [], {"token": "x"}, 200, "ok"])
def test_trap_19_and_15_a_login_fails_by_anything_else(data: Any) -> None:
    answer = told("login", data, Phase.LOGIN_PENDING)
    assert isinstance(answer, LoginAnswered)
    assert not answer.accepted


def test_trap_20_phone_is_sent_as_it_is() -> None:
    login = LoginFields("C", "330102199001011234", SecretStr(PASSWORD), "浙江", "办税员")

    assert json.loads(login_frame(login))["data"]["phone"] == "330102199001011234"


def test_trap_23_company_name_is_no_part_of_this_login() -> None:
    assert list(json.loads(login_frame(LOGIN))["data"]) == ["companyCode", "phone", "password", "area", "role"]


def test_trap_24_a_session_logs_in_itself_before_it_submits() -> None:
    with pytest.raises(ValueError, match="nobody is logged in"):
        InvoiceSession("1111").send_invoice(SUBMISSION)


# ---- invoice_info ------------------------------------------------------------------------------------


def test_trap_25_and_32_the_request_is_the_table_of_the_manual_with_items_as_a_list() -> None:
    data = sent()

    assert isinstance(data["invoiceItems"], list)
    assert list(data["invoiceItems"][0]) == ["name", "quantity", "spec", "unit", "unitPrice"]


def test_trap_26_the_misspelling_is_on_the_wire_and_both_spellings_are_read() -> None:
    result = {name: value for name, value in RESULT.items() if name != "buyerIndentification"}

    assert sent()["buyerIndentification"] == "91330000BUYER00001"
    assert "buyerIdentification" not in sent()
    assert shown({**result, "buyerIdentification": "X1"}).invoice["buyerIndentification"] == "X1"


def test_trap_27_every_member_is_sent_and_empty_where_there_is_nothing() -> None:
    data = sent()

    assert len(data) == 19
    assert [data[name] for name in ("buyerAddress", "buyerPhone", "buyerEmail", "buyerBank")] == [""] * 4
    assert data["buyerBankShow"] == 0


def test_trap_29_and_30_quantities_and_prices_are_exact_json_numbers() -> None:
    lines = [
        {"name": "a", "quantity": "1.50", "unitPrice": "0.10000001"},
        {"name": "b", "quantity": Decimal("1E+2"), "unitPrice": Decimal("12345678901234567.89")},
    ]
    text = invoice_frame(replace(SUBMISSION, invoice={**INVOICE, "invoiceItems": lines}))

    assert '"quantity":1.5,' in text
    assert '"unitPrice":0.10000001' in text
    assert '"quantity":100,' in text
    assert '"unitPrice":12345678901234567.89' in text


@pytest.mark.parametrize(("quantity", "exact"), [(1.5, Decimal("1.5")), ("1.50", Decimal("1.50")), (2, Decimal(2))])
def test_trap_29_answers_are_read_as_decimals(quantity: Any, exact: Decimal) -> None:
    assert items_of([{"name": "a", "quantity": quantity}]) == [{"name": "a", "quantity": exact}]


@pytest.mark.parametrize(
    "items",
    [
        '[{"name":"咨询费","quantity":2,"spec":"","unit":"次","unitPrice":100.50}]',
        [{"name": "咨询费", "quantity": "2", "spec": "", "unit": "次", "unitPrice": "100.50"}],
        {"name": "咨询费", "quantity": 2, "spec": "", "unit": "次", "unitPrice": "100.50"},
        json.dumps('[{"name":"咨询费","quantity":2,"spec":"","unit":"次","unitPrice":100.50}]'),
    ],
)
def test_trap_32_items_come_as_json_text_as_list_or_as_object(items: Any) -> None:
    assert items_of(items) == [ITEM]


@pytest.mark.parametrize("items", ["", "  ", "[]", [], "none", "[{“name”:1}]", 7, "null"])
def test_trap_32_empty_and_unreadable_items_are_none(items: Any) -> None:
    assert items_of(items) == []


def test_trap_33_flags_go_out_as_integers() -> None:
    data = sent(buyerInvoiceType=1, buyerType=1, buyerBankShow=1, sellerBankShow=1)

    assert [data[name] for name in ("buyerInvoiceType", "buyerType", "buyerBankShow", "sellerBankShow")] == [1] * 4


@pytest.mark.parametrize("flag", ["1", 1, True, " 1 ", "true", "是", 1.0])
def test_trap_33_flags_come_back_in_any_wording(flag: Any) -> None:
    assert shown({**RESULT, "buyerBankShow": flag}).invoice["buyerBankShow"] == 1


def test_trap_35_seller_address_and_phone_are_read_and_never_sent() -> None:
    result = shown({**RESULT, "sellerAddress": "江南大道", "sellerPhone": 57100000}).invoice

    assert (result["sellerAddress"], result["sellerPhone"]) == ("江南大道", "57100000")
    assert not {"sellerAddress", "sellerPhone"} & set(sent(sellerAddress="x"))


def test_trap_36_the_sellers_account_comes_from_the_credential_alone() -> None:
    data = sent(sellerLoginAccount="another", sellerLoginPassword="another")

    assert (data["sellerLoginAccount"], data["sellerLoginPassword"]) == ("13900000000", PASSWORD)
