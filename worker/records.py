"""What the journal remembers and hands out: frozen values without behaviour beyond naming themselves.

Knows nothing of SQL, AMQP or the gateway. Times are aware UTC `datetime`s, bodies are UTF-8 JSON bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

LOOK_UP = "look_up"
"""The type of the journal's own commands: look at the gateway for what is sought on a lane with one account. Nobody
publishes one, nobody hears of one, and the row is gone when it is done."""
OWN_LANE_MARK = "\x1f"
"""Begins the name of a lane that one command has for itself, for it needs no session. No `userId` may hold it."""


def own_lane(source: str, command_id: str) -> str:
    """The lane of a command that needs no session: it waits for nobody, and the lane is forgotten with its end."""
    return f"{OWN_LANE_MARK}{source}{OWN_LANE_MARK}{command_id}"


def _user_of(lane: str | None) -> str | None:
    """A lane of a command's own is nobody's."""
    return None if lane is None or lane.startswith(OWN_LANE_MARK) else lane


class CommandState(StrEnum):
    """Where a command stands, as the journal has it on disk."""

    WAITING = "waiting"
    """Journaled; its lane will run it when it is the oldest and due."""
    HELD = "held"
    """Could not be told from a command of its lane that is in doubt; waits until that one is settled."""
    FOLLOWING = "following"
    """Names an `orderNo` that an earlier command has; gets that one's outcome and issues nothing."""
    RUNNING = "running"
    """Taken by a lane; nothing irreversible has happened, so a crash sends it back to waiting."""
    SUBMITTING = "submitting"
    """`invoice_info` was sent or was about to be. No transition leads back."""
    SCANNING = "scanning"
    """Submitted, and a QR was shown."""
    CHECKING = "checking"
    """Submitted and refused, which is no proof: the issued invoices are looked through before it is reported."""
    IN_DOUBT = "in_doubt"
    """Submitted, and nobody knows what became of it. Its lane goes on."""
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"


ACTIVE = frozenset({CommandState.RUNNING, CommandState.SUBMITTING, CommandState.SCANNING})
"""At most one command of a lane is in these: a unique index says so."""
SUBMITTED = frozenset({CommandState.SUBMITTING, CommandState.SCANNING})
PROGRESSING = frozenset({CommandState.RUNNING, CommandState.WAITING})
"""Where a command that has made progress goes on, or will."""
UNSETTLED = frozenset({CommandState.CHECKING, CommandState.IN_DOUBT})
"""Submitted, and left to evidence: a command that could not be told from one of these is held."""
MAY_HAVE_INVOICE = SUBMITTED | UNSETTLED | {CommandState.COMPLETED}
"""Where an issue stands that may have an invoice: without a number it could claim any that fits it."""
FINAL = frozenset({CommandState.COMPLETED, CommandState.FAILED, CommandState.REJECTED})


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it will be published: the same id and bytes at every attempt."""

    sequence: int
    """Per command, from 1; 0 for an answer that is not the command's own (`id_reused`, `busy`)."""
    id: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """Where the events of a command go, and what comes back on each."""

    reply_to: str | None
    correlation_id: str
    traceparent: str | None = None
    tracestate: str | None = None


@dataclass(frozen=True, slots=True)
class NewCommand:
    """What admission made of a message: a command to run, or a rejected one that only answers."""

    source: str
    id: str
    type: str
    content_hash: str
    """SHA-256 in hex of the canonical data without its secrets."""
    route: Route
    received_at: datetime
    state: CommandState = CommandState.WAITING
    lane: str | None = None
    seller: str | None = None
    order_no: str | None = None
    fingerprint: str | None = None
    """SHA-256 in hex of what the gateway's reply could be told apart by: buyer, seller, items, remark."""
    deadline_at: datetime | None = None
    data: bytes = b"{}"
    """The command's data in the vendor's words, defaults filled in, secrets taken out."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """JSON Pointer to secret. Encrypted by the journal, erased when the command ends."""
    warnings: bytes = b"[]"
    events: tuple[Event, ...] = ()
    """For a rejected command: its one final event."""

    @property
    def user_id(self) -> str | None:
        """The gateway's user, where the command has one."""
        return _user_of(self.lane)


