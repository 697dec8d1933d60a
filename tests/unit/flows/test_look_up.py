"""The look-up flow: every pair of phase and input, and what no sequence of inputs can break."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Outcome
from tests.builders import MOMENT, make_command, make_found, make_invoice, make_listed, make_page
from tests.examples import examples
from tests.lane_fakes import make_file
from tests.unit.flows.submissions import issued, subject
from tests.unit.flows.tables import EXAMPLES, FAILED_DATE, TIMING, Expected, read, seen
from worker.flows.evidence.index import Wanted
from worker.flows.evidence.subjects import Listed, Subject
from worker.flows.evidence.verdicts import Found
from worker.flows.invoices import BEIJING
from worker.flows.look_up import (
    FILE_TYPES,
    PAGE_SIZE,
    TRANSITIONS,
    LookUpState,
    Next,
    Phase,
    Situation,
    Sought,
    decide,
)
from worker.flows.looks import EXPIRED, Absence, LookUpRules, Schedules
from worker.flows.table import Decision
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    BoundRead,
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
    FetchDetails,
    Input,
    MayGoOn,
    Overtaken,
    PageRead,
    ReadBound,
    Record,
    SeeWhoIsNext,
    Settle,
    Submit,
    TimedOut,
)
from worker.ports import DownloadTold, LoginAnswered, PageShown, QueryRefused
from worker.records import LOOK_UP, CommandState

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
    return LookUpState(phase, candidates=(Listed.of(LISTED),), listed=frozenset({FOUND["countETicketNumbers"]}))


def run(*given_: Input, state: LookUpState | None = None, **fields: Any) -> list[Next]:
    """The decisions, one after the other."""
    decisions: list[Next] = []
    for each in given_:
        state = decisions[-1].state if decisions else state
        decision = decide(situation(state, **fields), each)
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
    (P.ASKED, PageRead): Expected(P.BOUND, (CountLogin, ReadBound)),
    (P.ASKED, DownloadTold): Expected(P.ASKED),
    (P.ASKED, QueryRefused): PUT_OFF,
    (P.ASKED, ConnectionLost): PUT_OFF,
    (P.ASKED, TimedOut): PUT_OFF,
    (P.ASKED, Draining): LEFT,
    (P.LOOKING, MayGoOn): Expected(P.ASKED, (AskPage,), timer=RULES.page),
    (P.LOOKING, Overtaken): Expected(P.ENDED, (Record,), S.WAITING),
    (P.LOOKING, Draining): LEFT,
    (P.BOUND, BoundRead): Expected(P.NOTICE, timer=RULES.notice),
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
    """A pair of the table leads where the table says; any other changes nothing."""
    state = standing(phase)
    if phase in {P.NOTICE, P.DETAILS, P.LATE}:
        state = replace(state, told=((1, Found(LISTED)),), rounds=0 if phase is P.NOTICE else 1)
    at = situation(state)

    decision = decide(at, EXAMPLES[kind])

    expected = EXPECTED.get((phase, kind))
    if expected is None:
        assert decision == Decision(at.state)
        return
    assert seen(decision) == expected


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

    assert EndLookUp(MOMENT + MINUTE + timedelta(seconds=seconds)) in decision.effects
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

    assert EndLookUp(now + timedelta(minutes=minutes)) in decision.effects


def test_login_that_is_refused_is_counted() -> None:
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED))

    assert decision.effects[0] == CountLogin(accepted=False)


@pytest.mark.parametrize(("before", "hours"), [(0, 0.5), (1, 1), (2, 2), (9, 12)])
def test_login_that_is_refused_again_and_again_rests_longer_each_time(before: int, hours: float) -> None:
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED, refused_logins=before))

    assert EndLookUp(MOMENT + MINUTE + timedelta(hours=hours)) in decision.effects


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
    """No look is counted: the schedule of the search stays whole."""
    waiting = subject(1, state=state, sought_at=MOMENT, progress=EXPIRED.journaled())
    (decision,) = run(LoginAnswered(accepted=False), state=LookUpState(P.ASKED), subjects=(waiting,))

    (settled,) = settlements(decision)
    (told,) = settled.announcements
    assert (settled.to, told.outcome, told.data["needsPerson"]) == (CommandState.IN_DOUBT, Outcome.IN_DOUBT, True)
    assert "refuses the login" in told.data["reason"]
    assert settled.sought_at == told.data["nextLookAt"] == MOMENT + MINUTE + timedelta(minutes=30)
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


# ---- the list ------------------------------------------------------------------------------------------


def other(number: int) -> dict[str, Any]:
    """Somebody else's invoice."""
    return make_found(number, totalPriceAndTax=Decimal(9), totalAmount=Decimal(8))


