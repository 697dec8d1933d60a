"""TLS with real certificates: to the gateway, to RabbitMQ, to PostgreSQL. What cannot be checked is not talked to."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.server import serve

from tests.tls import Authority, tls_door
from worker.amqp.connections import Address, open_link
from worker.clock import SystemClock
from worker.errors import BrokerLost, ConfigurationError, JournalUnavailable, Transient, WorkerError
from worker.gateway.client import WebSocketGateway
from worker.journal import open_journal
from worker.settings import Settings
from worker.tls import TlsContexts, TlsOptions, broker_tls, gateway_tls

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs what the servers of a test show."""
    return Authority(tmp_path)


def settings(**given: Any) -> Settings:
    """Settings of a test, nothing from outside."""
    texts: dict[str, Any] = {name: str(value) for name, value in given.items()}
    return Settings(_env_file=None, **texts)


@contextlib.asynccontextmanager
async def gateway(context: ssl.SSLContext) -> AsyncIterator[str]:
    """A WebSocket server over TLS; yields its address."""
    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, ssl=context) as server:
        yield f"wss://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def connects(given: Settings) -> bool:
    """Whether a session opens. Raises what the gateway client raises."""
    session = await WebSocketGateway(given).connect("1111")
    is_open = session.is_open
    await session.close()
    return is_open


async def test_a_gateway_is_trusted_by_the_authority_that_the_setting_names(authority: Authority) -> None:
    async with gateway(authority.server_context(authority.issue("127.0.0.1"))) as url:
        assert await connects(settings(gateway_url=url, gateway_ca_file=authority.ca_file))
        with pytest.raises(Transient, match="not trusted"):
            await connects(settings(gateway_url=url))


@pytest.mark.parametrize(
    ("host", "days", "why"), [("gateway.test", 1, "not valid for '127.0.0.1'"), ("127.0.0.1", -1, "expired")]
)
async def test_a_gateway_of_another_name_or_time_is_refused(
    authority: Authority, host: str, days: int, why: str
) -> None:
    async with gateway(authority.server_context(authority.issue(host, days=days))) as url:
        with pytest.raises(Transient, match=why):
            await connects(settings(gateway_url=url, gateway_ca_file=authority.ca_file))


async def test_a_stranger_with_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with gateway(stranger.server_context(stranger.issue("127.0.0.1"))) as url:
        with pytest.raises(Transient, match="not trusted"):
            await connects(settings(gateway_url=url, gateway_ca_file=authority.ca_file))


async def test_a_gateway_that_asks_for_a_client_certificate_gets_the_one_set(authority: Authority) -> None:
    async with gateway(authority.server_context(authority.issue("127.0.0.1"), asks_for_client=True)) as url:
        mine = authority.issue("worker")
        assert await connects(settings(gateway_url=url, gateway_ca_file=authority.ca_file, gateway_cert_file=mine))
        with pytest.raises(Transient):
            await connects(settings(gateway_url=url, gateway_ca_file=authority.ca_file))


async def test_the_insecure_switch_takes_anybody(authority: Authority) -> None:
    """It warns of it each minute: `tests/unit/ops/test_insecurity.py`."""
    async with gateway(authority.server_context(authority.issue("elsewhere.test", days=-1))) as url:
        assert await connects(settings(gateway_url=url, gateway_insecure=True))


async def test_certificates_that_change_on_disk_are_read_anew(authority: Authority, tmp_path: Path) -> None:
    """As when a mounted Secret is swapped: the next connection uses them, without a restart."""
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(Authority(tmp_path, "old").ca_file.read_bytes())
    async with gateway(authority.server_context(authority.issue("127.0.0.1"))) as url:
        client = WebSocketGateway(settings(gateway_url=url, gateway_ca_file=trusted))
        with pytest.raises(Transient, match="not trusted"):
            await client.connect("1111")
        swapped = tmp_path / "new.pem"
        swapped.write_bytes(authority.ca_file.read_bytes())
        swapped.replace(trusted)
        session = await client.connect("1111")
        await session.close()


def test_a_change_that_cannot_be_used_leaves_the_earlier_context(authority: Authority, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.ca_file.read_bytes())
    contexts = TlsContexts(TlsOptions("FAPIAO_GATEWAY", ca_file=str(trusted)))
    before = contexts.context()
    trusted.write_text("half of it")

    assert contexts.context() is before


