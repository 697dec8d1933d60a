"""The audit's flow over any list and any crashes: each invoice is held once, what is told adds up, and nothing is told
twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.audits import FindingKind
from contracts.envelope import dumps
from contracts.events import Outcome
from tests.builders import MOMENT, make_command, make_data, make_found, make_listed, make_login
from tests.examples import examples
from tests.unit.flows.tables import RULES, TIMING
from worker.flows.audit import PAGE_SIZE, TRANSITIONS, decide
from worker.flows.audit_progress import AuditProgress, AuditStage, AuditState, AuditWish, Phase, Situation
from worker.flows.audit_rows import listed_of, row_of
from worker.flows.audit_vocabulary import (
    AuditedCounted,
    AuditedRead,
    CountAudited,
    ForgetAudited,
    KeepAudited,
    NumberedRead,
    Prove,
    Proved,
    ReadAudited,
    ReadNumbered,
)
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    Connect,
    Connected,
    Draining,
    Effect,
    Input,
    MayGoOn,
    PageRead,
    Record,
    SeeWhoIsNext,
)
from worker.ports import PageShown
from worker.records import FINAL, AuditedInvoice, AuditedRow, AuditOwner, CommandState, NumberedCommand

DAY = MOMENT.date().isoformat()
SELLER = make_found()["sellerIdentificationNumber"]
DATA = {"userId": "1111", "login": make_login(), "startInvoiceDate": DAY, "endInvoiceDate": DAY}
OWN, THEIRS, NOBODY = "own", "theirs", "nobody"


@dataclass
class Driven:
    """An audit over a list, a journal and crashes."""

    owners: Sequence[str]
    """Whose each listed invoice is, by its number from 1 on."""
    gone: int
    """Confirmed commands that the list lacks."""
    crashes: list[int]
    """After so many effects the worker dies and another one takes over; in turn."""
    page_rows: int = 7
    tells_total_alone: bool = False
    told: Counter[str] = field(default_factory=Counter)
    ends: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, AuditedRow] = field(default_factory=dict)
    steps: int = 0

    def run(self) -> dict[str, Any]:
        """To its end, over as many claims as that takes."""
        progress: bytes | None = None
        while not self.ends:
            limit = self.crashes.pop(0) if self.crashes else 10_000
            progress = self._claim(progress, limit)
        (end,) = self.ends
        return end

    def _claim(self, progress: bytes | None, limit: int) -> bytes | None:
        state = AuditState(AuditProgress.read(progress), company=SELLER)
        given: Input = Begin(session_is_open=False)
        while True:
            decision = decide(_situation(state), given)
            state, answer = decision.state, None
            for effect in decision.effects:
                self.steps, limit = self.steps + 1, limit - 1
                if isinstance(effect, Record):
                    progress = self._record(effect) or progress
                else:
                    answer = self._perform(effect)
                if limit <= 0 or (state.has_ended and effect is decision.effects[-1]):
                    return progress
                if answer is not None:
                    break
            assert answer is not None
            assert self.steps < 10_000
            given = answer

    def _record(self, record: Record) -> bytes | None:
        for said in record.announcements:
            if said.outcome is Outcome.FINDING:
                self.told.update(each.get("invoiceNumber") for each in said.data["findings"])
        if record.to in FINAL:
            self.ends.append(dict(record.announcements[-1].data))
        return record.progress

    def _perform(self, effect: Effect) -> Input | None:  # noqa: PLR0911  a line per effect
        match effect:
            case Connect():
                return Connected()
            case AskPage(_, _, number):
                return PageRead(self._page(number))
            case SeeWhoIsNext():
                return MayGoOn()
            case KeepAudited(rows):
                self.rows |= {row.identity: row for row in rows}
            case CountAudited():
                return AuditedCounted(len(self.rows))
            case Prove():
                return Proved((), {}, frozenset())
            case ReadAudited(after):
                some = [self._held(row) for name, row in sorted(self.rows.items()) if name > after][:5]
                return AuditedRead(tuple(some))
            case ReadNumbered(_, after, _):
                return NumberedRead(tuple(self._numbered(key) for key in range(after + 1, self._commands + 1)))
            case ForgetAudited():
                self.rows.clear()
        return None

    def _page(self, number: int) -> PageShown:
        first = (number - 1) * self.page_rows
        some = [make_listed(each) for each in range(1, len(self.owners) + 1)][first : first + self.page_rows]
        total = len(self.owners)
        return PageShown(
            tuple(some), total=total, has_next=None if self.tells_total_alone else first + self.page_rows < total
        )

    def _held(self, row: AuditedRow) -> AuditedInvoice:
        owner = self.owners[int(str(row.number)) % 1000 - 1]
        if owner == NOBODY:
            return AuditedInvoice(row)
        return AuditedInvoice(row, owner=AuditOwner(1, owner == OWN, "c", None, make_data() if owner == OWN else None))

    @property
    def _commands(self) -> int:
        return len(self.owners) + self.gone

    def _numbered(self, key: int) -> NumberedCommand:
        number = make_found(key)["countETicketNumbers"]
        before = dumps({"time": MOMENT - timedelta(days=1), "data": {"invoiceDate": MOMENT}})
        is_listed = key <= len(self.owners)
        return NumberedCommand(key, MOMENT, True, number, is_listed, f"c{key}", None, None if is_listed else before)


def _situation(state: AuditState) -> Situation:
    command = make_command(type="invoice.audit", data=dumps(DATA))
    return Situation(state, command, AuditWish.read(DATA), RULES, TIMING, MOMENT, 0.5)


@settings(max_examples=examples(60))
@given(
    st.lists(st.sampled_from([OWN, THEIRS, NOBODY]), max_size=30),
    st.integers(0, 5),
    st.lists(st.integers(1, 40), max_size=6),
)
def test_whatever_is_listed_and_whenever_it_crashes_all_is_found_once(
    owners: list[str], gone: int, crashes: list[int]
) -> None:
    driven = Driven(owners, gone, crashes)
    said = driven.run()

    unknown = [make_found(place)["countETicketNumbers"] for place, owner in enumerate(owners, 1) if owner == NOBODY]
    missing = [make_found(len(owners) + place)["countETicketNumbers"] for place in range(1, gone + 1)]
    assert driven.told == Counter([*unknown, *missing])
    assert (said["total"], said["matched"], said["isWhole"]) == (len(owners), owners.count(OWN), True)
    assert (said["counts"]["unknown"], said["counts"]["missing"]) == (len(unknown), gone)
    assert sum(Decimal(each["totalPriceAndTax"]) for each in said["sums"]) == Decimal("226.00") * len(owners)
    assert not driven.rows


def test_a_pair_that_is_in_no_table_changes_nothing_and_a_drain_puts_back_wherever_it_stands() -> None:
    for phase in Phase:
        state = replace(AuditState(AuditProgress(), has_session=True, company=SELLER), phase=phase)
        decision = decide(_situation(state), Draining())
        if (phase, Draining) in TRANSITIONS:
            record = decision.effects[0]
            assert isinstance(record, Record)
            assert (record.to, decision.state.has_ended) == (CommandState.WAITING, True)
        else:
            assert (decision.state, decision.effects) == (state, ())
    assert {phase for phase, kind in TRANSITIONS if kind is Draining} == {*Phase} - {Phase.ENDED}


def test_list_of_a_gateway_that_lists_fewer_at_once_and_tells_the_total_alone_is_whole() -> None:
    said = Driven([OWN] * 17, 0, [], tells_total_alone=True).run()

    assert (said["isWhole"], said["matched"]) == (True, 17)


def test_lines_of_an_invoice_that_pages_cut_apart_tell_no_total() -> None:
    """One line's total would make it another invoice, which no order could own: it was told as unknown."""
    state = replace(AuditState(AuditProgress(), has_session=True, company=SELLER), phase=Phase.ASKED)
    lines = [make_listed(1, totalPriceAndTax=Decimal(part)) for part in ("60.00", "40.00")]
    first, second = (PageRead(PageShown((each,), has_next=True)) for each in lines)
    # Something else went first on the lane, or the worker crashed: what goes on knows what was journaled.
    journaled = decide(_situation(state), first).state.progress.journaled()
    state = AuditState(AuditProgress.read(journaled), phase=Phase.ASKED, has_session=True, company=SELLER)

    (kept,) = [effect for effect in decide(_situation(state), second).effects if isinstance(effect, KeepAudited)]
    assert [listed_of(each).with_tax for each in kept.rows] == [None]


