"""Fetches one file over HTTP from where a stranger said that it is.

Guarantees: only where `AddressRules` lets it, and to the very address that was checked, so that a name which resolves
differently the next moment leads nowhere else; each redirect checked anew, and each name's certificate; no credential,
cookie or proxy; no more bytes than the bound, unpacked; a time for the whole. Nothing of the address or the answer is
logged.
"""

import asyncio
import socket
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from worker.errors import Transient
from worker.unpacking import AnswerTooLarge, AnswerUnreadable, body_of
from worker.vault.addresses import UNREADABLE, AddressRules, Origin, RefusedAddress, check_destination

MOST_REDIRECTS: Final = 3
_EXPIRED: Final = frozenset({400, 401, 403, 404, 410})
_PASSING: Final = frozenset({408, 425, 429})


class AddressExpired(Exception):
    """The address leads to no file any more: a new one may."""


class TooLarge(Exception):
    """The file is larger than `FAPIAO_VAULT_MAX_BYTES`."""


class Fetcher:
    """One per process; close it at the end."""

    def __init__(
        self, rules: AddressRules, *, max_bytes: int, seconds: float, tls: ssl.SSLContext | None = None
    ) -> None:
        """`seconds` for a file as a whole. `tls` is what the gateway's own certificate is checked with."""
        self._rules = rules
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            timeout=None,  # noqa: S113  the file as a whole has one
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "fapiao-worker"},
            # Kept open, a connection would serve another name at the same address, for which no certificate was shown.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def fetch(self, url: str) -> bytes:
        """The file's bytes. Raises `Transient` for what may pass, `AddressExpired`, `RefusedAddress`, `TooLarge`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(url)
        except TimeoutError:
            raise Transient(f"the file did not come within {self._seconds:g} s") from None
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise Transient(f"the file could not be fetched ({type(error).__name__})") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _follow(self, url: str) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._ask(url)
            if isinstance(found, bytes):
                return found
            url = _joined(url, found)
        raise RefusedAddress(f"it redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, url: str) -> bytes | str:
        """The file, or where it redirects to."""
        origin = self._rules.origin_of(url)
        request = self._request(url, origin, await _resolved(origin))
        answer = await self._client.send(request, stream=True)
        try:
            if answer.is_redirect and "location" in answer.headers:
                return answer.headers["location"]
            _check_status(answer.status_code)
            return await self._body(answer)
        finally:
            await answer.aclose()

    def _request(self, url: str, origin: Origin, address: str) -> httpx.Request:
        """Connects to the address that was checked; the server still hears the name it is known by."""
        try:
            target = httpx.URL(url).copy_with(host=address, fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise RefusedAddress(UNREADABLE) from None
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        netloc = host if urlsplit(url).port is None else f"{host}:{origin.port}"
        request = self._client.build_request("GET", target, headers={"host": netloc, "accept-encoding": "identity"})
        request.extensions["sni_hostname"] = origin.host
        return request

    async def _body(self, answer: httpx.Response) -> bytes:
        if int(answer.headers.get("content-length", "0") or "0") > self._max_bytes:
            raise TooLarge
        try:
            return await body_of(answer, self._max_bytes)
        except AnswerTooLarge:
            raise TooLarge from None
        except AnswerUnreadable as fault:
            raise Transient(f"the file is {fault}") from None


def _joined(url: str, location: str) -> str:
    """Where a redirect leads. Raises `RefusedAddress`."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise RefusedAddress(UNREADABLE) from None


async def _resolved(origin: Origin) -> str:
    """The address to connect to; every one that the name has must be allowed. Raises `RefusedAddress`, `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        check_destination(origin, address)
    if not addresses:
        raise OSError("the name has no address")
    return addresses[0]


def _check_status(status: int) -> None:
    if status in _EXPIRED:
        raise AddressExpired(f"the address was answered with status {status}")
    if status in _PASSING or status >= 500 or not 200 <= status < 300:
        raise Transient(f"the file was answered with status {status}")
