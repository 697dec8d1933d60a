"""Carries out one command on its lane: asks the flow what to do, does it, and tells the flow what came of it.

Guarantees that every effect of a decision begins only after the one before it is done, so a record is durable
before the act it announces. Knows nothing of which lane comes next.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from contracts.envelope import dumps
from worker.crashpoints import crashpoint
from worker.errors import InDoubt, JournalUnavailable, LeaseLost, Permanent, Transient
from worker.flows import issue
from worker.flows.announce import events_of
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
    Recovered,
    SendLogin,
    Submit,
    TimedOut,
)
from worker.lanes.line import Interruption, Line
from worker.lanes.order import Order, OrderFault, try_order
from worker.lanes.services import LaneServices
from worker.ports import Disconnected, FrameIgnored, ResultShown
from worker.records import FINAL, SUBMITTED, Command, CommandState, Step

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Exchange:
    """One command from its lane's claim to its end, or to its return to the queue."""

    def __init__(
        self, services: LaneServices, line: Line, command: Command, *, may_take_next: Callable[[], bool]
    ) -> None:
        self._services = services
        self._line = line
        self._command = command
        self._may_take_next = may_take_next
        """Asked when the command ends: the lane's next command is then taken in the same transaction."""
        self._order: Order | OrderFault = try_order(command, services.credentials)
        self._state = issue.IssueState()
        self._timer_at: float | None = None
        self._began_at = services.clock.monotonic()
        self._had_refusals = False
        self._next: Command | None = None
        self._answer_was_lost = False
        self.has_looked_for_next = False
        """The lane has no other due command, but for what woke the line since."""
        self._log = log.bind(command_id=command.id, command_source=command.source)

    async def run(self) -> Command | None:
        """The lane's next command, if there is one. Raises `LeaseLost` when the lane is no longer ours."""
        given: Input = await self._first_input()
        while True:
            decision = issue.decide(self._situation(), given)
            self._state = decision.state
            if decision.timer is not None:
                self._timer_at = asyncio.get_running_loop().time() + decision.timer.total_seconds()
            answer = await self._perform(decision.effects)
            if self._state.phase is issue.Phase.ENDED:
                return self._next
            given = answer or await self._next_input()

    # ---- what the flow is told ---------------------------------------------------------------------

    async def _first_input(self) -> Input:
        if self._command.state in SUBMITTED:
            return Recovered()
        if isinstance(self._order, OrderFault):
            return Begin(session_is_open=False, credential_fault=self._order.message)
        if await self._line.serves(self._order):
            return Begin(session_is_open=True)
        name = self._order.account
        account = await self._insist(lambda: self._services.journal.account(name))
        self._had_refusals = account.refusals > 0
        return Begin(session_is_open=False, suspended_until=account.suspended_until)

    def _situation(self) -> issue.Situation:
        return issue.Situation(
            state=self._state,
            command=self._command,
            invoice={} if isinstance(self._order, OrderFault) else self._order.invoice,
            timing=self._services.timing,
            now=self._services.clock.now(),
            chance=self._services.chance(),
        )

    async def _next_input(self) -> Input:
        """The next thing that matters: an answer, the end of the connection or of the phase's time, or the drain."""
        while True:
            try:
                event = await self._line.listen(self._timer_at)
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
                case Disconnected(reason):
                    return ConnectionLost(reason)
                case ResultShown() if self._services.addresses.is_repeat(*self._settlement(event.invoice_url)):
                    await self._perform_one(KeepStray("repeated", {**event.invoice, "invoiceUrl": event.invoice_url}))
                case None:
                    raise AssertionError("an exchange is never woken")
                case _:
                    return event

    def _interrupted(self, interruption: Interruption) -> Input:
        if interruption.lease_is_lost:
            raise LeaseLost("the lease ended during the exchange")
        return Draining()

    # ---- what the flow wants done ------------------------------------------------------------------

    async def _perform(self, effects: tuple[Effect, ...]) -> Input | None:
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
            case SendLogin():
                return await self._send_login()
            case Submit():
                return await self._submit()
            case CloseSession():
                await self._line.hang_up()
            case CountLogin(accepted):
                await self._count_login(accepted=accepted)
            case KeepStray(reason, content):
                self._services.hooks.frame_ignored(reason)
                self._log.warning("reply_fits_nothing", reason=reason)
                await self._keep(reason, dumps(content))
        return None

    async def _connect(self) -> Input:
        order = self._ready_order()
        gate = self._services.gate
        try:
            await self._line.connect(order)
        except Interruption as interruption:
            return self._interrupted(interruption)
        except Permanent as fault:
            gate.succeeded()
            return ConnectFailed(str(fault), code=fault.code)
        except Transient as fault:
            gate.failed(self._services.clock.monotonic(), self._services.chance())
            self._log.warning("gateway_unreachable", reason=str(fault))
            return ConnectFailed(str(fault), retry_after=fault.retry_after)
        gate.succeeded()
        crashpoint("issue.connected")
        return Connected()

    async def _send_login(self) -> Input | None:
        self._check_lease()
        try:
            await self._line.session.login(self._ready_order().login)
        except Transient as fault:
            return ConnectionLost(str(fault))
        crashpoint("issue.login_sent")
        return None

    async def _submit(self) -> Input | None:
        """The one act that cannot be undone. A worker that slept past its lease stops here: the record says
        `submitting`, so whoever holds the lane by now treats it as submitted."""
        self._check_lease()
        self._services.hooks.submitted()
        try:
            await self._line.session.submit(self._ready_order().submission)
        except (InDoubt, Transient) as fault:
            return ConnectionLost(str(fault))
        crashpoint("issue.submitted")
        return None

    async def _count_login(self, *, accepted: bool) -> None:
        if accepted and not self._had_refusals:
            return
        if not accepted:
            self._services.hooks.login_refused()
        services, name = self._services, self._ready_order().account
        account = await self._insist(
            lambda: services.journal.count_login(
                name,
                accepted=accepted,
                now=services.clock.now(),
                threshold=services.settings.login_failures,
                suspend=services.suspension,
            )
        )
        if account.suspended_until is not None and not accepted:
            self._log.error("account_suspended", refusals=account.refusals, until=account.suspended_until.isoformat())

    async def _keep(self, reason: str, body: bytes) -> None:
        """Evidence for a person: worth a try, not worth the exchange."""
        try:
            await self._services.journal.keep_stray(
                self._line.lane, self._command.key, reason, body, self._services.clock.now()
            )
        except JournalUnavailable as fault:
            self._log.warning("stray_not_kept", reason=str(fault))

    # ---- durable steps -----------------------------------------------------------------------------

    async def _record(self, record: Record) -> None:
        now = self._services.clock.now()
        command = self._command
        events = events_of(command, record.announcements, worker=self._services.settings.source, at=now)
        step = Step(
            command=command,
            lease=self._line.lease,
            expected=frozenset({command.state}),
            to=record.to,
            at=now,
            events=events,
            due_at=record.due_at,
        )
        crashpoint(f"issue.{record.to}_next")
        if record.to is CommandState.SUBMITTING:
            await self._record_submission(step)
        else:
            await self._write(step, ends=self._state.phase is issue.Phase.ENDED)
        crashpoint(f"issue.{record.to}_recorded")
        if self._state.phase is not issue.Phase.ENDED:  # else nobody asks any more
            self._command = replace(
                command,
                state=record.to,
                last_sequence=command.last_sequence + len(events),
                submitted_at=now if record.to is CommandState.SUBMITTING else command.submitted_at,
            )
        if record.to is CommandState.COMPLETED:
            self._services.addresses.settled(*self._settlement(record.announcements[-1].data.get("invoiceUrl")))
        if events:
            self._services.committed()
        self._report(record)
        if self._answer_was_lost:
            raise LeaseLost("the store's answer was lost; the lane is claimed anew")

    async def _record_submission(self, step: Step) -> None:
        """Written once or not at all: if the store does not answer, the command must be taken as submitted by
        whoever reads it next, so this worker must not send any more."""
        self._check_lease()
        try:
            written = await self._services.journal.record(step)
        except JournalUnavailable as fault:
            raise LeaseLost("the store did not confirm the record of the submission") from fault
        if not written:
            raise LeaseLost("the lane has another holder")

    async def _write(self, step: Step, *, ends: bool) -> None:
        """Raises `LeaseLost` if somebody else has the lane. A second try that finds the step done is no loss: the first
        one's commit may have gone through although its answer did not. It may also have begun the lane's next
        command; only a new claim shows that."""
        journal = self._services.journal
        tries = 0

        async def write() -> bool:
            nonlocal tries
            tries += 1
            if ends and self._may_take_next():
                self._line.heed_wake()
                written, self._next = await journal.record_and_next(step)
                self.has_looked_for_next = written
                return written
            return await journal.record(step)

        is_written = await self._insist(write)
        if not is_written and tries == 1:
            self._log.warning("step_fenced", step=step.to)
            raise LeaseLost("the lane has another holder")
        self._answer_was_lost = ends and not is_written

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Until the store answers. What is known by now (an invoice issued!) must not die with this worker because a
        database restarts. The session does go with the lease; writes are fenced by the epoch."""
        while True:
            try:
                return await act()
            except JournalUnavailable as fault:
                self._log.warning("journal_unavailable", reason=str(fault))
            if not self._services.lease.is_safe(self._services.clock.monotonic()):
                await self._line.hang_up()
            await asyncio.sleep(self._services.settings.poll_seconds)

    def _report(self, record: Record) -> None:
        """One line per command at its end, and one when it goes back or falls into doubt."""
        if record.to in FINAL | {CommandState.IN_DOUBT, CommandState.WAITING}:
            said: dict[str, Any] = record.announcements[-1].data if record.announcements else {}
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

    def _settlement(self, invoice_url: str | None) -> tuple[str, str | None, str | None]:
        """What a result is known again by."""
        return self._line.lane, self._command.fingerprint, invoice_url

    def _check_lease(self) -> None:
        if not self._services.lease.is_safe(self._services.clock.monotonic()):
            raise LeaseLost("the lease is at its end")

    def _ready_order(self) -> Order:
        if isinstance(self._order, OrderFault):
            raise AssertionError("a command without a login never gets this far")  # noqa: TRY004
        return self._order
