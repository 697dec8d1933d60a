"""Logins of accounts on PostgreSQL: how often they were refused, and what a login that works puts right."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import RENEWED_AT_ONCE, forgotten_before, found, id_of, renewed, to_refused_account
from worker.records import AccountLogin, AccountState, RefusedAccount


class PostgresAccounts(PostgresStore):
    """See `LaneJournal`."""

    @without_transaction
    async def account(self, statements: Statements, login: AccountLogin) -> AccountState:
        """See `LaneJournal.account`."""
        identifier = id_of(statements.sealer, login)
        row = found(await statements.one("read_account", identifier, login.account, login.user_id), 0)
        return AccountState(row["refusals"] or 0, row["suspended_until"], row["has_refused_look_ups"])

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