def full(first: int, **paging: Any) -> PageShown:
    """A page of them."""
    rows = map(other, range(first, first + PAGE_SIZE))
    return make_page(*rows, **{"has_next": None, **paging})


def few(first: int, count: int, **paging: Any) -> PageShown:
    """A page of fewer than were asked for, by a gateway that tells nothing of its pages but the total."""
    rows = map(other, range(first, first + count))
    return make_page(*rows, **{"has_next": None, "total_page": None, **paging})


@pytest.mark.parametrize(
    ("pages", "is_whole"),
    [
        ([make_page(total=0)], True),
        ([make_page()], True),
        ([full(1, has_next=True), full(101, has_next=False)], True),
        ([full(1), make_page(other(101))], True),
        ([full(1, total=101), make_page(other(101), total=101)], True),
        ([full(1, total=101), make_page(other(100), total=101)], False),
        ([full(1, total=150), full(1, total=150)], False),
        ([few(1, 50, total=80), few(51, 30, total=80)], True),
        ([few(1, 50, total=120), few(51, 50, total=120), few(101, 20, total=120)], True),
        ([few(1, 50, total=120), few(51, 50, total=120), make_page(total=120)], False),
        ([full(1, total=100, has_next=True), full(1, total=100, has_next=True)], True),
        ([full(1), full(1)], False),
        ([full(1, total=150), make_page(total=150)], False),
        ([make_page(other(1), unreadable=1)], False),
        ([make_page(other(1), total=1, unreadable=1)], False),
        ([full(n * 100 + 1) for n in range(9)], False),
    ],
    ids=[
        "nothing",
        "nothing, and no total",
        "to the end",
        "to the last page by its size",
        "to the total",
        "a row came twice and one never",
        "one page again and again",
        "fewer at once than asked for",
        "the same, beyond a page as it was asked for",
        "the same, and not to the total",
        "one page again, but all of it",
        "one page again, and no total",
        "empty before the total",
        "a row that cannot be read",
        "a row that cannot be read, beside the total",
        "as many pages as are asked for at most",
    ],
)
def test_absence_is_proof_only_from_a_whole_list(pages: list[PageShown], is_whole: bool) -> None:
    decisions = run(
        Begin(session_is_open=True),
        *map(read, pages),
        BoundRead(frozenset()),
        subjects=(subject(look_ups=9),),
    )

    assert decisions[-2].state.is_whole is is_whole
    (move,) = settlements(decisions[-1])
    assert move.to is (S.FAILED if is_whole else S.IN_DOUBT)


@pytest.mark.parametrize(
    ("pages", "is_over"),
    [
        ([few(1, 50, total=80)], True),
        ([few(1, 50, total=120), few(51, 50, total=120)], True),
        ([full(1, total=150)], False),
        ([few(1, 50, total=120)], False),
        ([], False),
    ],
)
def test_refused_page_that_need_not_be_there_ends_the_list_and_any_other_is_asked_for_again(
    pages: list[PageShown], is_over: bool
) -> None:
    """Nobody is left without an end by a gateway that counts otherwise than it lists; it proves nothing."""
    decisions = run(Begin(session_is_open=True), *map(read, pages), QueryRefused(), subjects=(subject(look_ups=9),))

    last = decisions[-1].state
    assert (last.phase is Phase.BOUND and last.is_cut) is is_over
    assert (last.phase is Phase.ENDED) is not is_over


