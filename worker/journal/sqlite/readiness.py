"""When a lane is ready, delayed, idle or wanted.

A lane that nobody holds is ready if it has unfinished work or a head that is due, delayed until its head is due, else
idle. The head is the waiting command that goes first: issue before query, oldest first; look-ups go last, or first once
they have waited too long. A lane of one command only is forgotten when it is idle. A ready lane `connects` if its next
work needs a session with the gateway.
"""

from worker.journal.sqlite.statements import Statements
from worker.records import is_own_lane


def offer(statements: Statements, lane: str, tenant: str, now: int, worker: str | None = None) -> bool:
    """A command came to this lane. True if the lane need not be offered again for another command of the same batch: it
    is ready, wanted, or held by this worker, which wakes it itself."""
    row = statements.one("read_lane", lane=lane)
    if row is None:
        statements.run("insert_lane", lane=lane, tenant=tenant, connects=not is_own_lane(lane))
    elif row["holder"] is not None:
        if row["holder"] != worker:
            statements.run("set_wanted", lane=lane)
        return True
    elif row["due_at"] is not None:
        # The newcomer may go before the head that the lane waits for, or behind it.
        return refresh(statements, lane, now)
    elif not row["is_ready"]:
        statements.run("set_ready", lane=lane, tenant=tenant, connects=not is_own_lane(lane))
    return True


def refresh(statements: Statements, lane: str, now: int) -> bool:
    """Let go of a lane, or look again at one that nobody holds. True if it is ready now."""
    unfinished = statements.one("lane_active_tenant", lane=lane)
    head = unfinished or statements.one("lane_head_due", lane=lane)
    if head is None:
        if is_own_lane(lane):
            statements.run("forget_lane", lane=lane)
        else:
            statements.run("set_unready", lane=lane, due_at=None)
        return False
    if unfinished is None and head["due_at"] is not None and head["due_at"] > now:
        statements.run("set_unready", lane=lane, due_at=head["due_at"])
        return False
    needs_none = is_own_lane(lane) or (unfinished is not None and unfinished["is_submitted"])
    statements.run("set_ready", lane=lane, tenant=head["tenant"], connects=not needs_none)
    return True


def look_again(statements: Statements, lane: str | None, now: int) -> None:
    """Something other than a new command changed this lane's work: tell its holder, or refresh it."""
    if lane is None or statements.run("set_wanted", lane=lane):
        return
    row = statements.one("read_lane", lane=lane)
    if row is not None and row["holder"] is None and not row["is_ready"]:
        refresh(statements, lane, now)


def free_twins(statements: Statements, lane: str | None, fingerprint: str | None, now: int) -> None:
    """A command is settled: what could not be told from it may run."""
    if lane is None or fingerprint is None:
        return
    if statements.run("free_twins", lane=lane, fingerprint=fingerprint):
        look_again(statements, lane, now)
