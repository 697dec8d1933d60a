"""Orders without a number that differ in nothing from an earlier one: warned of, or refused, in both stores."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    claim_one,
    complete,
    fail,
    look_up,
    new,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import Admission, NewCommand

MINUTES = timedelta(minutes=10)


def unnumbered(command_id: str, **changes: Any) -> NewCommand:
    """An order without a number, which must be no double."""
    return new(command_id, **({"fingerprint": "f", "double_since": NOW - MINUTES} | changes))


class TestDoubles:
    @pytest.mark.parametrize("at_once", [True, False])
    async def test_the_second_is_left_out_where_doubles_are_rejected(self, journal: Journal, at_once: bool) -> None:
        pair = unnumbered("a", rejects_double=True), unnumbered("b", rejects_double=True)
        if at_once:
            assert await admit(journal, *pair) == [Admission.ACCEPTED, Admission.DUPLICATE]
        else:
            assert await admit(journal, pair[0]) == [Admission.ACCEPTED]
            assert await admit(journal, pair[1]) == [Admission.DUPLICATE]
        assert await journal.find("b") == []
        assert await journal.double_of(pair[1]) == "a"
        assert (await claim_one(journal)).command.id == "a"
        assert await admit(journal, unnumbered("b", double_since=None)) == [Admission.ACCEPTED]

    async def test_else_it_is_warned_of_the_first(self, journal: Journal) -> None:
        odd = b'[{"code":"odd","message":"m"}]'
        batch = unnumbered("a"), unnumbered("b", warnings=odd), unnumbered("c")
        assert await admit(journal, *batch) == [Admission.ACCEPTED, Admission.SUSPECTED, Admission.SUSPECTED]
        assert (await look_up(journal, "a")).warnings == b"[]"
        for name in "bc":
            assert b'"code":"duplicate_suspected"' in (await look_up(journal, name)).warnings
            assert b'"commandId":"a"' in (await look_up(journal, name)).warnings
        assert b'"code":"odd"' in (await look_up(journal, "b")).warnings

    @pytest.mark.parametrize(
        "other",
        [
            {"source": "shop"},
            {"lane": "u2"},
            {"fingerprint": "other"},
            {"received_at": NOW + MINUTES + SECOND, "double_since": NOW + SECOND},
        ],
    )
    async def test_another_source_user_content_or_time_is_no_double(
        self, journal: Journal, other: dict[str, Any]
    ) -> None:
        await admit(journal, unnumbered("a"))
        assert await admit(journal, unnumbered("b", rejects_double=True, **other)) == [Admission.ACCEPTED]

    async def test_one_that_failed_is_doubled_by_nobody(self, journal: Journal) -> None:
        await fail(journal, unnumbered("a"))
        assert await admit(journal, unnumbered("b", rejects_double=True)) == [Admission.ACCEPTED]

    async def test_one_that_has_a_number_is_doubled_too(self, journal: Journal) -> None:
        await complete(journal, new("a", seller="s", order_no="SO-1", fingerprint="f"))
        assert await admit(journal, unnumbered("b", rejects_double=True)) == [Admission.DUPLICATE]

    @pytest.mark.parametrize("rejects", [True, False])
    async def test_one_that_is_meant_makes_no_double_of_the_one_before_it(
        self, journal: Journal, rejects: bool
    ) -> None:
        """Of the two of one batch the second says `allowDuplicate`, and the first came when there was none."""
        batch = unnumbered("a", rejects_double=rejects), unnumbered("b", double_since=None)
        assert await admit(journal, *batch) == [Admission.ACCEPTED, Admission.ACCEPTED]
        assert (await look_up(journal, "a")).warnings == b"[]"

    @pytest.mark.parametrize("known", [True, False])
    async def test_one_that_is_meant_and_came_before_is_doubled(self, journal: Journal, known: bool) -> None:
        meant, other = unnumbered("b", double_since=None), unnumbered("a", rejects_double=True)
        if known:
            await admit(journal, meant)
        batch = (other, meant) if known else (meant, other)
        assert Admission.DUPLICATE in await admit(journal, *batch)
        assert await journal.find("a") == []

    async def test_the_same_message_again_is_a_repeat(self, journal: Journal) -> None:
        pair = unnumbered("a", rejects_double=True), unnumbered("b")
        await admit(journal, *pair)
        again = unnumbered("b", rejects_double=True), pair[0]
        assert await admit(journal, *again) == [Admission.REPEATED, Admission.REPEATED]

    async def test_of_two_that_come_at_once_to_two_workers_one_is_left_out(
        self, store: Store, journal: Journal
    ) -> None:
        other = await store.open_with_worker("w2")
        for number in range(10):
            pair = [
                unnumbered(f"{name}{number}", rejects_double=True, lane=f"u{number}", fingerprint=f"f{number}")
                for name in "ab"
            ]
            both = await asyncio.gather(admit(journal, pair[0]), admit(other, pair[1], worker="w2"))
            assert sorted(both) == [[Admission.ACCEPTED], [Admission.DUPLICATE]]

    async def test_one_that_is_left_out_claims_nothing_of_the_tenants_limit(self, journal: Journal) -> None:
        batch = [unnumbered(name, rejects_double=True) for name in "ab"]
        await journal.admit(batch, worker="w1", waiting_max=2)
        last = await journal.admit([new("c")], worker="w1", waiting_max=2)
        assert list(last) == [Admission.ACCEPTED]
