"""The run of an audit: reads the list, keeps it, and holds it against the journal a batch at a time; then what the
whole list says of the submissions that have no number, a few at a time.

Guarantees that memory holds one page or one batch, however much is listed, and that what is settled on the way is
settled by compare-and-set, as after any look. All who could claim a listed invoice compete, of whatever source; an
invoice which one of them may have is undecided where it is not surely found.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import ClassVar, Final, TypeVar

from typing_extensions import override

from contracts.envelope import loads
from contracts.events import Outcome
from worker.crashpoints import crashpoint
from worker.flows import audit
from worker.flows.audit import BATCH, surely_found
from worker.flows.audit_progress import AuditProgress, AuditStage, AuditState, AuditWish, Next
from worker.flows.audit_rows import listed_of
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
from worker.flows.evidence.index import InvoiceIndex, Wanted
from worker.flows.evidence.members import compare, weigh
from worker.flows.evidence.subjects import Listed, Subject, marked
from worker.flows.invoices import taken_back
from worker.flows.looks import LookOutcome
from worker.flows.vocabulary import AskPage, Effect, Input, Overtaken, Record, SeeWhoIsNext, Settle
from worker.lanes.lane_session import Insist
from worker.lanes.runs.asking import WHAT_WAS_ISSUED
from worker.lanes.runs.evidence import TimeSpans, all_rivals, could_claim, judged, read_subject, submitted_at, time_of
from worker.lanes.runs.query import Questioning
from worker.ports import LaneJournal
from worker.records import BEIJING, UNSETTLED, Command, CommandState
from worker.texts import folded_code

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
    def _may_be_overtaken(self) -> bool:
        return (self._state.phase, Overtaken) in audit.TRANSITIONS

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case AskPage():
                return await self._ask_page(effect, WHAT_WAS_ISSUED, audit.PAGE_SIZE)
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
        if await self._settle_by_list(move, LookOutcome.FOUND):
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


MOST_SUBJECTS: Final = 1000
"""Judged by one audit."""
MOST_OPEN: Final = 10_000
"""Submissions without a number that are compared."""
MOST_FORGOTTEN: Final = 100
"""Submissions whose data were forgotten with their age. Where there are more, every invoice without a command is
undecided."""
MOST_CANDIDATES: Final = 5_000
"""Listed invoices that may be somebody's; where there are more, nothing is found and all of them are undecided."""
_JUDGED: Final = UNSETTLED | {CommandState.COMPLETED}
_TWO_DAYS: Final = timedelta(days=2)
_BREATH: Final = 200

T = TypeVar("T")


@dataclass(slots=True)
class _Open:
    """The submissions of the seller, in and around the period, that have no number."""

    subjects: list[Subject] = field(default_factory=list)
    rivals: list[Subject] = field(default_factory=list)
    forgotten: list[Command] = field(default_factory=list)
    """Submissions whose data were forgotten with their age. They could claim whatever was issued in their time."""
    others: int = 0
    """Of the audit's own source and period, and not judged."""
    are_all: bool = True

    @property
    def is_foggy(self) -> bool:
        """Whether too much was forgotten to rule any of these submissions out."""
        return len(self.forgotten) > MOST_FORGOTTEN

    @property
    def readable(self) -> list[Subject]:
        """All that can be compared."""
        return [*self.subjects, *self.rivals]


