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
from worker.records import FINAL, MAY_HAVE_INVOICE, SUBMITTED, Claim, CommandState

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
