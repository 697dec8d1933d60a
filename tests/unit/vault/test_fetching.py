"""Fetching from where a stranger said: bounded, checked at each step, and with nothing of ours along."""

import asyncio
import gzip
import ssl
from pathlib import Path

import pytest

from tests.tls import Authority
from tests.unit.vault.web import Web, web
from worker.errors import Transient
from worker.vault.addresses import AddressRules, RefusedAddress
from worker.vault.fetching import AddressExpired, Fetcher, TooLarge


def fetcher(served: Web, *named: str, seconds: float = 5) -> Fetcher:
    """The gateway is the test's server."""
    return Fetcher(AddressRules(served.at(""), named), max_bytes=1000, seconds=seconds)


async def test_a_file_comes_whole_and_nothing_of_ours_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credential, no cookie, no proxy; the server hears the name it is known by."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with web() as served:
        asking = fetcher(served)
        served.gives("/a b.pdf".replace(" ", "%20"), b"x" * 900, set_cookie="a=b")
        assert await asking.fetch(served.at("/a%20b.pdf?sig=1")) == b"x" * 900
        await asking.fetch(served.at("/a%20b.pdf"))
        await asking.aclose()
    head = served.asked[1].lower()
    assert f"host: 127.0.0.1:{served.port}" in head
    assert "cookie" not in head
    assert "authorization" not in head


async def test_a_redirect_is_checked_anew() -> None:
    """Inside it is followed, elsewhere it is not, and not for ever."""
    async with web() as served:
        asking = fetcher(served)
        served.gives("/end", b"file")
        served.gives("/one", status=302, location="/end")
        assert await asking.fetch(served.at("/one")) == b"file"
        for elsewhere in ("http://169.254.169.254/latest", "http://localhost:1/x", "file:///etc/passwd"):
            served.gives("/two", status=302, location=elsewhere)
            with pytest.raises(RefusedAddress):
                await asking.fetch(served.at("/two"))
        served.gives("/round", status=302, location="/round")
        with pytest.raises(RefusedAddress, match="more than"):
            await asking.fetch(served.at("/round"))
        await asking.aclose()


async def test_a_named_host_that_is_private_is_fetched_from() -> None:
    async with web() as served, web() as other:
        asking = fetcher(served, f"localhost:{other.port}")
        other.gives("/f", b"file")
        assert await asking.fetch(f"http://localhost:{other.port}/f") == b"file"
        with pytest.raises(RefusedAddress):
            await asking.fetch(f"http://127.0.0.1:{other.port}/f")
        await asking.aclose()


async def test_no_more_is_read_than_the_bound() -> None:
    """Whether the server says how much comes, says nothing, or packs it."""
    async with web() as served:
        asking = fetcher(served)
        said, unsaid = served.gives("/said", b"x" * 1001), served.gives("/unsaid", b"x" * 1001, content_length="")
        packed = served.gives("/packed", gzip.compress(b"x" * 1001), content_encoding="gzip")
        for address in (said, unsaid, packed):
            with pytest.raises(TooLarge):
                await asking.fetch(address)
        thrice = gzip.compress(gzip.compress(gzip.compress(b"x" * 1001)))
        with pytest.raises(Transient, match="not asked for"):
            await asking.fetch(served.gives("/thrice", thrice, content_encoding="gzip, gzip, gzip"))
        assert await asking.fetch(served.gives("/f", gzip.compress(b"x"), content_encoding="gzip")) == b"x"
        await asking.aclose()


@pytest.mark.parametrize(("status", "fault"), [(404, AddressExpired), (403, AddressExpired), (410, AddressExpired)])
async def test_an_address_that_is_over_wants_a_new_one(status: int, fault: type[Exception]) -> None:
    async with web() as served:
        asking = fetcher(served)
        served.gives("/f", status=status)
        with pytest.raises(fault):
            await asking.fetch(served.at("/f"))
        await asking.aclose()


@pytest.mark.parametrize("status", [429, 500, 503, 304])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    async with web() as served:
        asking = fetcher(served)
        served.gives("/f", status=status)
        with pytest.raises(Transient):
            await asking.fetch(served.at("/f"))
        await asking.aclose()


async def test_a_server_that_is_slow_or_away_is_tried_again() -> None:
    """A file as a whole has a time; and the message names no address."""
    async with web() as served:
        asking = fetcher(served, seconds=0.1)
        served.gives("/secret-path", b"x")
        served.slow_seconds = 1
        with pytest.raises(Transient, match=r"0\.1 s"):
            await asking.fetch(served.at("/secret-path"))
        await asking.aclose()
    gone = fetcher(served)
    with pytest.raises(Transient) as fault:
        await gone.fetch(served.at("/secret-path"))
    assert "secret-path" not in str(fault.value)
    await gone.aclose()
    await asyncio.sleep(0)


async def test_an_address_that_cannot_be_read_is_refused_once() -> None:
    """No fault of the worker's own, which would be tried again for a day."""
    async with web() as served:
        asking = fetcher(served)
        for url in (served.at("/" + "a" * 70_000), served.gives("/one", status=302, location="http://[")):
            with pytest.raises(RefusedAddress, match="cannot be read"):
                await asking.fetch(url)
        await asking.aclose()


async def test_each_name_at_an_address_shows_a_certificate_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two names may lead to one address, and the connection to the first is open yet: it was no proof of the second."""
    authority = Authority(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfile")
        writer.close()

    async def at_loopback(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    context = authority.server_context(authority.issue("one.test"))
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", at_loopback)
        port = server.sockets[0].getsockname()[1]
        rules = AddressRules("https://gateway.test", [f"one.test:{port}", f"two.test:{port}"])
        trusted = ssl.create_default_context(cafile=str(authority.ca_file))
        asking = Fetcher(rules, max_bytes=1000, seconds=5, tls=trusted)
        assert await asking.fetch(f"https://one.test:{port}/f") == b"file"
        with pytest.raises(Transient, match="ConnectError"):
            await asking.fetch(f"https://two.test:{port}/f")
        await asking.aclose()
