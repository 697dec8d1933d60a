"""What commands that are left to evidence, sought or under way for long carry, on both stores."""

import asyncio
from typing import Any

import pytest

from tests.conformance.journal_builders import (
    ACCOUNT,
    COMPLETED,
    IN_DOUBT,
    NOW,
    PASSWORD,
    SECOND,
    admit,
    begin,
    claim_one,
    look_up,
    new,
    put_in_doubt,
    seek,
    settlement,
    state_of,
    step,
    submit,
)
from tests.conformance.journal_stores import KEY, OTHER_KEY, Store
from worker.errors import ConfigurationError
from worker.ports import Journal
from worker.records import SUBMITTED, UNSETTLED, Claim, Command, CommandState

CHECKING = frozenset({CommandState.CHECKING})
WAITING = frozenset({CommandState.WAITING})


async def put_to_check(journal: Journal, claim: Claim, **changes: Any) -> None:
    """Submitted and refused: the issued invoices are looked through."""
    await submit(journal, claim)
    assert await journal.record(step(claim, CommandState.CHECKING, expected=SUBMITTED, **changes))


class TestProgress:
    async def test_is_handed_on_to_whoever_takes_the_lane(self, store: Store, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        assert claim.command.progress is None
        assert await journal.record(step(claim, CommandState.RUNNING, "page", progress=b'{"page":2}'))
        await store.expire("w1")
        other = await store.open_with_worker("w2")
        await other.reap("w2", NOW)
        again = await claim_one(other, "w2")
        assert (again.command.progress, again.command.state) == (b'{"page":2}', CommandState.RUNNING)

    async def test_stays_until_there_is_a_newer_one(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        await journal.record(step(claim, CommandState.RUNNING, "page", progress=b"1"))
        await journal.record(step(claim, CommandState.WAITING, first=2))
        assert (await look_up(journal, "q")).progress == b"1"
        following = await journal.next_command(claim.lease, NOW)
        assert following is not None
        assert following.progress == b"1"
        await journal.record(step(claim, CommandState.RUNNING, "page", first=2, progress=b"2"))
        assert (await look_up(journal, "q")).progress == b"2"

    async def test_counts_attempts_anew(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        for attempt in (2, 3):
            await journal.record(step(claim, CommandState.WAITING))
            again = await journal.next_command(claim.lease, NOW)
            assert again is not None
            assert again.attempts == attempt
        await journal.record(step(claim, CommandState.RUNNING, "page", progress=b"1"))
        assert (await look_up(journal, "q")).attempts == 1
        await journal.record(step(claim, CommandState.WAITING, first=2))
        again = await journal.next_command(claim.lease, NOW)
        assert again is not None
        assert again.attempts == 2

    @pytest.mark.parametrize("state", [CommandState.CHECKING, CommandState.IN_DOUBT])
    async def test_of_an_issue_that_is_left_to_evidence_leaves_its_attempts(
        self, journal: Journal, state: CommandState
    ) -> None:
        """What it says is how the command ends if nothing is found, and then the attempts are told."""
        claim = await begin(journal, new("a"))
        assert await journal.record(step(claim, CommandState.WAITING))
        assert await journal.next_command(claim.lease, NOW) is not None
        await submit(journal, claim)
        assert await journal.record(step(claim, state, expected=SUBMITTED, progress=b"{}"))
        assert (await look_up(journal, "a")).attempts == 2

    async def test_is_gone_with_the_end(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        await journal.record(step(claim, CommandState.RUNNING, "page", progress=b"1"))
        await journal.record(step(claim, CommandState.COMPLETED, "completed", first=2, progress=b"2"))
        assert (await look_up(journal, "q")).progress is None

    async def test_is_not_written_by_who_is_fenced(self, journal: Journal) -> None:
        claim = await begin(journal, new("q", type="invoice.query"))
        assert not await journal.record(step(claim, CommandState.RUNNING, progress=b"1", expected=SUBMITTED))
        assert (await look_up(journal, "q")).progress is None


async def test_a_step_may_set_a_new_deadline(journal: Journal) -> None:
    claim = await begin(journal, new("q", type="invoice.query", deadline_at=NOW))
    await journal.record(step(claim, CommandState.RUNNING, deadline_at=NOW + SECOND))
    await journal.record(step(claim, CommandState.WAITING))
    assert (await look_up(journal, "q")).deadline_at == NOW + SECOND
    assert await journal.overdue(NOW) == []
    assert [command.id for command in await journal.overdue(NOW + SECOND)] == ["q"]


class TestSought:
    async def test_a_completed_command_that_is_sought_keeps_its_login(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a", secrets={"p": PASSWORD}), NOW + SECOND)
        command = await look_up(journal, "a")
        assert (command.sought_at, command.account, command.look_ups) == (NOW + SECOND, ACCOUNT, 0)
        assert command.secrets == {}
        assert await store.rows("SELECT count(*) FROM command WHERE secrets IS NOT NULL") == [(1,)]
        assert PASSWORD.encode() not in await store.content()

    async def test_and_loses_it_when_nobody_looks_any_more(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a", secrets={"p": PASSWORD}))
        later = NOW + 5 * SECOND
        looked = settlement(
            await look_up(journal, "a"), CommandState.COMPLETED, expected=COMPLETED, has_looked=True, sought_at=later
        )
        assert await journal.settle(looked)
        assert await store.rows("SELECT count(*) FROM command WHERE secrets IS NOT NULL") == [(1,)]
        confirmed = settlement(
            await look_up(journal, "a"), CommandState.COMPLETED, "confirmed", expected=COMPLETED, has_looked=True,
            invoice_number="n1", at=later,
        )  # fmt: skip
        assert await journal.settle(confirmed)
        command = await look_up(journal, "a")
        assert (command.sought_at, command.look_ups, command.invoice_number) == (None, 2, "n1")
        assert (command.settled_at, command.account) == (NOW, ACCOUNT)
        assert await store.rows("SELECT count(*) FROM command WHERE secrets IS NOT NULL") == [(0,)]

    async def test_a_command_that_ends_unsought_keeps_nothing(self, store: Store, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a", secrets={"p": PASSWORD}))
        moved = step(claim, CommandState.FAILED, "failed", expected=IN_DOUBT, first=2)
        assert await journal.record(moved)
        assert await store.rows("SELECT count(*) FROM command WHERE secrets IS NOT NULL") == [(0,)]

    @pytest.mark.parametrize("column", ["sought_at = NULL", "state = 'failed', sought_at = NULL"])
    async def test_the_database_itself_refuses_secrets_of_what_is_over(
        self, store: Store, journal: Journal, column: str
    ) -> None:
        await seek(journal, new("a", secrets={"p": PASSWORD}))
        with pytest.raises(Exception, match=r"(?i)check"):
            await store.write(f"UPDATE command SET {column} WHERE id = 'a'")  # noqa: S608

    async def test_each_step_says_anew_whether_anybody_looks(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        await put_to_check(journal, claim, sought_at=NOW, account=ACCOUNT)
        assert (await look_up(journal, "a")).sought_at == NOW
        await journal.record(step(claim, CommandState.IN_DOUBT, "in_doubt", expected=CHECKING))
        command = await look_up(journal, "a")
        assert (command.sought_at, command.account) == (None, ACCOUNT)

    async def test_keys_of_sought_logins_are_still_asked_for(self, store: Store, journal: Journal) -> None:
        await seek(journal, new("a", secrets={"p": PASSWORD}))
        await store.close()
        with pytest.raises(ConfigurationError, match="lacks"):
            await store.open([OTHER_KEY])
        await store.open([OTHER_KEY, KEY])

    async def test_who_submitted_is_known_from_the_submission_on(self, journal: Journal) -> None:
        claim = await begin(journal, new("a"))
        assert await journal.record(step(claim, CommandState.SUBMITTING, account=ACCOUNT))
        assert (await look_up(journal, "a")).account == ACCOUNT

    async def test_the_backlog_counts_them(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        claim = await put_in_doubt(journal, new("b", lane="u2"))
        sought = step(claim, CommandState.IN_DOUBT, expected=IN_DOUBT, first=2, sought_at=NOW, account=ACCOUNT)
        assert await journal.record(sought)
        backlog = await journal.backlog(NOW)
        assert (backlog.sought, backlog.unconfirmed, backlog.in_doubt) == (2, 0, 1)


class TestUnconfirmed:
    async def test_are_issued_commands_whose_number_no_look_up_found(self, journal: Journal) -> None:
        for name in ("never looked", "looked", "found", "sought", "again"):
            await seek(journal, new(name, lane=name))

        async def look(name: str, **changes: Any) -> None:
            command = await look_up(journal, name)
            moved = settlement(command, CommandState.COMPLETED, expected=COMPLETED, has_looked=True, **changes)
            assert await journal.settle(moved)

        await look("looked")
        await look("again")
        await look("found", invoice_number="n1")
        await look("sought", sought_at=NOW + SECOND)
        assert [command.id for command in await journal.unconfirmed()] == ["again", "looked"]
        assert [command.id for command in await journal.unconfirmed(limit=1)] == ["again"]
        assert (await journal.backlog(NOW)).unconfirmed == 2


class TestChecking:
    async def test_the_lane_goes_on(self, journal: Journal) -> None:
        claim = await begin(journal, new("a", fingerprint="f"))
        await admit(journal, new("b", fingerprint="g"))
        await submit(journal, claim)
        recorded, following = await journal.record_and_next(step(claim, CommandState.CHECKING, expected=SUBMITTED))
        assert recorded
        assert following is not None
        assert following.id == "b"
        assert await state_of(journal, "a") is CommandState.CHECKING

    async def test_a_twin_is_held_until_it_is_settled(self, journal: Journal) -> None:
        claim = await begin(journal, new("a", fingerprint="f"))
        await put_to_check(journal, claim)
        await admit(journal, new("twin", fingerprint="f"))
        assert await journal.next_command(claim.lease, NOW) is None
        assert await state_of(journal, "twin") is CommandState.HELD
        checked = settlement(await look_up(journal, "a"), CommandState.FAILED, "failed", expected=CHECKING)
        assert await journal.settle(checked)
        following = await journal.next_command(claim.lease, NOW)
        assert following is not None
        assert following.id == "twin"

    async def test_at_claim_too(self, journal: Journal) -> None:
        claim = await begin(journal, new("a", fingerprint="f"))
        await put_to_check(journal, claim)
        await admit(journal, new("twin", fingerprint="f"), new("b", fingerprint="g"))
        await journal.release(claim.lease, NOW)
        assert (await claim_one(journal)).command.id == "b"

    async def test_doubt_after_it_frees_nobody(self, journal: Journal) -> None:
        claim = await begin(journal, new("a", fingerprint="f"))
        await put_to_check(journal, claim)
        await admit(journal, new("twin", fingerprint="f"))
        assert await journal.next_command(claim.lease, NOW) is None
        doubted = settlement(await look_up(journal, "a"), CommandState.IN_DOUBT, "in_doubt", expected=CHECKING)
        assert await journal.settle(doubted)
        assert await state_of(journal, "twin") is CommandState.HELD

    async def test_a_step_out_of_it_frees_them(self, journal: Journal) -> None:
        claim = await begin(journal, new("a", fingerprint="f"))
        await put_to_check(journal, claim)
        await admit(journal, new("twin", fingerprint="f"))
        assert await journal.next_command(claim.lease, NOW) is None
        moved = step(claim, CommandState.COMPLETED, "completed", expected=UNSETTLED)
        recorded, following = await journal.record_and_next(moved)
        assert recorded
        assert following is not None
        assert following.id == "twin"

    async def test_late_replies_find_what_is_unsettled(self, journal: Journal) -> None:
        for name in ("doubt", "check", "done", "elsewhere"):
            claim = await begin(journal, new(name, lane="u2" if name == "elsewhere" else "u1", secrets={"p": "x"}))
            await submit(journal, claim)
            to = {"check": CommandState.CHECKING, "done": CommandState.COMPLETED}.get(name, CommandState.IN_DOUBT)
            assert await journal.record(step(claim, to, expected=SUBMITTED))
            await journal.release(claim.lease, NOW)
        unsettled = await journal.unsettled("u1")
        assert [(command.id, command.secrets) for command in unsettled] == [("doubt", {}), ("check", {})]
        assert await journal.unsettled("u3") == []


class TestSettlements:
    async def test_what_an_event_has_overtaken_is_not_settled(self, journal: Journal) -> None:
        """The state alone does not show it: a late reply may have come and gone."""
        claim = await put_in_doubt(journal, new("a"))
        read = await look_up(journal, "a")
        assert await journal.record(step(claim, CommandState.IN_DOUBT, "in_doubt", expected=IN_DOUBT, first=2))
        assert not await journal.settle(settlement(read, CommandState.FAILED, "failed"))
        assert await state_of(journal, "a") is CommandState.IN_DOUBT
        assert await journal.settle(settlement(await look_up(journal, "a"), CommandState.FAILED, "failed"))

    async def test_of_two_verdicts_at_once_one_counts(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        read = await look_up(journal, "a")
        verdicts = [
            settlement(read, CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number=number)
            for number in ("n1", "n2")
        ]
        assert sorted(await asyncio.gather(*map(journal.settle, verdicts))) == [False, True]
        assert len(await journal.events_of(read.key)) == 2

    async def test_a_number_once_bound_is_never_replaced(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        first = settlement(await look_up(journal, "a"), CommandState.COMPLETED, expected=COMPLETED, invoice_number="n1")
        assert await journal.settle(first)
        bound = await look_up(journal, "a")
        other = settlement(bound, CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number="n2")
        assert not await journal.settle(other)
        assert (await look_up(journal, "a")).invoice_number == "n1"
        same = settlement(bound, CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number="n1")
        assert await journal.settle(same)

    async def test_bound_numbers_are_known(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        assert await journal.bound(["n1", "n2"]) == frozenset()
        moved = settlement(await look_up(journal, "a"), CommandState.COMPLETED, expected=COMPLETED, invoice_number="n1")
        assert await journal.settle(moved)
        assert await journal.bound(["n1", "n2"]) == {"n1"}
        assert await journal.bound([]) == frozenset()

    async def test_evidence_wakes_no_lane_that_has_nothing_new_to_do(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        claim = await begin(journal, new("b"))
        moved = settlement(
            await look_up(journal, "a"), CommandState.COMPLETED, "confirmed", expected=COMPLETED, invoice_number="n1"
        )
        assert await journal.settle(moved)
        assert await journal.wanted("w1") == []
        assert await journal.held("w1") == [claim.lease]


class TestCountingLooks:
    async def test_starts_anew_where_a_doubt_is_completed_and_its_number_is_sought(self, journal: Journal) -> None:
        claim = await put_in_doubt(journal, new("a"))
        assert claim.command.look_ups == 0
        looked = settlement(await look_up(journal, "a"), CommandState.IN_DOUBT, has_looked=True, sought_at=NOW)
        assert await journal.settle(looked)
        assert (await look_up(journal, "a")).look_ups == 1
        late = settlement(await look_up(journal, "a"), CommandState.COMPLETED, "completed", sought_at=NOW + SECOND)
        assert await journal.settle(late)
        assert (await look_up(journal, "a")).look_ups == 0

    async def test_goes_on_where_it_was_completed_before(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        for count in (1, 2):
            command = await look_up(journal, "a")
            looked = settlement(
                command, CommandState.COMPLETED, expected=COMPLETED, has_looked=True, sought_at=NOW + SECOND
            )
            assert await journal.settle(looked)
            assert (await look_up(journal, "a")).look_ups == count

    async def test_stays_where_nobody_looks_any_more(self, journal: Journal) -> None:
        await put_in_doubt(journal, new("a"))
        found = settlement(
            await look_up(journal, "a"), CommandState.COMPLETED, "completed", has_looked=True, invoice_number="n1"
        )
        assert await journal.settle(found)
        assert (await look_up(journal, "a")).look_ups == 1


class TestOrders:
    async def test_an_order_is_found_by_its_tenant_alone(self, journal: Journal) -> None:
        await admit(journal, new("a", seller="s", order_no="o", secrets={"p": "x"}))
        await admit(journal, new("b", seller="s", order_no="other"), new("c", seller="t", order_no="o"))
        found = await journal.find_order("erp", "s", "o")
        assert found is not None
        assert (found.id, found.secrets) == ("a", {})
        assert await journal.find_order("shop", "s", "o") is None
        assert await journal.find_order("erp", "s", "nothing") is None

    async def test_where_another_tenant_had_it_first_the_follower_is_found(self, journal: Journal) -> None:
        await admit(journal, new("a", seller="s", order_no="o"))
        await admit(journal, new("b", seller="s", order_no="o", source="shop"))
        await admit(journal, new("c", seller="s", order_no="o", source="shop"))

        async def found(source: str) -> Command | None:
            return await journal.find_order(source, "s", "o")

        assert await found("erp") == await look_up(journal, "a")
        assert await found("shop") == await look_up(journal, "b", "shop")
