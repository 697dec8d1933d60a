"""The outbox on its way out: committed events, published with confirms, in order per command and destination.

Guarantees that a row is forgotten only after the broker has confirmed it; a crash in between repeats it under the same
id. A reply whose queue is missing or full is tried again with growing delays until its time is over, then set aside for
a person; neither it nor a slow queue holds up other rows. Knows nothing of AMQP but the verdicts.
"""

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from worker.amqp.confirms import Verdict
from worker.backoff import full_jitter
from worker.clock import Clock
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.outages import journal_outage
from worker.ports import OutboxJournal
from worker.records import Copy, OutboxRow

log = structlog.get_logger()

WINDOW = 256
"""Rows in flight at once (count), where the journal answers within `USUAL_SECONDS`; the slower it is, the more."""
WINDOW_MAX = 2048
WINDOW_BYTES = 16 * 1024 * 1024
"""A window grows no further than so many bytes, taking the last one's rows for its measure: a QR's picture is large."""
USUAL_SECONDS = 0.05
PATIENCE_SECONDS = 2.0
"""How long a round waits for its slowest confirm; what is later than that is waited for beside the next rounds."""
TURN_SECONDS = 0.5
"""How long a round follows its streams before it looks for others."""
FEW = 4
"""Where a window has more than so many rows to a stream, a few streams fill it, and others may wait behind them."""
MUTE_AFTER_SECONDS = 5.0
"""Without an event that could go out for so long (none did, nobody is connected, or it is forbidden), the relay is
mute."""
GIVEN_UP = 1000
"""Rows given up in a round (count)."""
JOURNAL_PAUSE_SECONDS = (0.2, 10.0)
"""Shortest and longest pause while the journal is away, with full jitter: the relays of all workers must not come back
to it at one moment."""
MISSING_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
"""Between tries of a reply whose queue is missing; the last one repeats."""
REFUSED_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 15, 60, 60, 60, 300))
FORBIDDEN_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 15, 30))
UNSENDABLE_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 360))
"""For a row over which the broker closes the channel: put off, with an alarm in the log each time. Not for long at
first: a good row looks the same if the broker broke down each time just while it was sent."""


Stream = tuple[int, Copy, str]
"""What keeps its order: a command's key, the copy, its destination."""


class EventPublisher(Protocol):
    """Whoever puts rows on the wire."""

    @property
    def is_connected(self) -> bool: ...

    @property
    def can_publish(self) -> bool:
        """Connected, not forbidden to, and the broker takes something."""
        ...

    async def publish(self, rows: Sequence[OutboxRow], patience_seconds: float) -> Mapping[int, Verdict]:
        """A verdict per `seq`."""
        ...

    async def take_late(self) -> Mapping[int, Verdict]:
        """Verdicts of rows that were `PENDING`."""
        ...


def _ignore(*_: object) -> None:
    """For who wants to be told nothing."""


@dataclass(slots=True)
class _Sorted:
    """What a round's verdicts mean for the journal."""

    confirmed: list[int]
    postponed: dict[int, datetime]
    undeliverable: list[int]


