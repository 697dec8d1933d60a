"""One connection to RabbitMQ that is rebuilt from nothing whenever anything about it goes wrong.

Guarantees: whatever ends a connection (refusal, half-open link, a channel closed by the broker, the client library
cancelling tasks that are not its own) ends its `Link`, and another one with a higher epoch follows, by exponential
back-off with full jitter, on the next of the given hosts. Nothing of a link outlives it, so nobody can acknowledge on
the wrong channel. No wait on the broker is unbounded. Addresses are logged without user and password.
Does not know what the connection is for: `serve` does.
"""

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar
from urllib.parse import parse_qs, urlsplit

import structlog
from aio_pika.connection import Connection, make_url
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import AMQPError, InvalidFrameError, ProbableAuthenticationError

from worker.addresses import at
from worker.amqp.tables import read_what_there_is
from worker.backoff import full_jitter
from worker.errors import BrokerLost, ConfigurationError
from worker.outages import Outage
from worker.tls import MakeContext

log = structlog.get_logger()

T = TypeVar("T")

BACKOFF_MIN_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 10.0
"""Full jitter waits half of it on average, which is what RabbitMQ's own clients wait."""
CONNECT_SECONDS = 15.0
"""TCP, TLS and the AMQP handshake together: a listener that never speaks would hold a connect for ever."""
ANSWER_SECONDS = 20.0
"""How long the broker may take to answer a synchronous method; declaring a quorum queue on a busy cluster is slow."""
CLOSE_SECONDS = 3.0
STEADY_SECONDS = 30.0
"""A link that held this long was a good one: the back-off begins anew."""


_HUNG_UP = "Server connection unexpectedly closed"
"""So the client library calls it, whatever the reason."""
_PORTS = (
    "look at the port of FAPIAO_AMQP_URL (amqp:// usually 5672, amqps:// 5671), and whether it wants a certificate "
    "(FAPIAO_AMQP_CERT_FILE)"
)
_OWN_FILES = frozenset({"cafile", "capath", "cadata", "certfile", "keyfile"})
"""Options of an address that the client library reads itself."""


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where a broker is, with a user and a password that are never shown, and what TLS with it rests on."""

    url: str
    tls: MakeContext | None = None
    """For amqps://; without it, the system's authorities and what the address itself says."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
            raise ConfigurationError("FAPIAO_AMQP_URL must be amqp:// or amqps:// with a host")
        if parse_qs(parts.query).get("no_verify_ssl", ["0"]) != ["0"]:
            raise ConfigurationError("FAPIAO_AMQP_URL must not turn off the check of the broker's certificate")

    @property
    def label(self) -> str:
        """The address without user, password and options."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{at(parts.hostname or '', parts.port)}{parts.path}"

    @property
    def context(self) -> ssl.SSLContext | None:
        """For the next connection, where it is encrypted and the address names no files of its own."""
        parts = urlsplit(self.url)
        if self.tls is None or parts.scheme != "amqps" or not _OWN_FILES.isdisjoint(parse_qs(parts.query)):
            return None
        return self.tls()


def backoff_seconds(failures: int, roll: float) -> float:
    """The pause after so many failures in a row (from 1); `roll` in [0, 1) spreads it over its whole range."""
    return full_jitter(failures, roll, shortest=BACKOFF_MIN_SECONDS, longest=BACKOFF_MAX_SECONDS)


def classify(error: BaseException) -> BrokerLost | None:
    """What a failure of the client library means; None for what is not the broker's doing."""
    if isinstance(error, BrokerLost):
        return error
    if isinstance(error, TimeoutError):
        return BrokerLost("the broker did not answer in time")
    if isinstance(error, asyncio.CancelledError):
        return BrokerLost("the connection was closed under its user")
    if (said := _refusal(error)) is not None:
        return BrokerLost(said, says_what_to_do=True)
    # aiormq raises RuntimeError for what was closed before the call
    if isinstance(error, AMQPError | OSError | RuntimeError):
        return BrokerLost(f"{type(error).__name__}: {error}")
    return None


def _refusal(error: BaseException) -> str | None:
    """A broker that is there and says no: what to change, rather than what the library calls it."""
    text = str(error)
    if (said := _never_met(error.__cause__)) is not None:
        return said
    if isinstance(error, ProbableAuthenticationError) or "ACCESS_REFUSED - Login was refused" in text:
        return "the broker refuses the user or its password (ACCESS_REFUSED): look at both in FAPIAO_AMQP_URL"
    if isinstance(error, InvalidFrameError) and "Connection.OpenOk" in text:  # all that the library keeps of it
        path = "the path of FAPIAO_AMQP_URL (the vhost / is written %2F or left out)"
        limits = "at the limits of connections (rabbitmqctl list_user_limits, list_vhost_limits)"
        return (
            f"the broker has no such vhost, or lets this user not into it (NOT_ALLOWED): look at {path}, and {limits}"
        )
    return None


