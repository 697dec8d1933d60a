"""A journal restored as it stood some time ago: nothing that may have been issued since is begun again."""

from pathlib import Path

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    complete,
    ids,
    look_up,
    new,
    publish_all,
    settlement,
    state_of,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.records import CommandState

RESTORED = Path(__file__).parents[2] / "deploy" / "restored.sql"


async def _restore(store: Store) -> None:
    """What an operator runs, on a database that nobody has open."""
    await store.close()
    for statement in _statements():
        await store.write(statement)


def _statements() -> list[str]:
    text = "\n".join(line for line in RESTORED.read_text("utf-8").splitlines() if not line.startswith("--"))
    return [statement for statement in text.split(";") if statement.strip()]


async def test_what_was_not_ended_is_in_doubt_and_is_not_begun(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    await complete(journal, new("done", lane="u0"))
    await submit(journal, await begin(journal, new("submitted", lane="u1")))
    await begin(journal, new("running", lane="u2"))
    await admit(journal, new("waiting", lane="u3"), new("behind", lane="u3"), new("q", type="invoice.query", lane="u3"))

    await _restore(store)
    journal = await store.open_with_worker("w2")
    await journal.reap("w2", NOW)

    (claim,) = await journal.claim("w2", 10, NOW)
    assert claim.command.id == "q"  # a query changes nothing
    assert claim.lease.epoch > 1  # somebody may have held the lane since
    assert await journal.ready_lanes(10) == 0
    in_doubt = await journal.commands([CommandState.IN_DOUBT])
    assert {command.id for command in in_doubt} == {"submitted", "running", "waiting", "behind"}
    assert all(command.submitted_at for command in in_doubt)
    assert await state_of(journal, "done") is CommandState.COMPLETED


async def test_a_person_ends_it_and_its_lane_goes_on(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    await admit(journal, new("waiting", lane="u3"))

    await _restore(store)
    journal = await store.open_with_worker("w2")
    doubt = await look_up(journal, "waiting")
    assert await journal.settle(settlement(doubt, CommandState.FAILED, "failed"))
    await admit(journal, new("next", lane="u3"), worker="w2")

    assert ids(await journal.claim("w2", 10, NOW)) == ["next"]
    await journal.reap("w2", NOW + SECOND)
    assert {row.event_type for row in await publish_all(journal, "w2")} == {"invoice.issue.failed"}
