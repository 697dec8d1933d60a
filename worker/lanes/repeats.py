"""Commands that name the number of an earlier order: each is told what became of that one, or takes its place.

Guarantees that a follower moves only by compare-and-set, so that two replicas that look at it at once do one thing.
"""

from collections.abc import Callable

import structlog

from contracts.events import Outcome
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import Announcement, events_of
from worker.flows.orders import Refuse, Succeed, Tell, Wait, follow
from worker.lanes.services import LaneServices
from worker.records import FINAL, CommandState, Following, Heard, Settlement

log = structlog.get_logger(__name__)


class Repeats:
    """What followers do when their first has moved."""

    def __init__(self, services: LaneServices, *, lanes_freed: Callable[[], None]) -> None:
        self._services = services
        self._is_shared = services.settings.order_scope == "seller"
        self._lanes_freed = lanes_freed

    async def look(self) -> tuple[int, int]:
        """Let each that has something to look at do what it must. Returns how many looked, and how many events were
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