@pytest.mark.parametrize(("company", "is_sought"), [("91330701MA2M37T86L", True), ("91330701MA2M37T86X", False)])
def test_list_that_was_cut_at_the_last_look_is_read_again(company: str, is_sought: bool) -> None:
    """But not one that is another company's: that one is no better the next time."""
    decisions = run(
        Begin(session_is_open=True),
        read(make_page(other(1), total=2)),
        BoundRead(frozenset()),
        subjects=(subject(look_ups=1),),
        company=company,
    )

    (move,) = settlements(decisions[-1])
    assert (move.to, move.sought_at is not None) == (S.IN_DOUBT, is_sought)


@pytest.mark.parametrize(("company", "is_proof"), [("91330701-ma2m37t86l", True), ("91330701MA2M37T86X", False)])
def test_absence_is_proof_only_in_the_sellers_own_list(company: str, is_proof: bool) -> None:
    decisions = run(
        Begin(session_is_open=True),
        read(make_page()),
        BoundRead(frozenset()),
        subjects=(subject(look_ups=9),),
        company=company,
    )

    (move,) = settlements(decisions[-1])
    assert move.to is (S.FAILED if is_proof else S.IN_DOUBT)


def test_only_what_could_be_somebodys_is_kept_of_the_list() -> None:
    decisions = run(Begin(session_is_open=True), read(full(1)), read(make_page(make_found(101), FOUND)))

    assert [each.invoice.number for each in decisions[-1].state.candidates] == [
        make_found(101)["countETicketNumbers"],
        FOUND["countETicketNumbers"],
    ]
    assert decisions[-1].effects[-1] == ReadBound(
        (make_found(101)["countETicketNumbers"], FOUND["countETicketNumbers"]),
        since=datetime(2025, 12, 31, tzinfo=BEIJING),
    )


@pytest.mark.parametrize("dead_one", [0, 1])
def test_invoice_that_is_listed_twice_is_dead_where_one_row_says_so(dead_one: int) -> None:
    rows = [FOUND, FOUND]
    rows[dead_one] = FOUND | {"invoiceStatus": "已红冲-全额"}

    decisions = run(Begin(session_is_open=True), read(make_page(*rows)))

    assert [each.invoice.status for each in decisions[-1].state.candidates] == ["已红冲-全额"]


def test_rival_that_could_claim_the_invoice_keeps_it_from_being_given_away() -> None:
    """It was submitted elsewhere, and nobody here asks what became of it."""
    rival = issued(7, lane="2222", sought_at=None)

    decisions = run(Begin(session_is_open=True), read(make_page(FOUND)), BoundRead(frozenset(), rivals=(rival,)))

    (move,) = settlements(decisions[-1])
    assert (move.command.key, move.to, move.invoice_number) == (1, S.IN_DOUBT, None)
    assert move.sought_at is not None


def test_nothing_is_found_where_there_may_be_more_rivals_than_were_read() -> None:
    decisions = run(
        Begin(session_is_open=True),
        read(make_page(FOUND)),
        BoundRead(frozenset(), are_all_rivals=False),
        subjects=(subject(look_ups=9),),
    )

    (move,) = settlements(decisions[-1])
    assert (move.to, move.invoice_number) == (S.IN_DOUBT, None)
    assert move.announcements[0].data["needsPerson"]


# ---- the end -------------------------------------------------------------------------------------------


BEFORE_FILES: tuple[Input, ...] = (Begin(session_is_open=True), read(make_page(FOUND)), BoundRead(frozenset()))
DONE = DownloadTold(ok=True)
FAILED = DownloadTold(ok=False, date=FAILED_DATE)
NONE_READY = DetailsFetched(Details())
FETCH = FetchDetails(files_of=(FOUND["id"],), types=FILE_TYPES)


