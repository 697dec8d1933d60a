"""Writing events and the copies of them that are to be published, many in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.journal.postgres.statements import Statements, columns
from worker.journal.rows import Addressed, copies_for
from worker.records import Copy, Event, LooseEvent, Route

_EVENT_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Queued:
    """A copy to be queued. Without a key it is an answer of its own and brings its body along."""

    key: int | None
    command_id: str
    event: Event
    copy: Copy
    destination: str
    route: Route
    at: datetime


def copies_of(key: int, command: Addressed, events: Sequence[Event], at: datetime) -> list[Queued]:
    """The copies that a command's route asks for."""
    return [
        Queued(key, command.id, event, copy, destination, command.route, at)
        for event in events
        for copy, destination in copies_for(command.route)
    ]


def copies_of_answer(answer: LooseEvent) -> list[Queued]:
    """The copies of an answer that is no command's own event."""
    return [
        Queued(None, answer.command_id, answer.event, copy, destination, answer.route, answer.at)
        for copy, destination in copies_for(answer.route)
    ]


async def insert_events(statements: Statements, rows: Sequence[tuple[int, Event, datetime]]) -> None:
    """Write events of several commands: key, event, time."""
    if rows:
        values = [(key, event.sequence, event.id, event.type, event.body, at) for key, event, at in rows]
        await statements.run("insert_events", *columns(values, _EVENT_COLUMNS))


async def insert_copies(statements: Statements, copies: Sequence[Queued], owner: str | None) -> None:
    """Queue copies, in this order; an answer that is queued already is left alone."""
    if not copies:
        return
    turned = columns([_values(copy) for copy in copies], 0)
    *values, at = turned
    await statements.run("insert_copies", *values, owner, at)


def _values(queued: Queued) -> tuple[Any, ...]:
    event, route = queued.event, queued.route
    return (
        queued.key,
        event.sequence,
        queued.command_id,
        queued.copy,
        queued.destination,
        event.id,
        event.type,
        event.body if queued.key is None else None,
        route.correlation_id,
        route.traceparent,
        route.tracestate,
        queued.at,
    )
