"""Builds the worker from its settings: the only place that names adapters, and the list of its stages.

Knows who is handed to whom; knows nothing of what they do with each other.
"""

import asyncio
import os
import random
import socket
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

import structlog

from worker.amqp.topology import Topology
from worker.clock import Clock, SystemClock
from worker.configuration import MountedSettings, unknown_names
from worker.errors import ConfigurationError, JournalUnavailable
from worker.gateway.client import WebSocketGateway
from worker.gateway.credentials import CredentialDirectory
from worker.gateway.rest import HttpInvoiceDetails
from worker.intake.admission import AdmissionRules
from worker.intake.consumer import Consumer
from worker.intake.journaling import IntakeHooks, SpaceLimits, SpaceWatch
from worker.journal import open_journal
from worker.lanes.housekeeping import Housekeeping
from worker.lanes.scheduler import Scheduler
from worker.lanes.services import LISTS_AT_ONCE, LaneServices
from worker.ops.conditions import Missing, Wait
from worker.ops.control import control_server, database_file, socket_path
from worker.ops.health import CLOCK_STEP_SECONDS, Health, HealthServer
from worker.ops.logs import dropped_lines
from worker.ops.metrics import Metrics
from worker.ops.operations import Operations
from worker.ops.tracing import Tracing
from worker.outages import journal_outage
from worker.outbox.publisher import Publisher
from worker.outbox.relay import Relay
from worker.ports import Journal
from worker.service import Service, ServiceStage, Signals
from worker.settings import Settings
from worker.tls import Insecurity, broker_tls, gateway_tls, insecurities
from worker.vault.addresses import AddressRules
from worker.vault.archivist import Archivist, VaultRules
from worker.vault.fetching import Fetcher
from worker.vault.storage import Storage

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
"""For a stage that only has to finish what it has in hand."""


async def run_worker(settings: Settings, signals: Signals | None = None, clock: Clock | None = None) -> int:
    """Run until a signal, or until a part dies, by the machine's clock unless another is given. Returns the exit code.

    Raises `ConfigurationError` for what only a changed configuration can cure; a broker, database or gateway that
    is away is waited for.
    """
    if signals is None:
        signals = Signals()
        signals.install()
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    for unknown in unknown_names():
        # Not refused: a newer version's setting must not keep the version before from starting after a rollback.
        log.warning("setting_unknown", name=unknown.name, place=unknown.place, nearest=unknown.nearest)
    log.info("starting", worker=worker, lease_seconds=settings.lease_seconds, drain_seconds=settings.drain_seconds)
    return await _Worker(settings, worker, clock).run(signals)