@pytest.mark.parametrize("content", [None, "no certificate", "encrypted key"])
def test_files_that_cannot_be_used_stop_the_start_without_their_content(
    tmp_path: Path, authority: Authority, content: str | None
) -> None:
    file = tmp_path / "mine.pem"
    if content is not None:
        file.write_text(content)
    for given in ({"gateway_ca_file": file}, {"gateway_ca_file": authority.ca_file, "gateway_cert_file": file}):
        with pytest.raises(ConfigurationError, match="FAPIAO_GATEWAY_C") as caught:
            gateway_tls(settings(**given))
        assert content is None or content not in str(caught.value)


# ---- RabbitMQ -------------------------------------------------------------------------------------------


def _amqps(amqp_url: str, port: int) -> str:
    user, _, _ = urlsplit(amqp_url).netloc.rpartition("@")
    return f"amqps://{user}@127.0.0.1:{port}/"


async def link_opens(given: Settings) -> bool:
    """Whether a link to the broker opens. Raises `BrokerLost`."""
    async with open_link(Address(given.amqp_urls[0], broker_tls(given).context), "test", 10, 1) as link:
        return link.frame_max > 0


async def test_amqps_checks_the_broker_and_shows_the_client_certificate(amqp_url: str, authority: Authority) -> None:
    context = authority.server_context(authority.issue("127.0.0.1"), asks_for_client=True)
    async with tls_door(amqp_url, context) as port:
        url, ca, mine = _amqps(amqp_url, port), authority.ca_file, authority.issue("worker")
        assert await link_opens(settings(amqp_url=url, amqp_ca_file=ca, amqp_cert_file=mine))
        for without in ({"amqp_cert_file": mine}, {"amqp_ca_file": ca}):
            with pytest.raises(BrokerLost):
                await link_opens(settings(amqp_url=url, **without))
        assert await link_opens(settings(amqp_url=url, amqp_cert_file=mine, amqp_insecure=True))


async def test_amqps_to_a_broker_of_another_name_is_refused(amqp_url: str, authority: Authority) -> None:
    async with tls_door(amqp_url, authority.server_context(authority.issue("rabbit.test"))) as port:
        with pytest.raises(BrokerLost, match=r"not valid for '127\.0\.0\.1'"):
            await link_opens(settings(amqp_url=_amqps(amqp_url, port), amqp_ca_file=authority.ca_file))


async def test_what_is_wrong_with_a_brokers_certificate_or_port_is_one_sentence(
    amqp_url: str, authority: Authority
) -> None:
    ca = authority.ca_file
    async with tls_door(amqp_url, authority.server_context(authority.issue("127.0.0.1", days=-1))) as port:
        with pytest.raises(BrokerLost, match=r"certificate is not trusted \(certificate has expired\): look at"):
            await link_opens(settings(amqp_url=_amqps(amqp_url, port), amqp_ca_file=ca))
    with pytest.raises(BrokerLost, match=r"TLS with the broker failed \(.*\): look at the port"):
        await link_opens(settings(amqp_url=_amqps(amqp_url, urlsplit(amqp_url).port or 5672), amqp_ca_file=ca))


async def test_files_in_the_address_still_count(amqp_url: str, authority: Authority) -> None:
    """`?cafile=` was there before the setting, and is what it says."""
    async with tls_door(amqp_url, authority.server_context(authority.issue("127.0.0.1"))) as port:
        assert await link_opens(settings(amqp_url=f"{_amqps(amqp_url, port)}?cafile={authority.ca_file}"))


# ---- PostgreSQL -----------------------------------------------------------------------------------------


async def opens_journal(url: str) -> None:
    """Bring the schema up over this address. Raises what the journal raises."""
    journal = open_journal(settings(database_url=url, journal_keys=KEY), SystemClock())
    await journal.upgrade()


async def test_postgresql_takes_tls_from_the_address(postgres_url: str, authority: Authority) -> None:
    """`sslmode=verify-full` with a root certificate: checked, or not talked to."""
    context = authority.server_context(authority.issue("127.0.0.1"))
    async with tls_door(postgres_url, context, is_postgres=True) as port:
        parts = urlsplit(postgres_url)
        door = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=verify-full&sslrootcert="
        await opens_journal(f"{door}{authority.ca_file}")
        with pytest.raises(WorkerError, match="certificate"):
            await opens_journal(f"{door}{authority.issue('stranger')}")


async def test_postgresql_without_tls_is_refused_where_the_address_asks_for_it(
    postgres_url: str, authority: Authority
) -> None:
    with pytest.raises((JournalUnavailable, ConfigurationError)):
        await opens_journal(f"{postgres_url}?sslmode=verify-full&sslrootcert={authority.ca_file}")
