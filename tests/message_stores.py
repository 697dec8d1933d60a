"""What intake and relay are tested on: the real store in memory, with outages on demand.

Dedupe, order and what is due are those of the journal's own SQL. A test may put rows into the outbox as it wants them,
and ask what was done with each.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.memory_journal import MemoryJournal
from worker.clock import Clock
from worker.errors import JournalFaulty, JournalUnavailable, NotStorable
from worker.journal.rows import at_or_none, micros
from worker.records import Admission, Command, Event, LooseEvent, NewCommand, OutboxRow, Route


class _Store:
    """The journal, and what is wrong with it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._journal = MemoryJournal(clock)
        self.is_down = False
        self.seconds = 0.0
        """What a transaction takes, of intake, or a look for what is due."""

    def _check(self) -> None:
        if self.is_down:
            raise JournalUnavailable("the store is down")


class IntakeStore(_Store):
    """`worker.ports.IntakeJournal`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.batches: list[int] = []
        self.repeats = 0
        self.poisonous: set[str] = set()
        """Ids of commands that it cannot hold, for a reason of theirs."""
        self.takes_answers = True
        self.odd: set[str] = set()
        """Ids of commands that it fails over, for a reason of its own."""
        self.busy: set[str] = set()
        """Sources over their limit."""

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        await asyncio.sleep(self.seconds)
        self._check()
        if any(command.id in self.poisonous for command in commands):
            raise NotStorable("cannot hold this")
        if any(command.id in self.odd for command in commands):
            raise JournalFaulty("XX000")
        is_busy = any(command.source in self.busy for command in commands)
        results = await self._journal.admit(commands, worker=worker, waiting_max=0 if is_busy else waiting_max)
        self.batches.append(len(commands))
        self.repeats += results.count(Admission.REPEATED)
        return results

    async def double_of(self, command: NewCommand) -> str | None:
        return await self._journal.double_of(command)

    async def answer(self, events: Sequence[LooseEvent], *, worker: str) -> None:
        self._check()
        if not self.takes_answers:
            raise JournalUnavailable("the store is down")
        await self._journal.answer(events, worker=worker)

    @property
    def commands(self) -> dict[tuple[str, str], Command]:
        """All, by source and id."""
        rows = self._journal.rows("SELECT c.*, p.data, p.warnings FROM command c JOIN payload p USING (key)")
        return {(row["source"], row["id"]): self._journal.statements.command(row) for row in rows}

    @property
    def answers(self) -> list[LooseEvent]:
        """What was queued that is no command's own, once each."""
        rows = self._journal.rows("SELECT * FROM outbox WHERE command_key IS NULL AND copy = 't' ORDER BY seq")
        return [
            LooseEvent(
                Event(row["sequence"], row["event_id"], row["event_type"], row["body"]),
                row["command_id"],
                Route(None, row["correlation_id"]),
                at_or_none(row["created_at"]) or self._clock.now(),
            )
            for row in rows
        ]


class OutboxStore(_Store):
    """`worker.ports.OutboxJournal`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._journal.rows("PRAGMA foreign_keys = OFF")  # rows of commands that are nowhere else
        self.postponements: list[tuple[int, timedelta]] = []
        """Sequence number and how far ahead."""
        self.forgotten: list[int] = []
        self.aside: list[int] = []
        self.given_up: list[int] = []
        self.has_other_workers = False
        """As on PostgreSQL: SQLite itself has none, so nobody would ever take a row over."""

    def add(self, *rows: OutboxRow) -> None:
        """Queue these, each with its event."""
        for row in rows:
            self._journal.rows(
                "INSERT INTO event SELECT ?1, ?2, ?3, ?4, ?5, ?6"
                " WHERE NOT EXISTS (SELECT 1 FROM event WHERE command_key = ?1 AND id = ?3)",
                row.command_key,
                row.seq,
                row.event_id,
                row.event_type,
                row.body,
                micros(row.created_at),
            )
            self._journal.rows(
                "INSERT INTO outbox (seq, command_key, sequence, command_id, copy, destination, event_id, event_type,"
                " correlation_id, traceparent, tracestate, due_at, attempts, created_at)"
                " SELECT ?, command_key, sequence, ?, ?, ?, id, type, ?, ?, ?, created_at, ?, created_at"
                " FROM event WHERE command_key = ? AND id = ?",
                row.seq,
                row.command_id,
                row.copy,
                row.destination,
                row.correlation_id,
                row.traceparent,
                row.tracestate,
                row.attempts,
                row.command_key,
                row.event_id,
            )

    def __len__(self) -> int:
        return len(self._pending())

    async def due_heads(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        self._check()
        await asyncio.sleep(self.seconds)
        return await self._journal.due_heads(worker, now, limit)

    async def due(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        self._check()
        await asyncio.sleep(self.seconds)
        return await self._journal.due(worker, now, limit)

    async def published(self, seqs: Sequence[int]) -> None:
        self._check()
        self.forgotten += self._of(seqs)
        await self._journal.published(seqs)

    async def postpone(self, delays: Sequence[tuple[int, datetime]]) -> None:
        self._check()
        pending = self._pending()
        self.postponements += [(seq, due_at - self._clock.now()) for seq, due_at in delays if seq in pending]
        await self._journal.postpone(delays)

    async def undeliverable(self, seqs: Sequence[int]) -> None:
        self._check()
        self.aside += self._of(seqs)
        await self._journal.undeliverable(seqs)

    async def give_up(self, worker: str, limit: int) -> int:
        self._check()
        seqs = sorted(self._pending())[: limit if self.has_other_workers else 0]
        self.given_up += seqs
        await self._journal.published(seqs)
        return len(seqs)

    def _of(self, seqs: Sequence[int]) -> list[int]:
        pending = self._pending()
        return [seq for seq in seqs if seq in pending]

    def _pending(self) -> set[int]:
        return {row["seq"] for row in self._journal.rows("SELECT seq FROM outbox WHERE state = 'pending'")}