def ready(*types: str) -> DetailsFetched:
    return DetailsFetched(Details(files=tuple(make_file(FOUND["id"], each) for each in types)))


def files_told(decision: Next) -> list[str]:
    (move,) = settlements(decision)
    return [file["type"] for file in move.announcements[-1].data["files"]]


@pytest.mark.parametrize("given_", [DONE, FAILED, TimedOut(), ConnectionLost("reset")], ids=lambda v: type(v).__name__)
def test_files_of_what_was_found_are_fetched_when_their_notice_came_or_will_not_come(given_: Input) -> None:
    decisions = run(*BEFORE_FILES, given_, ready(*FILE_TYPES))

    assert (decisions[2].effects, decisions[2].timer) == ((), RULES.notice)
    assert decisions[3].effects == (FETCH,)
    assert files_told(decisions[4]) == list(FILE_TYPES)


@pytest.mark.parametrize(
    ("given_", "is_announced"),
    [
        ((read(make_page(FOUND)),), False),
        ((read(make_page(FOUND, has_next=True)), DONE, read(make_page(other(2)))), False),
        ((read(make_page(FOUND, has_next=True)), DONE, read(make_page())), True),
    ],
    ids=["no notice yet", "the notice of a page before the last", "an empty page has none of its own"],
)
def test_notice_that_has_come_already_is_not_waited_for(given_: tuple[Input, ...], is_announced: bool) -> None:
    decisions = run(Begin(session_is_open=True), *given_, BoundRead(frozenset()))

    assert (decisions[-1].effects == (FETCH,)) is is_announced


def test_files_that_lack_are_asked_for_twice_again_and_no_more() -> None:
    decisions = run(*BEFORE_FILES, DONE, NONE_READY, TimedOut(), ready("pdf"), TimedOut(), ready("pdf", "ofd"))

    assert [decisions[place].timer for place in (4, 6)] == list(RULES.late_files)
    assert [decisions[place].effects for place in (3, 5, 7)] == [(FETCH,)] * 3
    assert files_told(decisions[8]) == ["pdf", "ofd"]


def test_only_what_lacks_a_file_is_asked_for_again() -> None:
    second = make_found(2, note="2")
    sought = (subject(1, invoice=make_invoice(remark="1")), subject(2, invoice=make_invoice(remark="2")))
    rows = (make_found(1, note="1"), second)

    decisions = run(
        Begin(session_is_open=True),
        read(make_page(*rows)),
        BoundRead(frozenset()),
        DONE,
        ready(*FILE_TYPES),
        TimedOut(),
        subjects=sought,
    )

    assert decisions[-1].effects == (FetchDetails(files_of=(second["id"],), types=FILE_TYPES),)


def test_lane_without_a_session_is_not_held_while_files_lack() -> None:
    decisions = run(*BEFORE_FILES, DONE, NONE_READY, ConnectionLost("reset"), ready("pdf"))

    assert decisions[5].effects == (FETCH,)
    assert files_told(decisions[6]) == ["pdf"]


@pytest.mark.parametrize("late", [(), (NONE_READY, TimedOut())], ids=["at first", "when asked again"])
def test_number_is_told_even_where_its_files_cannot_be_had(late: tuple[Input, ...]) -> None:
    decisions = run(*BEFORE_FILES, DONE, *late, DetailsFailed("503"))

    (move,) = settlements(decisions[-1])
    assert (move.invoice_number, move.announcements[-1].data["files"]) == (FOUND["countETicketNumbers"], [])


def test_number_that_belongs_to_another_is_not_taken() -> None:
    decisions = run(
        Begin(session_is_open=True), read(make_page(FOUND)), BoundRead(frozenset({FOUND["countETicketNumbers"]}))
    )

    (move,) = settlements(decisions[-1])
    assert (move.to, move.invoice_number) == (S.IN_DOUBT, None)


