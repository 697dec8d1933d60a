"""Look-ups on PostgreSQL: entered where something sought is due, gone when done.

Any number of workers may enter them at once: a lane that another one has locked is left to it.
"""

from collections.abc import Sequence
from datetime import datetime

from worker.journal import walking
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import LANE_SLICE, LOOK_UP_PATIENCE, addresses_of, to_command
from worker.records import Command, LaneLease, Probes, Stray


class PostgresLookUps(PostgresStore):
    """What look-ups ask: see `LaneJournal`."""

    @one_transaction
    async def enter_look_ups(self, statements: Statements, now: datetime, limit: int = 200) -> int:
        """See `LaneJournal.enter_look_ups`."""
        rows = await statements.all("walk_sought", *self._sought.after, walking.MOST, now)
        due = self._sought.take(rows, limit)
        late = await statements.all("look_ups_to_lift", now - LOOK_UP_PATIENCE, now, limit - len(due))
        if not due and not late:
            return 0
        lanes = [lane for lane, _ in due] + [row["lane"] for row in late]
        rows = await statements.all("lock_lanes", lanes)
        locked = {row["lane"] for row in rows}
        pairs = [pair for pair in due if pair[0] in locked]
        entered = await statements.all("enter_look_ups", *columns(pairs, 2), now)
        lifted = await statements.all("lift_look_ups", [row["key"] for row in late if row["lane"] in locked])
        await statements.run("set_wanted", [row["lane"] for row in rows if row["holder"] is not None])
        await statements.run(
            "refresh_lanes", [row["lane"] for row in rows if row["holder"] is None and not row["is_ready"]], now
        )
        return len(entered) + len(lifted)

    @without_transaction
    async def has_earlier(self, statements: Statements, command: Command, now: datetime) -> bool:
        """See `LaneJournal.has_earlier`."""
        return await statements.one("has_earlier", command.lane, command.key, now, now - LANE_SLICE) is not None

    @without_transaction
    async def sought(self, statements: Statements, look_up: Command, limit: int) -> list[Command]:
        """See `LaneJournal.sought`."""
        rows = await statements.all("sought_commands", look_up.lane, look_up.account, limit)
        return [statements.command(row) for row in rows]

    @without_transaction
    async def laid_aside(self, statements: Statements, keys: Sequence[int], limit: int) -> list[Stray]:
        """See `LaneJournal.laid_aside`."""
        rows = await statements.all("strays_of", list(keys), limit)
        return [Stray(row["command_key"], row["reason"], row["body"]) for row in rows]

    async def addresses(self, lane: str, limit: int) -> list[tuple[str, str]]:
        """See `LaneJournal.addresses`."""
        return await self._together(_addresses, (lane, limit))

    async def unsettled(self, lane: str) -> list[Command]:
        """See `LaneJournal.unsettled`."""
        return await self._together(_unsettled, lane)

    @without_transaction
    async def rivals(
        self, statements: Statements, seller: str, since: tuple[datetime, int], limit: int
    ) -> list[Command]:
        """See `LaneJournal.rivals`."""
        return [to_command(row, {}) for row in await statements.all("rival_commands", seller, *since, limit)]

    @without_transaction
    async def rivals_by_clues(
        self, statements: Statements, seller: str, since: tuple[datetime, int], probes: Probes, limit: int
    ) -> list[Command]:
        """See `LaneJournal.rivals_by_clues`."""
        lows, highs, buyers = columns([(each.low, each.high, each.buyer) for each in probes.totals], 3)
        rows = await statements.all(
            "rivals_by_clues", seller, since[0], lows, highs, buyers, list(probes.marks), since[1], limit
        )
        return [to_command(row, {}) for row in rows]

    @without_transaction
    async def bound(self, statements: Statements, numbers: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.bound`."""
        return frozenset(row["invoice_number"] for row in await statements.all("bound_numbers", list(numbers)))

    @without_transaction
    async def end_look_up(
        self, statements: Statements, look_up: Command, lease: LaneLease, *, not_before: datetime | None = None
    ) -> bool:
        """See `LaneJournal.end_look_up`."""
        return await statements.one("end_look_up", look_up.key, lease.epoch, not_before) is not None


async def _addresses(statements: Statements, asked: Sequence[tuple[str, int]]) -> list[list[tuple[str, str]]]:
    most: dict[str, int] = {}
    for lane, limit in asked:
        most[lane] = max(limit, most.get(lane, 0))
    rows = await statements.all("last_results", list(most), list(most.values()))
    return [addresses_of([row for row in rows if row["lane"] == lane][-limit:]) for lane, limit in asked]


async def _unsettled(statements: Statements, lanes: Sequence[str]) -> list[list[Command]]:
    rows = await statements.all("unsettled_commands", list(lanes))
    return [[to_command(row, {}) for row in rows if row["lane"] == lane] for lane in lanes]
