"""When an invoice is dated, however it is written, and all that it may mean."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.gateway.dates import dated_of, is_dated, moment_of
from worker.gateway.redaction import AnswerRedactor
from worker.gateway.rows import listed_invoice
from worker.records import BEIJING

MOMENT = datetime(2026, 11, 29, 15, 24, 35, tzinfo=BEIJING)
SECONDS = 1795937075


@pytest.mark.parametrize(
    "value",
    [
        SECONDS, SECONDS * 1000, str(SECONDS), f"{SECONDS}000", SECONDS * 10**6, f"{SECONDS}000000000",
        Decimal("1.795937075E12"), "1.795937075E12", f"{SECONDS}.0", {"time": SECONDS * 1000, "year": 126},
        "2026-11-29T15:24:35+08:00", "2026-11-29T15:24:35.000+0800", "2026-11-29T07:24:35Z", "2026-11-29 07:24:35 UTC",
        "2026-11-29T15:24:35+08:00[Asia/Shanghai]", "Sun Nov 29 15:24:35 CST 2026",
        f"/Date({SECONDS}000)/", f"/Date({SECONDS}000+0800)/", f'"{SECONDS}000"', f"{SECONDS}000L", [SECONDS * 1000],
        {"$date": SECONDS * 1000}, {"$date": "2026-11-29T07:24:35Z"}, {"epochSecond": SECONDS, "nano": 0},
        {"time": f"{SECONDS}000"}, "2026-11-29T15:24:35+08", "2026-11-29T15:24:35 GMT+8",
        "2026-11-29 15:24:35 (UTC+8)", "2026-11-29T07:24:35+0000", "2026-11-29 15:24:35 中国标准时间",
        "Sun Nov 29 2026 15:24:35 GMT+0800 (中国标准时间)", "Sun Nov 29 2026 15:24:35 GMT+0800 (China Standard Time)",
        "2026-11-29 15:24:35 +0800 CST", "2026-11-29 15:24:35 Asia/Shanghai", "20261129T152435+0800",
        {"$date": {"$numberLong": f"{SECONDS}000"}}, {"_seconds": SECONDS, "_nanoseconds": 0},
        "Sun Nov 29 15:24:35 GMT+08:00 2026",        "Sun Nov 29 07:24:35 UTC 2026", "Sun, 29 Nov 2026 07:24:35 GMT",
    ],
    ids=str,
)  # fmt: skip
def test_a_moment_with_an_offset_has_one_reading(value: Any) -> None:
    dated = dated_of(value)

    assert dated is not None
    assert dated.shown == dated.earliest == dated.latest == MOMENT
    assert dated.shown.utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize(
    "value",
    [
        [2026, 11, 29, 15, 24, 35], [2026, 11, 29, 15, 24, 35, 0], "2026-11-29T15:24:35", "2026-11-29 15:24:35.0",
        "2026-11-29T15:24:35.000000000", "2026/11/29 15:24:35", "2026.11.29 15:24:35", "20261129152435",
        "2026年11月29日 15:24:35", "2026年11月29日15时24分35秒", "2026年11月29日 下午3:24:35",
        "２０２６-11-29 15：24：35",
        "Nov 29, 2026 3:24:35 PM", "Nov 29, 2026, 3:24:35\u202fPM", "November 29, 2026 15:24:35",
        "Sun Nov 29 15:24:35 2026", "29 Nov 2026 15:24:35", "2026-11-29 星期日 15:24:35",
        {"year": 2026, "monthValue": 11, "dayOfMonth": 29, "hour": 15, "minute": 24, "second": 35},
        {"date": {"year": 2026, "month": 11, "day": 29}, "time": {"hour": 15, "minute": 24, "second": 35, "nano": 0}},
        "[2026,11,29,15,24,35]", ["2026", "11", "29", "15", "24", "35"], "20261129 15:24:35", "20261129152435000",
        "2026-11-29-15.24.35", "2026-11-29_15:24:35", "开票日期:2026年11月29日 15:24:35",
        "2026-11-29（星期日） 15:24:35", "“2026-11-29 15:24:35“", "2026-11-29&nbsp;15:24:35", "20261129T152435",
        {"date": "2026-11-29 15:24:35.000000", "timezone_type": 3, "timezone": "Asia/Shanghai"},
        {"date": "2026-11-29", "time": "15:24:35"}, [[2026, 11, 29], [15, 24, 35]], "星期日 2026-11-29 15:24:35",
        {"dateTime": {"year": 2026, "month": 11, "day": 29, "hour": 15, "minute": 24, "second": 35}},
    ],
    ids=str,
)  # fmt: skip
def test_a_moment_without_an_offset_is_beijings_or_utc(value: Any) -> None:
    dated = dated_of(value)

    assert dated is not None
    assert dated.shown == dated.earliest == MOMENT
    assert dated.latest == MOMENT.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        [2026, 11, 29],
        "2026-11-29",
        "2026年11月29日",
        "20261129",
        "Nov 29, 2026",
        "29 Nov 2026",
        "29-Nov-2026",
        "2026年11月29号",
        "2026-11-29 00:00:00",
        "2026-11-28 24:00:00",
        "二〇二六年十一月二十九日",
        {"year": 2026, "month": 11, "day": 29},
    ],
    ids=str,
)
def test_a_day_alone_is_any_moment_of_it(value: Any) -> None:
    dated = dated_of(value)

    assert dated is not None
    assert dated.shown == dated.earliest == datetime(2026, 11, 29, tzinfo=BEIJING)
    assert dated.latest == datetime(2026, 11, 29, 23, 59, 59, 999_999, tzinfo=UTC)


def test_the_fraction_of_a_second_is_kept_to_microseconds() -> None:
    for value in ([2026, 11, 29, 15, 24, 35, 123_456_789], "2026-11-29T15:24:35.123456789", f"{SECONDS}123"):
        assert (moment_of(value) or MOMENT).microsecond in (123_456, 123_000)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "0", 0, -1, True, 1.5, [], [2026], [2026, 13, 1], [2026, 11, 29, True, 0], ["2026", 11, 29], {}),
        *("11/29/2026", "29.11.2026", "2026-13-01", "2026-11-31", "1970-01-01", "soon", "Foo 29, 2026", 10**40),
        *("Sun Nov 29 15:24:35 EST 2026", "1e999999", "9" * 79, {"time": True}, {"year": 2026}),
    ],
    ids=str,
)  # fmt: skip
def test_what_may_be_another_day_or_none_is_not_told(value: Any) -> None:
    assert dated_of(value) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=90),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["time", "year", "monthValue"]), inner),
)
DATE_LIKE = st.text("0123456789-/.:年月日时分秒 TZ+上下午PAM,Novsu", max_size=40)


@given(JSON | DATE_LIKE)
def test_nothing_raises_and_what_is_read_is_bounded(value: Any) -> None:
    dated = dated_of(value)

    assert dated is None or dated.earliest <= dated.latest <= dated.earliest + timedelta(hours=32)
    assert dated is None or 1990 <= dated.shown.year <= 2201
    assert not isinstance(value, str) or is_dated(value) in (True, False)


def test_a_listed_invoice_tells_its_date_as_it_came_and_as_it_is_read() -> None:
    listed = listed_invoice({"id": 7, "invoiceDate": [2026, 11, 29, 15, 24, 35]}, AnswerRedactor())

    assert listed is not None
    assert listed.told == {"id": "7", "invoiceDate": MOMENT, "invoiceDateRaw": "[2026, 11, 29, 15, 24, 35]"}
    assert listed.dated == dated_of("2026-11-29 15:24:35")
