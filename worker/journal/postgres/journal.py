"""The journal in PostgreSQL: for any number of worker processes, durable at every return.

Guarantees short transactions without other I/O in them, leases by the server's clock, and recovery by itself after the
server was away. Knows nothing of what commands mean.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from pydantic import SecretStr

from worker.clock import Clock
from worker.errors import ConfigurationError
from worker.journal.postgres import intake, lanes, look_ups, operator, outbox, prune, resealing, schema, steps
from worker.journal.postgres import invoices as found
from worker.journal.postgres.hints import Hints
from worker.journal.postgres.pool import Connections
from worker.journal.postgres.statements import Statements
from worker.journal.resealing import reseal_all
from worker.journal.sealing import Sealer, parse_keys
from worker.records import (
    AccountState,
    Admission,
    Backlog,
    Claim,
    Command,
    CommandState,
    EventRecord,
    Following,
    FoundRow,
    LaneLease,
    LooseEvent,
    NewCommand,
    OutboxRow,
    Pruned,
    Resealing,
    Settlement,
    Space,
    Step,
    Stored,
    StoredFilter,
    UndeliverableReply,
)

log = structlog.get_logger()

Result = TypeVar("Result")


class PostgresJournal:
    """`worker.ports.Journal` on PostgreSQL."""

    def __init__(self, dsn: str, *, keys: Sequence[SecretStr], clock: Clock, pool_size: int = 8) -> None:
        """`keys` as in `FAPIAO_JOURNAL_KEYS`. Raises `ConfigurationError` without any: a key made up by one replica
        would be unknown to the others."""
        if not keys:
            raise ConfigurationError(
                "set FAPIAO_JOURNAL_KEYS: with PostgreSQL every replica needs the same keys. Make one with: "
                'python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
            )
        self._sealer = Sealer(parse_keys(keys))
        self._connections = Connections(dsn, self._sealer, pool_size)
        self._hints = Hints(self._connections)
        self._clock = clock
        self._wake: Callable[[], None] | None = None
        self._is_open = False
        self._worker: str | None = None

    # ---- opening and closing ----

    async def open(self) -> None:
        """Connect and check schema and keys. Raises `SchemaOutdated`, `ConfigurationError`, `JournalUnavailable`."""
        await self._connections.open()
        try:
            await self._connections.run(schema.check)
            rows = await self._connections.run(lambda statements: statements.all("sealing_keys"))
            self._sealer.check([row["key_id"] for row in rows])
        except BaseException:
            await self._connections.close()
            raise
        self._is_open = True
        if self._wake is not None:
            self._hints.listen(self._wake)
        log.info("journal_opened", store="postgres")

    async def close(self) -> None:
        self._is_open = False
        await self._hints.close()
        await self._connections.close()

    async def upgrade(self) -> Sequence[str]:
        if self._is_open:
            return await self._connections.transact(schema.upgrade)
        await self._connections.open()
        try:
            return await self._connections.transact(schema.upgrade)
        finally:
            await self._connections.close()

    def listen(self, wake: Callable[[], None]) -> None:
        """Needs a session of its own: behind a pooler in transaction mode hints stay away, and polling remains."""
        self._wake = wake
        if self._is_open:
            self._hints.listen(wake)

    async def _transact(self, operation: Callable[[Statements], Awaitable[Result]]) -> Result:
        return await self._connections.transact(operation)

    async def _run(self, operation: Callable[[Statements], Awaitable[Result]]) -> Result:
        return await self._connections.run(operation)

    # ---- intake ----

    async def admit(
        self, commands: Sequence[NewCommand], *, worker: str, waiting_max: int | None
    ) -> Sequence[Admission]:
        admissions = await self._transact(lambda s: intake.admit(s, commands, worker, waiting_max))
        if Admission.ACCEPTED in admissions or Admission.FOLLOWING in admissions:
            self._hints.send()
        return admissions

    async def answer(self, events: Sequence[LooseEvent], *, worker: str) -> None:
        await self._run(lambda s: intake.answer(s, events, worker))

    # ---- lanes ----

    async def register(self, worker: str, lease: timedelta) -> None:
        now = self._clock.now()
        await self._transact(lambda s: lanes.register(s, worker, lease, now))
        self._worker = worker

    async def renew(self, worker: str, lease: timedelta) -> bool:
        return await self._run(lambda s: lanes.renew(s, worker, lease))

    async def retire(self, worker: str) -> None:
        now = self._clock.now()
        await self._transact(lambda s: lanes.retire(s, worker, now))
        self._hints.send()

    async def reap(self, worker: str, now: datetime, limit: int = 200) -> int:
        return await self._transact(lambda s: lanes.reap(s, worker, now, limit))

    async def claim(self, worker: str, limit: int, now: datetime) -> Sequence[Claim]:
        return await self._transact(lambda s: lanes.claim(s, worker, limit, now))

    async def held(self, worker: str) -> Sequence[LaneLease]:
        return await self._run(lambda s: lanes.held(s, worker))

    async def wanted(self, worker: str) -> Sequence[str]:
        return await self._run(lambda s: lanes.wanted(s, worker))

    async def ready_lanes(self, limit: int) -> int:
        return await self._run(lambda s: lanes.ready_lanes(s, limit))

    async def record(self, step: Step) -> bool:
        if steps.stands_alone(step):
            return await self._run(lambda s: steps.record(s, step))
        return await self._transact(lambda s: steps.record(s, step))

    async def record_and_next(self, step: Step) -> tuple[bool, Command | None]:
        return await self._transact(lambda s: steps.record_and_next(s, step))

    async def next_command(self, lease: LaneLease, now: datetime) -> Command | None:
        return await self._transact(lambda s: lanes.next_command(s, lease, now))

    async def release(self, lease: LaneLease, now: datetime) -> None:
        await self._transact(lambda s: lanes.release(s, lease, now))

    async def account(self, account: str) -> AccountState:
        return await self._run(lambda s: steps.account(s, account))

    async def count_login(
        self, account: str, *, accepted: bool, now: datetime, threshold: int, suspend: timedelta
    ) -> AccountState:
        return await self._run(
            lambda s: steps.count_login(s, account, accepted=accepted, now=now, threshold=threshold, suspend=suspend)
        )

    async def keep_stray(self, lane: str, command_key: int | None, reason: str, body: bytes, at: datetime) -> None:
        await self._run(
            lambda s: steps.keep_stray(s, lane=lane, command_key=command_key, reason=reason, body=body, at=at)
        )

    async def settle(self, settlement: Settlement) -> bool:
        settled = await self._transact(lambda s: steps.settle(s, settlement, self._worker))
        if settled:
            self._hints.send()
        return settled

    async def has_earlier(self, command: Command, now: datetime) -> bool:
        return await self._run(lambda s: look_ups.has_earlier(s, command, now))

    async def sought(self, look_up: Command, limit: int) -> Sequence[Command]:
        return await self._run(lambda s: look_ups.sought(s, look_up, limit))

    async def end_look_up(self, look_up: Command, lease: LaneLease, *, not_before: datetime | None = None) -> bool:
        return await self._run(lambda s: look_ups.end(s, look_up, lease, not_before))

    async def unsettled(self, lane: str) -> Sequence[Command]:
        return await self._run(lambda s: look_ups.unsettled(s, lane))

    async def rivals(self, seller: str, since: tuple[datetime, int], limit: int) -> Sequence[Command]:
        return await self._run(lambda s: look_ups.rivals(s, seller, since, limit))

    async def bound(self, numbers: Sequence[str]) -> frozenset[str]:
        return await self._run(lambda s: look_ups.bound(s, numbers))

    async def overdue(self, now: datetime, limit: int = 100) -> Sequence[Command]:
        return await self._run(lambda s: steps.overdue(s, now, limit))

    async def followers(self, limit: int = 100) -> Sequence[Following]:
        return await self._run(lambda s: steps.followers(s, limit))

    # ---- what look-ups brought ----

    async def unseen(self, command: Command, identities: Sequence[str]) -> frozenset[str]:
        return await self._run(lambda s: found.unseen(s, command, identities))

    async def lacking(self, command: Command, after: str, limit: int) -> Sequence[FoundRow]:
        return await self._run(lambda s: found.lacking(s, command, after, limit))

    async def tally(self, command: Command, limit: int) -> tuple[int, Sequence[str]]:
        return await self._run(lambda s: found.tally(s, command, limit))

    async def brought(self, source: str, invoice_ids: Sequence[str]) -> frozenset[str]:
        return await self._run(lambda s: found.brought(s, source, invoice_ids))

    async def stored(self, wanted: StoredFilter) -> tuple[int, Sequence[Stored]]:
        return await self._run(lambda s: found.stored(s, wanted))

    # ---- outbox ----

    async def due(self, worker: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        return await self._run(lambda s: outbox.due(s, worker, now, limit))

    async def published(self, seqs: Sequence[int]) -> None:
        await self._run(lambda s: outbox.published(s, seqs))

    async def postpone(self, delays: Sequence[tuple[int, datetime]]) -> None:
        await self._transact(lambda s: outbox.postpone(s, delays))

    async def undeliverable(self, seqs: Sequence[int]) -> None:
        await self._run(lambda s: outbox.undeliverable(s, seqs))

    # ---- operator ----

    async def ping(self) -> None:
        await self._run(operator.ping)

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        return await self._run(lambda s: operator.find(s, command_id, source))

    async def find_order(self, source: str, seller: str, order_no: str) -> Command | None:
        return await self._run(lambda s: operator.find_order(s, source, seller, order_no))

    async def events_of(self, key: int) -> Sequence[EventRecord]:
        return await self._run(lambda s: operator.events_of(s, key))

    async def commands(self, states: Sequence[CommandState], limit: int = 100) -> Sequence[Command]:
        return await self._run(lambda s: operator.commands(s, states, limit))

    async def unconfirmed(self, limit: int = 100) -> Sequence[Command]:
        return await self._run(lambda s: operator.unconfirmed(s, limit))

    async def prune(self, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        if dry_run:
            return await self._run(lambda s: prune.count(s, before))
        return await self._transact(lambda s: prune.prune(s, before, limit))

    async def backlog(self, now: datetime) -> Backlog:
        return await self._run(lambda s: operator.backlog(s, now))

    async def replay(self, key: int, now: datetime) -> int:
        queued = await self._transact(lambda s: operator.replay(s, key, now, self._worker))
        self._hints.send()
        return queued

    async def undeliverable_replies(self, limit: int = 100) -> Sequence[UndeliverableReply]:
        return await self._run(lambda s: operator.undeliverable_replies(s, limit))

    async def resend_replies(self, seqs: Sequence[int], now: datetime) -> int:
        resent = await self._run(lambda s: operator.resend_replies(s, seqs, now, self._worker))
        self._hints.send()
        return resent

    async def discard_replies(self, seqs: Sequence[int]) -> int:
        return await self._run(lambda s: operator.discard_replies(s, seqs))

    async def space(self) -> Space:
        return Space(await self._run(operator.used_bytes))

    async def reseal(self) -> Resealing:
        async def step(state: CommandState, after: int, limit: int) -> tuple[int, int | None]:
            return await self._transact(lambda s: resealing.reseal(s, state, after, limit))

        async def key_ids() -> list[bytes]:
            return [row["key_id"] for row in await self._run(lambda s: s.all("sealing_keys"))]

        return await reseal_all(self._sealer, step, key_ids)
