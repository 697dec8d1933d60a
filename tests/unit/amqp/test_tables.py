"""Header tables are copied byte for byte, whatever is in them."""

import struct
from collections.abc import Mapping
from typing import Any

import pytest
from pamqp import decode

from worker.amqp.tables import RawHeaders, ReceivedHeaders, changed, encoded

ODD = b"".join(
    (
        b"\x01d" + b"d" + struct.pack(">d", 1 / 3),
        b"\x02ms" + b"T" + struct.pack(">Q", 1_700_000_000_123),
        bytes((200,)) + b"k" * 200 + b"t\x01",
        b"\x01b" + b"b\x7f",
        b"\x01B" + b"B\xff",
        b"\x01s" + b"s" + struct.pack(">h", -2),
        b"\x01u" + b"u" + struct.pack(">H", 2),
        b"\x01i" + b"i" + struct.pack(">I", 2),
        b"\x01l" + b"l" + struct.pack(">q", 2),
        b"\x01f" + b"f" + struct.pack(">f", 0.5),
        b"\x01D" + b"D\x02" + struct.pack(">i", 314),
        b"\x01V" + b"V",
        b"\x01x" + b"x" + struct.pack(">I", 3) + b"\x00\xff\xfe",
        b"\x03gbk" + b"S" + struct.pack(">I", 4) + "发票".encode("gbk"),
        b"\x01A" + b"A" + struct.pack(">I", 2) + b"b\x01",
        b"\x01F" + b"F" + struct.pack(">I", 4) + b"\x01ab\x01",
    )
)


def raw_of(headers: Mapping[str, Any] | None) -> bytes:
    assert isinstance(headers, RawHeaders)
    return headers.raw


def test_everything_stays_as_it_came() -> None:
    copy = changed(ReceivedHeaders({}, ODD), lambda name: name, {"x-fapiao-code": "invalid"})

    assert raw_of(copy) == ODD + encoded({"x-fapiao-code": "invalid"})


def test_what_is_left_out_renamed_or_ours_leaves_its_neighbours_alone() -> None:
    cc = encoded({"CC": ["elsewhere"]})
    ours = encoded({"x-fapiao-code": "forged"})
    names = {"CC": "x-fapiao-cc", "d": None}

    copy = changed(
        ReceivedHeaders({}, cc + ODD + ours), lambda name: names.get(name, name), {"x-fapiao-code": "invalid"}
    )

    without_d = ODD[len(b"\x01dd") + 8 :]
    assert raw_of(copy) == encoded({"x-fapiao-cc": ["elsewhere"]}) + without_d + encoded({"x-fapiao-code": "invalid"})


@pytest.mark.parametrize("tail", [b"\x01", b"\x03ab", b"\x01aZ", b"\x01aS\x00\x00\xff\xff", b"\x01aT\x00"])
def test_a_table_that_breaks_off_ends_before(tail: bytes) -> None:
    """No broker delivers one."""
    whole = encoded({"a": True})

    assert raw_of(changed(ReceivedHeaders({}, whole + tail), lambda name: name, {})) == whole


def test_a_table_of_our_own_is_a_mapping() -> None:
    assert changed(None, lambda name: name, {"a": 1}) == {"a": 1}
    assert changed({"CC": [], "b": 2}, lambda name: None if name == "CC" else name, {}) == {"b": 2}
    assert decode.field_table(struct.pack(">I", len(encoded({"a": 1}))) + encoded({"a": 1}))[1] == {"a": 1}
