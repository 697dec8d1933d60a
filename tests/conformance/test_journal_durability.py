"""What outlives a crash, on both stores."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.conformance.journal_builders import (
    NOW,
    PASSWORD,
    admit,
    claim_one,
    look_up,
    new,
    outbox,
    put_in_doubt,
)
from tests.conformance.journal_stores import KEY, Store
from worker.clock import SystemClock
from worker.errors import ConfigurationError, JournalUnavailable
from worker.journal.postgres import PostgresJournal
from worker.journal.sqlite import SqliteJournal
from worker.ports import Journal

LEASE = timedelta(seconds=60)


async def test_all_that_was_returned_is_there_after_a_restart(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    doubtful = await put_in_doubt(journal, new("doubt", fingerprint="f", secrets={"p": PASSWORD}))
    await admit(journal, new("next", secrets={"p": PASSWORD}))
    before = (await look_up(journal, "doubt"), await look_up(journal, "next"), await journal.events_of(1))

    journal = await store.restart()
    assert (await look_up(journal, "doubt"), await look_up(journal, "next"), await journal.events_of(1)) == before
    await journal.retire("w1")
    await journal.register("w2", LEASE)
    await journal.reap("w2", NOW)
    assert len(await outbox(journal, "w2")) == 2
    claim = await claim_one(journal, "w2")
    assert claim.command.id == "next"
    assert claim.command.secrets == {"p": PASSWORD}
    assert claim.lease.epoch > doubtful.lease.epoch


async def test_a_closed_journal_says_so(store: Store) -> None:
    journal = await store.open()
    await store.close()
    with pytest.raises((JournalUnavailable, ConfigurationError)):
        await journal.ping()


def test_journals_are_what_the_ports_ask_for(tmp_path: Path) -> None:
    """Checked by mypy: both classes fit the protocol."""
    journals: list[Journal] = [
        SqliteJournal(tmp_path / "j.db", clock=SystemClock()),
        PostgresJournal("postgresql://x@localhost/x", keys=[KEY], clock=SystemClock()),
    ]
    assert len(journals) == 2
