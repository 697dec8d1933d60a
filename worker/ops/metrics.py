"""The worker's numbers, in Prometheus' text format.

Guarantees: names begin with `fapiao_` (but for the usual ones of a process) and carry base units; label values come
from short closed lists, never from a message; counting never raises and does no I/O. Backlog numbers are read from
the journal while it is scraped, at most every `BACKLOG_SECONDS`. Knows nothing of who counts: its methods are handed
out as hooks.
"""

import asyncio
import platform
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from contracts.audits import FindingKind
from contracts.commands import CommandType
from contracts.events import Outcome
from contracts.failures import FailureCode, RejectionCode
from worker.amqp.confirms import Verdict
from worker.amqp.deliveries import REASONS
from worker.clock import Clock
from worker.flows.looks import LookOutcome
from worker.gateway.codec import IgnoredReason
from worker.ops.version import product_version
from worker.outages import Outage
from worker.ports import Operation
from worker.records import LOOK_UP, Admission, Backlog

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter that nobody asks for

BACKLOG_SECONDS: Final = 5.0
_BACKLOG_TIMEOUT_SECONDS: Final = 3.0
_LATENCY_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OTHER: Final = "other"
_TYPES: Final = frozenset(CommandType)
_CODES: Final = frozenset({*FailureCode, *RejectionCode})
_STRAYS: Final = ("does_not_fit", "repeated", "unsolicited")
"""Results that settle nothing, as the lanes name them."""
VAULT_OUTCOMES: Final = frozenset({"kept", "differs", "put_off", "missing"})
_COPIES: Final = {"r": "reply", "t": "topic"}
_OUTCOMES: Final = frozenset({*Outcome, *Admission})
_OPERATIONS: Final = frozenset(get_args(Operation))
_KINDS: Final = frozenset(FindingKind)
_LOOK_OUTCOMES: Final = frozenset(LookOutcome)
_RUNS: Final = frozenset({*CommandType, LOOK_UP})
_BREAK_OUTCOMES: Final = ("again", "set_aside", "unknown_type")


