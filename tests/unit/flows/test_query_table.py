"""The query flow: every pair of phase and input, one by one, and what no sequence of inputs can break."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Outcome
from contracts.failures import FailureCode
from tests.builders import MOMENT, make_found, make_page, make_query, make_question
from tests.examples import examples
from tests.unit.flows.tables import EXAMPLES, PUT_BACK, RULES, TIMING, Expected, check_pair, failed, read, record_of
from worker.flows.query import TRANSITIONS, decide
from worker.flows.query_state import Next, Phase, QueryProgress, QueryState, QueryWish, Situation
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    AskDownload,
    AskPage,
    Begin,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    CountLogin,
    Details,
    DetailsFailed,
    DetailsFetched,
    Draining,
    FetchDetails,
    Input,
    ListMissing,
    MayGoOn,
    MissingListed,
    Overtaken,
    PageRead,
    Record,
    SeeWhoIsNext,
    TimedOut,
)
from worker.ports import DownloadTold, LoginAnswered, QueryRefused
from worker.records import FINAL, CommandState

P, S = Phase, CommandState


def situation(state: QueryState | None = None, **fields: Any) -> Situation:
    defaults: dict[str, Any] = {
        "command": make_query(deadline_at=MOMENT + timedelta(minutes=30)),
        "wish": QueryWish.read(make_question()),
        "timing": TIMING,
        "rules": RULES,
        "now": MOMENT,
        "chance": 1.0,
    }
    return Situation(state=state or QueryState(QueryProgress()), **{**defaults, **fields})


def standing(phase: Phase) -> QueryState:
    """A query that works on its only page, or did."""
    page = make_page(make_found())
    return QueryState(QueryProgress(), phase, page=page, rows=page.invoices, came=1)


ASK = Expected(P.ASKED, (AskPage,), timer=RULES.page)
EXPECTED: Mapping[tuple[Phase, type[Input]], Expected] = {
    (P.TAKEN, Begin): Expected(P.CONNECTING, (Connect,)),
    (P.TAKEN, Draining): PUT_BACK,
    (P.CONNECTING, Connected): ASK,
    (P.CONNECTING, ConnectFailed): PUT_BACK,
    (P.CONNECTING, Draining): PUT_BACK,
    (P.ASKED, LoginAnswered): Expected(P.ASKED, (CountLogin,)),
    (P.ASKED, PageRead): Expected(P.NOTICE, (CountLogin,), timer=RULES.notice),
    (P.ASKED, DownloadTold): Expected(P.ASKED),
    (P.ASKED, QueryRefused): failed(FailureCode.QUERY_REFUSED),
    (P.ASKED, ConnectionLost): PUT_BACK,
    (P.ASKED, TimedOut): PUT_BACK,
    (P.ASKED, Overtaken): PUT_BACK,
    (P.ASKED, Draining): PUT_BACK,
    (P.NOTICE, DownloadTold): Expected(P.NOTICE, (AskDownload,), timer=RULES.notice),
    (P.NOTICE, ConnectionLost): PUT_BACK,
    (P.NOTICE, TimedOut): Expected(P.DETAILS, (FetchDetails,)),
    (P.NOTICE, Overtaken): PUT_BACK,
    (P.NOTICE, Draining): PUT_BACK,
    (P.DETAILS, DetailsFetched): Expected(P.CLOSING, (Record, ListMissing), S.RUNNING, Outcome.PAGE),
    (P.DETAILS, DetailsFailed): PUT_BACK,
    (P.DETAILS, Draining): PUT_BACK,
    (P.LOOKING, MayGoOn): ASK,
    (P.LOOKING, Overtaken): Expected(P.ENDED, (Record,), S.WAITING),
    (P.LOOKING, Draining): PUT_BACK,
    (P.LATE, DetailsFetched): Expected(P.CLOSING, (ListMissing,)),
    (P.LATE, DetailsFailed): PUT_BACK,
    (P.LATE, Draining): PUT_BACK,
    (P.CLOSING, MissingListed): Expected(P.ENDED, (Record,), S.COMPLETED, Outcome.COMPLETED),
    (P.CLOSING, Draining): PUT_BACK,
}


def test_table_and_expectation_name_the_same_pairs() -> None:
    """A transition that is added or dropped must be added or dropped here too."""
    assert set(TRANSITIONS) == set(EXPECTED)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(EXAMPLES), ids=lambda kind: kind.__name__)
def test_pair(phase: Phase, kind: type[Input]) -> None:
    check_pair(decide, situation(standing(phase)), kind, EXPECTED.get((phase, kind)))


# ---- what no sequence of inputs can break --------------------------------------------------------------

pages = st.builds(
    lambda numbers, has_next, total: make_page(*map(make_found, numbers), has_next=has_next, total=total),
    st.lists(st.integers(1, 9), max_size=3),
    st.sampled_from([True, False, None]),
    st.sampled_from([None, 0, 5, 99]),
)
inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(
        Begin,
        session_is_open=st.booleans(),
        suspended_until=st.sampled_from([None, MOMENT, MOMENT + timedelta(days=1)]),
    ),
    st.builds(read, pages),
    st.builds(DownloadTold, ok=st.booleans(), date=st.sampled_from([None, "2024-04-12", "2024-04-13"])),
    st.builds(MissingListed, st.sampled_from([(), ("1",)])),
    st.sampled_from([Connected(), TimedOut(), TimedOut(), MayGoOn(), MayGoOn(), Overtaken(), QueryRefused()]),
    st.sampled_from([ConnectFailed("x"), ConnectionLost("x"), Draining(), DetailsFailed("x")]),
    st.sampled_from([DetailsFetched(Details())] * 3),
    st.builds(LoginAnswered, st.booleans()),
)


@dataclass
class Run:
    """The decisions of one run, in order, each with the phase that it was made in."""

    decisions: list[tuple[Phase, Next]]

    @property
    def records(self) -> list[Record]:
        return [effect for _, decision in self.decisions for effect in decision.effects if isinstance(effect, Record)]


def play(start: Phase, steps: list[tuple[Input, float]]) -> Run:
    """Feed inputs with the seconds that pass before each; a run that ended is never begun again here."""
    state, now, decisions = standing(start), MOMENT, []
    for given_, seconds in steps:
        now += timedelta(seconds=seconds)
        before = state.phase
        decision = decide(situation(state, now=now, chance=0.5), given_)
        decisions.append((before, decision))
        state = decision.state
    return Run(decisions)


runs = st.builds(
    play, st.sampled_from(sorted(Phase)), st.lists(st.tuples(inputs, st.floats(min_value=0, max_value=9)), max_size=60)
)


@settings(max_examples=examples(400), deadline=None)
@given(runs)
def test_no_sequence_of_inputs_breaks_a_promise(run: Run) -> None:
    """A page is told in the step that remembers it, progress never goes back, and nothing follows an end."""
    ends = [record for record in run.records if record.to is not S.RUNNING]
    assert len(ends) <= 1
    assert not ends or run.records[-1] is ends[0]
    for before, decision in run.decisions:
        assert sum(isinstance(effect, Record) for effect in decision.effects) <= 1
        if before is Phase.ENDED:
            assert decision == Decision(decision.state)
    _check_pages(run)
    _check_progress(run)


def _check_pages(run: Run) -> None:
    for before, decision in run.decisions:
        told = [effect for effect in decision.effects if isinstance(effect, Record) and effect.to is S.RUNNING]
        assert bool(told) == (before is Phase.DETAILS and decision.state.phase in {Phase.LOOKING, Phase.CLOSING})
        for record in told:
            assert record.progress is not None
            assert record.findings is not None
            assert {announcement.outcome for announcement in record.announcements} == {Outcome.PAGE}


def _check_progress(run: Run) -> None:
    kept = [QueryProgress.read(record.progress, 1) for record in run.records if record.progress is not None]
    for one, other in itertools.pairwise(kept):
        assert (other.span, other.pages, other.round) >= (one.span, one.pages, one.round)
        assert other.told >= one.told
        assert other.rows >= one.rows
        assert other.stage >= "late" or one.stage == "pages"
    assert [progress.pages for progress in kept if progress.round == 0] == list(
        range(1, 1 + len([progress for progress in kept if progress.round == 0]))
    )


@settings(max_examples=examples(200), deadline=None)
@given(runs)
def test_final_event_is_told_once_and_alone(run: Run) -> None:
    told = [record for record in run.records if record.to in FINAL]

    assert len(told) <= 1
    for record in told:
        assert len(record.announcements) == 1
        assert record.announcements[0].outcome.value == record.to.value


@pytest.mark.parametrize("phase", [P.ASKED, P.NOTICE])
def test_every_wait_ends_by_time_alone(phase: Phase) -> None:
    """A gateway that falls silent cannot hold a lane for ever."""
    state = standing(phase)
    for _ in range(10):
        decision = decide(situation(state), TimedOut())
        if decision.effects and isinstance(decision.effects[0], FetchDetails):
            decision = decide(situation(decision.state), DetailsFetched(Details()))
        state = decision.state
    assert state.phase in {Phase.ENDED, Phase.CLOSING}


def test_progress_is_kept_with_each_page() -> None:
    state = standing(P.DETAILS)
    state = replace(state, page=make_page(make_found(), has_next=True))

    decision = decide(situation(state), DetailsFetched(Details()))

    progress = QueryProgress.read(record_of(decision).progress, 1)
    assert (progress.page, progress.pages, progress.told) == (2, 1, 1)
    assert decision.effects[-1] == SeeWhoIsNext()
