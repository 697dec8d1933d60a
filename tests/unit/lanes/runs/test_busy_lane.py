"""A lane that goes on issuing while the answer of one order is lost: the looks that the others bring do not use up its
schedule. On default schedules, in virtual time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typing_extensions import override

from contracts.envelope import loads
from contracts.failures import FailureCode
from tests.builders import as_listed, make_command, make_data, make_found, make_invoice, make_item, make_result
from tests.lane_fakes import Answer, Script
from tests.unit.lanes.playing import LONG_LEASE, Played, later, now
from tests.virtual_time import EPOCH, in_virtual_time
from worker.lanes.runner import LaneRunner
from worker.ports import Disconnected, PageShown
from worker.records import Command, CommandState
from worker.settings import Settings

S = CommandState
LOST = 3
"""The order whose answer is lost."""
HOUR = 3600.0
DEFAULTS = Settings()
ON_DEFAULTS: dict[str, Any] = {
    **LONG_LEASE,
    "lease_seconds": 86_400 * 9,
    "session_idle_seconds": 0,
    "confirm": True,
    **{name: getattr(DEFAULTS, name) for name in ("confirm_delay_seconds", "confirm_schedule", "reconcile_schedule")},
}


def order(key: int) -> Command:
    """They differ by their remarks; totals and buyer are the same."""
    data = make_data(invoice=make_invoice(remark=f"SO-{key}", invoiceItems=[make_item(quantity=Decimal(2))]))
    fields: dict[str, Any] = {"state": S.WAITING, "epoch": 0, "attempts": 0, "seller": "91330701MA2M37T86L"}
    return make_command(key=key, data=data, fingerprint=f"{key}", **fields)


class Books(Sequence[Any]):
    """What the gateway says, by what it has issued and lists by now."""

    def __init__(self, played: Played, lost_is_listed_after: float | None) -> None:
        self._played = played
        self._lost_after = lost_is_listed_after
        self.issued: dict[int, float] = {}

    @override
    def __len__(self) -> int:
        return 1

    def key_of_last(self) -> int:
        return int(self._played.gateway.submissions[-1].invoice["remark"].removeprefix("SO-"))

    def listed(self) -> PageShown:
        rows = [
            as_listed(
                make_found(
                    key,
                    note=f"SO-{key}",
                    invoiceDate=EPOCH + timedelta(seconds=at),
                    totalAmount=Decimal(200),
                    totalPriceAndTax=Decimal(226),
                )
            )
            for key, at in self.issued.items()
            if key != LOST or (self._lost_after is not None and now() >= at + self._lost_after)
        ]
        return PageShown(tuple(rows), total=len(rows), has_next=False)


class Submissions(Books):
    """The answers to `invoice_info`."""

    @override
    def __getitem__(self, _: Any) -> Sequence[Answer]:
        key = self.key_of_last()
        self.issued[key] = now()
        if key == LOST:
            return [Disconnected("reset")]
        return [
            make_result(dict(self._played.gateway.submissions[-1].invoice), invoice_url=f"http://pdf.example/{key}")
        ]


class Pages(Sequence[Any]):
    """The answers to `query_invoice`."""

    def __init__(self, books: Books) -> None:
        self._books = books

    @override
    def __len__(self) -> int:
        return 1

    @override
    def __getitem__(self, _: Any) -> Sequence[Answer]:
        return [self._books.listed()]


async def serve(listed_after: float | None, *, every: float, hours: float) -> Played:
    """An order every so many seconds, and what came of them in so many hours."""
    played = Played(settings=ON_DEFAULTS)
    books = Submissions(played, listed_after)
    played.gateway.scripts = [Script(submissions=books, pages=Pages(books))]
    count = int(hours * HOUR / every)
    for key in range(1, count + 1):
        later(key * every, lambda key=key: played.journal.add(order(key)))
    await played.stage.lease()
    while now() < hours * HOUR + 600:
        await played.journal.enter_look_ups(played.stage.clock.now())
        claims = await played.journal.claim("w-1", 10, played.stage.clock.now())
        for claim in claims:
            await LaneRunner(played.stage.services, claim).serve()
        if not claims:
            await asyncio.sleep(10)
    return played


@pytest.mark.parametrize(
    ("listed_after", "every", "hours"),
    [(20 * 60, 60, 1.0), (3 * HOUR, 120, 4.5), (20 * HOUR, 900, 22.0)],
    ids=["after twenty minutes", "after three hours", "after twenty hours"],
)
@in_virtual_time
async def test_lost_order_is_found_however_late_it_is_listed(listed_after: float, every: float, hours: float) -> None:
    played = await serve(listed_after, every=every, hours=hours)

    assert played.journal.state_of(LOST) is S.COMPLETED
    assert played.completed(LOST)["reconciled"] is True
    assert played.journal.commands[LOST].invoice_number == make_found(LOST)["countETicketNumbers"]
    others = [key for key in played.journal.commands if key != LOST and key < hours * HOUR / every - 20]
    assert {played.journal.state_of(key) for key in others} == {S.COMPLETED}


@in_virtual_time
async def test_lost_order_that_is_never_listed_is_not_issued_after_its_whole_schedule_and_not_before() -> None:
    schedule = sum((delay for delay in DEFAULTS.reconcile_schedule), timedelta(0)).total_seconds()

    played = await serve(None, every=900, hours=schedule / HOUR + 2)

    assert played.failure(LOST)["code"] == FailureCode.NOT_ISSUED
    ended_at, submitted_at = (getattr(played.journal.commands[LOST], name) for name in ("settled_at", "submitted_at"))
    assert ended_at is None or (ended_at - submitted_at).total_seconds() >= schedule
    assert played.stage.hooks.verdicts.count("absent") == 1
    at = [event.body for event in played.journal.events[LOST] if event.type.endswith(".failed")]
    assert (datetime.fromisoformat(loads(at[0])["time"]) - submitted_at).total_seconds() >= schedule
