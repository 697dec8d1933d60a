"""The way of `invoice.download`: ask for a failed download again (manual: query_invoice_download_zip).

Guarantees that the text goes out as it came (trap 73), one request at a time and a bounded number of times. Pure. A
pair that is not in `TRANSITIONS` changes nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.events import Outcome
from contracts.failures import FailureCode, Stage
from contracts.told import DownloadCompletedData
from worker.flows import table
from worker.flows.announce import announced
from worker.flows.asking import answer_overdue, connection_lost, give_way_unanswered
from worker.flows.query_state import QueryRules
from worker.flows.table import (
    Decision,
    Phased,
    Table,
    end,
    fail,
    follow,
    obstacle,
    opening,
    put_back,
)
from worker.flows.vocabulary import (
    AskDownload,
    Begin,
    Connect,
    Connected,
    ConnectionLost,
    Draining,
    Input,
    Overtaken,
    Record,
    TimedOut,
)
from worker.ports import DownloadTold
from worker.records import CommandState


class Phase(StrEnum):
    """How far the run has come."""

    TAKEN = "taken"
    CONNECTING = "connecting"
    ASKED = "asked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class DownloadState(Phased):
    """The run in memory."""

    phase: Phase = Phase.TAKEN
    date: str = ""
    """What is asked for: the command's text, or the newest one that a failure brought."""
    tries: int = 0


Situation = table.Situation[DownloadState, str, QueryRules]
"""Its wish is the text to ask for."""

Next = Decision[DownloadState]


def decide(situation: Situation, given: Input) -> Next:
    """The next step."""
    return follow(TRANSITIONS, situation.state.phase, situation, given)


def _begin(at: Situation, given: Begin) -> Next:
    if (decision := obstacle(at, given)) is not None:
        return decision
    if given.session_is_open:
        return _ask(at, at.wish)
    return Decision(replace(at.state, phase=Phase.CONNECTING), (Connect(),))


def _connected(at: Situation, _: Connected) -> Next:
    return _ask(at, at.wish)


def _ask(at: Situation, date: str) -> Next:
    state = DownloadState(Phase.ASKED, date, at.state.tries + 1)
    return Decision(state, (AskDownload(date),), at.rules.notice)


def _told(at: Situation, given: DownloadTold) -> Next:
    if given.ok:
        data: DownloadCompletedData = {"ok": True, "date": at.wish}
        return end(at, Record(CommandState.COMPLETED, (announced(Outcome.COMPLETED, data),)))
    if at.state.tries < at.rules.download_attempts:
        return _ask(at, given.date or at.state.date)
    message = f"The gateway could not get the files in {at.state.tries} tries."
    return fail(at, FailureCode.DOWNLOAD_FAILED, Stage.DOWNLOAD, message)


TRANSITIONS: Table[DownloadState] = {
    **opening(Phase, _begin, _connected),
    (Phase.ASKED, DownloadTold): _told,
    (Phase.ASKED, ConnectionLost): connection_lost(Stage.DOWNLOAD, "during the download"),
    (Phase.ASKED, TimedOut): answer_overdue(Stage.DOWNLOAD, "The gateway did not tell in time how the download went."),
    (Phase.ASKED, Overtaken): give_way_unanswered,
    (Phase.ASKED, Draining): put_back,
}
"""Phase and kind of input to what follows."""
