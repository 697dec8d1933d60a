"""Settings that would give a password away are refused before anything starts."""

from typing import Any

import pytest
from pydantic import ValidationError

from worker.settings import Settings
from worker.tls import insecurities


def _settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


@pytest.mark.parametrize("url", ["ws://gateway.example", "ws://10.0.0.7:8090/path", "ws://localhost.example"])
def test_a_plain_gateway_on_another_machine_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="FAPIAO_GATEWAY_ALLOW_PLAIN"):
        _settings(gateway_url=url)


def test_a_plain_http_gateway_on_another_machine_is_refused_too() -> None:
    with pytest.raises(ValidationError, match="FAPIAO_GATEWAY_HTTP_URL"):
        _settings(gateway_url="wss://gateway.example", gateway_http_url="http://gateway.example")


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:8090", "ws://127.9.9.9", "ws://[::1]:8090", "ws://localhost", "wss://gateway.example"]
)
def test_loopback_and_encrypted_gateways_need_no_permission(url: str) -> None:
    settings = _settings(gateway_url=url)

    assert settings.gateway_url == url
    assert insecurities(settings) == []


def test_each_insecure_switch_is_named_in_what_is_said_each_minute() -> None:
    settings = _settings(
        gateway_url="ws://gateway.example",
        gateway_http_url="http://gateway.example",
        gateway_allow_plain=True,
        gateway_insecure=True,
        amqp_insecure=True,
    )

    said = "\n".join(insecurities(settings))

    for name in ("GATEWAY_URL", "GATEWAY_HTTP_URL", "GATEWAY_INSECURE", "AMQP_INSECURE"):
        assert f"FAPIAO_{name}" in said


@pytest.mark.parametrize(
    "values", [{"deadline_seconds": 1e300}, {"clock_skew_seconds": 1e12}, {"files_schedule": "9" * 400 + "d"}]
)
def test_a_time_that_no_date_can_be_added_to_is_refused_at_the_start(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **values)
