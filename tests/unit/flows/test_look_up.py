"""The look-up flow: every pair of phase and input, and what no sequence of inputs can break."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Outcome
from tests.builders import MOMENT, make_command, make_found, make_listed, make_page
from tests.examples import examples
from tests.unit.flows.submissions import SKEW, issued, subject
from tests.unit.flows.tables import EXAMPLES, PUT_BACK, TIMING, Expected, check_pair, read
from worker.flows.evidence.index import Wanted
from worker.flows.evidence.subjects import Listed, ListedPages, Subject, in_one_go
from worker.flows.evidence.verdicts import Found, Nothing, Verdict, judge
from worker.flows.invoices import ListedRows, seen_of
from worker.flows.look_up import TRANSITIONS, Next, Situation, decide
from worker.flows.look_up_state import LookUpState, Phase, Sought
from worker.flows.looks import EXPIRED, Absence, LookUpRules, Schedules
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    CloseSession,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    CountLogin,
    Details,
    DetailsFailed,
    DetailsFetched,
    Draining,
    Effect,
    EndLookUp,
    EvidenceRead,
    FetchDetails,
    Input,
    MayGoOn,
    Overtaken,
    PageRead,
    ReadEvidence,
    Record,
    SeeWhoIsNext,
    Settle,
    Submit,
    TimedOut,
)
from worker.ports import DownloadTold, LoginAnswered, QueryRefused
from worker.records import BEIJING, LOOK_UP, CommandState

P, S = Phase, CommandState
MINUTE = timedelta(minutes=1)
LOOKS = Schedules(confirm=(MINUTE,) * 2, doubt=(MINUTE,) * 2, refusal=(MINUTE,) * 2)
RULES = LookUpRules(
    page=timedelta(seconds=119),
    skew=timedelta(minutes=5),
    max_pages=9,
    notice=timedelta(seconds=5),
    rest=timedelta(minutes=30),
    late_files=(timedelta(seconds=2), timedelta(seconds=10)),
)
FOUND = make_found(1)
LISTED = make_listed(1)


def situation(state: LookUpState | None = None, **fields: Any) -> Situation:
    defaults: dict[str, Any] = {
        "command": make_command(key=9, type=LOOK_UP),
        "timing": TIMING,
        "looks": LOOKS,
        "rules": RULES,
        "now": MOMENT + MINUTE,
        "chance": 1.0,
    }
    subjects = fields.pop("subjects", (subject(),))
    wanted = fields.pop("wanted", None) or Wanted.of(each.order for each in subjects)
    sought = Sought(subjects, wanted, fields.pop("company", "91330701MA2M37T86L"))
    return Situation(state=state or LookUpState(), wish=sought, **{**defaults, **fields})


def standing(phase: Phase) -> LookUpState:
    """A look that has read its list, with the one invoice that is sought."""
    return LookUpState(
        phase, packed=ListedPages().with_page([LISTED], is_last=True), listed=ListedRows.of(seen_of([LISTED]))
    )


def candidates_of(state: LookUpState) -> tuple[Listed, ...]:
    """The listed invoices that may be somebody's."""
    return in_one_go(state.packed.unpacked(state.taken_back))


@dataclass(frozen=True)
class Beside:
    """The list is over, and the journal has these beside it: what follows is judged as the run does it."""

    numbers: Collection[str] = ()
    rivals: Sequence[Subject] = ()
    are_all_rivals: bool = True

    def judged(self, at: Situation) -> EvidenceRead:
        """The input that the run makes of it."""
        steps = judge(
            at.wish.subjects,
            candidates_of(at.state),
            self.numbers,
            SKEW,
            rivals=self.rivals,
            are_all_rivals=self.are_all_rivals,
        )
        return EvidenceRead(in_one_go(steps))


def run(*given_: Input | Beside, state: LookUpState | None = None, **fields: Any) -> list[Next]:
    """The decisions, one after the other."""
    decisions: list[Next] = []
    for each in given_:
        state = decisions[-1].state if decisions else state
        at = situation(state, **fields)
        decision = decide(at, each.judged(at) if isinstance(each, Beside) else each)
        if SeeWhoIsNext() in decision.effects:
            decision = decide(situation(decision.state, **fields), MayGoOn())
        decisions.append(decision)
    return decisions


def settlements(decision: Next) -> list[Settle]:
    return [effect for effect in decision.effects if isinstance(effect, Settle)]


