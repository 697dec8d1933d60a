"""The traps of the vendor's document (research/domain.md 5) that concern pages on `/web/invoice`; those of
download notices are in `test_traps_downloads.py`, those of the HTTP look-ups in `test_traps_rest.py`.

Some of 54 to 88 are decided where a command is run, and have their tests in `tests/unit/flows/test_traps_lookups.py`
too: 56 and 58 (filtering again), 60 (spans of days), 61 (when to stop), 71 (how often), 72 (how long to wait), 74 (one
retry after the other), 84 (when to ask again), 86 (whose invoice it is). Here is what the client has to do with them.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.gateway.dialogue import LOGIN, PASSWORD, USER_ID, frame
from tests.unit.gateway.queries import (
    PAGE,
    PAGING,
    ROW,
    asked,
    ignored,
    invoice,
    order,
    sent,
    shown,
    told,
)
from worker.gateway.codec import IgnoredReason
from worker.gateway.session import InvoiceSession, QueryDialogue
from worker.ports import DownloadTold, FrameIgnored, LoginAnswered, PageShown, QueryRefused
from worker.records import BEIJING

AT = datetime(2024, 4, 9, 14, 11, 11, tzinfo=BEIJING)
FIRST, SECOND = "1778381047770263553", "1778381047954812931"
"""The manual's own ids."""


# ---- query_invoice -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_word", ["login", "query_invoice", "QUERY_INVOICE", "query_invoice_download_zip", "", None]
)
def test_trap_54_a_page_is_known_by_its_shape_whatever_the_type_word_says(type_word: Any) -> None:
    assert shown(PAGE, type_word) == shown(PAGE)


def test_trap_54_a_login_status_may_come_before_its_page() -> None:
    dialogue = asked()

    assert told("1", "login", dialogue) == LoginAnswered(accepted=True)
    assert isinstance(told(PAGE, "login", dialogue), PageShown)


def test_trap_54_a_login_that_is_refused_ends_the_query() -> None:
    dialogue = asked()

    assert told("0", "login", dialogue) == LoginAnswered(accepted=False)
    assert ignored(PAGE, "login", dialogue) == IgnoredReason.UNEXPECTED_PHASE


def test_trap_54_after_an_accepted_login_the_same_word_may_carry_the_refusal() -> None:
    dialogue = asked()
    told("1", "login", dialogue)

    assert told("0", "login", dialogue) == QueryRefused()


def test_trap_54_a_page_that_comes_late_answers_no_login_of_an_invoices_session() -> None:
    session = InvoiceSession(USER_ID)
    session.send_login(LOGIN)

    for late in (PAGE, {"data": {"data": PAGE}}, {"data": {"data": [], **PAGING, "total": 0}}):
        assert session.receive_text(frame("login", late)) == FrameIgnored(IgnoredReason.UNEXPECTED_PHASE)
    assert session.receive_text(frame("login", "1")) == LoginAnswered(accepted=True)


@pytest.mark.parametrize(
    "data",
    [
        {"data": PAGE},
        {"data": {"data": PAGE}},
        {"data": [ROW], "page": None, **PAGING},
        {"data": {"data": [ROW]}, **PAGING},
        {"data": {"data": {"data": [ROW]}, "total": 1, "currentPage": 1}, "totalPage": 1, "hasNext": False},
        json.dumps(PAGE),
        {"data": json.dumps({"data": json.dumps(PAGE)})},
        {"code": 200, "data": {"records": [ROW], **PAGING}},
    ],
)
def test_trap_55_a_page_is_found_at_any_nesting_with_the_paging_of_any_level(data: Any) -> None:
    assert shown(data) == shown(PAGE)


def test_trap_55_of_two_levels_the_paging_nearest_to_the_rows_counts() -> None:
    assert shown({"data": {"data": [ROW], "total": 7}, "total": 99, "totalPage": 3}).total == 7


@pytest.mark.parametrize("data", [{}, {"data": {}}, {"token": "x"}, ["a"], {"data": [1, 2]}, {"total": 3}])
def test_trap_55_what_holds_no_rows_is_no_page(data: Any) -> None:
    assert ignored(data) == IgnoredReason.NO_DATA
    assert ignored(data, "login") == IgnoredReason.NO_DATA


