"""Ways through the worker that together pass every crash point, and what each must come to, whoever was killed on it.

A way publishes its messages and says when it is over; the points that only it passes are listed with it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.scenarios.crash_acts import TODAY, Names, answer_late, archive, ask, audit, breaks, issue, look, refuse, scan
from tests.scenarios.stack import Stack
from worker.sandbox.server import SandboxOptions

ENDS = ("completed", "failed", "rejected")


@dataclass(frozen=True)
class Way:
    """What is published, and the crash points on the way."""

    name: str
    publish: Callable[[Stack, "Names"], Awaitable[Sequence[str]]]
    """Returns the ids of the commands."""
    points: tuple[str, ...]
    ends: tuple[str, ...] = ENDS
    """Each command comes to one of these."""
    options: SandboxOptions = field(default_factory=lambda: SandboxOptions(qr="never"))
    settings: dict[str, str] = field(default_factory=dict)
    keeps_files: bool = False
    """The worker has a vault."""
    drains: bool = False
    """The worker is told to stop once the commands are under way."""


QUICK_DOUBT = {"FAPIAO_RECONCILE_SCHEDULE": "0.5s,0.5s", "FAPIAO_LEASE_SECONDS": "8"}

WAYS = (
    Way(
        "issuing",
        issue,
        (
            "intake.received",
            "intake.committed",
            "intake.acked",
            "intake.dead_lettered",
            "lane.claimed",
            "lane.hung_up",
            "lane.released",
            "login.counted",
            "stray.kept",
            "issue.connected",
            "issue.login_sent",
            "issue.submitting_next",
            "issue.submitting_recorded",
            "issue.submitted",
            "issue.scanning_next",
            "issue.scanning_recorded",
            "issue.completed_next",
            "issue.completed_recorded",
            "issue.failed_next",
            "issue.failed_recorded",
            "issue.in_doubt_next",
            "issue.in_doubt_recorded",
            "issue.waiting_next",
            "issue.waiting_recorded",
            "housekeeping.reaped",
            "repeat.heeded",
            "repeat.following_next",
            "repeat.following_recorded",
            "repeat.completed_next",
            "repeat.completed_recorded",
            "repeat.rejected_next",
            "repeat.rejected_recorded",
            "repeat.succeed_next",
            "repeat.succeeded",
            "relay.published",
            "relay.marked",
        ),
        ends=(*ENDS, "in_doubt"),
        # Long enough for a round of housekeeping, which tells a repeat of the QR before the scan.
        options=SandboxOptions(qr="always", auto_scan_seconds=2, login_delay_seconds=0.05),
        # Delays are drawn from 0 on. Where each is over before its lane is given up, housekeeping has nothing to free,
        # and on SQLite nothing else leads there: it happened with 0.2 s, on a busy machine.
        settings={
            "FAPIAO_LEASE_SECONDS": "8",
            "FAPIAO_RETRY_MIN_SECONDS": "4",
            "FAPIAO_RETRY_MAX_SECONDS": "4",
        },
    ),
    Way(
        "looking",
        look,
        (
            "lane.looked",
            "housekeeping.look_ups_entered",
            "issue.checking_next",
            "issue.checking_recorded",
            "look_up.connected",
            "look_up.page_asked",
            "look_up.details_fetched",
            "look_up.found_next",
            "look_up.found_recorded",
            "look_up.absent_next",
            "look_up.absent_recorded",
            "look_up.again_next",
            "look_up.again_recorded",
            "look_up.unconfirmed_next",
            "look_up.unconfirmed_recorded",
            "look_up.person_next",
            "look_up.person_recorded",
            "look_up.end_next",
            "look_up.ended",
        ),
        ends=("confirmed", "unconfirmed", "failed"),
        settings=QUICK_DOUBT
        | {"FAPIAO_CONFIRM": "true", "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5", "FAPIAO_CONFIRM_SCHEDULE": "0.5s"},
    ),
    Way(
        "asking",
        ask,
        (
            "query.connected",
            "query.page_asked",
            "query.download_asked",
            "query.details_fetched",
            "query.running_next",
            "query.running_recorded",
            "query.waiting_next",
            "query.waiting_recorded",
            "query.completed_next",
            "query.completed_recorded",
            "download.connected",
            "download.download_asked",
            "download.failed_next",
            "download.failed_recorded",
            "details.details_fetched",
            "details.waiting_next",
            "details.waiting_recorded",
            "details.failed_next",
            "details.failed_recorded",
            "details.completed_next",
            "details.completed_recorded",
        ),
        options=SandboxOptions(
            qr="never",
            archive_count=15,
            archive_from=date(2024, 1, 1),
            archive_to=date(2024, 12, 31),
            files_not_ready=1,
        ),
        settings=QUICK_DOUBT,
    ),
    Way(
        "auditing",
        audit,
        (
            "audit.connected",
            "audit.page_asked",
            "audit.rows_next",
            "audit.rows_kept",
            "audit.running_next",
            "audit.running_recorded",
            "audit.waiting_next",
            "audit.waiting_recorded",
            "audit.claims_next",
            "audit.claims_kept",
            "audit.details_fetched",
            "audit.found_next",
            "audit.found_recorded",
            "audit.forget_next",
            "audit.forgotten",
            "audit.completed_next",
            "audit.completed_recorded",
        ),
        options=SandboxOptions(
            qr="never",
            query_delay_seconds=0.4,
            archive_count=150,
            archive_from=TODAY - timedelta(days=19),
            archive_to=TODAY - timedelta(days=2),
        ),
        # No look-up: the audit alone finds what is in doubt.
        settings={"FAPIAO_LEASE_SECONDS": "8"},
    ),
    Way(
        "answered late",
        answer_late,
        ("late.settled_next", "late.settled_recorded"),
        ends=(*ENDS, "in_doubt"),
        settings={
            "FAPIAO_LEASE_SECONDS": "8",
            "FAPIAO_ANSWER_TIMEOUT_SECONDS": "2",
            "FAPIAO_SCAN_TIMEOUT_SECONDS": "5",
            "FAPIAO_RESULT_TIMEOUT_SECONDS": "0.5",
        },
    ),
    Way(
        "archiving",
        archive,
        (
            "vault.entered",
            "vault.taken",
            "vault.fetched",
            "vault.stored",
            "vault.kept",
            "vault.put_off",
            "vault.missing",
            "vault.telling_next",
            "vault.telling_recorded",
        ),
        ends=("archived", "failed"),
        settings=QUICK_DOUBT
        | {
            "FAPIAO_CONFIRM": "true",
            "FAPIAO_CONFIRM_DELAY_SECONDS": "0.5",
            "FAPIAO_CONFIRM_SCHEDULE": "0.5s",
            "FAPIAO_VAULT_SCHEDULE": "0.3s",
            "FAPIAO_VAULT_TIMEOUT_SECONDS": "1",
        },
        keeps_files=True,
    ),
    Way(
        "seller rests",
        refuse,
        (
            "seller.counted",
            "issue.held_next",
            "issue.held_recorded",
            "housekeeping.rests_ended",
            "seller.forgotten",
        ),
        ends=ENDS,
        settings=QUICK_DOUBT | {"FAPIAO_REFUSALS_IN_ROW": "1", "FAPIAO_REFUSAL_REST_SECONDS": "2"},
    ),
    Way(
        "breaking",
        breaks,
        ("breakage.count_next", "breakage.counted", "breakage.failed_next", "breakage.failed_recorded"),
        options=SandboxOptions(qr="never", auto_scan_seconds=10),
        settings={"FAPIAO_LEASE_SECONDS": "8"},
        ends=(*ENDS, "in_doubt"),
    ),
    Way(
        "draining",
        scan,
        ("drain.begun", "drain.lanes_over", "drain.retired"),
        ends=("in_doubt", "failed"),
        settings=QUICK_DOUBT | {"FAPIAO_DRAIN_SECONDS": "0.5"},
        drains=True,
    ),
)

POINTS = frozenset(point for way in WAYS for point in way.points)


def stack_of(way: Way, new_stack: Callable[..., Stack]) -> Stack:
    """A stack on which the way can be gone, quick to finish."""
    options: dict[str, Any] = {"options": way.options, "settings": way.settings}
    stack = new_stack(**options)
    if way.keeps_files:
        stack.settings = stack.settings | {"FAPIAO_VAULT_URL": f"file://{stack.folder}/vault"}
    return stack
