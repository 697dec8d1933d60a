"""Between rows and records: the columns have the same names in both dialects.

Times are integers in SQLite (microseconds since 1970, UTC) and `timestamptz` in PostgreSQL; `at` reads either.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from contracts.envelope import dumps
from contracts.kinds import CommandType
from worker.errors import NotFound, NotResolvable
from worker.journal.sealing import Sealer
from worker.records import (
    FINAL,
    LOOK_UP,
    UNSETTLED,
    AccountLogin,
    Command,
    CommandState,
    Copy,
    Event,
    EventRecord,
    KeptResult,
    NewCommand,
    OnLane,
    OutboxRow,
    RefusedAccount,
    Route,
    SecretsFault,
    Settlement,
    Step,
    UndeliverableReply,
)

_STATES = {str(state): state for state in CommandState}
_COPIES = {str(copy): copy for copy in Copy}
"""Looked up for every row: an enum's own search takes longer."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

CLAIM_SEPARATOR = "\x1f"
"""No name may hold it."""

TOPIC = ""
"""The `destination` of topic copies on disk: one stream per command, whatever the events' types."""


LANE_PATIENCE = timedelta(minutes=2)
"""On a lane whose issues never stop coming, a query goes first once it has waited for so long and only issues were
begun meanwhile."""
LANE_SLICE = timedelta(seconds=30)
"""For how long such a query goes before the issues that wait; then it gives way to them."""
LOOK_UP_PATIENCE = timedelta(minutes=2)
"""A look-up that has waited for so long goes before its lane's other work: a busy lane must not starve it."""


class Row(Protocol):
    """What both drivers hand out."""

    def __getitem__(self, column: str, /) -> Any: ...


AnyRow = TypeVar("AnyRow", bound=Row)


class Addressed(Protocol):
    """A command, new or journaled, as far as its events are concerned."""

    @property
    def id(self) -> str: ...

    @property
    def route(self) -> Route: ...


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def micros_or_none(moment: datetime | None) -> int | None:
    """As `micros`, for a time that may be missing."""
    return None if moment is None else micros(moment)


def at(value: int | datetime) -> datetime:
    """A stored time, aware and in UTC."""
    return value if isinstance(value, datetime) else _EPOCH + value * _MICROSECOND


def at_or_none(value: int | datetime | None) -> datetime | None:
    """As `at`, for a time that may be missing."""
    return None if value is None else at(value)


def priority(command_type: str) -> int:
    """Within a lane issue goes before query, and look-ups go last."""
    return {CommandType.ISSUE: 0, LOOK_UP: 2}.get(command_type, 1)


def is_final(state: CommandState) -> bool:
    """Whether a command in this state has ended."""
    return state in FINAL


def frees_twins(move: Step | Settlement) -> bool:
    """Whether this move settles an unsettled command, so that commands which are held because of it may go on."""
    return not UNSETTLED.isdisjoint(move.expected) and move.to not in UNSETTLED


def changes_lane(settlement: Settlement) -> bool:
    """Whether the settled command was part of its lane's work, so that the lane's next work must be found anew.
    `frees_twins` says whether other commands may go on."""
    return not settlement.expected <= UNSETTLED | FINAL | {CommandState.FOLLOWING}


def frees_order(move: Step | Settlement) -> bool:
    """Whether this move lets go of the command's order number, for another command to take: no invoice came of it."""
    return move.to is CommandState.FAILED and not move.keeps_order


def forgets_audit(move: Step | Settlement) -> bool:
    """Whether this move ends an audit, however: what it kept of its list goes with it."""
    return move.command.type == CommandType.AUDIT and is_final(move.to)


def nudges_followers(move: Step | Settlement) -> bool:
    """Whether those who follow this command have something to look at after this move."""
    return move.command.order_no is not None and (move.to is CommandState.SUBMITTING or bool(move.events))


def order_of(command: NewCommand) -> tuple[str | None, str | None]:
    """The seller and order number that this command names: none if it was rejected."""
    if command.state is CommandState.REJECTED or command.order_no is None:
        return command.seller, None
    return command.seller or "", command.order_no


