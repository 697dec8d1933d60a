"""Leases and claims on PostgreSQL: who may run what next, among any number of workers; and look-ups, entered where
something sought is due.

Leases run by the server's clock; work is due by the caller's. Whoever changes a lane locks its row before looking at
its commands. A claim costs the same however many lanes wait; where bounds bind, a probe for each tenant that waits.
Lanes that another worker is taking are left to it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from worker.journal import walking
from worker.journal.postgres.batches import Ask
from worker.journal.postgres.outbox import adopt
from worker.journal.postgres.statements import Statements, columns
from worker.journal.postgres.store import PostgresStore, one_transaction, without_transaction
from worker.journal.rows import LANE_PATIENCE, LANE_SLICE, LOOK_UP_PATIENCE, id_of, last_results_of, to_command
from worker.records import AccountLogin, Claim, ClaimBounds, Command, KeptResult, LaneLease, Probes, Stray

if TYPE_CHECKING:
    from asyncpg import Record


class Picking:
    """The lanes of one claim, a handful at a time."""

    def __init__(self, worker: str, limit: int, now: datetime, within: ClaimBounds | None) -> None:
        self._worker = worker
        self._now = now
        self._within = within if within is not None and within.bind(limit) else None
        self._connecting = limit if within is None else within.connecting
        self._taken = Counter[str]()

    async def take(self, statements: Statements, limit: int) -> "list[Record]":
        """Lease at most so many ready lanes, in turn, each with its command if it has one that runs; what needs no
        gateway first where bounds bind. One statement, and so durable when it returns."""
        rows = await statements.all(
            "claim",
            self._worker,
            limit,
            self._now,
            self._now - LANE_PATIENCE,
            self._connecting,
            None if self._within is None else self._within.of_tenant,
            *columns(self._rooms(), 2),
        )
        self._taken.update(row["tenant"] for row in rows)
        self._connecting -= sum(row["connects"] for row in rows)
        return rows

    def _rooms(self) -> list[tuple[str, int]]:
        """Of tenants that hold lanes already: how many more each may get."""
        within = self._within
        if within is None:
            return []
        return [(tenant, within.room_of(tenant) - self._taken[tenant]) for tenant in {*within.left, *self._taken}]


_ALL = 1_000_000
_NOBODY = ""
"""No worker has this name."""
FROZEN_AFTER = timedelta(seconds=15)
"""As the pool's time-out for idle transactions, which does not see a worker frozen in the middle of a statement."""


class PostgresLanes(PostgresStore):
    """Who may run what next: see `LaneJournal`."""

    async def register(self, worker: str, lease: timedelta) -> None:
        """See `LaneJournal.register`. What an earlier worker of this name held is free."""
        now = self._clock.now()
        await self._lease.open()
        await self._lease.transact(lambda statements: _register(statements, worker, lease, now))
        self._worker = worker

    async def renew(self, worker: str, lease: timedelta) -> bool:
        """See `LaneJournal.renew`."""
        await self._lease.open()
        return await self._lease.run(lambda statements: _renew(statements, worker, lease))

    async def retire(self, worker: str) -> None:
        """See `LaneJournal.retire`. Its unpublished events go to whoever reaps next."""
        now = self._clock.now()
        await self._lease.open()
        await self._lease.transact(lambda statements: _retire(statements, worker, now))
        self._hints.send()

    @one_transaction
    async def reap(
        self, statements: Statements, worker: str, now: datetime, limit: int = 200, *, adopts: bool = True
    ) -> int:
        """See `LaneJournal.reap`. Any holder or owner without a lease counts as dead, whoever it was."""
        await statements.run("expire_workers")
        dead = [row["id"] for row in await statements.all("dead_holders")]
        if dead:
            await statements.run("end_frozen_sessions", FROZEN_AFTER)
        moved = await _free_lanes(statements, dead, now, limit) if dead else 0
        delayed = await statements.all("lock_delayed_lanes", now, max(limit - moved, 0))
        if delayed:
            await statements.run("refresh_lanes", [row["lane"] for row in delayed], now)
        moved += len(delayed)
        return moved + (await adopt(statements, worker, max(limit - moved, 0)) if adopts else 0)

    async def claim(self, worker: str, limit: int, now: datetime, *, within: ClaimBounds | None = None) -> list[Claim]:
        """See `LaneJournal.claim`. A worker without a running lease gets nothing."""
        claims: list[Claim] = []
        picking = Picking(worker, limit, now, within)
        while len(claims) < limit:
            wished = limit - len(claims)
            taken, begun = await self._run(partial(_begin, picking, worker, wished))
            claims += begun
            if taken < wished and len(begun) == taken:
                break  # there are no more within the bounds. A lane that was given back may be ready again.
        return claims

    @without_transaction
    async def held(self, statements: Statements, worker: str) -> list[LaneLease]:
        """See `LaneJournal.held`."""
        return [LaneLease(row["lane"], worker, row["epoch"]) for row in await statements.all("leases_of", worker)]

    @without_transaction
    async def wanted(self, statements: Statements, worker: str) -> list[str]:
        """See `LaneJournal.wanted`."""
        return [row["lane"] for row in await statements.all("wanted_lanes", worker)]

    @without_transaction
    async def ready_lanes(self, statements: Statements, limit: int, tenant: str | None = None) -> int:
        """See `LaneJournal.ready_lanes`."""
        if tenant is None:
            row = await statements.one("count_ready_lanes", limit)
        else:
            row = await statements.one("count_ready_lanes_of", tenant, limit)
        return 0 if row is None else int(row["ready"])

    async def next_command(self, lease: LaneLease, now: datetime) -> Command | None:
        """See `LaneJournal.next_command`. Nothing while a command of the lane is unfinished."""
        command: Command | None = await self._batches.ask(Ask(lease, now, wants_next=True))
        return command

    @without_transaction
    async def count_break(self, statements: Statements, command: Command, lease: LaneLease) -> int:
        """See `LaneJournal.count_break`."""
        row = await statements.one("count_break", command.key, lease.epoch, lease.lane, lease.worker)
        return 0 if row is None else int(row["breaks"])

    async def release(self, lease: LaneLease, now: datetime) -> None:
        """See `LaneJournal.release`. A lease that is no longer the lane's changes nothing."""
        await self._batches.ask(Ask(lease, now, gives_up=True))


