"""Leases and claims on SQLite: who may run what next.

Each function is one operation inside the writer's transaction. `clock` is the machine's monotonic time in
microseconds, by which leases run; `now` is the caller's wall clock, by which work is due.
"""

import sqlite3

from worker.journal.sqlite import look_ups
from worker.journal.sqlite.readiness import refresh
from worker.journal.sqlite.statements import Statements
from worker.records import Claim, Command, LaneLease

TWINS_MAX = 50
"""Commands set to `held` in one look, so that a long row of them does not hold the transaction."""


def begin_anew(statements: Statements, now: int) -> None:
    """This process has the file to itself: whoever held a lane is no more."""
    statements.run("forget_workers")
    for dead in statements.all("dead_holders"):
        _free_lanes(statements, dead["id"], now, limit=-1)


def register(statements: Statements, worker: str, until: int, now: int) -> None:
    """See `LaneJournal.register`. What an earlier worker of this name held is free."""
    _free_lanes(statements, worker, now, limit=-1)
    statements.run("register_worker", worker=worker, until=until)


def renew(statements: Statements, worker: str, until: int, clock: int) -> bool:
    """See `LaneJournal.renew`."""
    return statements.run("renew_worker", worker=worker, until=until, clock=clock) > 0


def retire(statements: Statements, worker: str, now: int) -> None:
    """See `LaneJournal.retire`."""
    statements.run("retire_worker", worker=worker)
    _free_lanes(statements, worker, now, limit=-1)


def reap(statements: Statements, now: int, clock: int, limit: int) -> int:
    """See `LaneJournal.reap`. There is nothing to adopt: no unpublished event has an owner."""
    statements.run("expire_workers", clock=clock)
    moved = 0
    for dead in statements.all("dead_holders"):
        moved += _free_lanes(statements, dead["id"], now, limit - moved)
    for delayed in statements.all("delayed_lanes", now=now, limit=max(limit - moved, 0)):
        refresh(statements, delayed["lane"], now)
        moved += 1
    return moved + look_ups.enter(statements, now, max(limit - moved, 0))


def _free_lanes(statements: Statements, holder: str, now: int, limit: int) -> int:
    lanes = statements.all("held_lanes", holder=holder, limit=limit)
    for row in lanes:
        refresh(statements, row["lane"], now)
    return len(lanes)


def claim(statements: Statements, worker: str, limit: int, now: int, clock: int) -> list[Claim]:
    """See `LaneJournal.claim`. A worker without a running lease gets nothing."""
    claims: list[Claim] = []
    if statements.one("is_alive", worker=worker, clock=clock) is None:
        return claims
    while len(claims) < limit:
        ready = statements.all("pick_lanes", limit=limit - len(claims))
        for row in ready:
            lease = LaneLease(row["lane"], worker, row["epoch"] + 1)
            statements.run("take_lane", lane=lease.lane, worker=worker, epoch=lease.epoch)
            command = _unfinished(statements, lease) or take_next(statements, lease, now)
            if command is None:
                refresh(statements, lease.lane, now)
            else:
                claims.append(Claim(lease, command))
        if not ready:
            break
    return claims


def _unfinished(statements: Statements, lease: LaneLease) -> Command | None:
    """What an earlier holder left, as it stands, now under this lease's epoch."""
    row = statements.one("lane_active", lane=lease.lane)
    if row is None:
        return None
    statements.run("resume_command", key=row["key"], epoch=lease.epoch)
    return statements.command_under(row, lease.epoch)


def take_next(statements: Statements, lease: LaneLease, now: int) -> Command | None:
    """The head of a lane that this lease holds and where nothing runs; None if there is none or it is not due."""
    for _ in range(TWINS_MAX):
        head = statements.one("lane_head", lane=lease.lane)
        if head is None or (head["due_at"] is not None and head["due_at"] > now):
            return None
        if head["has_twin"]:
            statements.run("hold_command", key=head["key"])
            continue
        # Built from what was read: RETURNING would cost more than this second statement.
        statements.run("take_command", key=head["key"], epoch=lease.epoch)
        return statements.command_begun(head, lease.epoch)
    return None


def next_command(statements: Statements, lease: LaneLease, now: int) -> Command | None:
    """See `LaneJournal.next_command`. Nothing while a command of the lane is unfinished."""
    if statements.one("lane_active_tenant", lane=lease.lane) is not None:
        return None
    return look_for_next(statements, lease, now)


def look_for_next(statements: Statements, lease: LaneLease, now: int) -> Command | None:
    """The lane's holder looks for work where nothing runs: whoever wanted it to look has been heard."""
    row = statements.one("look_at_lane", lane=lease.lane)
    if row is None or not _is_held_by(row, lease):
        return None
    if row["is_wanted"]:
        statements.run("clear_wanted", lane=lease.lane)
    return take_next(statements, lease, now) if row["has_waiting"] else None


def release(statements: Statements, lease: LaneLease, now: int) -> None:
    """See `LaneJournal.release`. A lease that is no longer the lane's changes nothing."""
    if _is_held_by(statements.one("read_lane", lane=lease.lane), lease):
        refresh(statements, lease.lane, now)


def _is_held_by(row: sqlite3.Row | None, lease: LaneLease) -> bool:
    return row is not None and row["holder"] == lease.worker and row["epoch"] == lease.epoch


def held(statements: Statements, worker: str) -> list[LaneLease]:
    """See `LaneJournal.held`."""
    return [LaneLease(row["lane"], worker, row["epoch"]) for row in statements.all("leases_of", worker=worker)]


def wanted(statements: Statements, worker: str) -> list[str]:
    """See `LaneJournal.wanted`."""
    return [row["lane"] for row in statements.all("wanted_lanes", worker=worker)]


def ready_lanes(statements: Statements, limit: int) -> int:
    """See `LaneJournal.ready_lanes`."""
    row = statements.one("count_ready_lanes", limit=limit)
    return 0 if row is None else int(row["ready"])
