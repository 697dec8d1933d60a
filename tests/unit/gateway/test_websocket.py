"""What failures of a socket mean: two tables."""

import logging
import socket
import ssl
from datetime import timedelta

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    SecurityError,
)
from websockets.frames import Close
from websockets.http11 import Response

from contracts.failures import FailureCode
from worker.errors import Permanent, Transient, Unreachable
from worker.gateway.websocket import classify, closing_reason


def answered(status: int, **headers: str) -> InvalidStatus:
    """The error of a handshake answered with `status`; underscores in header names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InvalidStatus(Response(status, "", Headers(named)))


@pytest.mark.parametrize(
    ("status", "code"), [(401, FailureCode.GATEWAY_UNAUTHORIZED), (403, FailureCode.GATEWAY_FORBIDDEN)]
)
def test_trap_5_401_and_403_are_a_matter_of_configuration(status: int, code: FailureCode) -> None:
    error = classify(answered(status))

    assert isinstance(error, Permanent)
    assert error.code is code


@pytest.mark.parametrize(
    "exc",
    [
        *(answered(status) for status in (200, 301, 302, 307, 400, 404, 407, 408, 429, 500, 502, 503, 504)),
        TimeoutError(),
        ConnectionRefusedError(111, "refused"),
        ConnectionResetError(104, "reset"),
        OSError("Multiple exceptions"),
        ssl.SSLCertVerificationError("untrusted"),
        ssl.SSLError("broken"),
        InvalidMessage("no HTTP"),
        InvalidUpgrade("Upgrade", None),
        InvalidHeader("Connection", "x"),
        SecurityError("too many headers"),
        EOFError(),
    ],
    ids=repr,
)
def test_trap_6_all_else_before_the_handshake_may_be_tried_again(exc: Exception) -> None:
    error = classify(exc)

    assert isinstance(error, Transient)
    assert str(error)


@pytest.mark.parametrize(
    ("exc", "is_everybodys"),
    [
        (ConnectionRefusedError(111, "refused"), True),
        (socket.gaierror(-2, "no such name"), True),
        (OSError(113, "no route"), True),
        (ssl.SSLCertVerificationError("untrusted"), True),
        (TimeoutError(), False),
        (ConnectionResetError(104, "reset"), False),
        (InvalidMessage("no HTTP"), False),
        (EOFError(), False),
        (answered(503), False),
        (answered(429), False),
    ],
    ids=repr,
)
def test_only_what_anybody_would_have_met_is_called_unreachable(exc: Exception, is_everybodys: bool) -> None:
    """A gateway may drop, delay or refuse the handshakes of one user."""
    assert isinstance(classify(exc), Unreachable) is is_everybodys


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry_After": "7"}, timedelta(seconds=7)),
        ({"Retry_After": "999999999999999999"}, timedelta(hours=1)),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({"Retry_After": "Mon, 01 Jan 2024 00:00:30 GMT"}, None),
        (
            {"Retry_After": "Mon, 01 Jan 2024 00:00:30 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"},
            timedelta(seconds=30),
        ),
        (
            {"Retry_After": "Mon, 01 Jan 2024 00:00:00 GMT", "Date": "Mon, 01 Jan 2024 00:00:30 GMT"},
            timedelta(0),
        ),
        ({"Retry_After": "Mon, 01 Jan 2024 00:00:30 -0000", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_honoured(headers: dict[str, str], wait: timedelta | None) -> None:
    error = classify(answered(503, **headers))

    assert isinstance(error, Transient)
    assert error.retry_after == wait


def test_a_refused_certificate_is_named() -> None:
    error = ssl.SSLCertVerificationError("x")
    error.verify_message = "self-signed certificate"

    assert str(classify(error)) == "the gateway's certificate is not trusted: self-signed certificate"


def test_no_address_gets_into_a_message() -> None:
    error = classify(OSError(113, "No route", "wss://gateway/invoice?userId=77001"))

    assert "77001" not in str(error)


@pytest.mark.parametrize(
    ("exc", "reason"),
    [
        (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), "closed:1000"),
        (ConnectionClosedOK(Close(1001, "bye"), Close(1001, ""), True), "closed:1001"),
        (ConnectionClosedError(Close(1011, "internal"), Close(1011, ""), True), "closed:1011"),
        (ConnectionClosedError(Close(4000, "kicked"), None), "closed:4000"),
        (ConnectionClosedError(None, Close(1009, "too big")), "oversized"),
        (ConnectionClosedError(Close(1009, "too big"), Close(1009, ""), True), "oversized"),
        (ConnectionClosedError(None, Close(1011, "keepalive ping timeout")), "pings_unanswered"),
        (ConnectionClosedError(None, Close(1007, "no UTF-8")), "closed:1007"),
        (ConnectionClosedError(None, None), "reset"),
        (ConnectionResetError(), "reset"),
        (TimeoutError(), "timeout"),
    ],
)
def test_a_lost_connection_is_named_in_one_word(exc: Exception, reason: str) -> None:
    assert closing_reason(exc) == reason


def test_the_wire_is_never_logged_at_debug() -> None:
    assert not logging.getLogger("worker.gateway.wire").isEnabledFor(logging.DEBUG)


def test_a_name_that_leads_nowhere_is_told_as_one() -> None:
    assert "DNS" in str(classify(socket.gaierror(-2, "no such name")))
