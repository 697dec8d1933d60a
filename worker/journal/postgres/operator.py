"""What the command line and the metrics ask of the PostgreSQL journal; most of it only reads. And its upkeep:
forgetting by age, and sealing anew what an earlier key sealed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from worker.journal.postgres.outbox import copies_of, insert_copies
from worker.journal.postgres.statements import Statements
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import first_of, found, to_command, to_event, to_event_records, to_on_lane, to_undeliverable
from worker.journal.sealing import reseal_all
from worker.records import (
    EVERY_COMMAND,
    FINAL,
    Backlog,
    Command,
    CommandFilter,
    CommandState,
    EventRecord,
    OnLane,
    Pruned,
    Resealing,
    Space,
    Times,
    UndeliverableReply,
)

if TYPE_CHECKING:
    from asyncpg import Record

COUNT_MAX = 10_000


class PostgresOperator(PostgresStore):
    """See `OperatorJournal`."""

    @without_transaction
    async def ping(self, statements: Statements) -> None:
        """See `OperatorJournal.ping`."""
        await statements.one("ping")

    @without_transaction
    async def times(self, statements: Statements) -> Times:
        """See `OperatorJournal.times`."""
        row = found(await statements.one("times"), 0)
        return Times(row["newest_at"], row["server_at"])

    @without_transaction
    async def space(self, statements: Statements) -> Space:
        """See `SpaceJournal.space`: what was deleted counts until the server has vacuumed it away."""
        return Space(_number(await statements.one("used_bytes")))

    @without_transaction
    async def find(self, statements: Statements, command_id: str, source: str | None = None) -> list[Command]:
        """See `OperatorJournal.find`."""
        if source is None:
            rows = await statements.all("find_by_id", command_id)
        else:
            rows = await statements.all("find_by_identity", command_id, source)
        return _commands(rows)

    @without_transaction
    async def find_order(self, statements: Statements, source: str, seller: str, order_no: str) -> Command | None:
        """See `LaneJournal.find_order`."""
        row = await statements.one("find_tenants_order", source, seller, order_no)
        return None if row is None else to_command(row, {})

    @without_transaction
    async def of_invoice(self, statements: Statements, number: str) -> Command | None:
        """See `OperatorJournal.of_invoice`."""
        row = await statements.one("find_by_invoice", number)
        return None if row is None else to_command(row, {})

    @without_transaction
    async def of_order(
        self, statements: Statements, order_no: str, source: str | None = None, limit: int = 100
    ) -> list[Command]:
        """See `OperatorJournal.of_order`."""
        return _commands(await statements.all("list_of_order", order_no, source, limit))

    @without_transaction
    async def events_of(self, statements: Statements, key: int) -> list[EventRecord]:
        """See `OperatorJournal.events_of`."""
        return to_event_records(await statements.all("events_of", key), await statements.all("copies_of", key))

    @without_transaction
    async def on_lane(self, statements: Statements, key: int) -> OnLane:
        """See `OperatorJournal.on_lane`."""
        return to_on_lane(found(await statements.one("on_lane", key, COUNT_MAX), key))

    @without_transaction
    async def commands(
        self,
        statements: Statements,
        states: Sequence[CommandState],
        limit: int = 100,
        wanted: CommandFilter = EVERY_COMMAND,
    ) -> list[Command]:
        """See `OperatorJournal.commands`."""
        asked = _asked(limit, wanted)
        if not states:
            rows = await statements.all("list_commands", *asked)
        else:
            rows = [row for state in set(states) for row in await statements.all("list_in_state", *asked, state)]
            rows.sort(key=lambda row: int(row["key"]), reverse=True)
        return _commands(rows[:limit])

    @without_transaction
    async def unconfirmed(
        self, statements: Statements, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> list[Command]:
        """See `OperatorJournal.unconfirmed`."""
        return _commands(await statements.all("list_unconfirmed", *_asked(limit, wanted)))

    @without_transaction
    async def broken(
        self, statements: Statements, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> list[Command]:
        """See `OperatorJournal.broken`."""
        return _commands(await statements.all("list_broken", *_asked(limit, wanted)))

    @without_transaction
    async def needing_person(
        self, statements: Statements, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> list[Command]:
        """See `OperatorJournal.needing_person`."""
        return _commands(await statements.all("list_needing_person", *_asked(limit, wanted)))

    @without_transaction
    async def backlog(self, statements: Statements, now: datetime) -> Backlog:
        """See `OperatorJournal.backlog`."""
        outbox = found(await statements.one("outbox_depth", COUNT_MAX), 0)
        oldest = await statements.one("oldest_waiting", CommandState.WAITING)
        return Backlog(
            waiting=_number(await statements.one("count_waiting_all", COUNT_MAX)),
            oldest_waiting_at=None if oldest is None else oldest["received_at"],
            in_doubt=_number(await statements.one("count_in_state", CommandState.IN_DOUBT, COUNT_MAX)),
            held=_number(await statements.one("count_in_state", CommandState.HELD, COUNT_MAX)),
            outbox=outbox["pending"],
            oldest_outbox_at=outbox["oldest_at"],
            undeliverable=outbox["undeliverable"],
            suspended_accounts=_number(await statements.one("count_suspended", now, COUNT_MAX)),
            resting_sellers=_number(await statements.one("count_resting", now, COUNT_MAX)),
            sought=_number(await statements.one("count_sought", COUNT_MAX)),
            unconfirmed=_number(await statements.one("count_unconfirmed", COUNT_MAX)),
            overdue=_number(await statements.one("count_overdue", now, COUNT_MAX)),
            oldest_submitted_at=_time(await statements.one("oldest_submitted")),
            oldest_in_doubt_at=_time(await statements.one("oldest_in_doubt")),
            needs_person=_number(await statements.one("count_needing_person", COUNT_MAX)),
            outbox_due_at=_time(await statements.one("outbox_due_since", now)),
        )

    @without_transaction
    async def undeliverable_replies(self, statements: Statements, limit: int = 100) -> list[UndeliverableReply]:
        """See `OperatorJournal.undeliverable_replies`."""
        return [to_undeliverable(row) for row in await statements.all("undeliverable_rows", limit)]

    async def replay(self, key: int, now: datetime) -> int:
        """See `OperatorJournal.replay`. A copy that is still to be published is not queued twice."""
        queued = await self._transact(lambda statements: _replay(statements, key, now, self._worker))
        self._hints.send()
        return queued

    async def resend_replies(self, seqs: Sequence[int], now: datetime) -> int:
        """See `OperatorJournal.resend_replies`."""
        resent = await self._resend(seqs, now)
        self._hints.send()
        return resent

    @without_transaction
    async def _resend(self, statements: Statements, seqs: Sequence[int], now: datetime) -> int:
        return len(await statements.all("resend_rows", now, self._worker, list(seqs) or None))

    @without_transaction
    async def discard_replies(self, statements: Statements, seqs: Sequence[int]) -> int:
        """See `OperatorJournal.discard_replies`."""
        return len(await statements.all("discard_rows", list(seqs) or None))


def _asked(limit: int, wanted: CommandFilter) -> tuple[int, str | None, str | None, str | None]:
    """What every list of commands is asked with."""
    return limit, wanted.user_id, wanted.lane_apart, wanted.source


def _commands(rows: "Sequence[Record]") -> list[Command]:
    return [to_command(row, {}) for row in rows]


def _time(row: "Record | None") -> datetime | None:
    return None if row is None else row["at"]


def _number(row: "Record | None") -> int:
    return int(found(row, 0)["number"])


async def _replay(statements: Statements, key: int, now: datetime, owner: str | None) -> int:
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


class PostgresUpkeep(PostgresStore):
    """What an operator asks for now and then: see `OperatorJournal`."""

    async def prune(self, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        """See `OperatorJournal.prune`. What another transaction has locked is left for the next time."""
        if dry_run:
            return await self._run(lambda statements: _count(statements, before))
        return await self._transact(lambda statements: _prune(statements, before, limit))

    async def reseal(self) -> Resealing:
        """See `OperatorJournal.reseal`."""
        return await reseal_all(self._sealer, self._reseal_some, self._key_ids)

    @without_transaction
    async def _key_ids(self, statements: Statements) -> list[bytes]:
        return [row["key_id"] for row in await statements.all("sealing_keys")]

    @one_transaction
    async def _reseal_some(
        self, statements: Statements, state: CommandState, after: int, limit: int
    ) -> tuple[int, int | None]:
        """Commands of this state whose key is greater than `after`: how many were sealed anew, and the last one looked
        at (None where there are no more). A command that ended meanwhile is left alone."""
        sealer = statements.sealer
        if state in FINAL:
            rows = await statements.all("stale_secrets_sought", sealer.head, after, limit)
        else:
            rows = await statements.all("stale_secrets", state, sealer.head, after, limit)
        done = 0
        for row in rows:
            sealed = sealer.reseal(row["source"], row["id"], row["secrets"])
            if sealed is None:
                continue  # what cannot be opened stays, and is told
            done += await statements.one("replace_secrets", row["key"], row["secrets"], sealed) is not None
        return done, rows[-1]["key"] if len(rows) == limit else None


async def _count(statements: Statements, before: datetime) -> Pruned:
    """What there is to forget; writes nothing."""
    row = found(await statements.one("count_prunable", before), 0)
    return Pruned(row["commands"], row["payloads"], row["invoices"], row["items"], row["files"], row["strays"])


async def _prune(statements: Statements, before: datetime, limit: int) -> Pruned:
    commands = await _published(statements, first_of(await statements.all("pick_commands", before, limit), limit))
    await statements.run("forget_commands", commands)
    issues = await _published(statements, first_of(await statements.all("pick_issues", before, limit), limit))
    await statements.run("empty_issues", issues)
    invoices = [row["key"] for row in await statements.all("pick_invoices", before, limit)]
    await statements.run("forget_invoices", invoices)
    return Pruned(
        commands=len(commands),
        payloads=len(issues),
        invoices=len(invoices),
        items=len(await statements.all("forget_items", before, limit)),
        files=len(await statements.all("forget_files", before, limit)),
        strays=len(await statements.all("forget_strays", before, limit)),
    )


async def _published(statements: Statements, keys: list[int]) -> list[int]:
    """Those of these commands that have no copy in the outbox. Asked again behind the lock on their rows: a repeat may
    have queued one after `pick_commands` or `pick_issues` had looked."""
    return [row["key"] for row in await statements.all("without_copies", keys)]
