"""The whole system in one process: workers made of the real parts, between a model store, gateway and broker.

Real are intake (from the delivery on), lanes, flows, housekeeping, the service's way down, the relay and the journal's
SQL. Times are scaled down, so that hours of schedules pass in minutes.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from typing_extensions import override

from tests.lane_fakes import FakeCredentials, RecordingHooks
from tests.memory_journal import MemoryJournal
from tests.model.broker import Channel, CommandQueue, ModelPublisher, Published
from tests.model.gateway import ModelGateway
from tests.model.simulation import Process, World
from tests.model.sockets import GatewayLink
from tests.model.store import StoreFaults, StoreLink, TrueClock
from worker.amqp.confirms import Verdict
from worker.amqp.topology import Topology
from worker.intake.admission import AdmissionRules
from worker.intake.consumer import Consumer
from worker.intake.journaling import IntakeHooks
from worker.lanes.housekeeping import Housekeeping
from worker.lanes.scheduler import Scheduler
from worker.lanes.services import LISTS_AT_ONCE, LaneServices
from worker.ops.operations import Operations
from worker.outbox.relay import Relay
from worker.ports import Gateway, InvoiceDetails, Journal
from worker.service import Service, ServiceStage, Signals
from worker.settings import Settings

TOPOLOGY: Final = Topology("fapiao")
LEASE_SECONDS: Final = 30
HEARTBEATS_SECONDS: Final = 30
"""After so long the broker gives up a connection that says nothing."""
MOST_SKEW_SECONDS: Final = 8
"""By which a worker's clock may be wrong: two of them, and twice in a row, stay within the settings' skew."""
SETTINGS: Final = Settings(
    _env_file=None,
    lease_seconds=LEASE_SECONDS,
    poll_seconds=4,
    max_lanes=2,
    drain_seconds=6,
    login_timeout_seconds=6,
    answer_timeout_seconds=12,
    scan_timeout_seconds=20,
    result_timeout_seconds=10,
    refusal_grace_seconds=3,
    query_timeout_seconds=6,
    session_idle_seconds=8,
    close_timeout_seconds=1,
    retry_min_seconds=1,
    retry_max_seconds=8,
    login_suspend_seconds=40,
    deadline_seconds=150,
    confirm_delay_seconds=10,
    confirm_schedule="20s,60s",
    reconcile_schedule="10s,40s,90s",
    refusal_schedule="5s,20s",
    clock_skew_seconds=2 * MOST_SKEW_SECONDS + 4,
)


class WrongClock:
    """A worker's own clock: its wall time may be wrong and jump, its monotonic time is not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return self._world.moment + self.skew

    def monotonic(self) -> float:
        return self._world.now


class System:
    """Everything, as it stands before the first step: a store, a gateway, a broker; no process yet."""

    def __init__(
        self, epoch: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, confirms: bool = True, most_pages: int = 10_000
    ) -> None:
        self.settings = SETTINGS.model_copy(update={"confirm": confirms, "query_max_pages": most_pages})
        self.world = World(epoch)
        self.journal = MemoryJournal(TrueClock(self.world))
        self.store_faults = StoreFaults()
        self.gateway = ModelGateway(self.world, self.journal)
        self.queue = CommandQueue()
        self.published = Published()
        self.verdicts: deque[Verdict] = deque()
        self.missing_queues: set[str] = set()
        self.operations = Operations(self.journal, TrueClock(self.world), worker=SETTINGS.source)
        self.workers: list[Worker] = []
        self.relay: RelayProcess | None = None
        self._started = 0

    def start_worker(self) -> "Worker":
        """A new one, under a name of its own."""
        self._started += 1
        worker = Worker(self, f"w{self._started}")
        self.workers.append(worker)
        return worker

    def start_relay(self) -> None:
        """The one process that publishes: on SQLite no event has another owner."""
        self._started += 1
        self.relay = RelayProcess(self, f"r{self._started}")

    def committed(self) -> None:
        """Told by workers: the relay need not wait for its next round."""
        if self.relay is not None and self.relay.process.is_alive:
            self.relay.relay.wake()

    def close(self) -> None:
        """Let go of all loops."""
        for process in list(self.world.processes):
            process.crash()
        self.journal.statements.connection.close()


