"""The gateway as the vendor runs it, in virtual time, with a ledger that says what was really issued.

Replies go by `userId` alone, to its newest socket; a close that comes late may take the newest socket's place away
(trap 10). What becomes of a submission is a plan of small acts in time. It promises what no worker could do without:
what it issues at all it issues and lists before the worker's schedules are over, one lane's invoices in their order,
and a refused one that was issued all the same is listed at once; what another order's late refusal may have met is
listed within some seconds, for which real time limits leave two minutes. And a result that settled nothing is not told
late to a process that cannot know it again, nor knows that it may come, while an order is under way that differs in
nothing of what it tells: nothing could tell whose it is (`worker/README.md`).
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.envelope import loads
from tests.builders import make_result
from tests.memory_journal import MemoryJournal
from tests.model.listing import PAGINGS, page_of, rows_of
from tests.model.simulation import World
from tests.model.submissions import PLANS, Sent
from worker.ports import (
    Disconnected,
    LoginAnswered,
    PageShown,
    QrRefused,
    QrShown,
    QueryOrder,
    QueryRefused,
    ResultRefused,
    Submission,
)
from worker.records import BEIJING

if TYPE_CHECKING:
    from tests.model.sockets import Socket

MET_SECONDS: Final = 15.0
"""Within so many seconds an order is listed that a refusal of another one may have met."""
AWAKE_SECONDS: Final = 5.0
"""Within so many seconds after it was woken a worker has closed what it holds."""


@dataclass
class GatewayFaults:
    """What the gateway will do next, or does just now."""

    is_down: bool = False
    forgets_newest: bool = False
    """A late close of an old socket takes the new one's place away."""
    listing_seconds: float = 1.0
    rewriting: str = "as they came"
    form: str = "in full"
    echo: str = "whole"
    paging: str = "all at once"
    shows_early: bool = False
    closes_seen_after: float = 0.05
    logins: deque[str] = field(default_factory=deque)
    queries: deque[str] = field(default_factory=deque)
    plans: deque[str] = field(default_factory=deque)