def claim_of(command: NewCommand) -> str | None:
    """What `order_claim` holds for its order number; a unique index gives it to one command at most."""
    seller, order_no = order_of(command)
    if order_no is None:
        return None
    return CLAIM_SEPARATOR.join(("" if command.is_order_shared else command.source, seller or "", order_no))


def with_double_warning(warnings: bytes, double: str) -> bytes:
    """The command's warnings and one more: the same order came a moment ago."""
    message = "the same order came a moment ago under another id; allowDuplicate: true says that it is meant"
    told = {"code": "duplicate_suspected", "message": message, "path": "", "commandId": double}
    return dumps([*json.loads(warnings), told])


def to_command(row: Row, secrets: Mapping[str, str], *, fault: SecretsFault | None = None) -> Command:
    """A row of `command` joined with its payload."""
    return Command(
        key=row["key"],
        source=row["source"],
        id=row["id"],
        type=row["type"],
        state=_STATES[row["state"]],
        route=Route(row["reply_to"], row["correlation_id"], row["traceparent"], row["tracestate"]),
        received_at=at(row["received_at"]),
        lane=row["lane"],
        epoch=row["epoch"],
        attempts=row["attempts"],
        last_sequence=row["last_sequence"],
        deadline_at=at_or_none(row["deadline_at"]),
        submitted_at=at_or_none(row["submitted_at"]),
        settled_at=at_or_none(row["settled_at"]),
        seller=row["seller"],
        order_no=row["order_no"],
        order_hash=row["order_hash"],
        holds_order=row["order_claim"] is not None,
        fingerprint=row["fingerprint"],
        follows=row["follows"],
        invoice_number=row["invoice_number"],
        account=row["account"],
        sought_at=at_or_none(row["sought_at"]),
        look_ups=row["look_ups"],
        progress=row["progress"],
        breaks=row["breaks"],
        data=row["data"],
        secrets=secrets,
        secrets_fault=fault,
        warnings=row["warnings"],
    )


def last_results_of(rows: Iterable[Row]) -> list[KeptResult]:
    """Of rows of `completed` events, each with its command's key, fingerprint and submission."""
    return [_last_result(row, json.loads(row["body"]).get("data", {})) for row in rows]


def _last_result(row: Row, data: Mapping[str, Any]) -> KeptResult:
    address = data.get("invoiceUrl")
    return KeptResult(
        row["key"],
        str(row["fingerprint"]),
        address if isinstance(address, str) else None,
        data.get("invoice"),
        awaited_since=at_or_none(row["submitted_at"]) if data.get("reconciled") else None,
    )


def to_event(row: Row) -> Event:
    """A row of `event`."""
    return Event(row["sequence"], row["event_id"], row["event_type"], row["body"])