async def _register(statements: Statements, worker: str, lease: timedelta, now: datetime) -> None:
    held = [row["lane"] for row in await statements.all("lock_own_lanes", worker)]
    if held:
        await statements.run("refresh_lanes", held, now)
    await statements.run("register_worker", worker, lease)


async def _renew(statements: Statements, worker: str, lease: timedelta) -> bool:
    return await statements.one("renew_worker", worker, lease) is not None


async def _retire(statements: Statements, worker: str, now: datetime) -> None:
    await statements.run("retire_worker", worker)
    await _free_lanes(statements, [worker], now, _ALL)


async def _free_lanes(statements: Statements, holders: Sequence[str], now: datetime, limit: int) -> int:
    rows = await statements.all("lock_held_lanes", list(holders), limit)
    if rows:
        await statements.run("refresh_lanes", [row["lane"] for row in rows], now)
    return len(rows)


async def _begin(picking: Picking, worker: str, limit: int, statements: Statements) -> tuple[int, list[Claim]]:
    """How many lanes were taken, and those of them that have a command to run."""
    rows = await picking.take(statements, limit)
    begun = [
        Claim(LaneLease(row["taken"], worker, row["epoch"]), statements.command(row), row["tenant"])
        for row in rows
        if row["key"] is not None
    ]
    return len(rows), begun


async def look_again(statements: Statements, lane: str | None, now: datetime) -> None:
    """Something other than a new command changed this lane's work: tell its holder, or refresh it."""
    row = None if lane is None else await statements.one("lock_lane", lane)
    if row is None:
        return
    if row["holder"] is not None:
        await statements.run("set_wanted", [lane])
    elif not row["is_ready"]:
        await statements.run("refresh_lanes", [lane], now)


async def offer_lanes(statements: Statements, lanes: Mapping[str, str], worker: str = _NOBODY) -> list[str]:
    """Tell these lanes that work is coming, each with the tenant whose work it is, and lock their rows until the
    commit. A lane that `worker` holds is not marked: that worker wakes it itself. Returns the lanes that wait for their
    head's time; refresh them once the work is written, for it may go before that head."""
    rows = await statements.all("offer_lanes", list(lanes), list(lanes.values()), worker)
    return [row["lane"] for row in rows if row["is_delayed"]]


