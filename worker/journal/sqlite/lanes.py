"""Leases and claims on SQLite: who may run what next; and look-ups, entered where something sought is due.

Leases run by the machine's monotonic clock, in microseconds; work is due by the caller's wall clock. A claim costs the
same however many lanes wait; where bounds bind, a few statements for each tenant that waits.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.journal import walking
from worker.journal.rows import (
    LANE_PATIENCE,
    LANE_SLICE,
    LOOK_UP_PATIENCE,
    id_of,
    last_results_of,
    micros,
    to_command,
)
from worker.journal.sqlite.readiness import look_again, refresh
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction, one_unflushed_transaction
from worker.records import AccountLogin, Claim, ClaimBounds, Command, KeptResult, LaneLease, Probes, Stray, is_own_lane


class Picking:
    """The lanes of one claim, a handful at a time."""

    def __init__(self, statements: Statements, limit: int, within: ClaimBounds | None) -> None:
        self._statements = statements
        self._within = within if within is not None and within.bind(limit) else None
        self._connecting = limit if within is None else within.connecting
        self._taken = Counter[str]()

    def next(self, limit: int) -> list[sqlite3.Row]:
        """At most so many ready lanes, in turn; what needs no gateway first where bounds bind. Each counts as taken."""
        if self._within is None:
            return self._statements.all("pick_lanes", limit=limit)
        rows = self._of_kind(self._within, limit, connects=False)
        connecting = self._of_kind(self._within, min(limit - len(rows), self._connecting), connects=True)
        self._connecting -= len(connecting)
        return rows + connecting

    def _of_kind(self, within: ClaimBounds, limit: int, *, connects: bool) -> list[sqlite3.Row]:
        if limit <= 0:
            return []
        offered: list[sqlite3.Row] = []
        for row in self._statements.all("ready_tenants", connects=connects):
            tenant = row["tenant"]
            room = min(limit, within.room_of(tenant) - self._taken[tenant])
            if room > 0:
                offered += self._statements.all("pick_lanes_of", tenant=tenant, connects=connects, limit=room)
        picked = sorted(offered, key=lambda row: (row["turn"], row["lane"]))[:limit]
        self._taken.update(row["tenant"] for row in picked)
        return picked


_PATIENCE = int(LANE_PATIENCE.total_seconds() * 1_000_000)
TWINS_MAX = 50
"""Commands set to `held` in one look, so that a long row of them does not hold the transaction."""


class SqliteLanes(SqliteStore):
    """Who may run what next: see `LaneJournal`."""

    @one_transaction
    def register(self, statements: Statements, worker: str, lease: timedelta) -> None:
        """See `LaneJournal.register`. What an earlier worker of this name held is free."""
        _free_lanes(statements, worker, micros(self._clock.now()), limit=-1)
        statements.run("register_worker", worker=worker, until=self._monotonic(lease))

    @one_transaction
    def renew(self, statements: Statements, worker: str, lease: timedelta) -> bool:
        """See `LaneJournal.renew`."""
        until, clock = self._monotonic(lease), self._monotonic()
        return statements.run("renew_worker", worker=worker, until=until, clock=clock) > 0

    @one_transaction
    def retire(self, statements: Statements, worker: str) -> None:
        """See `LaneJournal.retire`."""
        statements.run("retire_worker", worker=worker)
        _free_lanes(statements, worker, micros(self._clock.now()), limit=-1)

    @one_transaction
    def reap(self, statements: Statements, worker: str, now: datetime, limit: int = 200, *, adopts: bool = True) -> int:
        """See `LaneJournal.reap`. There is nothing to adopt: no unpublished event has an owner."""
        statements.run("expire_workers", clock=self._monotonic())
        moved, moment = 0, micros(now)
        for dead in statements.all("dead_holders"):
            moved += _free_lanes(statements, dead["id"], moment, limit - moved)
        for delayed in statements.all("delayed_lanes", now=moment, limit=max(limit - moved, 0)):
            refresh(statements, delayed["lane"], moment)
            moved += 1
        return moved

    @one_unflushed_transaction
    def claim(
        self, statements: Statements, worker: str, limit: int, now: datetime, *, within: ClaimBounds | None = None
    ) -> list[Claim]:
        """See `LaneJournal.claim`. A worker without a running lease gets nothing."""
        claims: list[Claim] = []
        picking = Picking(statements, limit, within)
        moment = micros(now)
        if statements.one("is_alive", worker=worker, clock=self._monotonic()) is None:
            return claims
        while len(claims) < limit:
            ready = picking.next(limit - len(claims))
            for row in ready:
                lease = LaneLease(row["lane"], worker, row["epoch"] + 1)
                statements.run("take_lane", lane=lease.lane, worker=worker, epoch=lease.epoch)
                command = _unfinished(statements, lease) or _take_next(statements, lease, moment)
                if command is None:
                    refresh(statements, lease.lane, moment)
                else:
                    claims.append(Claim(lease, command, row["tenant"]))
            if not ready:
                break
        return claims

    @one_transaction
    def held(self, statements: Statements, worker: str) -> list[LaneLease]:
        """See `LaneJournal.held`."""
        return [LaneLease(row["lane"], worker, row["epoch"]) for row in statements.all("leases_of", worker=worker)]

    @one_transaction
    def wanted(self, statements: Statements, worker: str) -> list[str]:
        """See `LaneJournal.wanted`."""
        return [row["lane"] for row in statements.all("wanted_lanes", worker=worker)]

    @one_transaction
    def ready_lanes(self, statements: Statements, limit: int, tenant: str | None = None) -> int:
        """See `LaneJournal.ready_lanes`."""
        if tenant is None:
            row = statements.one("count_ready_lanes", limit=limit)
        else:
            row = statements.one("count_ready_lanes_of", tenant=tenant, limit=limit)
        return 0 if row is None else int(row["ready"])

    @one_unflushed_transaction
    def next_command(self, statements: Statements, lease: LaneLease, now: datetime) -> Command | None:
        """See `LaneJournal.next_command`. Nothing while a command of the lane is unfinished."""
        if statements.one("lane_active_tenant", lane=lease.lane) is not None:
            return None
        return look_for_next(statements, lease, micros(now))

    @one_transaction
    def count_break(self, statements: Statements, command: Command, lease: LaneLease) -> int:
        """See `LaneJournal.count_break`."""
        row = statements.one("count_break", key=command.key, lane=lease.lane, worker=lease.worker, epoch=lease.epoch)
        return 0 if row is None else int(row["breaks"])

    @one_transaction
    def release(self, statements: Statements, lease: LaneLease, now: datetime) -> None:
        """See `LaneJournal.release`. A lease that is no longer the lane's changes nothing."""
        if _is_held_by(statements.one("read_lane", lane=lease.lane), lease):
            refresh(statements, lease.lane, micros(now))


