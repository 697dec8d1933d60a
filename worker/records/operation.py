"""What an operator asks the journal about, and what it answers about itself."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccountLogin:
    """One account with one password: its refused logins are counted."""

    account: str
    """A digest of company code and phone."""
    password: str = field(repr=False)
    """For a keyed digest; it is not kept."""
    company_code: str
    user_id: str
    is_look_up: bool = False
    """Counted apart: what a look-up is refused must not stop orders."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """Logins refused in a row, and until when the account rests."""

    refusals: int = 0
    suspended_until: datetime | None = None
    has_refused_look_ups: bool = False
    """Whether look-ups of this user and account were refused, with whatever password."""


@dataclass(frozen=True, slots=True)
class RefusedAccount:
    """An account whose last login with some password was refused."""

    id: str
    company_code: str
    user_id: str
    is_look_up: bool
    refusals: int
    suspended_until: datetime | None
    refused_at: datetime


@dataclass(frozen=True, slots=True)
class SellerState:
    """Orders of a seller that the gateway refused in a row, and until when it rests."""

    refusals: int = 0
    resting_until: datetime | None = None
    """Orders are held while this is told, but for the one that tries."""
    trier: int | None = None
    """The key of the order that tries, once a rest was over."""

    def holds(self, key: int) -> bool:
        """Whether this order must wait."""
        return self.resting_until is not None and self.trier != key


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
class Times:
    """What a machine's clock can be held against."""

    newest_at: datetime | None
    """When the newest command came in, as its worker saw it; None where there is none."""
    server_at: datetime | None = None
    """What the database server's clock shows; None where that is this machine's own."""

    def seconds_behind(self, now: datetime) -> float:
        """By how much this clock is behind what the journal knows already; 0 where it is not."""
        return 0.0 if self.newest_at is None else max(0.0, (self.newest_at - now).total_seconds())


@dataclass(frozen=True, slots=True)
class OnLane:
    """What a command that has not ended waits for on its lane."""

    holder: str | None
    """The worker that has the lane leased, or had it until its lease ended; None where no worker has it."""
    running: tuple[str, str, str, str] | None
    """Id, source, type and state of the command that runs there; None where none does."""
    waiting_before: int
    """How many that wait there come before it; cut at 10,000."""
    due_at: datetime | None
    """Not begun before."""
    lease_ended: bool = False
    """The holder's: it is dead, hangs or is cut off from the store."""


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
    """When the oldest command was submitted whose exchange is still going on."""
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
    resting_sellers: int = 0
    """Of which orders wait, because others were refused in a row; by source."""


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
