"""Claims, leases and fairness, on both stores."""

import asyncio
import random
from datetime import timedelta

import pytest

from tests.conformance.journal_builders import (
    NOW,
    SECOND,
    admit,
    begin,
    claim_one,
    complete,
    ids,
    later,
    look_up,
    new,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import ACTIVE, Admission, Claim, Command, CommandState

SHORT = timedelta(seconds=0.2)


class TestClaims:
    async def test_a_claim_hands_out_the_lane_with_its_command_running(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        assert claim.lease.lane == claim.command.lane == "u1"
        assert claim.lease.worker == "w1"
        assert claim.command.state is CommandState.RUNNING
        assert claim.command.epoch == claim.lease.epoch
        assert claim.command.attempts == 1
        kept = await look_up(journal, "a")
        assert (kept.state, kept.epoch, kept.attempts) == (CommandState.RUNNING, claim.lease.epoch, 1)

    async def test_a_lane_is_handed_out_once(self, journal: Journal) -> None:
        await begin(journal, new("a"))
        assert await journal.claim("w1", 10, NOW) == []
        await admit(journal, new("b"))
        assert await journal.claim("w1", 10, NOW) == []

    async def test_no_more_lanes_than_asked_for(self, journal: Journal) -> None:
        await admit(journal, *(new(f"c{number}", lane=f"u{number}") for number in range(5)))
        assert len(await journal.claim("w1", 3, NOW)) == 3
        assert len(await journal.claim("w1", 3, NOW)) == 2

    async def test_the_epoch_grows_at_every_claim(self, journal: Journal) -> None:
        epochs = []
        for number in range(4):
            await admit(journal, new(f"c{number}"))
            claim = await claim_one(journal)
            epochs.append(claim.lease.epoch)
            await journal.record(step(claim, CommandState.FAILED, "failed"))
            await journal.release(claim.lease, NOW)
        assert epochs == sorted(set(epochs))

    async def test_a_worker_without_a_lease_gets_nothing(self, journal: Journal) -> None:
        await admit(journal, new("a"))
        assert await journal.claim("stranger", 10, NOW) == []

    async def test_a_lane_whose_work_is_gone_gives_no_claim(self, journal: Journal) -> None:
        await admit(journal, new("a"), new("b", lane="u2"))
        command = await look_up(journal, "a")
        waiting = frozenset({CommandState.WAITING})
        assert await journal.settle(settlement(command, CommandState.FAILED, "failed", expected=waiting))
        assert ids(await journal.claim("w1", 10, NOW)) == ["b"]


class TestOrderWithinALane:
    async def test_oldest_first(self, journal: Journal) -> None:
        await admit(journal, new("a"), new("b"), new("c"))
        claim = await claim_one(journal)
        order = [claim.command.id]
        command = claim.command
        while True:
            recorded, following = await journal.record_and_next(
                step(Claim(claim.lease, command), CommandState.FAILED, "failed")
            )
            assert recorded
            if following is None:
                break
            assert following.state is CommandState.RUNNING
            assert following.epoch == claim.lease.epoch
            order.append(following.id)
            command = following
        assert order == ["a", "b", "c"]

    async def test_issue_goes_before_query(self, journal: Journal) -> None:
        await admit(journal, new("q", type="invoice.query"), new("i"))
        assert (await claim_one(journal)).command.id == "i"

    async def test_next_takes_nothing_while_a_command_is_unfinished(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await admit(journal, new("b"))
        assert await journal.next_command(claim.lease, NOW) is None
        assert await state_of(journal, "b") is CommandState.WAITING

    async def test_next_takes_what_came_meanwhile(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        assert await journal.next_command(claim.lease, NOW) is None
        await admit(journal, new("b", secrets={"p": "x"}))
        following = await journal.next_command(claim.lease, NOW)
        assert following is not None
        assert (following.id, following.attempts, following.secrets) == ("b", 1, {"p": "x"})

    async def test_next_needs_the_lease(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        await admit(journal, new("b"))
        assert await journal.next_command(later(claim.lease, 1), NOW) is None
        assert await journal.next_command(later(claim.lease, -1), NOW) is None
        await journal.release(claim.lease, NOW)
        assert await journal.next_command(claim.lease, NOW) is None

    async def test_a_fenced_record_takes_nothing(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await admit(journal, new("b"))
        stale = Claim(later(claim.lease, -1), claim.command)
        assert await journal.record_and_next(step(stale, CommandState.FAILED, "failed")) == (False, None)
        assert await state_of(journal, "b") is CommandState.WAITING

    async def test_a_step_that_does_not_end_the_run_takes_nothing(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await admit(journal, new("b"))
        assert await journal.record_and_next(step(claim, CommandState.SUBMITTING)) == (True, None)


class TestFairness:
    async def test_a_tenant_of_one_lane_waits_one_turn_behind_a_tenant_of_a_thousand(self, journal: Journal) -> None:
        heavy = [new(f"h{number}", source="heavy", lane=f"h{number}") for number in range(1000)]
        await admit(journal, *heavy)
        await admit(journal, new("light", source="light", lane="light"))
        assert "light" in ids(await journal.claim("w1", 2, NOW))

    async def test_tenants_take_turns(self, journal: Journal) -> None:
        for tenant, lanes in (("a", 30), ("b", 30), ("c", 5)):
            batch = [new(f"{tenant}{number}", source=tenant, lane=f"{tenant}{number}") for number in range(lanes)]
            await admit(journal, *batch)
        claimed = [claim.command.source for _ in range(15) for claim in await journal.claim("w1", 1, NOW)]
        assert {tenant: claimed.count(tenant) for tenant in "abc"} == {"a": 5, "b": 5, "c": 5}

    async def test_a_tenant_that_comes_back_again_and_again_does_not_push_ahead(self, journal: Journal) -> None:
        """One lane, ready anew after each command, against a hundred lanes that wait."""
        await admit(journal, *(new(f"h{number}", source="heavy", lane=f"h{number}") for number in range(100)))
        served = []
        await admit(journal, *(new(f"l{number}", source="light", lane="aaa first by name") for number in range(40)))
        for _ in range(40):
            claim = await claim_limited(journal)
            served.append(claim.command.source)
            await journal.record(step(claim, CommandState.FAILED, "failed"))
            await journal.release(claim.lease, NOW)
        assert 18 <= served.count("heavy") <= 22

    async def test_the_lane_served_longest_ago_goes_first(self, journal: Journal) -> None:
        lanes = ["x", "y", "z"]
        await admit(journal, *(new(f"{lane}{number}", lane=lane) for number in range(3) for lane in lanes))
        served = []
        for _ in range(9):
            claim = await claim_limited(journal)
            served.append(claim.lease.lane)
            await journal.record(step(claim, CommandState.FAILED, "failed"))
            await journal.release(claim.lease, NOW)
        assert served == lanes * 3

    async def test_being_idle_earns_no_credit(self, journal: Journal) -> None:
        """A tenant that slept while another was served a hundred times does not get a hundred turns at once."""
        await complete(journal, new("s", source="sleeper", lane="s0"))
        await admit(journal, *(new(f"b{number}", source="busy", lane=f"b{number}") for number in range(120)))
        assert len(await journal.claim("w1", 100, NOW)) == 100
        await admit(journal, *(new(f"s{number}", source="sleeper", lane=f"s{number}") for number in range(100)))
        sources = [claim.command.source for claim in await journal.claim("w1", 20, NOW)]
        assert 9 <= sources.count("busy") <= 11


async def claim_limited(journal: Journal) -> Claim:
    """The one lane whose turn it is."""
    (claim,) = await journal.claim("w1", 1, NOW)
    return claim


class TestOneRunningPerLane:
    @pytest.mark.parametrize("state", sorted(ACTIVE))
    async def test_the_database_itself_refuses_a_second_one(
        self, store: Store, journal: Journal, state: CommandState
    ) -> None:
        await admit(journal, new("a"), new("b"))
        await store.write(f"UPDATE command SET state = '{state}' WHERE id = 'a'")  # noqa: S608
        with pytest.raises(Exception, match=r"(?i)unique"):
            await store.write("UPDATE command SET state = 'running' WHERE id = 'b'")

    async def test_workers_that_claim_at_once_never_share_a_lane(self, store: Store) -> None:
        """Three workers claim, finish, fail, release and admit at random; every lane is in one pair of hands."""
        dice = random.Random(7)
        journals = {name: await store.open_with_worker(name) for name in ("w1", "w2", "w3")}
        batch = [new(f"c{number}", source=f"t{number % 3}", lane=f"u{number % 9}") for number in range(150)]
        held: dict[str, str] = {}
        done: list[str] = []

        async def work(worker: str, journal: Journal) -> None:
            while len(done) < len(batch):
                for claim in await journal.claim(worker, dice.randint(1, 4), NOW):
                    assert held.setdefault(claim.lease.lane, worker) == worker
                    await run(journal, claim)
                await asyncio.sleep(0)

        async def run(journal: Journal, claim: Claim) -> None:
            command: Command | None = claim.command
            ended = 0
            while command is not None:
                await asyncio.sleep(dice.random() / 500)
                moved = step(Claim(claim.lease, command), CommandState.FAILED, "failed")
                done.append(command.id)
                ended += 1
                recorded, following = await journal.record_and_next(moved)
                assert recorded
                if ended == 3 and following is not None:
                    again = Claim(claim.lease, following)
                    assert await journal.record(step(again, CommandState.WAITING))
                    break
                command = following
            del held[claim.lease.lane]
            await journal.release(claim.lease, NOW)

        await admit(journals["w1"], *batch[:50])
        await asyncio.gather(
            *(work(worker, journal) for worker, journal in journals.items()),
            *(admit(journals["w2"], *batch[start : start + 10], worker="w2") for start in range(50, 150, 10)),
        )
        assert sorted(done) == sorted(command.id for command in batch)


class TestReadiness:
    async def test_ready_lanes_are_counted_up_to_a_limit(self, journal: Journal) -> None:
        await admit(journal, *(new(f"c{number}", lane=f"u{number}") for number in range(5)))
        assert await journal.ready_lanes(3) == 3
        assert await journal.ready_lanes(100) == 5
        await journal.claim("w1", 4, NOW)
        assert await journal.ready_lanes(100) == 1

    async def test_a_worker_can_ask_which_lanes_it_holds(self, journal: Journal) -> None:
        await admit(journal, new("a", lane="u1"), new("b", lane="u2"))
        claims = await journal.claim("w1", 10, NOW)
        assert set(await journal.held("w1")) == {claim.lease for claim in claims}
        assert await journal.held("w2") == []
        await journal.release(claims[0].lease, NOW)
        assert list(await journal.held("w1")) == [claims[1].lease]

    async def test_work_for_a_held_lane_makes_it_wanted_until_its_holder_looks(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await admit(journal, new("own"))
        assert await journal.wanted("w1") == [], "its holder brought it, and tells its lane itself"
        await admit(journal, new("b"), worker="w2")
        assert await journal.wanted("w1") == ["u1"]
        assert await journal.wanted("w2") == []
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        assert await journal.wanted("w1") == ["u1"]
        assert await journal.next_command(claim.lease, NOW) is not None
        assert await journal.wanted("w1") == []

    async def test_a_repeat_of_what_waits_makes_a_held_lane_wanted(self, journal: Journal) -> None:
        """The answer to the first may have been lost to the lane's holder, and then it has told nobody."""
        claim = await begin(journal, new("a"))
        await admit(journal, new("own"))
        assert await admit(journal, new("a"), worker="w2") == [Admission.REPEATED]
        assert await journal.wanted("w1") == [], "it does not wait"
        assert await admit(journal, new("own"), worker="w2") == [Admission.REPEATED]
        assert await journal.wanted("w1") == ["u1"]
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        command = await journal.next_command(claim.lease, NOW)
        assert command is not None
        assert await journal.record(step(Claim(claim.lease, command), CommandState.SUBMITTING))
        assert await admit(journal, new("own"), worker="w2") == [Admission.REPEATED]
        assert await journal.wanted("w1") == []

    async def test_release_makes_a_lane_with_work_ready(self, journal: Journal) -> None:
        await admit(journal, new("a"), new("b"))
        claim = await claim_one(journal)
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        await journal.release(claim.lease, NOW)
        assert (await claim_one(journal)).command.id == "b"

    async def test_release_of_a_lane_without_work_makes_it_idle(self, journal: Journal) -> None:
        await complete(journal, new("a"))
        assert await journal.ready_lanes(10) == 0
        await admit(journal, new("b"))
        assert await journal.ready_lanes(10) == 1

    async def test_release_under_an_old_epoch_changes_nothing(self, journal: Journal) -> None:
        await admit(journal, new("a"), new("b"))
        claim = await claim_one(journal)
        await journal.record(step(claim, CommandState.FAILED, "failed"))
        await journal.release(later(claim.lease, -1), NOW)
        assert await journal.ready_lanes(10) == 0
        assert await journal.next_command(claim.lease, NOW) is not None

    @pytest.mark.parametrize("state", [CommandState.RUNNING, CommandState.SUBMITTING, CommandState.SCANNING])
    async def test_a_lane_released_in_the_middle_is_handed_on_as_it_stands(
        self, journal: Journal, state: CommandState
    ) -> None:
        claim = await begin(journal, new("a"))
        await admit(journal, new("b"))
        if state is not CommandState.RUNNING:
            await submit(journal, claim)
        if state is CommandState.SCANNING:
            submitting = frozenset({CommandState.SUBMITTING})
            await journal.record(step(claim, CommandState.SCANNING, "qr_required", expected=submitting))
        await journal.release(claim.lease, NOW)

        again = await claim_one(journal)
        assert (again.command.id, again.command.state, again.command.attempts) == ("a", state, 1)
        assert again.command.epoch == again.lease.epoch == claim.lease.epoch + 1

    async def test_a_delayed_head_delays_its_lane_and_no_other(self, journal: Journal) -> None:
        await admit(journal, new("a"), new("b"))
        claim = await claim_one(journal)
        due = NOW + 10 * SECOND
        assert await journal.record(step(claim, CommandState.WAITING, due_at=due))
        assert await journal.next_command(claim.lease, NOW) is None
        await journal.release(claim.lease, NOW)
        await admit(journal, new("other", lane="u2"))
        assert ids(await journal.claim("w1", 10, NOW)) == ["other"]

        assert await journal.reap("w1", due - SECOND) == 0
        assert await journal.claim("w1", 10, due - SECOND) == []
        assert await journal.reap("w1", due) == 1
        again = await claim_one(journal, now=due)
        assert (again.command.id, again.command.attempts) == ("a", 2)

    async def test_a_newcomer_behind_the_delayed_head_waits_with_it(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.record(step(claim, CommandState.WAITING, due_at=NOW + 10 * SECOND))
        await journal.release(claim.lease, NOW)
        await admit(journal, new("b"))
        assert await journal.ready_lanes(10) == 0

    async def test_a_newcomer_before_the_delayed_head_runs_at_once(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        await journal.record(step(claim, CommandState.WAITING, due_at=NOW + 10 * SECOND))
        await journal.release(claim.lease, NOW)
        await admit(journal, new("i"))
        assert (await claim_one(journal)).command.id == "i"

    async def test_the_delay_ends_with_the_command_that_caused_it(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await journal.record(step(claim, CommandState.WAITING, due_at=NOW + 10 * SECOND))
        await journal.release(claim.lease, NOW)
        await admit(journal, new("b"))
        waiting = frozenset({CommandState.WAITING})
        assert await journal.settle(settlement(claim.command, CommandState.FAILED, "failed", expected=waiting))
        assert (await claim_one(journal)).command.id == "b"
