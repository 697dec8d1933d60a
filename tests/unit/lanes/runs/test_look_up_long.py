"""Long lists, of many accounts at once: what is kept of them, and who waits for whom."""

import asyncio
import gc
from typing import Any

import pytest

from tests.builders import make_found, make_page
from tests.lane_fakes import After, Script
from tests.unit.lanes.playing import DONE, Played, now
from tests.unit.lanes.runs.test_look_up import LOOKING, issued, listing, looking, sought
from tests.virtual_time import in_virtual_time
from worker.flows.evidence import subjects
from worker.flows.evidence.subjects import Listed
from worker.lanes.runner import LaneRunner
from worker.lanes.services import LISTS_AT_ONCE
from worker.records import Claim, CommandState, Probes

ROWS = 150


def alike(count: int = ROWS) -> Script:
    """Invoices that differ in their numbers alone, in pages of a hundred."""
    rows = [make_found(number) for number in range(1, count + 1)]
    pages = [rows[first : first + 100] for first in range(0, count, 100)]
    return Script(pages=[[make_page(*page, total=count, has_next=page is not pages[-1]), DONE] for page in pages])


async def claimed(played: Played, count: int) -> list[Claim]:
    """Look-ups on so many lanes, for one that is sought on each."""
    played.journal.add(*(sought(key, lane=f"{key:04}") for key in range(1, count + 1)))
    await played.stage.lease()
    await played.journal.reap("w-1", played.stage.clock.now())
    await played.journal.enter_look_ups(played.stage.clock.now())
    claims: list[Claim] = await played.journal.claim("w-1", count, played.stage.clock.now())
    assert len(claims) == count
    return claims


async def served(played: Played, count: int) -> list[float]:
    """The same all at once: when each look was over."""
    ended: list[float] = []

    async def serve(claim: Claim) -> None:
        await LaneRunner(played.stage.services, claim).serve()
        ended.append(now())

    await asyncio.gather(*map(serve, await claimed(played, count)))
    return ended


@in_virtual_time
async def test_few_of_the_lists_that_are_read_at_once_are_unpacked() -> None:
    """The store takes ten seconds to tell what was laid aside. Those that wait for their turn have read their lists."""
    played = looking(alike())
    played.journal.delays["laid_aside"] = 10
    count = 3 * LISTS_AT_ONCE
    gc.collect()
    before = sum(isinstance(each, Listed) for each in gc.get_objects())
    serving = asyncio.create_task(served(played, count))

    await asyncio.sleep(5)

    assert len(played.gateway.queries) == 2 * count
    assert played.journal.calls["laid_aside"] == LISTS_AT_ONCE
    assert sum(isinstance(each, Listed) for each in gc.get_objects()) - before <= LISTS_AT_ONCE * ROWS
    ended = await serving
    assert [round(each) for each in ended] == [10] * LISTS_AT_ONCE + [20] * LISTS_AT_ONCE + [30] * LISTS_AT_ONCE


@in_virtual_time
async def test_short_list_waits_for_no_long_one() -> None:
    played = looking(*[alike()] * 2 * LISTS_AT_ONCE, listing(make_found(1)))
    played.journal.delays["laid_aside"] = 10

    ended = await served(played, 2 * LISTS_AT_ONCE + 1)

    assert sum(each < 19 for each in ended) == LISTS_AT_ONCE + 1


@in_virtual_time
async def test_look_that_waits_for_its_turn_is_left_when_the_worker_drains() -> None:
    played = looking(alike())
    for _ in range(LISTS_AT_ONCE):
        await played.stage.services.list_places.acquire()
    (claim,) = await claimed(played, 1)
    runner = LaneRunner(played.stage.services, claim)
    serving = asyncio.create_task(runner.serve())
    await asyncio.sleep(5)
    assert not serving.done()

    runner.lane_session.interrupt(lease_is_lost=False)
    await serving

    assert now() < 6
    with pytest.raises(TimeoutError):  # it took nobody's turn, and gave none back
        await asyncio.wait_for(played.stage.services.list_places.acquire(), 1)
    assert not played.journal.outcomes_of(1)


@in_virtual_time
async def test_nothing_is_told_from_a_list_with_more_than_can_be_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that lists for ever would fill the memory. What is sought is in the list, or it is not."""
    monkeypatch.setattr(subjects, "MOST_WEIGHED", 120)
    played = looking(alike(1000))

    await played.serve(sought(look_ups=1), until=600)

    assert set(played.stage.hooks.verdicts) == {"again", "person"}
    assert played.journal.state_of(1) is CommandState.IN_DOUBT
    assert played.said("in_doubt")[0]["candidates"] == []
    assert max(query.page_number for query in played.gateway.queries) <= 3
    assert not played.journal.calls["bound"]


@in_virtual_time
async def test_rivals_are_sought_of_the_invoices_alone_that_have_no_command_yet() -> None:
    """Of a long list most were confirmed before: each remark of theirs was another probe for the store."""
    rows = [make_found(number, note=f"SO-{number}") for number in range(1, ROWS + 1)]
    played = looking(Script(pages=[[make_page(*rows[:100], has_next=True)], [make_page(*rows[100:]), DONE]]))
    asked: list[Probes] = []
    told = played.journal.rivals_by_clues

    async def rivals_by_clues(seller: str, since: Any, probes: Probes, limit: int) -> Any:
        asked.append(probes)
        return await told(seller, since, probes, limit)

    vars(played.journal)["rivals_by_clues"] = rivals_by_clues
    confirmed = [
        sought(key, sought_at=None, state=CommandState.COMPLETED, invoice_number=rows[key - 1]["countETicketNumbers"])
        for key in range(2, ROWS + 1)
    ]

    await played.serve(sought(1, remark="SO-1"), *confirmed)

    assert played.journal.commands[1].invoice_number == rows[0]["countETicketNumbers"]
    assert [len(probes.marks) for probes in asked] == [1]


@in_virtual_time
async def test_look_ups_leave_half_of_the_places_to_orders() -> None:
    """There may be eight lanes, and five look, at a gateway that takes half a minute for a page: the fifth looks a
    minute later."""
    slow = Script(pages=[[After(30, make_page(make_found(1), total=1, has_next=False)), DONE]])
    played = Played(slow, settings={**LOOKING, "max_lanes": 8})

    ended = await served(played, 5)

    assert sorted(each < 20 for each in ended) == [False] * 4 + [True]
    assert played.stage.hooks.verdicts[0] == "put_off"
    assert played.stage.services.looking == 0
    assert len(played.gateway.sessions) == 4
    await played.serve(until=now() + 60)
    assert len(played.gateway.sessions) == 5


@pytest.mark.parametrize(("others_seek", "taken"), [(0, 120), (19_890, 110), (20_000, 100)])
@in_virtual_time
async def test_look_up_takes_less_where_others_seek_much(others_seek: int, taken: int) -> None:
    """What it leaves is sought by the next one."""
    played = looking(listing(*(make_found(key, note=str(key)) for key in range(1, 121))))
    played.lay_out(120)
    played.stage.services.sought = others_seek

    await played.serve(*(issued(key) for key in range(1, 121)))

    assert played.stage.services.sought == others_seek
    assert len(played.details.asked_files[0]) == taken
    assert all(played.journal.commands[key].invoice_number for key in range(1, 121))
