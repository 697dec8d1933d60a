"""A result that is not the answer to the command in hand may be the late one of a submission before it (trap 9).

Guarantees that it settles that one only where it fits it and no other unsettled command of the lane. Knows nothing of
the run it came in.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from contracts.envelope import dumps, loads
from contracts.failures import FailureCode, Stage
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import Announcement, failure
from worker.flows.evidence.endings import issued
from worker.flows.evidence.replies import (
    DOES_NOT_FIT,
    FITS_SEVERAL,
    UNREADABLE,
    Late,
    StrayReply,
    echo_of,
    judge,
    stray_of,
)
from worker.flows.looks import next_look
from worker.flows.vocabulary import Settle
from worker.lanes.housekeeping import Settling
from worker.lanes.lane_session import Insist, LaneSession
from worker.lanes.services import LaneServices
from worker.ports import ResultShown
from worker.records import SUBMITTED, Command, CommandState, SubmittedInvoice

log = structlog.get_logger(__name__)


REMEMBERED = 50
"""Results of the lane that are read from the journal: a gateway repeats the last ones."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A command that is in doubt or being checked, and what it submitted."""

    command: Command
    sent: SubmittedInvoice


class LateReplies:
    """Settles or keeps the results on one lane that answer an earlier order than the one in hand."""

    def __init__(self, services: LaneServices, lane_session: LaneSession, insist: Insist) -> None:
        self._services = services
        self._lane_session = lane_session
        self._insist = insist
        self.has_unreadable = False
        """The data of an unsettled command could not be read: a result that does not tell everything may be its
        answer."""

    async def recall(self) -> None:
        """Know what settled the lane's orders last, also where another worker settled them, or this one before it
        began; and whose own results may still come. Raises `JournalUnavailable`."""
        if self._lane_session.knows_addresses:
            return
        services, lane = self._services, self._lane_session.lane
        now, longest = services.clock.now(), services.timing.longest_answer
        for each in await services.journal.last_results(lane, REMEMBERED):
            services.addresses.settled(lane, each.fingerprint, each.address, each.told)
            if each.awaited_since is not None and (until := each.awaited_since + longest) > now:
                services.addresses.found(lane, each.command_key, each.told, until)
        self._lane_session.knows_addresses = True

    async def unsettled(self) -> Sequence[Unsettled]:
        """The lane's, oldest first. Raises `JournalUnavailable`."""
        if not self._lane_session.may_have_unsettled:
            return ()
        commands = await self._services.journal.unsettled(self._lane_session.lane)
        self._lane_session.may_have_unsettled = bool(commands)
        self.has_unreadable = False
        unsettled = list[Unsettled]()
        for each in commands:
            try:
                unsettled.append(Unsettled(each, SubmittedInvoice.read(loads(each.data))))
            except (KeyError, TypeError, ValueError) as fault:
                self.has_unreadable = True
                log.warning("unsettled_unreadable", command_id=each.id, reason=type(fault).__name__)
        return unsettled

    async def lack_an_answer(self) -> bool:
        """Whether a command of the lane is in doubt and may yet be answered. A refusal does not say what it refuses, so
        it could be that command's late answer. One that is being checked has had its answer. Raises
        `JournalUnavailable`."""
        if not self._lane_session.may_have_unsettled:
            return False
        unsettled = await self._services.journal.unsettled(self._lane_session.lane)
        self._lane_session.may_have_unsettled = bool(unsettled)
        since = self._services.clock.now() - self._services.timing.longest_answer
        return any(
            each.state is CommandState.IN_DOUBT and (each.submitted_at or each.received_at) >= since
            for each in unsettled
        )

    async def settle(self, shown: ResultShown) -> bool:
        """Whether the result can answer one unsettled command only, and has settled that one now. Where the store
        refuses to settle it, the caller keeps the result, and a look-up finds the invoice."""
        await self._insist(self.recall)
        others = await self._insist(self.unsettled)
        sent = [*(each.sent for each in others), *self.unanswered().values()]
        judged = judge(shown.reply, None, sent)
        if not isinstance(judged, Late) or judged.place >= len(others):
            return False
        return await self.settle_one(others[judged.place], shown)

    def unanswered(self) -> Mapping[int, SubmittedInvoice]:
        """The commands that look-ups settled on this lane a moment ago, by their keys: a result that comes now may be
        the own result of one of them."""
        return self._services.addresses.unanswered(self._lane_session.lane, self._services.clock.now)

    async def settle_one(self, meant: Unsettled, shown: ResultShown) -> bool:
        """Whether this result settled the command that it answers. A result that settled another command before settles
        none, nor does one that could be of several when it came before."""
        if self._services.addresses.is_known(shown.invoice_url) or self.was_laid_aside(shown):
            return False
        try:
            if await self.was_of_several(meant.command.key, shown):
                return False
            return await self._settle(meant, shown)
        except JournalUnavailable as fault:
            log.warning("late_reply_not_settled", reason=str(fault))
            return False

    async def was_of_several(self, key: int, shown: ResultShown) -> bool:
        """Whether this result came before, and could be this command's or another's then. That other one may have been
        settled since, by what was listed: the result can be of it all the same. Raises `JournalUnavailable`."""
        strays = await self._services.journal.laid_aside((key,), REMEMBERED)
        told = _body(shown)
        return any(each.reason == FITS_SEVERAL and each.body == told for each in strays)

    def was_laid_aside(self, shown: ResultShown) -> bool:
        """Whether it came before, for this process, and could be of several commands of the lane then: it is of none
        that was submitted since."""
        return self._services.addresses.was_laid_aside(self._lane_session.lane, shown.invoice_url, shown.invoice)

    async def hand_over(self, command: Command, shown: ResultShown) -> None:
        """This result is the command's, and somebody took the lane anew before it was recorded. Where the command is in
        doubt by now, it is settled. Else the result is kept under it, so that its invoice is never said to be absent;
        and where whoever has the lane is still to say that it is in doubt, as in the second after an outage of the
        store, that is waited for: a look-up would settle it hours later."""
        if await self._settle_by(command, shown):
            return
        log.warning("result_not_recorded", command_id=command.id, command_source=command.source)
        await self.keep_for(command.key, "not_recorded", shown)
        settings, clock = self._services.settings, self._services.clock
        until = clock.monotonic() + 2 * settings.lease_seconds  # one that dies with the lane has a successor by then
        is_open = True
        while is_open and clock.monotonic() < until and not self._services.is_draining:
            await asyncio.sleep(settings.poll_seconds)
            is_open = await self._is_submitted(command)  # asked first: it may fall into doubt between the two
            if await self._settle_by(command, shown):
                return

    async def _settle_by(self, command: Command, shown: ResultShown) -> bool:
        """Whether the command was in doubt, and its own result has settled it."""
        self._lane_session.may_have_unsettled = True
        unsettled = await self._insist(self.unsettled)
        meant = next((each for each in unsettled if each.command.key == command.key), None)
        return meant is not None and await self.settle_one(meant, shown)

    async def _is_submitted(self, command: Command) -> bool:
        """Whether nobody has said yet what becomes of it."""
        found = await self._insist(lambda: self._services.journal.find(command.id, command.source))
        return any(each.key == command.key and each.state in SUBMITTED for each in found)

    async def keep(self, shown: ResultShown) -> None:
        """Keep the result for a person, under each command that it may answer. While it is kept, that command's invoice
        is never said to be absent: so it is held until the store answers. A result that repeats an earlier one answers
        no command, or is kept already."""
        stray, others = StrayReply(DOES_NOT_FIT, ()), list[Unsettled]()
        if self._services.addresses.is_known(shown.invoice_url) or self.was_laid_aside(shown):
            stray = StrayReply("repeated", ())
        else:
            others = list(await self._insist(self.unsettled))
            stray = stray_of(shown.reply, [each.sent for each in others])
        self._services.hooks.frame_ignored(stray.reason)
        log.warning("reply_fits_nothing", reason=stray.reason)
        keys: list[int | None] = [others[place].command.key for place in stray.of]
        for key in keys or [None]:
            await self.keep_for(key, stray.reason, shown)

    async def keep_frame(self, body: bytes) -> None:
        """Keep an answer that is no result, and names an invoice, under each command that it may be of. Nothing of it
        says which: only the lane is known."""
        for each in await self._insist(self.unsettled):
            await self.keep_as(each.command.key, UNREADABLE, body)

    async def keep_for(self, key: int | None, reason: str, shown: ResultShown) -> None:
        """Under this command."""
        if reason == FITS_SEVERAL:
            self._services.addresses.laid_aside(self._lane_session.lane, shown.invoice_url, shown.invoice)
        await self.keep_as(key, reason, _body(shown))

    async def keep_as(self, key: int | None, reason: str, body: bytes) -> None:
        """What the gateway told, under this command or under none; held until the store answers."""
        lane = self._lane_session.lane
        await self._insist(lambda: keep_stray(self._services, lane, key, reason, body))

    async def _settle(self, meant: Unsettled, shown: ResultShown) -> bool:
        command = meant.command
        to, announcement = _ending(meant, shown)
        is_issued = to is CommandState.COMPLETED
        sought_at = next_look(self._services.looks.confirm, 0, self._services.clock.now()) if is_issued else None
        move = Settle(command, to, (announcement,), sought_at=sought_at, has_looked=False)
        settled = await Settling(self._services, "late").settle(move, point="settled")
        if settled:
            self._services.addresses.settled(
                self._lane_session.lane, command.fingerprint, shown.invoice_url, shown.invoice
            )
        return settled


def _body(shown: ResultShown) -> bytes:
    return dumps({**shown.invoice, "invoiceUrl": shown.invoice_url})


def _ending(meant: Unsettled, shown: ResultShown) -> tuple[CommandState, Announcement]:
    if shown.is_draft:
        message = "The gateway saved a draft, which is no invoice. Finish or delete it on the portal."
        told = failure(FailureCode.SAVED_AS_DRAFT, Stage.RESULT, message, meant.command.attempts)
        return CommandState.FAILED, told
    differs = echo_of(meant.sent, shown.reply).differs
    return CommandState.COMPLETED, issued(shown.invoice, shown.invoice_url, differs, reconciled=False)


async def keep_stray(services: LaneServices, lane: str, key: int | None, reason: str, body: bytes) -> None:
    """Keep what settles nothing, for a person. Raises `JournalUnavailable`."""
    await services.journal.keep_stray(lane, key, reason, body, services.clock.now())
    crashpoint("stray.kept")
