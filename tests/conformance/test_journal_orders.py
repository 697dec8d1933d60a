"""Order numbers: who has one, who follows, who takes it over; and orders that come twice without one. Both stores."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.conformance.journal_builders import (
    COMPLETED,
    NOW,
    PASSWORD,
    admit,
    begin,
    claim_one,
    complete,
    fail,
    look_up,
    new,
    publish_all,
    put_in_doubt,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import SUBMITTED, UNSETTLED, Admission, Command, CommandState, Following, Heard, NewCommand

S = CommandState
FOLLOWING = frozenset({S.FOLLOWING})
SECRETS = {"/login/password": PASSWORD}
MINUTES = timedelta(minutes=10)


def order(command_id: str, **changes: Any) -> NewCommand:
    """A command of the order SO-1 of seller `s`, on a lane of its own name."""
    return new(command_id, **({"seller": "s", "order_no": "SO-1", "lane": f"u-{command_id}"} | changes))


async def follower_of(journal: Journal) -> Following:
    """The one that has something to look at."""
    (following,) = await journal.followers()
    return following


async def heed(journal: Journal) -> None:
    """Let whoever has something to look at look and have nothing to tell."""
    for following in await journal.followers():
        await journal.heed(following, is_over=False)


async def tell(journal: Journal, following: Following) -> None:
    """Tell a follower the end that its first has come to."""
    heard = Heard(following.nudges, following.events[-1].sequence, is_over=False)
    told = settlement(following.follower, S.COMPLETED, "completed", expected=FOLLOWING, heard=heard)
    assert await journal.settle(told)


class TestClaims:
    async def test_a_second_command_of_an_order_follows_the_first(self, journal: Journal) -> None:
        assert await admit(journal, order("a"), order("b")) == [Admission.ACCEPTED, Admission.FOLLOWING]
        first, follower = await look_up(journal, "a"), await look_up(journal, "b")
        assert (first.holds_order, follower.holds_order) == (True, False)
        assert (follower.state, follower.follows) == (S.FOLLOWING, first.key)
        assert [claim.command.id for claim in await journal.claim("w1", 10, NOW)] == ["a"]

    async def test_within_a_batch_too(self, journal: Journal) -> None:
        batch = [order(name) for name in "abc"]
        assert await admit(journal, *batch) == [Admission.ACCEPTED, Admission.FOLLOWING, Admission.FOLLOWING]
        assert {(await look_up(journal, name)).follows for name in "bc"} == {(await look_up(journal, "a")).key}

    async def test_another_seller_or_source_has_numbers_of_its_own(self, journal: Journal) -> None:
        batch = [order("a"), order("b", seller="t"), order("c", source="shop")]
        assert await admit(journal, *batch) == [Admission.ACCEPTED] * 3

    async def test_where_sources_share_them_another_source_follows_too(self, journal: Journal) -> None:
        assert await admit(journal, order("a")) == [Admission.ACCEPTED]
        shared = order("b", source="shop", is_order_shared=True), order("c", source="third", is_order_shared=True)
        assert await admit(journal, *shared) == [Admission.FOLLOWING] * 2
        fresh = [order(name, source=name, order_no="SO-2", is_order_shared=True) for name in "de"]
        assert await admit(journal, *fresh) == [Admission.ACCEPTED, Admission.FOLLOWING]

    async def test_a_sources_own_command_is_followed_before_anothers(self, journal: Journal) -> None:
        await admit(journal, order("a"), order("b", source="shop"))
        await admit(journal, order("c", source="shop", is_order_shared=True))
        own = await look_up(journal, "b", "shop")
        assert (await look_up(journal, "c", "shop")).follows == own.key

    async def test_a_completed_order_keeps_its_number(self, journal: Journal) -> None:
        await complete(journal, order("a"))
        assert await admit(journal, order("b")) == [Admission.FOLLOWING]

    async def test_a_failed_one_lets_go_of_it(self, journal: Journal) -> None:
        await fail(journal, order("a"))
        assert not (await look_up(journal, "a")).holds_order
        assert await admit(journal, order("b")) == [Admission.ACCEPTED]

    async def test_a_draft_keeps_it(self, journal: Journal) -> None:
        await fail(journal, order("a"), keeps_order=True)
        assert await admit(journal, order("b")) == [Admission.FOLLOWING]

    async def test_evidence_that_nothing_was_issued_frees_it(self, journal: Journal) -> None:
        await put_in_doubt(journal, order("a"))
        doubtful = await look_up(journal, "a")
        assert await journal.settle(settlement(doubtful, S.FAILED, "failed", expected=UNSETTLED))
        assert await admit(journal, order("b")) == [Admission.ACCEPTED]

    async def test_a_rejected_command_claims_nothing(self, journal: Journal) -> None:
        await admit(journal, order("r", state=S.REJECTED))
        assert await admit(journal, order("a")) == [Admission.ACCEPTED]

    async def test_a_repeat_of_the_first_or_of_a_follower_is_a_repeat(self, journal: Journal) -> None:
        await admit(journal, order("a"), order("b"))
        assert await admit(journal, order("b"), order("a")) == [Admission.REPEATED, Admission.REPEATED]

    async def test_of_two_that_come_at_once_one_is_the_first(self, store: Store, journal: Journal) -> None:
        other = await store.open_with_worker("w2")
        for number in range(10):
            pair = [order(f"{name}{number}", order_no=f"SO-{number}") for name in "ab"]
            both = await asyncio.gather(admit(journal, pair[0]), admit(other, pair[1], worker="w2"))
            assert sorted(both) == [[Admission.ACCEPTED], [Admission.FOLLOWING]]

    async def test_a_stored_order_is_the_sources_own_and_the_one_that_has_the_number(self, journal: Journal) -> None:
        await fail(journal, order("a"))
        await complete(journal, order("b"))
        await admit(journal, order("c"), order("d", source="shop"))
        assert (await journal.find_order("erp", "s", "SO-1") or await look_up(journal, "a")).id == "b"
        assert (await journal.find_order("shop", "s", "SO-1") or await look_up(journal, "a")).id == "d"
        assert await journal.find_order("third", "s", "SO-1") is None


class TestFollowers:
    async def test_they_look_when_they_come_and_whenever_the_first_moves(self, journal: Journal) -> None:
        claim = await begin(journal, order("a"))
        await admit(journal, order("b", route=replace(order("b").route, reply_to="b.replies")))
        following = await follower_of(journal)
        assert (following.follower.id, following.first.id) == ("b", "a")
        assert following.follower.route.reply_to == "b.replies"
        await journal.heed(following, is_over=False)
        assert await journal.followers() == []

        await submit(journal, claim)
        assert (await follower_of(journal)).first.submitted_at is not None
        await heed(journal)
        assert await journal.record(step(claim, S.SCANNING, "qr_required", expected=SUBMITTED))
        await journal.record(step(claim, S.COMPLETED, "completed", expected=SUBMITTED, first=2))
        assert [event.type.rpartition(".")[2] for event in (await follower_of(journal)).events] == [
            "qr_required",
            "completed",
        ]

    async def test_a_move_while_one_looks_is_not_lost(self, journal: Journal) -> None:
        claim = await begin(journal, order("a"))
        await admit(journal, order("b"))
        seen = await follower_of(journal)
        await submit(journal, claim)
        await journal.heed(seen, is_over=False)
        assert (await follower_of(journal)).first.state is S.SUBMITTING

    async def test_a_look_that_is_older_than_anothers_changes_nothing(self, journal: Journal) -> None:
        """Two replicas look at once: who read before the first one moved, and comes later, would have it told again."""
        claim = await begin(journal, order("a"))
        await admit(journal, order("b"))
        early = await follower_of(journal)
        await submit(journal, claim)
        assert await journal.record(step(claim, S.COMPLETED, "completed", expected=SUBMITTED))
        await tell(journal, await follower_of(journal))

        await journal.heed(early, is_over=False)

        assert await journal.followers() == []

    async def test_what_was_heard_is_not_given_again(self, journal: Journal) -> None:
        claim = await begin(journal, order("a", secrets=SECRETS))
        await admit(journal, order("b", secrets=SECRETS))
        await submit(journal, claim)
        assert await journal.record(step(claim, S.SCANNING, "qr_required", expected=SUBMITTED))
        following = await follower_of(journal)
        heard = Heard(following.nudges, following.events[-1].sequence, is_over=False)
        told = settlement(following.follower, S.FOLLOWING, "qr_required", expected=FOLLOWING, heard=heard)
        assert await journal.settle(told)
        assert await journal.followers() == []
        await journal.record(step(claim, S.COMPLETED, "completed", expected=SUBMITTED, first=2))

        following = await follower_of(journal)
        assert [event.sequence for event in following.events] == [2]
        assert following.follower.secrets == {}

    async def test_it_listens_for_what_follows_the_end_and_then_no_more(self, journal: Journal) -> None:
        await complete(journal, order("a"))
        await admit(journal, order("b"))
        following = await follower_of(journal)
        heard = Heard(following.nudges, 1, is_over=False)
        assert await journal.settle(
            settlement(following.follower, S.COMPLETED, "completed", expected=FOLLOWING, heard=heard)
        )
        first = await look_up(journal, "a")
        assert await journal.settle(settlement(first, S.COMPLETED, "confirmed", expected=COMPLETED))

        following = await follower_of(journal)
        assert [event.sequence for event in following.events] == [2]
        heard = Heard(following.nudges, 2, is_over=True)
        moved = settlement(following.follower, S.COMPLETED, "confirmed", expected=COMPLETED, heard=heard)
        assert await journal.settle(moved)
        assert not await journal.settle(moved)
        assert await journal.settle(settlement(first, S.COMPLETED, "page", expected=COMPLETED)) is False
        assert await journal.followers() == []
        outcomes = [row.event_type.rpartition(".")[2] for row in await publish_all(journal) if row.command_id == "b"]
        assert outcomes == ["completed", "completed", "confirmed", "confirmed"]

    async def test_one_that_a_person_ends_listens_no_more(self, journal: Journal) -> None:
        claim = await begin(journal, order("a"))
        await admit(journal, order("b"))
        assert await journal.settle(settlement(await look_up(journal, "b"), S.FAILED, "failed", expected=FOLLOWING))
        await submit(journal, claim)
        assert await journal.followers() == []

    async def test_no_more_than_asked_for(self, journal: Journal) -> None:
        await complete(journal, order("a"))
        await admit(journal, *(order(f"b{number}") for number in range(5)))
        assert [following.follower.id for following in await journal.followers(limit=3)] == ["b0", "b1", "b2"]


class TestSuccession:
    async def test_the_oldest_takes_the_number_and_the_others_follow_it(self, journal: Journal) -> None:
        claim = await begin(journal, order("a"))
        await admit(journal, order("b", secrets=SECRETS), order("c"))
        await heed(journal)
        assert await journal.record(step(claim, S.FAILED, "failed"))
        await journal.release(claim.lease, NOW)

        for following in await journal.followers():
            assert await journal.succeed(following, NOW)

        assert (await look_up(journal, "b")).holds_order
        assert (await look_up(journal, "c")).follows == (await look_up(journal, "b")).key
        following = await follower_of(journal)
        assert (following.follower.id, following.first.id, following.heard) == ("c", "b", 0)
        taken = (await claim_one(journal)).command
        assert (taken.id, taken.secrets) == ("b", SECRETS)

    async def test_whoever_came_meanwhile_is_followed(self, journal: Journal) -> None:
        claim = await begin(journal, order("a"))
        await admit(journal, order("b"))
        assert await journal.record(step(claim, S.FAILED, "failed"))
        seen = await follower_of(journal)
        assert await admit(journal, order("c")) == [Admission.ACCEPTED]

        assert await journal.succeed(seen, NOW)

        assert (await state_of(journal, "b"), (await follower_of(journal)).first.id) == (S.FOLLOWING, "c")

    async def test_whoever_follows_another_by_now_hears_of_that_one_once(self, journal: Journal) -> None:
        """Two replicas look at once: one that read before the follower turned to another, and comes later, turns it
        neither past what that one has told nor back to its beginning."""
        former = await begin(journal, order("a"))
        await admit(journal, order("b"))
        assert await journal.record(step(former, S.FAILED, "failed"))
        late = await follower_of(journal)
        await complete(journal, order("c"))
        assert await journal.succeed(late, NOW)

        await journal.heed(replace(late, heard=1), is_over=False)
        following = await follower_of(journal)
        assert (following.first.id, following.heard) == ("c", 0)
        await tell(journal, following)

        assert await journal.succeed(late, NOW)
        assert await journal.followers() == []

    async def test_it_happens_once(self, store: Store, journal: Journal) -> None:
        other = await store.open_with_worker("w2")
        claim = await begin(journal, order("a"))
        await admit(journal, order("b"), order("c"))
        assert await journal.record(step(claim, S.FAILED, "failed"))
        seen = await journal.followers()
        tries = [(each, one) for each in seen for one in (journal, other)]

        await asyncio.gather(*(one.succeed(each, NOW) for each, one in tries))
        for following in await journal.followers():
            if not following.first.holds_order:
                await journal.succeed(following, NOW)

        held = await store.rows("SELECT id FROM command WHERE order_claim IS NOT NULL")
        waiting = await store.rows("SELECT id FROM command WHERE state = 'waiting'")
        assert held == waiting
        assert len(held) == 1

    async def test_a_command_that_is_no_follower_any_more_stays_as_it_is(self, journal: Journal) -> None:
        claim = await begin(journal, order("a"))
        await admit(journal, order("b"))
        seen = await follower_of(journal)
        assert await journal.record(step(claim, S.FAILED, "failed"))
        assert await journal.settle(settlement(seen.follower, S.FAILED, "failed", expected=FOLLOWING))
        assert not await journal.succeed(seen, NOW)
        assert await state_of(journal, "b") is S.FAILED


async def test_an_end_and_what_followed_it_are_repeated(journal: Journal) -> None:
    await complete(journal, new("a"))
    first: Command = await look_up(journal, "a")
    assert await journal.settle(settlement(first, S.COMPLETED, "confirmed", expected=COMPLETED))
    await publish_all(journal)
    assert await admit(journal, new("a", route=replace(new("a").route, reply_to="again"))) == [Admission.REPEATED]
    rows = await publish_all(journal)
    assert [(row.destination, row.event_type) for row in rows] == [
        ("again", "invoice.issue.completed"),
        ("again", "invoice.issue.confirmed"),
    ]
