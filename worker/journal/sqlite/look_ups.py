"""Look-ups on SQLite: entered where something sought is due, gone when done.

Each function is one operation, or a part of one, inside the writer's transaction.
"""

import json
from collections.abc import Sequence

from worker.journal.look_ups import LOOK_UP_PATIENCE
from worker.journal.rows import to_command
from worker.journal.sqlite.readiness import look_again
from worker.journal.sqlite.statements import Statements
from worker.records import Command, LaneLease

_PATIENCE = int(LOOK_UP_PATIENCE.total_seconds() * 1_000_000)


def enter(statements: Statements, now: int, limit: int) -> int:
    """Enter look-ups for what is due, and let those go first that have waited too long. Returns how many."""
    due = statements.all("look_ups_to_enter", now=now, limit=limit)
    for row in due:
        key = statements.insert("enter_look_up", lane=row["lane"], account=row["account"], now=now)
        statements.run("insert_payload", key=key, data=b"{}", warnings=b"[]")
        look_again(statements, row["lane"], now)
    late = statements.all("look_ups_to_lift", cutoff=now - _PATIENCE, now=now, limit=limit - len(due))
    for row in late:
        statements.run("lift_look_up", key=row["key"])
        look_again(statements, row["lane"], now)
    return len(due) + len(late)


def sought(statements: Statements, look_up: Command, limit: int) -> list[Command]:
    """See `LaneJournal.sought`."""
    rows = statements.all("sought_commands", lane=look_up.lane, account=look_up.account, limit=limit)
    return [statements.command(row) for row in rows]


def end(statements: Statements, look_up: Command, lease: LaneLease, not_before: int | None) -> bool:
    """See `LaneJournal.end_look_up`."""
    if statements.one("is_own_look_up", key=look_up.key, epoch=lease.epoch) is None:
        return False
    statements.run("forget_payload", key=look_up.key)
    statements.run("forget_command", key=look_up.key)
    if not_before is not None:
        statements.run("put_off", lane=look_up.lane, account=look_up.account, not_before=not_before)
    return True


def unsettled(statements: Statements, lane: str) -> list[Command]:
    """See `LaneJournal.unsettled`."""
    return [to_command(row, {}) for row in statements.all("unsettled_commands", lane=lane)]


def has_earlier(statements: Statements, command: Command, now: int) -> bool:
    """See `LaneJournal.has_earlier`."""
    return statements.one("has_earlier", lane=command.lane, key=command.key, now=now) is not None


def rivals(statements: Statements, seller: str, since: tuple[int, int], limit: int) -> list[Command]:
    """See `LaneJournal.rivals`."""
    rows = statements.all("rival_commands", seller=seller, since=since[0], after=since[1], limit=limit)
    return [to_command(row, {}) for row in rows]


def bound(statements: Statements, numbers: Sequence[str]) -> frozenset[str]:
    """See `LaneJournal.bound`."""
    rows = statements.all("bound_numbers", numbers=json.dumps(list(numbers)))
    return frozenset(row["invoice_number"] for row in rows)
