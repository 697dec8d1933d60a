"""What no lane does: free what dead workers held, enter look-ups, end what waited too long, answer repeats of orders,
say when the machine's clock was set back. And how a command is moved without its lane, whoever does it (`Settling`): by
evidence, by a late reply, by its deadline, by the first command of its order.

Each round is bounded; what is left over is done in the next one. A command without its lane moves only by
compare-and-set, so that two replicas that look at it at once do one thing. Knows nothing of sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from contracts.events import Outcome
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import Announcement, events_of, failure, keeps_order
from worker.flows.orders import Refuse, Succeed, Tell, Wait, follow
from worker.flows.table import deadline_exceeded
from worker.flows.vocabulary import Settle
from worker.lanes.services import LaneServices
from worker.records import FINAL, Command, CommandState, Following, Heard, Settlement

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settling:
    """Moves a command without its lane, told, counted and logged alike whoever does it. `part` begins the names of the
    crash points, one before and one after."""

    services: LaneServices
    part: str

    async def settle(
        self,
        move: Settle,
        *,
        point: str,
        expected: frozenset[CommandState] | None = None,
        has_looked: bool = False,
        insist: Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]] | None = None,
    ) -> bool:
        """Whether it was done: not where somebody else was quicker. `expected` are the states in which there is a
        reason for the move; None stands for the state in which the command was read. Raises `NotResolvable`, and
        `JournalUnavailable` unless `insist` tries until the store answers."""
        settlement = self._settlement(move, expected or frozenset({move.command.state}), has_looked=has_looked)

        async def act() -> bool:
            return await self.services.journal.settle(settlement)

        crashpoint(f"{self.part}.{point}_next")
        settled = await (act() if insist is None else insist(act))
        crashpoint(f"{self.part}.{point}_recorded")
        if settled:
            self._tell(move)
        return settled

    def _settlement(self, move: Settle, expected: frozenset[CommandState], *, has_looked: bool) -> Settlement:
        now = self.services.clock.now()
        return Settlement(
            command=move.command,
            expected=expected,
            to=move.to,
            at=now,
            events=events_of(move.command, move.announcements, worker=self.services.settings.source, at=now),
            invoice_number=move.invoice_number,
            sought_at=move.sought_at,
            has_looked=has_looked,
            progress=move.progress,
            findings=move.findings,
            keeps_order=keeps_order(move.announcements),
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
        )


class Repeats:
    """What followers do when their first has moved."""

    def __init__(self, services: LaneServices, *, lanes_freed: Callable[[], None]) -> None:
        self._services = services
        self._is_shared = services.settings.order_scope == "seller"
        self._lanes_freed = lanes_freed

    async def look(self) -> tuple[int, int]:
        """Let each follower whose first has moved do what it must. Returns how many looked, and how many events were
        told."""
        looked = told = 0
        for following in await self._services.journal.followers():
            has_moved, events = await self._guarded(following)
            looked, told = looked + has_moved, told + events
        return looked, told

    async def _guarded(self, following: Following) -> tuple[bool, int]:
        """One that breaks holds up none of the others."""
        try:
            return await self._look_at(following)
        except JournalUnavailable:
            raise
        except Exception:
            follower = following.follower
            self._services.hooks.broke(follower.type, "again")
            log.exception("repeat_broke", command_id=follower.id, command_source=follower.source)
            return False, 0

    async def _look_at(self, following: Following) -> tuple[bool, int]:
        match follow(following, is_shared=self._is_shared):
            case Wait(is_over):
                await self._services.journal.heed(following, is_over=is_over)
                crashpoint("repeat.heeded")
                return True, 0
            case Succeed():
                return await self._succeed(following), 0
            case Refuse(announcement):
                heard = Heard(following.nudges, following.heard, is_over=True)
                settled = await self._settle(following, CommandState.REJECTED, (announcement,), heard)
                return settled, int(settled)
            case Tell(announcements, to, sequence, is_over):
                settled = await self._settle(following, to, announcements, Heard(following.nudges, sequence, is_over))
                return settled, len(announcements) if settled else 0

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
        self, following: Following, to: CommandState, announcements: tuple[Announcement, ...], heard: Heard
    ) -> bool:
        follower, services = following.follower, self._services
        now = services.clock.now()
        settlement = Settlement(
            command=follower,
            expected=frozenset({follower.state}),
            to=to,
            at=now,
            events=events_of(follower, announcements, worker=services.settings.source, at=now),
            heard=heard,
        )
        crashpoint(f"repeat.{to}_next")
        settled = await services.journal.settle(settlement)
        crashpoint(f"repeat.{to}_recorded")
        if settled and to in FINAL and follower.state not in FINAL:
            code = next((str(said.data.get("code", "")) for said in announcements if _is_end(said)), "")
            services.hooks.settled(follower.type, to, code)
            log.info(
                "command_settled",
                state=to,
                command_id=follower.id,
                command_source=follower.source,
                repeats=following.first.id if to is not CommandState.REJECTED else None,
                code=code or None,
            )
        return settled


def _is_end(announcement: Announcement) -> bool:
    return Outcome(announcement.outcome).is_final


QUEUED = frozenset({CommandState.WAITING, CommandState.HELD})


class Housekeeping:
    """A round every `poll_seconds`, or sooner when a repeat of an order came in. Not at every commit: a round is some
    ten statements, and an answer to a repeat may come a moment after the first order's end."""

    def __init__(self, services: LaneServices, worker: str, *, lanes_freed: Callable[[], None]) -> None:
        self._services = services
        self._worker = worker
        self._lanes_freed = lanes_freed
        self._repeats = Repeats(services, lanes_freed=lanes_freed)
        self._wake = asyncio.Event()
        self._settling = Settling(services, "housekeeping")

    def wake(self) -> None:
        """A repeat of an order came in; the first one may have ended already."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                moved = await self.run_once()
            except JournalUnavailable as fault:
                log.warning("journal_unavailable", reason=str(fault))
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
        late = [await self._guarded(command, self._fail_overdue(command)) for command in await journal.overdue(now)]
        looked, told = await self._repeats.look()
        if told:
            self._services.committed()
        return freed + entered + trying + sum(late) + looked

    async def _guarded(self, command: Command, act: Awaitable[bool]) -> bool:
        """One that breaks holds up none of the others."""
        try:
            return await act
        except JournalUnavailable:
            raise
        except Exception:
            self._services.hooks.broke(command.type, "again")
            log.exception("housekeeping_broke", command_id=command.id, command_source=command.source)
            return False

    async def _fail_overdue(self, command: Command) -> bool:
        code, stage, message = deadline_exceeded()
        announcement = failure(code, stage, message, command.attempts)
        return await self._settle(Settle(command, CommandState.FAILED, (announcement,)), QUEUED)

    async def _settle(self, move: Settle, expected: frozenset[CommandState]) -> bool:
        """`expected` are the states in which there is a reason to end it, not the state in which it was read: another
        replica may have settled it between the list and the reading, and no end may follow an end."""
        return await self._settling.settle(move, point=move.to, expected=expected)