class PostgresLookUps(PostgresStore):
    """What look-ups ask: see `LaneJournal`."""

    @one_transaction
    async def enter_look_ups(self, statements: Statements, now: datetime, limit: int = 200) -> int:
        """See `LaneJournal.enter_look_ups`."""
        rows = await statements.all("walk_sought", *self._sought.after, walking.MOST, now)
        due = self._sought.take(rows, limit)
        late = await statements.all("look_ups_to_lift", now - LOOK_UP_PATIENCE, now, limit - len(due))
        if not due and not late:
            return 0
        lanes = [lane for lane, _ in due] + [row["lane"] for row in late]
        rows = await statements.all("lock_lanes", lanes)
        locked = {row["lane"] for row in rows}
        pairs = [pair for pair in due if pair[0] in locked]
        entered = await statements.all("enter_look_ups", *columns(pairs, 2), now)
        lifted = await statements.all("lift_look_ups", [row["key"] for row in late if row["lane"] in locked])
        await statements.run("set_wanted", [row["lane"] for row in rows if row["holder"] is not None])
        await statements.run(
            "refresh_lanes", [row["lane"] for row in rows if row["holder"] is None and not row["is_ready"]], now
        )
        return len(entered) + len(lifted)

    @without_transaction
    async def has_earlier(self, statements: Statements, command: Command, now: datetime) -> bool:
        """See `LaneJournal.has_earlier`."""
        return await statements.one("has_earlier", command.lane, command.key, now, now - LANE_SLICE) is not None

    @without_transaction
    async def sought(self, statements: Statements, look_up: Command, limit: int) -> list[Command]:
        """See `LaneJournal.sought`."""
        rows = await statements.all("sought_commands", look_up.lane, look_up.account, limit)
        return [statements.command(row) for row in rows]

    @without_transaction
    async def laid_aside(self, statements: Statements, keys: Sequence[int], limit: int) -> list[Stray]:
        """See `LaneJournal.laid_aside`."""
        rows = await statements.all("strays_of", list(keys), limit)
        return [Stray(row["command_key"], row["reason"], row["body"]) for row in rows]

    async def last_results(self, lane: str, limit: int) -> list[KeptResult]:
        """See `LaneJournal.last_results`."""
        return await self._together(_last_results, (lane, limit))

    async def unsettled(self, lane: str) -> list[Command]:
        """See `LaneJournal.unsettled`."""
        return await self._together(_unsettled, lane)

    @without_transaction
    async def rivals(
        self, statements: Statements, seller: str, since: tuple[datetime, int], limit: int
    ) -> list[Command]:
        """See `LaneJournal.rivals`."""
        return [to_command(row, {}) for row in await statements.all("rival_commands", seller, *since, limit)]

    @without_transaction
    async def rivals_by_clues(
        self, statements: Statements, seller: str, since: tuple[datetime, int], probes: Probes, limit: int
    ) -> list[Command]:
        """See `LaneJournal.rivals_by_clues`."""
        lows, highs, buyers = columns([(each.low, each.high, each.buyer) for each in probes.totals], 3)
        rows = await statements.all(
            "rivals_by_clues", seller, since[0], lows, highs, buyers, list(probes.marks), since[1], limit
        )
        return [to_command(row, {}) for row in rows]

    @without_transaction
    async def bound(self, statements: Statements, numbers: Sequence[str]) -> frozenset[str]:
        """See `LaneJournal.bound`."""
        return frozenset(row["invoice_number"] for row in await statements.all("bound_numbers", list(numbers)))

    @one_transaction
    async def end_look_up(
        self,
        statements: Statements,
        look_up: Command,
        lease: LaneLease,
        *,
        not_before: datetime | None = None,
        refused: AccountLogin | None = None,
    ) -> bool:
        """See `LaneJournal.end_look_up`. Locks the account before commands, as `resume_accounts` does."""
        if refused is not None and await statements.one("lock_refused", id_of(statements.sealer, refused)) is None:
            not_before = None
        return await statements.one("end_look_up", look_up.key, lease.epoch, not_before) is not None


async def _last_results(statements: Statements, asked: Sequence[tuple[str, int]]) -> list[list[KeptResult]]:
    most: dict[str, int] = {}
    for lane, limit in asked:
        most[lane] = max(limit, most.get(lane, 0))
    rows = await statements.all("last_results", list(most), list(most.values()))
    return [last_results_of([row for row in rows if row["lane"] == lane][-limit:]) for lane, limit in asked]


async def _unsettled(statements: Statements, lanes: Sequence[str]) -> list[list[Command]]:
    rows = await statements.all("unsettled_commands", list(lanes))
    return [[to_command(row, {}) for row in rows if row["lane"] == lane] for lane in lanes]