class ModelGateway:
    """The vendor's side; one for all workers."""

    def __init__(self, world: World, journal: MemoryJournal) -> None:
        self.world = world
        self.journal = journal
        self.faults = GatewayFaults()
        self.sent: list[Sent] = []
        self.by_hand: list[Sent] = []
        """What a person issued on the portal."""
        self.sockets: set[Socket] = set()
        """Open ones, as the workers see it."""
        self.wrongs: list[str] = []
        """Promises that a worker broke."""
        self._newest: dict[str, Socket] = {}
        self._listed_at: dict[str, float] = {}
        self._held: dict[str, list[Sent]] = {}

    # ---- connections -------------------------------------------------------------------------------

    def open(self, socket: "Socket") -> None:
        """A new socket takes the place of the one before. One whose handshake was under way while its process was
        stopped may come when somebody else has the lane, and is closed unused."""
        is_late = self.world.now <= socket.process.woke_at + AWAKE_SECONDS
        for other in self.sockets:
            if other.user_id == socket.user_id and not is_late and self._should_be_closed(other):
                self.wrongs.append(f"{socket.process.name} connects {socket.user_id}, {other.process.name} has it open")
        self.sockets.add(socket)
        self._newest[socket.user_id] = socket

    def _should_be_closed(self, socket: "Socket") -> bool:
        """All but that of a process that was stopped, which closes it as soon as it wakes."""
        process = socket.process
        return not process.is_stopped and self.world.now > process.woke_at + AWAKE_SECONDS

    def close(self, socket: "Socket") -> None:
        """The worker's end is closed; this side sees it a moment later."""
        self.sockets.discard(socket)
        self.world.later(self.faults.closes_seen_after, lambda: self._forget(socket))

    def _forget(self, socket: "Socket") -> None:
        if self._newest.get(socket.user_id) is socket or self.faults.forgets_newest:
            self._newest.pop(socket.user_id, None)

    def drop(self, user_id: str) -> None:
        """Cut the newest socket of this user."""
        socket = self._newest.pop(user_id, None)
        if socket is not None:
            socket.hear(Disconnected("the gateway went away"))

    def go_down(self) -> None:
        """Cut all, and accept nobody."""
        self.faults.is_down = True
        for user_id in list(self._newest):
            self.drop(user_id)

    def say(self, user_id: str, event: Any) -> None:
        """To the newest socket of this user, whoever waits there for what."""
        socket = self._newest.get(user_id)
        if socket is not None:
            socket.hear(event)

    def issue_by_hand(self, invoice: Mapping[str, Any], days_ago: int) -> None:
        """An invoice that no order asked for."""
        number = f"{26332000000000000000 + len(self.by_hand)}"
        issued_at = self.world.moment - timedelta(days=days_ago)
        self.by_hand.append(Sent(0, "", invoice, "", number=number, issued_at=issued_at, listed_at=self.world.now))

    def red_letter(self, user_id: str, status: str) -> None:
        """Take the last invoice of this user back, as a person does on the portal."""
        listed = [each for each in self.sent if each.user_id == user_id and each.listed_at <= self.world.now]
        if listed:
            listed[-1].red_status = status

    # ---- what is asked -----------------------------------------------------------------------------

    def check_sender(self, socket: "Socket", act: str) -> None:
        """Nothing may be sent without the lane."""
        if not self.journal.holds(socket.process.name, socket.user_id):
            self.wrongs.append(f"{socket.process.name} sends {act} for {socket.user_id} without its lease")

    def take_login(self, socket: "Socket") -> None:
        answer = self.faults.logins.popleft() if self.faults.logins else "accepted"
        if answer != "silent":
            self.world.later(0.2, lambda: self.say(socket.user_id, LoginAnswered(answer == "accepted")))

    def take_submission(self, socket: "Socket", submission: Submission) -> None:
        """The one act that cannot be undone."""
        active = self.journal.rows(
            "SELECT * FROM command WHERE lane = ? AND state IN ('submitting', 'scanning')", socket.user_id
        )
        if len(active) != 1 or active[0]["state"] != "submitting":
            self.wrongs.append(f"a submission for {socket.user_id} without its record: {[row['id'] for row in active]}")
            return
        (command,) = active
        self._check_submission(command)
        plan = self.faults.plans.popleft() if self.faults.plans else "issued"
        faults = self.faults
        sent = Sent(
            command["key"],
            socket.user_id,
            submission.invoice,
            plan,
            rewriting=faults.rewriting,
            form=faults.form,
            echo=faults.echo,
            is_shown_early=faults.shows_early,
        )
        self.sent.append(sent)
        self._go_on(sent, iter(PLANS[plan]))

    def _check_submission(self, command: Any) -> None:
        if any(sent.key == command["key"] for sent in self.sent):
            self.wrongs.append(f"{command['id']} is submitted twice")
        twins = self.journal.rows(
            "SELECT id FROM command WHERE lane = ? AND fingerprint = ? AND state IN ('in_doubt', 'checking')",
            command["lane"],
            command["fingerprint"],
        )
        if twins:
            self.wrongs.append(f"{command['id']} is submitted while its twin {twins[0]['id']} is unsettled")
        orders = self.journal.rows(
            "SELECT key FROM command "
            "WHERE source = ? AND seller = ? AND order_no = ? AND key <> ? AND state <> 'failed'",
            command["source"],
            command["seller"],
            command["order_no"],
            command["key"],
        )
        if {row["key"] for row in orders} & {sent.key for sent in self.sent}:
            self.wrongs.append(f"order {command['order_no']} is submitted twice")

    def take_query(self, socket: "Socket", order: QueryOrder) -> None:
        answer = self.faults.queries.popleft() if self.faults.queries else "page"
        match answer:
            case "page":
                self.world.later(0.3, lambda: self.say(socket.user_id, self._page(order)))
            case "refused":
                self.world.later(0.3, lambda: self.say(socket.user_id, QueryRefused()))
            case "dropped":
                self.world.later(0.1, lambda: self.drop(socket.user_id))
            case "late":
                self.world.later(9, lambda: self.say(socket.user_id, self._page(order)))

    def _page(self, order: QueryOrder) -> PageShown | QueryRefused:
        first, last = order.condition["startInvoiceDate"], order.condition["endInvoiceDate"]
        listed = [
            sent
            for sent in (*self.by_hand, *self.sent)
            if sent.issued_at is not None
            and (sent.is_shown_early or sent.listed_at <= self.world.now)
            and sent.invoice["sellerIndentification"] == order.login.company_code
            and first <= sent.issued_at.astimezone(BEIJING).date().isoformat() <= last
        ]
        rows = [row for sent in listed for row in rows_of(sent, self.world.now)]
        return page_of(rows, order, PAGINGS[self.faults.paging])

    # ---- what becomes of a submission --------------------------------------------------------------

    def _go_on(self, sent: Sent, acts: Iterator[tuple[float, str]]) -> None:
        step = next(acts, None)
        if step is None:
            sent.is_over = True
            return
        seconds, act = step

        def go() -> None:
            self._act(sent, act)
            self._go_on(sent, acts)

        self.world.later(seconds, go)

    def _act(self, sent: Sent, act: str) -> None:
        match act:
            case "issue" | "issue and list":
                self._issue(sent, self.faults.listing_seconds if act == "issue" else 0)
            case "reply":
                self._reply(sent)
            case "hold":
                self._held.setdefault(sent.user_id, []).append(sent)
                self.world.later(60, lambda: self._let_go(sent.user_id))
            case "show":
                self.say(sent.user_id, QrShown(image=None, content="https://qr.example"))
            case "refuse QR":
                self._refuse(sent, QrRefused())
            case "refuse":
                self._refuse(sent, ResultRefused())
            case "draft":
                self.say(sent.user_id, make_result(dict(sent.invoice), invoice_url=None, is_draft=True))
            case "drop":
                self.drop(sent.user_id)
            case "crash":
                self._crash(sent.user_id)

    def _crash(self, user_id: str) -> None:
        """Whoever has the socket of this user ends just now."""
        socket = self._newest.get(user_id)
        if socket is not None and not socket.process.is_stopped:
            socket.process.crash()

    def _refuse(self, sent: Sent, refusal: QrRefused | ResultRefused) -> None:
        self.say(sent.user_id, refusal)
        for other in self.sent:
            other.is_met = other.is_met or (other.user_id == sent.user_id and other is not sent)
        self._list_within(MET_SECONDS, {sent.user_id})

    def _list_within(self, seconds: float, users: Collection[str]) -> None:
        """Whatever was issued to these users so far."""
        soon = self.world.now + seconds
        for each in self.sent:
            if each.user_id in users and each.number:
                each.listed_at = min(each.listed_at, soon)
        for user_id in users:
            self._listed_at[user_id] = min(self._listed_at.get(user_id, 0.0), soon)

    def _issue(self, sent: Sent, seconds: float) -> None:
        if sent.is_met:
            self._list_within(MET_SECONDS, {sent.user_id})
            seconds = min(seconds, MET_SECONDS)
        if seconds == 0:
            self._list_within(0, {each.user_id for each in self.sent})
        sent.number = f"{24332000000000000000 + len([each for each in self.sent if each.number])}"
        sent.issued_at = self.world.moment
        sent.listed_at = max(self.world.now + seconds, self._listed_at.get(sent.user_id, 0.0))
        self._listed_at[sent.user_id] = sent.listed_at

    def _reply(self, sent: Sent) -> None:
        self._tell(sent)
        self._let_go(sent.user_id)

    def _let_go(self, user_id: str) -> None:
        for held in self._held.pop(user_id, []):
            self._tell(held)

    def _tell(self, sent: Sent) -> None:
        """Its result, unless it could be taken for another order's."""
        socket = self._newest.get(sent.user_id)
        if socket is None:
            return
        (command,) = self.journal.rows("SELECT * FROM command WHERE key = ?", sent.key)
        has_ended = command["state"] in {"completed", "failed"}
        if not has_ended:
            sent.told.add(socket.process.name)
        process = socket.process
        is_known = process.name in sent.told or self._has_settled(sent) or process.awaits(sent.user_id, sent.key)
        if has_ended and not is_known and self._could_be_anothers(sent, command):
            return
        socket.hear(sent.result)

    def _has_settled(self, sent: Sent) -> bool:
        """Whether its result settled its order: that stands in the journal, which is read after a restart."""
        rows = self.journal.rows(
            "SELECT body FROM event WHERE command_key = ? AND type = 'invoice.issue.completed'", sent.key
        )
        return any(loads(row["body"])["data"].get("invoiceUrl") == sent.url for row in rows)

    def _could_be_anothers(self, sent: Sent, command: Any) -> bool:
        rows = self.journal.rows(
            "SELECT fingerprint FROM command WHERE lane = ? AND key <> ?"
            " AND state IN ('running', 'submitting', 'scanning', 'in_doubt', 'checking')",
            command["lane"],
            command["key"],
        )
        return any(not sent.is_told_clearly or row["fingerprint"] == command["fingerprint"] for row in rows)
