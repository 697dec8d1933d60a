"""Events on PostgreSQL: written with their copies, many in one statement, in the transaction that makes them true, and
handed to the relay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import Addressed, copies_for, to_outbox_row
from worker.records import Copy, Event, LooseEvent, OutboxRow, Route

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
    """Queue copies, in this order. Of answers none is given twice; one that waits already is queued in its place."""
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


class PostgresOutbox(PostgresStore):
    """See `OutboxJournal`."""

    @without_transaction
    async def due(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due`."""
        rows = await statements.all("due_rows", worker, now, limit)
        if rows and rows[0]["has_gap"]:
            # Where two workers' clocks differ, or one was set back, a stream's times are out of its order.
            return await _heads(statements, worker, now, limit)
        return [to_outbox_row(row) for row in rows]

    @without_transaction
    async def due_heads(self, statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
        """See `OutboxJournal.due_heads`."""
        return await _heads(statements, worker, now, limit)

    @without_transaction
    async def published(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.published`."""
        await statements.run("delete_rows", list(seqs))

    @one_transaction
    async def postpone(self, statements: Statements, delays: Sequence[tuple[int, datetime]]) -> None:
        """See `OutboxJournal.postpone`."""
        values = columns(sorted(delays), 2)
        await statements.run("postpone_rows", *values)
        await statements.run("postpone_streams", *values)

    @without_transaction
    async def undeliverable(self, statements: Statements, seqs: Sequence[int]) -> None:
        """See `OutboxJournal.undeliverable`."""
        await statements.run("set_undeliverable", list(seqs))

    @without_transaction
    async def give_up(self, statements: Statements, worker: str, limit: int) -> int:
        """See `OutboxJournal.give_up`."""
        return len(await statements.all("give_up_rows", worker, limit))


async def _heads(statements: Statements, worker: str, now: datetime, limit: int) -> list[OutboxRow]:
    return [to_outbox_row(row) for row in await statements.all("due_heads", worker, now, limit)]


async def adopt(statements: Statements, worker: str, limit: int) -> int:
    """Take over rows of workers that are no more or gave them up, and of nobody. Returns how many."""
    dead = [row["id"] for row in await statements.all("dead_owners")]
    adopted = len(await statements.all("adopt_rows", worker, dead, limit)) if dead else 0
    return adopted + len(await statements.all("adopt_unowned_rows", worker, max(limit - adopted, 0)))
