"""The download flow: every pair of phase and input, and how often the gateway is asked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Outcome
from contracts.failures import FailureCode
from tests.builders import MOMENT, make_command
from tests.examples import examples
from tests.unit.flows.tables import (
    EXAMPLES,
    FAILED_DATE,
    PUT_BACK,
    RULES,
    TIMING,
    Expected,
    check_pair,
    record_of,
    said_of,
)
from worker.flows.download import TRANSITIONS, DownloadState, Next, Phase, Situation, decide
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    AskDownload,
    Begin,
    Connect,
    Connected,
    ConnectFailed,
    ConnectionLost,
    Draining,
    Effect,
    Input,
    Overtaken,
    Record,
    TimedOut,
)
from worker.ports import DownloadTold
from worker.records import FINAL, CommandState

P, S = Phase, CommandState
DATE = " 2024-04-12 10:10:10 "
"""With its spaces: the text goes back byte for byte."""
FAILED = DownloadTold(ok=False, date=FAILED_DATE)


def situation(state: DownloadState | None = None, **fields: Any) -> Situation:
    defaults: dict[str, Any] = {
        "command": make_command(type="invoice.download", deadline_at=MOMENT + timedelta(minutes=30)),
        "wish": DATE,
        "timing": TIMING,
        "rules": RULES,
        "now": MOMENT,
        "chance": 1.0,
    }
    return Situation(state=state or DownloadState(), **{**defaults, **fields})


def asked(tries: int = 1) -> DownloadState:
    return DownloadState(P.ASKED, DATE, tries)


ASK = Expected(P.ASKED, (AskDownload,), timer=RULES.notice)
EXPECTED: Mapping[tuple[Phase, type[Input]], Expected] = {
    (P.TAKEN, Begin): Expected(P.CONNECTING, (Connect,)),
    (P.TAKEN, Draining): PUT_BACK,
    (P.CONNECTING, Connected): ASK,
    (P.CONNECTING, ConnectFailed): PUT_BACK,
    (P.CONNECTING, Draining): PUT_BACK,
    (P.ASKED, DownloadTold): ASK,
    (P.ASKED, ConnectionLost): PUT_BACK,
    (P.ASKED, TimedOut): PUT_BACK,
    (P.ASKED, Overtaken): PUT_BACK,
    (P.ASKED, Draining): PUT_BACK,
}


def test_table_and_expectation_name_the_same_pairs() -> None:
    assert set(TRANSITIONS) == set(EXPECTED)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(EXAMPLES), ids=lambda kind: kind.__name__)
def test_pair(phase: Phase, kind: type[Input]) -> None:
    check_pair(decide, situation(DownloadState(phase, DATE, 1)), kind, EXPECTED.get((phase, kind)))


def test_text_goes_out_as_it_came() -> None:
    assert decide(situation(), Begin(session_is_open=True)).effects == (AskDownload(DATE),)


def test_success_names_the_text_that_was_asked_for() -> None:
    decision = decide(situation(asked()), DownloadTold(ok=True))

    assert record_of(decision).to is S.COMPLETED
    assert record_of(decision).announcements[0].outcome is Outcome.COMPLETED
    assert said_of(decision) == {"ok": True, "date": DATE}


def test_newest_text_of_a_failure_is_asked_for_next() -> None:
    first = decide(situation(asked()), FAILED)
    second = decide(situation(first.state), DownloadTold(ok=False))

    assert first.effects == (AskDownload(FAILED_DATE),)
    assert second.effects == (AskDownload(FAILED_DATE),)


def test_download_that_keeps_failing_fails_after_its_tries() -> None:
    state, retries = DownloadState(), 0
    decision = decide(situation(state), Begin(session_is_open=True))
    while not decision.state.has_ended:
        retries += 1
        decision = decide(situation(decision.state), FAILED)

    assert retries == RULES.download_attempts
    assert said_of(decision)["code"] is FailureCode.DOWNLOAD_FAILED


@pytest.mark.parametrize(("attempts", "is_put_back"), [(1, True), (2, True), (3, False)])
def test_silence_is_tried_only_so_often(attempts: int, is_put_back: bool) -> None:
    decision = decide(situation(asked(), command=make_command(attempts=attempts)), TimedOut())

    assert (record_of(decision).to is S.WAITING) is is_put_back
    if not is_put_back:
        assert said_of(decision)["code"] is FailureCode.GATEWAY_TIMEOUT


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        (Begin(session_is_open=True, credential_fault="gone"), FailureCode.CREDENTIAL_MISSING),
        (Begin(session_is_open=False, suspended_until=MOMENT + timedelta(1)), FailureCode.LOGIN_SUSPENDED),
    ],
)
def test_command_that_may_not_begin_fails(given_: Begin, code: FailureCode) -> None:
    assert said_of(decide(situation(), given_))["code"] is code


inputs: st.SearchStrategy[Input] = st.sampled_from(
    [
        Begin(session_is_open=True),
        Begin(session_is_open=False),
        Connected(),
        ConnectFailed("x"),
        ConnectionLost("x"),
        TimedOut(),
        Draining(),
        FAILED,
        DownloadTold(ok=True),
    ]
)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(inputs, max_size=30))
def test_no_sequence_of_inputs_breaks_a_promise(steps: list[Input]) -> None:
    """One end, nothing after it, and never more questions than tries."""
    state, effects = DownloadState(), list[Effect]()
    for given_ in steps:
        decision: Next = decide(situation(state), given_)
        assert not (state.has_ended and decision != Decision(state))
        effects += decision.effects
        state = decision.state

    records = [effect for effect in effects if isinstance(effect, Record)]
    assert len(records) <= 1
    assert state.has_ended == bool(records)
    assert all(record.to in FINAL | {S.WAITING} for record in records)
    assert sum(isinstance(effect, AskDownload) for effect in effects) <= RULES.download_attempts
