"""What every lane of this worker shares: its ports and rules, and what they know of each other. Pure.

`LaneServices` is a value, so that tests can hand in fakes one by one.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from contracts.envelope import dumps
from worker.clock import Clock
from worker.flows.looks import LookUpRules, Schedules
from worker.flows.query_state import QueryRules
from worker.flows.table import Timing
from worker.lanes.breaker import GatewayBreaker
from worker.outages import Outage, journal_outage
from worker.ports import Credentials, Gateway, InvoiceDetails, LaneJournal
from worker.records import SubmittedInvoice
from worker.settings import Settings


@dataclass(slots=True)
class LeaseWatch:
    """This worker's own view of its lease on all of its lanes: how long it may still act, by a clock that does not stop
    when the process does.

    Moments come in as monotonic seconds. It errs on the safe side: the lease is counted from before it was asked for,
    and ends a margin early.
    """

    length_seconds: float
    closing_seconds: float = 0.0
    """What the closing of a session may take."""
    _asked_at: float = float("-inf")
    is_given_up: bool = False
    """Set once the lease is known to be lost; the worker must register anew."""
    margin_seconds: float = field(init=False)
    """Kept back for clocks that run apart, for what is already on its way, and for sessions to be closed in; never more
    than half of the lease, or it could not be renewed in time."""

    def __post_init__(self) -> None:
        usual = min(10.0, self.length_seconds / 6)
        self.margin_seconds = min(self.length_seconds / 2, max(usual, self.closing_seconds))

    def granted(self, asked_at: float) -> None:
        """The store granted or renewed the lease; it was asked at this moment."""
        self._asked_at = max(self._asked_at, asked_at)

    def is_safe(self, at: float) -> bool:
        """Whether an irreversible act may begin, and whether sessions may stay open."""
        return self.seconds_safe(at) > 0

    def seconds_safe(self, at: float) -> float:
        """How long `is_safe` will go on to hold without a renewal; 0 where it does not. Sessions must be closed by
        then: the margin is there so that they are gone before another worker may open theirs."""
        if self.is_given_up:
            return 0.0
        return max(0.0, self._asked_at + self.length_seconds - self.margin_seconds - at)


class Places:
    """Lanes being served, by tenant, so that no tenant's parked scans take all of this worker's places."""

    def __init__(self, of_tenant: int) -> None:
        self.of_tenant = of_tenant
        """The most that one tenant may have."""
        self.crowded: frozenset[str] = frozenset()
        """Tenants that have all the places that they may have, and more lanes that wait: each of their lanes should
        give up its place soon."""
        self._taken = Counter[str]()

    def take(self, tenant: str) -> None:
        """A lane was begun for this tenant."""
        self._taken[tenant] += 1

    def leave(self, tenant: str) -> None:
        """A lane of this tenant ended."""
        self._taken[tenant] -= 1
        if self._taken[tenant] <= 0:
            del self._taken[tenant]

    def left(self) -> Mapping[str, int]:
        """How many more places each tenant may have, of the tenants that have some."""
        return {tenant: max(0, self.of_tenant - taken) for tenant, taken in self._taken.items()}

    def full(self) -> list[str]:
        """Tenants that have all the places that they may have."""
        return [tenant for tenant, taken in self._taken.items() if taken >= self.of_tenant]


LISTS_AT_ONCE = 4
KEPT = 10_000
"""Addresses remembered (count)."""


class InvoiceAddresses:
    """The addresses of PDFs by which orders were settled lately in this process. By its address a result is recognised
    as a repeat.

    A gateway that sends a result twice must not settle the next order too, where that one cannot be told from the
    first by anything else. Addresses tell invoices apart only where each invoice has its own: the first that two
    different orders share shows that they do not, and from then on nothing is held to be a repeat. Where a gateway
    leaves members out of its results, the same to the letter is the same result. Bounded in size.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._results: OrderedDict[str, tuple[tuple[str, str], int | None]] = OrderedDict()
        """By address: the lane and fingerprint of the order, and what the result told, as a hash; None where nothing
        is known of it."""
        self.are_telling = True
        """Whether each invoice seems to have an address of its own."""
        self._found: dict[str, dict[int, tuple[datetime, SubmittedInvoice]]] = {}
        """By lane and command: until when its result may come, and what was submitted."""
        self._answered = OrderedDict[int, None]()
        self._aside = OrderedDict[tuple[str, str, int], None]()
        """Results that could be of several orders: the lane, the address, and what was told, as a hash."""

    def settled(
        self, lane: str, fingerprint: str | None, address: str | None, told: Mapping[str, Any] | None = None
    ) -> None:
        """A result with this address, which `told` this, settled an order of this lane and fingerprint."""
        if address is None or fingerprint is None:
            return
        order, said = (lane, fingerprint), None if told is None else _hash(told)
        first, before = self._results.pop(address, (order, None))
        if first != order:
            self.are_telling = False
        self._results[address] = first, before if said is None else said
        if len(self._results) > self._kept:
            self._results.popitem(last=False)

    def found(self, lane: str, key: int, told: Any, until: datetime) -> None:
        """A look-up settled this command, and `told` its invoice: until then the command's own result may still come.
        It cannot be recognised by the address of a file that a look-up told, for a result may name another one."""
        if key in self._answered:
            return
        # Where its data were forgotten, nothing tells any more what a result could be of.
        with suppress(KeyError, TypeError, ValueError):
            self._found.setdefault(lane, {})[key] = until, SubmittedInvoice.read({"invoice": told})

    def laid_aside(self, lane: str, address: str | None, told: Mapping[str, Any]) -> None:
        """A result with this address could be of several orders of this lane, and settled none."""
        if address is None:
            return
        self._aside[lane, address, _hash(told)] = None
        if len(self._aside) > self._kept:
            self._aside.popitem(last=False)

    def was_laid_aside(self, lane: str, address: str | None, told: Mapping[str, Any]) -> bool:
        """Whether this very result came before: an order that was submitted since is not what it speaks of."""
        return self.are_telling and address is not None and (lane, address, _hash(told)) in self._aside

    def answered(self, lane: str, key: int) -> None:
        """A result came that may be this command's own, so no further one is waited for. Otherwise each order of the
        lane would put the next one in doubt."""
        self._found.get(lane, {}).pop(key, None)
        self._answered[key] = None
        if len(self._answered) > self._kept:
            self._answered.popitem(last=False)

    def unanswered(self, lane: str, ask_now: Callable[[], datetime]) -> Mapping[int, SubmittedInvoice]:
        """What was `found` on this lane and whose result may still come, by the command's key. Of nearly all lanes
        there is nothing, and the clock is not asked."""
        if lane not in self._found:
            return {}
        now = ask_now()
        left = {key: each for key, each in self._found.pop(lane).items() if each[0] > now}
        if left:
            self._found[lane] = left
        return {key: sent for key, (_, sent) in left.items()}

    def is_known(self, address: str | None) -> bool:
        """Whether a result with this address settled an order before: then it speaks of no other."""
        return self._before(address) is not None

    def is_repeat(self, lane: str, fingerprint: str | None, address: str | None) -> bool:
        """Whether a result for such an order can only be one that came before."""
        before = self._before(address)
        return before is not None and before[0] == (lane, fingerprint)

    def is_said_again(self, address: str | None, told: Mapping[str, Any]) -> bool:
        """Whether a result with this address that told the very same settled an order before."""
        before = self._before(address)
        return before is not None and before[1] == _hash(told)

    def _before(self, address: str | None) -> tuple[tuple[str, str], int | None] | None:
        return self._results.get(address) if self.are_telling and address is not None else None


