"""A list whose rows another program writes: an order's own invoice is never absent, another order's never found."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.builders import MOMENT, make_found
from tests.unit.flows.submissions import subject
from tests.unit.flows.tables import read
from tests.unit.flows.test_doubtful_lists import page_of
from tests.unit.flows.test_look_up import Beside, run, settlements
from worker.flows.vocabulary import Begin, DetailsFailed, TimedOut
from worker.ports import PageShown
from worker.records import BEIJING, CommandState

Row = dict[str, Any]
AMOUNTS = ("totalPriceAndTax", "totalAmount", "totalTax")
AT = (MOMENT + timedelta(minutes=1)).astimezone(BEIJING)
OTHERS: tuple[Row, ...] = (
    {"buyerIdentificationNumber": "91110108MA01ABCD5T", "buyerName": "宁波乙贸易有限公司"},
    dict(zip(AMOUNTS, (871.5, 771.24, 100.26), strict=True)),
)


def row_of(number: int, **members: Any) -> Row:
    told = {name: float(each) for name, each in make_found(number).items() if name in AMOUNTS}
    return {
        **make_found(number, isInvoicePositive="是", invoiceDate=f"{AT:%Y-%m-%d %H:%M:%S}"),
        **told,
        "invoiceStatus": "正常",
        "invoiceType": "数电票(普通发票)",
        "note": None,
        **members,
    }


def amounts(write: Callable[[float], Any]) -> Callable[[Row], Row]:
    return lambda row: {name: write(each) if name in AMOUNTS else each for name, each in row.items()}


def member(name: str, write: Callable[[Any], Any]) -> Callable[[Row], Row]:
    return lambda row: {**row, name: write(row[name])}


def dated(write: Callable[[datetime], Any]) -> Callable[[Row], Row]:
    return lambda row: {**row, "invoiceDate": write(AT)}


def named(names: Mapping[str, str]) -> Callable[[Row], Row]:
    return lambda row: {names.get(name, name): value for name, value in row.items()}


def snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


WHOLE: dict[str, Callable[[Row], Any]] = {
    "as the manual has it": lambda row: row,
    "amounts as text": amounts("{:.2f}".format),
    "amounts with a mark": amounts("¥{:,.2f}".format),
    "amounts in yuan": amounts("{:.2f}元".format),
    "amounts in full width": amounts(lambda each: "".join(chr(ord(one) + 0xFEE0) for one in f"{each:.2f}")),
    "amounts with an exponent": amounts("{:E}".format),
    "amounts of eight places": amounts("{:.8f}".format),
    "date in milliseconds": dated(lambda at: int(at.timestamp() * 1000)),
    "date in seconds": dated(lambda at: str(int(at.timestamp()))),
    "date in ISO": dated(datetime.isoformat),
    "date in UTC": dated(lambda at: f"{at - timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"),
    "day alone": dated("{:%Y-%m-%d}".format),
    "day in Chinese": dated("{:%Y年%m月%d日}".format),
    "date as a list": dated(lambda at: [at.year, at.month, at.day, at.hour, at.minute, at.second]),
    "no date": dated(lambda _: "--"),
    "number with blanks": member("countETicketNumbers", lambda told: f" {told[:10]} {told[10:]}"),
    "number as a number": member("countETicketNumbers", lambda told: int(told) + 1),
    "tax id in small letters": member("buyerIdentificationNumber", str.lower),
    "tax id with a label": member("buyerIdentificationNumber", "税号:{}".format),
    "name escaped": member("buyerName", lambda told: "".join(f"&#{ord(each)};" for each in told)),
    "status in capitals": member("invoiceStatus", lambda _: "NORMAL"),
    "sign as a flag": member("isInvoicePositive", lambda _: "1"),
    "null as text": lambda row: {name: "null" if value is None else value for name, value in row.items()},
    "escaped": lambda row: {name: html.escape(str(value)) for name, value in row.items()},
}
"""All is told: whose it is can be said."""
PARTLY: dict[str, Callable[[Row], Any]] = {
    "amounts in fen": amounts(lambda each: round(each * 100)),
    "amounts in 万元": amounts(lambda each: round(each / 10000, 6)),
    "amounts rounded": amounts(lambda each: int(each * 0.999)),
    "amounts off by one": amounts(lambda each: each - 1),
    "amounts as placeholders": amounts(lambda _: -1),
    "amounts as objects": amounts(lambda each: {"value": each}),
    "amounts with a decimal comma": amounts(lambda each: f"{each:.2f}".replace(".", ",")),
    "tax as the amount": lambda row: {**row, "totalAmount": row["totalTax"], "totalPriceAndTax": None},
    "tax as the total, alone": lambda row: {**row, **dict.fromkeys(AMOUNTS), "totalPriceAndTax": row["totalTax"]},
    "number as a float": member("countETicketNumbers", float),
    "number masked": member("countETicketNumbers", lambda told: f"{told[:8]}****{told[-4:]}"),
    "no number": member("countETicketNumbers", lambda _: "无"),
    "id as a float": member("id", float),
    "seller's data as the buyer's": lambda row: {
        **row,
        "buyerIdentificationNumber": row["sellerIdentificationNumber"],
        "buyerName": row["sellerName"],
    },
    "tax id in base64": member("buyerIdentificationNumber", lambda told: base64.b64encode(told.encode()).decode()),
    "status by a code": member("invoiceStatus", lambda _: 0),
    "sign by a code": member("isInvoicePositive", lambda _: "01"),
    "voided by another name": lambda row: {**row, "zfbz": "Y"},
    "English names": named({"totalPriceAndTax": "amountWithTax", "totalAmount": "amount", "buyerName": "buyer"}),
    "names with underscores": lambda row: {snake(name): value for name, value in row.items()},
    "names in capitals": lambda row: {name.upper(): value for name, value in row.items()},
    "wrapped values": lambda row: {name: {"value": value} for name, value in row.items()},
    "inner invoice": lambda row: {"id": row["id"], "invoice": row},
    "key and value": lambda row: [{"key": name, "value": value} for name, value in row.items()],
    "JSON in text": json.dumps,
    "values alone": lambda row: list(row.values()),
}
"""What is told could be anybody's, or nothing: a person decides, or the look is made again."""


def meant(write: Callable[[Row], Any], *rows: Row) -> str:
    """What becomes of the order at the end of its schedule."""
    page = page_of({"data": [write(row) for row in rows], "total": len(rows), "hasNext": False})
    if not isinstance(page, PageShown):
        return "unseen"
    given = (Begin(session_is_open=True), read(page), Beside())
    last = run(*given, subjects=(subject(look_ups=9),))[-1]
    if not settlements(last):
        last = run(TimedOut(), DetailsFailed("503"), state=last.state, subjects=(subject(look_ups=9),))[-1]
    return settlements(last)[0].to


@pytest.mark.parametrize("way", WHOLE)
def test_list_that_tells_all_in_other_ways_says_whose_it_is(way: str) -> None:
    others = [row_of(place, **members) for place, members in enumerate(OTHERS, start=2)]

    assert meant(WHOLE[way], row_of(1), *others) == CommandState.COMPLETED
    assert meant(WHOLE[way], *others) == CommandState.FAILED


@pytest.mark.parametrize("way", PARTLY)
def test_list_that_tells_it_in_a_way_nobody_can_read_leaves_it_open(way: str) -> None:
    others = [row_of(place, **members) for place, members in enumerate(OTHERS, start=2)]

    assert meant(PARTLY[way], row_of(1), *others) in {CommandState.IN_DOUBT, "unseen"}
    assert meant(PARTLY[way], *others) != CommandState.COMPLETED
