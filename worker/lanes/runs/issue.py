"""The run of `invoice.issue`: the login, the one submission, its QRs and its result.

Guarantees a look at the lease right before anything is sent, and that a result counts for the command in hand only
where it cannot be meant for another one of the lane.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable, LeaseLost, SubmissionInDoubt, Transient
from worker.flows import issue
from worker.flows.evidence.replies import (
    DOES_NOT_FIT,
    FITS_SEVERAL,
    UNREADABLE,
    Late,
    Mine,
    StrayReply,
    echo_of,
    judge,
)
from worker.flows.vocabulary import (
    ConnectionLost,
    CountRefusal,
    Effect,
    Input,
    KeepStray,
    Record,
    Recovered,
    SendLogin,
    Submit,
)
from worker.lanes.runs.late_replies import LateReplies, Unsettled
from worker.lanes.runs.order import Access, CredentialFault, ReadOrder, read_data, try_order
from worker.lanes.runs.refusals import SellerOf
from worker.lanes.runs.run import Run
from worker.ports import QrRefused, QueryEvent, ResultRefused, ResultShown, SessionEvent
from worker.records import SUBMITTED, CommandState, Step, SubmittedInvoice


class IssueRun(Run):
    """One invoice to issue."""

    name: ClassVar[str] = "issue"

    @override
    def _read(self) -> None:
        data = read_data(self._command)
        self._order: ReadOrder | CredentialFault = try_order(
            self._command, self._services.credentials, data, self._lane_session.access
        )
        self._sent = SubmittedInvoice.read(data)
        self._state = issue.IssueState()
        self._late = LateReplies(self._services, self._lane_session, self._insist)
        self._shown: ResultShown | None = None
        """The result that was taken for this command's."""
        self._seller = SellerOf(self._services, self._command, self._insist)

    @override
    def _decide(self, given: Input) -> issue.Next:
        decision = issue.decide(self._situation(self._state, self._sent, None), given)
        self._state = decision.state
        return decision

    @override
    async def _first_input(self) -> Input:
        if self._command.state in SUBMITTED:
            return Recovered()
        begin = await self._beginning(self._order if isinstance(self._order, CredentialFault) else None)
        if begin.credential_fault is None and await self._seller.is_resting(session_is_open=begin.session_is_open):
            self._log.info("order_held", reason="orders of this seller were refused in a row")
            return replace(begin, seller_rests=True)
        return begin

    @override
    def _access(self) -> Access:
        return self._ready_order().access

    # ---- replies -------------------------------------------------------------------------------------

    @override
    async def _hear(self, event: SessionEvent | QueryEvent) -> Input | None:
        if isinstance(event, ResultShown):
            return await self._result(event)
        if isinstance(event, ResultRefused) and event.evidence is not None:
            await super()._keep(UNREADABLE, event.evidence.encode())
        if isinstance(event, ResultRefused | QrRefused) and await self._insist(self._late.lack_an_answer):
            self._services.hooks.frame_ignored("refusal_of_several")
            self._log.warning("refusal_of_several")
            return replace(event, may_be_anothers=True)
        return event  # type: ignore[return-value]  # the flow knows every event of an issue session

    @override
    async def _keep(self, reason: str, body: bytes) -> None:
        await super()._keep(reason, body)
        if reason == UNREADABLE:
            self._state = replace(self._state, has_strays=True)

    async def _result(self, shown: ResultShown) -> Input | None:
        """Whose it is: this command's, that of an unsettled one before it, or nobody knows."""
        await self._insist(self._late.recall)
        if self._is_repeat(shown):
            await self._lay_aside(shown, "repeated")
            return None
        if self._command.state not in SUBMITTED:
            # It is not there yet, so this is the late one of a submission before it.
            if not await self._late.settle(shown):
                await self._late.keep(shown)
            return None
        if self._state.has_strays and await self._insist(lambda: self._late.was_of_several(self._command.key, shown)):
            await self._lay_aside(shown, FITS_SEVERAL)
            return None
        if self._late.was_laid_aside(shown):
            await self._lay_aside(shown, "repeated")
            return None
        others = await self._insist(self._late.unsettled)
        found = self._late.unanswered()
        self._shown = shown
        if not others and not found and not self._late.has_unreadable:
            return shown  # nobody else's: whether it is this one's, the flow sees
        return await self._judged(shown, others, found)

    async def _judged(
        self, shown: ResultShown, others: Sequence[Unsettled], found: Mapping[int, SubmittedInvoice]
    ) -> Input | None:
        """`found` are settled: a result that is one of theirs settles nothing more."""
        open_ones = [*(other.sent for other in others), *found.values()]
        match judge(shown.reply, self._sent, open_ones, may_be_more=self._late.has_unreadable):
            case Mine():
                return shown
            case Late(place) if place >= len(others):
                self._services.addresses.answered(self._lane_session.lane, [*found][place - len(others)])
                await self._lay_aside(shown, "repeated")
                return None
            case Late(place):
                if not await self._late.settle_one(others[place], shown):
                    await self._late.keep_for(others[place].command.key, DOES_NOT_FIT, shown)
                return None
            case StrayReply(reason, places, may_be_mine):
                for place in places:
                    if place < len(others):
                        await self._late.keep_for(others[place].command.key, reason, shown)
                if not may_be_mine:
                    return shown  # the flow lays it aside, and goes on waiting
                self._services.addresses.answered(self._lane_session.lane, self._command.key)
                await self._lay_aside(shown, reason)
                return None

    def _is_repeat(self, shown: ResultShown) -> bool:
        """Whether this result can only repeat one that settled an order before. It does where its PDF's address has
        settled an order that cannot be told from the one in hand. It does, too, where the address has settled any other
        order, unless the result echoes all of the one in hand: then addresses do not tell invoices apart here. A result
        that is the same to the letter is a repeat even then: where a gateway leaves remarks out, one order's result
        echoes all of a like order that has no remark."""
        addresses = self._services.addresses
        if addresses.is_repeat(*self._settlement(shown.invoice_url)):
            return True
        if addresses.is_said_again(shown.invoice_url, shown.invoice):
            return True
        return addresses.is_known(shown.invoice_url) and not echo_of(self._sent, shown.reply).is_whole

    async def _lay_aside(self, shown: ResultShown, reason: str) -> None:
        await self._perform_one(KeepStray(reason, {**shown.invoice, "invoiceUrl": shown.invoice_url}))
        if reason == FITS_SEVERAL:
            self._services.addresses.laid_aside(self._lane_session.lane, shown.invoice_url, shown.invoice)
        if reason != "repeated":
            self._state = replace(self._state, has_strays=True)

    # ---- acts ----------------------------------------------------------------------------------------

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case SendLogin():
                self._check_lease()
                return await self._send(self._lane_session.session.login(self._access().login), "login_sent")
            case Submit():
                return await self._submit()
            case CountRefusal(refused):
                await (self._seller.refused() if refused else self._seller.issued())
                return None
            case _:
                return await super()._perform(effect)

    async def _submit(self) -> Input | None:
        """The one act that cannot be undone. A worker that slept past its lease stops here: the record says
        `submitting`, so whoever holds the lane by now treats it as submitted."""
        self._check_lease()
        self._services.hooks.submitted()
        try:
            await self._lane_session.session.submit(self._ready_order().submission)
        except (SubmissionInDoubt, Transient) as fault:
            return ConnectionLost(str(fault))
        crashpoint("issue.submitted")
        return None

    # ---- durable steps -------------------------------------------------------------------------------

    @override
    def _account(self, record: Record) -> str | None:
        return self._access().account if record.to is CommandState.SUBMITTING else None

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
    async def _fenced(self, step: Step) -> None:
        """What the gateway has told must not be lost with the lane, whose holder by now would have to ask its list."""
        shown = self._shown
        if step.to is CommandState.COMPLETED and shown is not None:
            await self._late.hand_over(self._command, shown)

    @override
    def _recorded(self, record: Record) -> None:
        if record.to is CommandState.COMPLETED:
            told = record.announcements[-1].data
            self._services.addresses.settled(*self._settlement(told.get("invoiceUrl")), told.get("invoice"))

    def _settlement(self, invoice_url: str | None) -> tuple[str, str | None, str | None]:
        """By what a result is recognised when it comes again."""
        return self._lane_session.lane, self._command.fingerprint, invoice_url

    def _ready_order(self) -> ReadOrder:
        if isinstance(self._order, CredentialFault):
            raise AssertionError("a command without a login never gets this far")  # noqa: TRY004
        return self._order