def _hash(told: Mapping[str, Any]) -> int:
    """The same for what came just now and for what is read from the journal, where numbers are text."""
    return hash(dumps(told))


class ListPlaces(Protocol):
    """As much of `asyncio.Semaphore` as is used here."""

    async def acquire(self) -> Literal[True]: ...
    def release(self) -> None: ...


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


@dataclass(slots=True)
class LaneServices:
    """Ports, settings and the state that all lanes share."""

    journal: LaneJournal
    gateway: Gateway
    details: InvoiceDetails
    credentials: Credentials
    clock: Clock
    settings: Settings
    list_places: ListPlaces
    """`LISTS_AT_ONCE` of them: for the long lists of look-ups, which stay packed until one is free."""
    chance: Callable[[], float]
    """A number in [0, 1), for jitter."""
    committed: Callable[[], None]
    """Told after each commit that wrote events, so that the relay need not poll."""
    hooks: LaneHooks
    can_tell: Callable[[], bool] = lambda: True
    """Whether events go out. Where they do not, nobody would see a QR, and what is submitted would end in doubt: no
    session is begun."""
    outage: Outage = field(default_factory=lambda: journal_outage("lanes"))
    """Of the journal, as all lanes meet it: a thousand lanes say it once."""
    is_contended: bool = False
    """All places are taken, and lanes wait for one: each lane should give up its place soon."""
    is_draining: bool = False
    sessions: int = 0
    """Sessions that lanes hold (count). Counted as they open and close: to ask ten thousand lanes holds the loop."""
    looking: int = 0
    """Lanes of this worker whose look-up is under way (count)."""
    sought: int = 0
    """What these look for (count)."""
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

    @property
    def may_look(self) -> bool:
        """Whether one more look-up may begin. At a slow gateway each takes its lane's place for minutes, so that with
        all places taken an order of somebody else would wait for them."""
        return self.looking < max(1, self.settings.max_lanes // 2)

    def __post_init__(self) -> None:
        settings = self.settings
        self.lease = LeaseWatch(settings.lease_seconds, settings.close_timeout_seconds)
        self.suspension = timedelta(seconds=settings.login_suspend_seconds)
        self.places = Places(settings.places_of_a_tenant)
        self.breaker = GatewayBreaker(settings.gateway_probes)
        self.details_breaker = GatewayBreaker(settings.gateway_probes)
        self.timing, self.queries = _timing(settings), _queries(settings)
        self.looks, self.look_ups = _schedules(settings), _look_up_rules(settings)


def _timing(settings: Settings) -> Timing:
    return Timing(
        login=timedelta(seconds=settings.login_timeout_seconds),
        answer=timedelta(seconds=settings.answer_timeout_seconds),
        scan=timedelta(seconds=settings.scan_timeout_seconds),
        result=timedelta(seconds=settings.result_timeout_seconds),
        refusal_grace=timedelta(seconds=settings.refusal_grace_seconds),
        retry_min=timedelta(seconds=settings.retry_min_seconds),
        retry_max=timedelta(seconds=settings.retry_max_seconds),
        login_attempts=settings.login_attempts,
    )


def _queries(settings: Settings) -> QueryRules:
    return QueryRules(
        page=timedelta(seconds=settings.query_timeout_seconds),
        notice=timedelta(seconds=settings.download_timeout_seconds),
        grace=timedelta(seconds=settings.download_grace_seconds),
        download_attempts=settings.download_attempts,
        files_schedule=settings.files_schedule,
        deadline=timedelta(seconds=settings.deadline_seconds),
        max_pages=settings.query_max_pages,
        span_days=settings.query_span_days,
        event_bytes=settings.page_event_max_bytes,
    )


def _schedules(settings: Settings) -> Schedules:
    confirm = (timedelta(seconds=settings.confirm_delay_seconds), *settings.confirm_schedule)
    return Schedules(
        confirm=confirm if settings.confirm else (),
        doubt=settings.reconcile_schedule,
        refusal=settings.refusal_schedule,
    )


def _look_up_rules(settings: Settings) -> LookUpRules:
    return LookUpRules(
        rest=timedelta(seconds=settings.login_suspend_seconds),
        page=timedelta(seconds=settings.query_timeout_seconds),
        skew=timedelta(seconds=settings.clock_skew_seconds),
        max_pages=settings.query_max_pages,
        notice=timedelta(seconds=settings.download_grace_seconds),
        late_files=settings.files_schedule[:2],
    )