def test_session_is_kept_after_a_look_that_saw_something() -> None:
    decisions = run(Begin(session_is_open=True), read(make_page()), BoundRead(frozenset()))

    assert CloseSession() not in decisions[-1].effects


# ---- what no sequence of inputs can break --------------------------------------------------------------

SOUGHT: tuple[Subject, ...] = (subject(1), issued(2), subject(3, state=S.CHECKING))
inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(Begin, session_is_open=st.booleans(), credential_fault=st.sampled_from([None, None, "x"])),
    st.lists(st.integers(1, 4), max_size=3).map(lambda ns: read(make_page(*map(make_found, ns)))),
    st.lists(st.integers(1, 4), max_size=3).map(lambda ns: read(make_page(*map(make_found, ns), has_next=True))),
    st.sampled_from([BoundRead(frozenset()), BoundRead(frozenset({FOUND["countETicketNumbers"]}))]),
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


def test_gateway_that_lists_for_ever_is_read_only_so_far() -> None:
    state, pages = LookUpState(P.ASKED), 0
    while state.phase is P.ASKED:
        pages += 1
        (decision,) = run(read(make_page(make_found(pages), has_next=True)), state=state)
        state = decision.state

    assert pages == RULES.max_pages


def pages_read(*pages: PageShown) -> list[Next]:
    """The decisions until the list is over."""
    state, decisions = LookUpState(P.ASKED), []
    for page in pages:
        (decision,) = run(read(page), state=state)
        decisions.append(decision)
        state = replace(decision.state, phase=P.ASKED)
    return decisions


def test_gateway_that_lists_ten_at_once_and_tells_nothing_is_read_to_the_end() -> None:
    """A hundred are asked for. The order's own is behind what others got meanwhile."""
    rows = list(map(other, range(1, 15)))
    ten, rest, empty = (make_page(*part, has_next=None) for part in (rows[:10], rows[10:], []))

    decisions = pages_read(ten, rest, empty)

    assert [type(one.effects[-1]) for one in decisions] == [AskPage, AskPage, ReadBound]
    assert decisions[-1].state.is_whole


@pytest.mark.parametrize(("count", "is_whole"), [(10, True), (100, False)])
def test_gateway_that_gives_the_same_rows_for_every_page_has_told_all_where_they_are_few(
    count: int, is_whole: bool
) -> None:
    same = make_page(*map(other, range(1, count + 1)), has_next=None)

    decisions = pages_read(same, same)

    assert isinstance(decisions[-1].effects[-1], ReadBound)
    assert decisions[-1].state.is_whole is is_whole


# ---- what goes before it -------------------------------------------------------------------------------


def test_look_that_gave_way_reads_what_was_issued_meanwhile_and_goes_on_where_it_was() -> None:
    """Two invoices came to the front and moved the rest: without them the list would be shorter than its total."""
    first = full(1, total=250, has_next=True)
    (before,) = run(read(first), state=LookUpState(P.ASKED))
    paused = decide(situation(replace(before.state, phase=P.LOOKING)), Overtaken()).state.resumed()
    rows = list(map(other, (901, 902, *range(1, 251))))
    pages = [make_page(*rows[at : at + 100], total=252, has_next=at < 200) for at in (0, 100, 200)]

    decisions = run(Begin(session_is_open=True), *map(read, pages), state=paused)

    asked = [effect.page_number for one in decisions for effect in one.effects if isinstance(effect, AskPage)]
    assert asked == [1, 2, 3]
    assert decisions[-1].state.is_whole


def test_look_that_gave_way_at_page_forty_reads_none_of_its_pages_twice_but_the_first() -> None:
    state = LookUpState(P.ENDED, page=40, listed=frozenset({FOUND["countETicketNumbers"]})).resumed()

    decisions = run(Begin(session_is_open=True), read(make_page(FOUND, has_next=True)), state=state)

    asked = [effect.page_number for one in decisions for effect in one.effects if isinstance(effect, AskPage)]
    assert asked == [1, 40]
