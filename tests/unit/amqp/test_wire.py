"""Frames read back by an independent decoder."""

from datetime import UTC, datetime

import pamqp.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from worker.amqp.wire import NotEncodableError, Outgoing, Properties, properties_of, publish_frames

TEXT = st.text(max_size=63)
"""A short string of AMQP holds 255 bytes."""
PROPERTIES = st.builds(
    Properties,
    content_type=st.none() | TEXT,
    headers=st.none() | st.dictionaries(st.text(min_size=1, max_size=20), TEXT | st.integers(-(2**63), 2**63 - 1)),
    delivery_mode=st.none() | st.sampled_from([1, 2]),
    priority=st.none() | st.integers(0, 255),
    correlation_id=st.none() | TEXT,
    reply_to=st.none() | TEXT,
    message_id=TEXT,
    timestamp=st.none() | st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    type=st.none() | TEXT,
    app_id=st.none() | TEXT,
    user_id=st.none() | TEXT,
    content_encoding=st.none() | TEXT,
    expiration=st.none() | TEXT,
    cluster_id=st.none() | TEXT,
)


def read(data: bytes) -> list[object]:
    """All frames in `data`, by the client library's own decoder."""
    frames: list[object] = []
    while data:
        consumed, _, frame = pamqp.frame.unmarshal(data)
        frames.append(frame)
        data = data[consumed:]
    return frames


@given(PROPERTIES, st.binary(max_size=5000))
def test_a_message_is_read_back_as_it_was_written(properties: Properties, body: bytes) -> None:
    """Method, header and body frames, and every property."""
    frames = read(publish_frames(3, Outgoing("exchange", "key", body, properties), 4096))

    method, header, *bodies = frames
    assert isinstance(method, commands.Basic.Publish)
    assert (method.exchange, method.routing_key, method.mandatory) == ("exchange", "key", True)
    assert isinstance(header, ContentHeader)
    assert header.body_size == len(body)
    expected = properties.timestamp and properties.timestamp.replace(microsecond=0)
    found = properties_of(header.properties)
    assert found.timestamp == expected
    for name in ("content_type", "delivery_mode", "priority", "correlation_id", "reply_to", "message_id", "type"):
        assert getattr(found, name) == getattr(properties, name)
    assert found.headers == (None if properties.headers is None else dict(properties.headers))
    assert b"".join(frame.value for frame in bodies if isinstance(frame, ContentBody)) == body


def test_no_frame_is_larger_than_agreed() -> None:
    """Body frames are cut so that payload and overhead fit."""
    data = publish_frames(1, Outgoing("", "q", b"x" * 10_000, Properties()), 4096)

    sizes = []
    while data:
        consumed, _, _ = pamqp.frame.unmarshal(data)
        sizes.append(consumed)
        data = data[consumed:]
    assert max(sizes) == 4096


def test_a_missing_message_id_is_written_as_an_empty_one() -> None:
    """A return is told by its message id, so there must be one."""
    _, header = read(publish_frames(1, Outgoing("", "q", b"", Properties()), 4096))

    assert isinstance(header, ContentHeader)
    assert header.properties.message_id == ""


@pytest.mark.parametrize(
    "message",
    [
        Outgoing("", "q" * 256, b"", Properties()),
        Outgoing("", "q", b"", Properties(correlation_id="数" * 86)),
        Outgoing("", "q", b"", Properties(headers={"h": object()})),
        Outgoing("", "q", b"", Properties(headers={"h": "x" * 5000})),
        Outgoing("", "q", b"", Properties(priority=256)),
        Outgoing("", "q", b"", Properties(timestamp=datetime(1900, 1, 1, tzinfo=UTC))),
    ],
    ids=["routing key", "property", "header type", "header size", "priority", "timestamp"],
)
def test_what_does_not_fit_is_refused_before_it_is_sent(message: Outgoing) -> None:
    """The broker would answer with the end of the channel, or of the connection."""
    with pytest.raises(NotEncodableError):
        publish_frames(1, message, 4096)


def test_bytes_that_are_no_utf8_survive() -> None:
    """A dead letter's properties are copied byte for byte."""
    odd = b"\xff\xfe".decode(errors="surrogateescape")

    assert b"\xff\xfe" in publish_frames(1, Outgoing("", "q", b"", Properties(message_id=odd)), 4096)