class Metrics:
    """All counters and gauges of one worker, in a registry of their own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._backlog_read_at: float | None = None
        self._outage = Outage("backlog_unreadable", "backlog_readable")
        self._reading = asyncio.Lock()
        self._children: dict[tuple[Any, ...], Any] = {}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._create_counters()
        self._create_gauges()
        info = Gauge("fapiao_build_info", "Always 1; the labels tell.", ["version", "python"], registry=self.registry)
        info.labels(product_version(), platform.python_version()).set(1)

    def _create_counters(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"fapiao_{name}", text, labels, registry=self.registry)

        self._admitted = counter("commands_admitted_total", "Messages taken in.", "type", "outcome")
        self._settled = counter("commands_settled_total", "Commands ended.", "type", "outcome", "code")
        self._published = counter("events_published_total", "Attempts to publish an event.", "copy", "verdict")
        self._login_refusals = counter("login_refusals_total", "Logins the gateway refused.")
        self._frames_ignored = counter("frames_ignored_total", "Gateway frames that said nothing to us.", "reason")
        self._submissions = counter("submissions_total", "Times invoice_info was about to be sent.")
        self._lease_losses = counter("lease_losses_total", "Times this worker lost the right to its lanes.")
        self._pages = counter("pages_total", "Pages of queries told and stored.")
        self._invoices_found = counter("invoices_found_total", "Invoices that queries told.")
        self._files_found = counter("files_found_total", "File addresses that queries stored.")
        self._breaks = counter("breaks_total", "Runs that broke in a way that nobody expects.", "type", "outcome")
        self._look_ups = counter("look_ups_total", "Looks for the invoice of a command.", "verdict")
        self._dead_letters = counter("dead_letters_total", "Messages that were no command.", "code")
        self._returned = counter("commands_returned_total", "Commands that the broker had dead-lettered.", "reason")
        self._findings = counter("audit_findings_total", "What audits found not to add up, or put right.", "kind")
        self._audits = counter("audits_total", "Audits that came to their end.", "list")
        self._vault_files = counter("vault_files_total", "Tries to keep a file of an invoice.", "outcome")
        self._show_from_the_start()
        self._latency = Histogram(
            "fapiao_gateway_latency_seconds",
            "From a request to the gateway's answer.",
            ["operation"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )

    def _show_commands_from_the_start(self) -> None:
        for outcome in Admission:
            self._admitted.labels(CommandType.ISSUE, outcome)
        for kind in FindingKind:
            self._findings.labels(kind)
        for reading in ("whole", "cut"):
            self._audits.labels(reading)

    def _show_from_the_start(self) -> None:
        """A counter that appears with its first event rises from nothing, and `increase` sees no rise."""
        self._show_commands_from_the_start()
        for code in RejectionCode:
            self._dead_letters.labels(code)
        for reason in REASONS:
            self._returned.labels(reason)
        for verdict in LookOutcome:
            self._look_ups.labels(verdict)
        for ignored in (*IgnoredReason, *_STRAYS):
            self._frames_ignored.labels(ignored)
        for command_type in (*sorted(_RUNS), _OTHER):
            for broke in _BREAK_OUTCOMES:
                self._breaks.labels(command_type, broke)
        for kept in VAULT_OUTCOMES:
            self._vault_files.labels(kept)
        for copy in _COPIES.values():
            for published in Verdict:
                self._published.labels(copy, published)

    def _create_gauges(self) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"fapiao_{name}", text, registry=self.registry)

        self._lanes = gauge("lanes_active", "Lanes this worker serves now.")
        self._sessions = gauge("sessions_open", "Gateway sessions open now.")
        self._waiting = gauge("commands_waiting", "Journaled commands not begun yet.")
        self._oldest_waiting = gauge("oldest_waiting_age_seconds", "Age of the oldest command not begun yet.")
        self._overdue = gauge("commands_overdue", "Past their deadline, not begun and not failed yet.")
        self._oldest_submitted = gauge("oldest_submitted_age_seconds", "Since the submission of the longest exchange.")
        self._in_doubt = gauge("commands_in_doubt", "Submitted, outcome unknown.")
        self._oldest_in_doubt = gauge("oldest_in_doubt_age_seconds", "Since the submission of the oldest in doubt.")
        self._needs_person = gauge("commands_needing_person", "In doubt, and only `fapiao-worker resolve` ends it.")
        self._held = gauge("commands_held", "Waiting for one in doubt that they could not be told from.")
        self._sought = gauge("commands_sought", "Submitted or issued, and their invoice is looked for.")
        self._unconfirmed = gauge("commands_unconfirmed", "Issued, and no look-up found the number.")
        self._outbox = gauge("outbox_depth", "Event copies the broker has not confirmed.")
        self._oldest_outbox = gauge("outbox_oldest_age_seconds", "Age of the oldest such copy.")
        self._outbox_overdue = gauge("outbox_overdue_seconds", "How long the first copy could have gone and has not.")
        self._dead_queue = gauge("dead_queue_messages", "Messages in the dead queue, for a person to look at.")
        self._undeliverable = gauge("undeliverable_replies", "Replies set aside; see fapiao-worker replies.")
        self._suspended = gauge("suspended_accounts", "Accounts resting after refused logins.")
        self._resting = gauge("resting_sellers", "Sellers resting after orders refused in a row.")
        self._journal_up = gauge("journal_up", "Whether the journal answered the last backlog query.")
        self._draining = gauge("draining", "Whether the worker is shutting down.")
        self._asked = {
            "lanes_limit": gauge("lanes_limit", "Lanes this worker may serve at once."),
            "consuming": gauge("consuming", "Whether commands can come in from the broker."),
            "publishing": gauge("publishing", "Whether events can go out to the broker."),
            "log_lines_dropped": gauge("log_lines_dropped", "Log lines that could not be written since the start."),
            "gateway_gate_open": gauge("gateway_gate_open", "0 while only probes may connect to the gateway."),
            "details_gate_open": gauge("details_gate_open", "0 while only probes may ask the gateway over HTTP."),
        }
        self._lag = gauge("event_loop_lag_seconds", "Longest delay of the event loop since the last scrape.")

    def _child(self, metric: Counter | Histogram, *labels: str) -> Any:
        """The metric with these labels, found once: the library's own search takes a lock and longer than counting."""
        key = (metric, *labels)
        if key not in self._children:
            self._children[key] = metric.labels(*labels)
        return self._children[key]

    # ---- hooks: intake ---------------------------------------------------------------------------------

    def admitted(self, command_type: str, outcome: str) -> None:
        """A message was taken in, with what admission made of it."""
        self._child(self._admitted, _known(command_type, _TYPES), _known(outcome, _OUTCOMES)).inc()

    def dead_lettered(self, code: str) -> None:
        """A message that was no command went to the dead queue."""
        self._dead_letters.labels(_known(code, _CODES)).inc()

    def returned(self, reason: str) -> None:
        """A command was taken that the broker had dead-lettered, for this reason of its own."""
        self._returned.labels(_known(reason, frozenset(REASONS))).inc()

    def dead_queue_holds(self, messages: int) -> None:
        """How many messages are in the dead queue."""
        self._dead_queue.set(messages)

    # ---- hooks: lanes and the gateway -------------------------------------------------------------------

    def submitted(self) -> None:
        """`invoice_info` is about to be sent."""
        self._submissions.inc()

    def settled(self, command_type: str, outcome: str, code: str = "") -> None:
        """A command ended, or went into doubt."""
        code = _known(code, _CODES) if code else ""
        self._child(self._settled, _known(command_type, _TYPES), _known(outcome, _OUTCOMES), code).inc()

    def frame_ignored(self, reason: str) -> None:
        """`reason` is one of the codec's or the lanes' own short words."""
        self._frames_ignored.labels(reason).inc()

    def login_refused(self) -> None:
        """The gateway answered a login with "0"."""
        self._login_refusals.inc()

    def page_found(self, invoices: int, files: int) -> None:
        """A query's page was told and stored, with so many invoices and file addresses."""
        self._pages.inc()
        self._invoices_found.inc(invoices)
        self._files_found.inc(files)

    def looked_up(self, verdict: str) -> None:
        """The invoice of a command was looked for: found, again (later), absent, unconfirmed, person, or bound (to
        another meanwhile)."""
        self._child(self._look_ups, _known(verdict, _LOOK_OUTCOMES)).inc()

    def broke(self, command_type: str, outcome: str) -> None:
        """A run met a fault of the worker's own: again (later), set_aside, or unknown_type (of another version)."""
        self._child(self._breaks, _known(command_type, _RUNS), outcome).inc()

    def audit_finding(self, kind: str) -> None:
        """An audit told of one thing that does not add up, or that it put right."""
        self._child(self._findings, _known(kind, _KINDS)).inc()

    def audit_ended(self, *, is_whole: bool) -> None:
        """An audit came to its end; from a list that was not whole nothing is called missing."""
        self._child(self._audits, "whole" if is_whole else "cut").inc()

    def vault_file(self, outcome: str) -> None:
        """A file of an invoice was kept, kept although it differs from what was listed, put off, or is missing."""
        self._child(self._vault_files, _known(outcome, VAULT_OUTCOMES)).inc()

    def lease_lost(self) -> None:
        """This worker's right to its lanes ran out."""
        self._lease_losses.inc()

    def lanes(self, active: int, sessions: int) -> None:
        """How many there are now."""
        self._lanes.set(active)
        self._sessions.set(sessions)

    def gateway_answered(self, operation: str, seconds: float) -> None:
        """`operation` is one of the gateway's own short words: connect, login, first_answer, query, download, items,
        files."""
        self._child(self._latency, _known(operation, _OPERATIONS)).observe(seconds)

    def ask(self, name: str, condition: Callable[[], float]) -> None:
        """Show a part's condition as it is at each scrape: `lanes_limit`, `consuming`, `publishing`,
        `gateway_gate_open` or `details_gate_open`."""
        self._asked[name].set_function(condition)

    # ---- hooks: outbox and service ----------------------------------------------------------------------

    def published(self, copy: str, verdict: str, count: int = 1) -> None:
        """So many attempts to publish a copy (`r` or `t`) ended with this verdict of the publisher."""
        self._child(self._published, _COPIES.get(copy, copy), verdict).inc(count)

    def draining(self, is_draining: bool = True) -> None:  # noqa: FBT001, FBT002, RUF100  one flag, named by the method
        """The worker began to shut down."""
        self._draining.set(is_draining)

    def loop_lagged(self, seconds: float) -> None:
        """The event loop turned this much later than asked; the longest since the last scrape is kept."""
        self._longest_lag = max(self._longest_lag, seconds)

    _longest_lag: float = 0.0

    # ---- scraping --------------------------------------------------------------------------------------

    async def refresh(self, ask: Callable[[datetime], Awaitable[Backlog]]) -> None:
        """Read the backlog unless that was done a moment ago. A journal that does not answer leaves the last
        numbers and `fapiao_journal_up` 0."""
        async with self._reading:
            read_at = self._backlog_read_at
            if read_at is not None and self._clock.monotonic() - read_at < BACKLOG_SECONDS:
                return
            now = self._clock.now()
            try:
                async with asyncio.timeout(_BACKLOG_TIMEOUT_SECONDS):
                    backlog = await ask(now)
            except Exception as error:  # noqa: BLE001, RUF100  a scrape must succeed whatever the store does
                self._outage.met(type(error).__name__)
                self._journal_up.set(0)
            else:
                self._outage.over()
                self._show(backlog, now)
            self._backlog_read_at = self._clock.monotonic()

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, as the scraper's Accept header asks."""
        self._lag.set(self._longest_lag)
        self._longest_lag = 0.0
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _show(self, backlog: Backlog, now: datetime) -> None:
        self._journal_up.set(1)
        self._waiting.set(backlog.waiting)
        self._oldest_waiting.set(_age_seconds(backlog.oldest_waiting_at, now))
        self._overdue.set(backlog.overdue)
        self._oldest_submitted.set(_age_seconds(backlog.oldest_submitted_at, now))
        self._in_doubt.set(backlog.in_doubt)
        self._oldest_in_doubt.set(_age_seconds(backlog.oldest_in_doubt_at, now))
        self._needs_person.set(backlog.needs_person)
        self._held.set(backlog.held)
        self._sought.set(backlog.sought)
        self._unconfirmed.set(backlog.unconfirmed)
        self._outbox.set(backlog.outbox)
        self._oldest_outbox.set(_age_seconds(backlog.oldest_outbox_at, now))
        self._outbox_overdue.set(_age_seconds(backlog.outbox_due_at, now))
        self._undeliverable.set(backlog.undeliverable)
        self._suspended.set(backlog.suspended_accounts)
        self._resting.set(backlog.resting_sellers)


def _age_seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _known(value: str, names: frozenset[str]) -> str:
    """A label value must come from a closed list, or a caller could fill the registry."""
    return str(value) if value in names else _OTHER
