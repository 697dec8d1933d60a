"""What lanes ask of the journal: claims and leases, steps, look-ups, and an audit's list.

Every method may raise `JournalUnavailable` or the errors it names; a cancelled call leaves either all of its
transaction or nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from worker.records import (
    AccountLogin,
    AccountState,
    AuditedInvoice,
    AuditedRow,
    Claim,
    ClaimBounds,
    Command,
    Following,
    FoundRow,
    KeptResult,
    LaneLease,
    NumberedCommand,
    Probes,
    SellerState,
    Settlement,
    Step,
    Stored,
    StoredFilter,
    Stray,
)


class AuditJournal(Protocol):
    """What an audit asks beside what lanes do. Its rows are its own: no other command sees them."""

    async def keep_audited(self, command: Command, rows: Sequence[AuditedRow]) -> None:
        """Keep listed invoices, each once per audit; what comes again replaces what was there. Nothing is written
        where the audit does not run any more, or under another epoch."""
        ...

    async def count_audited(self, command: Command) -> int:
        """How many different invoices this audit keeps."""
        ...

    async def audited(self, command: Command, after: str, limit: int) -> Sequence[AuditedInvoice]:
        """Rows of this audit by identity, from the one behind `after` on, each beside the command that has its number
        and the first other row that is alike. Costs by the limit alone."""
        ...

    async def claim_audited(self, command: Command, claims: Mapping[str, int]) -> None:
        """Remember for whom (or that it is `UNDECIDED`) this audit found invoices, by identity. What was `UNDECIDED`
        before is so no more."""
        ...

    async def numbered(
        self, command: Command, seller: str, since: tuple[datetime, int], until: datetime, limit: int
    ) -> Sequence[NumberedCommand]:
        """Commands of this seller that have an invoice's number, of all sources, by their submission and key: behind
        `since`, before `until`; and whether this audit's list has them. Costs by the limit alone."""
        ...

    async def forget_audited(self, command: Command, limit: int) -> int:
        """Forget at most so many of its rows, so that no long step is needed at its end: any end, `record`'s or
        `settle`'s, forgets the rest. Returns how many went."""
        ...