def _never_met(cause: BaseException | None) -> str | None:
    """What is wrong below AMQP, and is no broker that is down."""
    match cause:
        case ssl.SSLCertVerificationError():
            where = "its dates and names, this machine's clock and FAPIAO_AMQP_CA_FILE"
            return f"the broker's certificate is not trusted ({cause.verify_message}): look at {where}"
        case ssl.SSLError():
            return f"TLS with the broker failed ({cause.reason}): {_PORTS}"
        case socket.gaierror():
            return "no address is found for the broker's name: look at FAPIAO_AMQP_URL and at DNS"
    return None


async def ask(awaitable: Awaitable[T], seconds: float = ANSWER_SECONDS) -> T:
    """Wait for the broker. Raises `BrokerLost` when it fails, stays silent, or when the library cancels the wait
    although nobody cancelled this task. A cancellation that comes with the answer is heeded too: the library waits by
    `asyncio.wait_for`, which on Python 3.11 lets it fall, and a task that goes on for ever would hold up a shutdown."""
    before = _cancellations()
    try:
        async with asyncio.timeout(seconds):
            answer = await awaitable
    except asyncio.CancelledError as error:
        if _cancellations() > 0:
            raise
        raise BrokerLost("the connection was closed under its user") from error
    except Exception as error:
        if _cancellations() > before:
            raise asyncio.CancelledError from error
        lost = classify(error)
        if lost is None or lost is error:
            raise
        raise lost from error
    if _cancellations() > before:
        raise asyncio.CancelledError
    return answer


def _cancellations() -> int:
    """How often this task itself was cancelled (count)."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


class Link:
    """One open connection, until its end. `epoch` tells it from those before and after."""

    def __init__(self, epoch: int, connection: AbstractConnection) -> None:
        self.epoch = epoch
        self._connection = connection
        self._ends: set[asyncio.Future[object]] = set()
        self._lost: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self.watch(connection.closing, "the connection ended")

    async def open_channel(self, *, confirms: bool) -> AbstractChannel:
        """Open a channel that lives as long as this link. Does not end the link when it is closed: see `watch`."""
        return await ask(self._connection.channel(publisher_confirms=confirms, on_return_raises=True))

    def watch(self, closing: asyncio.Future[object], what: str) -> None:
        """End this link when `closing` is done."""
        self._ends.add(closing)
        closing.add_done_callback(lambda done: self.fail(f"{what}: {_reason(done)}"))

    def fail(self, reason: str) -> None:
        """End this link: its supervisor builds another one."""
        if not self._lost.done():
            self._lost.set_exception(BrokerLost(reason))

    async def lost(self) -> NoReturn:
        """Wait for the end of this link, then raise `BrokerLost`."""
        await asyncio.shield(self._lost)
        raise AssertionError("a link ends only by an error")

    async def is_blocked(self) -> bool:
        """Whether the broker has said that it takes no publishes for now (memory or disk alarm)."""
        try:
            async with asyncio.timeout(0):
                await self._connection.ready()
        except TimeoutError:
            return True
        return False

    @property
    def frame_max(self) -> int:
        """Largest frame (bytes) both sides agreed on."""
        return int(self._connection.connection_tune.frame_max or 131072)

    def forget(self) -> None:
        """Let go of what is watched, once the connection is closed."""
        for end in self._ends:
            end.cancel()
        self._ends.clear()
        if self._lost.done():
            self._lost.exception()


def _reason(done: asyncio.Future[object]) -> str:
    if done.cancelled():
        return "cancelled"
    error = done.exception()
    if isinstance(error, asyncio.CancelledError):  # so the library ends one where three heartbeats are missing
        return "no sign of life came from the broker: look at it, and at the network between"
    return f"{type(error).__name__}: {error}" if error is not None else "closed"


AskUrls = Callable[[], Sequence[str]]
"""The brokers' addresses as they are now."""
Serve = Callable[[Link], Awaitable[None]]
Connect = Callable[[Address, str, int, int], contextlib.AbstractAsyncContextManager[Link]]


