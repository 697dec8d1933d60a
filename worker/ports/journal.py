"""What the worker asks of its journal.

Every method may raise `JournalUnavailable` or the errors it names; a cancelled call leaves either all of its
transaction or nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from worker.ports.lane_journal import LaneJournal
from worker.records import (
    EVERY_COMMAND,
    Admission,
    Backlog,
    Command,
    CommandFilter,
    CommandState,
    DueFile,
    Event,
    EventRecord,
    KeptCopy,
    KeptFile,
    LooseEvent,
    NewCommand,
    OnLane,
    OutboxRow,
    Pruned,
    RefusedAccount,
    Resealing,
    SellerState,
    Settlement,
    Space,
    Stored,
    StoredFilter,
    Times,
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
        final event and of what followed it to that reply_to, under the same event ids; of a command that has not ended
        the last event, unless that queue was told of it. What comes from then on goes there as well (to eight such
        queues of a command at most, the newest).

        A lane that gets work becomes ready or, where another worker holds it, is marked as wanted. The lane that
        `worker` holds is not marked: the caller wakes it, for a repeat too, since the answer to the first call may have
        been lost. `worker` becomes the publisher of the events written.

        An `orderNo` belongs to one command: another one that names it follows that command. Of two that come at once,
        over all replicas, one is the first. The same holds for doubles (`NewCommand.double_since`).
        """
        ...

    async def double_of(self, command: NewCommand) -> str | None:
        """The id of the command of which this one is a double, if it still is one."""
        ...

    async def answer(self, events: Sequence[LooseEvent], *, worker: str) -> None:
        """Queue answers that are no command's own event; the same event id twice is queued once. One that waits already
        is queued anew in its place: it goes again, even if the one before is on its way."""
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
        """Forget rows that the broker confirmed. A crash of the store may bring them back: they go out again then."""
        ...

    async def postpone(self, delays: Sequence[tuple[int, datetime]]) -> None:
        """Try these rows again at the given time, later or sooner than was said before, and what waits behind them in
        their streams; counts an attempt."""
        ...

    async def undeliverable(self, seqs: Sequence[int]) -> None:
        """Set rows aside for `replies list`; they are in nobody's way any more."""
        ...

    async def give_up(self, worker: str, limit: int) -> int:
        """Let other workers adopt rows of this one, which reaches no broker; in no order. Returns how many: none where
        no other worker lives. None of them may be in flight."""
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

    async def times(self) -> Times:
        """What this machine's clock can be held against."""
        ...

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        """Commands by id (of any source, if none is given), newest first, without their secrets."""
        ...

    async def of_invoice(self, number: str) -> Command | None:
        """The command that has this invoice's number, without its secrets."""
        ...

    async def of_order(self, order_no: str, source: str | None = None, limit: int = 100) -> Sequence[Command]:
        """Commands that name this order number (of any source, if none is given), of whichever seller, without their
        secrets: those that hold it first, then the newest."""
        ...

    async def seller(self, source: str, seller: str) -> SellerState:
        """How the gateway took this source's orders of this seller lately."""
        ...

    async def events_of(self, key: int) -> Sequence[EventRecord]:
        """A command's committed events, in sequence."""
        ...

    async def on_lane(self, key: int) -> OnLane:
        """What the command of this key waits for on its lane. Raises `NotFound`."""
        ...

    async def commands(
        self, states: Sequence[CommandState], limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> Sequence[Command]:
        """Commands in any of these states (all, if none is named), newest first, without their secrets.
        `wanted` is held against one after the other: where it fits few of a million commands that takes a while."""
        ...

    async def unconfirmed(self, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> Sequence[Command]:
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

    async def broken(self, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> Sequence[Command]:
        """Commands whose run broke at least once, newest first, without their secrets."""
        ...

    async def needing_person(self, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> Sequence[Command]:
        """Commands in doubt whose invoice no look-up seeks, newest first, without their secrets."""
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
