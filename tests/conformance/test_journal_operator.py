"""What the command line and the metrics may rely on, on both stores."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    complete,
    new,
    outbox,
    publish_all,
    put_in_doubt,
    rejected,
    settlement,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.errors import NotResolvable
from worker.ports import Journal
from worker.records import Backlog, CommandFilter, CommandState, Copy, OnLane, own_lane
from worker.records.commands import OWN_LANE_MARK


async def test_a_ping_is_answered(journal: Journal) -> None:
    await journal.ping()


async def test_a_clock_can_be_held_against_the_newest_command_and_the_servers(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    assert (await journal.times()).newest_at is None
    await admit(journal, new("a", received_at=NOW + SECOND), new("b", received_at=NOW))

    times = await journal.times()

    assert times.newest_at == NOW
    assert (times.seconds_behind(NOW - SECOND), times.seconds_behind(NOW + SECOND)) == (1, 0)
    assert (times.server_at is not None) is (store.name == "postgres")


async def test_space_in_use_grows_with_what_is_kept(own_store: Store) -> None:
    journal = await own_store.open_with_worker("w1")
    before = await journal.space()
    await admit(journal, *[new(f"c{n}", data=b'"' + bytes([65 + n % 26]) * 20_000 + b'"') for n in range(100)])
    after = await journal.space()

    assert before.used_bytes > 0
    assert after.used_bytes > before.used_bytes
    assert (after.free_bytes is not None) is (own_store.name == "sqlite")


async def test_an_empty_journal_has_no_backlog(journal: Journal) -> None:
    assert await journal.backlog(NOW) == Backlog(0, None, 0, 0, 0, None, 0, 0)


async def test_the_backlog_counts(journal: Journal) -> None:
    claim = await put_in_doubt(journal, new("doubt", fingerprint="f"))
    await admit(journal, new("twin", fingerprint="f"))
    assert await journal.next_command(claim.lease, NOW) is None
    await admit(journal, new("a", received_at=NOW + SECOND), new("b", received_at=NOW + 2 * SECOND))
    backlog = await journal.backlog(NOW + 3 * SECOND)
    assert backlog == Backlog(
        waiting=2,
        oldest_waiting_at=NOW + SECOND,
        in_doubt=1,
        held=1,
        outbox=2,
        oldest_outbox_at=NOW,
        undeliverable=0,
        suspended_accounts=0,
        resting_sellers=0,
        oldest_in_doubt_at=NOW,
        needs_person=1,
        outbox_due_at=NOW,
    )


async def test_a_command_is_told_what_it_waits_for_on_its_lane(journal: Journal) -> None:
    claim = await begin(journal, new("first"))
    await submit(journal, claim)
    await admit(journal, new("second"), new("third"), new("elsewhere", lane="u2"))
    on_lane = {id_: await journal.on_lane((await journal.find(id_))[0].key) for id_ in ("first", "third", "elsewhere")}

    running = ("first", "erp", "invoice.issue", "submitting")
    assert on_lane["first"] == OnLane("w1", running, 0, None)
    assert on_lane["third"] == OnLane("w1", running, 1, None)
    assert on_lane["elsewhere"] == OnLane(None, None, 0, None)


async def test_a_lane_of_a_worker_whose_lease_has_ended_says_so(store: Store) -> None:
    journal = await store.open_with_worker("w1")
    claim = await begin(journal, new("a"))
    assert not (await journal.on_lane(claim.command.key)).lease_ended
    await store.expire("w1")
    running = ("a", "erp", "invoice.issue", "running")
    assert await journal.on_lane(claim.command.key) == OnLane("w1", running, 0, None, lease_ended=True)


async def test_what_needs_a_person_is_listed_newest_first(journal: Journal) -> None:
    """What a look-up still seeks does not, where somebody's login can seek it."""
    kinds: list[dict[str, Any]] = [{}, {"sought_at": NOW, "account": "a"}, {"sought_at": NOW}, {"account": "a"}]
    for number, sought in enumerate(kinds):
        claim = await put_in_doubt(journal, new(f"c{number}", lane=f"u{number}"))
        in_doubt = frozenset({CommandState.IN_DOUBT})
        moved = step(claim, CommandState.IN_DOUBT, expected=in_doubt, first=2, **sought)
        assert await journal.record(moved)

    assert [command.id for command in await journal.needing_person()] == ["c3", "c2", "c0"]
    assert [command.id for command in await journal.needing_person(1)] == ["c3"]
    assert (await journal.backlog(NOW)).needs_person == 3


