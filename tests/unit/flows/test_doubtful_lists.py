"""Lists beside which, or in which, stands that they may not be all: their silence proves no absence."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import MOMENT, make_found
from tests.unit.flows.submissions import issued, kind_of, subject
from tests.unit.flows.tables import read
from tests.unit.flows.test_look_up import Beside, run, settlements
from tests.unit.gateway.queries import asked
from worker.flows.evidence.subjects import Subject
from worker.flows.invoices import dated_by
from worker.flows.vocabulary import Begin, DetailsFailed, Input, TimedOut
from worker.ports import PageShown
from worker.records import BEIJING, CommandState


def row(number: int = 1, **members: Any) -> dict[str, Any]:
    """The order's own invoice, as JSON has it."""
    return {**make_found(number, invoiceDate=MOMENT.isoformat(), isInvoicePositive="是"), **members}


def page_of(data: Any, **beside: Any) -> Any:
    """What the gateway's answer means."""
    frame = {"type": "query_invoice", "sendToId": "1111", "data": data, **beside}
    return asked().receive_text(json.dumps(frame, ensure_ascii=False, default=str))


def look(page: PageShown) -> tuple[str, CommandState | None]:
    """The verdict after the last look of an order's schedule, and what becomes of the order."""
    given = (Begin(session_is_open=True), read(page), Beside())
    last = run(*given, subjects=(subject(look_ups=9),))[-1]
    moves = settlements(last)
    return kind_of(dict(last.state.told)[1]), moves[0].to if moves else None


@pytest.mark.parametrize(
    "beside",
    [
        *(
            {"msg": text}
            for text in ("登录已过期，请重新登录", "数据同步中，请稍后查询", "查询超时", "请选择查询日期", "限流")
        ),
        *({"message": text} for text in ("没有查询到发票，请稍后重试", "查询成功，数据同步中", "Too many requests")),
        *({"error": "请求过于频繁"}, {"errno": 3}, {"flag": "失败"}, {"state": "fail"}, {"result": "failed"}),
        *({"totalCount": 5}, {"totalElements": 7}, {"count": 5}, {"hasNext": True}, {"totalPage": 3}),
    ],
    ids=str,
)
def test_empty_list_beside_what_says_more_proves_no_absence(beside: dict[str, Any]) -> None:
    page = page_of({"data": [], **beside})

    assert not isinstance(page, PageShown) or look(page) == ("nothing", CommandState.IN_DOUBT)


@pytest.mark.parametrize(
    "beside",
    [
        *({}, {"total": 0}, {"code": 0}, {"code": 200, "msg": "查询成功"}, {"msg": "暂无数据"}, {"message": "ok"}),
        *({"totalCount": 0}, {"hasNext": False}, {"totalPage": 1}, {"msg": "共0条"}, {"success": True}, {"msg": None}),
    ],
    ids=str,
)
def test_empty_list_beside_nothing_more_proves_absence(beside: dict[str, Any]) -> None:
    assert look(page_of({"data": [], **beside})) == ("nothing", CommandState.FAILED)


@pytest.mark.parametrize(
    ("beside", "is_proof"),
    [
        ({"msg": "部分数据查询失败"}, False),
        ({"msg": "查询超时，仅返回部分数据"}, False),
        ({"msg": "最多显示100条"}, False),
        ({"code": 500}, False),
        ({"code": 200, "msg": "查询成功"}, True),
        ({"traceId": "0", "timestamp": 1}, True),
    ],
    ids=str,
)
def test_rows_beside_what_says_that_they_are_not_all_prove_no_absence(beside: dict[str, Any], is_proof: bool) -> None:
    others = [row(number, totalPriceAndTax="9.00", totalAmount="8.00", totalTax="1.00") for number in (2, 3)]
    page = page_of({"data": others, "hasNext": False, **beside})

    assert look(page) == ("nothing", CommandState.FAILED if is_proof else CommandState.IN_DOUBT)