def begin_anew(statements: Statements, now: int) -> None:
    """This process has the file to itself: whoever held a lane is no more."""
    statements.run("forget_workers")
    for dead in statements.all("dead_holders"):
        _free_lanes(statements, dead["id"], now, limit=-1)


def _free_lanes(statements: Statements, holder: str, now: int, limit: int) -> int:
    lanes = statements.all("held_lanes", holder=holder, limit=limit)
    for row in lanes:
        refresh(statements, row["lane"], now)
    return len(lanes)


def _unfinished(statements: Statements, lease: LaneLease) -> Command | None:
    """What an earlier holder left, as it stands, now under this lease's epoch."""
    row = statements.one("lane_active", lane=lease.lane)
    if row is None:
        return None
    statements.run("resume_command", key=row["key"], epoch=lease.epoch)
    return statements.command_under(row, lease.epoch)


def _let_before(statements: Statements, lease: LaneLease, head: sqlite3.Row, now: int) -> sqlite3.Row:
    """The head, or the oldest query in its place where the lane has begun nothing but issues for `LANE_PATIENCE`; else
    issues that never end would starve it."""
    if head["priority"] == 0:
        cutoff = now - _PATIENCE
        waiting = statements.one("lane_passed_over", lane=lease.lane, cutoff=cutoff) if head["has_query"] else None
        if waiting is None:
            return head
        statements.run("lift_command", key=waiting["key"])
        head = waiting
    if not is_own_lane(lease.lane):
        statements.run("lane_asks", lane=lease.lane, now=now)
    return head


