"""Moves of commands on PostgreSQL: steps under a lease, settlements without one, and followers, which listen to the
command that has their number, or take its place.

A step that concerns its command alone goes in a batch with what other lanes ask (`worker.journal.postgres.moves`). One
that brings findings writes them in a transaction of its own; one that may free other commands, or change what its lane
has to do, locks the lane first.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from worker.journal.postgres.batches import Ask
from worker.journal.postgres.invoices import keep
from worker.journal.postgres.lanes import look_again, offer_lanes
from worker.journal.postgres.moves import is_held_by, take_heads
from worker.journal.postgres.refusals import held_if_resting
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_snapshot, without_transaction
from worker.journal.rows import (
    bound_elsewhere,
    changes_lane,
    copies_for,
    forgets_audit,
    found,
    frees_order,
    frees_twins,
    is_final,
    nudges_followers,
    to_event,
)
from worker.records import ACTIVE, Command, CommandState, Following, Heard, LaneLease, Settlement, Step

if TYPE_CHECKING:
    from asyncpg import Record

_NUMBER_INDEX = "one_command_per_invoice"


class PostgresSteps(PostgresStore):
    """Steps, settlements and strays: see `LaneJournal`."""

    async def record(self, step: Step) -> bool:
        """See `LaneJournal.record`."""
        if _stands_alone(step):
            is_written: bool = await self._batches.ask(Ask(step.lease, step.at, step))
            return is_written
        return await self._transact(lambda statements: _record(statements, step))

    async def record_and_next(self, step: Step) -> tuple[bool, Command | None]:
        """See `LaneJournal.record_and_next`."""
        if _stands_alone(step):
            answer: tuple[bool, Command | None] = await self._batches.ask(
                Ask(step.lease, step.at, step, wants_next=True)
            )
            return answer
        return await self._transact(lambda statements: _record_and_next(statements, step))

    async def settle(self, settlement: Settlement) -> bool:
        """See `LaneJournal.settle`."""
        settled = await self._transact(lambda statements: _settle(statements, settlement, self._worker))
        if settled:
            self._hints.send()
        return settled

    @without_transaction
    async def overdue(self, statements: Statements, now: datetime, limit: int = 100) -> list[Command]:
        """See `LaneJournal.overdue`."""
        return [statements.command(row) for row in await statements.all("overdue_commands", now, limit)]

    @without_transaction
    async def keep_stray(  # noqa: PLR0913, PLR0917
        self, statements: Statements, lane: str, command_key: int | None, reason: str, body: bytes, at: datetime
    ) -> None:
        """See `LaneJournal.keep_stray`."""
        await statements.run("insert_stray", lane, command_key, reason, body, at)


class PostgresFollowers(PostgresStore):
    """See `LaneJournal`."""

    @one_snapshot
    async def followers(self, statements: Statements, limit: int = 100) -> list[Following]:
        """See `LaneJournal.followers`."""
        return [await _following(statements, row) for row in await statements.all("nudged_followers", limit)]

    @without_transaction
    async def heed(self, statements: Statements, following: Following, *, is_over: bool) -> None:
        """See `LaneJournal.heed`."""
        await _note_heard(statements, following.follower.key, Heard(following.nudges, following.heard, is_over))

    async def succeed(self, following: Following, now: datetime) -> bool:
        """See `LaneJournal.succeed`."""
        try:
            moved = await self._transact(lambda statements: _succeed(statements, following, now))
        except asyncpg.UniqueViolationError:
            # Another command has just come with this number: the next look finds it.
            return False
        if moved:
            self._hints.send()
        return moved


def _stands_alone(step: Step) -> bool:
    """Whether this step concerns its command only, so that it can go in a batch with those of other lanes."""
    is_plain = step.to_lane is None and not step.goes_last and step.to is not CommandState.HELD
    return is_plain and step.findings is None and not frees_twins(step) and not forgets_audit(step)


async def _record_and_next(statements: Statements, step: Step) -> tuple[bool, Command | None]:
    # The lane before the command, as a claim does, and the seller before both: otherwise two could wait for each other.
    step = await held_if_resting(statements, step)
    row = await statements.one("lock_lane", step.lease.lane)
    if not await _write(statements, step):
        return False, None
    if step.to in ACTIVE or not is_held_by(row, step.lease):
        return True, None
    if row is not None and row["is_wanted"]:
        await statements.run("clear_wanted", [step.lease.lane])
    rows = await take_heads(statements, [step.lease], step.at)
    return True, statements.command(rows[0]) if rows else None


async def _record(statements: Statements, step: Step) -> bool:
    step = await held_if_resting(statements, step)
    if frees_twins(step):
        await statements.one("lock_lane", step.lease.lane)
    return await _write(statements, step)


async def _write(statements: Statements, step: Step) -> bool:
    """Behind the locks on its seller and its lane."""
    if not await _move(statements, step, step.lease, owner=step.lease.worker):
        return False
    await keep(statements, step.command, step.findings, step.at)
    if frees_twins(step):
        await _free_twins(statements, step.command, step.at)
    if step.goes_last:
        await statements.run("put_last", step.command.key)
    if forgets_audit(step):
        await statements.run("forget_audit", step.command.key)
    if step.to_lane is not None:
        due_at, epoch = step.due_at or step.at, step.lease.epoch
        await statements.run("move_to_lane", step.command.key, step.to_lane, step.command.source, due_at, epoch)
    return True


async def _settle(statements: Statements, settlement: Settlement, owner: str | None) -> bool:
    command = settlement.command
    if command.lane is not None and (frees_twins(settlement) or changes_lane(settlement)):
        await statements.one("lock_lane", command.lane)
    try:
        moved = await _move(statements, settlement, None, owner=owner)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != _NUMBER_INDEX:
            raise
        raise bound_elsewhere(settlement) from error
    if not moved:
        return False
    await keep(statements, command, settlement.findings, settlement.at)
    await _listen(statements, settlement)
    if forgets_audit(settlement):
        await statements.run("forget_audit", command.key)
    if frees_twins(settlement):
        await _free_twins(statements, command, settlement.at)
    if changes_lane(settlement):
        await look_again(statements, command.lane, settlement.at)
    return True


async def _move(statements: Statements, move: Step | Settlement, lease: LaneLease | None, *, owner: str | None) -> bool:
    events = [(event.sequence, event.id, event.type, event.body) for event in move.events]
    step = move if isinstance(move, Step) else None
    settlement = move if isinstance(move, Settlement) else None
    row = await statements.one(
        "move_command",
        move.command.key,
        move.to,
        step.due_at if step and step.to is CommandState.WAITING else None,
        max((event.sequence for event in move.events), default=0),
        move.at,
        is_final(move.to),
        settlement.invoice_number if settlement else None,
        list(move.expected),
        None if lease is None else lease.epoch,
        None if lease is None else lease.lane,
        None if lease is None else lease.worker,
        *columns(events, 4),
        *columns(copies_for(move.command.route), 2),
        owner,
        settlement.command.last_sequence if settlement else None,
        move.sought_at,
        step.account if step else None,
        move.progress,
        step.deadline_at if step else None,
        int(settlement.has_looked) if settlement else 0,
        frees_order(move),
    )
    if row is not None and nudges_followers(move):
        await statements.run("nudge_followers", [move.command.key])
    return row is not None


async def _listen(statements: Statements, settlement: Settlement) -> None:
    """A follower that tells of its first is a repeat for good: it needs no password any more."""
    key = settlement.command.key
    if settlement.heard is not None:
        await _note_heard(statements, key, settlement.heard)
        if settlement.to is CommandState.FOLLOWING:
            await statements.run("forget_secrets", key)
    elif CommandState.FOLLOWING in settlement.expected:
        await statements.run("forget_follower", key)


async def _free_twins(statements: Statements, command: Command, now: datetime) -> None:
    if command.lane is None or command.fingerprint is None:
        return
    if await statements.all("free_twins", command.lane, command.fingerprint):
        await look_again(statements, command.lane, now)


async def _note_heard(statements: Statements, key: int, heard: Heard) -> None:
    """What a follower has heard; one whose first is over listens no more."""
    if heard.is_over:
        await statements.run("forget_follower", key)
    else:
        await statements.run("heed_nudges", key, heard.nudges, heard.sequence)


async def _succeed(statements: Statements, following: Following, now: datetime) -> bool:
    follower = following.follower
    holder = await statements.one("find_claim", following.claim)
    if holder is not None:
        # Both in the order of their keys, as a batch does in which both come again: else the two could deadlock.
        await statements.all("lock_commands_in_order", [follower.key, holder["key"]])
        await statements.run("follow_another", follower.key, holder["key"])
        await statements.run("listen_to_another", follower.key, holder["key"])
        return True
    lane = follower.lane
    if lane is None:
        raise ValueError("a command that waits must name its lane")
    # The lane before the command and its number, as an admission of the same number does: else the two could deadlock.
    delayed = await offer_lanes(statements, {lane: follower.source})
    if await statements.one("take_order", follower.key, following.claim) is None:
        return False
    await statements.run("forget_follower", follower.key)
    if delayed:
        await statements.run("refresh_lanes", delayed, now)
    return True


async def _following(statements: Statements, row: "Record") -> Following:
    follower, first = row["key"], row["first_key"]
    return Following(
        follower=statements.command(found(await statements.one("read_command", follower), follower)),
        first=statements.command(found(await statements.one("read_command", first), first)),
        events=tuple(map(to_event, await statements.all("events_since", first, row["heard"]))),
        claim=row["claim"],
        heard=row["heard"],
        nudges=row["nudges"],
    )
