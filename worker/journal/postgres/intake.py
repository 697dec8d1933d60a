"""What intake asks of the PostgreSQL journal: batches of commands, and answers.

A batch that is nothing but new work is entered in one round trip. Any other is entered in rounds: a round looks up
what is there already and enters the rest with one statement; what another worker entered meanwhile, or what repeats
something of the same batch, goes into the next round. Nearly always one round is enough.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from worker.errors import guarded_by
from worker.journal.postgres.lanes import offer_lanes
from worker.journal.postgres.outbox import Queued, copies_of, copies_of_answer, insert_copies, insert_events
from worker.journal.postgres.pool import not_storable
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, without_transaction
from worker.journal.rows import (
    LISTENERS_MAX,
    claim_of,
    is_final,
    order_of,
    priority,
    to_event,
    with_double_warning,
)
from worker.records import Admission, CommandState, Copy, LooseEvent, NewCommand

if TYPE_CHECKING:
    from asyncpg import Record

Identity = tuple[str, str]
Order = tuple[str, str]
"""A source, and the number that it claims."""
Numbered = tuple[int, NewCommand]
Entering = tuple[int, NewCommand, int | None]
"""A command by its place in the batch, and the key of the one that it follows."""
_ROUNDS = 50


class PostgresIntake(PostgresStore):
    """See `IntakeJournal`."""

    @guarded_by(not_storable)
    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        """See `IntakeJournal.admit`."""
        admissions: Sequence[Admission] | None = None
        if _is_plain(commands):
            with suppress(asyncpg.RaiseError):
                admissions = await self._run(lambda statements: _admit_plain(statements, commands, worker, waiting_max))
        if admissions is None:
            admissions = await self._transact(
                lambda statements: _admit(_Batch(statements, worker, waiting_max), commands)
            )
        if any(admission.is_accepted or admission is Admission.FOLLOWING for admission in admissions):
            self._hints.send(is_known_here=True)  # whose intake this is wakes its own lanes
        return admissions

    @without_transaction
    async def double_of(self, statements: Statements, command: NewCommand) -> str | None:
        """See `IntakeJournal.double_of`."""
        if not _is_guarded(command):
            return None
        return (await _find_doubles(statements, {0: command})).get(0)

    @guarded_by(not_storable)
    @without_transaction
    async def answer(self, statements: Statements, events: Sequence[LooseEvent], *, worker: str) -> None:
        """See `IntakeJournal.answer`."""
        copies = {(copy.event.id, copy.destination): copy for event in events for copy in copies_of_answer(event)}
        # In one order everywhere: two workers that queue the same answers in two orders would deadlock.
        await insert_copies(statements, [copies[name] for name in sorted(copies)], worker)


@dataclass(slots=True)
class _Batch:
    """What one call of `admit` has found and written so far."""

    statements: Statements
    worker: str
    waiting_max: int | None
    admissions: dict[int, Admission] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    """Tenant to waiting commands, counted up to the limit."""
    lanes: set[str] = field(default_factory=set)
    """Those that have been told of work. Their rows are locked."""
    delayed: list[str] = field(default_factory=list)
    """Lanes that wait for their head's time, though what came now may go before it."""
    guarded: dict[int, int] = field(default_factory=dict)
    """Key to the place in the batch, for what must be no double."""
    followers: list[tuple[int, int, str | None]] = field(default_factory=list)
    """Key of a command that follows another, that one's key, and the number that both claim."""
    repeats: list[tuple[int, NewCommand]] = field(default_factory=list)
    """Key of a command, and the message by which it came again."""


def _is_plain(commands: Sequence[NewCommand]) -> bool:
    """Whether these are nothing but new work, as far as they say themselves: then one round trip may be enough."""
    claims = [claim for command in commands if (claim := claim_of(command)) is not None]
    return (
        bool(commands)
        and all(command.state is CommandState.WAITING and not command.events for command in commands)
        and len({(command.source, command.id) for command in commands}) == len(commands)
        and len(set(claims)) == len(claims)
        and len({_is_guarded(command) for command in commands}) == 1  # `find_doubles` takes a time for each, or none
    )


