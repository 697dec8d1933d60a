"""Commands, events and steps with sensible defaults, so that a test says only what matters to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.envelope import event_id
from worker.ports import Journal
from worker.records import (
    SUBMITTED,
    AccountLogin,
    Admission,
    Claim,
    Command,
    CommandState,
    Event,
    FileRow,
    Findings,
    FoundRow,
    LaneLease,
    LooseEvent,
    NewCommand,
    OutboxRow,
    Route,
    Settlement,
    Step,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RUNNING = frozenset({CommandState.RUNNING})
IN_DOUBT = frozenset({CommandState.IN_DOUBT})
COMPLETED = frozenset({CommandState.COMPLETED})
PASSWORD = "s3cret-Pa55word-of-a-person"
ACCOUNT = "digest of an account"


def new(command_id: str, **changes: Any) -> NewCommand:
    """A command of tenant `erp` on lane `u1`."""
    values: dict[str, Any] = {
        "source": "erp",
        "type": "invoice.issue",
        "content_hash": f"hash of {command_id}",
        "route": Route("replies", f"corr {command_id}"),
        "received_at": NOW,
        "lane": "u1",
        "data": b'{"userId":"u1"}',
    }
    return NewCommand(id=command_id, **(values | changes))


def rejected(command_id: str, **changes: Any) -> NewCommand:
    """A rejected command with its one event."""
    source = changes.get("source", "erp")
    event = Event(1, event_id(source, command_id, 1), "invoice.issue.rejected", b'{"data":{}}')
    return new(command_id, **({"state": CommandState.REJECTED, "lane": None, "events": (event,)} | changes))


def loose(identifier: str, route: Route) -> LooseEvent:
    """An answer to a reused id."""
    body = b'{"data":{"commandSource":"erp","code":"id_reused"}}'
    return LooseEvent(Event(0, identifier, "invoice.issue.rejected", body), "a", route, NOW)


def event(command: Command, sequence: int, outcome: str) -> Event:
    """The command's event of that sequence."""
    body = f'{{"sequence":{sequence},"data":{{"outcome":"{outcome}"}}}}'.encode()
    return Event(sequence, event_id(command.source, command.id, sequence), f"{command.type}.{outcome}", body)


def step(
    claim: Claim,
    to: CommandState,
    *outcomes: str,
    expected: frozenset[CommandState] = RUNNING,
    first: int = 1,
    **changes: Any,
) -> Step:
    """A step under the claim's lease, telling these outcomes from sequence `first` on."""
    events = tuple(event(claim.command, sequence, outcome) for sequence, outcome in enumerate(outcomes, first))
    values: dict[str, Any] = {"at": NOW, "events": events}
    return Step(claim.command, claim.lease, expected, to, **(values | changes))


def settlement(
    command: Command, to: CommandState, *outcomes: str, expected: frozenset[CommandState] = IN_DOUBT, **changes: Any
) -> Settlement:
    """A settlement telling these outcomes after the command's last event."""
    first = command.last_sequence + 1
    events = tuple(event(command, sequence, outcome) for sequence, outcome in enumerate(outcomes, first))
    values: dict[str, Any] = {"at": NOW, "events": events}
    return Settlement(command, expected, to, **(values | changes))


async def admit(journal: Journal, *commands: NewCommand, worker: str = "w1") -> list[Admission]:
    """Admit without a limit."""
    return list(await journal.admit(commands, worker=worker, waiting_max=None))


async def claim_one(journal: Journal, worker: str = "w1", now: datetime = NOW) -> Claim:
    """The one claim that is to be had."""
    claims = await journal.claim(worker, 10, now)
    assert len(claims) == 1
    return claims[0]


async def begin(journal: Journal, command: NewCommand, worker: str = "w1") -> Claim:
    """Admit a command and claim its lane."""
    assert await admit(journal, command, worker=worker) == [Admission.ACCEPTED]
    return await claim_one(journal, worker)


async def submit(journal: Journal, claim: Claim) -> None:
    """Take a running command over the point of no return."""
    assert await journal.record(step(claim, CommandState.SUBMITTING))


async def put_in_doubt(journal: Journal, command: NewCommand) -> Claim:
    """Admit, claim, submit; then nobody knows. The lane stays held."""
    claim = await begin(journal, command)
    await submit(journal, claim)
    assert await journal.record(step(claim, CommandState.IN_DOUBT, "in_doubt", expected=SUBMITTED))
    return claim