@dataclass(slots=True)
class _Candidates:
    """Listed invoices that no command has and that may be somebody's."""

    some: list[Listed] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Of all of them, where there are too many to compare."""

    @property
    def are_all(self) -> bool:
        return len(self.names) == len(self.some)


@dataclass(frozen=True, slots=True)
class Prover:
    """One audit's look for what has no number."""

    journal: LaneJournal
    insist: Insist
    audit: Command
    seller: str
    wish: AuditWish
    skew: timedelta

    async def prove(self) -> Proved:
        """What the kept list says. Raises what `insist` raises."""
        waiting = await self._open()
        if not waiting.readable and not waiting.forgotten:
            return Proved((), {}, frozenset(), waiting.others, waiting.are_all)
        forgotten = TimeSpans(time_of(each, self.skew) for each in waiting.forgotten)
        candidates = await self._candidates(waiting, forgotten)
        index = InvoiceIndex.of(candidates.some)
        rivals = await self._competing(waiting.rivals, index)
        is_blurred = any(self._is_anybodys(each, forgotten) for each in candidates.some)
        are_all = waiting.are_all and candidates.are_all and not is_blurred and not waiting.is_foggy
        verdicts = await judged(
            waiting.subjects, candidates.some, frozenset(), self.skew, rivals=rivals, are_all_rivals=are_all
        )
        found = surely_found(waiting.subjects, verdicts)
        if waiting.is_foggy:
            undecided = candidates.names
        elif candidates.are_all:
            lacking = [each for each in waiting.readable if each.key not in found]
            undecided = await self._claimable(lacking, forgotten, candidates.some, index)
        else:
            undecided = candidates.names
        undecided = undecided - {each.invoice.identity for each in found.values()}
        return Proved(tuple(waiting.subjects), verdicts, frozenset(undecided), waiting.others, are_all)

    async def _open(self) -> _Open:
        waiting, until = _Open(), _midnight(self.wish.last) + _TWO_DAYS
        async for rows in all_rivals(self.journal, self.insist, self.seller, _midnight(self.wish.first) - _TWO_DAYS):
            for row in rows:
                if submitted_at(row) < until:
                    self._sort(row, waiting)
            waiting.are_all = len(waiting.readable) <= MOST_OPEN
            if not waiting.are_all or (rows and submitted_at(rows[-1]) >= until):
                break
            await asyncio.sleep(0)
        return waiting

    def _sort(self, row: Command, waiting: _Open) -> None:
        subject = read_subject(row)
        is_own = row.source == self.audit.source and self._is_of_period(submitted_at(row))
        is_judged = is_own and row.state in _JUDGED and len(waiting.subjects) < MOST_SUBJECTS
        if subject is not None and is_judged:
            waiting.subjects.append(subject)
            return
        waiting.others += is_own
        if subject is None:
            waiting.forgotten += [] if waiting.is_foggy else [row]
        else:
            waiting.rivals.append(subject)

    def _is_of_period(self, moment: datetime) -> bool:
        return self.wish.holds(moment.astimezone(BEIJING).date())

    async def _candidates(self, waiting: _Open, forgotten: TimeSpans) -> _Candidates:
        wanted = Wanted.of(each.order for each in waiting.readable)
        found, named, after = _Candidates(), set[str](), ""
        while True:
            rows = await self.insist(partial(self.journal.audited, self.audit, after, BATCH))
            for each in rows:
                if each.owner is not None:
                    continue
                listed = Listed.of(listed_of(each.row))
                named |= taken_back([listed.invoice])
                if waiting.is_foggy or wanted.may_be(listed) or self._is_anybodys(listed, forgotten):
                    found.names.add(listed.identity)
                    if len(found.some) < MOST_CANDIDATES:
                        found.some.append(listed)
            if len(rows) < BATCH:
                found.some = list(marked(found.some, named))
                return found
            after = rows[-1].row.identity
            await asyncio.sleep(0)

    @staticmethod
    def _is_anybodys(listed: Listed, forgotten: TimeSpans) -> bool:
        return forgotten.touch(listed.earliest, listed.latest)

    async def _competing(self, rivals: Sequence[Subject], index: InvoiceIndex) -> list[Subject]:
        found: list[Subject] = []
        for start in range(0, len(rivals), _BREATH):
            found += [each for each in rivals[start : start + _BREATH] if could_claim(each, index, self.skew)]
            await asyncio.sleep(0)
        return found

    async def _claimable(
        self, lacking: Iterable[Subject], forgotten: TimeSpans, candidates: Sequence[Listed], index: InvoiceIndex
    ) -> set[str]:
        """The identities of whatever one of these may have, in any degree."""
        names = {each.identity for each in candidates if self._is_anybodys(each, forgotten)}
        work = 0
        for subject in lacking:
            for listed in index.possible(subject.order):
                work += 1
                if work % _BREATH == 0:
                    await asyncio.sleep(0)
                if listed.identity in names:
                    continue
                told = compare(subject.order, listed)
                if told is not None and weigh(subject, listed, told, self.skew) is not None:
                    names.add(listed.identity)
        return names


def _midnight(day: date) -> datetime:
    return datetime.combine(min(max(day, date(1971, 1, 1)), date(9998, 12, 31)), time(), BEIJING)
