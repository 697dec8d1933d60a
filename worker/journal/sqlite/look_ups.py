"""Look-ups on SQLite: entered where something sought is due, gone when done."""

import json
from collections.abc import Sequence
from datetime import datetime

from worker.journal import walking
from worker.journal.rows import LANE_SLICE, LOOK_UP_PATIENCE, addresses_of, micros, to_command
from worker.journal.sqlite.readiness import look_again
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import Command, LaneLease, Probes, Stray

_PATIENCE = int(LOOK_UP_PATIENCE.total_seconds() * 1_000_000)


class SqliteLookUps(SqliteStore):
    """What look-ups ask: see `LaneJournal`."""

    @one_transaction
    def enter_look_ups(self, statements: Statements, now: datetime, limit: int = 200) -> int:
        """See `LaneJournal.enter_look_ups`."""
        moment = micros(now)
        lane, account = self._sought.after
        rows = statements.all("walk_sought", lane=lane, account=account, most=walking.MOST, now=moment)
        due = self._sought.take(rows, limit)
        for lane, account in due:
            key = statements.insert("enter_look_up", lane=lane, account=account, now=moment)
            statements.run("insert_payload", key=key, data=b"{}", warnings=b"[]")
            look_again(statements, lane, moment)
        late = statements.all("look_ups_to_lift", cutoff=moment - _PATIENCE, now=moment, limit=limit - len(due))
        for row in late:
            statements.run("lift_look_up", key=row["key"])
            look_again(statements, row["lane"], moment)
        return len(due) + len(late)

    @one_transaction
    def sought(self, statements: Statements, look_up: Command, limit: int) -> list[Command]:
        """See `LaneJournal.sought`."""
        rows = statements.all("sought_commands", lane=look_up.lane, account=look_up.account, limit=limit)
        return [statements.command(row) for row in rows]

    @one_transaction
    def laid_aside(self, statements: Statements, keys: Sequence[int], limit: int) -> list[Stray]:
        """See `LaneJournal.laid_aside`."""
        rows = statements.all("strays_of", keys=json.dumps(list(keys)), limit=limit)
        return [Stray(row["command_key"], row["reason"], row["body"]) for row in rows]

    @one_transaction
    def addresses(self, statements: Statements, lane: str, limit: int) -> list[tuple[str, str]]:
        """See `LaneJournal.addresses`."""
        return addresses_of(statements.all("last_results", lane=lane, limit=limit))

    @one_transaction
    def unsettled(self, statements: Statements, lane: str) -> list[Command]:
        """See `LaneJournal.unsettled`."""
        return [to_command(row, {}) for row in statements.all("unsettled_commands", lane=lane)]

    @one_transaction
    def has_earlier(self, statements: Statements, command: Command, now: datetime) -> bool:
        """See `LaneJournal.has_earlier`."""
        over = micros(now - LANE_SLICE)
        row = statements.one("has_earlier", lane=command.lane, key=command.key, now=micros(now), slice_over=over)
        return row is not None

    @one_transaction
    def rivals(self, statements: Statements, seller: str, since: tuple[datetime, int], limit: int) -> list[Command]:
        """See `LaneJournal.rivals`."""
        moment, after = since
        rows = statements.all("rival_commands", seller=seller, since=micros(moment), after=after, limit=limit)
        return [to_command(row, {}) for row in rows]

    @one_transaction
    def rivals_by_clues(
        self, statements: Statements, seller: str, since: tuple[datetime, int], probes: Probes, limit: int
    ) -> list[Command]:
        """See `LaneJournal.rivals_by_clues`."""
        totals = [(each.low, each.high, each.buyer) for each in probes.totals]
        rows = statements.all(
            "rivals_by_clues",
            seller=seller,
            since=micros(since[0]),
            totals=json.dumps(totals),
            marks=json.dumps(probes.marks),
            after=since[1],
            limit=limit,
        )
        return [to_command(row, {}) for row in rows]

    @one_transaction
    def bound(self, statements: Statements, numbers: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.bound`."""
        rows = statements.all("bound_numbers", numbers=json.dumps(list(numbers)))
        return frozenset(row["invoice_number"] for row in rows)

    @one_transaction
    def end_look_up(
        self, statements: Statements, look_up: Command, lease: LaneLease, *, not_before: datetime | None = None
    ) -> bool:
        """See `LaneJournal.end_look_up`."""
        if statements.one("is_own_look_up", key=look_up.key, epoch=lease.epoch) is None:
            return False
        statements.run("forget_payload", key=look_up.key)
        statements.run("forget_command", key=look_up.key)
        if not_before is not None:
            statements.run("put_off", lane=look_up.lane, account=look_up.account, not_before=micros(not_before))
        return True
