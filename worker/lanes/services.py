"""What every lane of this worker shares. A value, so that tests can hand in fakes one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from worker.clock import Clock
from worker.flows.look_up import LookUpRules
from worker.flows.looks import Schedules
from worker.flows.query_state import QueryRules
from worker.flows.rules import Rules
from worker.flows.table import Timing
from worker.lanes.addresses import InvoiceAddresses
from worker.lanes.breaker import GatewayBreaker
from worker.lanes.lease import LeaseWatch
from worker.lanes.places import Places
from worker.ports import Credentials, Gateway, InvoiceDetails, LaneJournal
from worker.settings import Settings


class LaneHooks(Protocol):
    """What an operator wants counted. Called synchronously; must not raise."""

    def submitted(self) -> None: ...
    def settled(self, command_type: str, outcome: str, code: str) -> None: ...
    def frame_ignored(self, reason: str) -> None: ...
    def login_refused(self) -> None: ...
    def lease_lost(self) -> None: ...
    def lanes(self, active: int, sessions: int) -> None: ...
    def page_found(self, invoices: int, files: int) -> None: ...
    def looked_up(self, verdict: str) -> None: ...
    def broke(self, command_type: str, outcome: str) -> None: ...
    def audit_finding(self, kind: str) -> None: ...
    def audit_ended(self, *, is_whole: bool) -> None: ...


class NoHooks:
    """Counts nothing."""

    def submitted(self) -> None: ...
    def settled(self, command_type: str, outcome: str, code: str) -> None: ...
    def frame_ignored(self, reason: str) -> None: ...
    def login_refused(self) -> None: ...
    def lease_lost(self) -> None: ...
    def lanes(self, active: int, sessions: int) -> None: ...
    def page_found(self, invoices: int, files: int) -> None: ...
    def looked_up(self, verdict: str) -> None: ...
    def broke(self, command_type: str, outcome: str) -> None: ...
    def audit_finding(self, kind: str) -> None: ...
    def audit_ended(self, *, is_whole: bool) -> None: ...


@dataclass(slots=True)
class LaneServices:
    """Ports, settings and the state that all lanes share."""

    journal: LaneJournal
    gateway: Gateway
    details: InvoiceDetails
    credentials: Credentials
    clock: Clock
    settings: Settings
    chance: Callable[[], float]
    """A number in [0, 1), for jitter."""
    committed: Callable[[], None]
    """Told after each commit that wrote events, so that the relay need not poll."""
    hooks: LaneHooks = field(default_factory=NoHooks)
    is_contended: bool = False
    """Lanes wait while none is free: each should give way soon."""
    is_draining: bool = False
    refused_sellers: set[tuple[str, str]] = field(default_factory=set)
    """Sources and sellers of which this worker saw orders refused since the last that was issued."""
    addresses: InvoiceAddresses = field(default_factory=InvoiceAddresses)
    lease: LeaseWatch = field(init=False)
    places: Places = field(init=False)
    breaker: GatewayBreaker = field(init=False)
    """Of the gateway's sockets."""
    details_breaker: GatewayBreaker = field(init=False)
    """Of its HTTP look-ups: either may be away without the other."""
    timing: Timing = field(init=False)
    queries: QueryRules = field(init=False)
    looks: Schedules = field(init=False)
    look_ups: LookUpRules = field(init=False)
    suspension: timedelta = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.lease = LeaseWatch(settings.lease_seconds, settings.close_timeout_seconds)
        self.suspension = timedelta(seconds=settings.login_suspend_seconds)
        self.places = Places(settings.places_of_a_tenant)
        self.breaker = GatewayBreaker(settings.gateway_probes)
        self.details_breaker = GatewayBreaker(settings.gateway_probes)
        rules = Rules.from_settings(settings)
        self.timing, self.queries = rules.timing, rules.queries
        self.looks, self.look_ups = rules.schedules, rules.look_ups
