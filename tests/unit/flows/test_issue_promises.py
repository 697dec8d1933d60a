"""The issue flow: what no sequence of inputs can break."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.failures import FailureCode
from tests.builders import MOMENT, make_command, make_invoice, make_result
from tests.examples import examples
from tests.unit.flows.tables import EXAMPLES, TIMING
from tests.unit.flows.test_issue import AFTER_SUBMISSION, S
from worker.flows.issue import MAX_QRS, TRANSITIONS, IssueState, Next, Phase, Situation, decide
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    Begin,
    Connected,
    ConnectFailed,
    ConnectionLost,
    Draining,
    Effect,
    Input,
    Record,
    Recovered,
    Submit,
    TimedOut,
)
from worker.ports import LoginAnswered, QrRefused, QrShown, ResultRefused
from worker.records import FINAL, SUBMITTED, Command, CommandState, SubmittedInvoice

# ---- what no sequence of inputs can break --------------------------------------------------------------

inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(
        Begin,
        session_is_open=st.booleans(),
        suspended_until=st.sampled_from([None, MOMENT, MOMENT + timedelta(days=1)]),
        credential_fault=st.sampled_from([None, None, None, "missing"]),
    ),
    st.builds(LoginAnswered, st.booleans()),
    st.sampled_from([Connected(), Recovered(), TimedOut(), Draining(), QrRefused(), ResultRefused()]),
    st.sampled_from([ConnectFailed("x"), ConnectFailed("x", FailureCode.GATEWAY_FORBIDDEN), ConnectionLost("x")]),
    st.sampled_from([QrShown("data:", None), QrShown(None, "text")]),
    st.sampled_from([make_result(), make_result(is_draft=True), make_result(make_invoice(buyerName="other"))]),
)


@dataclass
class Run:
    """All that one run of the flow wanted done, and the inputs it got, in order."""

    decisions: list[tuple[Input, Phase, Next]]

    @property
    def effects(self) -> list[Effect]:
        return [effect for _, _, decision in self.decisions for effect in decision.effects]

    @property
    def records(self) -> list[Record]:
        return [effect for effect in self.effects if isinstance(effect, Record)]


def play(phase: Phase, steps: list[tuple[Input, float]]) -> Run:
    """Feed inputs with the seconds that pass before each, following the command's own state as the lanes do."""
    state, now, decisions = IssueState(phase), MOMENT, []
    is_submitted = phase in AFTER_SUBMISSION
    command: Command = make_command(
        state=CommandState.SUBMITTING if is_submitted else CommandState.RUNNING,
        deadline_at=MOMENT + timedelta(seconds=90),
    )
    for given_, seconds in steps:
        now += timedelta(seconds=seconds)
        before = state.phase
        decision = decide(_at(state, command, now), given_)
        decisions.append((given_, before, decision))
        state = decision.state
        for effect in decision.effects:
            if isinstance(effect, Record):
                command = replace(command, state=effect.to)
    return Run(decisions)


def _at(state: IssueState, command: Command, now: datetime) -> Situation:
    return Situation(
        state=state,
        command=command,
        wish=SubmittedInvoice.read({"invoice": make_invoice()}),
        rules=None,
        timing=TIMING,
        now=now,
        chance=0.5,
    )


runs = st.builds(
    play,
    st.sampled_from(sorted(Phase)),
    st.lists(st.tuples(inputs, st.floats(min_value=0, max_value=60)), max_size=40),
)


@settings(max_examples=examples(400), deadline=None)
@given(runs)
def test_no_sequence_of_inputs_breaks_a_promise(run: Run) -> None:
    """Submitted once at most, right after its record, never again before it, and nothing once it has ended."""
    effects = run.effects
    submissions = [number for number, effect in enumerate(effects) if isinstance(effect, Submit)]

    assert len(submissions) <= 1
    assert effects.count(Record(CommandState.SUBMITTING)) == len(submissions)
    for number in submissions:
        assert effects[number - 1] == Record(CommandState.SUBMITTING)
    _check_order_of_records(run)
    _check_silence_after_the_end(run)
    _check_codes(run)


def _check_order_of_records(run: Run) -> None:
    starts_submitted = bool(run.decisions) and run.decisions[0][1] in AFTER_SUBMISSION
    states = [record.to for record in run.records]
    after = states if starts_submitted else states[states.index(S.SUBMITTING) :] if S.SUBMITTING in states else []
    assert CommandState.WAITING not in after
    ends = [state for state in states if state in FINAL | {S.IN_DOUBT, S.WAITING}]
    assert len(ends) <= 1
    assert not ends or states[-1] == ends[0]


def _check_silence_after_the_end(run: Run) -> None:
    for given_, before, decision in run.decisions:
        if before is Phase.ENDED:
            assert decision == Decision(decision.state)
        is_over = before is not Phase.ENDED and decision.state.phase is Phase.ENDED
        if is_over and (before in AFTER_SUBMISSION) and not isinstance(given_, Draining):
            told = [effect.to for effect in decision.effects if isinstance(effect, Record)]
            assert len(told) == 1
            assert told[0] in FINAL | {S.IN_DOUBT}


def _check_codes(run: Run) -> None:
    shown = [record.announcements[0].data["attempt"] for record in run.records if record.to is S.SCANNING]
    assert shown == list(range(1, len(shown) + 1))
    assert len(shown) <= MAX_QRS


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(inputs, st.floats(min_value=0, max_value=60)), max_size=20))
def test_submitted_command_that_is_found_again_is_never_submitted_again(steps: list[tuple[Input, float]]) -> None:
    run = play(Phase.TAKEN, [(Recovered(), 0.0), *steps])

    assert Submit() not in run.effects
    assert [record.to for record in run.records] == [CommandState.IN_DOUBT]


def test_every_way_after_the_submission_ends_by_time_alone() -> None:
    """A gateway that falls silent cannot hold a command for ever."""
    for phase in AFTER_SUBMISSION:
        run = play(phase, [(TimedOut(), 0.0)] * 3)

        assert run.decisions[-1][2].state.phase is Phase.ENDED
        assert run.records[-1].to in FINAL | {CommandState.IN_DOUBT}


def test_every_input_of_the_vocabulary_is_tried() -> None:
    """An input that the flow heeds must be among the examples."""
    assert set(EXAMPLES) >= {kind for _, kind in TRANSITIONS}
    assert {CommandState.SUBMITTING, CommandState.SCANNING} == SUBMITTED