def test_answer_to_an_order_before_that_names_an_invoice_is_evidence_here_too() -> None:
    assert ignored("开票成功,发票号码24332000000000000001", "invoice_pdf") == IgnoredReason.UNREADABLE
    assert ignored("处理中", "invoice_pdf") == IgnoredReason.UNEXPECTED_TYPE


@pytest.mark.parametrize(("type_word", "reason"), [("login", "no_data"), ("notice", "unexpected_type")])
def test_trap_55_an_empty_list_alone_is_a_page_only_under_its_own_type_word(type_word: str, reason: str) -> None:
    assert ignored([], type_word) == reason
    assert told([], "query_invoice_download_zip") == DownloadTold(ok=False)


def test_trap_56_the_counterparty_is_the_buyer_of_what_was_issued_and_the_seller_of_what_was_received() -> None:
    issued = sent(buyerName="买方", buyerIdentificationNumber="B1")["condition"]
    received = sent(queryType=1, sellerName="卖方", sellerIdentificationNumber="S1")["condition"]

    assert (issued["buyerName"], issued["buyerIdentificationNumber"]) == ("买方", "B1")
    assert (issued["sellerName"], issued["sellerIdentificationNumber"]) == (None, None)
    assert (received["sellerName"], received["sellerIdentificationNumber"]) == ("卖方", "S1")
    assert (received["buyerName"], received["buyerIdentificationNumber"]) == (None, None)


@pytest.mark.parametrize("wrong", [{"sellerName": "x"}, {"queryType": 1, "buyerIdentificationNumber": "x"}])
def test_trap_56_the_other_sides_filter_is_refused_and_never_dropped(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="counterparty"):
        sent(**wrong)


def test_trap_57_the_number_is_text_and_empty_where_nobody_filters_by_it() -> None:
    assert sent()["condition"]["countETicketNumbers"] == ""
    assert (
        sent(countETicketNumbers="98765432109876543210")["condition"]["countETicketNumbers"] == "98765432109876543210"
    )
    assert invoice()["countETicketNumbers"] == "98765432109876543210"
    assert invoice(countETicketNumbers=98765432109876543210)["countETicketNumbers"] == "98765432109876543210"


@pytest.mark.parametrize("nothing", ["", None, "  ", ...])
def test_trap_57_an_empty_number_is_none(nothing: Any) -> None:
    assert "countETicketNumbers" not in invoice(countETicketNumbers=nothing)


def test_trap_58_filters_whose_values_nobody_knows_are_sent_as_null() -> None:
    condition = sent(invoiceSource="电子发票服务平台", invoiceType="数电票", isInvoicePositive=True)["condition"]

    assert [condition[name] for name in ("invoiceSource", "invoiceType", "isInvoicePositive")] == [None] * 3


@pytest.mark.parametrize(
    ("value", "written"), [("0.10", "0.1"), (Decimal("12345678901234567.89"), "12345678901234567.89"), (100, "100")]
)
def test_trap_59_amounts_in_the_condition_are_exact_json_numbers(value: Any, written: str) -> None:
    text = QueryDialogue(USER_ID).send_query(order(startInvoiceValue=value, endInvoiceValue=value))

    assert f'"startInvoiceValue":{written},"endInvoiceValue":{written},' in text


@pytest.mark.parametrize("value", [0.1, "a lot", True, "1e999"])
def test_trap_59_an_amount_that_is_not_exact_is_never_sent(value: Any) -> None:
    with pytest.raises(ValueError, match="exact decimal"):
        sent(startInvoiceValue=value)


def test_trap_60_days_are_sent_as_days() -> None:
    condition = sent(startInvoiceDate="2024-02-29", endInvoiceDate="2024-03-01")["condition"]

    assert (condition["startInvoiceDate"], condition["endInvoiceDate"]) == ("2024-02-29", "2024-03-01")


@pytest.mark.parametrize("day", ["2024-04-01 00:00:00", "2024-13-01", "", None, 20240401, "01.04.2024"])
def test_trap_60_what_is_no_day_is_never_sent(day: Any) -> None:
    with pytest.raises(ValueError, match="startInvoiceDate"):
        sent(startInvoiceDate=day)


