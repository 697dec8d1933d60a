"""Carries out one command on its lane: asks the flow what to do, does it, and tells the flow what came of it.

Guarantees that every effect of a decision begins only after the one before it is done, so a record is durable
before the act it announces. What flows share is here; each flow's own acts are in a run of its own. Knows nothing of
which lane comes next.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, TypeVar

import structlog

from contracts.envelope import dumps
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable, LeaseLost, Permanent, Transient, Unreachable
from worker.flows.announce import events_of, keeps_order
from worker.flows.evidence.replies import UNREADABLE
from worker.flows.table import Decision, FlowState, Situation
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    CountLogin,
    Draining,
    Effect,
    Input,
    KeepStray,
    Record,
    TimedOut,
)
from worker.lanes.breaker import GatewayBreaker
from worker.lanes.lane_session import Insist, Interruption, LaneSession
from worker.lanes.runs.late_replies import LateReplies, keep_stray
from worker.lanes.runs.order import Access, CredentialFault
from worker.lanes.runs.refusals import LoginRefusals
from worker.lanes.services import LaneServices
from worker.making import replace
from worker.ports import Disconnected, FrameIgnored, QueryEvent, SessionEvent
from worker.records import (
    FINAL,
    PROGRESSING,
    UNSETTLED,
    AccountLogin,
    Command,
    CommandState,
    Step,
    is_own_lane,
    lane_apart,
)

log = structlog.get_logger(__name__)

_REPORTED: Final = FINAL | UNSETTLED | {CommandState.WAITING}

T = TypeVar("T")
S = TypeVar("S", bound=FlowState)
W = TypeVar("W")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LaneNext:
    """What comes on a lane after a command."""

    command: Command | None = None
    """Already begun, in the transaction that ended the one before."""
    has_looked: bool = False
    """The journal was asked: the lane has no other due command, but for what woke it since."""
    has_had_its_turn: bool = False
    """Other lanes wait, and this command took long enough: nothing more is taken on this one."""


class Run(ABC):
    """One command from its lane's claim to its end, or to its return to the queue."""

    name: ClassVar[str]
    """Begins the names of the flow's crash points."""

    def __init__(
        self, services: LaneServices, lane_session: LaneSession, command: Command, *, may_take_next: Callable[[], bool]
    ) -> None:
        self._services = services
        self._lane_session = lane_session
        self._command = command
        self._may_take_next = may_take_next
        """Asked when the command ends: the lane's next command is then taken in the same transaction."""
        self._has_ended = False
        self._timer_at: float | None = None
        self._began_at = services.clock.monotonic()
        self._answer_was_lost = False
        self._unkept: list[tuple[str, bytes]] = []
        self._next = LaneNext()
        self._log = log.bind(command_id=command.id, command_source=command.source)
        self._insist = Insist(services, lane_session, self._log)
        self._refusals = LoginRefusals(services, self._insist, self._log)
        self._read()

    async def run(self) -> LaneNext:
        """To its end, or back to the queue. Raises `LeaseLost` when the lane is no longer ours."""
        given = await self._first_input()
        while True:
            decision = self._decide(given)
            self._has_ended = decision.state.has_ended
            if decision.timer is not None:
                self._timer_at = asyncio.get_running_loop().time() + decision.timer.total_seconds()
            answer = await self._perform_all(decision.effects)
            if self._has_ended:
                return self._next
            del given, decision  # a picture that was told is not kept while somebody scans it
            given = answer or await self._next_input()

    def resume(self, command: Command) -> None:
        """Go on with what is in memory, under a new beginning of the same command."""
        self._command = command
        self._has_ended = self._answer_was_lost = False
        self._timer_at, self._next = None, LaneNext()

    @property
    def command(self) -> Command:
        """As the journal has it by now, as far as this run knows."""
        return self._command

    # ---- what each flow says for itself --------------------------------------------------------------

    def _read(self) -> None:  # noqa: B027  a flow that wants nothing of the command reads nothing
        """Read what the command wants. Called once, before all else."""

    @abstractmethod
    def _decide(self, given: Input) -> Decision[FlowState]:
        """Ask the flow, and keep the state it comes to."""

    @abstractmethod
    async def _first_input(self) -> Input:
        """What the flow is told first."""

    @abstractmethod
    def _access(self) -> Access:
        """What a session is opened for."""

    def _situation(self, state: S, wish: W, rules: R) -> Situation[S, W, R]:
        """As the flow may see it now."""
        services = self._services
        return Situation(
            state=state,
            command=self._command,
            wish=wish,
            rules=rules,
            timing=services.timing,
            now=services.clock.now(),
            chance=services.chance(),
            looks=services.looks,
        )

    async def _hear(self, event: SessionEvent | QueryEvent) -> Input | None:
        """What an event of the session means to the flow; None where it means nothing."""
        self._services.hooks.frame_ignored("unexpected")
        self._log.warning("event_unexpected", event_kind=type(event).__name__)
        return None

    async def _perform(self, effect: Effect) -> Input | None:
        """An act of this flow alone."""
        raise AssertionError(f"{type(self).__name__} does not know how to {type(effect).__name__}")

    # ---- what the flow is told ---------------------------------------------------------------------

    async def _beginning(self, fault: CredentialFault | None) -> Begin:
        """The usual first input of a flow that logs in."""
        if fault is not None:
            return Begin(session_is_open=False, credential_fault=fault.message, fault_is_passing=fault.is_passing)
        access = self._access()
        if await self._lane_session.serves(access):
            return Begin(session_is_open=True)
        account = await self._refusals.read(self._counted())
        return Begin(session_is_open=False, suspended_until=account.suspended_until, refused_logins=account.refusals)

    def _counted(self) -> AccountLogin:
        """The login, as its refusals are counted."""
        return self._access().counted(self._lane_session.lane)

    def _suspension(self) -> tuple[int, timedelta]:
        """After how many refusals in a row an account rests, and for how long."""
        return self._services.settings.login_failures, self._services.suspension

    async def _next_input(self) -> Input:
        """The next thing that matters: an answer, the end of the connection or of the phase's time, or the drain."""
        while True:
            try:
                event = await self._lane_session.listen(self._timer_at)
            except TimeoutError:
                return TimedOut()
            except Interruption as interruption:
                return self._interrupted(interruption)
            match event:
                case FrameIgnored(reason, body):
                    self._services.hooks.frame_ignored(reason)
                    self._log.warning("frame_ignored", reason=reason)
                    if body is not None:
                        await self._keep(reason, body)
                        if reason == UNREADABLE:
                            await LateReplies(self._services, self._lane_session, self._insist).keep_frame(body)
                case Disconnected(reason):
                    return ConnectionLost(reason)
                case None:
                    raise AssertionError("a run is never woken")
                case _:
                    told = await self._hear(event)
                    if told is not None:
                        return told

    def _interrupted(self, interruption: Interruption) -> Input:
        if interruption.lease_is_lost:
            raise LeaseLost("the lease ended during the run")
        return Draining()

    # ---- what the flow wants done ------------------------------------------------------------------

    async def _perform_all(self, effects: tuple[Effect, ...]) -> Input | None:
        """Effects in order; the first that has an answer for the flow ends the row."""
        for effect in effects:
            answer = await self._perform_one(effect)
            if answer is not None:
                return answer
        return None

    async def _perform_one(self, effect: Effect) -> Input | None:
        match effect:
            case Record():
                await self._record(effect)
            case Connect():
                return await self._connect()
            case CloseSession():
                await self._lane_session.hang_up()
            case CountLogin(accepted):
                threshold, suspend = self._suspension()
                await self._refusals.count(self._counted(), accepted=accepted, threshold=threshold, suspend=suspend)
            case KeepStray(reason, content):
                self._services.hooks.frame_ignored(reason)
                self._log.warning("reply_fits_nothing", reason=reason)
                await self._keep(reason, dumps(content))
            case _:
                return await self._perform(effect)
        return None

    async def _connect(self) -> Input:
        breaker = self._services.breaker
        try:
            await self._lane_session.connect(self._access())
        except Interruption as interruption:
            return self._interrupted(interruption)
        except Permanent as fault:
            breaker.succeeded()  # only a gateway that is there refuses an identity
            return ConnectFailed(str(fault), code=fault.code)
        except Transient as fault:
            self._count_failure(breaker, fault)
            self._log.warning("gateway_unreachable", reason=str(fault))
            return ConnectFailed(str(fault), retry_after=fault.retry_after)
        breaker.succeeded()
        crashpoint(f"{self.name}.connected")
        return Connected()

    def _count_failure(self, breaker: GatewayBreaker, fault: Transient) -> None:
        """Nobody answered this lane."""
        at, chance = self._services.clock.monotonic(), self._services.chance()
        breaker.failed(self._lane_session.lane, at, chance, concerns_all=isinstance(fault, Unreachable))

    async def _send(self, act: Awaitable[None], crash_point: str) -> Input | None:
        """Send what may be sent again. Nothing is sent once the lease is at its end."""
        try:
            await act
        except Transient as fault:
            return ConnectionLost(str(fault))
        crashpoint(f"{self.name}.{crash_point}")
        return None

    async def _keep(self, reason: str, body: bytes) -> None:
        """Evidence for a person. Where the store does not answer, the run goes on; it is kept with the next record."""
        try:
            await keep_stray(self._services, self._lane_session.lane, self._command.key, reason, body)
        except JournalUnavailable as fault:
            self._log.warning("stray_not_kept", kept_reason=reason, reason=str(fault))
            self._unkept.append((reason, body))

    # ---- durable steps -----------------------------------------------------------------------------

    async def _record(self, record: Record) -> None:
        now = self._services.clock.now()
        step = self._step(record, now)
        crashpoint(f"{self.name}.{record.to}_next")
        await self._write(step)
        crashpoint(f"{self.name}.{record.to}_recorded")
        unkept, self._unkept = self._unkept, []
        for evidence in unkept:
            await self._keep(*evidence)
        if not self._has_ended:  # else nobody asks any more
            self._command = replace(
                self._command,
                state=record.to,
                last_sequence=self._command.last_sequence + len(step.events),
                submitted_at=now if record.to is CommandState.SUBMITTING else self._command.submitted_at,
                attempts=1 if record.progress is not None and record.to in PROGRESSING else self._command.attempts,
                deadline_at=record.deadline_at or self._command.deadline_at,
            )
        if record.to in UNSETTLED:
            self._lane_session.may_have_unsettled = True
        self._recorded(record)
        if step.events:
            self._services.committed()
        self._report(record)
        if self._answer_was_lost:
            raise LeaseLost("the store's answer was lost; the lane is claimed anew")

    def _step(self, record: Record, now: datetime) -> Step:
        command = self._command
        return Step(
            command=command,
            lease=self._lane_session.lease,
            expected=frozenset({command.state}),
            to=record.to,
            at=now,
            events=events_of(command, record.announcements, worker=self._services.settings.source, at=now),
            due_at=record.due_at,
            progress=record.progress,
            deadline_at=record.deadline_at,
            sought_at=record.sought_at,
            findings=record.findings,
            to_lane=lane_apart(command) if record.goes_apart and not is_own_lane(self._lane_session.lane) else None,
            goes_last=record.goes_last,
            keeps_order=keeps_order(record.announcements),
            account=self._account(record),
        )

    def _account(self, record: Record) -> str | None:
        """The account that submits by this step, if it does."""
        return None

    def _recorded(self, record: Record) -> None:  # noqa: B027  most flows have nothing to do then
        """A step is durable."""

    async def _write(self, step: Step) -> None:
        """Raises `LeaseLost` if another worker has the lane. If a second try is refused, that is not proven: the first
        one may have been committed, and only its answer lost (`_stands`). It may also have begun the lane's next
        command, which nobody would run; so the lane is given up then, and claimed anew with what it has."""
        journal, ends = self._services.journal, self._has_ended
        tries = 0

        async def write() -> bool:
            nonlocal tries
            tries += 1
            if ends and not self._next.has_had_its_turn and self._may_take_next():
                self._lane_session.heed_wake()
                written, following = await journal.record_and_next(step)
                self._next = LaneNext(following, has_looked=written)
                return written
            return await journal.record(step)

        is_written = await self._insist(write)
        if not is_written and (tries == 1 or not await self._stands(step)):
            self._log.warning("step_fenced", step=step.to)
            await self._fenced(step)
            raise LeaseLost("the lane has another holder")
        self._answer_was_lost = ends and not is_written

    async def _stands(self, step: Step) -> bool:
        """Whether an earlier try of this step was durable."""
        command, journal = self._command, self._services.journal
        found = await self._insist(lambda: journal.find(command.id, command.source))
        return any(each.key == command.key and each.state is step.to and each.epoch == command.epoch for each in found)

    async def _fenced(self, step: Step) -> None:  # noqa: B027  what most flows know, the lane's holder finds out anew
        """Another worker has the lane; this step was not written."""

    def _report(self, record: Record) -> None:
        """One line per command at its end, and one when it goes back, is checked or falls into doubt."""
        if record.to in _REPORTED:
            said: Mapping[str, Any] = record.announcements[-1].data if record.announcements else {}
            code = str(said.get("code", ""))
            if record.to is not CommandState.WAITING:
                self._services.hooks.settled(self._command.type, record.to, code)
            why = {name: said[name] for name in ("code", "stage", "reason") if said.get(name)}
            self._log.info(
                "command_put_back" if record.to is CommandState.WAITING else "command_settled",
                state=record.to,
                **why,
                attempts=self._command.attempts,
                seconds=round(self._services.clock.monotonic() - self._began_at, 3),
            )

    def _check_lease(self) -> None:
        if not self._services.lease.is_safe(self._services.clock.monotonic()):
            raise LeaseLost("the lease is at its end")
