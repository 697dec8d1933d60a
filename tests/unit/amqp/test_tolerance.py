"""Content headers that the client library's own decoder refuses."""

import struct
from datetime import UTC, datetime

import pamqp.frame
import pytest
from pamqp import base, commands
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from worker.amqp.tables import TIMESTAMP_HEADER, UNDECODABLE_HEADERS, read_what_there_is
from worker.amqp.wire import Outgoing, Properties, properties_of, publish_frames

MESSAGE_ID, TIMESTAMP, HEADERS = 1 << 7, 1 << 6, 1 << 13


def read(flags: int, properties: bytes) -> Properties:
    """A content header frame, decoded as a connection would."""
    read_what_there_is()
    payload = struct.pack(">HHQH", 60, 0, 0, flags) + properties
    _, _, frame = pamqp.frame.unmarshal(struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce")
    assert isinstance(frame, ContentHeader)
    return properties_of(frame.properties)


@pytest.mark.parametrize("stamp", [1_700_000_000_000_000_000, 2**63, 2**64 - 1])
def test_an_absurd_timestamp_becomes_a_header(stamp: int) -> None:
    """Nanoseconds where seconds belong."""
    found = read(TIMESTAMP, struct.pack(">Q", stamp))

    assert found.timestamp is None
    assert found.headers == {TIMESTAMP_HEADER: str(stamp)}


def test_text_that_is_no_utf8_keeps_its_bytes() -> None:
    """And what follows it is still found."""
    found = read(MESSAGE_ID | TIMESTAMP, b"\x02\xff\xe9" + struct.pack(">Q", 86400))

    assert found.message_id is not None
    assert found.message_id.encode(errors="surrogateescape") == b"\xff\xe9"
    assert found.timestamp == datetime(1970, 1, 2, tzinfo=UTC)


def test_a_table_that_cannot_be_read_is_kept_as_bytes() -> None:
    """Here with a type nobody knows."""
    table = b"\x01hZxx"

    found = read(HEADERS | MESSAGE_ID, struct.pack(">I", len(table)) + table + b"\x01m")

    assert found.headers == {UNDECODABLE_HEADERS: bytearray(table)}
    assert found.message_id == "m"


def test_what_could_be_read_is_read_as_before() -> None:
    """Tolerance changes nothing for well-formed messages."""
    given = Properties(headers={"a": 1}, message_id="m", timestamp=datetime(2026, 1, 1, tzinfo=UTC), type="t")
    frames = publish_frames(1, Outgoing("", "q", b"", given), 4096)
    consumed, _, _ = pamqp.frame.unmarshal(frames)

    _, _, header = pamqp.frame.unmarshal(frames[consumed:])

    assert isinstance(header, ContentHeader)
    assert properties_of(header.properties) == given


@pytest.mark.parametrize("redelivered", [False, True])
def test_a_delivery_is_read_as_the_library_reads_it(redelivered: bool) -> None:
    given = commands.Basic.Deliver("ctag", 2**40 + 7, redelivered, "fapiao.commands", "invoice.issue")
    given.routing_key = "发票.issue"
    frame = marshal(given, 1)
    read_what_there_is()

    _, _, quick = pamqp.frame.unmarshal(frame)
    usual = commands.Basic.Deliver()
    base.Frame.unmarshal(usual, frame[11:-1])

    assert isinstance(quick, commands.Basic.Deliver)
    assert dict(quick) == dict(usual) == dict(given)


@pytest.mark.parametrize(
    "given",
    [
        commands.Basic.Deliver("ctag", 7, False, "fapiao.commands", "key"),
        commands.Basic.GetOk(7, False, "fapiao.dead", "key", 1),
        commands.Basic.Return(312, "NO_ROUTE", "fapiao.events", "key"),
        commands.Channel.Close(404, "no queue key", 60, 40),
    ],
    ids=lambda given: given.name,
)
def test_a_name_that_is_no_utf8_ends_no_connection(given: base.Frame) -> None:
    """Whatever method it stands in: a routing key, or an error that repeats one."""
    read_what_there_is()

    _, _, found = pamqp.frame.unmarshal(marshal(given, 1).replace(b"key", b"k\xe9y"))

    assert isinstance(found, base.Frame)
    assert dict(found) == {
        name: value.replace("key", "k\udce9y") if isinstance(value, str) else value for name, value in given
    }
