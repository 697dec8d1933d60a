"""When a look-up has its turn among the other work of its lane."""

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    claim_one,
    enter,
    look_up,
    new,
    seek,
    step,
)
from worker.journal.rows import LOOK_UP_PATIENCE
from worker.ports import Journal
from worker.records import LOOK_UP, Claim, CommandState


class TestOrder:
    async def test_a_look_up_goes_after_the_lanes_other_work(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        await admit(journal, new("q", type="invoice.query"), new("i"))
        claim = await claim_one(journal)
        order = [claim.command.type]
        command = claim.command
        for _ in range(2):
            moved = step(Claim(claim.lease, command), CommandState.FAILED, "failed")
            _, following = await journal.record_and_next(moved)
            assert following is not None
            order.append(following.type)
            command = following
        assert order == ["invoice.issue", "invoice.query", LOOK_UP]

    async def test_but_before_it_once_it_has_waited_too_long(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        await admit(journal, new("b"), new("c"))
        claim = await claim_one(journal)
        assert claim.command.id == "b"
        patience = NOW + LOOK_UP_PATIENCE
        assert await enter(journal, patience - SECOND) == 0
        assert await enter(journal, patience) == 1
        assert await enter(journal, patience) == 0
        _, following = await journal.record_and_next(step(claim, CommandState.FAILED, "failed", at=patience))
        assert following is not None
        assert following.type == LOOK_UP

    async def test_then_even_a_delayed_head_does_not_keep_it(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        claim = await begin_next(journal, "b")
        await journal.record(step(claim, CommandState.WAITING, due_at=NOW + 3600 * SECOND))
        await journal.release(claim.lease, NOW)
        assert await journal.claim("w1", 10, NOW) == []
        assert await enter(journal, NOW + LOOK_UP_PATIENCE) == 1
        assert (await claim_one(journal)).command.type == LOOK_UP

    async def test_one_that_waits_again_is_in_nobodys_way(self, journal: Journal) -> None:
        """A look-up put back until later must not delay the issues behind it."""
        await seek(journal, new("a"))
        await enter(journal)
        await enter(journal, NOW + LOOK_UP_PATIENCE)
        claim = await claim_one(journal)
        again_at = NOW + LOOK_UP_PATIENCE + 60 * SECOND
        assert await journal.record(step(claim, CommandState.WAITING, due_at=again_at))
        await admit(journal, new("b"))
        following = await journal.next_command(claim.lease, NOW + LOOK_UP_PATIENCE)
        assert following is not None
        assert following.id == "b"
        assert await enter(journal, again_at - SECOND) == 0
        assert await enter(journal, again_at) == 1


async def begin_next(journal: Journal, command_id: str) -> Claim:
    """Admit a command to a lane that is ready already, and claim it."""
    await admit(journal, new(command_id))
    claim = await claim_one(journal)
    assert claim.command.id == command_id
    return claim


class TestHasEarlier:
    async def test_issue_is_earlier_than_a_query_and_a_query_is_not(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        assert not await journal.has_earlier(claim.command, NOW)
        await admit(journal, new("q2", type="invoice.query"))
        assert not await journal.has_earlier(claim.command, NOW)
        await admit(journal, new("elsewhere", lane="u2"))
        assert not await journal.has_earlier(claim.command, NOW)
        await admit(journal, new("i"))
        assert await journal.has_earlier(claim.command, NOW)

    async def test_what_is_not_due_is_not_earlier(self, journal: Journal) -> None:
        first = await begin(journal, new("i"))
        await journal.record(step(first, CommandState.WAITING, due_at=NOW + SECOND))
        await admit(journal, new("q", type="invoice.query"))
        assert await journal.next_command(first.lease, NOW) is None
        query = await look_up(journal, "q")
        assert not await journal.has_earlier(query, NOW)
        assert await journal.has_earlier(query, NOW + SECOND)

    async def test_a_look_up_is_earlier_than_a_query_only_once_it_has_waited_too_long(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        claim = await begin(journal, new("q", type="invoice.query"))
        await enter(journal)
        assert not await journal.has_earlier(claim.command, NOW)
        await enter(journal, NOW + LOOK_UP_PATIENCE)
        assert await journal.has_earlier(claim.command, NOW + LOOK_UP_PATIENCE)

    async def test_everything_is_earlier_than_a_look_up_that_has_not(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        claim = await claim_one(journal)
        assert not await journal.has_earlier(claim.command, NOW)
        await admit(journal, new("q", type="invoice.query"))
        assert await journal.has_earlier(claim.command, NOW)
