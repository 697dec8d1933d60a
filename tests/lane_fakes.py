"""What lanes are tested with: a journal in memory and a gateway that plays a script.

Both write what happens into one list of acts, so that a test can say in which order things were done. The journal
keeps the promises of `worker.ports.LaneJournal` that lanes rely on; the real stores are held to the whole of it by
`tests/conformance`. The gateway notices a second session of the same user, which must never be.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from contracts.failures import FailureCode
from tests.findings_fakes import FakeFindings, rank
from tests.virtual_time import EPOCH
from worker.errors import JournalUnavailable, NotResolvable, Permanent
from worker.lanes.services import LaneServices
from worker.ports import Disconnected, LoginAnswered, LoginFields, QueryEvent, QueryOrder, SessionEvent, Submission
from worker.records import (
    ACTIVE,
    FINAL,
    OWN_LANE_MARK,
    PROGRESSING,
    SUBMITTED,
    AccountLogin,
    AccountState,
    Claim,
    ClaimBounds,
    Command,
    CommandState,
    Event,
    Following,
    LaneLease,
    SellerState,
    Settlement,
    Step,
)
from worker.settings import Settings


class FakeClock:
    """The loop's virtual time, and how much longer the process was stopped than the loop knows."""

    def __init__(self) -> None:
        self.stopped_seconds = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.stopped_seconds


@dataclass
class FakeLane:
    """Who holds a lane; `epoch` only grows."""

    holder: str | None = None
    epoch: int = 0
    is_wanted: bool = False


def _counted(login: AccountLogin) -> str:
    """Without the password: tests of the runs name an account by its digest."""
    return _look_up(login) if login.is_look_up else login.account


def _look_up(login: AccountLogin) -> str:
    return f"{login.account} for look-ups"


