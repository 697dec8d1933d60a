"""Addresses with passwords that were not encoded are refused without a piece of them; the others pass."""

import itertools
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from worker.addresses import at, check_address, passwords_in
from worker.ops.redaction import known_secrets
from worker.settings import Settings

HARD = ["pa#ss-word", "pa/ss-word", "pa?ss-word", "pa[ss-word", "pa]ss-word", "12#ss-word", "12/ss-word", "12?ss-word"]
SCHEMES = {"amqp_url": ("amqp", "amqps"), "database_url": ("postgresql", "postgres")}


@pytest.mark.parametrize(("setting", "password"), list(itertools.product(SCHEMES, HARD)))
def test_a_password_that_is_not_encoded_is_refused_by_one_sentence_without_it(setting: str, password: str) -> None:
    for scheme in SCHEMES[setting]:
        with pytest.raises(ValidationError) as refused:
            Settings(_env_file=None, **{setting: f"{scheme}://user:{password}@host:5/name"})  # type: ignore[arg-type]

        assert "percent-encoded" in str(refused.value)
        assert "ss-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "password"), list(itertools.product(SCHEMES, [*HARD, "p@ss", "p%ss", "p:ss", "密码"]))
)
def test_the_same_password_encoded_is_taken_and_known_in_every_form(setting: str, password: str) -> None:
    encoded = quote(password, safe="")
    scheme = SCHEMES[setting][0]

    settings = Settings(_env_file=None, **{setting: f"{scheme}://user:{encoded}@host:5/name?a=b"})  # type: ignore[arg-type]

    assert {password, encoded} <= set(known_secrets(settings))


@pytest.mark.parametrize(
    "url",
    [
        "amqp://h", "amqp://[::1]:5672/", "amqps://u:p@h:5671/%2f?heartbeat=10", "amqp://u:p@h/,amqp://u:p@h2:5/v",
        "amqp://u:p@1.2.3.4:5672/a/b",
    ],
)  # fmt: skip
def test_addresses_of_brokers_that_are_sound(url: str) -> None:
    Settings(_env_file=None, amqp_url=url)


@pytest.mark.parametrize(
    "url",
    ["", "h:5672", "http://h/", "amqp://", "amqp:///v", "amqp://h:99999/", "amqp://h:0/", "amqp://[::1", "amqp://h,"],
)
def test_addresses_of_brokers_that_are_none(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address such as amqp://"):
        Settings(_env_file=None, amqp_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///fapiao.db", "sqlite:////data/fapiao.db", "postgresql:///name", "postgresql:///?host=/run&user=x",
        "postgresql://", "postgres://u:p@h1:5432,h2:5433/name?sslmode=verify-full", "postgresql://u@[::1]:5432/name",
    ],
)  # fmt: skip
def test_addresses_of_stores_that_are_sound(url: str) -> None:
    Settings(_env_file=None, database_url=url)


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "postgresql://h:99999/d", "sqlite:///a#b.db", "postgresql://u@h:x/d", ""]
)
def test_addresses_of_stores_that_are_none(url: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        Settings(_env_file=None, database_url=url)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:99999", "wss://h:port", "wss://", "https://h", "wss://h/#a"])
def test_addresses_of_gateways_that_are_none(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address such as wss://"):
        Settings(_env_file=None, gateway_url=url)


def test_pieces_of_a_password_are_known_even_where_the_address_is_none() -> None:
    assert set(passwords_in("amqp://u:half#other@h/")) >= {"half#other", "half", "other"}
    assert passwords_in("amqp://u@h/") == passwords_in("sqlite:///x") == []
    with pytest.raises(ValueError, match="percent-encoded") as refused:
        check_address("amqp://u:half#other@h/", ("amqp",), "amqp://host")
    assert "half" not in str(refused.value)


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert at("::1", 5672) == "[::1]:5672"
    assert at("h", 1) == "h:1"
    assert at("h") == "h"