def test_trap_61_paging_is_told_as_it_comes_even_where_it_disagrees() -> None:
    page = shown({"data": [ROW], "total": "300", "currentPage": 1.0, "totalPage": 2, "hasNext": "true"})

    assert (page.total, page.current_page, page.total_page, page.has_next) == (300, 1, 2, True)


@pytest.mark.parametrize("nothing", ["", None, "many", -1, 1.5, [], {}, 10**12])
def test_trap_61_paging_that_cannot_be_read_is_not_told(nothing: Any) -> None:
    page = shown({"data": [ROW], "total": nothing, "currentPage": nothing, "totalPage": nothing, "hasNext": nothing})

    assert (page.total, page.current_page, page.total_page, page.has_next) == (None, None, None, None)


@pytest.mark.parametrize("data", [[], {"data": []}, {"data": None, "total": 0}, {"data": {"data": "", "total": "0"}}])
def test_trap_61_an_empty_page_is_a_page(data: Any) -> None:
    assert shown(data).invoices == ()


def test_trap_61_a_page_without_rows_that_counts_some_is_none() -> None:
    assert ignored({"data": None, "total": 5}) == IgnoredReason.NO_DATA


def test_trap_61_a_late_page_is_not_taken_for_the_one_that_was_asked_for() -> None:
    dialogue = asked(page=2)

    assert ignored({**PAGE, "currentPage": 1}, dialogue=dialogue) == IgnoredReason.UNEXPECTED_PHASE
    assert shown({**PAGE, "currentPage": 2}, dialogue=dialogue).current_page == 2


@pytest.mark.parametrize("unsaid", [None, "", 0, "two"])
def test_trap_61_a_page_that_does_not_say_which_it_is_is_the_one_that_was_asked_for(unsaid: Any) -> None:
    assert shown({**PAGE, "currentPage": unsaid}, dialogue=asked(page=2)).current_page is None


@pytest.mark.parametrize(
    ("sent_id", "told_id"),
    [
        (123456789, "123456789"),
        (1778381047770263553, FIRST),
        (FIRST, FIRST),
        (f" {FIRST} ", FIRST),
        ("007", "7"),
        (2**63 - 1, "9223372036854775807"),
    ],
)
def test_trap_62_ids_are_text_and_their_19_digits_survive(sent_id: Any, told_id: str) -> None:
    assert invoice(id=sent_id)["id"] == told_id


@pytest.mark.parametrize(
    "sent_id", ["1.778381047770263553E18", "1778381047770263552.0", '"abc"', "0", "-5", "true", "{}"]
)
def test_trap_62_an_id_that_went_through_a_float_is_refused_and_its_row_counted(sent_id: str) -> None:
    text = frame("query_invoice", {**PAGE, "data": [{**ROW, "id": "ID"}, ROW]}).replace('"ID"', sent_id)

    page = asked().receive_text(text)

    assert isinstance(page, PageShown)
    assert [found.told["id"] for found in page.invoices] == ["123456789"]
    assert page.unreadable == 1


def test_trap_63_the_rows_id_and_the_invoices_number_are_told_apart() -> None:
    found = invoice(id=1778381047770263553)

    assert (found["id"], found["countETicketNumbers"]) == (FIRST, "98765432109876543210")


@pytest.mark.parametrize(
    "date",
    [
        1712643071000,
        1712643071,
        "1712643071000",
        "1712643071",
        "2024-04-09 14:11:11",
        "2024-04-09T14:11:11",
        "2024-04-09T14:11:11+08:00",
        "2024-04-09T06:11:11Z",
        "2024-04-09T06:11:11.000Z",
        "2024-04-09T01:11:11-0500",
        "2024/04/09 14:11:11",
        "2024/4/9 14:11:11",
        "2024年04月09日 14:11:11",
        "20240409141111",
        1712643071000.0,
    ],
)
def test_trap_64_an_invoices_date_is_read_from_every_wording(date: Any) -> None:
    found = invoice(invoiceDate=date)

    assert found["invoiceDate"] == AT
    assert found["invoiceDate"].isoformat() == "2024-04-09T14:11:11+08:00"
    assert found["invoiceDateRaw"] == str(date).removesuffix(".0")


