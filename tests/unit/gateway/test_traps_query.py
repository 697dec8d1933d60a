"""The traps of the vendor's document (research/domain.md 5) that concern `/web/invoice` and the HTTP look-ups.

Some of 54 to 88 are decided where a command is run, and have their tests in `tests/unit/flows/test_traps_lookups.py`
too: 56 and 58 (filtering again), 60 (spans of days), 61 (when to stop), 71 (how often), 72 (how long to wait), 74 (one
retry after the other), 84 (when to ask again), 86 (whose invoice it is). Here is what the client has to do with them.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts.failures import FailureCode
from tests.unit.gateway.dialogue import LOGIN, PASSWORD, RESULT, USER_ID, frame
from tests.unit.gateway.queries import (
    PAGE,
    PAGING,
    ROW,
    answered,
    asked,
    ignored,
    invoice,
    order,
    sent,
    shown,
    told,
)
from worker.errors import Permanent
from worker.gateway.codec import IgnoredReason
from worker.gateway.dates import BEIJING
from worker.gateway.query_codec import (
    MAX_ADDRESS_CHARS,
    Array,
    file_addresses,
    files_of,
    item_address,
    items_of,
    rows_of,
)
from worker.gateway.session import InvoiceSession, QueryDialogue
from worker.ports import DownloadTold, FrameIgnored, LoginAnswered, PageShown, QueryRefused, ResultShown

BASE = "http://gateway.test/prefix"
SUCCESS = frozenset({0, 200})
AT = datetime(2024, 4, 9, 14, 11, 11, tzinfo=BEIJING)
FIRST, SECOND = "1778381047770263553", "1778381047954812931"
"""The manual's own ids."""


def rows(answer: Any) -> list[Any]:
    return rows_of(json.dumps(answer, ensure_ascii=False).encode(), SUCCESS)


def items(*told_rows: Any, invoice_id: str = FIRST) -> tuple[dict[str, Any], ...]:
    return items_of(rows({"code": 0, "msg": "", "data": list(told_rows)}), invoice_id)


def files(*told_rows: Any, ids: tuple[str, ...] = (FIRST,), types: tuple[str, ...] = ("pdf", "ofd", "xml")) -> Any:
    return files_of(rows({"code": 0, "data": list(told_rows)}), BASE, ids, types)


def a_file(**members: Any) -> dict[str, Any]:
    return {"id": 1, "invoiceBasicInfoId": FIRST, "type": "pdf", "url": "http://files.test/a.pdf", **members}


def addresses(count: int = 2, **options: Any) -> list[str]:
    ids = [str(10**18 + number) for number in range(count)]
    chosen: dict[str, Any] = {"array": "repeat", "batch": 50, **options}
    return [address for address, _ in file_addresses(BASE, ids, ["pdf", "ofd"], **chosen)]


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


# ---- HTTP --------------------------------------------------------------------------------------------


def test_trap_77_lists_stand_in_the_address_as_repeated_keys() -> None:
    [address] = addresses()

    assert address == (
        f"{BASE}/web/invoice/file?invoiceIdList=1000000000000000000&invoiceIdList=1000000000000000001"
        "&typeList=pdf&typeList=ofd"
    )


def test_trap_77_lists_stand_in_the_address_with_commas_or_brackets_by_setting() -> None:
    first, second = "1000000000000000000", "1000000000000000001"
    [comma], [brackets] = addresses(array="comma"), addresses(array="brackets")

    assert comma == f"{BASE}/web/invoice/file?invoiceIdList={first},{second}&typeList=pdf,ofd"
    assert brackets == (
        f"{BASE}/web/invoice/file?invoiceIdList%5B%5D={first}&invoiceIdList%5B%5D={second}"
        "&typeList%5B%5D=pdf&typeList%5B%5D=ofd"
    )


@pytest.mark.parametrize("array", ["repeat", "comma", "brackets"])
def test_trap_77_ids_go_in_batches_that_keep_the_address_short(array: Array) -> None:
    ids = [str(10**18 + number) for number in range(501)]

    batches = list(file_addresses(BASE, ids, ["pdf", "ofd", "xml"], array=array, batch=500))

    assert [one for _, batch in batches for one in batch] == ids
    assert all(len(address) <= MAX_ADDRESS_CHARS for address, _ in batches)
    assert len(addresses(101, array=array, batch=50)) == 3


def test_trap_77_an_id_is_one_part_of_the_path_whatever_it_holds() -> None:
    assert item_address(BASE, FIRST) == f"{BASE}/web/invoice/item/{FIRST}"
    assert item_address(BASE, "1/../?x") == f"{BASE}/web/invoice/item/1%2F..%2F%3Fx"


def test_trap_78_files_are_read_by_the_table_not_by_the_schemas_name() -> None:
    [found] = files(a_file(countETicketNumbers="98765432109876543210", itemName="no file's"))

    assert found == {
        "invoiceBasicInfoId": FIRST,
        "type": "pdf",
        "url": "http://files.test/a.pdf",
        "countETicketNumbers": "98765432109876543210",
    }


@pytest.mark.parametrize("code", [0, 200, "0", "200", 0.0, None, ""])
def test_trap_79_an_answer_is_a_success_by_its_code_and_its_list(code: Any) -> None:
    assert rows({"code": code, "msg": "", "data": [ROW]}) == [
        {**ROW, "totalAmount": Decimal("-495.05"), "totalTax": Decimal("-4.95")}
    ]


@pytest.mark.parametrize("data", ["x", 1, {}, {"id": 1}, ["a"]])
def test_trap_79_a_code_of_success_without_a_list_is_none(data: Any) -> None:
    with pytest.raises(Permanent, match="holds no rows") as raised:
        rows({"code": 0, "data": data})

    assert raised.value.code is FailureCode.HTTP_ERROR


