"""What the command line and the metrics ask of the SQLite journal; most of it only reads. And its upkeep: forgetting
by age, and sealing anew what an earlier key sealed.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from worker.journal.rows import (
    at_or_none,
    copies_for,
    first_of,
    found,
    micros,
    to_command,
    to_event,
    to_event_records,
    to_on_lane,
    to_undeliverable,
)
from worker.journal.sealing import Sealer, reseal_all
from worker.journal.sqlite.outbox import insert_copies
from worker.journal.sqlite.statements import Statements
from worker.journal.sqlite.store import SqliteStore, one_transaction
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

COUNT_MAX = 10_000


class SqliteOperator(SqliteStore):
    """See `OperatorJournal`."""

    @one_transaction
    def ping(self, statements: Statements) -> None:
        """See `OperatorJournal.ping`."""
        statements.one("ping")

    @one_transaction
    def times(self, statements: Statements) -> Times:
        """See `OperatorJournal.times`: the clock is this machine's."""
        newest = statements.one("newest_command")
        return Times(None if newest is None else at_or_none(newest["received_at"]))

    @one_transaction
    def space(self, statements: Statements) -> Space:
        """See `SpaceJournal.space`. Pages of the file that were freed are used again, so they are not counted."""
        return Space(_number(statements.one("used_bytes")), shutil.disk_usage(self._path.parent).free)

    @one_transaction
    def find(self, statements: Statements, command_id: str, source: str | None = None) -> list[Command]:
        """See `OperatorJournal.find`."""
        if source is None:
            rows = statements.all("find_by_id", id=command_id)
        else:
            rows = statements.all("find_by_identity", id=command_id, source=source)
        return _commands(rows)

    @one_transaction
    def find_order(self, statements: Statements, source: str, seller: str, order_no: str) -> Command | None:
        """See `LaneJournal.find_order`."""
        row = statements.one("find_tenants_order", source=source, seller=seller, order_no=order_no)
        return None if row is None else to_command(row, {})

    @one_transaction
    def of_invoice(self, statements: Statements, number: str) -> Command | None:
        """See `OperatorJournal.of_invoice`."""
        row = statements.one("find_by_invoice", number=number)
        return None if row is None else to_command(row, {})

    @one_transaction
    def of_order(
        self, statements: Statements, order_no: str, source: str | None = None, limit: int = 100
    ) -> list[Command]:
        """See `OperatorJournal.of_order`."""
        return _commands(statements.all("list_of_order", order_no=order_no, source=source, limit=limit))

    @one_transaction
    def events_of(self, statements: Statements, key: int) -> list[EventRecord]:
        """See `OperatorJournal.events_of`."""
        return to_event_records(statements.all("events_of", key=key), statements.all("copies_of", key=key))

    @one_transaction
    def on_lane(self, statements: Statements, key: int) -> OnLane:
        """See `OperatorJournal.on_lane`."""
        return to_on_lane(found(statements.one("on_lane", key=key, limit=COUNT_MAX, clock=self._monotonic()), key))

    @one_transaction
    def commands(
        self,
        statements: Statements,
        states: Sequence[CommandState],
        limit: int = 100,
        wanted: CommandFilter = EVERY_COMMAND,
    ) -> list[Command]:
        """See `OperatorJournal.commands`."""
        asked = _asked(limit, wanted)
        if not states:
            rows = statements.all("list_commands", **asked)
        else:
            rows = [row for state in set(states) for row in statements.all("list_in_state", state=state, **asked)]
            rows.sort(key=lambda row: int(row["key"]), reverse=True)
        return _commands(rows[:limit])

    @one_transaction
    def unconfirmed(
        self, statements: Statements, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> list[Command]:
        """See `OperatorJournal.unconfirmed`."""
        return _commands(statements.all("list_unconfirmed", **_asked(limit, wanted)))

    @one_transaction
    def broken(self, statements: Statements, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> list[Command]:
        """See `OperatorJournal.broken`."""
        return _commands(statements.all("list_broken", **_asked(limit, wanted)))

    @one_transaction
    def needing_person(
        self, statements: Statements, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> list[Command]:
        """See `OperatorJournal.needing_person`."""
        return _commands(statements.all("list_needing_person", **_asked(limit, wanted)))

    @one_transaction
    def backlog(self, statements: Statements, now: datetime) -> Backlog:
        """See `OperatorJournal.backlog`."""
        outbox = statements.one("outbox_depth", limit=COUNT_MAX)
        assert outbox is not None  # noqa: S101  an aggregate
        oldest = statements.one("oldest_waiting")
        return Backlog(
            waiting=_number(statements.one("count_waiting_all", limit=COUNT_MAX)),
            oldest_waiting_at=None if oldest is None else at_or_none(oldest["received_at"]),
            in_doubt=_in_state(statements, CommandState.IN_DOUBT),
            held=_in_state(statements, CommandState.HELD),
            outbox=outbox["pending"],
            oldest_outbox_at=at_or_none(outbox["oldest_at"]),
            undeliverable=outbox["undeliverable"],
            suspended_accounts=_number(statements.one("count_suspended", now=micros(now), limit=COUNT_MAX)),
            resting_sellers=_number(statements.one("count_resting", now=micros(now), limit=COUNT_MAX)),
            sought=_number(statements.one("count_sought", limit=COUNT_MAX)),
            unconfirmed=_number(statements.one("count_unconfirmed", limit=COUNT_MAX)),
            overdue=_number(statements.one("count_overdue", now=micros(now), limit=COUNT_MAX)),
            oldest_submitted_at=_time(statements.one("oldest_submitted")),
            oldest_in_doubt_at=_time(statements.one("oldest_in_doubt")),
            needs_person=_number(statements.one("count_needing_person", limit=COUNT_MAX)),
            outbox_due_at=_time(statements.one("outbox_due_since", now=micros(now))),
        )

    @one_transaction
    def replay(self, statements: Statements, key: int, now: datetime) -> int:
        """See `OperatorJournal.replay`. A copy that is still to be published is not queued twice."""
        command = to_command(found(statements.one("read_command", key=key), key), {})
        pending = {
            (row["sequence"], row["copy"], row["destination"])
            for row in statements.all("copies_of", key=key)
            if not row["is_undeliverable"]
        }
        queued = 0
        for row in statements.all("events_of", key=key):
            event = to_event(row)
            copies = [copy for copy in copies_for(command.route) if (event.sequence, *copy) not in pending]
            insert_copies(statements, key, command, event, copies=copies, at=now)
            queued += len(copies)
        return queued

    @one_transaction
    def undeliverable_replies(self, statements: Statements, limit: int = 100) -> list[UndeliverableReply]:
        """See `OperatorJournal.undeliverable_replies`."""
        return [to_undeliverable(row) for row in statements.all("undeliverable_rows", limit=limit)]

    @one_transaction
    def resend_replies(self, statements: Statements, seqs: Sequence[int], now: datetime) -> int:
        """See `OperatorJournal.resend_replies`."""
        if not seqs:
            return statements.run("resend_all_rows", now=micros(now))
        return statements.run_each("resend_row", [{"seq": seq, "now": micros(now)} for seq in seqs])

    @one_transaction
    def discard_replies(self, statements: Statements, seqs: Sequence[int]) -> int:
        """See `OperatorJournal.discard_replies`."""
        if not seqs:
            return statements.run("discard_all_rows")
        return statements.run_each("discard_row", [{"seq": seq} for seq in seqs])


def _asked(limit: int, wanted: CommandFilter) -> dict[str, Any]:
    """What every list of commands is asked with."""
    return {"limit": limit, "user_id": wanted.user_id, "apart": wanted.lane_apart, "source": wanted.source}


def _commands(rows: Sequence[sqlite3.Row]) -> list[Command]:
    return [to_command(row, {}) for row in rows]


def _time(row: sqlite3.Row | None) -> datetime | None:
    return None if row is None else at_or_none(row["at"])


def _in_state(statements: Statements, state: CommandState) -> int:
    return _number(statements.one("count_in_state", state=state, limit=COUNT_MAX))


def _number(row: sqlite3.Row | None) -> int:
    return int(found(row, 0)["number"])


class SqliteUpkeep(SqliteStore):
    """What an operator asks for now and then: see `OperatorJournal`."""

    @one_transaction
    def prune(self, statements: Statements, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        """See `OperatorJournal.prune`."""
        moment = micros(before)
        return _count(statements, moment) if dry_run else _prune(statements, moment, limit)

    async def reseal(self) -> Resealing:
        """See `OperatorJournal.reseal`."""
        return await reseal_all(await self._sealer(), self._reseal_some, self._key_ids)

    @one_transaction
    def _sealer(self, statements: Statements) -> Sealer:
        return statements.sealer

    @one_transaction
    def _key_ids(self, statements: Statements) -> list[bytes]:
        return [row["key_id"] for row in statements.all("sealing_keys")]

    @one_transaction
    def _reseal_some(
        self, statements: Statements, state: CommandState, after: int, limit: int
    ) -> tuple[int, int | None]:
        """Commands of this state whose key is greater than `after`: how many were sealed anew, and the last one looked
        at (None where there are no more)."""
        sealer = statements.sealer
        if state in FINAL:
            rows = statements.all("stale_secrets_sought", head=sealer.head, after=after, limit=limit)
        else:
            rows = statements.all("stale_secrets", state=state, head=sealer.head, after=after, limit=limit)
        done = 0
        for row in rows:
            sealed = sealer.reseal(row["source"], row["id"], row["secrets"])
            if sealed is None:
                continue  # what cannot be opened stays, and is told
            done += statements.run("replace_secrets", key=row["key"], old=row["secrets"], new=sealed)
        return done, rows[-1]["key"] if len(rows) == limit else None


def _count(statements: Statements, before: int) -> Pruned:
    """What there is to forget; writes nothing."""
    row = found(statements.one("count_prunable", before=before), 0)
    return Pruned(row["commands"], row["payloads"], row["invoices"], row["items"], row["files"], row["strays"])


def _prune(statements: Statements, before: int, limit: int) -> Pruned:
    commands = first_of(statements.all("pick_commands", before=before, limit=limit), limit)
    _forget_commands(statements, commands)
    issues = first_of(statements.all("pick_issues", before=before, limit=limit), limit)
    _empty_issues(statements, issues)
    invoices = [{"key": row["key"]} for row in statements.all("pick_invoices", before=before, limit=limit)]
    statements.run_each("forget_links_to", invoices)
    statements.run_each("forget_invoice", invoices)
    return Pruned(
        commands=len(commands),
        payloads=len(issues),
        invoices=len(invoices),
        items=statements.run("forget_items", before=before, limit=limit),
        files=statements.run("forget_files", before=before, limit=limit),
        strays=statements.run("forget_strays", before=before, limit=limit),
    )


def _forget_commands(statements: Statements, keys: list[int]) -> None:
    values = [{"key": key} for key in keys]
    statements.run_each("forget_audit", values)
    statements.run_each("forget_links", values)
    statements.run_each("forget_listeners", values)
    statements.run_each("forget_tellings", values)
    statements.run_each("forget_events", values)
    statements.run_each("forget_payload", values)
    statements.run_each("loosen_strays", values)
    statements.run_each("forget_command", values)


def _empty_issues(statements: Statements, keys: list[int]) -> None:
    values = [{"key": key} for key in keys]
    statements.run_each("forget_earlier_events", values)
    statements.run_each("forget_listeners", values)
    statements.run_each("empty_payload", values)
    statements.run_each("set_emptied", values)