def test_the_last_one_of_a_list_that_is_cut_may_have_lines_that_were_not_read() -> None:
    at = _situation(replace(AuditState(AuditProgress(), has_session=True, company=SELLER), phase=Phase.ASKED))
    at = replace(at, rules=replace(at.rules, max_pages=1))
    page = PageShown((make_listed(1), make_listed(2)), has_next=True)

    (kept,) = [effect for effect in decide(at, PageRead(page)).effects if isinstance(effect, KeepAudited)]
    assert [listed_of(each).with_tax for each in kept.rows] == [Decimal("226.00"), None]
    whole = PageRead(replace(page, has_next=False, unreadable=1))
    (kept,) = [effect for effect in decide(at, whole).effects if isinstance(effect, KeepAudited)]
    assert [listed_of(each).with_tax for each in kept.rows] == [Decimal("226.00")] * 2


def test_an_invoice_that_a_red_one_of_another_page_names_has_changed() -> None:
    """Its own row still says 正常."""
    state = replace(AuditState(AuditProgress(), has_session=True, company=SELLER), phase=Phase.ASKED)
    blue = make_listed(1, invoiceStatus="正常")
    red = make_listed(
        2, totalPriceAndTax=Decimal(-226), isInvoicePositive=False, note=f"被红冲蓝字数电票号码：{blue.number}"
    )
    journaled = decide(_situation(state), PageRead(PageShown((red,), has_next=True))).state.progress.journaled()
    progress = replace(AuditProgress.read(journaled), stage=AuditStage.LISTED)
    state = AuditState(progress, phase=Phase.READING, company=SELLER)
    owned = AuditOwner(1, True, "c", None, make_data(), confirmed=dumps({"data": {"invoiceId": "1"}}))
    row = AuditedInvoice(row_of(blue, SELLER, MOMENT.date(), MOMENT.date()), owner=owned)

    (record, *_) = decide(_situation(state), AuditedRead((row,))).effects
    assert isinstance(record, Record)
    (finding,) = record.announcements[0].data["findings"]
    assert (finding["kind"], finding["invoice"]["invoiceStatus"]) == (FindingKind.CHANGED, "正常 (被红冲)")


def test_a_page_is_kept_before_it_is_remembered_and_a_batch_is_told_as_it_is_remembered() -> None:
    driven = Driven([NOBODY] * 3, 0, [])
    state = replace(AuditState(AuditProgress(), has_session=True, company=SELLER), phase=Phase.ASKED)
    kept = decide(_situation(state), PageRead(driven._page(1))).effects
    assert [type(each).__name__ for each in kept] == ["CountLogin", "KeepAudited", "Record", "SeeWhoIsNext"]
    assert PAGE_SIZE == 100
