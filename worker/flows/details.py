"""The ways of `invoice.items`, `invoice.files` and `invoice.stored`: no session, so no lane but the command's own.

Guarantees that what is not ready is asked for again by the schedule, and then named or failed; an empty answer is
never taken for "there is none" (trap 84). Pure. A pair that is not in `TRANSITIONS` changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from contracts.commands import CommandType
from contracts.envelope import dumps, loads
from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import AnyEventData, FilesCompletedData, ItemsCompletedData, StoredCompletedData
from worker.flows import table
from worker.flows.announce import announced
from worker.flows.invoices import findings_of, lacking_ids
from worker.flows.query_state import QueryRules
from worker.flows.table import Decision, Phased, Table, again, end, fail, follow, obstacle, put_back
from worker.flows.vocabulary import (
    Begin,
    Details,
    DetailsFailed,
    DetailsFetched,
    Draining,
    Effect,
    FetchDetails,
    Input,
    ReadJournal,
    Record,
    StoredRead,
)
from worker.records import CommandState


class Phase(StrEnum):
    """How far the run has come."""

    TAKEN = "taken"
    ASKED = "asked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class DetailsState(Phased):
    """The run in memory; how many rounds are over is in the command's progress."""

    phase: Phase = Phase.TAKEN
    round: int = 0

    @classmethod
    def read(cls, progress: bytes | None) -> "DetailsState":
        """A beginning, after the rounds that are over."""
        return cls(round=0 if progress is None else loads(progress)["round"])


Situation = table.Situation[DetailsState, Mapping[str, Any], QueryRules]
"""Its wish are the command's data, as journaled."""

Next = Decision[DetailsState]


def decide(situation: Situation, given: Input) -> Next:
    """The next step."""
    return follow(TRANSITIONS, situation.state.phase, situation, given)


def _begin(at: Situation, given: Begin) -> Next:
    if (decision := obstacle(at, given)) is not None:
        return decision
    return Decision(replace(at.state, phase=Phase.ASKED), (_question(at),))


def _question(at: Situation) -> Effect:
    match at.command.type:
        case CommandType.ITEMS:
            return FetchDetails(items_of=(at.wish["invoiceBasicInfoId"],))
        case CommandType.FILES:
            return FetchDetails(files_of=tuple(at.wish["invoiceIdList"]), types=tuple(at.wish["typeList"]))
        case _:
            return ReadJournal()


def _fetched(at: Situation, given: DetailsFetched) -> Next:
    if at.command.type == CommandType.ITEMS:
        return _items(at, given.details)
    return _files(at, given.details)


def _items(at: Situation, details: Details) -> Next:
    items = details.items.get(at.wish["invoiceBasicInfoId"], ())
    if items:
        return _completed(at, ItemsCompletedData(items=list(items)), details)
    message = "The gateway has no items for this id, however often it was asked."
    return _later(at) or fail(at, FailureCode.HTTP_ERROR, Stage.DETAILS, message)


def _files(at: Situation, details: Details) -> Next:
    missing = lacking_ids(at.wish["invoiceIdList"], details, at.wish["typeList"])
    if missing and (later := _later(at, details)) is not None:
        return later
    return _completed(at, FilesCompletedData(files=list(details.files), missingFiles=list(missing)), details)


def _later(at: Situation, details: Details | None = None) -> Next | None:
    """Not ready: asked again by the schedule; None when that is over. What came is stored."""
    if at.state.round >= len(at.rules.files_schedule):
        return None
    due_at = at.now + at.rules.files_schedule[at.state.round]
    if at.command.deadline_at is not None and due_at >= at.command.deadline_at:
        return None
    record = Record(
        CommandState.WAITING,
        due_at=due_at,
        progress=dumps({"round": at.state.round + 1}),
        findings=None if details is None else findings_of((), details, user_id=None),
    )
    return end(at, record)


def _completed(at: Situation, data: AnyEventData, details: Details) -> Next:
    findings = findings_of((), details, user_id=None)
    return end(at, Record(CommandState.COMPLETED, (announced(Outcome.COMPLETED, data),), findings=findings))


def _stored(at: Situation, given: StoredRead) -> Next:
    data: StoredCompletedData = {
        "invoices": list(given.invoices),
        "total": given.total,
        "commandState": given.command_state,
    }
    return end(at, Record(CommandState.COMPLETED, (announced(Outcome.COMPLETED, data),)))


def _failed(at: Situation, given: DetailsFailed) -> Next:
    if given.code is not None:
        return fail(at, given.code, Stage.DETAILS, given.message)
    return again(at, FailureCode.HTTP_ERROR, Stage.DETAILS, given.message, given.retry_after)


TRANSITIONS: Table[DetailsState] = {
    (Phase.TAKEN, Begin): _begin,
    (Phase.TAKEN, Draining): put_back,
    (Phase.ASKED, DetailsFetched): _fetched,
    (Phase.ASKED, DetailsFailed): _failed,
    (Phase.ASKED, StoredRead): _stored,
    (Phase.ASKED, Draining): put_back,
}
"""Phase and kind of input to what follows."""