async def _admit_plain(
    statements: Statements, commands: Sequence[NewCommand], worker: str, waiting_max: int | None
) -> Sequence[Admission] | None:
    """All of them in one statement; None where one is not as plain as it looks. Raises `RaiseError` for the same, found
    out too late: nothing is written in either case."""
    lanes: dict[str, str] = {}
    for command in commands:
        lanes.setdefault(command.lane or "", command.source)
    row = await statements.one(
        "admit_plain",
        *columns([_values(statements, command, None) for command in commands], 0),
        *columns(_named(commands), 5),
        [command.double_since for command in commands if _is_guarded(command)],
        list(lanes),
        list(lanes.values()),
        waiting_max,
        max(command.received_at for command in commands),
        worker,
    )
    return [Admission.ACCEPTED] * len(commands) if row is not None and row["is_done"] else None


async def _admit(batch: _Batch, commands: Sequence[NewCommand]) -> list[Admission]:
    pending: list[Numbered] = list(enumerate(commands))
    claims = {claim for command in commands if (claim := claim_of(command)) is not None}
    if len(claims) > 1:
        await batch.statements.run("lock_orders", list(claims))
    for _ in range(max(_ROUNDS, len(commands) + 1)):
        if not pending:
            break
        pending = await _enter_round(batch, pending)
    if batch.delayed:
        await batch.statements.run("refresh_lanes", batch.delayed, max(command.received_at for command in commands))
    await _follow(batch)
    await _guard_against_doubles(batch, commands)
    await _answer_repeats(batch)
    return [batch.admissions[number] for number in range(len(commands))]


async def _enter_round(batch: _Batch, pending: Sequence[Numbered]) -> list[Numbered]:
    """Look up what is there, lock the lanes that get work, and enter the rest; returns what another round is for."""
    same = await _find_same(batch.statements, pending)
    orders = await _find_orders(batch.statements, pending)
    await _count_waiting(batch, pending)
    entering: list[Entering] = []
    later: list[Numbered] = []
    claimed: set[Any] = set()
    for number, command in pending:
        identity, order = (command.source, command.id), _order(command)
        if identity in same:
            batch.admissions[number] = _repeat(batch, command, same[identity])
        elif identity in claimed or (order is not None and order[1] in claimed):
            later.append((number, command))
        elif _is_busy(batch, command):
            batch.admissions[number] = Admission.BUSY
        else:
            claimed.add(identity)
            if order is not None:
                claimed.add(order[1])
            entering.append((number, command, None if order is None else orders.get(order)))
            _count_entering(batch, command, entering[-1][2])
    await _offer_lanes(batch, entering)
    return sorted(later + await _enter(batch, entering), key=lambda numbered: numbered[0])


def _order(command: NewCommand) -> Order | None:
    claim = claim_of(command)
    return None if claim is None else (command.source, claim)


async def _find_same(statements: Statements, pending: Sequence[Numbered]) -> "dict[Identity, Record]":
    identities = columns([(command.source, command.id) for _, command in pending], 2)
    return {(row["source"], row["id"]): row for row in await statements.all("find_same", *identities)}


def _named(commands: Sequence[NewCommand]) -> set[tuple[Any, ...]]:
    """The order numbers that these commands claim, each with the values that `find_orders` looks for it by."""
    return {
        (*order, *order_of(command), command.is_order_shared)
        for command in commands
        if (order := _order(command)) is not None
    }


def _is_guarded(command: NewCommand) -> bool:
    """Whether it must be no double of what came a moment ago."""
    return command.double_since is not None and command.fingerprint is not None


async def _find_orders(statements: Statements, pending: Sequence[Numbered]) -> dict[Order, int]:
    named = _named([command for _, command in pending])
    if not named:
        return {}
    rows = await statements.all("find_orders", *columns(named, 5))
    return {(row["source"], row["claim"]): row["key"] for row in rows}


