"""Messages are strict JSON in, compact JSON out, and events have ids that survive any crash."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.envelope import (
    _DECODER,
    CommandEnvelope,
    EventEnvelope,
    build_event,
    dumps,
    event_id,
    loads,
    may_hold_halves,
    parse,
    timestamp,
)
from contracts.invoices import InvoiceFile

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("1.10", Decimal("1.10")),
        ("1e400", Decimal("1e400")),
        ("1", 1),
        ('"\\ud83d\\ude00"', "😀"),
        (b'"\xe5\xad\x97"', "字"),
    ],
)
def test_numbers_are_read_exactly_and_text_as_it_is(text: str | bytes, value: Any) -> None:
    read = loads(text)
    assert (read, type(read)) == (value, type(value))


_SCALARS: st.SearchStrategy[str] = st.one_of(
    st.text().map(json.dumps),
    st.sampled_from([":", '"a:b"', "-0", "1.0", "1E2", "null", "true", "NaN", '"\\ud83d"', "123456789012345678901"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.lists(st.tuples(st.sampled_from("ab:"), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{json.dumps(name)} : {value}" for name, value in pairs) + "}"
        ),
    ),
)


def _outcome(read: Callable[[str], Any], text: str) -> str:
    try:
        return repr(read(text))
    except (ValueError, ArithmeticError):
        return "refused"


@given(_DOCUMENTS)
def test_what_is_read_quickly_is_what_the_exact_reader_says(text: str) -> None:
    """Members twice, numbers that are not whole, integers of any size, halves, colons in texts and names."""
    assert _outcome(parse, text) == _outcome(_DECODER.decode, text)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        '{"a":1,"a":1}',
        "[1,]",
        "01",
        "",
        "\ufeff{}",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b'"\xff"',
        '"\\ud83d"',
        "1e401",
        "0e999999999",
        "1e99999999999999999999",
        "9" * 401,
        "[" * 200_000,
        "[" * 200_000 + "]" * 200_000,
    ],
)
def test_what_is_not_strict_json_raises_value_error_and_nothing_else(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any of them
        loads(text)


@given(st.binary(max_size=60))
def test_whatever_the_bytes(body: bytes) -> None:
    try:
        value = loads(body)
    except ValueError:
        return
    assert dumps(value)


def test_decimals_and_times_are_written_as_text() -> None:
    value = {"a": Decimal("1E+2"), "b": Decimal("0.10"), "c": NOON.astimezone(UTC), "字": None}

    assert dumps(value) == '{"a":"100","b":"0.10","c":"2026-03-01T04:00:00.123Z","字":null}'.encode()


def test_models_are_written_without_what_is_absent() -> None:
    assert dumps(InvoiceFile(invoiceBasicInfoId="1", type="pdf", url="u")) == (
        b'{"invoiceBasicInfoId":"1","type":"pdf","url":"u"}'
    )


@pytest.mark.parametrize("value", [10**30, {"a": 2**64}])
def test_integers_of_any_size_are_written_exactly(value: Any) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}, "\ud800", {"a": ["\ud800"]}])
def test_what_json_has_no_form_for_raises(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        dumps(value)


def test_a_timestamp_has_milliseconds_and_an_offset() -> None:
    assert timestamp(NOON) == "2026-03-01T12:00:00.123+08:00"
    assert timestamp(NOON.astimezone(UTC)) == "2026-03-01T04:00:00.123Z"


def test_an_event_id_is_the_same_after_any_crash_and_another_for_anything_else() -> None:
    """Pinned: a change would make consumers take old events for new ones."""
    assert event_id("erp", "order-1", 1) == "8d03f0a1-b51d-5d9f-bde3-b6dd55b54852"
    others: list[tuple[str, str, int | str]] = [
        ("a", "b", 1),
        ("a", "b", 2),
        ("a", "c", 1),
        ("b", "b", 1),
        ("a", "b", "x"),
    ]
    ids = {event_id(*parts) for parts in others}
    assert len(ids) == 5


def test_an_event_is_a_cloud_event() -> None:
    identifier, body = build_event(
        worker="/fapiao-worker",
        command_source="erp",
        command_id="order-1",
        event_type="invoice.issue.completed",
        sequence=2,
        time=NOON,
        data={"commandId": "order-1"},
    )
    event = json.loads(body)

    assert list(event) == [
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence",
        "sequencetext", "data",
    ]  # fmt: skip
    assert (event["sequence"], event["sequencetext"]) == (2, "0000000002")
    assert event["id"] == identifier == event_id("erp", "order-1", 2)
    EventEnvelope.model_validate(event)


@pytest.mark.parametrize("length", [0, 201])
def test_an_envelope_has_a_name_of_its_own(length: int) -> None:
    with pytest.raises(ValidationError):
        CommandEnvelope(specversion="1.0", id="x" * length, source="s", type="t", data={})


@pytest.mark.parametrize(
    "text", ['"\\ud83d"', '"\\uD83D\\uDE00"', '"\\uDc00"', '"\ud800"', '"商品\udfff"', '"\\ud83d 商品"']
)
def test_no_half_of_a_pair_is_overlooked(text: str) -> None:
    assert may_hold_halves(text)


@pytest.mark.parametrize("text", ["", '"\\u5546"', '"商品😀"', '"\\ud7ff"', '"\\uD7fb 商"'])
def test_texts_without_one_are_known_to_have_none(text: str) -> None:
    assert not may_hold_halves(text)