async def complete(journal: Journal, command: NewCommand, worker: str = "w1") -> Claim:
    """Admit, claim, submit, complete, release."""
    claim = await begin(journal, command, worker)
    await submit(journal, claim)
    assert await journal.record(step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED))
    await journal.release(claim.lease, NOW)
    return claim


async def look_up(journal: Journal, command_id: str, source: str = "erp") -> Command:
    """A command as it stands."""
    found = await journal.find(command_id, source)
    assert len(found) == 1
    return found[0]


async def state_of(journal: Journal, command_id: str, source: str = "erp") -> CommandState:
    """Where a command stands."""
    return (await look_up(journal, command_id, source)).state


async def outbox(journal: Journal, worker: str = "w1", now: datetime = NOW, limit: int = 100) -> list[OutboxRow]:
    """What the relay would be given."""
    return list(await journal.due(worker, now, limit))


async def publish_all(journal: Journal, worker: str = "w1") -> list[OutboxRow]:
    """Publish until nothing is due; returns the rows in the order they were given."""
    published: list[OutboxRow] = []
    while rows := await outbox(journal, worker):
        published += rows
        await journal.published([row.seq for row in rows])
    return published


def login(**changes: Any) -> AccountLogin:
    """A login of one account through `u1`."""
    values: dict[str, Any] = {"account": ACCOUNT, "password": PASSWORD, "company_code": "9133", "user_id": "u1"}
    return AccountLogin(**(values | changes))


def ids(claims: Sequence[Claim]) -> list[str]:
    """The commands' ids, in the order claimed."""
    return [claim.command.id for claim in claims]


def later(lease: LaneLease, by: int) -> LaneLease:
    """A lease with another epoch."""
    return LaneLease(lease.lane, lease.worker, lease.epoch + by)


def found(identity: str, **changes: Any) -> FoundRow:
    """An issued invoice of that number."""
    values: dict[str, Any] = {
        "invoice_id": f"id of {identity}",
        "number": identity,
        "query_type": 0,
        "invoice_date": NOW,
        "seller_id": "91330701MA2M37T86L",
        "seller_name": "XYZ科技有限公司",
        "buyer_id": "91330701MA2DFB848M",
        "buyer_name": "ABC公司",
        "total": "113.00",
        "data": f'{{"id":"{identity}"}}'.encode(),
    }
    return FoundRow(identity, **(values | changes))


def pdf(invoice_id: str, url: str = "https://files/a.pdf", **changes: Any) -> FileRow:
    """Where the invoice's PDF is."""
    return FileRow(invoice_id, **({"type": "pdf", "url": url, "number": None} | changes))


def brought(*invoices: FoundRow, user_id: str | None = "u1", **changes: Any) -> Findings:
    """What a look-up through `u1` brought."""
    return Findings(user_id, invoices, **changes)


async def seek(journal: Journal, command: NewCommand, at: datetime = NOW, account: str = ACCOUNT) -> Claim:
    """Admit, claim, submit, complete, release; its number is looked for from then on."""
    claim = await begin(journal, command)
    await submit(journal, claim)
    done = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=1, sought_at=at, account=account)
    assert await journal.record(done)
    await journal.release(claim.lease, NOW)
    return claim


async def query(journal: Journal, command_id: str, *invoices: FoundRow, **changes: Any) -> Claim:
    """A query that brings these invoices and goes on."""
    claim = await begin(journal, new(command_id, **({"type": "invoice.query"} | changes)))
    moved = step(claim, CommandState.RUNNING, "page", progress=b"{}", findings=brought(*invoices))
    assert await journal.record(moved)
    return claim


async def enter(journal: Journal, now: datetime = NOW) -> int:
    """Let the journal look for what is sought."""
    return await journal.enter_look_ups(now)


async def fail(journal: Journal, command: NewCommand, *, keeps_order: bool = False) -> None:
    """Admit a command and let it end without an invoice; before the submission, unless it keeps its number."""
    claim = await begin(journal, command)
    if keeps_order:
        await submit(journal, claim)
    expected = SUBMITTED if keeps_order else RUNNING
    failed = step(claim, CommandState.FAILED, "failed", expected=expected, keeps_order=keeps_order)
    assert await journal.record(failed)
    await journal.release(claim.lease, NOW)