async def test_a_command_past_its_deadline_counts_until_it_is_failed(journal: Journal) -> None:
    await admit(journal, new("late", deadline_at=NOW + SECOND), new("early", deadline_at=NOW + 9 * SECOND))
    assert (await journal.backlog(NOW)).overdue == 0
    assert (await journal.backlog(NOW + 2 * SECOND)).overdue == 1
    (late,) = await journal.overdue(NOW + 2 * SECOND)
    waiting = frozenset({CommandState.WAITING})
    await journal.settle(settlement(late, CommandState.FAILED, "failed", expected=waiting))
    assert (await journal.backlog(NOW + 2 * SECOND)).overdue == 0


async def test_the_longest_exchange_is_known_by_its_submission(journal: Journal) -> None:
    claim = await begin(journal, new("scans"))
    assert (await journal.backlog(NOW)).oldest_submitted_at is None
    await submit(journal, claim)
    backlog = await journal.backlog(NOW + SECOND)
    assert (backlog.oldest_submitted_at, backlog.oldest_in_doubt_at) == (NOW, None)


async def test_copies_that_were_put_off_are_not_overdue(journal: Journal) -> None:
    """A reply to a missing queue waits for hours, and what stands behind it with it; neither is the relay's fault."""
    claim = await put_in_doubt(journal, new("a"))
    doubtful = replace(claim.command, state=CommandState.IN_DOUBT, last_sequence=1)
    assert await journal.settle(settlement(doubtful, CommandState.FAILED, "failed"))
    reply, _ = [row for row in await outbox(journal) if row.copy is Copy.REPLY]
    await journal.postpone([(reply.seq, NOW + 60 * SECOND)])
    assert (await journal.backlog(NOW + SECOND)).outbox_due_at == NOW

    published = await publish_all(journal)

    assert {row.copy for row in published} == {Copy.TOPIC}
    backlog = await journal.backlog(NOW + SECOND)
    assert (backlog.outbox, backlog.outbox_due_at) == (2, None)
    assert (await journal.backlog(NOW + 61 * SECOND)).outbox_due_at == NOW + 60 * SECOND


async def test_commands_are_found_by_id_newest_first(journal: Journal) -> None:
    await admit(journal, new("a"), new("b"), new("a", source="shop"))
    assert [(command.source, command.id) for command in await journal.find("a")] == [("shop", "a"), ("erp", "a")]
    assert [command.source for command in await journal.find("a", "erp")] == ["erp"]
    assert await journal.find("a", "nobody") == []
    assert await journal.find("nothing") == []


async def test_commands_are_listed_by_state_newest_first(journal: Journal) -> None:
    await complete(journal, new("done"))
    await begin(journal, new("runs", lane="u2"))
    await admit(journal, new("w1", lane="u3"), new("w2", lane="u3"), rejected("no"))

    async def listed(*states: CommandState, limit: int = 100) -> list[str]:
        return [command.id for command in await journal.commands(states, limit)]

    assert await listed() == ["no", "w2", "w1", "runs", "done"]
    assert await listed(limit=2) == ["no", "w2"]
    assert await listed(CommandState.WAITING) == ["w2", "w1"]
    assert await listed(CommandState.WAITING, CommandState.COMPLETED) == ["w2", "w1", "done"]
    assert await listed(CommandState.COMPLETED, CommandState.WAITING, limit=2) == ["w2", "w1"]
    assert await listed(CommandState.IN_DOUBT) == []


