"""A lane of issues runs its queries too; what breaks is counted; what needs its user's session no more goes apart."""

from datetime import timedelta

from tests.conformance.journal_builders import NOW, SECOND, admit, begin, claim_one, ids, look_up, new, step
from tests.conformance.journal_stores import Store
from worker.journal.rows import LANE_PATIENCE, LANE_SLICE
from worker.ports import Journal
from worker.records import Claim, Command, CommandState, lane_apart


async def next_after(journal: Journal, claim: Claim, command: Command, at: timedelta) -> Command:
    """End this one; what the lane begins then."""
    ended = step(Claim(claim.lease, command), CommandState.FAILED, "failed", at=NOW + at)
    written, following = await journal.record_and_next(ended)
    assert written
    assert following is not None
    return following


class TestTurnsOfALane:
    async def test_a_query_goes_before_issues_that_never_end_once_it_has_waited_long_enough(
        self, journal: Journal
    ) -> None:
        claim = await begin(journal, new("i0"))
        await admit(journal, new("q1", type="invoice.query"), new("q2", type="invoice.query"))
        await admit(journal, *(new(f"i{number}") for number in range(1, 9)))
        begun, command, at = ["i0"], claim.command, timedelta(0)
        for _ in range(7):
            at += LANE_PATIENCE / 2
            command = await next_after(journal, claim, command, at)
            begun.append(command.id)

        assert begun == ["i0", "i1", "q1", "i2", "q2", "i3", "i4", "i5"]

    async def test_without_issues_nothing_is_let_before_anything(self, journal: Journal) -> None:
        await admit(journal, *(new(f"q{number}", type="invoice.query") for number in range(3)))
        claim = await claim_one(journal, now=NOW + 10 * LANE_PATIENCE)
        await admit(journal, new("i"))

        assert claim.command.id == "q0"
        assert (await next_after(journal, claim, claim.command, 10 * LANE_PATIENCE + SECOND)).id == "i"

    async def test_what_was_let_before_issues_goes_on_for_its_time_and_then_gives_way(self, journal: Journal) -> None:
        await admit(journal, new("q", type="invoice.query"), new("i1"), new("i2"))
        begun_at = NOW + LANE_PATIENCE
        claim = await claim_one(journal, now=begun_at)
        assert claim.command.id == "q"

        assert not await journal.has_earlier(claim.command, begun_at + SECOND)
        assert await journal.has_earlier(claim.command, begun_at + LANE_SLICE)
        put_back = step(claim, CommandState.WAITING, at=begun_at + LANE_SLICE, due_at=begun_at + LANE_SLICE)
        _, following = await journal.record_and_next(put_back)
        assert following is not None
        assert following.id == "i1"
        again = await next_after(journal, claim, following, LANE_PATIENCE + LANE_SLICE + SECOND)
        assert again.id == "i2", "it waits anew"

    async def test_a_query_that_waits_for_its_own_time_is_let_before_nothing(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        await journal.record(step(claim, CommandState.WAITING, due_at=NOW + LANE_PATIENCE))
        await journal.release(claim.lease, NOW)
        await admit(journal, new("i1"), new("i2"))

        claim = await claim_one(journal, now=NOW + LANE_PATIENCE + SECOND)
        assert claim.command.id == "i1"


class TestWhatGoesApart:
    async def test_it_goes_on_at_its_time_on_a_lane_of_its_own(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        await admit(journal, new("behind", type="invoice.query"))
        apart, due_at = lane_apart(claim.command), NOW + 10 * SECOND

        moved = step(claim, CommandState.WAITING, due_at=due_at, to_lane=apart, progress=b"{}")
        _, following = await journal.record_and_next(moved)

        assert following is not None
        assert following.id == "behind", "it holds up nothing of its user"
        assert await journal.reap("w1", due_at - SECOND) == 0
        assert await journal.reap("w1", due_at) == 1
        (own,) = await journal.claim("w1", 10, due_at)
        assert (own.command.id, own.command.lane, own.command.user_id) == ("q", apart, "u1")
        assert own.lease.epoch > claim.lease.epoch
        assert not await journal.record(step(claim, CommandState.FAILED, "failed")), "who held it before is fenced"
        assert await journal.record(step(own, CommandState.COMPLETED, "completed"))
        await journal.release(own.lease, due_at)
        assert [lease.lane for lease in await journal.held("w1")] == ["u1"]

    async def test_it_is_taken_over_as_anything_else(self, store: Store) -> None:
        dead = await store.open_with_worker("dead")
        claim = await begin(dead, new("q", type="invoice.query"), "dead")
        moved = step(claim, CommandState.WAITING, due_at=NOW, to_lane=lane_apart(claim.command))
        assert await dead.record(moved)
        await dead.retire("dead")
        alive = await store.open_with_worker("alive")
        await alive.reap("alive", NOW)

        assert ids(await alive.claim("alive", 10, NOW)) == ["q"]


class TestWhatBreaks:
    async def test_breaks_are_counted_over_claims_and_shown(self, journal: Journal) -> None:
        for count in (1, 2, 3):
            claim = await begin(journal, new("a")) if count == 1 else await claim_one(journal)
            assert claim.command.breaks == count - 1
            assert await journal.count_break(claim.command, claim.lease) == count
            await journal.release(claim.lease, NOW)
        await admit(journal, new("sound", lane="u2"))

        assert [command.id for command in await journal.broken()] == ["a"]
        assert (await look_up(journal, "a")).breaks == 3

    async def test_who_has_lost_the_lane_counts_nothing(self, journal: Journal) -> None:
        stale = await begin(journal, new("a"))
        await journal.release(stale.lease, NOW)
        await claim_one(journal)

        assert await journal.count_break(stale.command, stale.lease) == 0
        assert (await look_up(journal, "a")).breaks == 0

    async def test_what_nobody_knows_waits_behind_all_else(self, journal: Journal) -> None:
        claim = await begin(journal, new("x", type="invoice.unheard-of"))
        await admit(journal, new("a"), new("q", type="invoice.query"))
        aside = step(claim, CommandState.WAITING, due_at=NOW + 900 * SECOND, goes_last=True)

        _, following = await journal.record_and_next(aside)

        assert following is not None
        assert following.id == "a"
        assert (await next_after(journal, claim, following, SECOND)).id == "q"
