"""Refusals in a row on SQLite: of an account's logins and of a seller's orders, and what puts an end to them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
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
from worker.journal.sqlite.readiness import look_again
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import AccountLogin, AccountState, CommandState, RefusedAccount, SellerState, Step


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


class SqliteSellers(SqliteStore):
    """Refused orders, by source and seller."""

    @one_transaction
    def seller(self, statements: Statements, source: str, seller: str) -> SellerState:
        """See `LaneJournal.seller`."""
        return _state(statements.one("read_seller", source=source, seller=seller))

    @one_transaction
    def count_refusal(  # noqa: PLR0913
        self, statements: Statements, source: str, seller: str, *, now: datetime, threshold: int, rest: timedelta
    ) -> SellerState:
        """See `LaneJournal.count_refusal`."""
        until = micros(now + rest)
        return _state(statements.one("refuse_order", source=source, seller=seller, threshold=threshold, until=until))

    @one_transaction
    def forget_refusals(self, statements: Statements, source: str, seller: str, now: datetime) -> None:
        """See `LaneJournal.forget_refusals`."""
        statements.run("forget_seller", source=source, seller=seller)
        lanes = [row["lane"] for row in statements.all("lanes_held_for_seller", source=source, seller=seller)]
        statements.run("free_held_for_seller", source=source, seller=seller)
        for lane in lanes:
            look_again(statements, lane, micros(now))

    @one_transaction
    def end_rests(self, statements: Statements, now: datetime, rest: timedelta, limit: int = 20) -> int:
        """See `LaneJournal.end_rests`."""
        tried = 0
        for rested in statements.all("rested_sellers", now=micros(now), limit=limit):
            whose = {"source": rested["source"], "seller": rested["seller"]}
            first = statements.one("next_to_try", **whose)
            if first is None:
                statements.run("end_rest", **whose)
                continue
            statements.run("let_try", **whose, key=first["key"], until=micros(now + rest))
            statements.run("free_held", key=first["key"])
            look_again(statements, first["lane"], micros(now))
            tried += 1
        return tried


def held_if_resting(statements: Statements, step: Step) -> Step:
    """A step to `held` where the seller still rests; otherwise the order waits for its turn at once."""
    command = step.command
    if step.to is not CommandState.HELD:
        return step
    state = _state(statements.one("read_seller", source=command.source, seller=command.seller))
    return step if state.holds(command.key) else replace(step, to=CommandState.WAITING)


def _state(row: sqlite3.Row | None) -> SellerState:
    if row is None:
        return SellerState()
    return SellerState(row["refusals"], at_or_none(row["resting_until"]), row["trier"])
