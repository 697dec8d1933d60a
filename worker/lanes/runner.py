"""Serves one leased lane: its commands one by one over one session, then a while of waiting, then gives it up.

Guarantees that the lane's session is closed before the lane is given up, and that a command whose run breaks again and
again is set aside: breaks are counted in the journal, so that they survive restarts and count over replicas. Knows
nothing of other lanes but that they may be waiting.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog

from contracts.commands import CommandType
from contracts.envelope import dumps
from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import InDoubtData
from worker.backoff import is_worth_a_line
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable, LeaseLost
from worker.flows.announce import announced, events_of, failure
from worker.flows.evidence.replies import UNREADABLE
from worker.flows.vocabulary import Record
from worker.lanes.lane_session import Insist, Interruption, LaneSession
from worker.lanes.runs.audit import AuditRun
from worker.lanes.runs.issue import IssueRun
from worker.lanes.runs.late_replies import LateReplies
from worker.lanes.runs.look_up import LookUpRun
from worker.lanes.runs.query import DetailsRun, DownloadRun, QueryRun
from worker.lanes.runs.run import LaneNext, Run
from worker.lanes.services import LaneServices
from worker.ports import Disconnected, DownloadTold, FrameIgnored, QueryEvent, ResultShown, SessionEvent
from worker.records import LOOK_UP, SUBMITTED, Claim, Command, CommandState, LaneLease, Step

log = structlog.get_logger(__name__)

MOST_BREAKS = 3
"""Runs that break before a command is set aside."""
LOOKED_AT_AGAIN_AFTER = timedelta(hours=1)
"""How long what is sought rests where the look-up for it broke so often."""
UNKNOWN_AGAIN_AFTER = timedelta(minutes=15)
"""When a command is taken again whose type this version does not know. Another replica, or the next version, may know
it."""


def set_aside(command: Command) -> Record:
    """How it ends. Before the submission it fails. After it a person decides, because the run that could find out
    breaks."""
    if command.state not in SUBMITTED:
        message = "The worker met a fault of its own again and again while it carried this out. Nothing was submitted."
        told = failure(FailureCode.INTERNAL_ERROR, Stage.QUEUED, message, command.attempts)
        return Record(CommandState.FAILED, (told,))
    data: InDoubtData = {
        "reason": "The worker met a fault of its own again and again after the submission.",
        "submittedAt": command.submitted_at,
        "candidates": [],
        "needsPerson": True,
        "nextLookAt": None,
    }
    return Record(CommandState.IN_DOUBT, (announced(Outcome.IN_DOUBT, data),))


def put_behind(now: datetime) -> Record:
    """A command whose type this version does not know waits behind all else on its lane."""
    return Record(CommandState.WAITING, due_at=now + UNKNOWN_AGAIN_AFTER, goes_last=True)


class Breakage:
    """Counts the runs of one lane that break, and sets their commands aside when there were too many."""

    def __init__(self, services: LaneServices, lease: LaneLease) -> None:
        self._services = services
        self._lease = lease

    async def count(self, command: Command, *, may_set_aside: bool) -> bool:
        """A run of this command broke. Returns whether it was set aside. Raises nothing when the store fails: then this
        break is not counted, but the next one is."""
        said = log.bind(command_id=command.id, command_source=command.source, command_type=command.type)
        try:
            crashpoint("breakage.count_next")
            breaks = await self._services.journal.count_break(command, self._lease)
            crashpoint("breakage.counted")
            is_over = may_set_aside and breaks >= MOST_BREAKS and await self._set_aside(command)
        except JournalUnavailable as fault:
            said.warning("break_not_counted", reason=str(fault))
            return False
        except Exception:
            # What is in the row cannot even be told of: it stays, and the lane rests between the tries.
            said.exception("break_not_settled")
            is_over = False
        else:
            self._services.hooks.broke(command.type, "set_aside" if is_over else "again")
            said.error("command_broke", breaks=breaks, is_set_aside=is_over)
        return is_over

    async def put_behind(self, command: Command) -> None:
        """Its type is of another version. Raises `JournalUnavailable`."""
        log.error("command_of_unknown_type", command_id=command.id, command_type=command.type)
        self._services.hooks.broke(command.type, "unknown_type")
        await self._record(command, put_behind(self._services.clock.now()))

    async def _set_aside(self, command: Command) -> bool:
        if command.type == LOOK_UP:
            not_before = self._services.clock.now() + LOOKED_AT_AGAIN_AFTER
            crashpoint("breakage.put_off_next")
            is_over = await self._services.journal.end_look_up(command, self._lease, not_before=not_before)
            crashpoint("breakage.put_off_recorded")
            return is_over
        return await self._record(command, set_aside(command))

    async def _record(self, command: Command, record: Record) -> bool:
        now = self._services.clock.now()
        step = Step(
            command=command,
            lease=self._lease,
            expected=frozenset({command.state}),
            to=record.to,
            at=now,
            events=events_of(command, record.announcements, worker=self._services.settings.source, at=now),
            due_at=record.due_at,
            goes_last=record.goes_last,
        )
        crashpoint(f"breakage.{record.to}_next")
        is_written = await self._services.journal.record(step)
        crashpoint(f"breakage.{record.to}_recorded")
        if is_written and step.events:
            self._services.committed()
            code = str(record.announcements[-1].data.get("code", ""))
            self._services.hooks.settled(command.type, record.to, code)
        return is_written


KINDS: Final = MappingProxyType[str, type[Run]](
    {
        # `invoice.check` is over before it is journaled, so no lane ever runs one.
        CommandType.ISSUE: IssueRun,
        CommandType.QUERY: QueryRun,
        CommandType.DOWNLOAD: DownloadRun,
        CommandType.ITEMS: DetailsRun,
        CommandType.FILES: DetailsRun,
        CommandType.STORED: DetailsRun,
        CommandType.AUDIT: AuditRun,
        LOOK_UP: LookUpRun,
    }
)


def run_of(
    services: LaneServices, lane_session: LaneSession, command: Command, may_take_next: Callable[[], bool]
) -> Run:
    """The run for this command. Where its run gave way on this lane before, that one goes on."""
    paused: Run | None = lane_session.paused
    if paused is not None and paused.command.key == command.key:
        lane_session.paused = None
        paused.resume(command)
        return paused
    return KINDS[command.type](services, lane_session, command, may_take_next=may_take_next)


QUANTUM = 20
"""Commands in a row on one lane while other lanes wait for a place."""
BROKEN_PAUSE_SECONDS = 5
"""A bug that one command meets must not make its lane spin."""


class LaneRunner:
    """One lane from its claim to its release."""

    def __init__(self, services: LaneServices, claim: Claim) -> None:
        self._services = services
        self._lease = claim.lease
        self._first: Command | None = claim.command
        self._served = 0
        self._in_hand: Command | None = None
        """The command that is being carried out, as it was when it was begun."""
        self._run: Run | None = None
        self._breakage = Breakage(services, claim.lease)
        self.lane_session = LaneSession(services, claim.lease, claim.tenant or claim.command.source)

    async def serve(self) -> None:
        """Returns when the lane is given up. A bug is logged, counted against the command in hand, and costs this lane
        a pause."""
        crashpoint("lane.claimed")
        command, self._first = self._first, None
        try:
            while command is not None:
                following = await self._serve_one(command)
                command = following.command  # where there is none, nothing of the last one is kept while the lane idles
                if command is None:
                    command = await self._next(has_looked=following.has_looked)
        except LeaseLost as loss:
            log.warning("lane_lost", reason=str(loss), epoch=self._lease.epoch)
        except JournalUnavailable as fault:
            log.warning("lane_dropped", reason=str(fault), epoch=self._lease.epoch)
        except Exception:
            log.exception("lane_broke", epoch=self._lease.epoch)
            await self.lane_session.hang_up()
            if not await self._set_aside():
                await self._rest(BROKEN_PAUSE_SECONDS)
        finally:
            await self.lane_session.hang_up()
            crashpoint("lane.hung_up")
            await self._release()

    async def _serve_one(self, command: Command) -> LaneNext:
        """Carry it out, and tell what comes next."""
        self._served += 1
        self._in_hand = command
        self._count_as(command.source)
        await self._hear_leftovers()
        if command.type not in KINDS and command.state not in SUBMITTED:
            await self._breakage.put_behind(command)
            self._in_hand = None
            return LaneNext()
        run = self._run = run_of(self._services, self.lane_session, command, self._may_go_on)
        following = await run.run()
        self._in_hand = self._run = None
        if following.has_had_its_turn:
            self._served = QUANTUM
        return following

    async def _set_aside(self) -> bool:
        """Whether the lane is rid of the command whose run broke. What this very run submitted is not set aside: the
        next run may find out what became of it."""
        if self._in_hand is None:
            return False
        now = self._in_hand if self._run is None else self._run.command
        is_found_again = now.state not in SUBMITTED or self._in_hand.state in SUBMITTED
        return await self._breakage.count(now, may_set_aside=is_found_again)

    def _count_as(self, tenant: str) -> None:
        """A look-up belongs to no tenant: the lane goes on counting as the tenant's before it."""
        if tenant and tenant != self.lane_session.tenant:
            self._services.places.leave(self.lane_session.tenant)
            self._services.places.take(tenant)
            self.lane_session.tenant = tenant

    def _may_go_on(self) -> bool:
        services = self._services
        has_had_its_turn = self.lane_session.is_contended and self._served >= QUANTUM
        # While the gateway is away, only a claim lets a lane through, as a probe. A lane without a session ends here.
        may_connect = services.breaker.is_open or self.lane_session.is_connected
        return (
            may_connect
            and services.can_tell()
            and not (services.is_draining or has_had_its_turn or self.lane_session.interruption)
        )

    async def _next(self, *, has_looked: bool) -> Command | None:
        """The lane's next command, waited for as long as an idle session is worth keeping. Where the journal was just
        asked, only a wake is a reason to ask again."""
        idle_until = asyncio.get_running_loop().time() + self._services.settings.session_idle_seconds
        while self._may_go_on():
            if not has_looked:
                self.lane_session.heed_wake()
                command = await self._services.journal.next_command(self._lease, self._services.clock.now())
                crashpoint("lane.looked")
                if command is not None:
                    return command
            has_looked = False
            if not self.lane_session.is_connected or self.lane_session.is_contended:
                return None
            if not await self._idle(idle_until):
                return None
        return None

    async def _rest(self, seconds: float) -> None:
        """Over sooner where the lane is to be given up anyway."""
        until = asyncio.get_running_loop().time() + seconds
        try:
            while self._may_go_on() and not self.lane_session.is_contended:
                if not await self.lane_session.rest(until):
                    return
        except Interruption:
            return

    async def _hear_leftovers(self) -> None:
        """What came before a command begins is no answer to it. It may be the late answer to an earlier order that
        differs in nothing, and would be taken for this one's. So it ends the session, as on an idle lane."""
        if not (self.lane_session.is_connected and self.lane_session.has_unheard):
            return
        try:
            event = await self._listen(asyncio.get_running_loop().time(), wakeable=False)
        except (TimeoutError, Interruption):
            return
        if event is not None:
            await self._surprised_by(event)
            await self.lane_session.hang_up()

    async def _idle(self, until: float) -> bool:
        """True when woken. Anything the gateway says meanwhile is a surprise, and ends the session."""
        try:
            event = await self._listen(until, wakeable=True)
        except (TimeoutError, Interruption):
            return False
        if event is None:
            return True
        await self._surprised_by(event)
        return False

    async def _listen(self, until: float, *, wakeable: bool) -> SessionEvent | QueryEvent | None:
        """What the gateway says, but for download notices: nobody knows how many come after a query (trap 72)."""
        while isinstance(event := await self.lane_session.listen(until, wakeable=wakeable), DownloadTold):
            pass
        return event

    async def _surprised_by(self, event: SessionEvent | QueryEvent) -> None:
        """Nobody asked: a late reply settles what it speaks of; what else may be evidence is kept."""
        if isinstance(event, Disconnected):
            log.info("idle_session_ended", reason=event.reason)
            return
        late = LateReplies(self._services, self.lane_session, Insist(self._services, self.lane_session, log))
        if isinstance(event, ResultShown):
            if not await late.settle(event):
                self._services.hooks.frame_ignored("unsolicited")
                await late.keep(event)
            return
        reason = event.reason if isinstance(event, FrameIgnored) else type(event).__name__
        body = event.body if isinstance(event, FrameIgnored) else dumps(asdict(event))
        log.warning("idle_session_surprised", reason=reason)
        self._services.hooks.frame_ignored("unsolicited")
        if body is not None:
            await late.keep_as(None, reason, body)
            if reason == UNREADABLE:
                await late.keep_frame(body)

    async def _release(self) -> None:
        """Give the lane up, and try until the store says so or the lease is lost. This worker goes on renewing its
        lease, so a lane that it kept without serving it would be lost to everybody. A worker that drains tries once,
        for it ends its lease in a moment."""
        services, tries = self._services, 0
        while not services.lease.is_given_up:
            tries += 1
            try:
                await services.journal.release(self._lease, services.clock.now())
            except JournalUnavailable as fault:
                services.outage.met(fault)
            except Exception:
                if is_worth_a_line(tries):
                    log.exception("lane_not_released", tries=tries)
            else:
                crashpoint("lane.released")
                return
            if services.is_draining:
                return
            await asyncio.sleep(services.settings.poll_seconds)
