"""What people who do this job hit, each input of `tests/cases` in a whole worker: right, as an accountant sees it."""

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

from tests.scenarios.cases import QUICK_SCHEDULES, load, run
from tests.scenarios.stack import Stack

CASES: Final = [*load("domain.json"), *load("siblings.json")]
NOT_YET: Final[frozenset[str]] = frozenset()
"""Cases whose kind is not mended yet. One that begins to pass fails the test, so that it is taken out here."""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is right does not depend on the store: the flows are the same."""
    return sqlite_url


@pytest.mark.parametrize("settings", sorted({case.settings for case in CASES}), ids=lambda given: str(dict(given)))
async def test_every_case_ends_as_an_accountant_would_have_it(
    new_stack: Callable[..., Stack], settings: tuple[tuple[str, str], ...]
) -> None:
    """All of one settings group in one worker at the same time, each with a `userId` and a seller of its own."""
    cases = [case for case in CASES if case.settings == settings]
    async with new_stack(settings=QUICK_SCHEDULES | dict(settings)) as stack:
        await stack.begin()
        faults = await asyncio.gather(*(run(stack, case) for case in cases))
    wrong = {f"{case.id} {case.name}": found for case, found in zip(cases, faults, strict=True) if found}
    unexpected = {name: found for name, found in wrong.items() if name.partition(" ")[0] not in NOT_YET}
    mended = {case.id for case in cases} & NOT_YET - {name.partition(" ")[0] for name in wrong}
    assert not unexpected, f"wrong, each with what was seen: {unexpected}"
    assert not mended, f"right by now, so they must leave NOT_YET: {sorted(mended)}"