PUT_OFF = Expected(P.ENDED, (EndLookUp, CloseSession))
LEFT = Expected(P.ENDED, (CloseSession,))
EXPECTED: Mapping[tuple[Phase, type[Input]], Expected] = {
    (P.TAKEN, Begin): Expected(P.CONNECTING, (Connect,)),
    (P.TAKEN, Draining): LEFT,
    (P.CONNECTING, Connected): Expected(P.ASKED, (AskPage,), timer=RULES.page),
    (P.CONNECTING, ConnectFailed): PUT_OFF,
    (P.CONNECTING, Draining): LEFT,
    (P.ASKED, LoginAnswered): Expected(P.ASKED, (CountLogin,)),
    (P.ASKED, PageRead): Expected(P.BOUND, (CountLogin, ReadEvidence)),
    (P.ASKED, DownloadTold): Expected(P.ASKED),
    (P.ASKED, QueryRefused): PUT_OFF,
    (P.ASKED, ConnectionLost): PUT_OFF,
    (P.ASKED, TimedOut): PUT_OFF,
    (P.ASKED, Draining): LEFT,
    (P.LOOKING, MayGoOn): Expected(P.ASKED, (AskPage,), timer=RULES.page),
    (P.LOOKING, Overtaken): Expected(P.ENDED, (Record,), S.WAITING),
    (P.ASKED, Overtaken): PUT_BACK,
    (P.LOOKING, Draining): LEFT,
    (P.BOUND, EvidenceRead): Expected(P.NOTICE, timer=RULES.notice),
    (P.BOUND, Draining): LEFT,
    (P.NOTICE, DownloadTold): Expected(P.DETAILS, (FetchDetails,)),
    (P.NOTICE, TimedOut): Expected(P.DETAILS, (FetchDetails,)),
    (P.NOTICE, ConnectionLost): Expected(P.DETAILS, (FetchDetails,)),
    (P.NOTICE, Draining): LEFT,
    (P.DETAILS, DetailsFetched): Expected(P.LATE, timer=RULES.late_files[0]),
    (P.DETAILS, DetailsFailed): Expected(P.ENDED, (Settle, EndLookUp)),
    (P.DETAILS, Draining): LEFT,
    (P.LATE, TimedOut): Expected(P.DETAILS, (FetchDetails,)),
    (P.LATE, ConnectionLost): Expected(P.DETAILS, (FetchDetails,)),
    (P.LATE, Draining): LEFT,
}


def test_table_and_expectation_name_the_same_pairs() -> None:
    assert set(TRANSITIONS) == set(EXPECTED)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(EXAMPLES), ids=lambda kind: kind.__name__)
def test_pair(phase: Phase, kind: type[Input]) -> None:
    state = standing(phase)
    if phase in {P.NOTICE, P.DETAILS, P.LATE}:
        state = replace(state, told=((1, Found(LISTED)),), rounds=0 if phase is P.NOTICE else 1)
    check_pair(decide, situation(state), kind, EXPECTED.get((phase, kind)))


# ---- the question --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oldest", "now", "days"),
    [
        (datetime(2026, 1, 3, 12, tzinfo=BEIJING), datetime(2026, 1, 3, 12, 1, tzinfo=BEIJING), (2, 3)),
        (datetime(2026, 1, 3, 0, 0, 1, tzinfo=BEIJING), datetime(2026, 1, 3, 0, 1, tzinfo=BEIJING), (2, 3)),
        (datetime(2026, 1, 3, 23, 59, tzinfo=BEIJING), datetime(2026, 1, 4, 0, 1, tzinfo=BEIJING), (2, 4)),
    ],
)
def test_days_are_beijings_and_begin_the_day_before(oldest: datetime, now: datetime, days: tuple[int, int]) -> None:
    sought = (subject(1, submitted_at=oldest), subject(2, submitted_at=now))

    (decision,) = run(Begin(session_is_open=True), subjects=sought, now=now)

    assert decision.effects == (AskPage(date(2026, 1, days[0]), date(2026, 1, days[1]), 1),)


def test_hundred_submissions_cost_one_question() -> None:
    sought = tuple(issued(key) for key in range(1, 101))

    decisions = run(Begin(session_is_open=True), read(make_page()), subjects=sought)

    asked = [effect for decision in decisions for effect in decision.effects if isinstance(effect, AskPage)]
    assert len(asked) == 1


def test_nothing_that_is_sought_ends_the_look_without_a_session() -> None:
    (decision,) = run(Begin(session_is_open=False, credential_fault="nothing is sought"), subjects=())

    assert decision.effects == (EndLookUp(),)


