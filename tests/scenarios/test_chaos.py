"""Workers killed, frozen, stopped and cut off at random under load; `tests/run chaos --minutes N` does it for longer.

The seed of a failure is printed with the stories of the commands that show it.
"""

import secrets
from pathlib import Path

import pytest

from tests.scenarios.chaos import run_on
from tests.scenarios.chaos_run import Weather

pytestmark = pytest.mark.xdist_group("chaos")


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
async def test_nothing_is_lost_and_nothing_is_done_twice_in_chaos(
    amqp_url: str, request: pytest.FixtureRequest, tmp_path: Path, store: str
) -> None:
    """Three replicas on PostgreSQL, one worker on SQLite."""
    url: str = request.getfixturevalue(f"{store}_url")
    seed = secrets.randbelow(10**6)

    run = await run_on(store, amqp_url, url, Weather(seed, seconds=40), tmp_path)

    print(f"{store}, seed {seed}: {run.verdict.counts}")
    counts = run.verdict.counts
    assert not run.verdict.violations, f"seed {seed}: {run.report()}"
    assert (counts.lost, counts.duplicated, counts.misreported) == (0, 0, 0)
    assert counts.accepted > 50
    assert counts.completed > 20
    assert counts.kills + counts.freezes + counts.stops > 3