class LaneJournal(AuditJournal, Protocol):
    """What lanes ask. Every write is fenced by the lane's epoch."""

    async def register(self, worker: str, lease: timedelta) -> None:
        """Enter a worker with a lease from now on (the store's clock). One that registers again, after its lease was
        lost, gives up every lane it held; its unpublished events stay its own unless they were adopted."""
        ...

    async def renew(self, worker: str, lease: timedelta) -> bool:
        """Prolong the lease; False if it had already run out or was taken: then all its lanes are lost."""
        ...

    async def retire(self, worker: str) -> None:
        """End the lease at once; its lanes and unpublished events are free for others."""
        ...

    async def reap(self, worker: str, now: datetime, limit: int = 200, *, adopts: bool = True) -> int:
        """Free the lanes of workers whose lease has run out, make lanes ready whose delay is over, and, where this
        worker can publish them, adopt the unpublished events of dead workers, and those that were given up. Returns how
        many rows moved."""
        ...

    async def enter_look_ups(self, now: datetime, limit: int = 200) -> int:
        """Enter a look-up for each lane and account where something sought is due: one, however much is sought. It goes
        after the lane's other work, unless it has waited for `LOOK_UP_PATIENCE`. Looks at a bounded part of what is
        sought, and at the next part when called again. Returns how many were entered, or let go first."""
        ...

    async def claim(
        self, worker: str, limit: int, now: datetime, *, within: ClaimBounds | None = None
    ) -> Sequence[Claim]:
        """Lease up to `limit` ready lanes, fair among tenants, then least recently served first. Where `within` binds,
        lanes whose next work needs no gateway (a command of its own, what an earlier holder had submitted) go first.
        It may be only as durable as `next_command`.
        """
        ...

    async def held(self, worker: str) -> Sequence[LaneLease]:
        """All lanes that the store says this worker holds: some may come from a claim whose answer was lost."""
        ...

    async def wanted(self, worker: str) -> Sequence[str]:
        """Lanes held by this worker that got work from elsewhere since they last looked."""
        ...

    async def ready_lanes(self, limit: int, tenant: str | None = None) -> int:
        """How many lanes (of this tenant) wait for a worker, counted up to `limit`."""
        ...

    async def record(self, step: Step) -> bool:
        """Write one step. False, with nothing written, where another worker holds the lane by now (the epoch fences
        it), or where the step's events are there already: it was written before, and its answer was lost.

        `submitting` asks besides that the worker's lease is still running and the lane still its own, and sets
        `submitted_at`. A final state erases the command's secrets (unless its invoice is still sought) and progress,
        sets `settled_at` and frees commands held because of it. The topic copy of each event, and the reply copy where
        there is a reply_to, are queued. Findings are stored: what was there of an invoice is replaced.
        """
        ...

    async def record_and_next(self, step: Step) -> tuple[bool, Command | None]:
        """`record`, and in the same transaction take the lane's next due command, if any: see `next_command`."""
        ...

    async def next_command(self, lease: LaneLease, now: datetime) -> Command | None:
        """Take the lane's next due command: issue before query, oldest first; but a query that has waited for
        `LANE_PATIENCE` where nothing but issues was begun for as long goes first, for `LANE_SLICE`. A command that
        could not be told from one in doubt on this lane is set to `held` and passed over. What is taken is given out as
        `running`, but nothing need be written of that: an order stays `waiting` until its first step, which begins it
        and counts the attempt. Whoever moves it before (it is past its deadline, say) is quicker: then that step is
        refused."""
        ...

    async def count_break(self, command: Command, lease: LaneLease) -> int:
        """A run of this command ended in a way that nobody expects: how often that was so by now; 0 if fenced."""
        ...

    async def release(self, lease: LaneLease, now: datetime) -> None:
        """Give the lane up: ready if it has due or unfinished work, delayed until its next due time, else idle."""
        ...

    async def account(self, login: AccountLogin) -> AccountState:
        """How logins with this account and password went lately."""
        ...

    async def count_login(
        self, login: AccountLogin, *, accepted: bool, now: datetime, threshold: int, suspend: timedelta
    ) -> AccountState:
        """Count a refused login, or forget the refusals after an accepted one."""
        ...

    async def seller(self, source: str, seller: str) -> SellerState:
        """How the gateway took this source's orders of this seller lately."""
        ...

    async def count_refusal(
        self, source: str, seller: str, *, now: datetime, threshold: int, rest: timedelta
    ) -> SellerState:
        """Count a refused order; from `threshold` in a row on the seller rests, and a step to `held` of another of its
        orders is kept (it is `waiting` where the seller rests no more)."""
        ...

    async def forget_refusals(self, source: str, seller: str, now: datetime) -> None:
        """An order was issued: the seller rests no more, and what was held for it waits again."""
        ...

    async def end_rests(self, now: datetime, rest: timedelta, limit: int = 20) -> int:
        """Let the oldest held order of each seller whose rest is over try; the others rest once more. Where none is
        held the next that comes tries. How many try."""
        ...

    async def renew_password(self, login: AccountLogin, pointer: str, now: datetime) -> int:
        """This login worked, and look-ups of its user and account were refused: what they look for takes its password
        (at this JSON Pointer into the secrets) and is looked for at once. Returns for how many commands it did."""
        ...

    async def keep_stray(self, lane: str, command_key: int | None, reason: str, body: bytes, at: datetime) -> None:
        """Keep a reply that settles nothing, for a person to look at."""
        ...

    async def settle(self, settlement: Settlement) -> bool:
        """A move without a lane, by compare-and-set on the state. Raises `NotResolvable` if the invoice number is
        bound to another command."""
        ...

    async def unseen(self, command: Command, identities: Sequence[str]) -> frozenset[str]:
        """Which of these invoices this command has not brought yet."""
        ...

    async def lacking(self, command: Command, after: str, limit: int) -> Sequence[FoundRow]:
        """Invoices of this command that lack a wanted file, by identity, from the one behind `after` on."""
        ...

    async def tally(self, command: Command, limit: int) -> tuple[int, Sequence[str]]:
        """How many file addresses are stored of the invoices that this command brought, and which of these (by the
        gateway's id, at most so many) lack a wanted file."""
        ...

    async def has_earlier(self, command: Command, now: datetime) -> bool:
        """Whether something due on this command's lane goes before it."""
        ...

    async def sought(self, look_up: Command, limit: int) -> Sequence[Command]:
        """What a look-up looks for: commands of its lane and account whose invoice is sought, with their secrets. Those
        that are due come first, the longest due before the others, so that nobody starves behind many that cannot be
        settled; the rest costs no further query."""
        ...

    async def laid_aside(self, keys: Sequence[int], limit: int) -> Sequence[Stray]:
        """Results that were laid aside while these commands ran, or that may be theirs, oldest first. Not those that
        only repeated an earlier one."""
        ...

    async def last_results(self, lane: str, limit: int) -> Sequence[KeptResult]:
        """By what the orders of this lane were completed last, oldest first. Not of followers: they were told of
        another command's invoice."""
        ...

    async def end_look_up(
        self,
        look_up: Command,
        lease: LaneLease,
        *,
        not_before: datetime | None = None,
        refused: AccountLogin | None = None,
    ) -> bool:
        """Forget a look-up that was done. False, with nothing written, where another worker holds the lane by now. What
        is still sought brings a new one when it is due. `not_before` puts off whatever this one looked for (same lane
        and account) until then, for nothing could be seen: `sought_at` becomes the later of the two. Where that is for
        a `refused` login, nothing is put off once its refusals are forgotten: somebody resumed the account, or a
        login with a new password worked."""
        ...

    async def unsettled(self, lane: str) -> Sequence[Command]:
        """Commands of this lane that are in doubt or being checked, oldest first, without their secrets: a late reply
        may speak of one of them."""
        ...

    async def rivals(self, seller: str, since: tuple[datetime, int], limit: int) -> Sequence[Command]:
        """Submissions of this seller, of any lane and account, that may have an invoice and have no number: what was
        submitted and has not failed. By their submission and key, from the ones behind `since` on, without secrets."""
        ...

    async def rivals_by_clues(
        self, seller: str, since: tuple[datetime, int], probes: Probes, limit: int
    ) -> Sequence[Command]:
        """Those of `rivals` that were submitted after this moment and that one of these probes finds, or whose clues
        are open: by their keys, from the ones behind the given one on. A probe each by index, however many the seller
        has."""
        ...

    async def bound(self, numbers: Sequence[str]) -> frozenset[str]:
        """Which of these invoice numbers are bound to a command."""
        ...

    async def brought(self, source: str, invoice_ids: Sequence[str]) -> frozenset[str]:
        """Which of these invoices (by the gateway's id) a command of this source issued or brought."""
        ...

    async def stored(self, wanted: StoredFilter) -> tuple[int, Sequence[Stored]]:
        """What is stored of invoices: how many there are, and those that the filter's limit and offset leave."""
        ...

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        """See `OperatorJournal.find`."""
        ...

    async def find_order(self, source: str, seller: str, order_no: str) -> Command | None:
        """The command of this source that has this order number, else the newest that had it, without its secrets."""
        ...

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Command]:
        """Commands that wait or are held past their deadline. A look-up has none."""
        ...

    async def followers(self, limit: int = 100) -> Sequence[Following]:
        """Commands that follow one of the same order and have not looked since it moved, oldest first."""
        ...

    async def heed(self, following: Following, *, is_over: bool) -> None:
        """This follower has looked and there is nothing to tell; with `is_over` it listens no more. A look that is
        older than another one changes nothing."""
        ...

    async def succeed(self, following: Following, now: datetime) -> bool:
        """The one it follows has let go of the number: this follower takes it and waits for its lane, or, where
        another command has it by now, follows that one. False if neither could be done; then it is listed again."""
        ...
