"""Moves of commands on SQLite: steps under a lease, settlements without one, and followers, which listen to the command
that has their number, or take its place."""

import sqlite3
from datetime import datetime

from worker.journal.rows import (
    bound_elsewhere,
    changes_lane,
    forgets_audit,
    found,
    frees_order,
    frees_twins,
    is_final,
    micros,
    micros_or_none,
    nudges_followers,
    to_event,
)
from worker.journal.sqlite.invoices import keep
from worker.journal.sqlite.lanes import look_for_next
from worker.journal.sqlite.outbox import insert_events
from worker.journal.sqlite.readiness import free_twins, look_again, offer
from worker.journal.sqlite.refusals import held_if_resting
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.records import ACTIVE, Command, CommandState, Following, Heard, Settlement, Step


class SqliteSteps(SqliteStore):
    """Steps, settlements and strays: see `LaneJournal`."""

    @one_transaction
    def record(self, statements: Statements, step: Step) -> bool:
        """See `LaneJournal.record`."""
        return _record(statements, step, self._monotonic())

    @one_transaction
    def record_and_next(self, statements: Statements, step: Step) -> tuple[bool, Command | None]:
        """See `LaneJournal.record_and_next`."""
        if not _record(statements, step, self._monotonic()):
            return False, None
        is_over = step.to not in ACTIVE
        return True, look_for_next(statements, step.lease, micros(step.at)) if is_over else None

    @one_transaction
    def settle(self, statements: Statements, settlement: Settlement) -> bool:
        """See `LaneJournal.settle`."""
        command = settlement.command
        _check_number(statements, settlement)
        moved = statements.run(
            "settle_command",
            key=command.key,
            expected=_listed(settlement.expected),
            to=settlement.to,
            last_sequence=max((event.sequence for event in settlement.events), default=0),
            is_final=is_final(settlement.to),
            at=micros(settlement.at),
            known_sequence=command.last_sequence,
            invoice_number=settlement.invoice_number,
            sought_at=micros_or_none(settlement.sought_at),
            has_looked=settlement.has_looked,
            progress=settlement.progress,
            frees_order=frees_order(settlement),
        )
        if not moved:
            return False
        insert_events(statements, command.key, command, settlement.events, at=settlement.at)
        keep(statements, command, settlement.findings, settlement.at)
        _free_twins(statements, settlement)
        _forget_audit(statements, settlement)
        _tell_followers(statements, settlement)
        _listen(statements, settlement)
        if changes_lane(settlement):
            look_again(statements, command.lane, micros(settlement.at))
        return True

    @one_transaction
    def overdue(self, statements: Statements, now: datetime, limit: int = 100) -> list[Command]:
        """See `LaneJournal.overdue`."""
        return [statements.command(row) for row in statements.all("overdue_commands", now=micros(now), limit=limit)]

    @one_transaction
    def keep_stray(  # noqa: PLR0913, PLR0917
        self, statements: Statements, lane: str, command_key: int | None, reason: str, body: bytes, at: datetime
    ) -> None:
        """See `LaneJournal.keep_stray`."""
        statements.run("insert_stray", lane=lane, key=command_key, reason=reason, body=body, at=micros(at))


class SqliteFollowers(SqliteStore):
    """See `LaneJournal`."""

    @one_transaction
    def followers(self, statements: Statements, limit: int = 100) -> list[Following]:
        """See `LaneJournal.followers`."""
        return [_following(statements, row) for row in statements.all("nudged_followers", limit=limit)]

    @one_transaction
    def heed(self, statements: Statements, following: Following, *, is_over: bool) -> None:
        """See `LaneJournal.heed`."""
        _note_heard(statements, following.follower.key, Heard(following.nudges, following.heard, is_over))

    @one_transaction
    def succeed(self, statements: Statements, following: Following, now: datetime) -> bool:
        """See `LaneJournal.succeed`."""
        follower = following.follower
        holder = statements.one("find_claim", claim=following.claim)
        if holder is not None:
            statements.run("follow_another", key=follower.key, first=holder["key"])
            statements.run("listen_to_another", key=follower.key, first=holder["key"])
            return True
        if not statements.run("take_order", key=follower.key, claim=following.claim):
            return False
        statements.run("forget_follower", key=follower.key)
        if follower.lane is not None:
            offer(statements, follower.lane, follower.source, micros(now))
        return True


