"""A batch of what lanes ask, in one round trip: steps under a lease, the next commands, lanes given up.

Lanes are locked first, in the order of their names, then commands in the order of their keys, as everywhere. Each step
is checked by itself: its epoch, its state and, for a submission, the lease; a lane's next command is taken only where
its own step was written. The server does all of it as one statement, which needs no transaction around it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.journal.postgres.batches import Answers, Ask
from worker.journal.postgres.statements import Statements, columns
from worker.journal.rows import LANE_PATIENCE, copies_for, frees_order, is_final, nudges_followers
from worker.records import ACTIVE, CommandState, LaneLease, Step

if TYPE_CHECKING:
    from asyncpg import Record

_LANE_COLUMNS = 5
_MOVE_COLUMNS = 14
_EVENT_COLUMNS = 5
_COPY_COLUMNS = 6
_BEHIND_NONE = 0
"""Looks for the lane's next command though no step of the batch ended what ran there."""


async def write(statements: Statements, batch: Sequence[Ask]) -> Answers:
    """Do it all. A step's answer is whether it was written, with the next command where that was wanted."""
    at = max(ask.at for ask in batch)
    steps = [ask.step for ask in batch if ask.step is not None]
    rows = await statements.all(
        "write_batch",
        *columns([_lane(ask) for ask in batch if ask.wants_next or ask.gives_up], _LANE_COLUMNS),
        at,
        at - LANE_PATIENCE,
        *columns(map(_values, steps), _MOVE_COLUMNS),
        *columns(_events(steps), _EVENT_COLUMNS),
        *columns(_copies(steps), _COPY_COLUMNS),
        list(map(frees_order, steps)),
        [step.command.key for step in steps if nudges_followers(step)],
    )
    moved = {row["key"] for row in rows if row["state"] is None}
    commands = {row["lane"]: statements.command(row) for row in rows if row["state"] == CommandState.RUNNING}

    def answer(ask: Ask) -> Any:
        following = commands.get(ask.lease.lane)
        if ask.step is None:
            return following
        is_written = ask.step.command.key in moved
        return (is_written, following) if ask.wants_next else is_written

    return [answer(ask) for ask in batch]


def _lane(ask: Ask) -> tuple[Any, ...]:
    """A lane that is to be locked, and the step behind which its next command is looked for."""
    behind = _BEHIND_NONE if ask.step is None else ask.step.command.key
    looks = ask.wants_next and (ask.step is None or ask.step.to not in ACTIVE)
    return ask.lease.lane, ask.lease.epoch, ask.lease.worker, behind if looks else None, ask.gives_up


def is_held_by(row: "Record | None", lease: LaneLease) -> bool:
    """Whether the lane, whose row was read under a lock, is still this lease's."""
    return row is not None and row["holder"] == lease.worker and row["epoch"] == lease.epoch


async def take_heads(statements: Statements, leases: Sequence[LaneLease], now: datetime) -> "list[Record]":
    """The heads of lanes that these leases hold and where nothing runs, as far as they are due."""
    if not leases:
        return []
    lanes, epochs = [lease.lane for lease in leases], [lease.epoch for lease in leases]
    rows = await statements.all("head_commands", lanes, epochs, now, now - LANE_PATIENCE)
    return [row for row in rows if row["state"] == CommandState.RUNNING]


def _values(step: Step) -> tuple[Any, ...]:
    return (
        step.command.key,
        step.to,
        step.due_at if step.to is CommandState.WAITING else None,
        max((event.sequence for event in step.events), default=0),
        step.at,
        is_final(step.to),
        " ".join(step.expected),
        step.lease.epoch,
        step.lease.lane,
        step.lease.worker,
        step.sought_at,
        step.account,
        step.progress,
        step.deadline_at,
    )


def _events(steps: Iterable[Step]) -> list[tuple[Any, ...]]:
    return [
        (step.command.key, event.sequence, event.id, event.type, event.body) for step in steps for event in step.events
    ]


def _copies(steps: Iterable[Step]) -> list[tuple[Any, ...]]:
    return [
        (step.command.key, event.sequence, event.id, event.type, copy, destination)
        for step in steps
        for event in step.events
        for copy, destination in copies_for(step.command.route)
    ]
