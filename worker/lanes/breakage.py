"""A bound for what nobody expects: a command whose run breaks again and again is set aside, and its lane goes on.

Breaks are counted in the journal, so that they survive restarts and count over replicas.
"""

from datetime import datetime, timedelta

import structlog

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import InDoubtData
from worker.crashpoints import crashpoint
from worker.errors import JournalUnavailable
from worker.flows.announce import announced, events_of, failure
from worker.flows.vocabulary import Record
from worker.lanes.services import LaneServices
from worker.records import LOOK_UP, SUBMITTED, Command, CommandState, LaneLease, Step

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


log = structlog.get_logger(__name__)


class Breakage:
    """Counts the runs of one lane that break, and sets their commands aside when there were too many."""

    def __init__(self, services: LaneServices, lease: LaneLease) -> None:
        self._services = services
        self._lease = lease

    async def count(self, command: Command, *, may_set_aside: bool) -> bool:
        """A run of this command broke. Returns whether the lane is rid of it. Never raises what the store raises: then
        the next break is counted."""
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
