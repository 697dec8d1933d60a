"""Serves one leased lane: its commands one by one over one session, then a while of waiting, then gives it up.

Guarantees that the lane's session is closed before the lane is given up. Knows nothing of other lanes but that
they may be waiting.
"""

import asyncio

import structlog

from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable, LeaseLost
from worker.lanes.exchange import Exchange
from worker.lanes.line import Interruption, Line
from worker.lanes.services import LaneServices
from worker.ports import FrameIgnored
from worker.records import Claim, Command

log = structlog.get_logger(__name__)

QUANTUM = 20
"""Commands in a row on one lane while other lanes wait for a place."""
RELEASE_TRIES = 5
BROKEN_PAUSE_SECONDS = 5
"""A bug that one command meets must not make its lane spin."""


class LaneRunner:
    """One lane from its claim to its release."""

    def __init__(self, services: LaneServices, claim: Claim) -> None:
        self._services = services
        self._claim = claim
        self._served = 0
        self.line = Line(services, claim.lease)

    async def serve(self) -> None:
        """Returns when the lane is given up. A bug is logged, and costs this lane a pause."""
        crashpoint("lane.claimed")
        command: Command | None = self._claim.command
        try:
            while command is not None:
                command = await self._serve_one(command) or await self._next()
        except LeaseLost as loss:
            log.warning("lane_lost", reason=str(loss), epoch=self._claim.lease.epoch)
        except JournalUnavailable as fault:
            log.warning("lane_dropped", reason=str(fault), epoch=self._claim.lease.epoch)
        except Exception:
            log.exception("lane_broke", epoch=self._claim.lease.epoch)
            await asyncio.sleep(BROKEN_PAUSE_SECONDS)
        finally:
            await self.line.hang_up()
            crashpoint("lane.hung_up")
            await self._release()

    async def _serve_one(self, command: Command) -> Command | None:
        self._served += 1
        return await Exchange(self._services, self.line, command, may_take_next=self._may_go_on).run()

    def _may_go_on(self) -> bool:
        services = self._services
        has_had_its_turn = services.is_contended and self._served >= QUANTUM
        return not (services.is_draining or has_had_its_turn or self.line.interruption)

    async def _next(self) -> Command | None:
        """The lane's next command, waited for as long as an idle session is worth keeping."""
        idle_until = asyncio.get_running_loop().time() + self._services.settings.session_idle_seconds
        while self._may_go_on():
            self.line.heed_wake()
            command = await self._services.journal.next_command(self._claim.lease, self._services.clock.now())
            if command is not None:
                return command
            if not self.line.is_connected or self._services.is_contended:
                return None
            if not await self._idle(idle_until):
                return None
        return None

    async def _idle(self, until: float) -> bool:
        """True when woken. Anything the gateway says meanwhile is a surprise, and ends the session."""
        try:
            event = await self.line.listen(until, wakeable=True)
        except (TimeoutError, Interruption):
            return False
        if event is None:
            return True
        reason = event.reason if isinstance(event, FrameIgnored) else type(event).__name__
        log.info("idle_session_surprised", reason=reason)
        if not (isinstance(event, FrameIgnored) and event.body is None):
            await self._keep_surprise(reason, event)
        return False

    async def _keep_surprise(self, reason: str, event: object) -> None:
        body = event.body if isinstance(event, FrameIgnored) and event.body else repr(event).encode()
        self._services.hooks.frame_ignored("unsolicited")
        await self._services.journal.keep_stray(self.line.lane, None, reason, body, self._services.clock.now())

    async def _release(self) -> None:
        """Bounded: a lane that cannot be given up is freed when the lease runs out."""
        for _ in range(RELEASE_TRIES):
            try:
                await self._services.journal.release(self._claim.lease, self._services.clock.now())
            except JournalUnavailable:
                await asyncio.sleep(1)
            else:
                return
