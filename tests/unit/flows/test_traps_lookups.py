"""The traps of the vendor's document (research/domain.md 5) on the query side, where the flow or the lane is the cure.

What the client does about them is in `tests/unit/gateway/test_traps_*.py`; here is what follows for a command. Those
that concern files are in `test_traps_downloads.py`.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.failures import FailureCode
from tests.builders import (
    as_listed,
    identity_of,
    make_command,
    make_condition,
    make_found,
    make_listed,
    make_page,
    make_question,
    make_result,
)
from tests.lane_fakes import Script
from tests.unit.flows.query_driver import Driven, one_page
from tests.unit.flows.submissions import fit, issued, judge, kind_of, listed, subject
from tests.unit.flows.tables import RULES
from tests.unit.flows.test_look_up import Beside, run
from tests.unit.lanes.playing import LONG_LEASE, Played, numbers, pages_of, waiting_query
from tests.virtual_time import in_virtual_time
from worker.flows.evidence.members import Fit, Weight
from worker.flows.evidence.verdicts import Found, Nothing
from worker.flows.invoices import findings_of, fits_condition, found_row
from worker.flows.vocabulary import (
    AskPage,
    Begin,
    ConnectionLost,
    Details,
    DetailsFailed,
    EndLookUp,
    Input,
    PageRead,
    Settle,
    TimedOut,
)
from worker.ports import DownloadTold, LoginAnswered, PageShown, QueryRefused
from worker.records import BEIJING, CommandState

S = CommandState
FOUND = make_found()
NUMBER = FOUND["countETicketNumbers"]
FOUND_AND_ANNOUNCED: tuple[Input | Beside, ...] = (
    Begin(session_is_open=True),
    PageRead(make_page(FOUND)),
    Beside(),
    DownloadTold(ok=True),
)


# ---- query_invoice -------------------------------------------------------------------------------------


@in_virtual_time
async def test_trap_54_login_status_before_the_page_is_no_answer_to_the_query() -> None:
    first, *others = pages_of(3)
    played = Played(Script(pages=[[LoginAnswered(accepted=True), *first], *others]))
    played.lay_out(3)

    await played.run(waiting_query())

    assert played.told() == numbers(3)


def test_trap_56_filter_that_the_gateway_ignores_is_applied_again() -> None:
    condition = make_condition(buyerIdentificationNumber="91330701MA2DFB848M")
    strange = make_found(2, buyerIdentificationNumber="91330701MA2DFB848X")

    driven = one_page(FOUND, strange, question=make_question(condition=condition))
    driven.run()

    assert driven.told == [NUMBER]


@pytest.mark.parametrize("query_type", [0, 1])
def test_trap_56_counterparty_is_compared_on_its_own_side(query_type: int) -> None:
    side = {0: "buyerName", 1: "sellerName"}[query_type]

    assert fits_condition(make_condition(queryType=query_type, **{side: FOUND[side]}), as_listed(FOUND))
    assert not fits_condition(make_condition(queryType=query_type, **{side: "nobody"}), as_listed(FOUND))


def test_trap_57_number_names_the_invoice_and_its_absence_names_none() -> None:
    nameless = listed(1, countETicketNumbers=None)

    assert kind_of(judge([subject()], [nameless])[1]) == "several"
    assert found_row(nameless, 0).number is None


def test_trap_58_filters_with_unknown_values_are_ours_alone() -> None:
    """A reconciliation asks for days and nothing else, and compares what comes."""
    decisions = run(Begin(session_is_open=True))

    assert [type(effect) for effect in decisions[0].effects] == [AskPage]
    assert fit(subject(), make_listed(isInvoicePositive=False, totalAmount=None, totalPriceAndTax=None)) is None
    assert fits_condition(make_condition(invoiceType="数电票(普通发票)"), make_listed(invoiceType=None))


def test_trap_59_amounts_are_compared_exactly() -> None:
    condition = make_condition(startInvoiceValue="0.1", endInvoiceValue="0.3")
    exact = make_listed(totalAmount=None, totalPriceAndTax=Decimal("0.1") + Decimal("0.2"))

    assert fits_condition(condition, exact)
    assert not fits_condition(condition, make_listed(totalAmount=None, totalPriceAndTax=Decimal("0.300001")))


def test_trap_60_reconciliation_looks_from_the_day_before_in_beijing() -> None:
    late = datetime(2025, 12, 31, 17, tzinfo=UTC)  # one in the morning of the first of January there

    (decision,) = run(Begin(session_is_open=True), subjects=(subject(submitted_at=late),), now=late)

    (asked,) = decision.effects
    assert isinstance(asked, AskPage)
    assert (asked.start.isoformat(), asked.end.isoformat()) == ("2025-12-31", "2026-01-01")


def test_trap_60_long_span_is_asked_for_in_parts() -> None:
    condition = make_condition(startInvoiceDate="2024-01-01", endInvoiceDate="2026-01-01")
    driven = Driven(lambda _: make_page(), make_question(condition=condition))

    driven.run()

    spans = [(asked.start, asked.end) for asked in driven.asked]
    assert len(spans) == 2
    assert spans[1][0] == spans[0][1] + timedelta(days=1)
    assert all((end - start).days < RULES.span_days for start, end in spans)


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        (make_page(has_next=True, total=99, total_page=9), 1),
        (make_page(FOUND, has_next=False, total=2, total_page=1), 1),
        (make_page(FOUND, has_next=True), 2),
        (make_page(FOUND, has_next=False, total=99), 2),
    ],
    ids=["empty", "the last one", "the same again", "the same again, although it was the last"],
)
def test_trap_61_reading_ends_whatever_the_paging_says(page: PageShown, asked: int) -> None:
    driven = Driven(lambda _: page, make_question(page={"pageSize": 2, "pageNumber": 1}))

    driven.run()

    assert len(driven.asked) == asked


def test_trap_61_row_that_shifts_to_the_next_page_is_told_once() -> None:
    pages = [make_page(make_found(2), FOUND, has_next=True), make_page(FOUND, make_found(3))]
    driven = Driven(lambda asked: pages[asked.page_number - 1])

    driven.run()

    assert driven.told == [identity_of(row) for row in (make_found(2), FOUND, make_found(3))]


def test_trap_61_row_that_shifts_out_of_sight_makes_absence_no_proof() -> None:
    pages = [make_page(*[make_found(n, buyerName="x") for n in range(100)], has_next=True, total=101), make_page()]

    decisions = run(
        Begin(session_is_open=True),
        *(PageRead(page) for page in pages),
        Beside(),
        subjects=(subject(look_ups=9),),
    )

    (move,) = [effect for effect in decisions[-1].effects if isinstance(effect, Settle)]
    assert move.to is S.IN_DOUBT


def test_trap_63_id_that_changes_at_every_query_brings_no_second_invoice() -> None:
    driven = one_page(FOUND, make_found(id="7"))

    driven.run()

    assert driven.told == [NUMBER]
    assert list(driven.rows) == [NUMBER]


@pytest.mark.parametrize("zone", [UTC, BEIJING])
def test_trap_64_date_is_compared_as_a_moment_and_a_day_as_beijings(zone: Any) -> None:
    moment = datetime(2026, 1, 1, 8, tzinfo=BEIJING).astimezone(zone)

    assert fit(subject(), make_listed(invoiceDate=moment)) == Fit(Weight.EXACT)


def test_trap_65_total_that_differs_by_a_cent_is_not_the_expected_one() -> None:
    told = judge([issued(expected_total="226.00")], [listed(1, totalPriceAndTax=Decimal("226.01"))])

    assert told[1] == Found(listed(1, totalPriceAndTax=Decimal("226.01")))
    assert not fits_condition(
        make_condition(startInvoiceValue="226.02"), make_listed(totalPriceAndTax=Decimal("226.01"))
    )


@pytest.mark.parametrize("echo", [0, 1, None])
def test_trap_66_echo_of_the_query_type_decides_nothing(echo: Any) -> None:
    assert fits_condition(make_condition(queryType=0), make_listed(queryType=echo))
    assert fit(subject(), make_listed(queryType=echo)) == Fit(Weight.EXACT)
    assert findings_of((make_listed(queryType=echo),), Details(), user_id="1", query_type=0).invoices[0].query_type == 0


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", ["note", "buyerIdentificationNumber", "sellerIdentificationNumber"])
def test_trap_67_null_empty_and_missing_contradict_nothing(name: str, nothing: Any) -> None:
    missing = {key: value for key, value in FOUND.items() if key != name}

    assert fit(subject(), as_listed({**FOUND, name: nothing})) is not None
    assert fit(subject(), as_listed(missing)) is not None


def test_trap_68_negative_invoice_with_status_normal_is_nobodys_result() -> None:
    amounts: dict[str, Any] = {"totalAmount": Decimal("-200.00"), "totalPriceAndTax": Decimal("-226.00")}
    red = make_listed(isInvoicePositive=None, invoiceStatus="正常", **amounts)

    assert red.is_positive is False
    assert judge([subject()], [red]) == {1: Nothing()}


def test_trap_68_invoice_that_was_reversed_since_is_still_the_one_that_was_issued() -> None:
    reversed_since = make_listed(invoiceStatus="已红冲-全额")

    assert judge([issued()], [reversed_since]) == {1: Found(reversed_since)}


@in_virtual_time
async def test_trap_70_refused_query_is_not_asked_again() -> None:
    played = Played(Script(pages=[[QueryRefused()]]), settings=LONG_LEASE)

    await played.serve(waiting_query(), until=600)

    assert len(played.gateway.queries) == 1
    assert played.failure()["code"] == FailureCode.QUERY_REFUSED


@pytest.mark.parametrize("given", [QueryRefused(), TimedOut(), ConnectionLost("x"), LoginAnswered(accepted=False)])
def test_trap_70_refused_look_settles_nothing(given: Input) -> None:
    decisions = run(Begin(session_is_open=True), given, subjects=(subject(look_ups=9),))

    effects = decisions[-1].effects
    assert not [effect for effect in effects if isinstance(effect, Settle) and effect.has_looked]
    assert len([effect for effect in effects if isinstance(effect, EndLookUp)]) == 1


def test_trap_71_all_that_is_sought_costs_one_query() -> None:
    sought = (subject(1), issued(2), subject(3, state=S.CHECKING))

    decisions = run(Begin(session_is_open=True), PageRead(make_page()), Beside(), subjects=sought)

    assert sum(isinstance(effect, AskPage) for decision in decisions for effect in decision.effects) == 1
    assert sum(isinstance(effect, Settle) for effect in decisions[-1].effects) == 3


# ---- what came before ----------------------------------------------------------------------------------


@in_virtual_time
async def test_trap_24_each_query_logs_in_by_itself_and_a_refused_login_counts() -> None:
    played = Played(Script(pages=[[LoginAnswered(accepted=False)]]))

    await played.run(waiting_query())

    assert "login" not in played.acts
    assert played.stage.hooks.refusals == 1


@in_virtual_time
async def test_trap_10_two_sockets_of_one_user_are_never_open_at_once() -> None:
    played = Played(Script(pages=pages_of(1), submissions=[[make_result()]]), settings=LONG_LEASE)
    played.gateway.close_seconds = 3

    await played.serve(waiting_query(1), make_command(key=2, state=S.WAITING, epoch=0, attempts=0), waiting_query(3))

    assert played.gateway.connections == 2
    assert played.gateway.most_open_of_one_user == 1


def test_trap_28_total_with_tax_or_without_may_be_the_price() -> None:
    with_tax = listed(1, totalPriceAndTax=Decimal(200), totalAmount=Decimal("176.99"))

    assert {kind_of(judge([subject()], [each])[1]) for each in (listed(1), with_tax)} == {"found"}


def test_trap_46_refusal_is_no_proof_and_what_is_listed_counts() -> None:
    decisions = run(
        *FOUND_AND_ANNOUNCED,
        DetailsFailed("503"),
        subjects=(subject(state=S.CHECKING),),
    )

    (move,) = [effect for effect in decisions[-1].effects if isinstance(effect, Settle)]
    assert (move.to, move.announcements[0].data["reconciled"]) == (S.COMPLETED, True)
