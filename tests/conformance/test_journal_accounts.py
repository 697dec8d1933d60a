"""Refused logins: counted per account and password, those of look-ups apart, and put right by a login that works."""

import asyncio
from datetime import timedelta

import pytest

from tests.conformance.journal_builders import ACCOUNT, NOW, PASSWORD, SECOND, claim_one, login, look_up, new, seek
from tests.conformance.journal_stores import Store
from worker.ports import Journal
from worker.records import AccountLogin, AccountState

POINTER = "/login/password"
LOOK_UP = login(is_look_up=True)
HALF_AN_HOUR = timedelta(minutes=30)


async def refuse(journal: Journal, refused: AccountLogin | None = None, threshold: int = 3) -> AccountState:
    """Count one more refused login."""
    counted = refused or login()
    return await journal.count_login(counted, accepted=False, now=NOW, threshold=threshold, suspend=HALF_AN_HOUR)


class TestCounting:
    async def test_an_account_nobody_knows_has_no_refusals(self, journal: Journal) -> None:
        assert await journal.account(login()) == AccountState()

    async def test_refusals_in_a_row_suspend(self, journal: Journal) -> None:
        states = [await refuse(journal) for _ in range(4)]
        until = NOW + HALF_AN_HOUR
        assert states == [AccountState(1), AccountState(2), AccountState(3, until), AccountState(4, until)]
        assert await journal.account(login()) == AccountState(4, until)
        assert await journal.account(login(account="other")) == AccountState()
        assert (await journal.backlog(NOW)).suspended_accounts == 1
        assert (await journal.backlog(until)).suspended_accounts == 0

    async def test_an_accepted_login_forgets_them(self, journal: Journal) -> None:
        await refuse(journal)
        await refuse(journal)
        accepted = await journal.count_login(login(), accepted=True, now=NOW, threshold=3, suspend=HALF_AN_HOUR)
        assert accepted == AccountState() == await journal.account(login())
        assert await refuse(journal) == AccountState(1)

    async def test_a_threshold_of_one_suspends_at_once(self, journal: Journal) -> None:
        assert await refuse(journal, threshold=1) == AccountState(1, NOW + HALF_AN_HOUR)

    async def test_refusals_at_the_same_time_are_all_counted(self, journal: Journal) -> None:
        await asyncio.gather(*(refuse(journal) for _ in range(8)))
        assert (await journal.account(login())).refusals == 8

    async def test_another_password_is_another_count(self, journal: Journal) -> None:
        await refuse(journal, threshold=1)
        assert await journal.account(login(password="mended")) == AccountState()

    async def test_what_a_look_up_is_refused_counts_apart(self, journal: Journal) -> None:
        await refuse(journal, LOOK_UP, threshold=1)
        assert await journal.account(login()) == AccountState(has_refused_look_ups=True)
        assert await journal.account(login(password="mended")) == AccountState(has_refused_look_ups=True)
        assert await journal.account(login(user_id="u2")) == AccountState()
        assert (await journal.account(LOOK_UP)).suspended_until == NOW + HALF_AN_HOUR

    async def test_no_password_can_be_guessed_at_from_what_is_kept(self, store: Store, journal: Journal) -> None:
        await refuse(journal)
        assert PASSWORD.encode() not in await store.content()
        [(identifier,)] = await store.rows("SELECT id FROM account")
        assert len(identifier) == 64

    async def test_a_password_that_was_tried_once_does_not_stay_for_ever(self, store: Store, journal: Journal) -> None:
        await refuse(journal)
        later = NOW + timedelta(days=8)
        newer = login(password="newer")
        await journal.count_login(newer, accepted=False, now=later, threshold=3, suspend=HALF_AN_HOUR)
        assert [account.refused_at for account in await journal.refused_accounts()] == [later]


