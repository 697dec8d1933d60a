"""Which addresses the vault may fetch from. Pure.

An address comes from a stranger (the gateway, and whoever wrote to it). Guarantees that nothing is fetched but from the
gateway's own host and the hosts that the operator named, and nothing from this machine or a private network unless it
was named, whatever a name resolves to.
"""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

UNREADABLE: Final = "the address cannot be read"
_PORTS: Final = {"http": 80, "https": 443}


class RefusedAddress(Exception):
    """The vault does not fetch from there. The message says why, and which setting decides; never the address."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect to."""

    host: str
    """Lower case; an IPv6 address without brackets."""
    port: int
    is_named: bool
    """Whether the operator named this host, or it is the gateway's own address: then it may be a private one."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The gateway's own address and what the operator allows beside it."""

    gateway: str
    """Base address of the gateway's HTTP endpoints."""
    named: Collection[str] = ()
    """`FAPIAO_VAULT_HOSTS`: hosts, or `host:port`."""

    def origin_of(self, url: str) -> Origin:
        """Raises `RefusedAddress`."""
        try:
            parts = urlsplit(url)
            host, port = _host_and_port(parts)
        except ValueError:
            raise RefusedAddress(UNREADABLE) from None
        if parts.username is not None or parts.password is not None:
            raise RefusedAddress("the address carries a user name or password")
        names = {name.strip().lower().strip("[]") for name in self.named}
        is_named = host in names or f"{host}:{port}" in names or f"[{host}]:{port}" in names
        gateway, gateway_port = _host_and_port(urlsplit(self.gateway))
        if not is_named and host != gateway:
            raise RefusedAddress("its host is neither the gateway's nor in FAPIAO_VAULT_HOSTS")
        return Origin(host, port, is_named or (host, port) == (gateway, gateway_port))


def check_destination(origin: Origin, address: str) -> None:
    """Hold what a host's name resolved to against what it may be. Raises `RefusedAddress`."""
    if not origin.is_named and not is_public(ip_address(address.partition("%")[0])):
        raise RefusedAddress("its host leads to a private or local network, and is not named in FAPIAO_VAULT_HOSTS")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a place on the internet. An IPv4 address inside an IPv6 one is judged as what it is."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    """Raises `ValueError` for what is no address of HTTP."""
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host:
        raise ValueError("no address of HTTP")
    return host, parts.port or _PORTS[parts.scheme]