class Relay:
    """Publishes one worker's outbox. `run` it; `wake` it when events were committed."""

    def __init__(  # noqa: PLR0913  by name
        self,
        *,
        journal: OutboxJournal,
        publisher: EventPublisher,
        worker: str,
        clock: Clock,
        reply_ttl: timedelta = timedelta(days=1),
        confirm_timeout: timedelta = timedelta(seconds=30),
        poll: timedelta = timedelta(seconds=1),
        count_verdict: Callable[[str, str, int], None] = _ignore,
        heard: Callable[[], None] = _ignore,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._journal = journal
        self._publisher = publisher
        self._worker = worker
        self._clock = clock
        self._reply_ttl = reply_ttl
        self._late_after = confirm_timeout + timedelta(seconds=5)
        self._poll = poll
        self._count_verdict = count_verdict
        """Told copy (`r` or `t`), verdict, how many."""
        self._heard = heard
        """Told that events go out again."""
        self._chance = chance
        self._woken = asyncio.Event()
        self._round = asyncio.Lock()
        self._flying: dict[int, OutboxRow] = {}
        self._unmarked = _Sorted([], {}, [])
        self._asks_for_heads = False
        self._window = WINDOW
        self._outage = journal_outage("relay")
        self._silent_since: float | None = float("-inf")
        """Since when nothing could go out; None while it can. Before the first contact: since ever."""

    def wake(self) -> None:
        """There may be rows. Cheap; may be called for nothing."""
        self._woken.set()

    @property
    def is_mute(self) -> bool:
        """Whether events have not gone out for a while: what a person must be told of should not be begun."""
        since = self._silent_since
        return since is not None and self._clock.monotonic() - since >= MUTE_AFTER_SECONDS

    @property
    def in_flight(self) -> int:
        """Rows whose confirm is late (count)."""
        return len(self._flying)

    async def run(self) -> None:
        """Publish until cancelled; without a hint, look every `poll`."""
        outage = self._outage
        while True:
            self._woken.clear()
            try:
                moved = await self.run_once()
            except JournalUnavailable as error:
                outage.met(error)
                shortest, longest = JOURNAL_PAUSE_SECONDS
                await asyncio.sleep(full_jitter(outage.failures, self._chance(), shortest=shortest, longest=longest))
                continue
            if not moved:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll.total_seconds()):
                        await self._woken.wait()

    async def drain(self, seconds: float) -> bool:
        """Publish what is due, at most so long. Returns whether nothing is left that could go now."""
        with contextlib.suppress(TimeoutError, JournalUnavailable):
            async with asyncio.timeout(seconds):
                while await self.run_once():
                    pass
                return True
        return False

    async def run_once(self) -> int:
        """One round: fetch what is due, publish it, mark what became of it. Returns how many rows were marked; those
        lost with the connection are not, they are fetched again. Raises `JournalUnavailable`."""
        async with self._round:
            await self._mark()
            self._sort_late(await self._publisher.take_late())
            if self._publisher.is_connected:
                await self._publish_due()
            else:
                self._note(is_heard=False)
                if self.is_mute:  # nothing is in flight without a connection, and others may have one
                    return await self._mark() + await self._journal.give_up(self._worker, GIVEN_UP)
            return await self._mark()

    async def _publish_due(self) -> None:
        """Wave after wave: the first row of each stream, then the next one of those whose first was confirmed. So the
        journal is asked once for many rows of one command, and their order does not rest on the broker to keep it."""
        waves = _in_streams(await self._ask_for_due(), self._flying.values())
        if not waves:
            self._note(is_heard=self._publisher.can_publish)
        began = self._clock.monotonic()
        while waves:
            firsts = [rows.popleft() for rows in waves]
            verdicts = await self._publish(firsts)
            self._sort((row, verdicts[row.seq]) for row in firsts)
            if self._clock.monotonic() - began >= TURN_SECONDS:
                break  # others may have come meanwhile: what is left of these streams is asked for again
            waves = [
                rows
                for rows, first in zip(waves, firsts, strict=True)
                if rows and verdicts[first.seq] is Verdict.CONFIRMED
            ]

    async def _publish(self, rows: Sequence[OutboxRow]) -> Mapping[int, Verdict]:
        """Send, and wait for the confirms; not for those of a destination that owes one already. Else one queue that
        has lost its majority, with a new command for it in each round, would make every round wait
        `PATIENCE_SECONDS`."""
        late = {row.destination for row in self._flying.values()}
        slow = [row for row in rows if row.destination in late]
        quick = [row for row in rows if row.destination not in late]
        verdicts: dict[int, Verdict] = {}
        for some, patience_seconds in ((slow, 0.0), (quick, PATIENCE_SECONDS)):
            if some:
                verdicts |= await self._publisher.publish(some, patience_seconds)
        return verdicts

    async def _ask_for_due(self) -> Sequence[OutboxRow]:
        """A window of what is due. After a window that a few streams have filled, the next one has the first row of
        every stream, and so in turns: the backlog of one command must keep no other waiting."""
        limit = self._window + len(self._flying)
        ask = self._journal.due_heads if self._asks_for_heads else self._journal.due
        began = self._clock.monotonic()
        rows = await ask(self._worker, self._clock.now(), limit)
        self._outage.over()
        self._window = _next_window(rows, self._clock.monotonic() - began)
        streams = {_stream(row) for row in rows}
        if self._asks_for_heads:
            self._asks_for_heads = len(streams) * FEW >= limit
        else:
            self._asks_for_heads = len(rows) == limit and len(streams) * FEW < limit
        return rows

    def _sort_late(self, late: Mapping[int, Verdict]) -> None:
        """The row was put off until its confirm would be overdue, and its stream with it: nothing is waited for now."""
        judged = [(self._flying.pop(seq), verdict) for seq, verdict in late.items() if seq in self._flying]
        for row, verdict in judged:
            if verdict in {Verdict.CONFIRMED, Verdict.LOST}:  # for each other one there is a delay of its own
                self._postpone(row, self._clock.now())
        self._sort(judged)

    async def _mark(self) -> int:
        """Tell the journal what is known. What it could not be told is kept for the next time."""
        marks = self._unmarked
        moved = len(marks.confirmed) + len(marks.postponed) + len(marks.undeliverable)
        if not moved:
            return 0
        if marks.postponed:  # first: a confirm that was late lets go what waits behind its row
            await self._journal.postpone([*marks.postponed.items()])
            marks.postponed.clear()  # each counts an attempt
        if marks.confirmed:
            crashpoint("relay.published")
            await self._journal.published(marks.confirmed)
        if marks.undeliverable:
            await self._journal.undeliverable(marks.undeliverable)
        self._unmarked = _Sorted([], {}, [])
        crashpoint("relay.marked")
        return moved

    # ---- what a verdict means ---------------------------------------------------------------------

    def _sort(self, judged: Iterable[tuple[OutboxRow, Verdict]]) -> None:
        now = self._clock.now()
        counted: Counter[tuple[str, str]] = Counter()
        for row, verdict in judged:
            counted[str(row.copy), str(verdict)] += 1
            match verdict:
                case Verdict.CONFIRMED:
                    self._unmarked.confirmed.append(row.seq)
                case Verdict.RETURNED | Verdict.REFUSED:
                    self._sort_declined(row, verdict, now)
                case Verdict.FORBIDDEN:
                    self._postpone(row, now + _nth(FORBIDDEN_DELAYS, row.attempts))
                case Verdict.UNSENDABLE:
                    log.error("event_unsendable", command_id=row.command_id, event_id=row.event_id, copy=str(row.copy))
                    self._postpone(row, now + _nth(UNSENDABLE_DELAYS, row.attempts))
                case Verdict.PENDING:
                    self._flying[row.seq] = row
                    self._postpone(row, now + self._late_after)
                case Verdict.LOST:
                    pass
        if verdicts := {verdict for _, verdict in counted}:
            # A late confirm is not taken for silence: one reply queue that never answers must stop nobody else's
            # orders.
            self._note(is_heard=verdicts != {str(Verdict.LOST)} and self._publisher.can_publish)
        for (copy, verdict_name), number in counted.items():
            self._count_verdict(copy, verdict_name, number)

    def _note(self, *, is_heard: bool) -> None:
        was_mute = self.is_mute
        if not is_heard:
            self._silent_since = self._clock.monotonic() if self._silent_since is None else self._silent_since
            return
        self._silent_since = None
        if was_mute:
            self._heard()

    def _sort_declined(self, row: OutboxRow, verdict: Verdict, now: datetime) -> None:
        """Nobody took it: no queue is there, or the queue is full. A reply is tried until its time is over."""
        is_refused = verdict is Verdict.REFUSED
        left = row.created_at + self._reply_ttl - now
        delay = _nth(REFUSED_DELAYS if is_refused else MISSING_DELAYS, row.attempts)
        if row.copy is Copy.TOPIC:
            said = "event_refused" if is_refused else "event_unroutable"
            log.error(said, command_id=row.command_id, event_id=row.event_id, attempts=row.attempts)
            self._postpone(row, now + delay)
        elif left > timedelta(0):
            if is_refused:
                log.warning("reply_refused", command_id=row.command_id, queue=row.destination, attempts=row.attempts)
            self._postpone(row, now + min(left, delay))
        else:
            log.warning(
                "reply_undeliverable",
                command_id=row.command_id,
                event_id=row.event_id,
                queue=row.destination,
                attempts=row.attempts,
                reason="its queue is full" if is_refused else "its queue is missing",
            )
            self._unmarked.undeliverable.append(row.seq)

    def _postpone(self, row: OutboxRow, due_at: datetime) -> None:
        self._unmarked.postponed[row.seq] = due_at