class _Worker:
    """The parts of one process, wired together."""

    def __init__(self, settings: Settings, worker: str, clock: Clock | None = None) -> None:
        self._settings = settings
        self._worker = worker
        self._mounted = MountedSettings(settings)
        self._clock = clock or SystemClock()
        self._topology = Topology(settings.prefix)
        self._tracing = open_tracing(settings, worker)
        self._metrics = Metrics(self._clock)
        self._health = Health(self._clock, self._metrics)
        self._journal: Journal = open_journal(settings, self._clock, address=self._mounted.database)
        headers, observe = self._mounted.gateway_headers, self._metrics.gateway_answered
        self._gateway = WebSocketGateway(settings, headers=headers, observe=observe)
        self._details = HttpInvoiceDetails(settings, headers=headers, observe=observe)
        self._broker_tls = broker_tls(settings)
        self._publisher = self._make_publisher()
        self._relay = self._make_relay()
        self._services = self._lane_services()
        self._scheduler = Scheduler(self._services, worker)
        self._housekeeping = Housekeeping(self._services, worker, lanes_freed=self._scheduler.wake)
        self._archivist = self._make_archivist()
        self._consumer = self._make_consumer()
        is_file = database_file(settings) is not None
        limits = SpaceLimits(settings.database_max_bytes, settings.disk_free_min_bytes if is_file else 0)
        self._space = SpaceWatch(self._journal, self._consumer, limits)
        self._operations = Operations(self._journal, self._clock, worker=settings.source)

    def _make_publisher(self) -> Publisher:
        settings = self._settings
        return Publisher(
            urls=self._mounted.brokers,
            topology=self._topology,
            heartbeat_seconds=settings.heartbeat_seconds,
            tls=self._broker_tls.context,
            confirm_timeout_seconds=settings.confirm_timeout_seconds,
            declares=settings.declare,
            on_connected=self._wake_relay,
            on_dead_depth=self._metrics.dead_queue_holds,
        )

    def _make_relay(self) -> Relay:
        settings = self._settings
        return Relay(
            journal=self._journal,
            publisher=self._tracing.publisher(self._publisher),
            worker=self._worker,
            clock=self._clock,
            reply_ttl=timedelta(seconds=settings.reply_ttl_seconds),
            confirm_timeout=timedelta(seconds=settings.confirm_timeout_seconds),
            poll=timedelta(seconds=settings.poll_seconds),
            count_verdict=self._metrics.published,
            heard=self._wake_lanes,
        )

    def _lane_services(self) -> LaneServices:
        return LaneServices(
            journal=self._tracing.lanes(self._journal),
            gateway=self._tracing.gateway(self._gateway),
            details=self._details,
            credentials=CredentialDirectory(self._settings.credentials_dir),
            clock=self._clock,
            settings=self._settings,
            list_places=asyncio.Semaphore(LISTS_AT_ONCE),
            chance=random.random,
            committed=self._wake_relay,
            can_tell=lambda: not self._relay.is_mute,
            hooks=self._metrics,
        )

    def _make_archivist(self) -> Archivist | None:
        """None where nothing is kept. Raises `ConfigurationError`."""
        settings = self._settings
        if not settings.vault_url:
            return None
        tls = gateway_tls(settings).context() if settings.gateway_http_base.startswith("https:") else None
        return Archivist(
            journal=self._journal,
            details=self._details,
            fetcher=Fetcher(
                AddressRules(settings.gateway_http_base, tuple(settings.vault_hosts)),
                max_bytes=settings.vault_max_bytes,
                seconds=settings.vault_timeout_seconds,
                tls=tls,
            ),
            storage=Storage(settings.vault_url),
            clock=self._clock,
            rules=VaultRules(
                concurrency=settings.vault_concurrency,
                seconds=settings.vault_timeout_seconds,
                schedule=settings.vault_schedule,
                source=settings.source,
                poll=timedelta(seconds=settings.poll_seconds),
            ),
            committed=self._wake_relay,
            hooks=self._metrics,
        )

    def _make_consumer(self) -> Consumer:
        settings = self._settings
        return Consumer(
            urls=self._mounted.brokers,
            topology=self._topology,
            rules=AdmissionRules.from_settings(settings, self._topology.own_queues),
            journal=self._tracing.intake(self._journal),
            dead_letters=self._publisher,
            worker=self._worker,
            clock=self._clock,
            heartbeat_seconds=settings.heartbeat_seconds,
            tls=self._broker_tls.context,
            prefetch=settings.prefetch,
            bytes_max=settings.intake_max_bytes,
            declares=settings.declare,
            hooks=IntakeHooks(
                on_accepted=self._scheduler.wake,
                on_followers=self._housekeeping.wake,
                on_events=self._relay.wake,
                count_admission=self._metrics.admitted,
                count_dead_letter=self._metrics.dead_lettered,
                count_returned=self._metrics.returned,
            ),
        )

    async def run(self, signals: Signals) -> int:
        """Health first, so that a worker that waits for its database can be seen to live."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._tracing.close)
            self._watch_health()
            if self._settings.http_port:
                host, port = self._settings.http_host, self._settings.http_port
                await stack.enter_async_context(HealthServer(self._health, self._journal.backlog, host=host, port=port))
            beat = asyncio.create_task(self._health.run(), name="health")
            stack.callback(beat.cancel)
            nagging = asyncio.create_task(Insecurity(insecurities(self._settings)).run(), name="insecurity")
            stack.callback(nagging.cancel)
            stack.callback(self._gateway.close)
            stack.push_async_callback(self._details.aclose)
            if self._archivist is not None:
                stack.push_async_callback(self._archivist.aclose)
            if not await self._open_journal(signals):
                return 0
            stack.push_async_callback(self._journal.close)
            self._journal.listen(self._woken_from_outside)
            file = database_file(self._settings)
            if file is not None:
                await stack.enter_async_context(control_server(self._operations, socket_path(file)))
            service = Service(self._stages(), draining=self._health.drain, died=self._health.died)
            return await service.run(signals)

    def _stages(self) -> list[ServiceStage]:
        """In the order in which they start. They stop in the reverse order: first no new commands are taken, then the
        lanes end, and the relay goes last, so that the events which lanes commit at their end still go out."""
        drain = timedelta(seconds=self._settings.drain_seconds)
        # Lanes that hang twice over their closing handshakes, and the store's answer at the end.
        lane_seconds = self._settings.drain_seconds + 2 * (self._settings.close_timeout_seconds + 5) + STOP_SECONDS
        return [
            ServiceStage("publisher", self._publisher.run),
            ServiceStage("relay", self._relay.run, lambda: self._relay.drain(STOP_SECONDS), STOP_SECONDS + 1),
            ServiceStage("lanes", self._scheduler.run, lambda: self._scheduler.drain(drain), lane_seconds),
            ServiceStage("housekeeping", self._housekeeping.run),
            *([] if self._archivist is None else [ServiceStage("vault", self._archivist.run)]),
            ServiceStage("space", self._space.run),
            ServiceStage("intake", self._consumer.run, lambda: self._consumer.drain(STOP_SECONDS), STOP_SECONDS + 1),
        ]

    def _watch_health(self) -> None:
        ask = self._metrics.ask
        ask("log_lines_dropped", dropped_lines)
        ask("consuming", lambda: self._consumer.is_consuming)
        ask("publishing", lambda: self._publisher.can_publish)
        ask("gateway_gate_open", lambda: self._services.breaker.is_open)
        ask("details_gate_open", lambda: self._services.details_breaker.is_open)
        ask("lanes_limit", lambda: self._settings.max_lanes)
        services, clock = self._services, self._services.clock
        self._health.require(Missing.CONSUMING, lambda: self._consumer.is_consuming)
        self._health.require(Missing.SPACE, lambda: not self._space.is_short)
        self._health.require(Missing.PUBLISHING, lambda: self._publisher.can_publish)
        self._health.require(Missing.WRITES, lambda: self._consumer.journal_takes)
        self._health.require(Missing.LEASE, lambda: services.lease.is_safe(clock.monotonic()))
        self._health.require_answer(Missing.ANSWERS, self._journal.ping)
        self._health.mention(Wait.GATEWAY, lambda: not services.breaker.is_open)
        self._health.mention(Wait.DETAILS, lambda: not services.details_breaker.is_open)
        self._health.mention(Wait.EVENTS, lambda: self._relay.is_mute)
        self._health.mention(Wait.PLACES, lambda: services.is_contended)

    async def _open_journal(self, signals: Signals) -> bool:
        """False if a signal came first."""
        outage = journal_outage("start")
        while not signals.drain.is_set():
            try:
                await self._journal.open()
            except JournalUnavailable as fault:
                outage.met(fault)
                await _sleep_unless(signals.drain.wait, self._settings.poll_seconds)
            else:
                outage.over()
                await self._tell_clock()
                return True
        return False

    async def _tell_clock(self) -> None:
        """A running clock makes up for a step back by itself; one that starts behind the journal cannot."""
        with suppress(JournalUnavailable):  # whoever needs it says so
            behind = (await self._journal.times()).seconds_behind(self._clock.now())
            if behind > CLOCK_STEP_SECONDS:
                advice = "what is due in the journal may wait so much longer: look at the workers' clocks"
                log.warning("clock_behind_journal", seconds=round(behind), advice=advice)

    def _wake_relay(self) -> None:
        self._relay.wake()

    def _wake_lanes(self) -> None:
        self._scheduler.wake()

    def _woken_from_outside(self) -> None:
        """Another process may have made work."""
        self._relay.wake()
        self._scheduler.wake()


def open_tracing(settings: Settings, worker: str) -> Tracing:
    """As the settings ask. Raises `ConfigurationError` where traces are asked for and the extra is missing."""
    if not settings.otel:
        return Tracing()
    try:
        from worker.ops import otel  # noqa: PLC0415  the extra may be missing, and costs what it costs
    except ImportError as error:
        raise ConfigurationError(
            f"FAPIAO_OTEL is on, but {error.name} is not installed: install fapiao-worker[otel], or turn it off."
        ) from error
    return otel.open_spans(settings, worker)


async def _sleep_unless(happens: Callable[[], Awaitable[object]], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await happens()
    except TimeoutError:
        return
