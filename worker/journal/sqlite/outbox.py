"""Events on SQLite: written with their copies in the transaction that makes them true, and handed to the relay."""

import json
from collections.abc import Sequence
from datetime import datetime

from worker.journal.rows import Addressed, copies_for, micros, streams_of, to_outbox_row
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction, one_unflushed_transaction
from worker.records import Copy, Event, LooseEvent, OutboxRow


def insert_events(
    statements: Statements, key: int, command: Addressed, events: Sequence[Event], *, at: datetime
) -> None:
    """Write a command's events and queue the copies that its route asks for."""
    for event in events:
        statements.run(
            "insert_event",
            key=key,
            sequence=event.sequence,
            event_id=event.id,
            event_type=event.type,
            body=event.body,
            at=micros(at),
        )
        insert_copies(statements, key, command, event, copies=copies_for(command.route), at=at)


def insert_copies(  # noqa: PLR0913
    statements: Statements,
    key: int,
    command: Addressed,
    event: Event,
    *,
    copies: Sequence[tuple[Copy, str]],
    at: datetime,
) -> None:
    """Queue copies of an event that is written already; the body stays with the event."""
    route = command.route
    values = {
        "key": key,
        "sequence": event.sequence,
        "command_id": command.id,
        "event_id": event.id,
        "event_type": event.type,
        "correlation_id": route.correlation_id,
        "traceparent": route.traceparent,
        "tracestate": route.tracestate,
        "at": micros(at),
    }
    match copies:
        case [(Copy.TOPIC, _), (Copy.REPLY, reply_to)]:  # nearly always: one statement for both
            statements.run("insert_both_copies", **values, reply_to=reply_to)
        case _:
            statements.run_each(
                "insert_outbox", [{**values, "copy": copy, "destination": where} for copy, where in copies]
            )


def insert_answers(statements: Statements, answers: Sequence[LooseEvent]) -> None:
    """Queue answers that are no command's own event; one that is queued already is queued anew in its place."""
    for answer in answers:
        event, route = answer.event, answer.route
        for copy, destination in copies_for(route):
            statements.run(
                "insert_answer",
                sequence=event.sequence,
                command_id=answer.command_id,
                copy=copy,
                destination=destination,
                event_id=event.id,
                event_type=event.type,
                body=event.body,
                correlation_id=route.correlation_id,
                traceparent=route.traceparent,
                tracestate=route.tracestate,
                at=micros(answer.at),
            )


class SqliteOutbox(SqliteStore):
    """See `OutboxJournal`. Every row is the one process's own."""

    @one_unflushed_transaction
    def due(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due`."""
        rows = [to_outbox_row(row) for row in statements.all("due_rows", now=micros(now), limit=limit)]
        if len(rows) == limit and _has_gap(statements, rows):
            return _heads(statements, now, limit)
        return rows

    @one_unflushed_transaction
    def due_heads(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due_heads`."""
        return _heads(statements, now, limit)

    @one_unflushed_transaction
    def published(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.published`."""
        statements.run_each("delete_row", [{"seq": seq} for seq in seqs])

    @one_transaction
    def postpone(self, statements: Statements, delays: Sequence[tuple[int, datetime]]) -> None:
        """See `OutboxJournal.postpone`."""
        values = [{"seq": seq, "due_at": micros(at)} for seq, at in delays]
        statements.run_each("postpone_row", values)
        statements.run_each("postpone_stream", values)

    @one_transaction
    def undeliverable(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.undeliverable`."""
        statements.run_each("set_undeliverable", [{"seq": seq} for seq in seqs])

    async def give_up(self, worker: str, limit: int) -> int:
        """See `OutboxJournal.give_up`. There is no other worker."""
        return 0


def _heads(statements: Statements, now: datetime, limit: int) -> list[OutboxRow]:
    return [to_outbox_row(row) for row in statements.all("due_heads", now=micros(now), limit=limit)]


def _has_gap(statements: Statements, rows: Sequence[OutboxRow]) -> bool:
    """Whether the limit cut off a row that goes before one of these in its stream. A clock that was set back puts a
    stream's times out of order."""
    row = statements.one("has_gap", streams=json.dumps(streams_of(rows)))
    return row is not None and bool(row["has_gap"])
