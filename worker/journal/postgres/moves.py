"""A batch of what lanes ask, in set-based statements: steps under a lease, the next commands, lanes given up.

Lanes are locked first, in the order of their names, then commands in the order of their keys, as everywhere. Each step
is checked by itself: its epoch, its state and, for a submission, the lease; a lane's next command is taken only where
its own step was written. Runs inside one transaction, unless the batch `is_single_statement`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.journal.postgres.batches import Answers, Ask
from worker.journal.postgres.statements import Statements, columns
from worker.journal.rows import LANE_PATIENCE, copies_for, frees_order, is_final, nudges_followers
from worker.records import ACTIVE, Command, CommandState, LaneLease, Step

if TYPE_CHECKING:
    from asyncpg import Record

TWINS_MAX = 50
"""Rounds of setting commands to `held` in one look, so that a long row of them does not hold the transaction."""
_MOVE_COLUMNS = 14
_EVENT_COLUMNS = 5
_COPY_COLUMNS = 6


def is_single_statement(batch: Sequence[Ask]) -> bool:
    """Steps alone are one statement, which needs no transaction around it."""
    return all(ask.step is not None and not ask.wants_next for ask in batch)


async def write(statements: Statements, batch: Sequence[Ask]) -> Answers:
    """Do it all. A step's answer is whether it was written, with the next command where that was wanted."""
    at = max(ask.at for ask in batch)
    lanes = await _lock_lanes(statements, [ask.lease.lane for ask in batch if ask.wants_next or ask.gives_up])
    moved = await _move(statements, [ask.step for ask in batch if ask.step is not None])
    looking = [ask.lease for ask in batch if _may_look(ask, moved) and is_held_by(lanes.get(ask.lease.lane), ask.lease)]
    commands = await _look(statements, lanes, looking, _without_step(batch), at)
    leaving = [ask.lease.lane for ask in batch if ask.gives_up and is_held_by(lanes.get(ask.lease.lane), ask.lease)]
    if leaving:
        await statements.run("refresh_lanes", leaving, at)
    return [_answer(ask, moved, commands) for ask in batch]


def _answer(ask: Ask, moved: Collection[int], commands: Mapping[str, Command]) -> Any:
    following = commands.get(ask.lease.lane)
    if ask.step is None:
        return following
    is_written = ask.step.command.key in moved
    return (is_written, following) if ask.wants_next else is_written


async def _lock_lanes(statements: Statements, lanes: Sequence[str]) -> "Mapping[str, Record]":
    if not lanes:
        return {}
    return {row["lane"]: row for row in await statements.all("lock_lanes_in_order", sorted(lanes))}


def _may_look(ask: Ask, moved: Collection[int]) -> bool:
    if ask.step is None:
        return ask.wants_next
    return ask.wants_next and ask.step.command.key in moved and ask.step.to not in ACTIVE


def _without_step(batch: Sequence[Ask]) -> list[str]:
    return [ask.lease.lane for ask in batch if ask.wants_next and ask.step is None]


async def _look(
    statements: Statements,
    lanes: "Mapping[str, Record]",
    looking: Sequence[LaneLease],
    unsure: Sequence[str],
    at: datetime,
) -> dict[str, Command]:
    """The next commands of lanes that these leases hold. Where no step ended what ran there, it may still run."""
    wanted = [lease.lane for lease in looking if lanes[lease.lane]["is_wanted"]]
    if wanted:
        await statements.run("clear_wanted", wanted)
    busy = {row["lane"] for row in await statements.all("busy_lanes", unsure)} if unsure else frozenset()
    rows = await take_heads(statements, [lease for lease in looking if lease.lane not in busy], at)
    return {row["lane"]: statements.command(row) for row in rows}


def is_held_by(row: "Record | None", lease: LaneLease) -> bool:
    """Whether the lane, whose row was read under a lock, is still this lease's."""
    return row is not None and row["holder"] == lease.worker and row["epoch"] == lease.epoch


async def take_heads(statements: Statements, leases: Sequence[LaneLease], now: datetime) -> "list[Record]":
    """The heads of lanes that these leases hold and where nothing runs, as far as they are due."""
    begun: list[Record] = []
    open_lanes = {lease.lane: lease.epoch for lease in leases}
    for _ in range(TWINS_MAX):
        if not open_lanes:
            break
        rows = await statements.all(
            "take_heads",
            list(open_lanes),
            list(open_lanes.values()),
            now,
            now - LANE_PATIENCE,
            CommandState.WAITING,
        )
        begun += [row for row in rows if row["state"] == CommandState.RUNNING]
        # Where a head was set aside, the one behind it is looked at; everywhere else there is no more to see.
        aside = {row["lane"] for row in rows if row["state"] == CommandState.HELD}
        open_lanes = {lane: epoch for lane, epoch in open_lanes.items() if lane in aside}
    return begun


async def _move(statements: Statements, steps: Sequence[Step]) -> Collection[int]:
    """The keys of commands whose step was written."""
    if not steps:
        return ()
    rows = await statements.all(
        "move_commands",
        *columns(map(_values, steps), _MOVE_COLUMNS),
        *columns(_events(steps), _EVENT_COLUMNS),
        *columns(_copies(steps), _COPY_COLUMNS),
        list({state for step in steps for state in step.expected}),
        list(map(frees_order, steps)),
        [step.command.key for step in steps if nudges_followers(step)],
    )
    return {row["key"] for row in rows}


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
