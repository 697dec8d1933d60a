"""The numbers a scraper sees."""

from datetime import UTC, datetime, timedelta

from worker.lanes.breaker import OPENS_AFTER, GatewayBreaker
from worker.ops.metrics import BACKLOG_SECONDS, Metrics
from worker.records import Backlog

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BACKLOG = Backlog(
    waiting=7, oldest_waiting_at=NOW - timedelta(seconds=90), in_doubt=2, held=1, outbox=5,
    oldest_outbox_at=NOW - timedelta(seconds=3), undeliverable=4, suspended_accounts=1, resting_sellers=2,
    sought=6, unconfirmed=3, overdue=6,
    oldest_submitted_at=NOW - timedelta(seconds=40), oldest_in_doubt_at=NOW - timedelta(hours=1), needs_person=2,
    outbox_due_at=NOW - timedelta(seconds=2),
)  # fmt: skip


class FakeClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds


class FakeBacklog:
    """Answers, or fails, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Exception | None = None

    async def __call__(self, now: datetime) -> Backlog:
        self.asked += 1
        assert now == NOW
        if self.fault is not None:
            raise self.fault
        return BACKLOG


def _text(metrics: Metrics) -> str:
    return metrics.expose()[0].decode()


def test_every_hook_is_counted_under_its_labels() -> None:
    metrics = Metrics(FakeClock())

    metrics.admitted("invoice.issue", "accepted")
    metrics.settled("invoice.issue", "failed", "login_refused")
    metrics.settled("invoice.issue", "completed")
    metrics.published("r", "confirmed")
    metrics.published("t", "returned")
    metrics.dead_lettered("malformed")
    metrics.returned("expired")
    metrics.dead_queue_holds(7)
    metrics.frame_ignored("not_json")
    metrics.login_refused()
    metrics.submitted()
    metrics.lease_lost()
    metrics.lanes(3, 2)
    metrics.page_found(10, 30)
    metrics.page_found(0, 0)
    metrics.looked_up("found")
    for operation in ("login", "query", "download", "items", "files"):
        metrics.gateway_answered(operation, 0.2)
    metrics.draining()

    text = _text(metrics)
    for line in (
        'fapiao_commands_admitted_total{outcome="accepted",type="invoice.issue"} 1.0',
        'fapiao_commands_settled_total{code="login_refused",outcome="failed",type="invoice.issue"} 1.0',
        'fapiao_commands_settled_total{code="",outcome="completed",type="invoice.issue"} 1.0',
        'fapiao_events_published_total{copy="reply",verdict="confirmed"} 1.0',
        'fapiao_events_published_total{copy="topic",verdict="returned"} 1.0',
        'fapiao_dead_letters_total{code="malformed"} 1.0',
        'fapiao_commands_returned_total{reason="expired"} 1.0',
        "fapiao_dead_queue_messages 7.0",
        'fapiao_frames_ignored_total{reason="not_json"} 1.0',
        "fapiao_login_refusals_total 1.0",
        "fapiao_submissions_total 1.0",
        "fapiao_lease_losses_total 1.0",
        "fapiao_lanes_active 3.0",
        "fapiao_sessions_open 2.0",
        "fapiao_pages_total 2.0",
        "fapiao_invoices_found_total 10.0",
        "fapiao_files_found_total 30.0",
        'fapiao_look_ups_total{verdict="found"} 1.0',
        'fapiao_gateway_latency_seconds_count{operation="login"} 1.0',
        'fapiao_gateway_latency_seconds_count{operation="query"} 1.0',
        'fapiao_gateway_latency_seconds_count{operation="download"} 1.0',
        'fapiao_gateway_latency_seconds_count{operation="items"} 1.0',
        'fapiao_gateway_latency_seconds_count{operation="files"} 1.0',
        "fapiao_draining 1.0",
    ):
        assert line in text.splitlines()
    assert 'fapiao_build_info{python="' in text


def test_a_sender_cannot_fill_the_registry_with_labels_of_its_own() -> None:
    metrics = Metrics(FakeClock())

    for number in range(50):
        metrics.admitted(f"invoice.{number}", "rejected")
        metrics.settled("invoice.issue", "failed", f"code-{number}")
        metrics.looked_up(f"verdict-{number}")
        metrics.gateway_answered(f"code-{number}", 1)

    text = _text(metrics)
    assert 'fapiao_commands_admitted_total{outcome="rejected",type="other"} 50.0' in text
    assert 'fapiao_commands_settled_total{code="other",outcome="failed",type="invoice.issue"} 50.0' in text
    assert 'fapiao_look_ups_total{verdict="other"} 50.0' in text
    assert 'fapiao_gateway_latency_seconds_count{operation="other"} 50.0' in text
    assert "code-7" not in text


async def test_the_backlog_is_read_while_scraping_but_not_at_every_scrape() -> None:
    clock, ask = FakeClock(), FakeBacklog()
    metrics = Metrics(clock)

    await metrics.refresh(ask)
    await metrics.refresh(ask)
    assert ask.asked == 1

    clock.seconds += BACKLOG_SECONDS
    await metrics.refresh(ask)
    assert ask.asked == 2

    lines = _text(metrics).splitlines()
    for line in (
        "fapiao_commands_waiting 7.0",
        "fapiao_oldest_waiting_age_seconds 90.0",
        "fapiao_commands_in_doubt 2.0",
        "fapiao_commands_overdue 6.0",
        "fapiao_commands_held 1.0",
        "fapiao_commands_needing_person 2.0",
        "fapiao_oldest_submitted_age_seconds 40.0",
        "fapiao_oldest_in_doubt_age_seconds 3600.0",
        "fapiao_outbox_overdue_seconds 2.0",
        "fapiao_commands_sought 6.0",
        "fapiao_commands_unconfirmed 3.0",
        "fapiao_outbox_depth 5.0",
        "fapiao_outbox_oldest_age_seconds 3.0",
        "fapiao_undeliverable_replies 4.0",
        "fapiao_suspended_accounts 1.0",
        "fapiao_resting_sellers 2.0",
        "fapiao_journal_up 1.0",
    ):
        assert line in lines


async def test_a_journal_that_does_not_answer_leaves_the_last_numbers_and_says_so() -> None:
    clock, ask = FakeClock(), FakeBacklog()
    metrics = Metrics(clock)
    await metrics.refresh(ask)

    clock.seconds += BACKLOG_SECONDS
    ask.fault = OSError("gone")
    await metrics.refresh(ask)

    lines = _text(metrics).splitlines()
    assert "fapiao_journal_up 0.0" in lines
    assert "fapiao_commands_waiting 7.0" in lines


def test_conditions_are_asked_at_each_scrape() -> None:
    metrics, gate = Metrics(FakeClock()), GatewayBreaker(probes=1)
    metrics.ask("gateway_gate_open", lambda: gate.is_open)
    metrics.ask("lanes_limit", lambda: 1000)
    assert "fapiao_gateway_gate_open 1.0" in _text(metrics)

    for _ in range(OPENS_AFTER):
        gate.failed("u", 0.0, 0.5, concerns_all=True)

    assert "fapiao_gateway_gate_open 0.0" in _text(metrics)
    assert "fapiao_lanes_limit 1000.0" in _text(metrics)


def test_what_an_alert_waits_for_is_there_before_it_happens() -> None:
    """`increase` over a counter that appears with its first event is 0."""
    text = _text(Metrics(FakeClock()))

    assert 'fapiao_dead_letters_total{code="malformed"} 0.0' in text
    assert 'fapiao_frames_ignored_total{reason="does_not_fit"} 0.0' in text
    assert 'fapiao_events_published_total{copy="topic",verdict="unsendable"} 0.0' in text


def test_the_longest_lag_since_the_last_scrape_is_told_once() -> None:
    metrics = Metrics(FakeClock())
    metrics.loop_lagged(0.5)
    metrics.loop_lagged(0.25)

    assert "fapiao_event_loop_lag_seconds 0.5" in _text(metrics)
    assert "fapiao_event_loop_lag_seconds 0.0" in _text(metrics)


def test_a_scraper_that_asks_for_openmetrics_gets_it() -> None:
    body, content_type = Metrics(FakeClock()).expose("application/openmetrics-text;version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