@dataclass(frozen=True, slots=True)
class Command:
    """A journaled command."""

    key: int
    """The journal's own number: oldest first."""
    source: str
    id: str
    type: str
    state: CommandState
    route: Route
    received_at: datetime
    lane: str | None
    epoch: int
    """The lane's epoch under which it runs or last ran; fences every write."""
    attempts: int
    """How often it was begun."""
    last_sequence: int
    deadline_at: datetime | None = None
    submitted_at: datetime | None = None
    settled_at: datetime | None = None
    seller: str | None = None
    order_no: str | None = None
    fingerprint: str | None = None
    follows: int | None = None
    """The key of the command that had its `orderNo` first."""
    invoice_number: str | None = None
    account: str | None = None
    """A digest of the tax-bureau account that submitted it."""
    sought_at: datetime | None = None
    """When its invoice is looked for next; None where nobody looks."""
    look_ups: int = 0
    """How often was looked. Counted anew where it is completed and its number is sought from then on: the schedule of
    that search is whole."""
    progress: bytes | None = None
    """How far a query has come: the flow's own JSON."""
    data: bytes = b"{}"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: bytes = b"[]"

    @property
    def user_id(self) -> str | None:
        """The gateway's user, where the command has one."""
        return _user_of(self.lane)


class Admission(StrEnum):
    """What became of one message of a batch that was journaled."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REPEATED = "repeated"
    """Same `(source, id)`, same content: its final event, if any, was queued for the repeat's reply_to."""
    REUSED = "reused"
    """Same `(source, id)`, other content: nothing was written; answer `id_reused`."""
    FOLLOWING = "following"
    BUSY = "busy"
    """The tenant is over its limit: nothing was written; answer `busy`."""