@pytest.mark.parametrize("date", ["2024-04-09", "2024/04/09", "20240409", 20240409, "2024年4月9日"])
def test_trap_64_a_day_begins_at_midnight_in_beijing(date: Any) -> None:
    assert invoice(invoiceDate=date)["invoiceDate"].isoformat() == "2024-04-09T00:00:00+08:00"


@pytest.mark.parametrize(
    "date", ["yesterday", "2024-13-45", 0, 17, "0001-01-01 00:00:00", "9" * 14, "2024-04-09 25:00:00", "9999-12-31"]
)
def test_trap_64_a_date_that_cannot_be_read_is_told_as_it_came(date: Any) -> None:
    found = invoice(invoiceDate=date)

    assert "invoiceDate" not in found
    assert found["invoiceDateRaw"] == str(date)


@pytest.mark.parametrize("amount", [-495.05, "-495.05"])
def test_trap_65_money_is_exact_whether_it_comes_as_number_or_text(amount: Any) -> None:
    assert invoice(totalAmount=amount)["totalAmount"] == Decimal("-495.05")


def test_trap_65_no_digit_of_money_is_lost() -> None:
    text = frame("query_invoice", PAGE).replace("-495.05", "12345678901234567.89")

    page = asked().receive_text(text)

    assert isinstance(page, PageShown)
    assert page.invoices[0].told["totalAmount"] == Decimal("12345678901234567.89")


@pytest.mark.parametrize(("total", "differs"), [(-500, None), (-500.01, None), (-499.99, None), (-500.02, True)])
def test_trap_65_totals_that_disagree_by_more_than_a_cent_are_marked(total: Any, differs: bool | None) -> None:
    assert invoice(totalPriceAndTax=total).get("totalsDiffer") is differs


@pytest.mark.parametrize("name", ["totalAmount", "totalTax", "totalPriceAndTax"])
def test_trap_65_totals_of_which_one_is_missing_are_not_compared(name: str) -> None:
    assert "totalsDiffer" not in invoice(**{name: None})


def test_trap_66_the_query_type_that_comes_back_is_told_and_decides_nothing() -> None:
    assert sent()["condition"]["queryType"] == 0
    assert invoice(queryType=1)["queryType"] == 1


@pytest.mark.parametrize("nothing", [None, "", "   ", ...])
def test_trap_67_null_empty_and_missing_mean_the_same(nothing: Any) -> None:
    absent: dict[str, Any] = dict.fromkeys(set(ROW) - {"id"}, nothing)

    assert invoice(**absent) == {"id": "123456789"}


@pytest.mark.parametrize(
    ("word", "is_positive"),
    [("是", True), ("否", False), (True, True), ("true", True), (1, True), ("0", False), ("不是", False)],
)
def test_trap_68_sign_and_status_are_independent(word: Any, is_positive: bool) -> None:
    found = invoice(isInvoicePositive=word)

    assert (found["isInvoicePositive"], found["invoiceStatus"]) == (is_positive, "正常")


def test_trap_68_a_sign_that_cannot_be_read_is_not_guessed() -> None:
    found = invoice(isInvoicePositive="也许")

    assert "isInvoicePositive" not in found
    assert found["extra"] == {"isInvoicePositive": "也许"}


@pytest.mark.parametrize("vip", [987654321, "987654321"])
def test_trap_69_vip_ids_are_opaque_text(vip: Any) -> None:
    assert invoice(vipId=vip)["vipId"] == "987654321"


@pytest.mark.parametrize("failure", ["0", 0, False, None, " 0 ", {"data": "0"}])
def test_trap_70_a_refusal_is_told_in_every_wording_and_without_a_reason(failure: Any) -> None:
    dialogue = asked()

    assert told(failure, dialogue=dialogue) == QueryRefused()
    assert ignored(PAGE, dialogue=dialogue) == IgnoredReason.UNEXPECTED_PHASE


def test_trap_71_each_query_carries_its_login() -> None:
    assert sent()["login"] == {
        "companyCode": "91330000SELLER0001",
        "phone": "13900000000",
        "password": PASSWORD,
        "area": "zhejiang",
        "role": "法定代表人",
        "companyName": "卖方有限公司",
    }