# ---- what could not be seen ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        (Begin(session_is_open=False, credential_fault="gone"), 60),
        (Begin(session_is_open=False, suspended_until=MOMENT + timedelta(minutes=11)), 600),
        (Begin(session_is_open=False, suspended_until=MOMENT + MINUTE + timedelta(seconds=1)), 60),
        (ConnectFailed("refused"), 60),
        (ConnectFailed("busy", retry_after=timedelta(minutes=7)), 420),
        (QueryRefused(), 60),
        (TimedOut(), 60),
    ],
    ids=lambda value: type(value).__name__,
)
def test_look_that_saw_nothing_is_put_off_and_counts_for_nothing(given_: Input, seconds: int) -> None:
    phase = {Begin: P.TAKEN, ConnectFailed: P.CONNECTING}.get(type(given_), P.ASKED)

    (decision,) = run(given_, state=LookUpState(phase))

    is_refused = isinstance(given_, Begin) and given_.suspended_until is not None
    assert EndLookUp(MOMENT + MINUTE + timedelta(seconds=seconds), is_refused) in decision.effects
    assert not settlements(decision)


@pytest.mark.parametrize(
    ("given_", "minutes"),
    [
        (Begin(session_is_open=False, credential_fault="gone"), 30),
        (Begin(session_is_open=False, suspended_until=MOMENT + timedelta(hours=5, minutes=7)), 7),
        (ConnectFailed("refused"), 30),
        (ConnectFailed("busy", retry_after=timedelta(minutes=45)), 45),
        (QueryRefused(), 30),
    ],
    ids=["no login", "suspended", "no connection", "asked to wait", "refused"],
)
def test_look_for_what_is_old_is_put_off_for_longer(given_: Input, minutes: int) -> None:
    """By a tenth of its age, but where the gateway or the suspension says when."""
    phase = {Begin: P.TAKEN, ConnectFailed: P.CONNECTING}.get(type(given_), P.ASKED)
    now = MOMENT + timedelta(hours=5)

    (decision,) = run(given_, state=LookUpState(phase), now=now, subjects=(subject(2, submitted_at=now), subject(1)))

    is_refused = isinstance(given_, Begin) and given_.suspended_until is not None
    assert EndLookUp(now + timedelta(minutes=minutes), is_refused) in decision.effects


def test_login_that_is_refused_is_counted() -> None:
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED))

    assert decision.effects[0] == CountLogin(accepted=False)


@pytest.mark.parametrize(("before", "hours"), [(0, 0.5), (1, 1), (2, 2), (9, 12)])
def test_login_that_is_refused_again_and_again_rests_longer_each_time(before: int, hours: float) -> None:
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED, refused_logins=before))

    assert EndLookUp(MOMENT + MINUTE + timedelta(hours=hours), is_refused=True) in decision.effects


@pytest.mark.parametrize(
    ("phase", "given_"),
    [(P.ASKED, LoginAnswered(accepted=False)), (P.TAKEN, Begin(session_is_open=False, credential_fault="gone"))],
    ids=["refused", "gone"],
)
@pytest.mark.parametrize(("minutes", "is_over"), [(1, False), (2, True), (600, True)])
def test_issued_order_without_a_login_to_look_is_unconfirmed_when_its_schedule_would_be_over(
    phase: Phase, given_: Input, minutes: int, is_over: bool
) -> None:
    waiting = issued(1, sought_at=MOMENT, settled_at=MOMENT)
    (decision,) = run(given_, state=LookUpState(phase), subjects=(waiting,), now=MOMENT + minutes * MINUTE)

    told = [(end.to, each.outcome, end.sought_at) for end in settlements(decision) for each in end.announcements]
    assert told == ([(CommandState.COMPLETED, Outcome.UNCONFIRMED, None)] if is_over else [])
    assert any(isinstance(effect, EndLookUp) for effect in decision.effects)


def test_one_that_was_not_due_is_not_unconfirmed_by_anothers_refused_login() -> None:
    later = issued(1, sought_at=MOMENT + timedelta(days=1), settled_at=MOMENT)
    (decision,) = run(
        LoginAnswered(accepted=False), state=LookUpState(P.ASKED), subjects=(later,), now=MOMENT + timedelta(hours=9)
    )

    assert settlements(decision) == []


