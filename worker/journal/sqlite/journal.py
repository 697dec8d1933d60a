"""The journal in one SQLite file: for one worker process, durable at every return.

Guarantees: a single thread writes, commits are flushed to disk (`synchronous=FULL`), calls that wait together share
one commit. Knows nothing of what commands mean.
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import SecretStr

from worker.clock import Clock
from worker.errors import ConfigurationError
from worker.journal.resealing import reseal_all
from worker.journal.rows import micros, micros_or_none
from worker.journal.sealing import Sealer, keys_beside
from worker.journal.sqlite import intake, lanes, look_ups, operator, outbox, prune, resealing, steps
from worker.journal.sqlite import invoices as found
from worker.journal.sqlite.opening import ProcessLock, open_for_reading, open_for_writing
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.writer import Writer
from worker.records import (
    AccountState,
    Admission,
    Backlog,
    Claim,
    Command,
    CommandState,
    EventRecord,
    Following,
    FoundRow,
    LaneLease,
    LooseEvent,
    NewCommand,
    OutboxRow,
    Pruned,
    Resealing,
    Settlement,
    Space,
    Step,
    Stored,
    StoredFilter,
    UndeliverableReply,
)

log = structlog.get_logger()

Result = TypeVar("Result")


class SqliteJournal:
    """`worker.ports.Journal` on SQLite."""

    def __init__(
        self, path: Path | str, *, keys: Sequence[SecretStr] = (), clock: Clock, readonly: bool = False
    ) -> None:
        """`keys` as in `FAPIAO_JOURNAL_KEYS`; without any, a key file is made beside the database.

        `readonly` opens beside a running worker and refuses writes with `ConfigurationError`.
        """
        self._path = Path(path)
        self._keys = keys
        self._clock = clock
        self._is_readonly = readonly
        self._lock = ProcessLock(self._path)
        self._writer: Writer | None = None
        self._applied: Sequence[str] = ()

    # ---- opening and closing ----

    async def open(self) -> None:
        """Take the file, apply missing migrations, free what a dead process held. Raises `StoreBusy`,
        `SchemaOutdated`, `ConfigurationError`."""
        if self._is_readonly:
            self._writer = Writer(lambda: Statements(open_for_reading(self._path), None), begin="BEGIN")
            await self._writer.start()
            return
        self._lock.take()
        try:
            self._writer = Writer(self._connect)
            await self._writer.start()
        except BaseException:
            self._writer = None
            self._lock.free()
            raise
        await self._run(partial(lanes.begin_anew, now=micros(self._clock.now())))

    def _connect(self) -> Statements:
        connection, self._applied = open_for_writing(self._path)
        statements = Statements(connection, Sealer(keys_beside(self._path, self._keys)))
        try:
            statements.sealer.check([row["key_id"] for row in statements.all("sealing_keys")])
        except ConfigurationError:
            connection.close()
            raise
        return statements

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()
        self._lock.free()

    async def upgrade(self) -> Sequence[str]:
        """Migrations are applied by `open`; this opens for a moment, if need be, and tells which."""
        if self._writer is None:
            await self.open()
            await self.close()
        return self._applied

    def listen(self, wake: Callable[[], None]) -> None:
        """Nothing to listen to: no other process writes this file."""

    async def _run(self, operation: Callable[[Statements], Result]) -> Result:
        if self._writer is None:
            raise ConfigurationError("the journal is not open")
        return await self._writer.submit(operation)

    def _monotonic(self, later: timedelta = timedelta()) -> int:
        """Microseconds by which leases run: a clock set forward must not end them, nor one set back prolong them."""
        return int((self._clock.monotonic() + later.total_seconds()) * 1_000_000)

    # ---- intake ----

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        return await self._run(partial(intake.admit, commands=commands, waiting_max=waiting_max))

    async def answer(self, events: Sequence[LooseEvent], *, worker: str) -> None:
        await self._run(partial(intake.answer, events=events))

    # ---- lanes ----

    async def register(self, worker: str, lease: timedelta) -> None:
        now = micros(self._clock.now())
        await self._run(partial(lanes.register, worker=worker, until=self._monotonic(lease), now=now))

    async def renew(self, worker: str, lease: timedelta) -> bool:
        until, clock = self._monotonic(lease), self._monotonic()
        return await self._run(partial(lanes.renew, worker=worker, until=until, clock=clock))

    async def retire(self, worker: str) -> None:
        await self._run(partial(lanes.retire, worker=worker, now=micros(self._clock.now())))

    async def reap(self, worker: str, now: datetime, limit: int = 200) -> int:
        clock = self._monotonic()
        return await self._run(partial(lanes.reap, now=micros(now), clock=clock, limit=limit))

    async def claim(self, worker: str, limit: int, now: datetime) -> Sequence[Claim]:
        clock = self._monotonic()
        return await self._run(partial(lanes.claim, worker=worker, limit=limit, now=micros(now), clock=clock))

    async def held(self, worker: str) -> Sequence[LaneLease]:
        return await self._run(partial(lanes.held, worker=worker))

    async def wanted(self, worker: str) -> Sequence[str]:
        return await self._run(partial(lanes.wanted, worker=worker))

    async def ready_lanes(self, limit: int) -> int:
        return await self._run(partial(lanes.ready_lanes, limit=limit))

    async def record(self, step: Step) -> bool:
        return await self._run(lambda statements: steps.record(statements, step, self._monotonic()))

    async def record_and_next(self, step: Step) -> tuple[bool, Command | None]:
        return await self._run(lambda statements: steps.record_and_next(statements, step, self._monotonic()))

    async def next_command(self, lease: LaneLease, now: datetime) -> Command | None:
        return await self._run(partial(lanes.next_command, lease=lease, now=micros(now)))

    async def release(self, lease: LaneLease, now: datetime) -> None:
        await self._run(partial(lanes.release, lease=lease, now=micros(now)))

    async def account(self, account: str) -> AccountState:
        return await self._run(partial(steps.account, identifier=account))

    async def count_login(
        self, account: str, *, accepted: bool, now: datetime, threshold: int, suspend: timedelta
    ) -> AccountState:
        return await self._run(
            partial(
                steps.count_login,
                identifier=account,
                accepted=accepted,
                now=now,
                threshold=threshold,
                suspend=suspend,
            )
        )

    async def keep_stray(self, lane: str, command_key: int | None, reason: str, body: bytes, at: datetime) -> None:
        await self._run(partial(steps.keep_stray, lane=lane, command_key=command_key, reason=reason, body=body, at=at))

    async def settle(self, settlement: Settlement) -> bool:
        return await self._run(partial(steps.settle, settlement=settlement))

    async def has_earlier(self, command: Command, now: datetime) -> bool:
        return await self._run(partial(look_ups.has_earlier, command=command, now=micros(now)))

    async def sought(self, look_up: Command, limit: int) -> Sequence[Command]:
        return await self._run(partial(look_ups.sought, look_up=look_up, limit=limit))

    async def end_look_up(self, look_up: Command, lease: LaneLease, *, not_before: datetime | None = None) -> bool:
        until = micros_or_none(not_before)
        return await self._run(partial(look_ups.end, look_up=look_up, lease=lease, not_before=until))

    async def unsettled(self, lane: str) -> Sequence[Command]:
        return await self._run(partial(look_ups.unsettled, lane=lane))

    async def rivals(self, seller: str, since: tuple[datetime, int], limit: int) -> Sequence[Command]:
        behind = (micros(since[0]), since[1])
        return await self._run(partial(look_ups.rivals, seller=seller, since=behind, limit=limit))

    async def bound(self, numbers: Sequence[str]) -> frozenset[str]:
        return await self._run(partial(look_ups.bound, numbers=numbers))

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Command]:
        return await self._run(partial(steps.overdue, now=micros(now), limit=limit))

    async def followers(self, limit: int = 100) -> Sequence[Following]:
        return await self._run(partial(steps.followers, limit=limit))

    # ---- what look-ups brought ----

    async def unseen(self, command: Command, identities: Sequence[str]) -> frozenset[str]:
        return await self._run(partial(found.unseen, command=command, identities=identities))

    async def lacking(self, command: Command, after: str, limit: int) -> Sequence[FoundRow]:
        return await self._run(partial(found.lacking, command=command, after=after, limit=limit))

    async def tally(self, command: Command, limit: int) -> tuple[int, Sequence[str]]:
        return await self._run(partial(found.tally, command=command, limit=limit))

    async def brought(self, source: str, invoice_ids: Sequence[str]) -> frozenset[str]:
        return await self._run(partial(found.brought, source=source, invoice_ids=invoice_ids))

    async def stored(self, wanted: StoredFilter) -> tuple[int, Sequence[Stored]]:
        return await self._run(partial(found.stored, wanted=wanted))

    # ---- outbox ----

    async def due(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        return await self._run(partial(outbox.due, now=micros(now), limit=limit))

    async def published(self, seqs: Sequence[int]) -> None:
        await self._run(partial(outbox.published, seqs=seqs))

    async def postpone(self, delays: Sequence[tuple[int, datetime]]) -> None:
        await self._run(partial(outbox.postpone, delays=delays))

    async def undeliverable(self, seqs: Sequence[int]) -> None:
        await self._run(partial(outbox.undeliverable, seqs=seqs))

    # ---- operator ----

    async def ping(self) -> None:
        await self._run(operator.ping)

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        return await self._run(partial(operator.find, command_id=command_id, source=source))

    async def find_order(self, source: str, seller: str, order_no: str) -> Command | None:
        return await self._run(partial(operator.find_order, source=source, seller=seller, order_no=order_no))

    async def events_of(self, key: int) -> Sequence[EventRecord]:
        return await self._run(partial(operator.events_of, key=key))

    async def commands(self, states: Sequence[CommandState], limit: int = 100) -> Sequence[Command]:
        return await self._run(partial(operator.commands, states=states, limit=limit))

    async def unconfirmed(self, limit: int = 100) -> Sequence[Command]:
        return await self._run(partial(operator.unconfirmed, limit=limit))

    async def prune(self, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        if dry_run:
            return await self._run(partial(prune.count, before=micros(before)))
        return await self._run(partial(prune.prune, before=micros(before), limit=limit))

    async def backlog(self, now: datetime) -> Backlog:
        return await self._run(partial(operator.backlog, now=now))

    async def replay(self, key: int, now: datetime) -> int:
        return await self._run(partial(operator.replay, key=key, now=now))

    async def undeliverable_replies(self, limit: int = 100) -> Sequence[UndeliverableReply]:
        return await self._run(partial(operator.undeliverable_replies, limit=limit))

    async def resend_replies(self, seqs: Sequence[int], now: datetime) -> int:
        return await self._run(partial(operator.resend_replies, seqs=seqs, now=now))

    async def discard_replies(self, seqs: Sequence[int]) -> int:
        return await self._run(partial(operator.discard_replies, seqs=seqs))

    async def space(self) -> Space:
        used = await self._run(operator.used_bytes)
        return Space(used, shutil.disk_usage(self._path.parent).free)

    async def reseal(self) -> Resealing:
        async def step(state: CommandState, after: int, limit: int) -> tuple[int, int | None]:
            return await self._run(partial(resealing.reseal, state=state, after=after, limit=limit))

        async def key_ids() -> list[bytes]:
            return await self._run(lambda statements: [row["key_id"] for row in statements.all("sealing_keys")])

        return await reseal_all(await self._run(lambda statements: statements.sealer), step, key_ids)