@pytest.mark.parametrize("name", ["records", "rows", "result", "invoices"])
def test_rows_beside_an_empty_list_of_another_name_are_seen(name: str) -> None:
    page = page_of({"data": [], name: [row()], "total": 1, "hasNext": False})

    assert isinstance(page, PageShown)
    assert [each.number for each in page.invoices] == [row()["countETicketNumbers"]]


@pytest.mark.parametrize("parts", [("126.00", "100.00"), ("200.00", "26.00"), ("100.00", "100.00", "26.00")])
def test_invoice_with_a_row_for_each_line_is_a_persons_to_decide(parts: tuple[str, ...]) -> None:
    rows = [
        row(1, id=str(n), totalPriceAndTax=part, totalAmount=str(Decimal(part) - 1), totalTax="1.00")
        for n, part in enumerate(parts, start=1)
    ]
    page = page_of({"data": rows, "hasNext": False})

    assert look(page) == ("several", CommandState.IN_DOUBT)


OTHER = {"totalPriceAndTax": "9.00", "totalAmount": "8.00", "totalTax": "1.00"}


def lines(**members: Any) -> list[dict[str, Any]]:
    """The order's own invoice, a row for each of two lines that add up on their own."""
    parts = (("126.00", "111.50", "14.50"), ("100.00", "88.50", "11.50"))
    names = ("totalPriceAndTax", "totalAmount", "totalTax")
    return [
        row(1, id=str(place), **dict(zip(names, part, strict=True)), **members)
        for place, part in enumerate(parts, start=1)
    ]


def test_lines_of_one_invoice_on_two_pages_are_a_persons_to_decide() -> None:
    first, second = lines()
    pages = [
        page_of({"data": [row(2, **OTHER), first], "hasNext": True}),
        page_of({"data": [second, row(3, **OTHER)], "hasNext": False}),
    ]
    reads = [read(each) for each in pages]
    last = run(Begin(session_is_open=True), *reads, Beside(), subjects=(subject(look_ups=9),))[-1]

    assert kind_of(dict(last.state.told)[1]) == "several"


def test_flag_that_says_red_against_the_amounts_of_lines_rules_the_invoice_out_no_more_than_beside_a_total() -> None:
    """It may stand at its default: without amounts to say otherwise it made a red one of each: there was none."""
    flagged = lines(isInvoicePositive="否")

    assert look(page_of({"data": flagged, "hasNext": False})) == ("several", CommandState.IN_DOUBT)
    red = [{**each, "totalPriceAndTax": f"-{each['totalPriceAndTax']}"} for each in flagged]
    red = [{**each, "totalAmount": f"-{each['totalAmount']}", "totalTax": f"-{each['totalTax']}"} for each in red]
    assert look(page_of({"data": red, "hasNext": False})) == ("nothing", CommandState.FAILED)


@pytest.mark.parametrize("numbers", [(None, None), (row()["countETicketNumbers"], None)], ids=["none", "the first"])
def test_lines_without_the_invoices_number_are_a_persons_to_decide(numbers: tuple[str | None, ...]) -> None:
    rows = [{**each, "countETicketNumbers": number} for each, number in zip(lines(), numbers, strict=True)]

    assert look(page_of({"data": rows, "hasNext": False})) == ("several", CommandState.IN_DOUBT)
    assert look(page_of({"data": rows[:1], "hasNext": False})) == ("nothing", CommandState.FAILED)


@pytest.mark.parametrize("order", [subject(), issued()], ids=["in doubt", "issued"])
@pytest.mark.parametrize("zone", ["Z", "+00:00", " UTC"])
def test_beijings_time_with_an_offset_of_zero_is_not_taken_for_the_day_after(zone: str, order: Subject) -> None:
    """It would be eight hours from now, and at night on another day."""
    dated = f"{MOMENT.astimezone(BEIJING):%Y-%m-%dT%H:%M:%S}{zone}"
    page = page_of({"data": [row(1, invoiceDate=dated)], "hasNext": False})
    last = run(Begin(session_is_open=True), read(page), Beside(), TimedOut(), DetailsFailed("503"), subjects=(order,))[
        -1
    ]

    (move,) = settlements(last)
    assert move.announcements[-1].data["invoiceDate"] == MOMENT.replace(microsecond=0)


