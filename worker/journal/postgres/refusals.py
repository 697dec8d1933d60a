"""Refusals in a row on PostgreSQL: of an account's logins and of a seller's orders, and what puts an end to them.

Whoever ends a seller's rest locks the seller before it frees orders. The seller goes before lanes, as those go before
commands: otherwise a step to `held` and the end of the rest could wait for each other.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg

from worker.journal.postgres.lanes import look_again
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import RENEWED_AT_ONCE, forgotten_before, found, id_of, renewed, to_refused_account
from worker.records import AccountLogin, AccountState, CommandState, RefusedAccount, SellerState, Step


class PostgresAccounts(PostgresStore):
    """See `LaneJournal`."""

    async def account(self, login: AccountLogin) -> AccountState:
        """See `LaneJournal.account`."""
        return await self._together(_accounts, login)

    @one_transaction
    async def count_login(  # noqa: PLR0913
        self,
        statements: Statements,
        login: AccountLogin,
        *,
        accepted: bool,
        now: datetime,
        threshold: int,
        suspend: timedelta,
    ) -> AccountState:
        """See `LaneJournal.count_login`."""
        identifier = id_of(statements.sealer, login)
        if accepted:
            await statements.run("accept_login", identifier)
            return AccountState()
        # The own row first: who counts the same one waits here, with nothing locked that another could wait for.
        row = found(
            await statements.one(
                "refuse_login",
                identifier,
                login.account,
                login.company_code,
                login.user_id,
                login.is_look_up,
                now,
                threshold,
                now + suspend,
            ),
            0,
        )
        await statements.run("forget_old_refusals", forgotten_before(now, suspend))
        return AccountState(row["refusals"], row["suspended_until"])

    async def renew_password(self, login: AccountLogin, pointer: str, now: datetime) -> int:
        """See `LaneJournal.renew_password`."""
        count = await self._transact(lambda statements: _renew(statements, login, pointer, now))
        self._hints.send()
        return count

    @without_transaction
    async def refused_accounts(self, statements: Statements, limit: int = 100) -> list[RefusedAccount]:
        """See `OperatorJournal.refused_accounts`."""
        return [to_refused_account(row) for row in await statements.all("refused_accounts", limit)]

    @one_transaction
    async def resume_accounts(self, statements: Statements, ids: Sequence[str], now: datetime) -> int:
        """See `OperatorJournal.resume_accounts`."""
        rows = await statements.all("forget_refused_accounts", list(ids))
        names = [(row["user_id"], row["account"]) for row in rows if row["is_look_up"]]
        await statements.run("hasten_look_ups", *columns(names, 2), now)
        return len(rows)


async def _accounts(statements: Statements, logins: Sequence[AccountLogin]) -> list[AccountState]:
    asked = [(id_of(statements.sealer, login), login.account, login.user_id) for login in logins]
    rows = await statements.all("read_accounts", *columns(asked, 3))
    return [AccountState(row["refusals"] or 0, row["suspended_until"], row["has_refused_look_ups"]) for row in rows]


async def _sellers(statements: Statements, names: Sequence[tuple[str, str]]) -> list[SellerState]:
    rows = await statements.all("read_sellers", *columns(names, 2))
    return [SellerState() if row["refusals"] is None else _state(row) for row in rows]


async def _renew(statements: Statements, login: AccountLogin, pointer: str, now: datetime) -> int:
    await statements.run("accept_look_ups", login.account, login.user_id)
    rows = await statements.all("sought_secrets", login.user_id, login.account, RENEWED_AT_ONCE)
    count = 0
    for row in rows:
        new = renewed(statements.sealer, row, pointer, login.password)
        if new is not None:
            await statements.run("renew_secrets", row["key"], new, row["secrets"], now)
            count += 1
    return count


class PostgresSellers(PostgresStore):
    """Refused orders, by source and seller."""

    async def seller(self, source: str, seller: str) -> SellerState:
        """See `LaneJournal.seller`."""
        return await self._together(_sellers, (source, seller))

    @without_transaction
    async def count_refusal(  # noqa: PLR0913
        self, statements: Statements, source: str, seller: str, *, now: datetime, threshold: int, rest: timedelta
    ) -> SellerState:
        """See `LaneJournal.count_refusal`."""
        return _state(await statements.one("refuse_order", source, seller, threshold, now + rest))

    async def forget_refusals(self, source: str, seller: str, now: datetime) -> None:
        """See `LaneJournal.forget_refusals`."""
        await self._transact(lambda statements: _forget(statements, source, seller, now))
        self._hints.send()

    async def end_rests(self, now: datetime, rest: timedelta, limit: int = 20) -> int:
        """See `LaneJournal.end_rests`."""
        tried = await self._transact(lambda statements: _end_rests(statements, now, rest, limit))
        if tried:
            self._hints.send()
        return tried


async def held_if_resting(statements: Statements, step: Step) -> Step:
    """A step to `held` where the seller still rests; otherwise the order waits for its turn at once. Inside a
    transaction."""
    command = step.command
    if step.to is not CommandState.HELD:
        return step
    state = _state(await statements.one("lock_seller", command.source, command.seller))
    return step if state.holds(command.key) else replace(step, to=CommandState.WAITING)


async def _forget(statements: Statements, source: str, seller: str, now: datetime) -> None:
    await statements.run("forget_seller", source, seller)
    lanes = [row["lane"] for row in await statements.all("lanes_held_for_seller", source, seller)]
    await statements.all("lock_lanes_in_order", lanes)
    freed = await statements.all("free_held_for_seller", source, seller)
    for lane in sorted({row["lane"] for row in freed}):
        await look_again(statements, lane, now)


async def _end_rests(statements: Statements, now: datetime, rest: timedelta, limit: int) -> int:
    trying: list[tuple[str, str, asyncpg.Record]] = []
    for rested in await statements.all("rested_sellers", now, limit):
        source, seller = rested["source"], rested["seller"]
        first = await statements.one("next_to_try", source, seller)
        if first is None:
            await statements.run("end_rest", source, seller)
        else:
            trying.append((source, seller, first))
    if trying:
        await statements.all("lock_lanes_in_order", [first["lane"] for _, _, first in trying])
    tried = 0
    for source, seller, first in trying:
        if await statements.one("free_held", first["key"]) is None:
            continue  # it ended meanwhile: the next round finds another
        await statements.run("let_try", source, seller, first["key"], now + rest)
        await look_again(statements, first["lane"], now)
        tried += 1
    return tried


def _state(row: asyncpg.Record | None) -> SellerState:
    return SellerState() if row is None else SellerState(row["refusals"], row["resting_until"], row["trier"])