def _next_window(rows: Sequence[OutboxRow], took_seconds: float) -> int:
    """A round costs two answers of the journal, however many rows it has."""
    mean_bytes = 1 + sum(len(row.body) for row in rows) // max(1, len(rows))
    most = max(WINDOW, min(WINDOW_MAX, WINDOW_BYTES // mean_bytes))
    return min(most, int(WINDOW * max(1.0, took_seconds / USUAL_SECONDS)))


def _nth(delays: Sequence[timedelta], attempts: int) -> timedelta:
    return delays[min(max(attempts, 0), len(delays) - 1)]


def _in_streams(rows: Iterable[OutboxRow], flying: Iterable[OutboxRow]) -> list[deque[OutboxRow]]:
    """One command's rows for one destination, each in its order; none of a stream that has a row in flight."""
    blocked = {_stream(row) for row in flying}
    streams: dict[Stream, deque[OutboxRow]] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        if (stream := _stream(row)) not in blocked:
            streams.setdefault(stream, deque()).append(row)
    return list(streams.values())


def _stream(row: OutboxRow) -> Stream:
    """An answer that is no command's own event is a stream of its own; the topic is one, whatever the events' types."""
    return row.command_key or -row.seq, row.copy, "" if row.copy is Copy.TOPIC else row.destination
