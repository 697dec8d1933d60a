"""Writing events and the copies of them that are to be published, in the transaction that makes them true."""

from collections.abc import Sequence
from datetime import datetime

from worker.journal.rows import Addressed, copies_for, micros
from worker.journal.sqlite.statements import Statements
from worker.records import Copy, Event, LooseEvent


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
    """Queue answers that are no command's own event; one that is queued already is left alone."""
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
