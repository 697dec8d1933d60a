"""The intake stops before the journal is full, and goes on when there is clearly more space."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.virtual_time import in_virtual_time
from worker.errors import JournalUnavailable
from worker.intake.journaling import SpaceLimits, SpaceWatch
from worker.records import Space

LIMITS = SpaceLimits(used_max_bytes=1000, free_min_bytes=100)


class FakeIntake:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def pause(self) -> None:
        self.told.append("pause")

    async def resume(self) -> None:
        self.told.append("resume")


class FakeJournal:
    """Tells one space after another; None is a journal that is down."""

    def __init__(self, *spaces: Space | None) -> None:
        self._spaces = list(spaces)

    async def space(self) -> Space:
        space = self._spaces.pop(0)
        if space is None:
            raise JournalUnavailable("gone")
        return space


async def looked(*spaces: Space | None) -> tuple[list[str], bool]:
    """What the intake was told, and whether it is paused in the end."""
    intake = FakeIntake()
    watch = SpaceWatch(FakeJournal(*spaces), intake, LIMITS)
    for _ in spaces:
        await watch.run_once()
    return intake.told, watch.is_short


@pytest.mark.parametrize("short", [Space(1001, 500), Space(10, 99), Space(1001, None)])
async def test_a_journal_without_space_pauses_the_intake_once(short: Space) -> None:
    with capture_logs() as lines:
        assert await looked(Space(10, 500), short, short) == (["pause"], True)

    assert [line["event"] for line in lines] == ["journal_full"]


async def test_it_goes_on_only_when_there_is_clearly_more_space() -> None:
    assert await looked(Space(1001, 500), Space(990, 500), Space(949, 104), Space(949, 500)) == (
        ["pause", "resume"],
        False,
    )


async def test_a_journal_that_is_down_changes_nothing() -> None:
    assert await looked(Space(1001, 500), None) == (["pause"], True)
    assert await looked(None) == ([], False)


@in_virtual_time
async def test_without_bounds_the_journal_is_never_asked() -> None:
    watch = SpaceWatch(FakeJournal(), FakeIntake(), SpaceLimits())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await watch.run()


async def test_without_bounds_nothing_is_ever_short() -> None:
    assert not SpaceLimits().is_short(Space(10**15, 0), was_short=False)