@pytest.mark.parametrize("state", [CommandState.IN_DOUBT, CommandState.CHECKING])
def test_who_waits_for_an_outcome_is_told_once_that_nothing_can_be_looked_for(state: CommandState) -> None:
    """No look is counted: the schedule of the search stays whole. Until when it rests is for the look-up's end to say,
    which sees whether somebody has resumed the account since."""
    waiting = subject(1, state=state, sought_at=MOMENT, progress=EXPIRED.journaled())
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED), subjects=(waiting,))

    (settled,) = settlements(decision)
    (told,) = settled.announcements
    assert (settled.to, told.outcome, told.data["needsPerson"]) == (CommandState.IN_DOUBT, Outcome.IN_DOUBT, True)
    assert "refuses the login" in told.data["reason"]
    assert told.data["nextLookAt"] == MOMENT + MINUTE + timedelta(minutes=30)
    assert settled.sought_at == MOMENT + MINUTE
    assert not settled.has_looked
    assert settled.progress is not None
    kept = Absence.read(settled.progress)
    assert (kept.code, kept.has_told_refusal) == (EXPIRED.code, True)

    again = subject(1, state=CommandState.IN_DOUBT, sought_at=MOMENT, progress=settled.progress)
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED), subjects=(again,))
    assert settlements(decision) == []


def test_whoever_waits_for_a_number_is_not_told() -> None:
    issued = subject(1, state=CommandState.COMPLETED, sought_at=MOMENT)
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED), subjects=(issued,))

    assert settlements(decision) == []


def test_drain_leaves_the_look_to_the_next_holder() -> None:
    (decision,) = run(Draining(), state=standing(P.BOUND))

    assert decision.effects == (CloseSession(),)


# ---- what no sequence of inputs can break --------------------------------------------------------------

SOUGHT: tuple[Subject, ...] = (subject(1), issued(2), subject(3, state=S.CHECKING))


def given_to(key: int | None) -> EvidenceRead:
    """The one invoice that is listed is found for one submission at most, as `judge` guarantees."""
    verdicts: dict[int, Verdict] = {each.key: Found(LISTED) if each.key == key else Nothing() for each in SOUGHT}
    return EvidenceRead(verdicts)


inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(Begin, session_is_open=st.booleans(), credential_fault=st.sampled_from([None, None, "x"])),
    st.lists(st.integers(1, 4), max_size=3).map(lambda ns: read(make_page(*map(make_found, ns)))),
    st.lists(st.integers(1, 4), max_size=3).map(lambda ns: read(make_page(*map(make_found, ns), has_next=True))),
    st.sampled_from([None, *(each.key for each in SOUGHT)]).map(given_to),
    st.sampled_from([Connected(), ConnectFailed("x"), ConnectionLost("x"), TimedOut(), Draining(), QueryRefused()]),
    st.sampled_from([DetailsFetched(Details()), DetailsFailed("x"), DownloadTold(ok=True)]),
    st.builds(LoginAnswered, st.booleans()),
)


@settings(max_examples=examples(400), deadline=None)
@given(st.sampled_from([P.TAKEN, P.CONNECTING, P.ASKED, P.BOUND]), st.lists(inputs, max_size=40))
def test_no_sequence_of_inputs_breaks_a_promise(start: Phase, steps: list[Input]) -> None:
    """Nothing is ever submitted or recorded, each submission is moved once at most, and only with the end of the look;
    a look that is put off moves nobody. One whose login is refused tells that, and counts for no look."""
    state, effects = LookUpState(start), list[Effect]()
    for given_ in steps:
        decision = decide(situation(state, subjects=SOUGHT), given_)
        if state.has_ended:
            assert decision == Decision(state)
        effects += decision.effects
        state = decision.state

    assert not any(isinstance(effect, Submit | Record) for effect in effects)
    told = [effect for effect in effects if isinstance(effect, Settle) and not effect.has_looked]
    assert all((effect.to is CommandState.IN_DOUBT) == (effect.sought_at is not None) for effect in told)
    moved = Counter(effect.command.key for effect in effects if isinstance(effect, Settle) and effect.has_looked)
    ends = [effect for effect in effects if isinstance(effect, EndLookUp)]
    assert len(ends) <= 1
    assert set(moved.values()) <= {1}
    assert set(moved) in (set(), {1, 2, 3})
    if moved:
        assert ends == [EndLookUp()]
        numbers = [effect.invoice_number for effect in effects if isinstance(effect, Settle) and effect.invoice_number]
        assert len(numbers) == len(set(numbers))
    if ends and ends[0].not_before is not None:
        assert not moved
