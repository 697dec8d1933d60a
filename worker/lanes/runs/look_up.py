"""The run of a look-up: one query for all that is sought on the lane with one account, and what follows from it.

Guarantees that what is settled here is settled by compare-and-set, for a person or a late reply may have been quicker;
a look-up that dies is made again by the lane's next holder. It has no events of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from typing_extensions import override

from contracts.envelope import loads
from contracts.failures import FailureCode
from worker.crashpoints import crashpoint
from worker.errors import LeaseLost, Permanent
from worker.flows import look_up
from worker.flows.evidence.endings import unreadable
from worker.flows.evidence.index import Wanted
from worker.flows.evidence.subjects import Listed, Subject
from worker.flows.look_up_state import LookUpState, Sought
from worker.flows.looks import LookOutcome, rest_after_refusals
from worker.flows.vocabulary import (
    AskPage,
    ConnectFailed,
    ConnectionLost,
    DetailsFailed,
    Effect,
    EndLookUp,
    EvidenceRead,
    FetchDetails,
    Input,
    Overtaken,
    ReadEvidence,
    SeeWhoIsNext,
    Settle,
    TimedOut,
)
from worker.lanes.lane_session import Interruption
from worker.lanes.runs.asking import WHAT_WAS_ISSUED, Asking
from worker.lanes.runs.evidence import in_steps, judged, read_rivals, read_subject
from worker.lanes.runs.order import Access, CredentialFault, access_by, read_login
from worker.lanes.runs.run import LaneNext
from worker.ports import LoginAnswered, QueryRefused
from worker.records import AccountLogin, Command, CommandState, FoundRow
from worker.texts import folded_code

MOST_SUBJECTS = 1000
"""Sought by one look-up, the longest due first; the next one takes the rest."""
MOST_SUBJECTS_AT_ONCE = 20_000
"""The same of all look-ups of this worker together: each takes 4 KiB of memory."""
LEAST_SUBJECTS = 100
"""What a look-up takes whatever the others have."""
AT_ONCE = 100
"""Subjects read between two pauses: the worker's other lanes wait meanwhile."""
MOST_STRAYS = 1000
SHORT = 100
"""Candidates that take so little memory that they need not wait for their turn."""


