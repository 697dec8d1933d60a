"""A result that is not the answer to the command in hand may be the late one of a submission before it (trap 9).

Guarantees that it settles that one only where it fits it and no other unsettled command of the lane. Knows nothing of
the run it came in.
"""

from collections.abc import Sequence

import structlog

from contracts.envelope import loads
from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import Announcement, events_of, failure
from worker.flows.evidence.replies import fits
from worker.flows.looks import next_look
from worker.lanes.lane_session import LaneSession
from worker.lanes.services import LaneServices
from worker.ports import ResultShown
from worker.records import Command, CommandState, Settlement

log = structlog.get_logger(__name__)


class LateReplies:
    """Of one lane."""

    def __init__(self, services: LaneServices, line: LaneSession) -> None:
        self._services = services
        self._line = line

    async def meant(self, shown: ResultShown) -> Sequence[Command]:
        """The unsettled commands of the lane that this result fits. Raises `JournalUnavailable`."""
        if not self._line.may_have_unsettled:
            return ()
        unsettled = await self._services.journal.unsettled(self._line.lane)
        self._line.may_have_unsettled = bool(unsettled)
        return [command for command in unsettled if fits(loads(command.data)["invoice"], shown.invoice)]

    async def lack_an_answer(self) -> bool:
        """Whether a command of the lane is in doubt and may yet be answered, so that a refusal could be its late one:
        it says not what it refuses. One that is being checked has had its answer. Raises `JournalUnavailable`."""
        if not self._line.may_have_unsettled:
            return False
        unsettled = await self._services.journal.unsettled(self._line.lane)
        self._line.may_have_unsettled = bool(unsettled)
        since = self._services.clock.now() - self._services.timing.longest_answer
        return any(
            each.state is CommandState.IN_DOUBT and (each.submitted_at or each.received_at) >= since
            for each in unsettled
        )

    async def settle(self, shown: ResultShown) -> bool:
        """Whether it spoke of exactly one unsettled command, which is settled by it now. Not where the store does not
        answer: then the result is kept, and the look-up finds what it spoke of."""
        if self._services.addresses.is_known(shown.invoice_url):
            return False
        try:
            meant = await self.meant(shown)
            return len(meant) == 1 and await self._settle(meant[0], shown)
        except JournalUnavailable as fault:
            log.warning("late_reply_not_settled", reason=str(fault))
            return False

    async def _settle(self, command: Command, shown: ResultShown) -> bool:
        now = self._services.clock.now()
        to, announcement = _ending(command, shown)
        is_issued = to is CommandState.COMPLETED
        settlement = Settlement(
            command=command,
            expected=frozenset({command.state}),
            to=to,
            at=now,
            events=events_of(command, (announcement,), worker=self._services.settings.source, at=now),
            sought_at=next_look(self._services.looks.confirm, 0, now) if is_issued else None,
        )
        crashpoint("late.settled_next")
        settled = await self._services.journal.settle(settlement)
        crashpoint("late.settled_recorded")
        if settled:
            self._services.addresses.settled(self._line.lane, command.fingerprint, shown.invoice_url)
            self._services.committed()
            self._services.hooks.settled(command.type, to, str(announcement.data.get("code", "")))
            log.info("command_settled", state=to, command_id=command.id, command_source=command.source, is_late=True)
        return settled


def _ending(command: Command, shown: ResultShown) -> tuple[CommandState, Announcement]:
    if shown.is_draft:
        message = "The gateway saved a draft, which is no invoice. Finish or delete it on the portal."
        told = failure(FailureCode.SAVED_AS_DRAFT, Stage.RESULT, message, command.attempts)
        return CommandState.FAILED, told
    data = {"invoice": shown.invoice, "invoiceUrl": shown.invoice_url, "reconciled": False}
    return CommandState.COMPLETED, Announcement(Outcome.COMPLETED, data)
