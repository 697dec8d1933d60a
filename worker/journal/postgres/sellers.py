"""Sellers that rest, on PostgreSQL: see `LaneJournal`. Whoever ends a rest locks the seller before it frees orders."""

from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg

from worker.journal.postgres.lanes import look_again
from worker.journal.postgres.statements import Statements
from worker.journal.postgres.store import PostgresStore, without_transaction
from worker.records import CommandState, SellerState, Step


class PostgresSellers(PostgresStore):
    """Refused orders, by source and seller."""

    @without_transaction
    async def seller(self, statements: Statements, source: str, seller: str) -> SellerState:
        """See `LaneJournal.seller`."""
        return _state(await statements.one("read_seller", source, seller))

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
    """The lanes before the seller, as a step to `held` does: otherwise the two could wait for each other."""
    for row in await statements.all("lanes_held_for_seller", source, seller):
        await statements.one("lock_lane", row["lane"])
    await statements.run("forget_seller", source, seller)
    freed = await statements.all("free_held_for_seller", source, seller)
    for lane in sorted({row["lane"] for row in freed}):
        await look_again(statements, lane, now)


async def _end_rests(statements: Statements, now: datetime, rest: timedelta, limit: int) -> int:
    tried = 0
    for rested in await statements.all("rested_sellers", now, limit):
        source, seller = rested["source"], rested["seller"]
        first = await statements.one("next_to_try", source, seller)
        if first is None:
            await statements.run("end_rest", source, seller)
            continue
        await statements.run("let_try", source, seller, first["key"], now + rest)
        await statements.one("free_held", first["key"])
        await look_again(statements, first["lane"], now)
        tried += 1
    return tried


def _state(row: asyncpg.Record | None) -> SellerState:
    return SellerState() if row is None else SellerState(row["refusals"], row["resting_until"], row["trier"])
