"""Rotation of the journal's keys, on both stores: afterwards nothing needs the old key."""

from datetime import timedelta

import pytest

from tests.conformance.journal_builders import ACCOUNT, NOW, admit, begin, complete, new, put_in_doubt, step
from tests.conformance.journal_stores import KEY, OTHER_KEY, Store
from worker.errors import ConfigurationError
from worker.journal import sealing
from worker.records import CommandState

SECRET = {"/login/password": "s3cret-Pa55word-of-a-person"}


async def test_secrets_in_every_state_are_sealed_anew_and_open_again(store: Store) -> None:
    """Waiting, running, in doubt; the ended one has none."""
    before = await store.open_with_worker("w1")
    await complete(before, new("ended", secrets=SECRET, lane="u4"))
    await put_in_doubt(before, new("doubt", secrets=SECRET, lane="u3"))
    await begin(before, new("runs", secrets=SECRET, lane="u2"))
    await admit(before, new("waits", secrets=SECRET))
    await store.close()

    rotated = await store.open([OTHER_KEY, KEY])
    done = await rotated.reseal()
    again = await rotated.reseal()
    await store.close()

    assert (done.count, done.is_complete) == (3, True)
    assert (again.count, again.is_complete) == (0, True)
    without_old = await store.open([OTHER_KEY])
    await without_old.register("w2", timedelta(seconds=60))
    claims = await without_old.claim("w2", 9, NOW)
    assert {"waits": SECRET} in [{claim.command.id: claim.command.secrets} for claim in claims]
    await store.close()
    with pytest.raises(ConfigurationError, match="lacks"):
        await store.open([KEY])


async def test_more_than_one_batch_is_sealed_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 7)
    await admit(await store.open(), *[new(f"c{number}", secrets=SECRET) for number in range(20)])
    await store.close()

    done = await (await store.open([OTHER_KEY, KEY])).reseal()

    assert (done.count, done.is_complete) == (20, True)


async def test_what_another_worker_seals_with_the_old_key_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that was not restarted goes on sealing with its own first key; this one cannot be complete then."""
    await admit(await store.open(), new("a", secrets=SECRET))
    await store.close()
    rotated = await store.open([OTHER_KEY, KEY])
    monkeypatch.setattr(sealing, "_PASSES", 0)

    done = await rotated.reseal()

    assert not done.is_complete
    assert await store.rows("SELECT count(*) FROM command WHERE secrets IS NOT NULL") == [(1,)]


async def test_nothing_to_seal_is_complete(store: Store) -> None:
    done = await (await store.open([OTHER_KEY])).reseal()

    assert (done.count, done.is_complete) == (0, True)
    assert len(done.key_id) == 8


async def test_what_is_completed_and_still_sought_is_sealed_anew_too(store: Store) -> None:
    before = await store.open_with_worker("w1")
    for number in range(3):
        claim = await begin(before, new(f"c{number}", secrets=SECRET, lane=f"u{number}"))
        await before.record(step(claim, CommandState.SUBMITTING, account=ACCOUNT))
        submitted = frozenset({CommandState.SUBMITTING})
        await before.record(step(claim, CommandState.COMPLETED, "completed", expected=submitted, sought_at=NOW))
    await store.close()

    done = await (await store.open([OTHER_KEY, KEY])).reseal()

    assert (done.count, done.is_complete) == (3, True)


async def test_one_damaged_secret_ends_neither_a_claim_nor_the_rotation(store: Store) -> None:
    before = await store.open_with_worker("w1")
    await admit(before, *(new(name, secrets=SECRET, lane=name) for name in ("damaged", "sound")))
    await store.close()
    await store.write("UPDATE command SET secrets = substr(secrets, 1, length(secrets) - 1) WHERE id = 'damaged'")

    rotated = await store.open([OTHER_KEY, KEY])
    done = await rotated.reseal()
    await rotated.register("w2", timedelta(seconds=60))
    commands = {claim.command.id: claim.command for claim in await rotated.claim("w2", 9, NOW)}

    assert (done.count, done.is_complete) == (1, False)
    assert commands["sound"].secrets == SECRET
    fault = commands["damaged"].secrets_fault
    assert fault is not None
    assert (commands["damaged"].secrets, fault.is_passing) == ({}, False)


async def test_worker_that_lacks_the_new_key_goes_on_with_all_else(store: Store) -> None:
    """It was not given the new key yet, and another one seals with it already: it starts, claims, and says which."""
    await admit(await store.open([KEY]), new("old", secrets=SECRET, lane="u1", deadline_at=NOW))
    await store.close()
    await admit(await store.open([OTHER_KEY, KEY]), new("new", secrets=SECRET, lane="u2", deadline_at=NOW))
    await store.close()

    behind = await store.open([KEY])
    assert {command.id for command in await behind.overdue(NOW)} == {"old", "new"}
    await behind.register("w2", timedelta(seconds=60))
    faults = {claim.command.id: claim.command.secrets_fault for claim in await behind.claim("w2", 9, NOW)}

    assert faults["old"] is None
    assert faults["new"] is not None
    assert faults["new"].is_passing