@pytest.mark.parametrize(
    ("told", "hours", "meant"),
    [
        ("2026-03-01T23:50:00Z", 0, "2026-03-01T23:50:00+08:00"),
        ("2026-03-01T23:50:00Z", 8, "2026-03-02T07:50:00+08:00"),
        ("2026-03-02T00:00:00Z", 1, "2026-03-02T00:00:00+08:00"),
        ("2026-03-01T23:50:00+08:00", -12, "2026-03-01T23:50:00+08:00"),
        ("2026-03-02 00:50:00", 0, "2026-03-02T00:50:00+08:00"),
        ("2027-03-01T23:50:00Z", 0, "2027-03-02T07:50:00+08:00"),
    ],
)
def test_only_what_would_be_hours_from_now_has_another_reading(told: str, hours: int, meant: str) -> None:
    now = datetime(2026, 3, 1, 23, 51, tzinfo=BEIJING) + timedelta(hours=hours)
    (listed,) = page_of({"data": [row(1, invoiceDate=told)], "hasNext": False}).invoices

    (read_now,) = dated_by([listed], now)
    assert read_now.dated is not None
    assert (read_now.dated.shown.isoformat(), read_now.told["invoiceDate"]) == (meant, read_now.dated.shown)


NUMBER = row()["countETicketNumbers"]


@pytest.mark.parametrize(
    "named",
    [
        {"note": f"被红冲蓝字数电票号码：{NUMBER} 红字发票信息确认单编号：33012312312312"},
        {"blueInvoiceNumber": NUMBER},
        {"原发票号码": NUMBER, "note": "退货"},
    ],
    ids=str,
)
@pytest.mark.parametrize("share", ["1", "0.5"])
@pytest.mark.parametrize("is_first", [True, False])
def test_invoice_that_a_red_one_takes_back_is_dead_whatever_its_own_row_says(
    named: dict[str, Any], share: str, is_first: bool
) -> None:
    amounts = {"totalPriceAndTax": "-226.00", "totalAmount": "-200.00", "totalTax": "-26.00"}
    part = {name: str(Decimal(each) * Decimal(share)) for name, each in amounts.items()}
    red = row(2, isInvoicePositive="否", **part, **named)
    blue = row(1, invoiceStatus="正常")
    pages = [
        page_of({"data": [each], "hasNext": not is_last})
        for each, is_last in zip((red, blue) if is_first else (blue, red), (False, True), strict=True)
    ]
    reads = [read(each) for each in pages]

    given: list[Input | Beside] = [Begin(session_is_open=True), *reads, Beside(), TimedOut(), DetailsFailed("x")]
    of_doubt, of_issued = (run(*given, subjects=(each,))[-1] for each in (subject(look_ups=9), issued()))

    [doubt], [confirmed] = settlements(of_doubt), settlements(of_issued)
    assert (doubt.to, doubt.invoice_number) == (CommandState.IN_DOUBT, None)
    assert doubt.announcements[0].data["candidates"][0]["invoiceNumber"] == NUMBER
    assert confirmed.invoice_number == NUMBER
    assert [each["code"] for each in confirmed.announcements[0].data["warnings"]] == ["invoice_dead"]


def test_red_one_that_names_another_number_takes_back_no_other() -> None:
    red = row(2, isInvoicePositive="否", totalPriceAndTax="-226.00", note="被红冲蓝字数电票号码：26332000000000000998")

    assert look(page_of({"data": [row(), red], "hasNext": False}))[0] == "found"


def test_red_one_by_a_member_that_nobody_knows_is_not_the_orders_own() -> None:
    red = row(2, blueInvoiceNumber="26332000000000000998")

    assert look(page_of({"data": [red], "hasNext": False})) == ("several", CommandState.IN_DOUBT)