async def _count_waiting(batch: _Batch, pending: Sequence[Numbered]) -> None:
    if batch.waiting_max is None:
        return
    for tenant in {command.source for _, command in pending} - batch.waiting.keys():
        row = await batch.statements.one("count_waiting", tenant, batch.waiting_max + 1)
        batch.waiting[tenant] = 0 if row is None else row["waiting"]


def _is_busy(batch: _Batch, command: NewCommand) -> bool:
    if batch.waiting_max is None or command.state is not CommandState.WAITING:
        return False
    return batch.waiting[command.source] >= batch.waiting_max


def _count_entering(batch: _Batch, command: NewCommand, follows: int | None) -> None:
    if batch.waiting_max is not None and command.state is CommandState.WAITING and follows is None:
        batch.waiting[command.source] += 1


async def _enter(batch: _Batch, entering: Sequence[Entering]) -> list[Numbered]:
    """Insert commands; returns those that ran into what another worker had just inserted."""
    if not entering:
        return []
    values = [_values(batch.statements, command, follows) for _, command, follows in entering]
    rows = await batch.statements.all("insert_commands", *columns(values, 0))
    keys = {(row["source"], row["id"]): row["key"] for row in rows}
    collided: list[Numbered] = []
    events, copies = [], []
    for number, command, follows in entering:
        key = keys.get((command.source, command.id))
        if key is None:
            collided.append((number, command))
            continue
        batch.admissions[number] = _admission(command, follows)
        if follows is not None:
            batch.followers.append((key, follows, claim_of(command)))
        if _is_guarded(command):
            batch.guarded[key] = number
        events += [(key, event, command.received_at) for event in command.events]
        copies += copies_of(key, command, command.events, command.received_at)
    await insert_events(batch.statements, events)
    await insert_copies(batch.statements, copies, batch.worker)
    return collided


def _admission(command: NewCommand, follows: int | None) -> Admission:
    if follows is not None:
        return Admission.FOLLOWING
    return Admission.REJECTED if command.state is CommandState.REJECTED else Admission.ACCEPTED


def _values(statements: Statements, command: NewCommand, follows: int | None) -> tuple[Any, ...]:
    state = command.state if follows is None else CommandState.FOLLOWING
    if state is CommandState.WAITING and command.lane is None:
        raise ValueError("a command that waits must name its lane")
    ends_here = is_final(state)
    seller, order_no = order_of(command)
    return (
        command.source,
        command.id,
        command.type,
        command.content_hash,
        state,
        command.lane,
        priority(command.type),
        max((event.sequence for event in command.events), default=0),
        command.deadline_at,
        command.received_at,
        command.received_at if ends_here else None,
        command.route.reply_to,
        command.route.correlation_id,
        command.route.traceparent,
        command.route.tracestate,
        seller,
        order_no,
        follows,
        command.fingerprint,
        None if ends_here else statements.sealer.seal(command.source, command.id, command.secrets),
        None if follows is not None else claim_of(command),
        command.order_hash,
        command.data,
        command.warnings,
        command.clues.buyer,
        command.clues.total,
        command.clues.expected,
        command.clues.mark,
    )


def _repeat(batch: _Batch, command: NewCommand, same: "Record") -> Admission:
    if same["content_hash"] != command.content_hash:
        return Admission.REUSED
    batch.repeats.append((same["key"], command))
    return Admission.REPEATED


async def _follow(batch: _Batch) -> None:
    """Lock the commands that are followed or came again: behind the locks on the lanes, as everywhere, and in the order
    of their keys. What moves one of them meanwhile is either seen, or finds who follows it."""
    firsts = [first for _, first, _ in batch.followers]
    if others := firsts + [key for key, _ in batch.repeats]:
        await batch.statements.all("lock_commands_in_order", others)
    if batch.followers:
        await batch.statements.run("insert_followers", *columns(batch.followers, 3))


