"""What the command line and the metrics ask of the PostgreSQL journal. Most of it only reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from worker.journal.postgres.events import copies_of, insert_copies
from worker.journal.postgres.statements import Statements
from worker.journal.rows import found, to_command, to_event, to_event_records, to_undeliverable
from worker.records import Backlog, Command, CommandState, EventRecord, UndeliverableReply

if TYPE_CHECKING:
    from asyncpg import Record

COUNT_MAX = 10_000


async def ping(statements: Statements) -> None:
    """See `OperatorJournal.ping`."""
    await statements.one("ping")


async def used_bytes(statements: Statements) -> int:
    """The size of the database. What was deleted counts until the server has vacuumed it away."""
    return int(found(await statements.one("used_bytes"), 0)["used"])


async def find(statements: Statements, command_id: str, source: str | None) -> list[Command]:
    """See `OperatorJournal.find`."""
    if source is None:
        rows = await statements.all("find_by_id", command_id)
    else:
        rows = await statements.all("find_by_identity", command_id, source)
    return [to_command(row, {}) for row in rows]


async def events_of(statements: Statements, key: int) -> list[EventRecord]:
    """See `OperatorJournal.events_of`."""
    return to_event_records(await statements.all("events_of", key), await statements.all("copies_of", key))


async def commands(statements: Statements, states: Sequence[CommandState], limit: int) -> list[Command]:
    """See `OperatorJournal.commands`."""
    if not states:
        rows = await statements.all("list_commands", limit)
    else:
        rows = [row for state in set(states) for row in await statements.all("list_in_state", state, limit)]
        rows.sort(key=lambda row: int(row["key"]), reverse=True)
    return [to_command(row, {}) for row in rows[:limit]]


async def unconfirmed(statements: Statements, limit: int) -> list[Command]:
    """See `OperatorJournal.unconfirmed`."""
    return [to_command(row, {}) for row in await statements.all("list_unconfirmed", limit)]


async def find_order(statements: Statements, source: str, seller: str, order_no: str) -> Command | None:
    """See `LaneJournal.find_order`."""
    row = await statements.one("find_tenants_order", source, seller, order_no)
    return None if row is None else to_command(row, {})


async def backlog(statements: Statements, now: datetime) -> Backlog:
    """See `OperatorJournal.backlog`."""
    outbox = found(await statements.one("outbox_depth", COUNT_MAX), 0)
    oldest = await statements.one("oldest_waiting")
    return Backlog(
        waiting=_number(await statements.one("count_waiting_all", COUNT_MAX)),
        oldest_waiting_at=None if oldest is None else oldest["received_at"],
        in_doubt=_number(await statements.one("count_in_state", CommandState.IN_DOUBT, COUNT_MAX)),
        held=_number(await statements.one("count_in_state", CommandState.HELD, COUNT_MAX)),
        outbox=outbox["pending"],
        oldest_outbox_at=outbox["oldest_at"],
        undeliverable=outbox["undeliverable"],
        suspended_accounts=_number(await statements.one("count_suspended", now, COUNT_MAX)),
        sought=_number(await statements.one("count_sought", COUNT_MAX)),
        unconfirmed=_number(await statements.one("count_unconfirmed", COUNT_MAX)),
        overdue=_number(await statements.one("count_overdue", now, COUNT_MAX)),
        oldest_submitted_at=_time(await statements.one("oldest_submitted")),
        oldest_in_doubt_at=_time(await statements.one("oldest_in_doubt")),
        needs_person=_number(await statements.one("count_needing_person", COUNT_MAX)),
        outbox_due_at=_time(await statements.one("outbox_due_since", now)),
    )


def _time(row: "Record | None") -> datetime | None:
    return None if row is None else row["at"]


def _number(row: "Record | None") -> int:
    return int(found(row, 0)["number"])


async def replay(statements: Statements, key: int, now: datetime, owner: str | None) -> int:
    """See `OperatorJournal.replay`. A copy that is still to be published is not queued twice."""
    await statements.one("lock_command", key)
    command = to_command(found(await statements.one("read_command", key), key), {})
    pending = {
        (row["sequence"], row["copy"], row["destination"])
        for row in await statements.all("copies_of", key)
        if not row["is_undeliverable"]
    }
    events = [to_event(row) for row in await statements.all("events_of", key)]
    copies = [
        copy
        for copy in copies_of(key, command, events, now)
        if (copy.event.sequence, copy.copy, copy.destination) not in pending
    ]
    await insert_copies(statements, copies, owner)
    return len(copies)


async def undeliverable_replies(statements: Statements, limit: int) -> list[UndeliverableReply]:
    """See `OperatorJournal.undeliverable_replies`."""
    return [to_undeliverable(row) for row in await statements.all("undeliverable_rows", limit)]


async def resend_replies(statements: Statements, seqs: Sequence[int], now: datetime, owner: str | None) -> int:
    """See `OperatorJournal.resend_replies`."""
    return len(await statements.all("resend_rows", now, owner, list(seqs) or None))


async def discard_replies(statements: Statements, seqs: Sequence[int]) -> int:
    """See `OperatorJournal.discard_replies`."""
    return len(await statements.all("discard_rows", list(seqs) or None))
