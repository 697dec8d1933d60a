"""Commands from their arrival to their end, and the moves between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from worker.making import made_often
from worker.records.events import Event, Route
from worker.records.invoices import Findings
from worker.records.states import CommandState

DISCOUNTS_FOLDED = "discountsFolded"
"""The member of an order's data, and of its events, that tells what became of its discounts."""
LOOK_UP = "look_up"
"""The type of the journal's own commands: look at the gateway for what is sought on a lane with one account. Nobody
publishes one, nobody hears of one, and the row is gone when it is done."""
OWN_LANE_MARK = "\x1f"
"""Begins the name of a lane that one command has for itself, for it needs no session. No `userId` may hold it."""


def own_lane(source: str, command_id: str) -> str:
    """The lane of a command that needs no session: it waits for nobody, and the lane is forgotten with its end."""
    return f"{OWN_LANE_MARK}{source}{OWN_LANE_MARK}{command_id}"


def lane_apart(command: "Command") -> str:
    """The lane of a command that needs its user's session no more: as `own_lane`, and it still says whose it is."""
    return f"{OWN_LANE_MARK}{OWN_LANE_MARK}{command.user_id or ''}{own_lane(command.source, command.id)}"


def is_own_lane(lane: str) -> bool:
    """Whether this lane is one command's own, to be forgotten with its end."""
    return lane.startswith(OWN_LANE_MARK)


def _user_of(lane: str | None) -> str | None:
    """Whose lane it is, by `userId`. None for a lane that one command has for itself, unless that command began on its
    user's lane."""
    if lane is None or not is_own_lane(lane):
        return lane
    whose = lane.removeprefix(OWN_LANE_MARK)
    return whose[1:].partition(OWN_LANE_MARK)[0] or None if whose.startswith(OWN_LANE_MARK) else None


@dataclass(frozen=True, slots=True)
class CommandFilter:
    """Which commands a person wants to see. All that are given must fit."""

    user_id: str | None = None
    """Of this user of the gateway. Commands that are told without one are nobody's."""
    source: str | None = None

    @property
    def lane_apart(self) -> str | None:
        """How the lanes begin that are this user's by `lane_apart`."""
        return None if self.user_id is None else f"{OWN_LANE_MARK * 2}{self.user_id}{OWN_LANE_MARK}"


EVERY_COMMAND = CommandFilter()


@made_often
@dataclass(frozen=True, slots=True)
class Clues:
    """The columns by which the journal finds an order that could claim a listed invoice. An order whose clue is open is
    found by every probe."""

    buyer: str = ""
    """The tax id of a company of today; "" for any other buyer."""
    total: int | None = None
    """Sum of the lines, whole cents; None: open."""
    expected: int | None = None
    """The total that the caller expects, where it named one."""
    mark: str | None = None
    """A digest of the remark, where there is one."""


@dataclass(frozen=True, slots=True)
class TotalProbe:
    """Orders whose total lies between two amounts (cents, both included). `buyer` None stands for any buyer."""

    low: int
    high: int
    buyer: str | None = None


@dataclass(frozen=True, slots=True)
class Probes:
    """Searches in the journal. An order that one of them finds could claim a listed invoice."""

    totals: tuple[TotalProbe, ...] = ()
    """By the sum of the lines or the expected total."""
    marks: tuple[str, ...] = ()
    """By the remark, whatever the total is."""


@made_often
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
    order_hash: str | None = None
    """SHA-256 in hex of what is ordered, where there is a number: only the same order repeats another one."""
    is_order_shared: bool = False
    """Whether the number is one over all sources of the seller, and not the source's own."""
    double_since: datetime | None = None
    """An order that cannot be told from this one and came since then, under another id, is taken for the same; None
    where nobody asks."""
    rejects_double: bool = False
    """Whether it is left out then; else it gets a warning."""
    fingerprint: str | None = None
    """SHA-256 in hex of what the gateway's reply could be told apart by: buyer, seller, items, remark."""
    clues: Clues = field(default_factory=Clues)
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
class SecretsFault:
    """Why a command's secrets are not there."""

    message: str
    is_passing: bool
    """They were sealed with a key that this worker was not given; another one may have it."""


