"""Claims within bounds: what needs no gateway goes whatever the gateway does, and no tenant takes all places."""

import asyncio
from collections import Counter
from datetime import timedelta

from tests.conformance.journal_builders import NOW, SECOND, admit, begin, ids, new, step, submit
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import ClaimBounds, CommandState, own_lane

SHORT = timedelta(seconds=0.2)
MANY = 10_000


def closed(probes: int = 0) -> ClaimBounds:
    """The gateway is away; so many lanes may try it."""
    return ClaimBounds(connecting=probes, of_tenant=MANY)


def at_most(of_tenant: int, **left: int) -> ClaimBounds:
    return ClaimBounds(connecting=MANY, of_tenant=of_tenant, left=left)


class TestWhatNeedsNoGateway:
    async def test_commands_of_a_lane_of_their_own_go_while_the_gateway_is_away(self, journal: Journal) -> None:
        await admit(journal, *(new(f"i{number}", lane=f"u{number}") for number in range(20)))
        stored = [new(f"s{n}", type="invoice.stored", lane=own_lane("erp", f"s{n}")) for n in range(5)]
        await admit(journal, *stored)

        assert sorted(ids(await journal.claim("w1", 64, NOW, within=closed()))) == ["s0", "s1", "s2", "s3", "s4"]
        assert await journal.claim("w1", 64, NOW, within=closed()) == []
        assert len(await journal.claim("w1", 64, NOW, within=closed(2))) == 2
        assert len(await journal.claim("w1", 64, NOW)) == 18

    async def test_what_a_dead_worker_had_submitted_is_taken_over_while_the_gateway_is_away(self, store: Store) -> None:
        dead = await store.open_with_worker("dead")
        first = await begin(dead, new("submitted", lane="u1"), "dead")
        await submit(dead, first)
        await begin(dead, new("begun", lane="u2"), "dead")
        await store.expire("dead")
        alive = await store.open_with_worker("alive")
        await alive.reap("alive", NOW)

        claims = await alive.claim("alive", 64, NOW, within=closed())

        assert [(claim.command.id, claim.command.state) for claim in claims] == [("submitted", CommandState.SUBMITTING)]
        assert await alive.record(step(claims[0], CommandState.IN_DOUBT, expected=frozenset({CommandState.SUBMITTING})))
        await admit(alive, new("behind", lane="u1"), worker="alive")
        await alive.release(claims[0].lease, NOW)
        assert await alive.claim("alive", 64, NOW, within=closed()) == [], "what is left there needs the gateway"
        assert sorted(ids(await alive.claim("alive", 64, NOW))) == ["begun", "behind"]

    async def test_a_lane_that_waited_for_its_time_still_says_what_it_needs(self, journal: Journal) -> None:
        claims = [
            await begin(journal, new("issue", lane="u1")),
            await begin(journal, new("files", type="invoice.files", lane=own_lane("erp", "files"))),
        ]
        for claim in claims:
            await journal.record(step(claim, CommandState.WAITING, due_at=NOW + SECOND))
            await journal.release(claim.lease, NOW)
        await journal.reap("w1", NOW + SECOND)

        assert ids(await journal.claim("w1", 64, NOW + SECOND, within=closed())) == ["files"]


class TestPlacesOfATenant:
    async def test_a_tenant_that_has_all_it_may_have_leaves_places_to_others(self, journal: Journal) -> None:
        await admit(journal, *(new(f"h{n}", source="heavy", lane=f"h{n}") for n in range(200)))
        await admit(journal, *(new(f"l{n}", source="light", lane=f"l{n}") for n in range(3)))

        claims = await journal.claim("w1", 64, NOW, within=at_most(10))

        assert Counter(claim.tenant for claim in claims) == {"heavy": 10, "light": 3}
        assert await journal.claim("w1", 64, NOW, within=at_most(10, heavy=0, light=7)) == []
        assert await journal.ready_lanes(500, "heavy") == 190
        assert await journal.ready_lanes(500, "light") == 0
        await admit(journal, new("late", source="light", lane="late"))
        assert ids(await journal.claim("w1", 64, NOW, within=at_most(10, heavy=0, light=7))) == ["late"]

    async def test_what_is_left_to_a_tenant_is_taken_in_turn(self, journal: Journal) -> None:
        for tenant in "abc":
            await admit(journal, *(new(f"{tenant}{n}", source=tenant, lane=f"{tenant}{n}") for n in range(20)))

        claims = await journal.claim("w1", 12, NOW, within=at_most(100, a=2))

        assert Counter(claim.tenant for claim in claims) == {"a": 2, "b": 5, "c": 5}

    async def test_a_lane_that_two_tenants_share_counts_as_the_one_whose_command_is_next(
        self, journal: Journal
    ) -> None:
        await admit(journal, new("a", source="heavy", lane="shared"), new("b", source="light", lane="shared"))

        assert await journal.claim("w1", 64, NOW, within=at_most(10, heavy=0)) == []
        (claim,) = await journal.claim("w1", 64, NOW, within=at_most(10, light=0))
        assert claim.tenant == "heavy"
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        await journal.release(claim.lease, NOW)
        (claim,) = await journal.claim("w1", 64, NOW, within=at_most(10, heavy=0))
        assert (claim.tenant, claim.command.id) == ("light", "b")

    async def test_workers_that_claim_within_bounds_at_once_never_share_a_lane(self, store: Store) -> None:
        one, two = [await store.open_with_worker(name) for name in ("w1", "w2")]
        await admit(one, *(new(f"{t}{n}", source=t, lane=f"{t}{n}") for t in "ab" for n in range(50)))

        async def all_of(journal: Journal, worker: str) -> list[str]:
            got: list[str] = []
            while claims := await journal.claim(worker, 8, NOW, within=at_most(4)):
                got += ids(claims)
            return got

        got = [name for names in await asyncio.gather(all_of(one, "w1"), all_of(two, "w2")) for name in names]
        assert len(got) == len(set(got))
        assert len(got) >= 90  # what the other one was just taking is left to it
