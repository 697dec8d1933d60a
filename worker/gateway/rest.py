"""`worker.ports.InvoiceDetails`: the gateway's HTTP look-ups. The only door to `httpx`.

Guaranteed: at most `http_concurrency` look-ups at once over all callers; kept-alive connections; no redirect, no
cookie, no proxy from the environment; answers and waits are bounded; nothing of an address, a header or a body is ever
logged or put into an error. A look-up changes nothing at the gateway, so what failed in passing is repeated.
Not known here: what addresses and answers hold (`query_codec`), and when to ask again for what is not ready.
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx
import structlog

from contracts.failures import FailureCode
from worker.backoff import full_jitter
from worker.errors import Permanent, Transient, Unreachable
from worker.gateway import query_codec
from worker.gateway.credentials import AskHeaders, headers_of
from worker.gateway.values import retry_after
from worker.ports import Observe, Operation, observe_nothing
from worker.settings import Settings
from worker.tls import gateway_tls
from worker.unpacking import AnswerTooLarge, AnswerUnreadable, body_of

log = structlog.get_logger()

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_KEEP_ALIVE_SECONDS: Final = 15
"""Less than servers usually keep an idle connection, so that few look-ups meet one that was just closed."""
_OWN_HEADERS: Final = {"User-Agent": "fapiao-worker", "Accept": "*/*", "Accept-Encoding": "identity"}
"""The settings may name others."""
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_REFUSED_IDENTITY: Final = {401: FailureCode.GATEWAY_UNAUTHORIZED, 403: FailureCode.GATEWAY_FORBIDDEN}

for _name in ("httpx", "httpcore"):
    # At INFO the one writes out addresses, at DEBUG the other headers.
    logging.getLogger(_name).setLevel(logging.WARNING)


class HttpInvoiceDetails:
    """The look-ups at `Settings.gateway_http_base`. One per process; close it at the end."""

    def __init__(
        self,
        settings: Settings,
        *,
        headers: AskHeaders | None = None,
        observe: Observe = observe_nothing,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`headers` are asked anew for each look-up, for they may have been rotated; without it, as in `settings`."""
        self._settings = settings
        self._headers = headers or headers_of(settings)
        self._base_url = settings.gateway_http_base
        self._observe = observe
        self._chance = chance
        self._sleep = sleep
        self._slots = asyncio.Semaphore(settings.http_concurrency)
        self._quiet_until = 0.0
        """By the loop's clock: until then the gateway wants to hear nothing of anybody."""
        self._tls = gateway_tls(settings) if self._base_url.startswith("https:") else None
        self._clients: list[httpx.AsyncClient] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._idle: dict[ssl.SSLContext | None, list[httpx.AsyncClient]] = {}
        """By TLS context: a new one, once its files have changed, wants clients of its own."""

    @contextlib.contextmanager
    def _client(self) -> Iterator[httpx.AsyncClient]:
        """One for this look-up alone, the last one used, whose connection is the youngest. Each has one connection: a
        client of several looks at all of them with each request, which costs a third of it. One whose answer did not
        come to its end is not used again: cancelled while it cleans up, it takes its connection for busy for ever, and
        each look-up that got it would wait for that."""
        context = None if self._tls is None else self._tls.context()
        idle = self._idle.setdefault(context, [])
        client = idle.pop() if idle else self._make_client(context)
        try:
            yield client
        except BaseException:
            self._clients.remove(client)
            closing = asyncio.create_task(_close(client), name="http-client-closing")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            raise
        idle.append(client)

    def _make_client(self, context: ssl.SSLContext | None) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            headers=_OWN_HEADERS,
            verify=context or False,  # without TLS there is nothing to verify
            timeout=None,  # noqa: S113  each look-up as a whole has one
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )
        self._clients.append(client)
        return client

    async def items(self, invoice_id: str) -> tuple[dict[str, Any], ...]:
        rows = await self._rows("items", query_codec.item_address(self._base_url, invoice_id))
        return query_codec.items_of(rows, invoice_id)

    async def files(self, invoice_ids: Sequence[str], types: Sequence[str]) -> tuple[dict[str, Any], ...]:
        batches = query_codec.file_addresses(
            self._base_url,
            invoice_ids,
            types,
            array=self._settings.http_array,
            batch=self._settings.http_batch,
        )
        found: list[dict[str, Any]] = []
        for address, ids in batches:
            rows = await self._rows("files", address)
            found += query_codec.files_of(rows, self._base_url, ids, types)
        return tuple(found)

    async def aclose(self) -> None:
        """Close the connections."""
        for client in [*self._clients]:
            await client.aclose()
        await asyncio.gather(*self._closing)

    async def _rows(self, operation: Operation, address: str) -> list[Any]:
        """Ask until there is an answer, as often as the settings allow."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._asked(operation, address)
            except Transient as fault:
                wait = self._wait_after(attempt, fault)
                if wait is None:
                    raise
                reason = str(fault)
            log.info("gateway_look_up_repeated", operation=operation, attempt=attempt, wait_seconds=wait, reason=reason)
            await self._sleep(wait)

    async def _asked(self, operation: Operation, address: str) -> list[Any]:
        clock = asyncio.get_running_loop().time
        async with self._slots:
            quiet = self._quiet_until - clock()
            if quiet > 0:
                await self._sleep(quiet)
            began = clock()
            body = await self._fetched(address)
            rows = query_codec.rows_of(body, self._settings.http_success_codes)
            self._observe(operation, clock() - began)
        return rows

    async def _fetched(self, address: str) -> bytes:
        try:
            with self._client() as client:
                async with (
                    asyncio.timeout(self._settings.http_timeout_seconds),
                    client.stream("GET", address, headers=self._headers()) as response,
                ):
                    # Whatever the status is: a connection whose answer was read to its end can serve again.
                    body = await body_of(response, MAX_BODY_BYTES)
        except AnswerTooLarge:
            raise Permanent(FailureCode.HTTP_ERROR, f"an answer is longer than {MAX_BODY_BYTES} bytes") from None
        except AnswerUnreadable as fault:
            raise Transient(f"the gateway's answer to a look-up is {fault}") from None
        except (httpx.HTTPError, TimeoutError) as exc:
            raise classify(exc) from exc
        if response.status_code != httpx.codes.OK:
            raise refusal(response.status_code, response.headers)
        return body

    def _wait_after(self, attempt: int, fault: Transient) -> float | None:
        """How long until the next attempt: growing, with full jitter, and not before the gateway allows it. None if it
        was the last one, or if the gateway asks for more patience than there is: the caller may come back then."""
        longest = self._settings.retry_max_seconds
        asked = 0.0 if fault.retry_after is None else fault.retry_after.total_seconds()
        if asked > longest:
            return None
        if asked:
            self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + asked)
        if attempt >= self._settings.http_attempts:
            return None
        growing = full_jitter(attempt, self._chance(), shortest=self._settings.retry_min_seconds, longest=longest)
        return round(max(asked, growing), 3)


async def _close(client: httpx.AsyncClient) -> None:
    with contextlib.suppress(Exception):  # what it was asked has failed, which is told
        await client.aclose()


def classify(exc: Exception) -> Transient:
    """What it means that no answer came: nothing happened, and it may be tried again. A bad certificate too, for
    certificates are repaired while commands wait."""
    untrusted = next((one for one in _behind(exc) if isinstance(one, ssl.SSLCertVerificationError)), None)
    match exc:
        case TimeoutError():
            what = "did not answer a look-up in time"
        case httpx.ConnectError() if untrusted is not None:
            reason = getattr(untrusted, "verify_message", "no reason given")
            what = f"showed a certificate that is not trusted: {reason}"
        case httpx.ConnectError():
            return Unreachable("the gateway cannot be reached for a look-up")
        case _:
            what = f"broke off a look-up ({type(exc).__name__})"
    return Transient(f"the gateway {what}")


def _behind(exc: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it: the library hides causes as contexts."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def refusal(status: int, headers: httpx.Headers) -> Transient | Permanent:
    """What a status other than 200 means. Trap 6: 429 and 5xx pass."""
    message = f"the gateway answered a look-up with {status}"
    if status == _TOO_MANY or status >= _SERVER_ERRORS:
        wait: timedelta | None = retry_after(headers.get("Retry-After", ""), headers.get("Date", ""))
        return Transient(message, retry_after=wait)
    return Permanent(_REFUSED_IDENTITY.get(status, FailureCode.HTTP_ERROR), message)
