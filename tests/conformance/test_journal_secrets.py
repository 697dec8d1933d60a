"""What is secret in a command: sealed in both stores, and opened for whoever runs it."""

from datetime import timedelta

import pytest

from tests.conformance.journal_builders import (
    PASSWORD,
    admit,
    begin,
    claim_one,
    look_up,
    new,
    step,
)
from tests.conformance.journal_stores import KEY, OTHER_KEY, Store
from worker.errors import ConfigurationError
from worker.ports import Journal
from worker.records import (
    CommandState,
)


class TestSecrets:
    async def test_a_claim_brings_the_secrets_and_nothing_else_does(self, journal: Journal) -> None:
        secrets = {"/login/password": PASSWORD, "/invoice/sellerLoginPassword": "密码"}
        claim = await begin(journal, new("a", secrets=secrets))
        assert claim.command.secrets == secrets
        assert (await look_up(journal, "a")).secrets == {}
        assert all(command.secrets == {} for command in await journal.commands([]))

    async def test_no_byte_of_the_store_tells_a_password(self, store: Store, journal: Journal) -> None:
        claim = await begin(journal, new("a", secrets={"/login/password": PASSWORD}))
        await admit(journal, new("b", secrets={"/login/password": PASSWORD}))
        assert b"corr a" in await store.content(), "the search finds what is there"
        assert PASSWORD.encode() not in await store.content()
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        assert PASSWORD.encode() not in await store.content()

    @pytest.mark.parametrize("end", [CommandState.COMPLETED, CommandState.FAILED])
    async def test_they_are_erased_when_the_command_ends(
        self, store: Store, journal: Journal, end: CommandState
    ) -> None:
        claim = await begin(journal, new("a", secrets={"/login/password": PASSWORD}))
        assert await store.rows("SELECT secrets IS NULL FROM command") in ([(False,)], [(0,)])
        await journal.record(step(claim, end, end.value))
        assert await store.rows("SELECT secrets IS NULL FROM command") in ([(True,)], [(1,)])

    async def test_old_keys_still_open_and_the_first_one_seals(self, store: Store) -> None:
        await admit(await store.open(), new("a", secrets={"p": "old"}))
        await store.close()
        rotated = await store.open([OTHER_KEY, KEY])
        await rotated.register("w1", timedelta(seconds=60))
        claim = await claim_one(rotated)
        assert claim.command.secrets == {"p": "old"}

    async def test_a_missing_key_is_told_at_opening(self, store: Store) -> None:
        await admit(await store.open(), new("a", secrets={"p": "old"}))
        await store.close()
        with pytest.raises(ConfigurationError, match="FAPIAO_JOURNAL_KEYS"):
            await store.open([OTHER_KEY])
