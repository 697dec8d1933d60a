"""What intake asks of the SQLite journal: batches of commands, and answers."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from worker.errors import guarded_by
from worker.journal.rows import (
    LISTENERS_MAX,
    claim_of,
    is_final,
    micros,
    micros_or_none,
    order_of,
    priority,
    to_event,
    with_double_warning,
)
from worker.journal.sqlite.outbox import insert_answers, insert_copies, insert_events
from worker.journal.sqlite.readiness import offer
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
from worker.journal.sqlite.writer import not_storable
from worker.records import Admission, CommandState, Copy, LooseEvent, NewCommand


class SqliteIntake(SqliteStore):
    """See `IntakeJournal`."""

    @guarded_by(not_storable)
    @one_transaction
    def admit(
        self, statements: Statements, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> list[Admission]:
        """See `IntakeJournal.admit`."""
        batch = _Batch(worker, waiting_max)
        return [_admit_one(statements, batch, command) for command in commands]

    @one_transaction
    def double_of(self, statements: Statements, command: NewCommand) -> str | None:
        """See `IntakeJournal.double_of`."""
        return _double_of(statements, command)

    @guarded_by(not_storable)
    @one_transaction
    def answer(self, statements: Statements, events: Sequence[LooseEvent], *, worker: str) -> None:
        """See `IntakeJournal.answer`."""
        insert_answers(statements, events)


@dataclass(slots=True)
class _Batch:
    """What one call of `admit` has seen so far."""

    worker: str
    waiting_max: int | None
    waiting: dict[str, int] = field(default_factory=dict)
    """Tenant to waiting commands, counted up to one above the limit."""
    offered: set[str] = field(default_factory=set)
    """Lanes that need not be looked at again."""


def _admit_one(statements: Statements, batch: _Batch, command: NewCommand) -> Admission:
    if command.state is CommandState.WAITING and _is_busy(statements, batch, command.source):
        same = statements.one("find_same", id=command.id, source=command.source)
        return Admission.BUSY if same is None else _repeat(statements, batch, command, same)
    double = _double_of(statements, command)
    if double is not None:
        same = statements.one("find_same", id=command.id, source=command.source)
        if same is not None:
            return _repeat(statements, batch, command, same)
        if command.rejects_double:
            return Admission.DUPLICATE
        command = replace(command, warnings=with_double_warning(command.warnings, double))
    follows = _first_of_order(statements, command)
    state = CommandState.FOLLOWING if follows is not None else command.state
    key = _insert(statements, command, state, follows)
    if key is None:
        same = statements.one("find_same", id=command.id, source=command.source)
        assert same is not None  # noqa: S101  it is what the insert ran into
        return _repeat(statements, batch, command, same)
    insert_events(statements, key, command, command.events, at=command.received_at)
    if state is CommandState.WAITING:
        batch.waiting[command.source] = batch.waiting.get(command.source, 0) + 1
        _offer_lane(statements, batch, command, command.lane)
    return {
        CommandState.FOLLOWING: Admission.FOLLOWING,
        CommandState.REJECTED: Admission.REJECTED,
    }.get(state, Admission.ACCEPTED if double is None else Admission.SUSPECTED)


def _is_busy(statements: Statements, batch: _Batch, tenant: str) -> bool:
    if batch.waiting_max is None:
        return False
    if tenant not in batch.waiting:
        row = statements.one("count_waiting", source=tenant, limit=batch.waiting_max + 1)
        batch.waiting[tenant] = 0 if row is None else row["waiting"]
    return batch.waiting[tenant] >= batch.waiting_max


def _first_of_order(statements: Statements, command: NewCommand) -> int | None:
    """The key of the command that has this order number already."""
    seller, order_no = order_of(command)
    if order_no is None:
        return None
    row = statements.one(
        "find_order",
        seller=seller,
        order_no=order_no,
        claim=claim_of(command),
        source=command.source,
        is_shared=command.is_order_shared,
    )
    return None if row is None else int(row["key"])


def _double_of(statements: Statements, command: NewCommand) -> str | None:
    """The id of the order that this one cannot be told from, if one came a moment ago."""
    if command.double_since is None or command.fingerprint is None:
        return None
    row = statements.one(
        "find_double",
        fingerprint=command.fingerprint,
        since=micros(command.double_since),
        source=command.source,
        lane=command.lane,
        id=command.id,
    )
    return None if row is None else str(row["id"])


def _insert(statements: Statements, command: NewCommand, state: CommandState, follows: int | None) -> int | None:
    if state is CommandState.WAITING and command.lane is None:
        raise ValueError("a command that waits must name its lane")
    seller, order_no = order_of(command)
    ends_here = is_final(state)
    key = statements.insert(
        "insert_command",
        source=command.source,
        id=command.id,
        type=command.type,
        content_hash=command.content_hash,
        state=state,
        lane=command.lane,
        priority=priority(command.type),
        last_sequence=max((event.sequence for event in command.events), default=0),
        deadline_at=micros_or_none(command.deadline_at),
        received_at=micros(command.received_at),
        settled_at=micros(command.received_at) if ends_here else None,
        reply_to=command.route.reply_to,
        correlation_id=command.route.correlation_id,
        traceparent=command.route.traceparent,
        tracestate=command.route.tracestate,
        seller=seller,
        order_no=order_no,
        follows=follows,
        fingerprint=command.fingerprint,
        secrets=None if ends_here else statements.sealer.seal(command.source, command.id, command.secrets),
        order_claim=None if follows is not None else claim_of(command),
        order_hash=command.order_hash,
        buyer=command.clues.buyer,
        total_cents=command.clues.total,
        expected_cents=command.clues.expected,
        mark=command.clues.mark,
    )
    if key is not None:
        statements.run("insert_payload", key=key, data=command.data, warnings=command.warnings)
        if follows is not None:
            statements.run("insert_follower", key=key, first=follows, claim=claim_of(command))
    return key


def _offer_lane(statements: Statements, batch: _Batch, command: NewCommand, lane: str | None) -> None:
    if lane is None or lane in batch.offered:
        return
    if offer(statements, lane, command.source, micros(command.received_at), batch.worker):
        batch.offered.add(lane)


def _repeat(statements: Statements, batch: _Batch, command: NewCommand, same: sqlite3.Row) -> Admission:
    if same["content_hash"] != command.content_hash:
        return Admission.REUSED
    _offer_lane(statements, batch, command, same["waits_on"])  # nobody may have been told of the first one
    reply_to = command.route.reply_to
    if reply_to is None:
        return Admission.REPEATED
    key, route = same["key"], command.route
    is_new = statements.run(
        "listen",
        key=key,
        reply_to=reply_to,
        correlation_id=route.correlation_id,
        traceparent=route.traceparent,
        tracestate=route.tracestate,
        at=micros(command.received_at),
    )
    statements.run("forget_oldest_listeners", key=key, most=LISTENERS_MAX)
    for event in map(to_event, statements.all("events_for_repeat", key=key, is_new=is_new)):
        second = statements.one("has_second_pending", key=key, destination=reply_to, event_id=event.id, copy=Copy.REPLY)
        if second is None:
            insert_copies(statements, key, command, event, copies=[(Copy.REPLY, reply_to)], at=command.received_at)
    return Admission.REPEATED