@made_often
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
    order_hash: str | None = None
    """As in `NewCommand`; None in what version 1 journaled."""
    holds_order: bool = False
    """Whether the `orderNo` is this command's: from its arrival until no invoice can come of it any more."""
    fingerprint: str | None = None
    follows: int | None = None
    """The key of the command whose `orderNo` it named."""
    invoice_number: str | None = None
    account: str | None = None
    """A digest of the tax-bureau account that submitted it."""
    sought_at: datetime | None = None
    """When its invoice is looked for next; None where nobody looks."""
    look_ups: int = 0
    """Looks made in the current search. When a command is completed, a new search begins, for its number, and this
    starts again at 0 with that search's own schedule."""
    progress: bytes | None = None
    """How far a query has come: the flow's own JSON."""
    breaks: int = 0
    """How often its run broke in a way that nobody expects."""
    data: bytes = b"{}"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets_fault: SecretsFault | None = None
    """Where there are some that cannot be opened."""
    warnings: bytes = b"[]"

    @property
    def user_id(self) -> str | None:
        """The gateway's user, where the command has one."""
        return _user_of(self.lane)


class Admission(StrEnum):
    """What became of one message of a batch that was journaled."""

    ACCEPTED = "accepted"
    SUSPECTED = "suspected"
    """Accepted, with the warning that the same order came a moment ago under another id."""
    REJECTED = "rejected"
    REPEATED = "repeated"
    """Same `(source, id)`, same content: the repeat's reply_to is told how it stands, and hears of it from now on."""
    REUSED = "reused"
    """Same `(source, id)`, other content: nothing was written; answer `id_reused`."""
    FOLLOWING = "following"
    BUSY = "busy"
    """The tenant is over its limit: nothing was written; answer `busy`."""
    DUPLICATE = "duplicate"
    """The same order came a moment ago under another id: nothing was written; answer `duplicate`."""

    @property
    def is_accepted(self) -> bool:
        """Whether a lane has the command now."""
        return self in {Admission.ACCEPTED, Admission.SUSPECTED}


@made_often
@dataclass(frozen=True, slots=True)
class LaneLease:
    """A worker's right to one lane; `epoch` grows at every claim and fences writes of an earlier holder. Where it is 1,
    nobody held the lane of this `userId` before: such lanes are never forgotten."""

    lane: str
    worker: str
    epoch: int


@made_often
@dataclass(frozen=True, slots=True)
class Claim:
    """A lane just leased, with the command to run: a waiting one (now running), or one that an earlier holder
    left `running`, `submitting` or `scanning`, as it stands."""

    lease: LaneLease
    command: Command
    tenant: str = ""
    """Whose turn it was: what the lane counts as until it runs another tenant's command."""


@dataclass(frozen=True, slots=True)
class ClaimBounds:
    """What a claim must keep to beside its limit."""

    connecting: int
    """Lanes whose next work needs a session with the gateway (count)."""
    of_tenant: int
    """Lanes of any one tenant (count)."""
    left: Mapping[str, int] = field(default_factory=dict)
    """How many of `of_tenant` are left to a tenant that holds lanes already."""

    def room_of(self, tenant: str) -> int:
        """How many more lanes this tenant may get."""
        return self.left.get(tenant, self.of_tenant)

    def bind(self, limit: int) -> bool:
        """Whether a claim of so many lanes could break one of them."""
        return min(self.connecting, self.of_tenant, *self.left.values()) < limit


@made_often
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
    to_lane: str | None = None
    """For `waiting`: it goes on on this lane, which is its own."""
    goes_last: bool = False
    """For `waiting`: whatever else its lane has goes before it from now on."""
    keeps_order: bool = False
    """For `failed`: its `orderNo` stays with it. Any other failure lets go of the number."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a follower has listened to its first."""

    nudges: int
    """The count of nudges that it was given when it looked: where there are more by now, it looks again."""
    sequence: int
    """The sequence of its first's last event that it knows."""
    is_over: bool
    """Whether it listens no more."""


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
    progress: bytes | None = None
    """What its end depends on; None leaves what is there."""
    findings: Findings | None = None
    keeps_order: bool = False
    """As in `Step`."""
    heard: Heard | None = None
    """For a follower: what it tells of its first. One that ends without it listens no more."""


@dataclass(frozen=True, slots=True)
class Following:
    """A command that follows an earlier one of the same order, and has something to look at."""

    follower: Command
    first: Command
    events: tuple[Event, ...]
    """The first one's, behind the last that the follower knows."""
    claim: str
    """The number, as it is claimed by one command."""
    heard: int = 0
    """The first one's last sequence that the follower knows."""
    nudges: int = 1
    """How often the first has moved. The reader gives it back with what it has heard, so that a move in between is not
    missed."""
