"""What the worker asks of its journal.

Every method may raise `JournalUnavailable` or the errors it names; a cancelled call leaves either all of its
transaction or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from worker.records import (
    AccountLogin,
    AccountState,
    Admission,
    AuditedInvoice,
    AuditedRow,
    Backlog,
    Claim,
    ClaimBounds,
    Command,
    CommandState,
    DueFile,
    Event,
    EventRecord,
    Following,
    FoundRow,
    KeptCopy,
    KeptFile,
    LaneLease,
    LooseEvent,
    NewCommand,
    NumberedCommand,
    OutboxRow,
    Probes,
    Pruned,
    RefusedAccount,
    Resealing,
    SellerState,
    Settlement,
    Space,
    Step,
    Stored,
    StoredFilter,
    Stray,
    UndeliverableReply,
    Untold,
    VaultYear,
)


class SpaceJournal(Protocol):
    """What tells whether more commands can be taken."""

    async def space(self) -> Space:
        """How much is used and free. Raises `JournalUnavailable`."""
        ...


class IntakeJournal(Protocol):
    """What intake asks."""

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        """Journal a batch in one transaction; on return it is durable. Results in the order given.

        A batch may hold the same `(source, id)` twice. A `REPEATED` with a reply_to queues reply copies of the
        final event and of what followed it to that reply_to, under the same event ids. A lane that gets work
        becomes ready, or, where it is held, is marked as wanted. `worker` becomes the publisher of the events written.

        An `orderNo` belongs to one command: whoever names one that is held follows its holder. Of two that come at
        once, over all replicas, one is the first. The same holds for doubles (`NewCommand.double_since`).
        """
        ...

    async def double_of(self, command: NewCommand) -> str | None:
        """The id of the command of which this one is a double, if it still is one."""
        ...

    async def answer(self, events: Sequence[LooseEvent], *, worker: str) -> None:
        """Queue answers that are no command's own event; the same event id twice is queued once."""
        ...


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

    async def reap(self, worker: str, now: datetime, limit: int = 200) -> int:
        """Free the lanes of workers whose lease has run out, make lanes ready whose delay is over, and adopt
        the unpublished events of dead workers. Returns how many rows moved."""
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
        """`record`, and in the same transaction take the lane's next due command (now `running`), if any."""
        ...

    async def next_command(self, lease: LaneLease, now: datetime) -> Command | None:
        """Take the lane's next due command: issue before query, oldest first; but a query that has waited for
        `LANE_PATIENCE` where nothing but issues was begun for as long goes first, for `LANE_SLICE`. A command that
        could not be told from one in doubt on this lane is set to `held` and passed over."""
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

    async def addresses(self, lane: str, limit: int) -> Sequence[tuple[str, str]]:
        """The fingerprint and the PDF's address of what was completed on this lane last, oldest first, as far as either
        is known. Not of followers: they were told the address of another command's invoice."""
        ...

    async def end_look_up(self, look_up: Command, lease: LaneLease, *, not_before: datetime | None = None) -> bool:
        """Forget a look-up that was done. False, with nothing written, where another worker holds the lane by now. What
        is still sought brings a new one when it is due. `not_before` puts off whatever this one looked for (same lane
        and account) until then, for nothing could be seen: `sought_at` becomes the later of the two."""
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
        """This follower has looked and there is nothing to tell; with `is_over` it listens no more."""
        ...

    async def succeed(self, following: Following, now: datetime) -> bool:
        """The one it follows has let go of the number: this follower takes it and waits for its lane, or, where
        another command has it by now, follows that one. False if neither could be done; then it is listed again."""
        ...


