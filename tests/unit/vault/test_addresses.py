"""Where the vault may fetch from: the gateway and what the operator named, and nothing private that was not named."""

from ipaddress import ip_address

import pytest

from worker.vault.addresses import AddressRules, RefusedAddress, check_destination, is_public

RULES = AddressRules("https://gateway.example/prefix", ("files.example", "10.0.0.7", "cdn.example:8443", "::1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example/files/1.pdf",
        "http://GATEWAY.example:8080/x",
        "https://files.example/a.ofd?sig=1",
        "https://files.example./a.ofd",
        "https://cdn.example:8443/a.xml",
        "http://10.0.0.7/a.xml",
        "http://[::1]:9000/a.xml",
    ],
)
def test_the_gateways_host_and_named_ones_are_fetched_from(url: str) -> None:
    RULES.origin_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/a.pdf",
        "https://gateway.example.evil.example/a.pdf",
        "https://evilgateway.example/a.pdf",
        "https://cdn.example/a.xml",
        "https://user:secret@gateway.example/a.pdf",
        "https://gateway.example@evil.example/a.pdf",
        "ftp://gateway.example/a.pdf",
        "file:///etc/passwd",
        "//gateway.example/a.pdf",
        "https://gateway.example:port/a.pdf",
        "https:///a.pdf",
        "http://169.254.169.254/latest/meta-data",
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    """And the message never repeats the address."""
    with pytest.raises(RefusedAddress) as refused:
        RULES.origin_of(url)
    assert not url or url not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:0a00:0001::",
    ],
)  # fmt: skip
def test_a_name_that_leads_into_a_private_network_is_refused_unless_it_was_named(address: str) -> None:
    """Whatever the gateway's host resolves to; the operator may name a host there."""
    with pytest.raises(RefusedAddress):
        check_destination(RULES.origin_of("https://gateway.example:444/a"), address)
    check_destination(RULES.origin_of("https://files.example/a"), address)


def test_the_gateways_own_address_may_be_private() -> None:
    """The operator configured that one; another port of the same machine was not."""
    rules = AddressRules("http://127.0.0.1:8090")
    check_destination(rules.origin_of("http://127.0.0.1:8090/files/1.pdf"), "127.0.0.1")
    with pytest.raises(RefusedAddress):
        check_destination(rules.origin_of("http://127.0.0.1:6379/"), "127.0.0.1")


def test_a_public_address_is_public() -> None:
    assert is_public(ip_address("1.1.1.1"))
    assert is_public(ip_address("2606:4700::1111"))