def to_outbox_row(row: Row) -> OutboxRow:
    """A row of `outbox` joined with its event."""
    copy = _COPIES[row["copy"]]
    return OutboxRow(
        seq=row["seq"],
        command_key=row["command_key"] or 0,
        command_id=row["command_id"],
        copy=copy,
        destination=row["event_type"] if copy is Copy.TOPIC else row["destination"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        body=row["body"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        tracestate=row["tracestate"],
        attempts=row["attempts"],
        created_at=at(row["created_at"]),
    )


def streams_of(rows: Sequence[OutboxRow]) -> list[tuple[int, str, int, int]]:
    """The streams that these rows are of: command's key, stored destination, last row, how many. Answers that are no
    command's own have none."""
    streams: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        if row.command_key:
            where = TOPIC if row.copy is Copy.TOPIC else row.destination
            streams.setdefault((row.command_key, where), []).append(row.seq)
    return [(key, where, max(seqs), len(seqs)) for (key, where), seqs in streams.items()]


def to_undeliverable(row: Row) -> UndeliverableReply:
    """A reply set aside; an answer that belongs to no command tells its source in its body."""
    source = row["command_source"]
    if source is None:
        source = str(json.loads(row["body"]).get("data", {}).get("commandSource", ""))
    return UndeliverableReply(
        seq=row["seq"],
        command_source=source,
        command_id=row["command_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        destination=row["destination"],
        attempts=row["attempts"],
        created_at=at(row["created_at"]),
    )


def bound_elsewhere(settlement: Settlement) -> NotResolvable:
    """Why a number cannot be the settled command's."""
    number = settlement.invoice_number
    return NotResolvable(f"Invoice {number} belongs to another command: `fapiao-worker status {number}` shows it.")


def to_on_lane(row: Row) -> OnLane:
    """What a command waits for on its lane."""
    return OnLane(
        holder=row["holder"],
        running=None if row["id"] is None else (row["id"], row["source"], row["type"], row["state"]),
        waiting_before=row["waiting_before"],
        due_at=at_or_none(row["due_at"]),
        lease_ended=row["holder"] is not None and not row["is_leased"],
    )


def to_event_records(events: Sequence[Row], copies: Sequence[Row]) -> list[EventRecord]:
    """Events in sequence, with the copies of each that are still in the outbox."""
    pending: dict[int, set[Copy]] = {}
    aside: set[int] = set()
    for row in copies:
        if row["is_undeliverable"]:
            aside.add(row["sequence"])
        else:
            pending.setdefault(row["sequence"], set()).add(Copy(row["copy"]))
    return [
        EventRecord(
            event=to_event(row),
            created_at=at(row["created_at"]),
            pending=tuple(sorted(pending.get(row["sequence"], ()))),
            undeliverable=row["sequence"] in aside,
        )
        for row in events
    ]


LISTENERS_MAX: Final = 8
"""Queues besides its own that a command's events go to, the newest of those that its repeats named (count)."""


def copies_for(route: Route) -> list[tuple[Copy, str]]:
    """The copies that an event of this route gets, each with its stored destination."""
    copies = [(Copy.TOPIC, TOPIC)]
    if route.reply_to is not None:
        copies.append((Copy.REPLY, route.reply_to))
    return copies


def found(row: AnyRow | None, key: int) -> AnyRow:
    """The row, or `NotFound`."""
    if row is None:
        raise NotFound(f"there is no command with key {key}")
    return row


def first_of(commands: Sequence[Row], limit: int) -> list[int]:
    """The keys of as many of these commands as have `limit` events between them, at least one: what is forgotten at
    once. A query may have hundreds of events, and a transaction must stay short."""
    chosen: list[int] = []
    events = 0
    for row in commands:
        if chosen and events + row["last_sequence"] > limit:
            break
        chosen.append(row["key"])
        events += row["last_sequence"]
    return chosen


RENEWED_AT_ONCE = 500
"""Commands that take a new password in one transaction."""
_KEPT = timedelta(days=7)


def id_of(sealer: Sealer, login: AccountLogin) -> str:
    """What names this account with this password: nobody can guess the password from it without the key."""
    return sealer.digest(login.account, login.password, "look-up" if login.is_look_up else "")


def forgotten_before(now: datetime, suspend: timedelta) -> datetime:
    """Refusals older than this are of no use any more: a password that was tried once must not stay for ever."""
    return now - max(_KEPT, 2 * suspend)


def to_refused_account(row: Row) -> RefusedAccount:
    """A row of `account`."""
    return RefusedAccount(
        id=row["id"],
        company_code=row["company_code"],
        user_id=row["user_id"],
        is_look_up=bool(row["is_look_up"]),
        refusals=row["refusals"],
        suspended_until=at_or_none(row["suspended_until"]),
        refused_at=at(row["refused_at"]),
    )


def renewed(sealer: Sealer, row: Row, pointer: str, password: str) -> bytes | None:
    """The command's secrets with this password, sealed; None where that changes nothing, or they cannot be opened."""
    secrets, _ = sealer.opened(row["source"], row["id"], row["secrets"])
    if secrets.get(pointer) in {None, password}:
        return None
    return sealer.seal(row["source"], row["id"], {**secrets, pointer: password})
