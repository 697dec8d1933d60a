"""Rotation of the journal's keys, on both stores: afterwards nothing needs the old key."""

from datetime import timedelta

import pytest

from tests.conformance.journal_builders import NOW, admit, begin, complete, new, put_in_doubt
from tests.conformance.journal_stores import KEY, OTHER_KEY, Store
from worker.errors import ConfigurationError
from worker.journal import resealing

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
    monkeypatch.setattr(resealing, "BATCH", 7)
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
    monkeypatch.setattr(resealing, "_PASSES", 0)

    done = await rotated.reseal()

    assert not done.is_complete
    assert await store.rows("SELECT count(*) FROM command WHERE secrets IS NOT NULL") == [(1,)]


async def test_nothing_to_seal_is_complete(store: Store) -> None:
    done = await (await store.open([OTHER_KEY])).reseal()

    assert (done.count, done.is_complete) == (0, True)
    assert len(done.key_id) == 8
