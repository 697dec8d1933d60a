"""The run of `invoice.issue`: the login, the one submission, its QRs and its result.

Guarantees a look at the lease right before anything is sent, and that a result counts for the command in hand only
where it cannot be meant for another one of the lane.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from worker.crashpoints import crashpoint
from worker.errors import InDoubt, JournalUnavailable, LeaseLost, Transient
from worker.flows import issue
from worker.flows.evidence.replies import Closeness, closeness
from worker.flows.vocabulary import (
    ConnectionLost,
    Effect,
    Input,
    KeepStray,
    Record,
    Recovered,
    SendLogin,
    Submit,
)
from worker.lanes.lane_session import LaneSession
from worker.lanes.runs.late_replies import LateReplies
from worker.lanes.runs.order import Access, CredentialFault, Order, try_order
from worker.lanes.runs.run import Run
from worker.lanes.services import LaneServices
from worker.ports import QrRefused, QueryEvent, ResultRefused, ResultShown, SessionEvent
from worker.records import SUBMITTED, Command, CommandState, Step


class IssueRun(Run):
    """One invoice to issue."""

    name: ClassVar[str] = "issue"

    def __init__(
        self, services: LaneServices, line: LaneSession, command: Command, *, may_take_next: Callable[[], bool]
    ) -> None:
        super().__init__(services, line, command, may_take_next=may_take_next)
        self._order: Order | CredentialFault = try_order(command, services.credentials)
        self._state = issue.IssueState()
        self._late = LateReplies(services, line)

    @override
    def _decide(self, given: Input) -> issue.Next:
        decision = issue.decide(self._situation(), given)
        self._state = decision.state
        return decision

    def _situation(self) -> issue.Situation:
        return issue.Situation(
            state=self._state,
            command=self._command,
            invoice={} if isinstance(self._order, CredentialFault) else self._order.invoice,
            timing=self._services.timing,
            now=self._services.clock.now(),
            chance=self._services.chance(),
            looks=self._services.looks,
        )

    @override
    async def _first_input(self) -> Input:
        if self._command.state in SUBMITTED:
            return Recovered()
        return await self._beginning(self._order if isinstance(self._order, CredentialFault) else None)

    @override
    def _access(self) -> Access:
        return self._ready_order().access

    # ---- replies -------------------------------------------------------------------------------------

    @override
    async def _hear(self, event: SessionEvent | QueryEvent) -> Input | None:
        if isinstance(event, ResultShown):
            close = closeness(self._ready_order().invoice, event.invoice)
            stray = await self._stray(event, close)
            if stray is not None:
                await self._perform_one(KeepStray(stray, {**event.invoice, "invoiceUrl": event.invoice_url}))
                return None
            if close is Closeness.OTHER and await self._late.settle(event):
                return None
            return event
        if isinstance(event, ResultRefused | QrRefused) and await self._insist(self._late.lack_an_answer):
            self._services.hooks.frame_ignored("refusal_of_several")
            self._log.warning("refusal_of_several")
            return replace(event, may_be_anothers=True)
        return event  # type: ignore[return-value]  # the flow knows every event of an issue session

    async def _stray(self, shown: ResultShown, close: Closeness) -> str | None:
        """Why a result settles nothing at all, if so."""
        if self._services.addresses.is_repeat(*self._settlement(shown.invoice_url)):
            return "repeated"
        if close is Closeness.UNMISTAKABLE:
            return None
        others = await self._insist(lambda: self._late.meant(shown))
        return "fits_several" if len(others) + (close is Closeness.FITS) > 1 else None

    # ---- acts ----------------------------------------------------------------------------------------

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case SendLogin():
                self._check_lease()
                return await self._send(self._line.session.login(self._access().login), "login_sent")
            case Submit():
                return await self._submit()
            case _:
                return await super()._perform(effect)

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

    # ---- durable steps -------------------------------------------------------------------------------

    @override
    def _step(self, record: Record) -> Step:
        step = super()._step(record)
        return replace(step, account=self._access().account) if record.to is CommandState.SUBMITTING else step

    @override
    async def _write(self, step: Step) -> None:
        """The submission is written once or not at all: if the store does not answer, the command must be taken as
        submitted by whoever reads it next, so this worker must not send any more."""
        if step.to is not CommandState.SUBMITTING:
            await super()._write(step)
            return
        self._check_lease()
        try:
            written = await self._services.journal.record(step)
        except JournalUnavailable as fault:
            raise LeaseLost("the store did not confirm the record of the submission") from fault
        if not written:
            raise LeaseLost("the lane has another holder")

    @override
    def _recorded(self, record: Record) -> None:
        if record.to is CommandState.COMPLETED:
            address = record.announcements[-1].data.get("invoiceUrl")
            self._services.addresses.settled(*self._settlement(address))

    def _settlement(self, invoice_url: str | None) -> tuple[str, str | None, str | None]:
        """What a result is known again by."""
        return self._line.lane, self._command.fingerprint, invoice_url

    def _ready_order(self) -> Order:
        if isinstance(self._order, CredentialFault):
            raise AssertionError("a command without a login never gets this far")  # noqa: TRY004
        return self._order
