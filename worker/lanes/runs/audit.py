"""The run of an audit: reads the list, keeps it, and holds it against the journal a batch at a time.

Guarantees that memory holds one page or one batch, however much is listed, and that what is settled on the way is
settled by compare-and-set, as after any look.
"""

from typing import ClassVar

from typing_extensions import override

from contracts.envelope import loads
from contracts.events import Outcome
from worker.crashpoints import crashpoint
from worker.errors import NotResolvable
from worker.flows import audit
from worker.flows.audit_progress import AuditProgress, AuditStage, AuditState, AuditWish, Next
from worker.flows.audit_vocabulary import (
    AuditedCounted,
    AuditedRead,
    ClaimAudited,
    CountAudited,
    ForgetAudited,
    KeepAudited,
    NumberedRead,
    Prove,
    Proved,
    ReadAudited,
    ReadNumbered,
)
from worker.flows.looks import LookOutcome
from worker.flows.vocabulary import AskPage, Effect, Input, Record, SeeWhoIsNext, Settle
from worker.lanes.runs.audit_proof import Prover
from worker.lanes.runs.query import Questioning
from worker.lanes.runs.refusals import forget_refusals
from worker.lanes.settling import Settling
from worker.records import CommandState
from worker.texts import folded_code

CONDITION = {"queryType": 0}
"""What was issued. All other filters are ours (trap 58)."""
FORGOTTEN_AT_ONCE = 2000


class AuditRun(Questioning):
    """`invoice.audit`."""

    name: ClassVar[str] = "audit"

    @override
    def _read(self) -> None:
        super()._read()
        self._wish = AuditWish.read(loads(self._command.data))
        company = "" if self._question is None else folded_code(self._question.access.login.company_code)
        self._state = AuditState(AuditProgress.read(self._command.progress), company=company)

    @override
    def _decide(self, given: Input) -> Next:
        at = self._situation(self._state, self._wish, self._services.queries)
        decision = audit.decide(at, given)
        self._state = decision.state
        return decision

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case AskPage():
                return await self._ask_page(effect, CONDITION, audit.PAGE_SIZE)
            case SeeWhoIsNext():
                return await self._look_around()
            case CountAudited() | Prove() | ReadAudited() | ReadNumbered():
                return await self._read_journal(effect)
            case KeepAudited():
                await self._keep_rows(effect)
            case ClaimAudited():
                await self._claim(effect)
            case Settle():
                await self._settle(effect)
            case ForgetAudited():
                await self._forget()
            case _:
                return await super()._perform(effect)
        return None

    async def _read_journal(self, effect: CountAudited | Prove | ReadAudited | ReadNumbered) -> Input:
        journal, command = self._services.journal, self._command
        match effect:
            case CountAudited():
                return AuditedCounted(await self._insist(lambda: journal.count_audited(command)))
            case ReadAudited(after):
                rows = await self._insist(lambda: journal.audited(command, after, audit.BATCH))
                return AuditedRead(tuple(rows))
            case ReadNumbered(since, after_key, until):
                seller, behind = self._state.progress.company, (since, after_key)
                numbered = await self._insist(lambda: journal.numbered(command, seller, behind, until, audit.BATCH))
                return NumberedRead(tuple(numbered))
            case Prove():
                return await self._prove()

    async def _keep_rows(self, effect: KeepAudited) -> None:
        crashpoint("audit.rows_next")
        await self._insist(lambda: self._services.journal.keep_audited(self._command, effect.rows))
        crashpoint("audit.rows_kept")

    async def _prove(self) -> Proved:
        prover = Prover(
            journal=self._services.journal,
            insist=self._insist,
            audit=self._command,
            seller=self._state.progress.company,
            wish=self._wish,
            skew=self._services.look_ups.skew,
        )
        proof = await prover.prove()
        if not proof.are_all_rivals:
            self._log.warning("audit_with_too_many_rivals")
        return proof

    async def _claim(self, effect: ClaimAudited) -> None:
        crashpoint("audit.claims_next")
        await self._insist(lambda: self._services.journal.claim_audited(self._command, effect.claims))
        crashpoint("audit.claims_kept")

    async def _settle(self, move: Settle) -> None:
        settling, verdict = Settling(self._services, "audit"), LookOutcome.FOUND
        try:
            settled = await settling.settle(move, point="found", has_looked=move.has_looked, insist=self._insist)
        except NotResolvable:
            # Bound to another command since the list was read: then it is that one's.
            settled, verdict = False, LookOutcome.BOUND
        self._services.hooks.looked_up(verdict)
        if not settled:
            return
        if move.command.state is CommandState.CHECKING:
            await forget_refusals(self._services, move.command, self._insist)
        self._log.info("audit_found", found=move.command.id, number=move.invoice_number)

    async def _forget(self) -> None:
        journal, gone = self._services.journal, FORGOTTEN_AT_ONCE
        while gone == FORGOTTEN_AT_ONCE:
            crashpoint("audit.forget_next")
            gone = await self._insist(lambda: journal.forget_audited(self._command, FORGOTTEN_AT_ONCE))
            crashpoint("audit.forgotten")

    @override
    def _recorded(self, record: Record) -> None:
        for told in record.announcements:
            if told.outcome is Outcome.FINDING:
                for finding in told.data["findings"]:
                    self._services.hooks.audit_finding(finding["kind"])
            elif told.outcome is Outcome.COMPLETED:
                self._services.hooks.audit_ended(is_whole=told.data["isWhole"])
                self._log.info("audit_ended", **told.data["counts"], listed=told.data["total"])
        progress = self._state.progress
        if record.to is CommandState.RUNNING and progress.stage is AuditStage.PAGES:
            self._log.info("audit_page_read", pages=progress.pages, span=progress.span)
