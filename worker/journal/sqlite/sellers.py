"""Sellers that rest, on SQLite: see `LaneJournal`."""

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

from worker.journal.rows import at_or_none, micros
from worker.journal.sqlite.readiness import look_again
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import CommandState, SellerState, Step


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
