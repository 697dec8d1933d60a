"""Who else could claim an invoice: read a few at a time, and never silently left out."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from tests.builders import MOMENT, make_invoice, make_item, make_listed
from tests.lane_store import LaneStore
from tests.unit.flows.submissions import SKEW, make_submitted, subject
from tests.virtual_time import VirtualClock
from worker.flows.evidence.subjects import Listed, Subject
from worker.lanes.lane_session import Insist
from worker.lanes.runs import evidence
from worker.lanes.runs.evidence import read_rivals
from worker.ports import LaneJournal
from worker.records import Command, CommandState, Probes

SINCE = MOMENT - timedelta(days=1)
SEEN = [Listed.of(make_listed(1, note=""))]
SECOND = timedelta(seconds=1)
S = CommandState


class Shelf:
    """The journal's submissions, and what was asked of them."""

    def __init__(self, *commands: Command) -> None:
        self.commands = commands
        self.asked: list[tuple[str, tuple[datetime, int], int]] = []
        self._store = LaneStore([], VirtualClock())
        for command in commands:
            self._store.put(command)

    async def rivals(self, seller: str, since: tuple[datetime, int], limit: int) -> Sequence[Command]:
        self.asked.append((seller, since, limit))
        return [c for c in self.commands if c.seller == seller and (c.submitted_at, c.key) > since][:limit]

    async def rivals_by_clues(
        self, seller: str, since: tuple[datetime, int], probes: Probes, limit: int
    ) -> Sequence[Command]:
        self.asked.append((seller, since, limit))
        found: list[Command] = await self._store.rivals_by_clues(seller, since, probes, limit)
        return found


def submitted(key: int, **fields: Any) -> Command:
    """One per second, by their keys."""
    return make_submitted(key, **{"submitted_at": MOMENT + key * SECOND, **fields})


async def rivals_on(
    shelf: Shelf, subjects: Sequence[Subject], since: datetime, seen: Sequence[Listed]
) -> tuple[tuple[Subject, ...], bool]:
    async def at_once(act: Callable[[], Awaitable[Any]]) -> Any:
        return await act()

    return await read_rivals(cast("LaneJournal", shelf), cast("Insist", at_once), subjects, since, seen, SKEW)


async def keys(shelf: Shelf, *sought: Command) -> tuple[list[int], bool]:
    read, are_all = await rivals_on(shelf, [subject(c.key, seller=c.seller) for c in sought], SINCE, SEEN)
    return [rival.key for rival in read], are_all


async def test_rivals_are_all_others_that_could_claim_an_invoice() -> None:
    other = submitted(3, invoice=make_invoice(invoiceItems=[make_item(unitPrice=Decimal(7))]))
    shelf = Shelf(submitted(1), submitted(2), other)

    assert await keys(shelf, submitted(1)) == ([2], True)


@pytest.mark.parametrize("is_emptied", [False, True])
async def test_invoice_without_a_date_may_be_any_rivals(is_emptied: bool) -> None:
    """The beginning of time, less what clocks may differ by, is no date: the look broke, for ever."""
    ended = {"state": S.COMPLETED, "settled_at": MOMENT + 2 * SECOND}
    rival = submitted(2, **ended, **({"data": b"{}"} if is_emptied else {}))
    undated = [Listed.of(make_listed(1, note="", invoiceDate=None))]

    read, are_all = await rivals_on(Shelf(rival), [subject(1)], SINCE, undated)

    assert ([each.key for each in read], are_all) == (([], False) if is_emptied else ([2], True))


async def test_each_seller_is_asked_for_once() -> None:
    shelf = Shelf(submitted(3, seller="A"), submitted(4, seller="B"), submitted(5, seller="C"))

    assert await keys(shelf, submitted(1, seller="B"), submitted(2, seller="A")) == ([3, 4], True)
    assert [(seller, behind) for seller, behind, _ in shelf.asked] == [("A", (SINCE, 0)), ("B", (SINCE, 0))]


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7])
async def test_they_are_read_a_few_at_a_time_to_the_last(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "AT_ONCE", 3)
    shelf = Shelf(*map(submitted, range(2, count + 2)))

    assert await keys(shelf, submitted(1)) == (list(range(2, count + 2)), True)
    assert {limit for _, _, limit in shelf.asked} == {3}