@dataclass(frozen=True, slots=True)
class LaneLease:
    """A worker's right to one lane; `epoch` grows at every claim and fences writes of an earlier holder."""

    lane: str
    worker: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A lane just leased, with the command to run: a waiting one (now running), or one that an earlier holder
    left `running`, `submitting` or `scanning`, as it stands."""

    lease: LaneLease
    command: Command


@dataclass(frozen=True, slots=True)
class FoundRow:
    """An invoice that a look-up brought, as it is stored: once per user and identity."""

    identity: str
    """The invoice's number; without one, `id:` and the gateway's id, which may change."""
    invoice_id: str
    number: str | None
    query_type: int
    """0 issued, 1 received."""
    invoice_date: datetime | None
    seller_id: str
    seller_name: str
    buyer_id: str
    buyer_name: str
    total: str | None
    """Price and tax, an exact decimal as text."""
    data: bytes
    """`contracts.found.FoundInvoice` without items and files."""
    lacks_files: bool = False
    """A wanted file was not there yet."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """Where one file of an invoice is: once per invoice and type, the newest address counts."""

    invoice_id: str
    type: str
    url: str
    number: str | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What look-ups brought, stored in the transaction of the step that tells of it."""

    user_id: str | None = None
    """Through whose look-up; None where only ids were asked for."""
    invoices: tuple[FoundRow, ...] = ()
    items: Mapping[str, bytes] = field(default_factory=dict)
    """Invoice id to the JSON list of its items; replaces what was there."""
    files: tuple[FileRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One durable move of a command: its new state and the events that tell of it, in one transaction."""

    command: Command
    lease: LaneLease
    expected: frozenset[CommandState]
    """The states it may be in; anything else, or another epoch, and nothing is written."""
    to: CommandState
    at: datetime
    events: tuple[Event, ...] = ()
    due_at: datetime | None = None
    """For `waiting`: not before."""
    progress: bytes | None = None
    """Where the command goes on after a crash; None leaves what is there. Where it goes on (`PROGRESSING`), attempts
    count from here anew."""
    deadline_at: datetime | None = None
    """A new deadline; None leaves the old one."""
    sought_at: datetime | None = None
    """When to look for its invoice; None: nobody looks. Where it is set, even an end keeps the secrets: the look-up
    needs the login."""
    account: str | None = None
    """The account that submitted it; None leaves what is there."""
    findings: Findings | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A move made without a lane: by a person, by a deadline, by the first command of the same order, by evidence.

    Done only where the command still stands as it was read: in an expected state, and with no event more.
    """

    command: Command
    expected: frozenset[CommandState]
    to: CommandState
    at: datetime
    events: tuple[Event, ...] = ()
    invoice_number: str | None = None
    """Bound to this command for ever; refused if another command has it."""
    sought_at: datetime | None = None
    """As in `Step`."""
    has_looked: bool = False
    """Counts a look-up."""
    findings: Findings | None = None


class Copy(StrEnum):
    """Which of an event's two copies; its value ends the AMQP message id."""

    REPLY = "r"
    TOPIC = "t"


class OutboxRow(NamedTuple):
    """One copy of one event that the broker has not confirmed yet."""

    seq: int
    command_key: int
    """0 for an answer that belongs to no command."""
    command_id: str
    copy: Copy
    destination: str
    """Queue name for a reply; the event's type for the topic."""
    event_id: str
    event_type: str
    body: bytes
    correlation_id: str
    traceparent: str | None
    tracestate: str | None
    attempts: int
    created_at: datetime

    @property
    def message_id(self) -> str:
        """Unique per copy and stable across attempts."""
        return f"{self.event_id}:{self.copy}"


@dataclass(frozen=True, slots=True)
class LooseEvent:
    """An answer that is not a command's own event (`id_reused`, `busy`)."""

    event: Event
    command_id: str
    route: Route
    at: datetime


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A committed event with what is left to publish of it."""

    event: Event
    created_at: datetime
    pending: tuple[Copy, ...]
    undeliverable: bool


@dataclass(frozen=True, slots=True)
class UndeliverableReply:
    """A reply whose queue stayed missing for the whole of its time."""

    seq: int
    command_source: str
    command_id: str
    event_id: str
    event_type: str
    destination: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Following:
    """A command that follows one that has just ended, with the event it ended by."""

    follower: Command
    first: Command
    final: Event


@dataclass(frozen=True, slots=True)
class AccountState:
    """Logins refused in a row, and until when the account rests."""

    refusals: int = 0
    suspended_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resealing:
    """What a rotation of the journal's keys came to."""

    count: int
    """Commands whose secrets were sealed anew."""
    key_id: str
    """The key that seals now, as eight hex digits that tell nothing of it."""
    is_complete: bool
    """Whether nothing is left that another key sealed."""


@dataclass(frozen=True, slots=True)
class Space:
    """How much the journal holds, and how much more its disk takes (None where that is not ours to see)."""

    used_bytes: int
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an operator asks first. Counts above 10,000 are cut there."""

    waiting: int
    oldest_waiting_at: datetime | None
    in_doubt: int
    held: int
    outbox: int
    oldest_outbox_at: datetime | None
    undeliverable: int
    suspended_accounts: int
    overdue: int = 0
    """Past their deadline and not failed yet: housekeeping does that in a moment, unless it cannot."""
    oldest_submitted_at: datetime | None = None
    """Of those whose exchange is still going on."""
    oldest_in_doubt_at: datetime | None = None
    """When the one in doubt for longest was submitted."""
    needs_person: int = 0
    """In doubt, and nothing will look them up: only `fapiao-worker resolve` ends them."""
    outbox_due_at: datetime | None = None
    """Since when the first copy in its row could go and has not gone; copies that were put off do not count."""
    sought: int = 0
    """Commands whose invoice is being looked for."""
    unconfirmed: int = 0
    """Issued, and no look-up found the number."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the journal holds of one invoice."""

    invoice: FoundRow
    user_id: str
    items: bytes | None
    """The JSON list; None where no items were fetched."""
    files: tuple[FileRow, ...]
    seen_at: datetime
    command_id: str | None
    """The command that issued it, where one did and its number is known."""
    command_state: CommandState | None


@dataclass(frozen=True, slots=True)
class StoredFilter:
    """Which stored invoices. All that are given must fit; `limit` and `offset` cut the list, newest invoice first."""

    user_id: str | None = None
    source: str | None = None
    """Only invoices that commands of this tenant issued or brought."""
    command_key: int | None = None
    """Only invoices that this command issued or brought."""
    number: str | None = None
    invoice_ids: tuple[str, ...] = ()
    buyer: str | None = None
    """Part of the buyer's name, or the buyer's tax id."""
    since: datetime | None = None
    until: datetime | None = None
    """By invoice date; the end is not included."""
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was forgotten, or would be."""

    commands: int = 0
    """Whole commands; an issue keeps its identity, its end and its invoice's number for ever."""
    payloads: int = 0
    """Issues whose data and earlier events went."""
    invoices: int = 0
    items: int = 0
    files: int = 0
    strays: int = 0
