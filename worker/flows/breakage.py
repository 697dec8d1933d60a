"""What becomes of a command whose run broke in a way that nobody expects, so that what is behind it goes on. Pure."""

from datetime import datetime, timedelta

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import InDoubtData
from worker.flows.announce import announced, failure
from worker.flows.vocabulary import Record
from worker.records import SUBMITTED, Command, CommandState

MOST_BREAKS = 3
"""Runs that break before a command is set aside."""
LOOKED_AT_AGAIN_AFTER = timedelta(hours=1)
"""What a look-up that broke so often was made for."""
UNKNOWN_AGAIN_AFTER = timedelta(minutes=15)
"""A type that this version does not know: another replica, or the next version, may."""


def set_aside(command: Command) -> Record:
    """Its end: before the submission a failure, after it a person decides, for the run that could find out breaks."""
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
    """Of a type that this version does not know: it waits behind all else on its lane."""
    return Record(CommandState.WAITING, due_at=now + UNKNOWN_AGAIN_AFTER, goes_last=True)
