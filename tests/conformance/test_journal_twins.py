"""The two stores answer alike, whatever is asked in whatever order."""

import os
import secrets
from pathlib import Path

import pytest

from tests.conformance.journal_stores import PostgresStore, SqliteStore
from tests.conformance.journal_twins import Twins
from tests.conformance.journal_walk import Walk
from tests.memory_journal import empty

STEPS = int(os.environ.get("TEST_TWIN_STEPS", "60"))


@pytest.mark.parametrize("workers", [("w1",), ("w1", "w2")], ids=len)
async def test_both_stores_answer_a_random_walk_alike(
    journal_database: str, tmp_path: Path, pytestconfig: pytest.Config, workers: tuple[str, ...]
) -> None:
    """`--hypothesis-seed=N` walks the same way again. Where a change is judged, it is the same each time."""
    anew = 1 if "CI" in os.environ else secrets.randbelow(10**9)
    seed = int(pytestconfig.getoption("--hypothesis-seed") or anew)
    print(f"--hypothesis-seed={seed}")
    stores = SqliteStore(tmp_path / "journal.db"), PostgresStore(journal_database)
    stores[0].path.write_bytes(empty().serialize())
    await stores[1].empty()
    try:
        twins = Twins(await stores[0].open(), await stores[1].open())
        await Walk(twins, stores, seed, workers).run(STEPS)
    finally:
        for store in stores:
            await store.close()