class OutboxJournal(Protocol):
    """What the relay asks."""

    async def due(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        """Rows of this worker (or of nobody) that are due, oldest first. Rows of one stream (one command's, for one
        destination) come in their order and without a gap from the stream's first one on; none of them behind one that
        is not due, or that another worker has to publish. The same row is returned again until it is marked."""
        ...

    async def due_heads(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        """The same, but of each stream its first row only: what a backlog of one command would hide. Costs by the
        number of rows that are due."""
        ...

    async def published(self, seqs: Sequence[int]) -> None:
        """Forget rows that the broker confirmed."""
        ...

    async def postpone(self, delays: Sequence[tuple[int, datetime]]) -> None:
        """Try these rows again at the given time; counts an attempt."""
        ...

    async def undeliverable(self, seqs: Sequence[int]) -> None:
        """Set rows aside for `replies list`; they are in nobody's way any more."""
        ...


class VaultJournal(Protocol):
    """What the vault asks. A file is known by its invoice's number and its type, whichever command brought it."""

    async def enter_files(self, now: datetime, limit: int) -> int:
        """Take note of addresses that were stored since the last time: each file of an invoice whose number, seller and
        date are known is due, unless it is kept already; a new address for a missing one makes it due anew. Every
        command that brought the invoice is to be told. Returns how many addresses were looked at."""
        ...

    async def files_due(self, now: datetime, until: datetime, limit: int) -> Sequence[DueFile]:
        """Take files that are due, longest first; nobody else gets them before `until`. Counts an attempt for each, so
        that one which ends the worker is not tried for ever."""
        ...

    async def file_kept(self, file: DueFile, copy: KeptCopy) -> bool:
        """It is in the vault; False if that was known already."""
        ...

    async def file_put_off(self, file: DueFile, due_at: datetime, reason: str) -> None:
        """Try it again then, at the address that the record has now."""
        ...

    async def file_missing(self, file: DueFile, reason: str) -> bool:
        """It cannot be had: nobody tries again unless a new address comes. False if it is kept or missing already."""
        ...

    async def untold_files(self, commands: int, files: int) -> Sequence[Untold]:
        """Commands that have ended and are to be told of files, once none of the same invoice is under way for them; at
        most so many commands, and files of each."""
        ...

    async def tell_files(self, untold: Untold, event: Event, now: datetime) -> bool:
        """Write the event that tells of these files, by compare-and-set on the command's sequence; False if another
        event came between, and then nothing is written."""
        ...

    async def kept_files(self, after: int, limit: int, number: str | None = None) -> Sequence[KeptFile]:
        """Kept files (of one invoice, if a number is given) by key, from the one behind `after` on."""
        ...

    async def vault_years(self) -> Sequence[VaultYear]:
        """How much there is, by year, type and state."""
        ...


class OperatorJournal(Protocol):
    """What the command line and the metrics ask. Reads only, but for those that say otherwise."""

    async def ping(self) -> None:
        """Raise `JournalUnavailable` if the store does not answer."""
        ...

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        """Commands by id (of any source, if none is given), newest first, without their secrets."""
        ...

    async def seller(self, source: str, seller: str) -> SellerState:
        """How the gateway took this source's orders of this seller lately."""
        ...

    async def events_of(self, key: int) -> Sequence[EventRecord]:
        """A command's committed events, in sequence."""
        ...

    async def commands(self, states: Sequence[CommandState], limit: int = 100) -> Sequence[Command]:
        """Commands in any of these states (all, if none is named), newest first, without their secrets."""
        ...

    async def unconfirmed(self, limit: int = 100) -> Sequence[Command]:
        """Issued commands whose number no look-up found, newest first, without their secrets."""
        ...

    async def stored(self, wanted: StoredFilter) -> tuple[int, Sequence[Stored]]:
        """See `LaneJournal.stored`."""
        ...

    async def prune(self, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        """Forget what ended before that time, at most `limit` rows of each kind; all of them with `dry_run`, which only
        counts. Writes. Kept for ever: who sent which issue with what content, its final event, its order number and its
        invoice's number, for a repeat must stay known. Kept: what has not ended, is sought, or is not published yet."""
        ...

    async def broken(self, limit: int = 100) -> Sequence[Command]:
        """Commands whose run broke at least once, newest first, without their secrets."""
        ...

    async def backlog(self, now: datetime) -> Backlog:
        """Counts for metrics and `doctor`."""
        ...

    async def replay(self, key: int, now: datetime) -> int:
        """Queue all of a command's events again, under the same ids. Writes. Returns how many copies."""
        ...

    async def undeliverable_replies(self, limit: int = 100) -> Sequence[UndeliverableReply]:
        """Replies set aside, oldest first."""
        ...

    async def resend_replies(self, seqs: Sequence[int], now: datetime) -> int:
        """Try these (all, if none is named) again, with a new time to live. Writes."""
        ...

    async def discard_replies(self, seqs: Sequence[int]) -> int:
        """Forget these (all, if none is named). Writes."""
        ...

    async def reseal(self) -> Resealing:
        """Seal anew, with the first key, every secret that an earlier key sealed. Writes, in short transactions."""
        ...

    async def refused_accounts(self, limit: int = 100) -> Sequence[RefusedAccount]:
        """Accounts whose last login was refused, the latest first."""
        ...

    async def resume_accounts(self, ids: Sequence[str], now: datetime) -> int:
        """Forget what these (all, if none is named) were refused: they may log in at once, and what their look-ups look
        for is looked for at once. Writes."""
        ...

    async def settle(self, settlement: Settlement) -> bool:
        """See `LaneJournal.settle`."""
        ...


class Journal(IntakeJournal, SpaceJournal, LaneJournal, OutboxJournal, VaultJournal, OperatorJournal, Protocol):
    """The durable store, whole."""

    async def open(self) -> None:
        """Connect and check the schema. Raises `StoreBusy`, `SchemaOutdated`, `ConfigurationError`."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go."""
        ...

    async def upgrade(self) -> Sequence[str]:
        """Apply the migrations that are missing; returns their names."""
        ...

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` when another process may have made work. A hint: may be lost, may come for nothing."""
        ...
