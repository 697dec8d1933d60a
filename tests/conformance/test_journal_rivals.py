"""Submissions that may have an invoice and have no number, of whatever lane, on both stores."""

from typing import Any

import pytest

from tests.conformance.journal_builders import (
    ACCOUNT,
    COMPLETED,
    NOW,
    PASSWORD,
    SECOND,
    admit,
    begin,
    look_up,
    new,
    seek,
    settlement,
    step,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import FINAL, MAY_HAVE_INVOICE, SUBMITTED, Claim, Clues, CommandState, Probes, TotalProbe

SELLER = "91330701MA2M37T86L"
START = (NOW, 0)


async def submit_at(journal: Journal, command_id: str, seconds: int = 0, **fields: Any) -> Claim:
    """On a lane of its own, so many seconds later."""
    command = new(command_id, **({"seller": SELLER, "lane": f"lane of {command_id}"} | fields))
    claim = await begin(journal, command)
    assert await journal.record(step(claim, CommandState.SUBMITTING, at=NOW + seconds * SECOND))
    return claim


async def rivals(journal: Journal, behind: Any = START, limit: int = 100, seller: str = SELLER) -> list[str]:
    return [command.id for command in await journal.rivals(seller, behind, limit)]


@pytest.mark.parametrize("state", sorted(set(CommandState) - {CommandState.FOLLOWING, CommandState.REJECTED}))
async def test_whoever_may_have_an_invoice_is_one(journal: Journal, state: CommandState) -> None:
    claim = await submit_at(journal, "a")
    if state is not CommandState.SUBMITTING:
        changes: dict[str, Any] = {"sought_at": NOW, "account": ACCOUNT} if state not in FINAL else {}
        assert await journal.record(step(claim, state, expected=SUBMITTED, **changes))
    assert await rivals(journal) == (["a"] if state in MAY_HAVE_INVOICE else [])


async def test_whoever_has_submitted_nothing_is_none(journal: Journal) -> None:
    await begin(journal, new("runs", seller=SELLER))
    await admit(journal, new("waits", seller=SELLER))
    assert await rivals(journal) == []


async def test_whoever_has_a_number_is_none_any_more(journal: Journal) -> None:
    await seek(journal, new("a", seller=SELLER))
    assert await rivals(journal) == ["a"]
    command = await look_up(journal, "a")
    assert await journal.settle(settlement(command, CommandState.COMPLETED, expected=COMPLETED, invoice_number="n1"))
    assert await rivals(journal) == []


async def test_only_the_sellers_own_are_and_those_of_all_tenants_and_lanes(journal: Journal) -> None:
    await submit_at(journal, "a")
    await submit_at(journal, "b", source="shop")
    await submit_at(journal, "c", seller="another")
    assert await rivals(journal) == ["a", "b"]
    assert await rivals(journal, seller="another") == ["c"]
    assert await rivals(journal, seller="") == []


async def test_they_come_by_their_submission_from_the_ones_behind_on(journal: Journal) -> None:
    for command_id, seconds in (("late", 3), ("first", 1), ("second", 1), ("too early", -1)):
        await submit_at(journal, command_id, seconds)
    assert await rivals(journal) == ["first", "second", "late"]
    assert await rivals(journal, limit=2) == ["first", "second"]
    rows = await journal.rivals(SELLER, START, 100)
    behind = [(row.submitted_at, row.key) for row in rows]
    assert await rivals(journal, behind[0]) == ["second", "late"]
    assert await rivals(journal, behind[1]) == ["late"]
    assert await rivals(journal, behind[2]) == []
    assert await rivals(journal, (NOW + SECOND, 0)) == ["first", "second", "late"]


async def test_they_come_with_their_data_and_without_their_secrets(store: Store, journal: Journal) -> None:
    await submit_at(journal, "a", secrets={"p": PASSWORD}, data=b'{"invoice":{}}')
    (command,) = await journal.rivals(SELLER, START, 100)
    assert (command.data, command.secrets) == (b'{"invoice":{}}', {})
    assert (command.state, command.submitted_at) == (CommandState.SUBMITTING, NOW)


# ---- by their clues ------------------------------------------------------------------------------------

COMPANY, ANOTHER = "91330701MA2DFB848M", "91330701MA2DFB848X"


async def found(
    journal: Journal, *totals: TotalProbe, marks: tuple[str, ...] = (), after: int = 0, limit: int = 100
) -> list[str]:
    rows = await journal.rivals_by_clues(SELLER, (NOW - SECOND, after), Probes(totals, marks), limit)
    return [command.id for command in rows]


async def test_rivals_are_found_by_their_total_both_ends_included(journal: Journal) -> None:
    for cents in (99, 100, 101, 102):
        await submit_at(journal, f"of {cents}", clues=Clues(total=cents))
    assert await found(journal, TotalProbe(100, 101)) == ["of 100", "of 101"]
    assert await found(journal, TotalProbe(99, 99), TotalProbe(102, 500), TotalProbe(99, 100)) == [
        "of 99",
        "of 100",
        "of 102",
    ]
    assert await found(journal) == []


async def test_a_probe_of_one_company_finds_its_orders_and_those_of_nobody_in_particular(journal: Journal) -> None:
    for name, buyer in (("own", COMPANY), ("another's", ANOTHER), ("nobody's", "")):
        await submit_at(journal, name, clues=Clues(buyer=buyer, total=100))
    assert await found(journal, TotalProbe(100, 100, COMPANY)) == ["own", "nobody's"]
    assert await found(journal, TotalProbe(100, 100)) == ["own", "another's", "nobody's"]


async def test_rivals_are_found_by_the_total_that_they_expect_and_by_their_remark(journal: Journal) -> None:
    await submit_at(journal, "expects", clues=Clues(buyer=ANOTHER, total=100, expected=113))
    await submit_at(journal, "marked", clues=Clues(total=5, mark="m"))
    assert await found(journal, TotalProbe(113, 113, COMPANY)) == ["expects"]
    assert await found(journal, marks=("m", "n")) == ["marked"]
    assert await found(journal, TotalProbe(100, 113), marks=("m",)) == ["expects", "marked"]


async def test_one_whose_clues_are_open_is_found_by_every_probe(journal: Journal) -> None:
    """So is whatever an earlier version journaled."""
    await submit_at(journal, "open")
    assert await found(journal) == ["open"]
    assert await found(journal, TotalProbe(1, 1, COMPANY)) == ["open"]


@pytest.mark.parametrize("state", sorted(set(CommandState) - {CommandState.FOLLOWING, CommandState.REJECTED}))
async def test_clues_find_only_whoever_may_have_an_invoice(journal: Journal, state: CommandState) -> None:
    claim = await submit_at(journal, "a", clues=Clues(total=100, expected=100, mark="m"))
    if state is not CommandState.SUBMITTING:
        changes: dict[str, Any] = {"sought_at": NOW, "account": ACCOUNT} if state not in FINAL else {}
        assert await journal.record(step(claim, state, expected=SUBMITTED, **changes))
    assert await found(journal, TotalProbe(100, 100), marks=("m",)) == (["a"] if state in MAY_HAVE_INVOICE else [])


async def test_clues_find_nobody_with_a_number_none_of_another_seller_and_none_of_before(journal: Journal) -> None:
    await seek(journal, new("numbered", seller=SELLER, clues=Clues(total=100)))
    command = await look_up(journal, "numbered")
    assert await found(journal, TotalProbe(100, 100)) == ["numbered"]
    assert await journal.settle(settlement(command, CommandState.COMPLETED, expected=COMPLETED, invoice_number="n1"))
    await submit_at(journal, "another's", seller="another", clues=Clues(total=100))
    await submit_at(journal, "too early", -2, clues=Clues(total=100))
    assert await found(journal, TotalProbe(100, 100)) == []


async def test_they_come_a_few_at_a_time_by_their_keys_with_their_data(journal: Journal) -> None:
    for number in range(5):
        await submit_at(journal, f"c{number}", 5 - number, clues=Clues(total=100, mark="m"), data=b'{"n":1}')
    first = await journal.rivals_by_clues(SELLER, (NOW, 0), Probes((TotalProbe(1, 999),), ("m",)), 3)
    assert [command.id for command in first] == ["c0", "c1", "c2"]
    assert {command.data for command in first} == {b'{"n":1}'}
    assert await found(journal, TotalProbe(1, 999), marks=("m",), after=first[-1].key, limit=3) == ["c3", "c4"]