def _record(statements: Statements, step: Step, clock: int) -> bool:
    step = held_if_resting(statements, step)
    if not _move(statements, step, clock):
        return False
    insert_events(statements, step.command.key, step.command, step.events, at=step.at)
    keep(statements, step.command, step.findings, step.at)
    _free_twins(statements, step)
    if step.goes_last:
        statements.run("put_last", key=step.command.key)
    if step.to_lane is not None:
        _move_to_lane(statements, step, step.to_lane)
    _forget_audit(statements, step)
    _tell_followers(statements, step)
    return True


def _move_to_lane(statements: Statements, step: Step, lane: str) -> None:
    statements.run("move_to_lane", key=step.command.key, lane=lane)
    statements.run(
        "insert_delayed_lane",
        lane=lane,
        tenant=step.command.source,
        due_at=micros(step.due_at or step.at),
        epoch=step.lease.epoch,
    )


def _move(statements: Statements, step: Step, clock: int) -> bool:
    last_sequence = max((event.sequence for event in step.events), default=0)
    if step.to is CommandState.SUBMITTING:
        return (
            statements.run(
                "record_submission",
                key=step.command.key,
                epoch=step.lease.epoch,
                expected=_listed(step.expected),
                last_sequence=last_sequence,
                at=micros(step.at),
                account=step.account,
                deadline_at=micros_or_none(step.deadline_at),
                lane=step.lease.lane,
                worker=step.lease.worker,
                clock=clock,
            )
            > 0
        )
    return (
        statements.run(
            "record_step",
            key=step.command.key,
            lane=step.lease.lane,
            worker=step.lease.worker,
            epoch=step.lease.epoch,
            expected=_listed(step.expected),
            to=step.to,
            due_at=micros_or_none(step.due_at) if step.to is CommandState.WAITING else None,
            last_sequence=last_sequence,
            is_final=is_final(step.to),
            at=micros(step.at),
            progress=step.progress,
            deadline_at=micros_or_none(step.deadline_at),
            sought_at=micros_or_none(step.sought_at),
            account=step.account,
            frees_order=frees_order(step),
        )
        > 0
    )


def _listed(states: frozenset[CommandState]) -> str:
    """Each between blanks, as the statements look for one in it."""
    return f" {' '.join(states)} "


def _free_twins(statements: Statements, move: Step | Settlement) -> None:
    if frees_twins(move):
        free_twins(statements, move.command.lane, move.command.fingerprint, micros(move.at))


def _forget_audit(statements: Statements, move: Step | Settlement) -> None:
    if forgets_audit(move):
        statements.run("forget_audit", key=move.command.key)


def _tell_followers(statements: Statements, move: Step | Settlement) -> None:
    if nudges_followers(move):
        statements.run("nudge_followers", first=move.command.key)


def _listen(statements: Statements, settlement: Settlement) -> None:
    """A follower that tells of its first is a repeat for good: it needs no password any more."""
    key = settlement.command.key
    if settlement.heard is not None:
        _note_heard(statements, key, settlement.heard)
        if settlement.to is CommandState.FOLLOWING:
            statements.run("forget_secrets", key=key)
    elif CommandState.FOLLOWING in settlement.expected:
        statements.run("forget_follower", key=key)


def _check_number(statements: Statements, settlement: Settlement) -> None:
    if settlement.invoice_number is None:
        return
    row = statements.one("number_owner", invoice_number=settlement.invoice_number)
    if row is not None and row["key"] != settlement.command.key:
        raise bound_elsewhere(settlement)


def _note_heard(statements: Statements, key: int, heard: Heard) -> None:
    """What a follower has heard; one whose first is over listens no more."""
    if heard.is_over:
        statements.run("forget_follower", key=key)
    else:
        statements.run("heed_nudges", key=key, nudges=heard.nudges, heard=heard.sequence)


def _following(statements: Statements, row: sqlite3.Row) -> Following:
    follower, first = row["key"], row["first_key"]
    return Following(
        follower=statements.command(found(statements.one("read_command", key=follower), follower)),
        first=statements.command(found(statements.one("read_command", key=first), first)),
        events=tuple(map(to_event, statements.all("events_since", key=first, heard=row["heard"]))),
        claim=row["claim"],
        heard=row["heard"],
        nudges=row["nudges"],
    )