class LookUpRun(Asking):
    """The journal's own command `look_up`."""

    name: ClassVar[str] = "look_up"

    @override
    def _read(self) -> None:
        self._state = LookUpState()
        self._subjects: tuple[Subject, ...] = ()
        self._wanted = Wanted()
        self._login: Access | None = None
        self._is_resumed = False
        self._heard: Input | None = None

    @override
    async def run(self) -> LaneNext:
        """To its end. One that gave way goes on whatever others look: its lane has its place already."""
        services = self._services
        if not self._is_resumed and not services.may_look:
            await self._end(EndLookUp(services.clock.now() + services.timing.retry_max))
            return LaneNext()
        services.looking += 1
        services.sought += len(self._subjects)
        try:
            return await super().run()
        finally:
            services.looking -= 1
            services.sought -= len(self._subjects)

    @override
    def resume(self, command: Command) -> None:
        super().resume(command)
        self._is_resumed, self._state = True, self._state.resumed()

    @override
    def _decide(self, given: Input) -> look_up.Next:
        self._heard = given
        if isinstance(given, Overtaken):
            self._lane_session.paused = self
        company = "" if self._login is None else self._login.login.company_code
        sought = Sought(self._subjects, self._wanted, company)
        decision = look_up.decide(self._situation(self._state, sought, self._services.look_ups), given)
        self._state = decision.state
        return decision

    @override
    async def _first_input(self) -> Input:
        if self._is_resumed:
            return await self._beginning(None)
        journal = self._services.journal
        limit = min(MOST_SUBJECTS, max(LEAST_SUBJECTS, MOST_SUBJECTS_AT_ONCE - self._services.sought))
        sought = await self._insist(lambda: journal.sought(self._command, limit))
        sought = sorted(sought, key=lambda each: (each.submitted_at or each.received_at, each.key))
        subjects: list[Subject] = []
        for start in range(0, len(sought), AT_ONCE):
            for each in sought[start : start + AT_ONCE]:
                subject = read_subject(each)
                if subject is None:
                    self._log.error("sought_unreadable", sought=each.id)
                    await self._settle(unreadable(each))
                else:
                    subjects.append(subject)
            await asyncio.sleep(0)
        self._subjects = tuple(subjects)
        self._services.sought += len(subjects)
        self._wanted = Wanted.of(subject.order for subject in subjects)
        return await self._beginning(self._find_login([subject.command for subject in subjects]))

    @override
    def _may_be_overtaken(self) -> bool:
        return (self._state.phase, Overtaken) in look_up.TRANSITIONS

    def _find_login(self, sought: Sequence[Command]) -> CredentialFault | None:
        """The newest login of the account that can be had: an older one may have another password."""
        fault = CredentialFault("nothing is sought")
        for command in reversed(sought):
            try:
                access = self._read_access(command)
            except Permanent as error:
                fault = CredentialFault(str(error))
                self._log.warning("look_up_without_login", reason=str(error), sought=command.id)
            else:
                self._login = access
                return None
        return fault

    def _read_access(self, command: Command) -> Access:
        """A credential may name another account by now: the invoices that this one lists prove nothing, unless it is
        of the seller's own company."""
        access = access_by(read_login(loads(command.data), command, self._services.credentials), is_query=True)
        is_sellers = folded_code(access.login.company_code) == folded_code(command.seller or "")
        if access.account != self._command.account and not is_sellers:
            raise Permanent(FailureCode.CREDENTIAL_MISSING, "the credential names another account by now")
        return access

    @override
    def _counted(self) -> AccountLogin:
        return self._access().counted(self._lane_session.lane, is_look_up=True)

    @override
    def _suspension(self) -> tuple[int, timedelta]:
        return 1, rest_after_refusals(self._state.refused_logins, self._services.look_ups.rest)

    @override
    def _access(self) -> Access:
        if self._login is None:
            raise AssertionError("a look-up without a login never gets this far")
        return self._login

    @override
    async def _perform(self, effect: Effect) -> Input | None:
        match effect:
            case AskPage():
                return await self._ask_page(effect, WHAT_WAS_ISSUED, look_up.PAGE_SIZE)
            case SeeWhoIsNext():
                return await self._who_is_next()
            case ReadEvidence():
                return await self._read_evidence(effect)
            case Settle():
                await self._settle(effect)
            case EndLookUp():
                await self._end(effect)
            case _:
                return await super()._perform(effect)
        return None

    @override
    async def _fetch(self, wanted: FetchDetails, lacking: tuple[FoundRow, ...] = ()) -> Input:
        """Not for long: an order of this lane may wait, and an invoice's number is evidence without its files."""
        try:
            async with asyncio.timeout(2 * self._services.settings.http_timeout_seconds):
                return await super()._fetch(wanted, lacking)
        except TimeoutError:
            reason = "the gateway's HTTP look-ups take too long"
            self._log.warning("details_unavailable", reason=reason)
            return DetailsFailed(reason)

    async def _read_evidence(self, asked: ReadEvidence) -> Input:
        """Few lists are weighed at once; until their turn comes, they are packed. A short one waits for none."""
        state = self._state
        if not state.is_whole:
            read = {"pages": state.page - 1, "listed": len(state.listed), "total": state.total}
            self._log.warning("look_up_list_not_whole", **read)
        if state.packed.count <= SHORT:
            return await self._weighed(asked)
        try:
            await self._lane_session.during(self._services.list_places.acquire())
        except Interruption as interruption:
            return self._interrupted(interruption)
        try:
            return await self._weighed(asked)
        finally:
            self._services.list_places.release()

    async def _candidates(self) -> tuple[Listed, ...]:
        packed = self._state.packed
        if packed.is_full:
            self._log.warning("look_up_with_too_many_candidates", candidates=packed.count)
            return ()
        return await in_steps(packed.unpacked(self._state.taken_back))

    async def _weighed(self, asked: ReadEvidence) -> EvidenceRead:
        """Rivals are read before the bound numbers. A command whose number is bound in between is then either still a
        rival, or its invoice is among those taken, or both. The other way round it could be neither."""
        journal, candidates = self._services.journal, await self._candidates()
        if len(candidates) > SHORT:
            # Of the invoices that were listed in the last days, most have their command by now, and nobody else's claim
            # to them counts: to look for rivals of all of them would cost the most.
            taken = await self._bound(candidates)
            candidates = tuple(each for each in candidates if each.invoice.number not in taken)
        rivals, are_all = await self._rivals(asked.since, candidates) if candidates else ((), True)
        numbers = await self._bound(candidates)
        keys = [subject.key for subject in self._subjects if not subject.is_issued]
        strays = await self._insist(lambda: journal.laid_aside(keys, MOST_STRAYS)) if keys else ()
        told = await judged(
            self._subjects,
            candidates,
            numbers,
            self._services.look_ups.skew,
            rivals=rivals,
            are_all_rivals=are_all,
        )
        return EvidenceRead(told, tuple(strays))

    async def _bound(self, candidates: Sequence[Listed]) -> frozenset[str]:
        numbers = [each.invoice.number for each in candidates if each.invoice.number is not None]
        journal = self._services.journal
        return await self._insist(lambda: journal.bound(numbers)) if numbers else frozenset[str]()

    async def _rivals(self, since: datetime, candidates: Sequence[Listed]) -> tuple[tuple[Subject, ...], bool]:
        journal, skew = self._services.journal, self._services.look_ups.skew
        rivals, are_all = await read_rivals(journal, self._insist, self._subjects, since, candidates, skew)
        if not are_all:
            self._log.warning("look_up_with_too_many_rivals", rivals=len(rivals))
        return rivals, are_all

    async def _settle(self, move: Settle) -> None:
        verdict = _verdict(move)
        if await self._settle_by_list(move, verdict):
            self._log.info("looked_up", command_id=move.command.id, verdict=verdict, state=move.to)

    async def _end(self, end: EndLookUp) -> None:
        journal = self._services.journal
        if end.not_before is not None:
            self._services.hooks.looked_up(LookOutcome.PUT_OFF)
            until, reason = end.not_before.isoformat(), _reason(self._heard)
            self._log.warning("look_up_put_off", sought=len(self._subjects), until=until, reason=reason)
        crashpoint("look_up.end_next")
        ended = await self._insist(
            lambda: journal.end_look_up(
                self._command,
                self._lane_session.lease,
                not_before=end.not_before,
                refused=self._counted() if end.is_refused else None,
            )
        )
        crashpoint("look_up.ended")
        if not ended:
            raise LeaseLost("the lane has another holder")


_REASONS: Mapping[type[Input] | None, str] = {
    TimedOut: "the gateway sent no page in time",
    QueryRefused: "the gateway refused the query",
    LoginAnswered: "the gateway refused the login",
    ConnectFailed: "there is no connection",
    None: "half of this worker's lanes look already",
}


def _reason(heard: Input | None) -> str:
    """Why a look cannot be made, without the gateway's own words, which may name anybody."""
    if isinstance(heard, ConnectionLost):
        return f"the connection was lost ({heard.reason})"
    return _REASONS.get(None if heard is None else type(heard), "the account rests, or its login is gone")


def _verdict(move: Settle) -> LookOutcome:
    """In one word, for the metric's label."""
    if move.invoice_number is not None:
        return LookOutcome.FOUND
    if move.to is CommandState.FAILED:
        return LookOutcome.ABSENT
    if not move.announcements:
        return LookOutcome.AGAIN
    return LookOutcome.UNCONFIRMED if move.to is CommandState.COMPLETED else LookOutcome.PERSON
