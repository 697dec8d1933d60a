"""In-memory journals for tests of intake and outbox: small, strict, and able to be down.

They keep the promises of `worker.ports` that their users rely on, dedupe and order included; the real stores are held
to the whole of it by `tests/conformance`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.clock import Clock
from worker.errors import JournalFaulty, JournalUnavailable, NotStorable
from worker.records import Admission, CommandState, Copy, LooseEvent, NewCommand, OutboxRow


class FakeIntakeJournal:
    """Remembers commands by source and id."""

    def __init__(self) -> None:
        self.commands: dict[tuple[str, str], NewCommand] = {}
        self.answers: list[LooseEvent] = []
        self.batches: list[int] = []
        self.repeats = 0
        self.is_down = False
        self.seconds = 0.0
        """What a transaction takes."""
        self.poisonous: set[str] = set()
        """Ids of commands that it cannot hold, for a reason of theirs."""
        self.odd: set[str] = set()
        """Ids of commands that it fails over, for a reason of its own."""
        self.busy: set[str] = set()
        """Sources over their limit."""
        self.doubles: dict[str, str] = {}
        """Ids of commands to the ids that they are doubles of."""

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.is_down:
            raise JournalUnavailable("the fake is down")
        if any(command.id in self.poisonous for command in commands):
            raise NotStorable("cannot hold this")
        if any(command.id in self.odd for command in commands):
            raise JournalFaulty("XX000")
        self.batches.append(len(commands))
        return [self._admit(command) for command in commands]

    async def double_of(self, command: NewCommand) -> str | None:
        return self.doubles.get(command.id)

    async def answer(self, events: Sequence[LooseEvent], *, worker: str) -> None:
        if self.is_down:
            raise JournalUnavailable("the fake is down")
        known = {answer.event.id for answer in self.answers}
        self.answers += [event for event in events if event.event.id not in known]

    def _admit(self, command: NewCommand) -> Admission:
        key = (command.source, command.id)
        if (first := self.commands.get(key)) is not None:
            self.repeats += 1
            return Admission.REPEATED if first.content_hash == command.content_hash else Admission.REUSED
        if command.source in self.busy:
            return Admission.BUSY
        if command.id in self.doubles:
            return Admission.DUPLICATE
        self.commands[key] = command
        return Admission.REJECTED if command.state is CommandState.REJECTED else Admission.ACCEPTED


class FakeOutboxJournal:
    """Rows until they are published, in order; none behind one of its stream that is not due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, OutboxRow] = {}
        self._due_at: dict[int, datetime] = {}
        self.postponements: list[tuple[int, timedelta]] = []
        """Sequence number and how far ahead."""
        self.forgotten: list[int] = []
        self.aside: list[int] = []
        self.given_up: list[int] = []
        self.has_other_workers = False
        self.is_down = False
        self.seconds = 0.0
        """How long each answer to `due` takes."""

    def add(self, *rows: OutboxRow) -> None:
        self._rows |= {row.seq: row for row in rows}

    def __len__(self) -> int:
        return len(self._rows)

    async def due_heads(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        heads: dict[tuple[int, Copy, str], OutboxRow] = {}
        for row in await self.due(worker, now, len(self._rows)):
            heads.setdefault((row.command_key, row.copy, row.destination), row)
        return list(heads.values())[:limit]

    async def due(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        self._check()
        await asyncio.sleep(self.seconds)
        blocked: set[tuple[int, Copy, str]] = set()
        due: list[OutboxRow] = []
        for row in self._rows.values():
            stream = (row.command_key, row.copy, row.destination)
            if self._due_at.get(row.seq, now) > now:
                blocked.add(stream)
            elif stream not in blocked:
                due.append(row)
        return due[:limit]

    async def published(self, seqs: Sequence[int]) -> None:
        self._check()
        for seq in seqs:
            if self._rows.pop(seq, None) is not None:
                self.forgotten.append(seq)

    async def postpone(self, delays: Sequence[tuple[int, datetime]]) -> None:
        self._check()
        for seq, due_at in delays:
            if (row := self._rows.get(seq)) is not None:
                self._rows[seq] = row._replace(attempts=row.attempts + 1)
                self._due_at[seq] = due_at
                self.postponements.append((seq, due_at - self._clock.now()))

    async def undeliverable(self, seqs: Sequence[int]) -> None:
        self._check()
        for seq in seqs:
            if self._rows.pop(seq, None) is not None:
                self.aside.append(seq)

    async def give_up(self, worker: str, limit: int) -> int:
        self._check()
        seqs = list(self._rows)[: limit if self.has_other_workers else 0]
        self.given_up += [self._rows.pop(seq).seq for seq in seqs]
        return len(seqs)

    def _check(self) -> None:
        if self.is_down:
            raise JournalUnavailable("the fake is down")
