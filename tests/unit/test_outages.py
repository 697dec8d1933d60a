"""A server that is away for an hour is told in few lines, however often it was asked."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from structlog.testing import capture_logs

from tests.builders import make_result
from tests.lane_fakes import After, Script
from tests.unit.lanes.scheduling import at_work, stage_of, waiting
from tests.unit.outbox.bench import at_work as relay_at_work
from tests.unit.outbox.bench import bench
from tests.virtual_time import in_virtual_time
from worker.outages import MOST_REASONS, NO_ANSWER, Outage, journal_outage

HOUR = 3600.0


def told(lines: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["event"] == name]


@in_virtual_time
async def test_it_is_told_when_it_goes_and_when_it_is_back() -> None:
    outage = journal_outage("relay")
    with capture_logs() as lines:
        outage.over()
        for _ in range(60):
            outage.met("refused", held=3)
            await asyncio.sleep(1)
        outage.over()
        outage.over()
        outage.met("refused", held=3)
    gone = {"event": "journal_unavailable", "log_level": "warning", "part": "relay", "held": 3, "reason": "refused"}
    back = {"event": "journal_answers", "log_level": "info", "part": "relay", "failures": 60, "away_seconds": 60.0}
    assert lines == [gone, back, gone]


@in_virtual_time
async def test_each_new_reason_is_told_and_of_each_address_but_not_without_end() -> None:
    """An address that refuses, then one whose password is wrong: the second is what a person must mend."""
    outage = Outage("broker_lost", "broker_connected")
    with capture_logs() as lines:
        for reason, address in (("refused", "a"), ("refused", "b"), ("refused", "a"), ("password", "a"), ("", "a")):
            outage.met(reason, address=address)
        seen = [(line["reason"], line["address"]) for line in lines]
        for number in range(100):
            outage.met(f"process {number}")
    assert seen == [("refused", "a"), ("refused", "b"), ("password", "a"), (NO_ANSWER, "a")]
    assert len(lines) == MOST_REASONS


@in_virtual_time
async def test_an_hour_without_the_journal_is_a_line_of_each_part_of_the_lanes() -> None:
    """Twenty lanes, to each of which a result comes meanwhile; claims, housekeeping and the lease: all ask every
    second."""
    stage = stage_of(Script(submissions=[[After(30, make_result())]]), lease_seconds=60)
    stage.journal.add(*(waiting(number) for number in range(1, 21)))
    with capture_logs() as lines:
        async with at_work(stage):
            await asyncio.sleep(20)
            stage.journal.down.add("*")
            await asyncio.sleep(HOUR)
            stage.journal.down.clear()
            await asyncio.sleep(60)

    gone, back = told(lines, "journal_unavailable"), told(lines, "journal_answers")
    assert Counter(line["part"] for line in gone) == Counter(line["part"] for line in back)
    assert {"claims", "housekeeping", "lease", "lanes"} == {line["part"] for line in gone}
    assert len(gone) <= 8
    assert all(line["away_seconds"] > HOUR - 60 for line in back), (
        "one that is not asked, as after the lease, answers nothing"
    )
    assert sum(line["failures"] for line in back) > HOUR
    assert len(lines) < 40, Counter(line["event"] for line in lines)


@in_virtual_time
async def test_an_hour_without_the_journal_is_a_line_of_the_relay() -> None:
    part = bench()
    part.journal.is_down = True
    with capture_logs() as lines:
        async with relay_at_work(part):
            await asyncio.sleep(HOUR)
            part.journal.is_down = False
            await asyncio.sleep(60)
    assert [line["event"] for line in lines] == ["journal_unavailable", "journal_answers"]
    assert lines[1]["failures"] > 100