class TestRenewal:
    async def test_what_is_sought_takes_the_password_that_works_and_is_sought_at_once(self, journal: Journal) -> None:
        later = NOW + timedelta(hours=1)
        await seek(journal, new("a", secrets={POINTER: "old", "/other": "kept"}), at=later)
        await seek(journal, new("b", secrets={POINTER: "old"}, lane="u2"), at=later)
        await seek(journal, new("c", secrets={POINTER: "old"}), at=later, account="another")
        await seek(journal, new("by name", secrets={}), at=later)
        await refuse(journal, LOOK_UP, threshold=1)

        assert await journal.renew_password(login(password="new"), POINTER, NOW) == 1

        assert [(await look_up(journal, name)).sought_at for name in "abc"] == [NOW, later, later]
        assert await journal.account(login()) == AccountState()
        await journal.enter_look_ups(NOW)
        [claim] = await journal.claim("w1", 10, NOW)
        sought = {command.id: command.secrets for command in await journal.sought(claim.command, 10)}
        assert sought == {"a": {POINTER: "new", "/other": "kept"}, "by name": {}}

    async def test_the_same_password_changes_nothing(self, journal: Journal) -> None:
        await seek(journal, new("a", secrets={POINTER: PASSWORD}), at=NOW + SECOND)
        assert await journal.renew_password(login(), POINTER, NOW) == 0
        assert (await look_up(journal, "a")).sought_at == NOW + SECOND


class TestResuming:
    async def test_they_are_listed_and_let_go(self, journal: Journal) -> None:
        await refuse(journal)
        await refuse(journal, login(password="other", user_id="u2"), threshold=1)
        listed = {account.user_id: account for account in await journal.refused_accounts()}
        assert (listed["u1"].refusals, listed["u1"].suspended_until, listed["u1"].company_code) == (1, None, "9133")
        assert listed["u2"].suspended_until == NOW + HALF_AN_HOUR
        assert len(await journal.refused_accounts(limit=1)) == 1

        assert await journal.resume_accounts([listed["u2"].id], NOW) == 1
        assert [account.user_id for account in await journal.refused_accounts()] == ["u1"]
        assert await journal.resume_accounts([], NOW) == 1
        assert await journal.account(login()) == AccountState()

    async def test_what_look_ups_look_for_is_looked_for_at_once(self, journal: Journal) -> None:
        later = NOW + timedelta(hours=1)
        await seek(journal, new("a"), at=later)
        await seek(journal, new("b", lane="u2"), at=later)
        await refuse(journal, LOOK_UP, threshold=1)
        assert await journal.resume_accounts([], NOW) == 1
        assert (await look_up(journal, "a")).account == ACCOUNT
        assert [(await look_up(journal, name)).sought_at for name in "ab"] == [NOW, later]

    @pytest.mark.parametrize("is_resumed", [True, False])
    async def test_a_look_up_that_ends_for_a_refused_login_puts_off_unless_that_is_refused_no_longer(
        self, journal: Journal, is_resumed: bool
    ) -> None:
        """It was refused, or has read of it, before somebody resumed the account; what it looks for was due then."""
        later = NOW + timedelta(hours=1)
        await seek(journal, new("a"))
        await journal.enter_look_ups(NOW)
        claim = await claim_one(journal)
        await refuse(journal, LOOK_UP, threshold=1)
        if is_resumed:
            await journal.resume_accounts([], NOW)

        assert await journal.end_look_up(claim.command, claim.lease, not_before=later, refused=LOOK_UP)

        assert (await look_up(journal, "a")).sought_at == (NOW if is_resumed else later)

    async def test_whatever_else_nothing_could_be_seen_for_is_put_off(self, journal: Journal) -> None:
        await seek(journal, new("a"))
        await journal.enter_look_ups(NOW)
        claim = await claim_one(journal)
        assert await journal.end_look_up(claim.command, claim.lease, not_before=NOW + SECOND)
        assert (await look_up(journal, "a")).sought_at == NOW + SECOND