class Worker:
    """One worker process: what `bootstrap` wires, but for the connections."""

    def __init__(self, system: System, name: str) -> None:
        self.system = system
        self.process = Process(system.world, name)
        self.clock = WrongClock(system.world)
        self.signals: Signals | None = None
        self.channel: Channel | None = None
        self.process.ended.append(self._ended)
        self.process.start(self._main())

    @override
    def __repr__(self) -> str:
        return self.process.name

    async def _main(self) -> None:
        self.signals = Signals()
        journal = cast("Journal", StoreLink(self.process, self.system.journal, self.system.store_faults))
        services = self._services(journal)
        scheduler = Scheduler(services, self.process.name)
        housekeeping = Housekeeping(services, self.process.name, lanes_freed=scheduler.wake)
        self._housekeeping = housekeeping
        self._consumer = self._make_consumer(journal, scheduler, housekeeping)
        drain = timedelta(seconds=SETTINGS.drain_seconds)
        stages = [
            ServiceStage("lanes", scheduler.run, lambda: scheduler.drain(drain), SETTINGS.drain_seconds + 22),
            ServiceStage("housekeeping", housekeeping.run),
            ServiceStage("intake", self._take_in, lambda: self._consumer.drain(10), 11),
        ]
        await Service(stages, draining=lambda: None, died=self._died).run(self.signals)

    def _services(self, journal: Journal) -> LaneServices:
        link = GatewayLink(self.system.gateway, self.process)
        services = LaneServices(
            journal=journal,
            gateway=cast("Gateway", link),
            details=cast("InvoiceDetails", link),
            credentials=FakeCredentials(),
            clock=self.clock,
            settings=self.system.settings,
            list_places=asyncio.Semaphore(LISTS_AT_ONCE),
            chance=lambda: 0.5,
            committed=self._committed,
            hooks=RecordingHooks(),
        )
        self.process.awaits = lambda lane, key: key in services.addresses.unanswered(lane, self.clock.now)
        return services

    def _make_consumer(self, journal: Journal, scheduler: Scheduler, housekeeping: Housekeeping) -> Consumer:
        return Consumer(
            urls=lambda: ["amqp://nowhere/"],
            topology=TOPOLOGY,
            rules=AdmissionRules.from_settings(SETTINGS, TOPOLOGY.own_queues),
            journal=journal,
            dead_letters=cast("Any", None),
            worker=self.process.name,
            clock=self.clock,
            hooks=IntakeHooks(
                on_accepted=scheduler.wake, on_followers=housekeeping.wake, on_events=self.system.committed
            ),
        )

    async def _take_in(self) -> None:
        """The consumer without its connection, which is lost and made anew here."""
        consumer = self._consumer
        async with asyncio.TaskGroup() as group:
            group.create_task(consumer._journal_forever())
            epoch = 0
            while True:
                await consumer._door.journal_works.wait()
                if consumer._door.is_shut:
                    return
                epoch += 1
                consumer._buffer.clear()
                self.process.check_alive()  # what was due at the moment of its crash still runs, and reaches nothing
                self.channel = Channel(self.system.queue, self.process, consumer, epoch)
                consumer._consumption = self.channel
                self.system.queue.join(self.channel)
                await self.channel.lost
                consumer._consumption = None
                await asyncio.sleep(1)

    def _committed(self) -> None:
        self.system.committed()
        self._housekeeping.wake()

    def _died(self, name: str) -> None:
        if self.process.is_alive:
            self.system.world.bugs.append(f"stage {name} of {self.process.name} died")

    def _ended(self) -> None:
        self.system.workers.remove(self)
        if self.channel is not None:
            self.channel.lose()

    # ---- what happens to it ------------------------------------------------------------------------

    def stop(self) -> None:
        """Stopped, it answers no heartbeat either."""
        self.process.stop()
        self.system.world.later(HEARTBEATS_SECONDS, self._lose_broker_if_silent)

    def _lose_broker_if_silent(self) -> None:
        if self.process.is_stopped and self.channel is not None:
            self.channel.lose()

    def terminate(self) -> None:
        """SIGTERM; a second one ends it at once."""
        if self.signals is not None:
            self.signals.received("SIGTERM")


class RelayProcess:
    """The relay in a process of its own."""

    def __init__(self, system: System, name: str) -> None:
        self.process = Process(system.world, name)
        publisher = ModelPublisher(system.world, self.process, system.published, system.verdicts)
        publisher.missing_queues = system.missing_queues
        self.relay = Relay(
            journal=cast("Journal", StoreLink(self.process, system.journal, system.store_faults)),
            publisher=publisher,
            worker=name,
            clock=TrueClock(system.world),
            confirm_timeout=timedelta(seconds=6),
            poll=timedelta(seconds=SETTINGS.poll_seconds),
        )
        self.process.start(self.relay.run())