@pytest.mark.parametrize("answer", [{}, {"code": None}, {"data": None}, {"msg": "系统繁忙"}, "x", 7, None])
def test_trap_79_an_answer_with_neither_code_nor_list_is_none(answer: Any) -> None:
    with pytest.raises(Permanent, match="holds no rows"):
        rows(answer)


@pytest.mark.parametrize(
    ("code", "shown_code"), [(500, "500"), ("401", "401"), (1, "1"), ("secret", "that is no number")]
)
def test_trap_80_a_business_error_in_http_200_is_told_by_its_code_alone(code: Any, shown_code: str) -> None:
    with pytest.raises(Permanent, match=f"refused a look-up with code {shown_code}$") as raised:
        rows({"code": code, "msg": "余额不足 secret", "data": [ROW]})

    assert raised.value.code is FailureCode.HTTP_ERROR


def test_trap_81_an_items_number_is_optional() -> None:
    with_number, without = items({"itemName": "a", "countETicketNumbers": 1}, {"itemName": "b"})

    assert with_number == {"itemName": "a", "countETicketNumbers": "1"}
    assert without == {"itemName": "b"}


@pytest.mark.parametrize(
    ("rate", "raw", "value"),
    [
        ("1%", "1%", Decimal("0.01")),
        ("13 %", "13 %", Decimal("0.13")),
        ("0.5％", "0.5％", Decimal("0.005")),
        ("0%", "0%", Decimal(0)),
        ("0.01", "0.01", Decimal("0.01")),
        (0.13, "0.13", Decimal("0.13")),
        ("免税", "免税", None),
        ("不征税", "不征税", None),
        ("***", "***", None),
        ("13", "13", None),
        ("1", "1", None),
        ("-1%", "-1%", None),
        ("1%%", "1%%", None),
    ],
)
def test_trap_82_a_rate_is_told_as_it_came_and_as_a_fraction_where_it_is_one(
    rate: Any, raw: str, value: Decimal | None
) -> None:
    [item] = items({"taxRate": rate})

    assert item["taxRate"] == raw
    assert item.get("taxRateValue") == value


def test_trap_82_quantities_and_money_of_items_are_exact() -> None:
    [item] = items(
        {"quantity": 1.5, "unitPrice": "0.33333333", "amount": 0.5, "tax": -0.01, "totalPriceAndTax": "0.49"}
    )

    assert item == {
        "quantity": Decimal("1.5"),
        "unitPrice": Decimal("0.33333333"),
        "amount": Decimal("0.5"),
        "tax": Decimal("-0.01"),
        "totalPriceAndTax": Decimal("0.49"),
    }


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("http://files.test/a.pdf?sign=x", "http://files.test/a.pdf?sign=x"),
        ("HTTPS://files.test/a.pdf", "HTTPS://files.test/a.pdf"),
        ("/files/a.pdf", "http://gateway.test/files/a.pdf"),
        ("files/a.pdf", "http://gateway.test/prefix/files/a.pdf"),
        ("//cdn.test/a.pdf", "http://cdn.test/a.pdf"),
        ("“http://files.test/a.pdf“", "http://files.test/a.pdf"),
        (" 'http://files.test/发票.pdf' ", "http://files.test/%E5%8F%91%E7%A5%A8.pdf"),
    ],
)
def test_trap_83_addresses_are_absolute(url: str, absolute: str) -> None:
    [found] = files(a_file(url=url))

    assert found["url"].lower() == absolute.lower()


@pytest.mark.parametrize(
    "url",
    [
        *("", None, 7, {}, "file:///etc/passwd", "javascript:alert(1)", "ftp://x/a", "data:,x"),
        *("http://[", "https:///a", "http://x/\na", "http://x/" + "a" * 5000),
    ],
)
def test_trap_83_what_nobody_could_fetch_over_http_is_not_told(url: Any) -> None:
    assert files(a_file(url=url)) == ()


@pytest.mark.parametrize("data", [[], None, ""])
def test_trap_84_an_empty_list_is_no_error(data: Any) -> None:
    assert rows({"code": 200, "data": data}) == []


def test_trap_85_types_are_asked_for_explicitly_and_others_are_left_out() -> None:
    assert "typeList=pdf&typeList=ofd" in addresses()[0]
    assert [one["type"] for one in files(a_file(), a_file(type="xml"), types=("xml",))] == ["xml"]


def test_trap_86_rows_of_invoices_that_nobody_asked_for_are_left_out() -> None:
    assert [one["invoiceBasicInfoId"] for one in files(a_file(), a_file(invoiceBasicInfoId=SECOND))] == [FIRST]
    assert [item["itemName"] for item in items(
        {"itemName": "ours", "invoiceBasicInfoId": int(FIRST)},
        {"itemName": "theirs", "invoiceBasicInfoId": SECOND},
        {"itemName": "unsaid", "invoiceBasicInfoId": 0},
    )] == ["ours", "unsaid"]  # fmt: skip


def test_trap_87_ids_are_text_in_the_address_and_in_what_is_told() -> None:
    [found] = files(a_file(invoiceBasicInfoId=1778381047770263553))

    assert found["invoiceBasicInfoId"] == FIRST


@pytest.mark.parametrize("word", ["pdf", "PDF", ".pdf", " .Pdf "])
def test_trap_88_types_are_lower_case_without_a_dot(word: str) -> None:
    [found] = files(a_file(type=word), types=("PDF",))

    assert found["type"] == "pdf"


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
