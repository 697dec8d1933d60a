"""What no lane does: free what dead workers held, enter look-ups, end what waited too long, answer repeats of orders,
say when the machine's clock was set back. And how a command is moved without its lane, whoever does it (`Settling`): by
evidence, by a late reply, by its deadline, by the first command of its order.

Each round is bounded; what is left over is done in the next one. A command without its lane moves only by
compare-and-set, so that two replicas that look at it at once do one thing. Knows nothing of sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from contracts.events import Outcome
from worker.backoff import is_worth_a_line
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import Announcement, events_of, failure, keeps_order
from worker.flows.orders import KeepWaiting, Refuse, Succeed, Tell, follow
from worker.flows.table import deadline_exceeded
from worker.flows.vocabulary import Settle
from worker.lanes.services import LaneServices
from worker.outages import journal_outage
from worker.records import Command, CommandState, Following, Heard, Settlement

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settling:
    """Moves a command without its lane. Whoever does it, the move is told, counted and logged in the same way. The
    names of the crash points before and after it begin with `part`."""

    services: LaneServices
    part: str
    said: Mapping[str, str] = field(default_factory=dict)
    """What its log line says besides."""

    async def settle(
        self,
        move: Settle,
        *,
        point: str,
        expected: frozenset[CommandState] | None = None,
        heard: Heard | None = None,
        insist: Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]] | None = None,
    ) -> bool:
        """Whether it was done; it is not where somebody else was quicker. `expected` are the states in which there is a
        reason for the move; None stands for the state in which the command was read. `heard` is what a follower has
        told of its first by then. Raises `NotResolvable`, and `JournalUnavailable` unless `insist` tries until the
        store answers."""
        settlement = self._settlement(move, expected or frozenset({move.command.state}), heard)

        async def act() -> bool:
            return await self.services.journal.settle(settlement)

        crashpoint(f"{self.part}.{point}_next")
        settled = await (act() if insist is None else insist(act))
        crashpoint(f"{self.part}.{point}_recorded")
        if settled:
            self._tell(move)
            self._remember(move)
        return settled

    def _settlement(self, move: Settle, expected: frozenset[CommandState], heard: Heard | None) -> Settlement:
        now = self.services.clock.now()
        return Settlement(
            command=move.command,
            expected=expected,
            to=move.to,
            at=now,
            events=events_of(move.command, move.announcements, worker=self.services.settings.source, at=now),
            invoice_number=move.invoice_number,
            sought_at=move.sought_at,
            has_looked=move.has_looked,
            progress=move.progress,
            findings=move.findings,
            keeps_order=keeps_order(move.announcements),
            heard=heard,
        )

    def _tell(self, move: Settle) -> None:
        if move.announcements:
            self.services.committed()
        if move.to is move.command.state:
            return
        said: Mapping[str, Any] = move.announcements[-1].data if move.announcements else {}
        code = str(said.get("code", ""))
        self.services.hooks.settled(move.command.type, move.to, code)
        log.info(
            "command_settled",
            state=move.to,
            command_id=move.command.id,
            command_source=move.command.source,
            code=code or None,
            by=self.part,
            **self.said,
        )

    def _remember(self, move: Settle) -> None:
        """Where the invoice is: a result that says the same address later is of this command. A follower is told of
        another command's invoice."""
        command = move.command
        for each in move.announcements:
            if command.follows is None and each.outcome is Outcome.COMPLETED:
                address, told = each.data.get("invoiceUrl"), each.data.get("invoice")
                self.services.addresses.settled(command.lane or "", command.fingerprint, address, told)
                if each.data.get("reconciled") and command.submitted_at is not None:
                    until = command.submitted_at + self.services.timing.longest_answer
                    self.services.addresses.found(command.lane or "", command.key, told, until)


class Followers:
    """What followers do when their first has moved."""

    def __init__(self, services: LaneServices, *, lanes_freed: Callable[[], None]) -> None:
        self._services = services
        self._is_shared = services.settings.order_scope == "seller"
        self._lanes_freed = lanes_freed
        self._guarded = Guarded(services, "repeat_broke")

    async def look(self) -> int:
        """Let each follower whose first has moved do what it must. Returns how many did something."""
        nudged = await self._services.journal.followers(self._guarded.limit)
        return await self._guarded.each((following.follower, self._look_at(following)) for following in nudged)

    async def _look_at(self, following: Following) -> bool:
        match follow(following, is_shared=self._is_shared):
            case KeepWaiting(is_over):
                await self._services.journal.heed(following, is_over=is_over)
                crashpoint("repeat.heeded")
                return True
            case Succeed():
                return await self._succeed(following)
            case Refuse(announcement):
                heard = Heard(following.nudges, following.heard, is_over=True)
                return await self._settle(following, CommandState.REJECTED, (announcement,), heard)
            case Tell(announcements, to, sequence, is_over):
                heard = Heard(following.nudges, sequence, is_over)
                return await self._settle(following, to, announcements, heard, repeats=following.first.id)

    async def _succeed(self, following: Following) -> bool:
        crashpoint("repeat.succeed_next")
        moved = await self._services.journal.succeed(following, self._services.clock.now())
        crashpoint("repeat.succeeded")
        if moved:
            follower = following.follower
            log.info("order_number_taken_over", command_id=follower.id, command_source=follower.source)
            self._lanes_freed()
        return moved

    async def _settle(
        self, following: Following, to: CommandState, told: tuple[Announcement, ...], heard: Heard, **said: str
    ) -> bool:
        move = Settle(following.follower, to, told, has_looked=False)
        return await Settling(self._services, "repeat", said).settle(move, point=to, heard=heard)