async def _answer_repeats(batch: _Batch) -> None:
    """Behind the lock on the commands that came again."""
    for key, command in batch.repeats:
        if command.route.reply_to is not None:
            await _answer_repeat(batch, key, command)


async def _answer_repeat(batch: _Batch, key: int, command: NewCommand) -> None:
    statements, route = batch.statements, command.route
    is_new = await statements.one(
        "listen", key, route.reply_to, route.correlation_id, route.traceparent, route.tracestate, command.received_at
    )
    await statements.run("forget_oldest_listeners", key, LISTENERS_MAX)
    for event in map(to_event, await statements.all("events_for_repeat", key, is_new is not None)):
        second = await statements.one("has_second_pending", key, route.reply_to, event.id, Copy.REPLY)
        if second is None:
            copy = Queued(key, command.id, event, Copy.REPLY, str(route.reply_to), route, command.received_at)
            await insert_copies(statements, [copy], batch.worker)


async def _offer_lanes(batch: _Batch, entering: Sequence[Entering]) -> None:
    """Offer the lanes of new commands before `_enter` takes their order numbers: a follower that takes a number over
    locks in the same order, or the two would deadlock. Lanes of repeats are offered too: the journal's answer to the
    first message may have been lost, and with it the wake of the lane."""
    lanes: dict[str, str] = {}
    for _, command, follows in entering:
        if _admission(command, follows) is Admission.ACCEPTED and command.lane is not None:
            lanes.setdefault(command.lane, command.source)
    if batch.repeats:
        for row in await batch.statements.all("lanes_of_waiting", [key for key, _ in batch.repeats]):
            lanes.setdefault(row["lane"], row["source"])
    new = {lane: tenant for lane, tenant in lanes.items() if lane not in batch.lanes}
    if new:
        batch.delayed += await offer_lanes(batch.statements, new, batch.worker)
        batch.lanes |= new.keys()


async def _guard_against_doubles(batch: _Batch, commands: Sequence[NewCommand]) -> None:
    """Behind the lock on the lanes. Doubles have one `userId` and so one lane: of two that come to two replicas at
    once, the second waits for that lock and sees the first. A command that is left out is deleted by the transaction
    that entered it, so nobody has seen it."""
    if not batch.guarded:
        return
    guarded = {key: commands[number] for key, number in batch.guarded.items()}
    doubles = await _find_doubles(batch.statements, guarded)
    came_as = {
        (command.source, command.id): number
        for number, command in enumerate(commands)
        if doubles and batch.admissions[number] not in {Admission.REPEATED, Admission.REUSED}
    }
    warned, left_out = [], []
    for key, double in doubles.items():
        if came_as.get((guarded[key].source, double), -1) > batch.guarded[key]:
            continue  # that one came behind this one, and said that it is meant
        if guarded[key].rejects_double:
            left_out.append(key)
            batch.admissions[batch.guarded[key]] = Admission.DUPLICATE
        else:
            warned.append((key, with_double_warning(guarded[key].warnings, double)))
            if batch.admissions[batch.guarded[key]] is Admission.ACCEPTED:
                batch.admissions[batch.guarded[key]] = Admission.SUSPECTED
    if warned:
        await batch.statements.run("replace_warnings", *columns(warned, 2))
    if left_out:
        await batch.statements.run("leave_out_payloads", left_out)
        await batch.statements.run("leave_out_commands", left_out)


async def _find_doubles(statements: Statements, guarded: Mapping[int, NewCommand]) -> dict[int, str]:
    """Of these commands the doubles: their key, and the id of the order that came a moment ago."""
    asked = [
        (key, command.fingerprint, command.double_since, command.source, command.lane, command.id)
        for key, command in guarded.items()
    ]
    return {row["key"]: row["id"] for row in await statements.all("find_doubles", *columns(asked, 6))}