@pytest.mark.parametrize("limit", ["MOST_READ", "MOST_COMPETING"])
async def test_too_many_are_said_to_be_too_many(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "AT_ONCE", 3)
    monkeypatch.setattr(evidence, limit, 5)
    shelf = Shelf(*map(submitted, range(2, 100)))

    _, are_all = await keys(shelf, submitted(1))

    assert not are_all
    assert len(shelf.asked) == 2


async def test_many_that_could_not_claim_anything_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_COMPETING", 5)
    shelf = Shelf(*(submitted(key, invoice=make_invoice(remark=str(key))) for key in range(2, 1200)))
    seen = [Listed.of(make_listed(1, note="7", totalAmount=Decimal(1), totalPriceAndTax=Decimal(2)))]

    read, are_all = await rivals_on(shelf, [subject(1)], SINCE, seen)

    assert ([rival.key for rival in read], are_all) == ([7], True)


async def test_retail_seller_with_thousands_of_open_numbers_has_few_rivals() -> None:
    """All of them are called 个人 and have no remark; their totals differ."""
    orders = [make_invoice(invoiceItems=[make_item(unitPrice=Decimal(key))]) for key in range(1, 3000)]
    shelf = Shelf(*(submitted(key, invoice=order) for key, order in enumerate(orders, start=2)))

    read, are_all = await keys(shelf, submitted(1))

    assert are_all
    assert len(read) <= 2


async def test_one_that_ended_before_anything_listed_was_issued_is_none() -> None:
    ended = submitted(2, state=S.COMPLETED, settled_at=MOMENT - 2 * SKEW, submitted_at=MOMENT - 3 * SKEW)

    assert await keys(Shelf(ended), submitted(1)) == ([], True)


async def test_one_whose_data_were_forgotten_could_claim_what_was_issued_in_its_time() -> None:
    shelf = Shelf(submitted(2), submitted(3, data=b"{}"))

    assert await keys(shelf, submitted(1)) == ([2], False)


async def test_one_whose_data_were_forgotten_long_before_is_in_nobodys_way() -> None:
    """Data may be forgotten an hour after the end, and findings go on."""
    forgotten = submitted(2, data=b"{}", state=S.COMPLETED, settled_at=MOMENT - 2 * SKEW)

    assert await keys(Shelf(submitted(3), forgotten), submitted(1)) == ([3], True)


async def test_day_of_a_retail_seller_is_read_by_its_totals() -> None:
    """Two thousand open numbers, all totals different: of each but a few neighbours are read."""
    orders = [make_invoice(invoiceItems=[make_item(unitPrice=Decimal(key))]) for key in range(100, 2100)]
    shelf = Shelf(*(submitted(key, invoice=order) for key, order in enumerate(orders, start=2)))
    seen = [
        Listed.of(
            make_listed(1, note="", totalAmount=Decimal(500), totalTax=Decimal(65), totalPriceAndTax=Decimal(565))
        )
    ]

    read, are_all = await rivals_on(shelf, [subject(1)], SINCE, seen)

    assert are_all
    assert {int(rival.order.total) for rival in read} <= {500, 565}
    assert len(shelf.asked) == 1


async def test_where_a_total_is_not_told_all_are_read() -> None:
    shelf = Shelf(*map(submitted, range(2, 300)))
    seen = [Listed.of(make_listed(1, note="", totalAmount=None, totalTax=None, totalPriceAndTax=None))]

    _, are_all = await rivals_on(shelf, [subject(1)], SINCE, seen)

    assert are_all
    assert len(shelf.asked) == 3
