"""What lanes are tested with: a gateway that plays a script, on the real store (`tests/lane_store.py`).

Both write what happens into one list of acts, so that a test can say in which order things were done. The gateway
notices a second session of the same user, which must never be.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from pydantic import SecretStr

from contracts.failures import FailureCode
from tests.lane_store import LaneStore
from tests.virtual_time import EPOCH
from worker.errors import Permanent
from worker.lanes.services import LISTS_AT_ONCE, LaneServices
from worker.ports import Disconnected, LoginAnswered, LoginFields, QueryEvent, QueryOrder, SessionEvent, Submission
from worker.records import (
    Claim,
    Command,
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
        self.hangs = False
        """Those that do not fail take an hour."""

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
        if self.hangs:
            await asyncio.sleep(3600)


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
        self.lanes_told = 0, 0
        """Lanes and sessions, as they were told last."""

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

    def lanes(self, active: int, sessions: int) -> None:
        self.lanes_told = active, sessions

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


@cache
def _settings(*named: tuple[str, Any]) -> Settings:
    """Checked once: many stages have the same, and nobody can change them."""
    return Settings(_env_file=None, **dict(named))


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
        self.journal = LaneStore(self.acts, self.clock)
        self.gateway = FakeGateway(self.acts, *self.scripts)
        self.details = FakeDetails(self.acts)
        self.services = LaneServices(
            journal=self.journal,
            gateway=self.gateway,
            details=self.details,
            credentials=self.credentials,
            clock=self.clock,
            settings=_settings(*sorted((NO_SCHEDULES | self.settings).items())),
            list_places=asyncio.Semaphore(LISTS_AT_ONCE),
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
        claims: list[Claim] = await self.journal.claim("w-1", 1, self.clock.now())
        (claim,) = claims
        return claim
