"""Look-ups: entered where something sought is due, one per lane and account, gone when done; on both stores."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.journal_builders import (
    ACCOUNT,
    IN_DOUBT,
    NOW,
    PASSWORD,
    SECOND,
    admit,
    begin,
    claim_one,
    enter,
    found,
    ids,
    later,
    look_up,
    new,
    put_in_doubt,
    seek,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_builders import brought as bringing
from tests.conformance.journal_stores import Store
from worker.journal import walking
from worker.journal.rows import LOOK_UP_PATIENCE
from worker.ports import Journal
from worker.records import LOOK_UP, SUBMITTED, UNSETTLED, Command, CommandState, Heard, KeptResult, LaneLease

OTHER_ACCOUNT = "digest of another"
FOLLOWING = frozenset({CommandState.FOLLOWING})


async def entered(store: Store) -> list[tuple[str, str]]:
    """Lane and account of each look-up."""
    rows = await store.rows("SELECT lane, account FROM command WHERE type = 'look_up' ORDER BY lane, account")
    return [(lane, account) for lane, account in rows]


def told_of(results: Iterable[KeptResult]) -> list[tuple[str, str | None, Any]]:
    """All but whose they are."""
    return [(each.fingerprint, each.address, each.told) for each in results]


class TestEntering:
    async def test_one_look_up_however_much_is_sought(self, store: Store, journal: Journal) -> None:
        for number in range(20):
            await seek(journal, new(f"c{number}"))
        assert await enter(journal) == 1
        assert await entered(store) == [("u1", ACCOUNT)]
        assert await enter(journal) == 0

    async def test_one_per_lane_and_account(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a"))
        await seek(journal, new("b"), account=OTHER_ACCOUNT)
        await seek(journal, new("c", lane="u2"))
        await seek(journal, new("d", lane="u2"))
        assert await enter(journal) == 3
        assert await entered(store) == [("u1", ACCOUNT), ("u1", OTHER_ACCOUNT), ("u2", ACCOUNT)]

    async def test_not_before_something_is_due(self, journal: Journal) -> None:
        await seek(journal, new("a"), NOW + 5 * SECOND)
        assert await enter(journal, NOW + 4 * SECOND) == 0
        assert await enter(journal, NOW + 5 * SECOND) == 1

    async def test_the_one_that_is_due_is_found_among_many(self, journal: Journal) -> None:
        await seek(journal, new("later"), NOW + 60 * SECOND)
        await seek(journal, new("due"))
        await seek(journal, new("later too"), NOW + 60 * SECOND)
        assert await enter(journal) == 1

    async def test_no_more_than_asked_for_and_the_rest_next_time(self, store: Store, journal: Journal) -> None:
        for number in range(5):
            await seek(journal, new(f"c{number}", lane=f"u{number}"))
        assert await journal.enter_look_ups(NOW, limit=3) == 3
        assert await journal.enter_look_ups(NOW, limit=3) == 2
        assert len(await entered(store)) == 5

    async def test_a_round_looks_at_a_part_and_every_part_has_its_turn(
        self, store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However much is sought, a round costs the same."""
        monkeypatch.setattr(walking, "MOST", 3)
        for number in range(8):
            await seek(journal, new(f"c{number}", lane=f"u{number}"), NOW if number in {1, 7} else NOW + 60 * SECOND)

        assert [await enter(journal) for _ in range(6)] == [1, 0, 1, 0, 0, 0]
        assert await entered(store) == [("u1", ACCOUNT), ("u7", ACCOUNT)]
        assert sum([await enter(journal, NOW + 60 * SECOND) for _ in range(6)]) == 6

    async def test_its_lane_is_claimed_like_any_other(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        assert await journal.claim("w1", 10, NOW) == []
        await enter(journal)
        claim = await claim_one(journal)
        command = claim.command
        assert (command.type, command.lane, command.account) == (LOOK_UP, "u1", ACCOUNT)
        assert (command.state, command.attempts, command.source, command.secrets) == (CommandState.RUNNING, 1, "", {})
        assert (command.data, command.deadline_at, command.route.reply_to) == (b"{}", None, None)

    async def test_a_held_lane_is_told(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        claim = await begin(journal, new("b", type="invoice.query"))
        await enter(journal)
        assert await journal.wanted("w1") == ["u1"]
        _, following = await journal.record_and_next(step(claim, CommandState.COMPLETED, "completed"))
        assert following is not None
        assert following.type == LOOK_UP

    async def test_it_outlives_a_crash_and_goes_to_the_next_holder(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        before = await claim_one(journal)
        journal = await store.restart()
        await journal.retire("w1")
        await journal.register("w2", LOOK_UP_PATIENCE)
        await journal.reap("w2", NOW)
        again = await claim_one(journal, "w2")
        assert (again.command.type, again.command.state) == (LOOK_UP, CommandState.RUNNING)
        assert again.lease.epoch > before.lease.epoch

    async def test_replicas_that_look_at_once_enter_one_each(self, store: Store) -> None:
        workers = [f"w{number}" for number in range(1, 5)]
        journals = [await store.open_with_worker(worker) for worker in workers]
        for number in range(30):
            await seek(journals[0], new(f"c{number}", lane=f"u{number % 10}"))
        counts = await asyncio.gather(*(journal.enter_look_ups(NOW) for _ in range(5) for journal in journals))
        while moved := await journals[0].enter_look_ups(NOW):
            counts.append(moved)
        assert sum(counts) == 10
        assert len(await entered(store)) == 10
        claims = [await journal.claim(worker, 10, NOW) for worker, journal in zip(workers, journals, strict=True)]
        assert sorted(claim.lease.lane for one in claims for claim in one) == [f"u{number}" for number in range(10)]

    async def test_the_lane_takes_its_turn_as_its_tenant_did(self, journal: Journal) -> None:
        """A look-up is no tenant's: without the lane's own tenant a heavy one would take the turns of two."""
        for number in range(6):
            await seek(journal, new(f"h{number}", source="heavy", lane=f"h{number}"))
        await enter(journal)
        await admit(journal, new("heavy", source="heavy", lane="h9"), new("light", source="light", lane="l0"))
        assert "light" in ids(await journal.claim("w1", 2, NOW))
        assert "heavy" not in ids(await journal.claim("w1", 4, NOW))
        assert ids(await journal.claim("w1", 10, NOW))[-1] == "heavy"


async def take_look_up(journal: Journal) -> tuple[Command, LaneLease]:
    """The look-up of lane u1 with the usual account; one with another account that comes first is done first."""
    (claim,) = [claim for claim in await journal.claim("w1", 10, NOW) if claim.lease.lane == "u1"]
    command, lease = claim.command, claim.lease
    if command.account != ACCOUNT:
        assert await journal.end_look_up(command, lease)
        following = await journal.next_command(lease, NOW)
        assert following is not None
        command = following
    return command, lease


class TestLooking:
    async def test_what_is_sought_comes_with_its_login_the_longest_due_first(self, journal: Journal) -> None:
        """So nobody starves behind many that are not due, or that cannot be settled."""
        await seek(journal, new("later", secrets={"p": PASSWORD}), NOW + 60 * SECOND)
        await seek(journal, new("other account"), account=OTHER_ACCOUNT)
        await seek(journal, new("other lane", lane="u2"))
        doubtful = await put_in_doubt(journal, new("doubt"))
        moved = step(doubtful, CommandState.IN_DOUBT, expected=IN_DOUBT, sought_at=NOW, account=ACCOUNT, first=2)
        assert await journal.record(moved)
        await journal.release(doubtful.lease, NOW)
        await enter(journal)
        look, _ = await take_look_up(journal)
        sought = await journal.sought(look, 10)
        assert [command.id for command in sought] == ["doubt", "later"]
        assert sought[1].secrets == {"p": PASSWORD}
        assert [command.id for command in await journal.sought(look, 1)] == ["doubt"]

    async def test_results_that_were_laid_aside_are_read_again_by_the_commands_that_they_may_be_of(
        self, journal: Journal
    ) -> None:
        first, second = await put_in_doubt(journal, new("a")), await put_in_doubt(journal, new("b", lane="u2"))
        keys = [first.command.key, second.command.key]
        for key, reason in [(keys[0], "does_not_fit"), (keys[1], "fits_several"), (keys[0], "repeated"), (None, "x")]:
            await journal.keep_stray("u1", key, reason, b"{}", NOW)
        assert [(each.command_key, each.reason) for each in await journal.laid_aside(keys, 10)] == [
            (keys[0], "does_not_fit"),
            (keys[1], "fits_several"),
        ]
        assert [each.body for each in await journal.laid_aside(keys[:1], 10)] == [b"{}"]
        assert len(await journal.laid_aside(keys, 1)) == 1

    async def test_addresses_of_a_lanes_last_results_are_known_again(self, journal: Journal) -> None:
        for number in range(3):
            claim = await begin(journal, new(f"c{number}", fingerprint=f"f{number}"))
            await submit(journal, claim)
            done = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=1)
            data = {"invoiceUrl": f"http://pdf.example/{number}", "invoice": {"remark": f"SO-{number}"}}
            body = json.dumps({"data": data}).encode()
            await journal.record(replace(done, events=tuple(replace(each, body=body) for each in done.events)))
            await journal.release(claim.lease, NOW)
        assert told_of(await journal.last_results("u1", 2)) == [
            ("f1", "http://pdf.example/1", {"remark": "SO-1"}),
            ("f2", "http://pdf.example/2", {"remark": "SO-2"}),
        ]
        assert told_of(await journal.last_results("u2", 2)) == []

    async def test_an_old_order_that_is_completed_late_is_among_a_lanes_last_results(self, journal: Journal) -> None:
        """Its key is old; what settled it came last, and is what the gateway repeats."""
        old = await put_in_doubt(journal, new("old", fingerprint="old"))
        await journal.release(old.lease, NOW)
        for number in range(3):
            claim = await begin(journal, new(f"c{number}", fingerprint=f"f{number}"))
            await submit(journal, claim)
            done = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=1, at=NOW + SECOND)
            body = json.dumps({"data": {"invoiceUrl": f"http://pdf.example/{number}"}}).encode()
            await journal.record(replace(done, events=tuple(replace(each, body=body) for each in done.events)))
            await journal.release(claim.lease, NOW)
        late = settlement(
            await look_up(journal, old.command.id), CommandState.COMPLETED, "completed", expected=UNSETTLED
        )
        body = json.dumps({"data": {"invoiceUrl": "http://pdf.example/old"}}).encode()
        events = tuple(replace(each, body=body) for each in late.events)
        assert await journal.settle(replace(late, at=NOW + 2 * SECOND, events=events))

        assert told_of(await journal.last_results("u1", 2)) == [
            ("f2", "http://pdf.example/2", None),
            ("old", "http://pdf.example/old", None),
        ]

    async def test_what_a_look_up_settled_is_known_by_when_it_was_submitted(self, journal: Journal) -> None:
        """Its own result may still come, on whatever worker has the lane by then."""
        said: list[dict[str, Any]] = [{"reconciled": True, "invoice": {}}, {"reconciled": False}, {}]
        for number, data in enumerate(said):
            claim = await begin(journal, new(f"c{number}", fingerprint=f"f{number}"))
            await submit(journal, claim)
            done = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=1)
            body = json.dumps({"data": {"invoiceUrl": None, **data}}).encode()
            await journal.record(replace(done, events=tuple(replace(each, body=body) for each in done.events)))
            await journal.release(claim.lease, NOW)
        results = await journal.last_results("u1", 50)
        submitted = [(await look_up(journal, f"c{number}")) for number in range(3)]
        assert [each.command_key for each in results] == [each.key for each in submitted]
        assert [each.awaited_since for each in results] == [submitted[0].submitted_at, None, None]
        assert submitted[0].submitted_at is not None

    async def test_a_follower_has_no_address_of_its_own(self, journal: Journal) -> None:
        """It is told that of the first one's invoice, and a journal of an earlier version has followers whose content
        is another: two orders with one address would say that addresses tell nothing."""
        order = {"order_no": "SO-1", "seller": "s"}
        claim = await begin(journal, new("first", fingerprint="f", **order))
        await submit(journal, claim)
        body = json.dumps({"data": {"invoiceUrl": "http://pdf.example/1"}}).encode()
        done = step(claim, CommandState.COMPLETED, "completed", expected=SUBMITTED, first=1)
        await journal.record(replace(done, events=tuple(replace(each, body=body) for each in done.events)))
        await journal.release(claim.lease, NOW)
        for name in ("same", "other"):
            await admit(journal, new(name, fingerprint=name, **order))
            (following,) = await journal.followers()
            heard = Heard(following.nudges, 1, is_over=True)
            told = settlement(
                following.follower, CommandState.COMPLETED, "completed", expected=FOLLOWING, heard=heard
            )  # fmt: skip
            assert await journal.settle(replace(told, events=tuple(replace(each, body=body) for each in told.events)))

        assert told_of(await journal.last_results("u1", 1)) == [("f", "http://pdf.example/1", None)]
        assert told_of(await journal.last_results("u1", 50)) == [("f", "http://pdf.example/1", None)]

    async def test_a_done_look_up_is_gone_and_another_one_comes_when_it_is_due(
        self, store: Store, journal: Journal
    ) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        claim = await claim_one(journal)
        command = await look_up(journal, "a")
        put_off = settlement(
            command, CommandState.COMPLETED, expected=frozenset({CommandState.COMPLETED}), has_looked=True,
            sought_at=NOW + 60 * SECOND,
        )  # fmt: skip
        assert await journal.settle(put_off)
        assert await journal.end_look_up(claim.command, claim.lease)
        assert await entered(store) == []
        assert await store.rows("SELECT count(*) FROM payload") == [(1,)]
        assert await journal.next_command(claim.lease, NOW) is None
        await journal.release(claim.lease, NOW)
        assert await enter(journal) == 0
        assert await enter(journal, NOW + 60 * SECOND) == 1

    async def test_what_could_not_be_seen_is_put_off(self, store: Store, journal: Journal) -> None:
        for name, at in (("due", NOW), ("soon", NOW + 10 * SECOND), ("late", NOW + 90 * SECOND)):
            await seek(journal, new(name), at)
        await seek(journal, new("other account"), account=OTHER_ACCOUNT)
        await seek(journal, new("other lane", lane="u2"))
        await enter(journal)
        look, lease = await take_look_up(journal)
        assert await journal.end_look_up(look, lease, not_before=NOW + 60 * SECOND)
        rows = await asyncio.gather(*(look_up(journal, name) for name in ("due", "soon", "late")))
        assert [(command.sought_at, command.look_ups) for command in rows] == [
            (NOW + 60 * SECOND, 0), (NOW + 60 * SECOND, 0), (NOW + 90 * SECOND, 0),
        ]  # fmt: skip
        assert (await look_up(journal, "other account")).sought_at == NOW
        assert (await look_up(journal, "other lane")).sought_at == NOW

    async def test_ending_is_fenced_and_then_writes_nothing(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        claim = await claim_one(journal)
        stale = later(claim.lease, -1)
        assert not await journal.end_look_up(claim.command, stale, not_before=NOW + 60 * SECOND)
        await store.expire("w1")
        other = await store.open_with_worker("w2")
        await other.reap("w2", NOW)
        again = await claim_one(other, "w2")
        assert not await journal.end_look_up(claim.command, claim.lease, not_before=NOW + 60 * SECOND)
        assert await entered(store) == [("u1", ACCOUNT)]
        assert (await look_up(journal, "a")).sought_at == NOW
        assert await other.end_look_up(again.command, again.lease)
        assert not await other.end_look_up(again.command, again.lease)

    async def test_no_command_but_a_look_up_is_forgotten_that_way(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        assert not await journal.end_look_up(claim.command, claim.lease)
        assert await state_of(journal, "a") is CommandState.RUNNING

    async def test_what_a_look_up_brought_stays_and_strays_are_kept(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        claim = await claim_one(journal)
        moved = step(claim, CommandState.RUNNING, progress=b"1", findings=bringing(found("n1")))
        assert await journal.record(moved)
        await journal.keep_stray("u1", claim.command.key, "fits_nothing", b"{}", NOW)
        assert await journal.end_look_up(claim.command, claim.lease)
        assert await store.rows("SELECT identity FROM invoice") == [("n1",)]
        assert await store.rows("SELECT command_key, reason FROM stray") == [(None, "fits_nothing")]


class TestNobodyHearsOfThem:
    @pytest.mark.parametrize("runs", [False, True])
    async def test_neither_lists_nor_counts_show_one(self, store: Store, journal: Journal, *, runs: bool) -> None:
        await seek(journal, new("a", received_at=NOW))
        await enter(journal)
        if runs:
            await claim_one(journal)
        ((identifier,),) = await store.rows("SELECT id FROM command WHERE type = 'look_up'")
        assert await journal.find(identifier) == []
        assert await journal.find(identifier, "") == []
        assert [command.id for command in await journal.commands([])] == ["a"]
        assert await journal.commands([CommandState.WAITING, CommandState.RUNNING]) == []
        backlog = await journal.backlog(NOW)
        assert (backlog.waiting, backlog.oldest_waiting_at) == (0, None)
        assert await journal.overdue(NOW + 86_400 * SECOND) == []
        assert await journal.unconfirmed() == []

    async def test_they_do_not_count_against_a_tenants_limit(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        admissions = await journal.admit([new("b"), new("c")], worker="w1", waiting_max=1)
        assert [str(admission) for admission in admissions] == ["accepted", "busy"]

    async def test_a_command_of_the_same_id_is_another_one(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a"))
        await enter(journal)
        ((identifier,),) = await store.rows("SELECT id FROM command WHERE type = 'look_up'")
        await admit(journal, new(identifier, lane="u9"))
        assert [command.source for command in await journal.find(identifier)] == ["erp"]
