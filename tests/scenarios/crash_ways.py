"""Ways through the worker that together pass every crash point, and what each must come to, whoever was killed on it.

A way publishes its messages and says when it is over; the points that only it passes are listed with it.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import asyncpg

from tests.scenarios.stack import Stack, make_order, make_query
from worker.clock import SystemClock
from worker.sandbox.alterations import Behaviour
from worker.sandbox.books.ledger import CHINA
from worker.sandbox.server import SandboxOptions

ENDS = ("completed", "failed", "rejected")
TODAY = SystemClock().now().astimezone(CHINA).date()
"""Of the invoices that are issued here."""


@dataclass(frozen=True)
class Names:
    """What the messages of one life are called, so that a way can be gone many times on one stack."""

    life: int = 0

    def user(self, name: str) -> str:
        """A `userId`, and so a lane and an account, of this life alone."""
        return f"user-{name}-{self.life}"

    def of(self, name: str) -> str:
        """A command id or an order number of this life alone."""
        return f"{name}-{self.life}"


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


async def issue(stack: Stack, names: Names) -> list[str]:
    """A scan, a repeat of an order and another order of its number, a doubt, a retry, a refused login and who takes its
    number over, a stray, bad input."""
    stack.sandbox.faults.arm("handshake_503", user_id=names.user("retry"), times=2)
    first = await stack.publish_order(names.user("1"), orderNo=names.of("N"))
    await stack.publish(repeat := stack.new_id(), make_order(first, names.user("1"), orderNo=names.of("N")))
    refused = await stack.publish_order(names.user("5"), password="refuse-login", orderNo=names.of("R"))
    await stack.publish(after := stack.new_id(), make_order(refused, names.user("5"), orderNo=names.of("R")))
    orders = [
        first,
        await stack.publish_order(names.user("1")),
        repeat,
        await stack.publish_order(names.user("2"), orderNo=names.of("N")),
        await stack.publish_order(names.user("3"), fault="other_invoice_first"),
        await stack.publish_order(names.user("4"), fault="dropped_after_issuing"),
        refused,
        after,
        await stack.publish_order(names.user("retry")),
    ]
    await stack.publish(bad := names.of("bad"), b"not json")
    return [*orders, bad]


async def look(stack: Stack, names: Names) -> list[str]:
    """A number that is found, a refusal that is true, a doubt that is settled, one that is never listed, and one that a
    person must decide."""
    # Of a total of its own: an invoice of this buyer and total that nobody has could be the refused order's.
    line = {"name": "商品A", "quantity": 1, "spec": "规格A", "unit": "件", "unitPrice": "150.00"}
    by_hand = make_order(names.of("twice"), names.user("5"), fault="dropped_after_issuing")
    by_hand["invoice"]["invoiceItems"] = [line]
    stack.sandbox.ledger.issue(names.of("by-hand"), by_hand["invoice"] | {"buyerBankShow": 0, "sellerBankShow": 0})
    orders = [
        await stack.publish_order(names.user("1")),
        await stack.publish_order(names.user("2"), fault="refused"),
        await stack.publish_order(names.user("3"), fault="dropped_after_issuing"),
        await stack.publish_order(names.user("4"), fault="never_listed"),
    ]
    await stack.publish(names.of("twice"), by_hand)
    return orders


async def ask(stack: Stack, names: Names) -> list[str]:
    """Two pages with a download that fails once, files that are late, an issue that overtakes, and all that needs no
    session."""
    stack.sandbox.faults.arm("download_fails", user_id=names.user("1"), times=1)
    stack.sandbox.lookups.asked_before.clear()  # each life finds the files not ready at first
    days = {"startInvoiceDate": "2024-01-01", "endInvoiceDate": "2024-12-31"}
    ids = {name: names.of(name) for name in ("query", "download", "items", "files", "stored")}
    await stack.publish(ids["query"], make_query(names.user("1"), condition=days), type="invoice.query")
    order = await stack.publish_order(names.user("1"), command_id=names.of("overtaking"))
    login = make_query(names.user("2"))
    download = {"userId": names.user("2"), "login": login["login"], "date": "2024-04-12 10:10:10"}
    await stack.publish(ids["download"], download, type="invoice.download")
    await stack.publish(ids["items"], {"invoiceBasicInfoId": "1"}, type="invoice.items")
    await stack.publish(ids["files"], {"invoiceIdList": ["1"]}, type="invoice.files")
    await stack.publish(ids["stored"], {"commandId": order}, type="invoice.stored")
    return [order, *ids.values()]


async def audit(stack: Stack, names: Names) -> list[str]:
    """A list of two pages, a doubt that it settles, and an order that overtakes between them. The worker may be killed
    before that."""
    days = {"startInvoiceDate": (TODAY - timedelta(days=20)).isoformat(), "endInvoiceDate": TODAY.isoformat()}
    doubt = await stack.publish_order(names.user("1"), fault="dropped_after_issuing")
    data = {"userId": names.user("1"), "login": make_order("", names.user("1"))["login"], **days}
    await stack.publish(names.of("audit"), data, type="invoice.audit")
    worker, seen = stack.workers[-1].process, stack.sandbox.vendor.of(names.user("1"))
    await stack.wait_for(lambda: seen.pages > 0 or worker.poll() is not None)
    return [doubt, names.of("audit"), await stack.publish_order(names.user("1"))]


async def answer_late(stack: Stack, names: Names) -> list[str]:
    """The result of the first order comes while the second one waits for its scan."""
    first = await stack.publish_order(names.user("1"), fault="result_late=4")
    second = await stack.publish_order(names.user("1"), fault="qr_never_scanned")
    return [first, second]


async def archive(stack: Stack, names: Names) -> list[str]:
    """Files that are kept, some at an address that is refused, and some that are not there."""
    private = Behaviour.read({"files": [["url", "set", "http://127.0.0.1:1/a.pdf"]]})
    absent = Behaviour.read({"files": [["url", "set", f"{stack.sandbox.http_url}/files/none.pdf"]]})
    stack.sandbox.behaviours.set(names.user("2"), private)
    stack.sandbox.behaviours.set(names.user("3"), absent)
    return [await stack.publish_order(names.user(name)) for name in ("1", "2", "3")]


async def refuse(stack: Stack, names: Names) -> list[str]:
    """A refused order puts its seller to rest; the next one is held, tries when the rest is over, and is issued."""
    # A seller of this life alone: one that issues what an earlier life left would end the rest.
    seller = f"91330701MA2M37T8{names.life:02}"
    orders = [stack.new_id(), stack.new_id()]
    for order, changes in zip(orders, ({"fault": "refused"}, {}), strict=True):
        data = make_order(order, names.user("1"), invoice={"sellerIndentification": seller}, **changes)
        data["login"]["companyCode"] = seller
        await stack.publish(order, data)
    return orders


async def breaks(stack: Stack, names: Names) -> list[str]:
    """An order whose content cannot be read any more, behind one that waits for its scan, and one after it. The worker
    may be killed over one of an earlier life before that."""
    orders = [await stack.publish_order(names.user("1"), fault=fault) for fault in ("qr_svg", None, None)]
    worker = stack.workers[-1].process
    await stack.wait_for(lambda: "qr_required" in stack.said(orders[0]) or worker.poll() is not None)
    while not await is_spoiled(stack.database_url, orders[1]) and worker.poll() is None:
        await asyncio.sleep(0.05)
    for scan in stack.sandbox.waiting_scans():
        stack.sandbox.confirm(scan.token)
    return orders


async def scan(stack: Stack, names: Names) -> list[str]:
    """Scans that take longer than the drain."""
    return [await stack.publish_order(names.user(str(number)), fault="qr_never_scanned") for number in range(2)]


SPOIL = (
    "UPDATE payload SET data = CAST('[]' AS {bytes}) WHERE key = (SELECT key FROM command WHERE id = '{id}') "
    "RETURNING key"
)


async def is_spoiled(url: str, command: str) -> bool:
    """Alter what the journal holds of a command that waits, behind the worker's back; False where it has none yet."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as file, file:
            return bool(file.execute(SPOIL.format(bytes="BLOB", id=command)).fetchall())
    server = await asyncpg.connect(url)
    try:
        return bool(await server.fetch(SPOIL.format(bytes="bytea", id=command)))
    finally:
        await server.close()


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
