"""What failures of an HTTP look-up mean, as two tables; and where look-ups go."""

import ssl
from datetime import timedelta

import httpx
import pytest
from pydantic import ValidationError

from contracts.failures import FailureCode
from worker.errors import Permanent, Transient, Unreachable
from worker.gateway.rest import classify, refusal
from worker.settings import Settings


@pytest.mark.parametrize(
    ("exc", "says"),
    [
        (TimeoutError(), "in time"),
        (httpx.ConnectError("http://gateway.test/secret"), "cannot be reached"),
        (httpx.ReadError("http://gateway.test/secret"), "ReadError"),
        (httpx.WriteError(""), "WriteError"),
        (httpx.CloseError(""), "CloseError"),
        (httpx.RemoteProtocolError("secret"), "RemoteProtocolError"),
        (httpx.LocalProtocolError("secret"), "LocalProtocolError"),
        (httpx.DecodingError("secret"), "DecodingError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_without_an_answer_a_look_up_may_be_repeated(exc: Exception, says: str) -> None:
    error = classify(exc)

    assert type(error) is (Unreachable if isinstance(exc, httpx.ConnectError) else Transient)
    assert says in str(error)
    assert "secret" not in str(error)


def test_a_certificate_is_found_behind_what_the_library_raises() -> None:
    exc = httpx.ConnectError("x")
    exc.__context__ = ssl.SSLCertVerificationError(1, "self-signed")

    assert "certificate that is not trusted" in str(classify(exc))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_trap_6_429_and_5xx_pass(status: int) -> None:
    error = refusal(status, httpx.Headers({"Retry-After": "7"}))

    assert isinstance(error, Transient)
    assert error.retry_after == timedelta(seconds=7)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, FailureCode.GATEWAY_UNAUTHORIZED),
        (403, FailureCode.GATEWAY_FORBIDDEN),
        *((status, FailureCode.HTTP_ERROR) for status in (201, 204, 301, 302, 307, 400, 404, 405, 410, 413, 414)),
    ],
)
def test_trap_5_and_6_all_other_statuses_are_permanent(status: int, code: FailureCode) -> None:
    error = refusal(status, httpx.Headers({"Location": "http://secret", "Retry-After": "7"}))

    assert isinstance(error, Permanent)
    assert error.code is code
    assert "secret" not in str(error)


@pytest.mark.parametrize("value", ["", "soon", "-1"])
def test_a_retry_after_that_cannot_be_read_is_none(value: str) -> None:
    error = refusal(429, httpx.Headers({"Retry-After": value}))

    assert isinstance(error, Transient)
    assert error.retry_after is None


def test_a_retry_after_as_a_date_is_read_beside_the_answers_own() -> None:
    dates = {"Date": "Tue, 09 Apr 2024 06:11:11 GMT", "Retry-After": "Tue, 09 Apr 2024 06:11:41 GMT"}

    error = refusal(503, httpx.Headers(dates))

    assert isinstance(error, Transient)
    assert error.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("gateway", "http", "base"),
    [
        ("ws://gateway.test", None, "http://gateway.test"),
        ("wss://gateway.test:8443/prefix/", None, "https://gateway.test:8443/prefix"),
        ("ws://[::1]:80", None, "http://[::1]:80"),
        ("wss://gateway.test", "http://other.test/api/", "http://other.test/api"),
    ],
)
def test_look_ups_go_where_the_sockets_are_unless_the_settings_say_otherwise(
    gateway: str, http: str | None, base: str
) -> None:
    settings = Settings(_env_file=None, gateway_url=gateway, gateway_http_url=http, gateway_allow_plain=True)
    assert settings.gateway_http_base == base


@pytest.mark.parametrize("address", ["ws://gateway.test", "gateway.test", "http://", "file:///x", ""])
def test_an_address_that_no_look_up_could_go_to_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="http"):
        Settings(_env_file=None, gateway_http_url=address)