class FakeLaneJournal(FakeFindings):
    """Commands and lanes of one store, with outages on demand."""

    def __init__(self, acts: list[str], clock: FakeClock) -> None:
        super().__init__()
        self.acts = acts
        self.clock = clock
        self.events: dict[int, list[Event]] = {}
        self.lanes: dict[str, FakeLane] = {}
        self.leased_until: dict[str, float] = {}
        self.accounts: dict[str, AccountState] = {}
        self.sellers: dict[tuple[str, str], SellerState] = {}
        self.strays = self.kept_strays
        self.following: list[Following] = []
        self.heeded: list[tuple[str, bool]] = []
        """Followers that looked and had nothing to tell, and whether they listen no more."""
        self.calls: Counter[str] = Counter()
        self.down: set[str] = set()
        """Methods that raise `JournalUnavailable`, each time; "*" for all."""
        self.loses_answers: set[str] = set()
        """Methods whose next call commits and then raises."""
        self.broken: set[str] = set()
        """Methods whose next call raises something that nobody expects."""
        self.last: set[int] = set()
        """Commands that wait behind all else on their lane."""
        self.delays: dict[str, float] = {}
        """Methods to seconds that they take, counted after the commit."""

    # ---- what tests ask

    def add(self, *commands: Command) -> None:
        """Journal commands. What does not wait any more was begun by somebody who held the lane."""
        for command in commands:
            assert command.lane is not None
            self.commands[command.key] = command
            lane = self.lanes.setdefault(command.lane, FakeLane())
            if command.state is not CommandState.WAITING:
                lane.epoch = max(lane.epoch, 1)
            lane.is_wanted = lane.holder is not None

    def state_of(self, key: int) -> CommandState:
        return self.commands[key].state

    def outcomes_of(self, key: int) -> list[str]:
        """The last part of each committed event's type."""
        return [event.type.rpartition(".")[2] for event in self.events.get(key, [])]

    def steal(self, lane: str) -> None:
        """Give a lane to another worker, as if this one's lease had run out."""
        self.lanes[lane].holder = "w-other"
        self.lanes[lane].epoch += 1
        for command in self.commands.values():
            if command.lane == lane and command.state in ACTIVE:
                self.commands[command.key] = replace(command, epoch=self.lanes[lane].epoch)

    # ---- leases

    async def register(self, worker: str, lease: timedelta) -> None:
        self._enter("register")
        for lane in self.lanes.values():
            if lane.holder == worker:
                lane.holder = None
        self.leased_until[worker] = self.clock.monotonic() + lease.total_seconds()
        await self._leave("register")

    async def renew(self, worker: str, lease: timedelta) -> bool:
        self._enter("renew")
        is_ours = self._is_alive(worker)
        if is_ours:
            self.leased_until[worker] = self.clock.monotonic() + lease.total_seconds()
        await self._leave("renew")
        return is_ours

    async def retire(self, worker: str) -> None:
        self._enter("retire")
        self.acts.append("retire")
        self.leased_until.pop(worker, None)
        for lane in self.lanes.values():
            if lane.holder == worker:
                lane.holder = None
        await self._leave("retire")

    async def reap(self, worker: str, now: datetime, limit: int = 200) -> int:
        self._enter("reap")
        dead = [lane for lane in self.lanes.values() if lane.holder and not self._is_alive(lane.holder)]
        for lane in dead:
            lane.holder = None
        return len(dead)

    async def claim(
        self, worker: str, limit: int, now: datetime, *, within: ClaimBounds | None = None
    ) -> Sequence[Claim]:
        self._enter("claim")
        assert limit > 0
        claims: list[Claim] = []
        taken, connecting = Counter[str](), 0
        for name, lane in self.lanes.items():
            if lane.holder is None and len(claims) < limit and self._is_alive(worker):
                tenant, connects = self._needs(name)
                if within and (
                    within.room_of(tenant) <= taken[tenant] or (connects and within.connecting <= connecting)
                ):
                    continue
                lease = LaneLease(name, worker, lane.epoch + 1)
                command = self._unfinished(lease) or self._take(lease, now)
                if command is not None:
                    lane.holder, lane.epoch, lane.is_wanted = worker, lease.epoch, False
                    taken[tenant] += 1
                    connecting += connects
                    claims.append(Claim(lease, command, tenant))
        await self._leave("claim")
        return claims

    async def held(self, worker: str) -> Sequence[LaneLease]:
        self._enter("held")
        return [LaneLease(name, worker, lane.epoch) for name, lane in self.lanes.items() if lane.holder == worker]

    async def wanted(self, worker: str) -> Sequence[str]:
        self._enter("wanted")
        return [name for name, lane in self.lanes.items() if lane.holder == worker and lane.is_wanted]

    async def ready_lanes(self, limit: int, tenant: str | None = None) -> int:
        self._enter("ready_lanes")
        now = self.clock.now()
        ready = [
            name
            for name, lane in self.lanes.items()
            if lane.holder is None and self._has_work(name, now) and tenant in {None, self._needs(name)[0]}
        ]
        return min(limit, len(ready))

    async def next_command(self, lease: LaneLease, now: datetime) -> Command | None:
        self._enter("next_command")
        if not self._holds(lease):
            return None
        self.lanes[lease.lane].is_wanted = False
        is_busy = any(c.lane == lease.lane and c.state in ACTIVE for c in self.commands.values())
        return None if is_busy else self._take(lease, now)

    async def count_break(self, command: Command, lease: LaneLease) -> int:
        self._enter("count_break")
        kept = self.commands[command.key]
        if kept.epoch != lease.epoch:
            return 0
        self.commands[command.key] = replace(kept, breaks=kept.breaks + 1)
        return kept.breaks + 1

    async def release(self, lease: LaneLease, now: datetime) -> None:
        self._enter("release")
        self.acts.append(f"release {lease.lane}")
        if self._holds(lease):
            self.lanes[lease.lane].holder = None
        await self._leave("release")

    # ---- steps

    async def record(self, step: Step) -> bool:
        self._enter("record")
        written = self._write(step)
        await self._leave("record")
        return written

    async def record_and_next(self, step: Step) -> tuple[bool, Command | None]:
        self._enter("record_and_next")
        written = self._write(step)
        following = self._take(step.lease, step.at) if written and self._holds(step.lease) else None
        await self._leave("record_and_next")
        return written, following

    async def settle(self, settlement: Settlement) -> bool:
        self._enter("settle")
        command = self.commands[settlement.command.key]
        if command.state not in settlement.expected or command.last_sequence != settlement.command.last_sequence:
            return False
        number = settlement.invoice_number
        if any(c.invoice_number == number and c.key != command.key for c in self.commands.values() if number):
            raise NotResolvable("this invoice number is bound to another command")
        is_issued_now = settlement.to is CommandState.COMPLETED and command.state is not CommandState.COMPLETED
        is_new_search = is_issued_now and settlement.sought_at is not None
        self.commands[command.key] = replace(
            command,
            state=settlement.to,
            last_sequence=command.last_sequence + len(settlement.events),
            invoice_number=command.invoice_number or number,
            progress=None if settlement.to in FINAL else settlement.progress or command.progress,
            sought_at=settlement.sought_at,
            look_ups=0 if is_new_search else command.look_ups + settlement.has_looked,
            secrets={} if settlement.to in FINAL and settlement.sought_at is None else command.secrets,
        )
        self.events.setdefault(command.key, []).extend(settlement.events)
        self.keep(command, settlement.findings, settlement.at)
        self.following = [one for one in self.following if one.follower.key != command.key]
        await self._leave("settle")
        return True

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Command]:
        self._enter("overdue")
        late = {CommandState.WAITING, CommandState.HELD}
        return [c for c in self.commands.values() if c.state in late and c.deadline_at and c.deadline_at <= now]

    async def followers(self, limit: int = 100) -> Sequence[Following]:
        self._enter("followers")
        return list(self.following)

    async def heed(self, following: Following, *, is_over: bool) -> None:
        self._enter("heed")
        self.following.remove(following)
        self.heeded.append((following.follower.id, is_over))

    async def succeed(self, following: Following, now: datetime) -> bool:
        self._enter("succeed")
        follower = self.commands[following.follower.key]
        if follower.state is not CommandState.FOLLOWING:
            return False
        self.following.remove(following)
        self.commands[follower.key] = replace(follower, state=CommandState.WAITING, follows=None, holds_order=True)
        await self._leave("succeed")
        return True

    # ---- accounts and strays

    async def account(self, login: AccountLogin) -> AccountState:
        self._enter("account")
        state = self.accounts.get(_counted(login), AccountState())
        return replace(state, has_refused_look_ups=self.accounts.get(_look_up(login), AccountState()).refusals > 0)

    async def count_login(
        self, login: AccountLogin, *, accepted: bool, now: datetime, threshold: int, suspend: timedelta
    ) -> AccountState:
        self._enter("count_login")
        account = _counted(login)
        refusals = 0 if accepted else self.accounts.get(account, AccountState()).refusals + 1
        self.accounts[account] = AccountState(refusals, now + suspend if refusals >= threshold else None)
        return self.accounts[account]

    async def seller(self, source: str, seller: str) -> SellerState:
        self._enter("seller")
        return self.sellers.get((source, seller), SellerState())

    async def count_refusal(
        self, source: str, seller: str, *, now: datetime, threshold: int, rest: timedelta
    ) -> SellerState:
        self._enter("count_refusal")
        refusals = self.sellers.get((source, seller), SellerState()).refusals + 1
        self.sellers[source, seller] = SellerState(refusals, now + rest if refusals >= threshold else None)
        return self.sellers[source, seller]

    async def forget_refusals(self, source: str, seller: str, now: datetime) -> None:
        self._enter("forget_refusals")
        self.sellers.pop((source, seller), None)
        for command in list(self.commands.values()):
            if (command.source, command.seller, command.state) == (source, seller, CommandState.HELD):
                self.commands[command.key] = replace(command, state=CommandState.WAITING)

    async def end_rests(self, now: datetime, rest: timedelta, limit: int = 20) -> int:
        self._enter("end_rests")
        tried = 0
        for (source, seller), state in list(self.sellers.items()):
            held = [
                command
                for command in self.commands.values()
                if (command.source, command.seller, command.state) == (source, seller, CommandState.HELD)
            ]
            if state.resting_until is not None and state.resting_until <= now and held:
                first = min(held, key=lambda command: command.key)
                self.sellers[source, seller] = replace(state, resting_until=now + rest, trier=first.key)
                self.commands[first.key] = replace(first, state=CommandState.WAITING)
                tried += 1
        return tried

    async def renew_password(self, login: AccountLogin, pointer: str, now: datetime) -> int:
        self._enter("renew_password")
        self.accounts.pop(_look_up(login), None)
        stale = [
            command
            for command in self.commands.values()
            if command.account == login.account and command.sought_at and command.secrets.get(pointer) != login.password
        ]
        for command in stale:
            secrets = {**command.secrets, pointer: login.password}
            self.commands[command.key] = replace(command, secrets=secrets, sought_at=now)
        return len(stale)

    async def keep_stray(self, lane: str, command_key: int | None, reason: str, body: bytes, at: datetime) -> None:
        self._enter("keep_stray")
        self.strays.append((command_key, reason, body))

    # ---- inside

    @override
    def _enter(self, method: str) -> None:
        self.calls[method] += 1
        if self.down & {method, "*"}:
            raise JournalUnavailable("the fake is down")
        if method in self.broken:
            self.broken.discard(method)
            raise RuntimeError("a bug of the store")

    @override
    async def _leave(self, method: str) -> None:
        if method in self.delays:
            await asyncio.sleep(self.delays[method])
        if method in self.loses_answers:
            self.loses_answers.discard(method)
            raise JournalUnavailable("the answer was lost")

    def _is_alive(self, worker: str) -> bool:
        return self.clock.monotonic() < self.leased_until.get(worker, float("-inf"))

    def _holds(self, lease: LaneLease) -> bool:
        lane = self.lanes[lease.lane]
        return lane.holder == lease.worker and lane.epoch == lease.epoch

    def _head(self, lane: str) -> Command | None:
        waiting = [c for c in self.commands.values() if c.lane == lane and c.state is CommandState.WAITING]
        return min(waiting, key=lambda c: (c.key in self.last, *rank(c)), default=None)

    def _has_work(self, lane: str, now: datetime) -> bool:
        head = self._head(lane)
        is_due = head is not None and self.due_at.get(head.key, now) <= now
        return is_due or any(c.lane == lane and c.state in ACTIVE for c in self.commands.values())

    def _needs(self, lane: str) -> tuple[str, bool]:
        """Whose turn it is on this lane, and whether what comes next needs a session."""
        active = [c for c in self.commands.values() if c.lane == lane and c.state in ACTIVE]
        first = active[0] if active else self._head(lane)
        is_submitted = bool(active) and active[0].state in SUBMITTED
        return "" if first is None else first.source, not (lane.startswith(OWN_LANE_MARK) or is_submitted)

    def _unfinished(self, lease: LaneLease) -> Command | None:
        for command in self.commands.values():
            if command.lane == lease.lane and command.state in ACTIVE:
                self.commands[command.key] = replace(command, epoch=lease.epoch)
                return self.commands[command.key]
        return None

    def _take(self, lease: LaneLease, now: datetime) -> Command | None:
        head = self._head(lease.lane)
        if head is None or self.due_at.get(head.key, now) > now:
            return None
        taken = replace(head, state=CommandState.RUNNING, epoch=lease.epoch, attempts=head.attempts + 1)
        self.commands[head.key] = taken
        return taken

    def _write(self, step: Step) -> bool:
        command = self.commands[step.command.key]
        submits = step.to is CommandState.SUBMITTING
        may_submit = self._holds(step.lease) and self._is_alive(step.lease.worker)
        is_there = any(event.sequence <= command.last_sequence for event in step.events)
        is_fenced = command.epoch != step.lease.epoch or command.state not in step.expected
        if is_fenced or is_there or (submits and not may_submit):
            self.acts.append(f"fenced {step.to}")
            return False
        self.acts.append(f"record {step.to}")
        is_over = step.to in FINAL
        self.commands[command.key] = replace(
            command,
            state=step.to,
            secrets={} if is_over and step.sought_at is None else command.secrets,
            last_sequence=command.last_sequence + len(step.events),
            submitted_at=step.at if submits else command.submitted_at,
            attempts=1 if step.progress is not None and step.to in PROGRESSING else command.attempts,
            progress=None if is_over else step.progress or command.progress,
            deadline_at=step.deadline_at or command.deadline_at,
            sought_at=step.sought_at,
            account=step.account or command.account,
        )
        self.keep(command, step.findings, step.at)
        if step.due_at is not None:
            self.due_at[command.key] = step.due_at
        if step.goes_last:
            self.last.add(command.key)
        if step.to_lane is not None:
            self.commands[command.key] = replace(self.commands[command.key], lane=step.to_lane)
            self.lanes.setdefault(step.to_lane, FakeLane(epoch=step.lease.epoch))
        self.events.setdefault(command.key, []).extend(step.events)
        return True