async def test_lists_can_be_narrowed_to_a_user_and_a_source(journal: Journal) -> None:
    for lane in ("u1", "u2"):
        await put_in_doubt(journal, new(f"doubt-{lane}", lane=lane))
        await admit(journal, new(f"erp-{lane}", lane=lane), new(f"shop-{lane}", lane=lane, source="shop"))
    apart = new("apart", lane=f"{OWN_LANE_MARK * 2}u1{own_lane('erp', 'apart')}")
    await admit(journal, apart, new("own", lane=own_lane("erp", "own")))

    async def listed(user_id: str | None = None, source: str | None = None, *states: CommandState) -> list[str]:
        found = await journal.commands(states, 100, CommandFilter(user_id, source))
        return [command.id for command in found]

    assert await listed("u1") == ["apart", "shop-u1", "erp-u1", "doubt-u1"]
    assert await listed("u") == []
    assert await listed(None, "shop") == ["shop-u2", "shop-u1"]
    assert await listed("u1", "shop") == ["shop-u1"]
    assert await listed("u2", "erp", CommandState.WAITING) == ["erp-u2"]
    assert [c.id for c in await journal.commands([], 1, CommandFilter("u2", "erp"))] == ["erp-u2"]
    assert [c.id for c in await journal.needing_person(9, CommandFilter("u2"))] == ["doubt-u2"]
    assert await journal.unconfirmed(9, CommandFilter("u2", "erp")) == []
    assert await journal.broken(9, CommandFilter("u2", "erp")) == []


async def test_a_command_is_found_by_its_invoice_and_so_is_who_has_a_number(journal: Journal) -> None:
    for name in ("a", "b"):
        await put_in_doubt(journal, new(name, lane=name))
    first, second = [replace(each, last_sequence=1) for name in ("a", "b") for each in await journal.find(name)]
    assert await journal.of_invoice("n1") is None
    assert await journal.settle(settlement(first, CommandState.COMPLETED, "completed", invoice_number="n1"))

    issued = await journal.of_invoice("n1")

    assert issued is not None
    assert (issued.id, issued.secrets) == ("a", {})
    with pytest.raises(NotResolvable, match=r"Invoice n1 belongs to another command: `fapiao-worker status n1`"):
        await journal.settle(settlement(second, CommandState.COMPLETED, "completed", invoice_number="n1"))


async def test_an_order_is_found_by_its_number_alone(journal: Journal) -> None:
    """Of whichever seller and source; the command that holds the number goes before newer ones."""
    first, second = (new(f"a-{seller}", seller=seller, order_no="SO-1", lane=seller) for seller in ("S1", "S2"))
    await admit(journal, first, second, new("other", order_no="SO-2", seller="S3"), new("none"))
    await admit(journal, new("later", seller="S1", order_no="SO-1", lane="u9"))
    await admit(journal, new("shop", seller="S1", order_no="SO-1", source="shop", lane="u8"))

    assert [c.id for c in await journal.of_order("SO-1")] == ["shop", "a-S2", "a-S1", "later"]
    assert [c.id for c in await journal.of_order("SO-1", "shop")] == ["shop"]
    assert [c.id for c in await journal.of_order("SO-1", limit=1)] == ["shop"]
    assert [c.id for c in await journal.of_order("SO-2", "erp")] == ["other"]
    assert await journal.of_order("SO") == []


async def test_an_unknown_command_has_no_events(journal: Journal) -> None:
    assert await journal.events_of(4711) == []


async def test_events_without_copies_left_are_published(journal: Journal) -> None:
    claim = await complete(journal, new("a"))
    rows = await journal.due("w1", NOW, 10)
    await journal.published([row.seq for row in rows])
    (record,) = await journal.events_of(claim.command.key)
    assert record.pending == ()
    assert not record.undeliverable


async def test_upgrading_what_is_new_does_nothing(store: Store) -> None:
    journal = await store.open()
    await store.close()
    journal = await store.open()
    assert await store.rows("SELECT count(*) FROM command") == [(0,)]
    await journal.ping()