def _take_next(statements: Statements, lease: LaneLease, now: int, *, may_wait: bool = False) -> Command | None:
    """The head of a lane that this lease holds and where nothing runs; None if there is none or it is not due. Where it
    `may_wait`, its first step begins it."""
    for _ in range(TWINS_MAX):
        head = statements.one("lane_head", lane=lease.lane)
        if head is None or (head["due_at"] is not None and head["due_at"] > now):
            return None
        if may_wait and _needs_no_beginning(head, lease):
            return statements.command_begun(head, lease.epoch)
        may_wait = False
        if head["has_twin"]:
            statements.run("hold_command", key=head["key"])
            continue
        head = _let_before(statements, lease, head, now)
        # Built from what was read: RETURNING would cost more than this second statement.
        statements.run("take_command", key=head["key"], epoch=lease.epoch)
        return statements.command_begun(head, lease.epoch)
    return None


def _needs_no_beginning(head: sqlite3.Row, lease: LaneLease) -> bool:
    """Whether the lane's holder may have it in hand while it still waits: an order that is like no unsettled one, with
    no query behind it. Not what this lease has begun before: put back, it could not be told from what nobody has begun.
    """
    is_plain = head["priority"] == 0 and not head["has_twin"] and not head["has_query"]
    return is_plain and head["epoch"] < lease.epoch


def look_for_next(statements: Statements, lease: LaneLease, now: int) -> Command | None:
    """The lane's holder looks for work where nothing runs: whoever wanted it to look has been heard."""
    row = statements.one("look_at_lane", lane=lease.lane)
    if row is None or not _is_held_by(row, lease):
        return None
    if row["is_wanted"]:
        statements.run("clear_wanted", lane=lease.lane)
    return _take_next(statements, lease, now, may_wait=True) if row["has_waiting"] else None


def _is_held_by(row: sqlite3.Row | None, lease: LaneLease) -> bool:
    return row is not None and row["holder"] == lease.worker and row["epoch"] == lease.epoch


_LOOK_UP_PATIENCE = int(LOOK_UP_PATIENCE.total_seconds() * 1_000_000)


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
        late = statements.all("look_ups_to_lift", cutoff=moment - _LOOK_UP_PATIENCE, now=moment, limit=limit - len(due))
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
    def last_results(self, statements: Statements, lane: str, limit: int) -> list[KeptResult]:
        """See `LaneJournal.last_results`."""
        return last_results_of(statements.all("last_results", lane=lane, limit=limit))

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
        self,
        statements: Statements,
        look_up: Command,
        lease: LaneLease,
        *,
        not_before: datetime | None = None,
        refused: AccountLogin | None = None,
    ) -> bool:
        """See `LaneJournal.end_look_up`."""
        if statements.one("is_own_look_up", key=look_up.key, epoch=lease.epoch) is None:
            return False
        statements.run("forget_payload", key=look_up.key)
        statements.run("forget_command", key=look_up.key)
        is_over = refused is not None and statements.one("is_refused", id=id_of(statements.sealer, refused)) is None
        if not_before is not None and not is_over:
            statements.run("put_off", lane=look_up.lane, account=look_up.account, not_before=micros(not_before))
        return True