# ---- the gateway -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class After:
    """An answer that comes so many seconds after the one before it."""

    seconds: float
    event: SessionEvent | QueryEvent


Answer = SessionEvent | QueryEvent | After


@dataclass
class Script:
    """What the gateway says on one session. A submission beyond those listed is answered like the last one."""

    login: Sequence[Answer] = (LoginAnswered(True),)
    submissions: Sequence[Sequence[Answer]] = ((),)
    refuses: Exception | None = None
    """Raised instead of a connection."""
    connect_seconds: float = 0.0
    submit_fails: Exception | None = None
    login_fails: Exception | None = None
    pages: Sequence[Sequence[Answer]] = ((),)
    """What is said to each `query_invoice`; a question beyond those listed is answered like the last one."""
    downloads: Sequence[Sequence[Answer]] = ((),)
    """The same for `query_invoice_download_zip`."""
    query_fails: Exception | None = None


def _at(answers: Sequence[Sequence[Answer]], number: int) -> Sequence[Answer]:
    return answers[min(number, len(answers) - 1)]


class FakeSession:
    """One session that plays its script, of either endpoint."""

    def __init__(self, gateway: "FakeGateway", user_id: str, script: Script) -> None:
        self._gateway = gateway
        self._script = script
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._speaking: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._is_over = False
        self.user_id = user_id
        self.submissions: list[Submission] = []
        self.logins: list[LoginFields] = []
        self.queries: list[QueryOrder] = []
        self.downloads: list[str] = []

    @property
    def is_open(self) -> bool:
        return not self._is_closed and not self._is_over

    @property
    def has_unheard(self) -> bool:
        return not self._inbox.empty()

    async def login(self, login: LoginFields) -> None:
        self._gateway.acts.append("login")
        if self._script.login_fails:
            raise self._script.login_fails
        self.logins.append(login)
        self.say(*self._script.login)

    async def submit(self, submission: Submission) -> None:
        self._gateway.acts.append("submit")
        number = len(self.submissions)
        self.submissions.append(submission)
        if self._script.submit_fails:
            raise self._script.submit_fails
        self.say(*_at(self._script.submissions, number))

    async def query(self, order: QueryOrder) -> None:
        self._gateway.acts.append(f"query page {order.page_number}")
        self.queries.append(order)
        if self._script.query_fails:
            raise self._script.query_fails
        self.say(*_at(self._script.pages, len(self.queries) - 1))

    async def retry_download(self, date: str) -> None:
        self._gateway.acts.append("retry download")
        self.downloads.append(date)
        self.say(*_at(self._script.downloads, len(self.downloads) - 1))

    async def receive(self) -> Any:
        event = await self._inbox.get()
        self._is_over = self._is_over or isinstance(event, Disconnected)
        return event

    async def close(self) -> None:
        await asyncio.sleep(self._gateway.close_seconds)
        self._is_closed = True
        self._gateway.acts.append("close")
        self._gateway.open_sessions.discard(self)
        for speaking in self._speaking:
            speaking.cancel()

    def say(self, *answers: Answer) -> None:
        """Have the gateway say this, in this order."""
        task = asyncio.create_task(self._speak(answers))
        self._speaking.add(task)
        task.add_done_callback(self._speaking.discard)

    async def _speak(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if isinstance(answer, After):
                await asyncio.sleep(answer.seconds)
            self._inbox.put_nowait(answer.event if isinstance(answer, After) else answer)


class FakeGateway:
    """Plays one script per connection; the last one again and again."""

    def __init__(self, acts: list[str], *scripts: Script) -> None:
        self.acts = acts
        self.scripts = list(scripts or [Script()])
        self.sessions: list[FakeSession] = []
        self.open_sessions: set[FakeSession] = set()
        self.connections = 0
        self.close_seconds = 0.0
        self.most_open_of_one_user = 0
        """More than one breaks the gateway."""

    @property
    def submissions(self) -> list[Submission]:
        """All that was submitted, over all sessions."""
        return [submission for session in self.sessions for submission in session.submissions]

    @property
    def queries(self) -> list[QueryOrder]:
        """All that was asked, over all sessions."""
        return [order for session in self.sessions for order in session.queries]

    async def connect(self, user_id: str) -> FakeSession:
        return await self._connect(user_id, "connect")

    async def connect_query(self, user_id: str) -> FakeSession:
        return await self._connect(user_id, "connect query")

    async def _connect(self, user_id: str, act: str) -> FakeSession:
        self.acts.append(act)
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        if script.connect_seconds:
            await asyncio.sleep(script.connect_seconds)
        if script.refuses:
            raise script.refuses
        session = FakeSession(self, user_id, script)
        self.sessions.append(session)
        self.open_sessions.add(session)
        users = Counter(one.user_id for one in self.open_sessions)
        self.most_open_of_one_user = max(self.most_open_of_one_user, *users.values())
        return session


class FakeDetails:
    """Items and files of invoices, as a test lays them out. What is not laid out is not ready."""

    def __init__(self, acts: list[str]) -> None:
        self.acts = acts
        self.items_of: dict[str, Sequence[dict[str, Any]]] = {}
        self.files_of: dict[str, Sequence[dict[str, Any]]] = {}
        self.fails: list[Exception] = []
        """Raised by the next look-ups, one each."""
        self.asked_items: list[str] = []
        self.asked_files: list[tuple[str, ...]] = []
        self.seconds = 0.0

    def lay_out(self, invoice_id: str, *types: str, items: int = 1) -> None:
        """An invoice's items and files are ready."""
        self.items_of[invoice_id] = [{"invoiceBasicInfoId": invoice_id, "itemName": f"item {n}"} for n in range(items)]
        self.files_of[invoice_id] = [make_file(invoice_id, name) for name in types]

    async def items(self, invoice_id: str) -> tuple[dict[str, Any], ...]:
        self.asked_items.append(invoice_id)
        await self._answer()
        return tuple(self.items_of.get(invoice_id, ()))

    async def files(self, invoice_ids: Sequence[str], types: Sequence[str]) -> tuple[dict[str, Any], ...]:
        self.acts.append("look up files")
        self.asked_files.append(tuple(invoice_ids))
        await self._answer()
        return tuple(file for each in invoice_ids for file in self.files_of.get(each, ()) if file["type"] in types)

    async def _answer(self) -> None:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.fails:
            raise self.fails.pop(0)


def make_file(invoice_id: str, name: str) -> dict[str, Any]:
    """Where one file of an invoice is."""
    return {"invoiceBasicInfoId": invoice_id, "type": name, "url": f"https://files.example/{invoice_id}.{name}"}


class FakeCredentials:
    """Logins by name."""

    def __init__(self, **logins: LoginFields) -> None:
        self.logins = logins

    def load(self, name: str) -> LoginFields:
        if name not in self.logins:
            raise Permanent(FailureCode.CREDENTIAL_MISSING, f"there is no credential {name}")
        return self.logins[name]


class RecordingHooks:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.ignored: list[str] = []
        self.outcomes: list[tuple[str, str]] = []
        self.refusals = 0
        self.leases_lost = 0
        self.pages: list[tuple[int, int]] = []
        self.verdicts: list[str] = []
        self.breaks: list[tuple[str, str]] = []
        self.findings: list[str] = []
        self.audits: list[bool] = []

    def audit_finding(self, kind: str) -> None:
        self.findings.append(str(kind))

    def audit_ended(self, *, is_whole: bool) -> None:
        self.audits.append(is_whole)

    def page_found(self, invoices: int, files: int) -> None:
        self.pages.append((invoices, files))

    def broke(self, command_type: str, outcome: str) -> None:
        self.breaks.append((command_type, outcome))

    def looked_up(self, verdict: str) -> None:
        self.verdicts.append(verdict)

    def submitted(self) -> None: ...

    def lanes(self, active: int, sessions: int) -> None: ...

    def settled(self, command_type: str, outcome: str, code: str) -> None:
        self.outcomes.append((str(outcome), code))

    def frame_ignored(self, reason: str) -> None:
        self.ignored.append(reason)

    def login_refused(self) -> None:
        self.refusals += 1

    def lease_lost(self) -> None:
        self.leases_lost += 1


def make_login_fields(**fields: Any) -> LoginFields:
    """A login in the vendor's words."""
    defaults: dict[str, Any] = {
        "company_code": "91330701MA2M37T86L",
        "phone": "13800000000",
        "password": SecretStr("p"),
        "area": "zhejiang",
        "role": "法定代表人",
    }
    return LoginFields(**{**defaults, **fields})


NO_SCHEDULES: dict[str, Any] = {"confirm": False, "reconcile_schedule": (), "refusal_schedule": ()}
"""Settings under which a refusal and a doubt stay what they are."""


@dataclass
class Stage:
    """One worker's lanes on fakes. Made inside a running loop."""

    scripts: Sequence[Script] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    credentials: FakeCredentials = field(default_factory=FakeCredentials)
    chance: Callable[[], float] = lambda: 1.0

    def __post_init__(self) -> None:
        self.acts: list[str] = []
        self.commits = 0
        self.clock = FakeClock()
        self.hooks = RecordingHooks()
        self.journal = FakeLaneJournal(self.acts, self.clock)
        self.gateway = FakeGateway(self.acts, *self.scripts)
        self.details = FakeDetails(self.acts)
        self.services = LaneServices(
            journal=self.journal,
            gateway=self.gateway,
            details=self.details,
            credentials=self.credentials,
            clock=self.clock,
            settings=Settings(_env_file=None, **(NO_SCHEDULES | self.settings)),
            chance=self.chance,
            committed=self._committed,
            hooks=self.hooks,
        )

    def _committed(self) -> None:
        self.commits += 1

    async def lease(self, worker: str = "w-1") -> None:
        """A lease from now on, without a scheduler."""
        await self.journal.register(worker, self.services.settings.lease)
        self.services.lease.granted(self.clock.monotonic())

    async def claim(self, *commands: Command) -> Claim:
        """Journal commands of one lane and lease the lane."""
        self.journal.add(*commands)
        await self.lease()
        (claim,) = await self.journal.claim("w-1", 1, self.clock.now())
        return claim
