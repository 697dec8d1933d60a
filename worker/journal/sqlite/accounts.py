"""Logins of accounts on SQLite: how often they were refused, and what a login that works puts right."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.journal.rows import (
    RENEWED_AT_ONCE,
    at_or_none,
    forgotten_before,
    found,
    id_of,
    micros,
    renewed,
    to_refused_account,
)
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import AccountLogin, AccountState, RefusedAccount


class SqliteAccounts(SqliteStore):
    """See `LaneJournal`."""

    @one_transaction
    def account(self, statements: Statements, login: AccountLogin) -> AccountState:
        """See `LaneJournal.account`."""
        identifier = id_of(statements.sealer, login)
        row = found(statements.one("read_account", id=identifier, account=login.account, user_id=login.user_id), 0)
        return AccountState(row["refusals"] or 0, at_or_none(row["suspended_until"]), bool(row["has_refused_look_ups"]))

    @one_transaction
    def count_login(  # noqa: PLR0913
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
            statements.run("accept_login", id=identifier)
            return AccountState()
        statements.run("forget_old_refusals", before=micros(forgotten_before(now, suspend)))
        row = statements.one(
            "refuse_login",
            id=identifier,
            account=login.account,
            company_code=login.company_code,
            user_id=login.user_id,
            is_look_up=login.is_look_up,
            now=micros(now),
            threshold=threshold,
            until=micros(now + suspend),
        )
        assert row is not None  # noqa: S101  RETURNING
        return AccountState(row["refusals"], at_or_none(row["suspended_until"]))

    @one_transaction
    def renew_password(self, statements: Statements, login: AccountLogin, pointer: str, now: datetime) -> int:
        """See `LaneJournal.renew_password`."""
        statements.run("accept_look_ups", account=login.account, user_id=login.user_id)
        rows = statements.all("sought_secrets", lane=login.user_id, account=login.account, limit=RENEWED_AT_ONCE)
        count = 0
        for row in rows:
            new = renewed(statements.sealer, row, pointer, login.password)
            if new is not None:
                count += statements.run("renew_secrets", key=row["key"], old=row["secrets"], new=new, now=micros(now))
        return count

    @one_transaction
    def refused_accounts(self, statements: Statements, limit: int = 100) -> list[RefusedAccount]:
        """See `OperatorJournal.refused_accounts`."""
        return [to_refused_account(row) for row in statements.all("refused_accounts", limit=limit)]

    @one_transaction
    def resume_accounts(self, statements: Statements, ids: Sequence[str], now: datetime) -> int:
        """See `OperatorJournal.resume_accounts`."""
        chosen = ids or [row["id"] for row in statements.all("refused_accounts", limit=-1)]
        statements.run_each("hasten_look_ups", [{"id": identifier, "now": micros(now)} for identifier in chosen])
        return statements.run_each("resume_account", [{"id": identifier} for identifier in chosen])