class Guarded:
    """Acts for commands one by one, where those that break hold up none of the others: not in this round, and not by
    filling the list of the next one. The log tells of each ever more seldom."""

    def __init__(self, services: LaneServices, broken: str) -> None:
        """`broken` is what is logged of a command that breaks."""
        self._services = services
        self._broken = broken
        self._breaks: dict[int, int] = {}
        """Of those that broke in the last round: how often in a row, by their keys."""

    @property
    def limit(self) -> int:
        """Of a round's list: room for a hundred beside those that broke in the last one."""
        return AT_ONCE + len(self._breaks)

    async def each(self, acts: Iterable[tuple[Command, Awaitable[bool]]]) -> int:
        """How many did something. Raises `JournalUnavailable`."""
        before, self._breaks = self._breaks, {}
        return sum([await self._one(command, act, before.get(command.key, 0)) for command, act in acts])

    async def _one(self, command: Command, act: Awaitable[bool], breaks: int) -> bool:
        try:
            return await act
        except JournalUnavailable:
            raise
        except Exception:
            self._breaks[command.key] = breaks = breaks + 1
            self._services.hooks.broke(command.type, "again")
            if is_worth_a_line(breaks):
                log.exception(self._broken, command_id=command.id, command_source=command.source, breaks=breaks)
            return False


QUEUED = frozenset({CommandState.WAITING, CommandState.HELD})
AT_ONCE = 100
"""Followers, or commands past their deadline, that a round looks at (count)."""


class Housekeeping:
    """A round every `poll_seconds`, or sooner when a repeat of an order came in. Not at every commit: a round is some
    ten statements, and an answer to a repeat may come a moment after the first order's end."""

    def __init__(self, services: LaneServices, worker: str, *, lanes_freed: Callable[[], None]) -> None:
        self._services = services
        self._worker = worker
        self._lanes_freed = lanes_freed
        self._followers = Followers(services, lanes_freed=lanes_freed)
        self._wake = asyncio.Event()
        self._settling = Settling(services, "housekeeping")
        self._guarded = Guarded(services, "housekeeping_broke")

    def wake(self) -> None:
        """A repeat of an order came in; the first one may have ended already."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        outage = journal_outage("housekeeping")
        while True:
            self._wake.clear()
            try:
                moved = await self.run_once()
                outage.over()
            except JournalUnavailable as fault:
                outage.met(fault)
                moved = 0
            if moved == 0:
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._services.settings.poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def run_once(self) -> int:
        """One round. Returns how many rows it moved."""
        journal, now = self._services.journal, self._services.clock.now()
        freed = await journal.reap(self._worker, now, adopts=self._services.can_tell())
        if freed:
            crashpoint("housekeeping.reaped")
            self._lanes_freed()
        entered = await journal.enter_look_ups(now)
        if entered:
            crashpoint("housekeeping.look_ups_entered")
            self._lanes_freed()
        trying = await journal.end_rests(now, timedelta(seconds=self._services.settings.refusal_rest_seconds))
        if trying:
            crashpoint("housekeeping.rests_ended")
            log.info("sellers_try_again", orders=trying)
            self._lanes_freed()
        overdue = await journal.overdue(now, self._guarded.limit)
        late = await self._guarded.each((command, self._fail_overdue(command)) for command in overdue)
        return freed + entered + trying + late + await self._followers.look()

    async def _fail_overdue(self, command: Command) -> bool:
        code, stage, message = deadline_exceeded()
        announcement = failure(code, stage, message, command.attempts)
        return await self._settle(Settle(command, CommandState.FAILED, (announcement,), has_looked=False), QUEUED)

    async def _settle(self, move: Settle, expected: frozenset[CommandState]) -> bool:
        """`expected` are the states in which there is a reason to end it, not the state in which it was read: another
        replica may have settled it between the list and the reading, and no end may follow an end."""
        return await self._settling.settle(move, point=move.to, expected=expected)