@contextlib.asynccontextmanager
async def open_link(address: Address, name: str, heartbeat_seconds: int, epoch: int) -> AsyncIterator[Link]:
    """Connect, and close in bounded time whatever happens. Raises `BrokerLost`."""
    _quieten_libraries()
    read_what_there_is()
    connection = Connection(
        make_url(address.url, heartbeat=heartbeat_seconds),
        ssl_context=address.context,
        client_properties={"connection_name": name},
    )
    link: Link | None = None
    try:
        try:
            await ask(connection.connect(timeout=CONNECT_SECONDS), CONNECT_SECONDS + 1)
        except BrokerLost as error:
            if _HUNG_UP not in str(error):
                raise
            said = f"the broker hung up before it had answered: it is starting or ending; else {_PORTS}"
            raise BrokerLost(said, says_what_to_do=True) from error
        if connection.transport is None:
            raise BrokerLost("the connection was closed while it opened")
        link = Link(epoch, connection.transport.connection)
        yield link
    finally:
        # One that never opened, too: left to the garbage collector it would try to close itself, in any thread.
        with contextlib.suppress(BrokerLost):
            await ask(connection.close(), CLOSE_SECONDS)
        if link is not None:
            link.forget()


class SupervisedConnection:
    """Keeps one connection up and lets `serve` work on it. `run` it in a task of its own."""

    def __init__(  # noqa: PLR0913  the last two are for tests
        self,
        urls: AskUrls,
        name: str,
        serve: Serve,
        *,
        heartbeat_seconds: int = 10,
        tls: MakeContext | None = None,
        connect: Connect = open_link,
        roll: Callable[[], float] = random.random,
    ) -> None:
        """`urls` are asked anew for each connection: a password may have been rotated. `name` is shown by the broker as
        connection name. `serve` works until the link is lost; what it raises ends
        the link, what it returns normally too. Raises `ConfigurationError` for an address that cannot be used."""
        self._urls = urls
        self._tls = tls
        self._addresses()
        self._name = name
        self._serve = serve
        self._heartbeat_seconds = heartbeat_seconds
        self._connect = connect
        self._roll = roll
        self._link: Link | None = None
        self._outage = Outage("broker_lost", "broker_connected", connection=name)
        self.epoch = 0
        """Grows with each attempt; 0 before the first."""

    def _addresses(self) -> list[Address]:
        urls = self._urls()
        if not urls:
            raise ConfigurationError("FAPIAO_AMQP_URL names no broker")
        return [Address(url, self._tls) for url in urls]

    @property
    def is_connected(self) -> bool:
        """Whether there is a link just now; whether it is of use, its user knows."""
        return self._link is not None

    def drop(self, reason: str) -> None:
        """End the link on purpose; another one follows."""
        if self._link is not None:
            self._link.fail(reason)

    async def run(self) -> None:
        """Connect, serve, and again, until cancelled. Then the connection is closed."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            addresses = self._addresses()
            await self._live_once(addresses[self.epoch % len(addresses)])
            failures = 1 if loop.time() - began >= STEADY_SECONDS else failures + 1
            rounds, rest = divmod(failures, len(addresses))
            if rest == 0:  # the other hosts are tried at once; a pause follows when all have failed
                await asyncio.sleep(backoff_seconds(rounds, self._roll()))

    async def _live_once(self, address: Address) -> None:
        self.epoch += 1
        try:
            async with self._connect(address, self._name, self._heartbeat_seconds, self.epoch) as link:
                self._link = link
                said = {"connection": self._name, "address": address.label, "epoch": self.epoch}
                log.info("broker_connected", **said, **self._outage.ended())
                await self._serve_until_lost(link)
        except BrokerLost as error:
            self._outage.met(error, address=address.label, epoch=self.epoch)
        except Exception:
            log.exception("broker_link_failed", connection=self._name, address=address.label, epoch=self.epoch)
        finally:
            self._link = None

    async def _serve_until_lost(self, link: Link) -> None:
        # The client library cancels tasks that are not its own. A TaskGroup would take that for a child's normal end.
        tasks = {asyncio.ensure_future(self._serve(link)), asyncio.ensure_future(link.lost())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            if task.cancelled():
                raise BrokerLost("the connection was closed under its user")
            if (error := task.exception()) is not None:
                raise error


def _quieten_libraries() -> None:
    """Both log frames and messages at DEBUG, and every lost connection with a traceback at WARNING."""
    for name in ("aio_pika", "aiormq"):
        library = logging.getLogger(name)
        library.setLevel(max(library.level, logging.ERROR))
