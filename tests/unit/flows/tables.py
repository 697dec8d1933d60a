"""What the tests of transition tables share: the settings, and a decision told in a few words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.events import Outcome
from contracts.failures import FailureCode
from tests.builders import make_found, make_listed, make_page, make_result
from worker.flows.evidence.verdicts import Found
from worker.flows.query_state import QueryRules
from worker.flows.table import Decision, Situation, Timing
from worker.flows.vocabulary import (
    Begin,
    CloseSession,
    Connected,
    ConnectFailed,
    ConnectionLost,
    Details,
    DetailsFailed,
    DetailsFetched,
    Draining,
    Effect,
    EvidenceRead,
    Input,
    MayGoOn,
    MissingListed,
    Overtaken,
    PageRead,
    Record,
    Recovered,
    StoredRead,
    TimedOut,
)
from worker.ports import (
    DownloadTold,
    LoginAnswered,
    PageShown,
    QrRefused,
    QrShown,
    QueryRefused,
    ResultRefused,
    ResultShown,
)
from worker.records import CommandState

TIMING = Timing(
    login=timedelta(seconds=60),
    answer=timedelta(seconds=120),
    scan=timedelta(seconds=300),
    result=timedelta(seconds=121),
    refusal_grace=timedelta(seconds=5),
    retry_min=timedelta(seconds=1),
    retry_max=timedelta(seconds=60),
    login_attempts=3,
)
FILES_SCHEDULE = (timedelta(seconds=2), timedelta(seconds=10))
RULES = QueryRules(
    page=timedelta(seconds=119),
    notice=timedelta(seconds=180),
    grace=timedelta(seconds=5),
    download_attempts=3,
    files_schedule=FILES_SCHEDULE,
    deadline=timedelta(minutes=30),
    max_pages=1000,
    span_days=366,
    event_bytes=256 * 1024,
)
FAILED_DATE = "2024-04-12 10:10:10"


def read(page: PageShown) -> PageRead:
    """A page of which nothing came before."""
    return PageRead(page, frozenset(each.identity for each in page.invoices))


EXAMPLES: Mapping[type[Input], Input] = {
    Begin: Begin(session_is_open=False),
    Recovered: Recovered(),
    Connected: Connected(),
    ConnectFailed: ConnectFailed("refused"),
    ConnectionLost: ConnectionLost("reset"),
    TimedOut: TimedOut(),
    Draining: Draining(),
    LoginAnswered: LoginAnswered(accepted=True),
    QrShown: QrShown(None, "text"),
    QrRefused: QrRefused(),
    ResultShown: make_result(),
    ResultRefused: ResultRefused(),
    PageRead: read(make_page(make_found())),
    QueryRefused: QueryRefused(),
    DownloadTold: DownloadTold(ok=False, date=FAILED_DATE),
    DetailsFetched: DetailsFetched(Details()),
    DetailsFailed: DetailsFailed("503"),
    MissingListed: MissingListed(()),
    StoredRead: StoredRead(0, ()),
    MayGoOn: MayGoOn(),
    Overtaken: Overtaken(),
    EvidenceRead: EvidenceRead({1: Found(make_listed(1))}),
}
"""One of each kind of input."""


@dataclass(frozen=True)
class Expected:
    """Where a pair leads: the phase, the kinds of effects, the state and outcome recorded, the new timer."""

    phase: str
    effects: tuple[type[Effect], ...] = ()
    to: CommandState | None = None
    outcome: Outcome | None = None
    code: FailureCode | None = None
    timer: timedelta | None = None


PUT_BACK = Expected("ended", (Record, CloseSession), CommandState.WAITING)


def failed(code: FailureCode) -> Expected:
    """The command fails, and the session goes with it."""
    return Expected("ended", (Record, CloseSession), CommandState.FAILED, Outcome.FAILED, code)


def seen(decision: Decision[Any]) -> Expected:
    """The decision in these words."""
    record = next((effect for effect in decision.effects if isinstance(effect, Record)), None)
    said = record.announcements[-1] if record and record.announcements else None
    return Expected(
        phase=decision.state.phase,
        effects=tuple(type(effect) for effect in decision.effects),
        to=record.to if record else None,
        outcome=said.outcome if said else None,
        code=said.data.get("code") if said else None,
        timer=decision.timer,
    )


def check_pair(
    decide: Callable[[Any, Input], Decision[Any]],
    at: Situation[Any, Any, Any],
    kind: type[Input],
    expected: Expected | None,
) -> None:
    """A pair of the table leads where the table says; any other changes nothing."""
    decision = decide(at, EXAMPLES[kind])

    if expected is None:
        assert decision == Decision(at.state)
    else:
        assert seen(decision) == expected


def record_of(decision: Decision[Any]) -> Record:
    """The one record of a decision."""
    (record,) = [effect for effect in decision.effects if isinstance(effect, Record)]
    return record


def said_of(decision: Decision[Any]) -> Mapping[str, Any]:
    """What the last event of the decision's record says."""
    return record_of(decision).announcements[-1].data
