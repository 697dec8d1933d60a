"""What lanes are tested on: the real store in memory, with outages on demand.

The rules of leases, steps and evidence are those of the journal's own SQL. A test may put a command there as it wants
it to stand, whatever led to it, and read the tables as records.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.envelope import loads
from tests.memory_journal import MemoryJournal
from tests.model.simulation import run_now
from tests.virtual_time import EPOCH, VirtualClock
from worker.clock import Clock
from worker.errors import JournalUnavailable
from worker.flows.evidence.clues import clues_of
from worker.journal.rows import at_or_none, micros, micros_or_none, priority
from worker.journal.sealing import Sealer
from worker.journal.sqlite.outbox import insert_events
from worker.journal.sqlite.readiness import look_again, offer, refresh
from worker.records import (
    ACTIVE,
    FINAL,
    AccountState,
    Command,
    CommandState,
    Event,
    Probes,
    SellerState,
    SubmittedInvoice,
)

_KEPT = {"due_at", "is_emptied"}
"""Columns that no record of a command has."""


@dataclass(frozen=True)
class HeldLane:
    """Who holds a lane; `epoch` only grows."""

    holder: str | None = None
    epoch: int = 0


class LaneStore:
    """`worker.ports.LaneJournal`, each method of it. What is written goes into the list of acts too."""

    def __init__(self, acts: list[str], clock: Clock) -> None:
        self._journal = MemoryJournal(clock)
        self._clock = clock
        self._statements = self._journal.statements
        self.rows = self._journal.rows
        self._columns = [row["name"] for row in self.rows("PRAGMA table_info(command)") if row["name"] not in _KEPT]
        self.acts = acts
        self.calls: Counter[str] = Counter()
        self.down: set[str] = set()
        """Methods that raise `JournalUnavailable`, each time; "*" for all."""
        self.loses_answers: set[str] = set()
        """Methods whose next call commits and then raises."""
        self.broken: set[str] = set()
        """Methods whose next call raises something that nobody expects."""
        self.delays: dict[str, float] = {}
        """Methods to seconds that they take, counted after the commit."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._journal, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._enter(name)
            if name in {"retire", "release"}:
                self.acts.append(name if name == "retire" else f"release {args[0].lane}")
            result = await method(*args, **kwargs)
            if name in {"record", "record_and_next"}:
                written = result[0] if isinstance(result, tuple) else result
                self.acts.append(f"{'record' if written else 'fenced'} {args[0].to}")
            await self._leave(name)
            return result

        self.__dict__[name] = call  # a method is the same each time
        return call

    def _enter(self, method: str) -> None:
        self.calls[method] += 1
        if self.down & {method, "*"}:
            raise JournalUnavailable("the store is down")
        if method in self.broken:
            self.broken.discard(method)
            raise RuntimeError("a bug of the store")

    async def _leave(self, method: str) -> None:
        if method in self.delays:
            await asyncio.sleep(self.delays[method])
        if method in self.loses_answers:
            self.loses_answers.discard(method)
            raise JournalUnavailable("the answer was lost")

    # ---- what tests put there

    def add(self, *commands: Command) -> None:
        """Journal commands. What does not wait any more was begun by somebody who held the lane."""
        now = micros(self._clock.now())
        for command in commands:
            assert command.lane is not None
            self.put(command)
            offer(self._statements, command.lane, command.source, now)
            if command.state is not CommandState.WAITING:
                self.rows("UPDATE lane SET epoch = max(epoch, 1) WHERE lane = ?", command.lane)
            if not self.rows("SELECT 1 FROM lane WHERE lane = ? AND holder IS NOT NULL", command.lane):
                refresh(self._statements, command.lane, now)

    def put(self, command: Command) -> None:
        """Let it stand like this, behind everybody's back."""
        values: dict[str, Any] = {name: getattr(command, name, None) for name in self._columns}
        values |= {name: micros_or_none(values[name]) for name in self._columns if name.endswith("_at")}
        route, clues = command.route, _clues(command)
        values |= {
            "content_hash": "",
            "priority": priority(command.type),
            "reply_to": route.reply_to,
            "correlation_id": route.correlation_id,
            "traceparent": route.traceparent,
            "tracestate": route.tracestate,
            "order_claim": f"{command.source} {command.order_no}" if command.holds_order else None,
            "secrets": self._sealed(command),
        } | clues
        named, changed = ", ".join(self._columns), ", ".join(f"{name} = :{name}" for name in self._columns)
        self._statements.connection.execute(
            f"INSERT INTO command ({named}) VALUES (:{', :'.join(self._columns)})"  # noqa: S608
            f" ON CONFLICT (key) DO UPDATE SET {changed}",
            values,
        )
        self.rows("INSERT OR REPLACE INTO payload VALUES (?, ?, ?)", command.key, command.data, command.warnings)

    def _sealed(self, command: Command) -> bytes | None:
        fault = command.secrets_fault
        if command.state in FINAL and command.sought_at is None:
            return None
        if fault is None:
            return self._statements.sealer.seal(command.source, command.id, command.secrets)
        sealer = Sealer([b"x" * 32]) if fault.is_passing else self._statements.sealer
        sealed = sealer.seal(command.source, command.id, {"/login/password": "unreadable"}) or b""
        return sealed if fault.is_passing else sealed[:-1]

    def tell(self, command: Command, *events: Event) -> None:
        """It has told these."""
        insert_events(self._statements, command.key, command, events, at=self._clock.now())

    def follow(self, follower: Command, first: Command, claim: str) -> None:
        """It follows that one, and has not looked yet."""
        self._statements.run("insert_follower", key=follower.key, first=first.key, claim=claim)

    def hold(self, lane: str, holder: str | None, epoch: int | None = None) -> None:
        """Give a lane to a worker, or to nobody."""
        self.rows("INSERT INTO lane (lane, tenant, turn) VALUES (?, '', 0) ON CONFLICT DO NOTHING", lane)
        self.rows("UPDATE lane SET holder = ?, is_ready = 0, epoch = coalesce(?, epoch) WHERE lane = ?",
                  holder, epoch, lane)  # fmt: skip
        if holder is None:
            look_again(self._statements, lane, micros(self._clock.now()))

    def steal(self, lane: str) -> None:
        """Give a lane to another worker, as if this one's lease had run out."""
        epoch = self.lanes[lane].epoch + 1
        self.hold(lane, "w-other", epoch)
        for command in self.commands.values():
            if command.lane == lane and command.state in ACTIVE:
                self.rows("UPDATE command SET epoch = ? WHERE key = ?", epoch, command.key)

    def rest(self, source: str, seller: str, state: SellerState) -> None:
        """A seller stands so."""
        self.rows(
            "INSERT OR REPLACE INTO seller_rest VALUES (?, ?, ?, ?, ?)",
            source,
            seller,
            state.refusals,
            micros_or_none(state.resting_until),
            state.trier,
        )

    # ---- what tests ask

    @property
    def commands(self) -> dict[int, Command]:
        """All, as they stand."""
        rows = self.rows("SELECT c.*, p.data, p.warnings FROM command c JOIN payload p USING (key) ORDER BY key")
        return {row["key"]: self._statements.command(row) for row in rows}

    @property
    def events(self) -> dict[int, list[Event]]:
        """What each command told."""
        told: defaultdict[int, list[Event]] = defaultdict(list)
        for row in self.rows("SELECT * FROM event ORDER BY command_key, sequence"):
            told[row["command_key"]].append(Event(row["sequence"], row["id"], row["type"], row["body"]))
        return told

    @property
    def lanes(self) -> dict[str, HeldLane]:
        """All, held or not."""
        return {row["lane"]: HeldLane(row["holder"], row["epoch"]) for row in self.rows("SELECT * FROM lane")}

    @property
    def accounts(self) -> dict[tuple[str, bool], AccountState]:
        """By account, those of look-ups apart, whatever the password."""
        return {
            (row["account"], bool(row["is_look_up"])): AccountState(row["refusals"], at_or_none(row["suspended_until"]))
            for row in self.rows("SELECT * FROM account")
        }

    @property
    def sellers(self) -> dict[tuple[str, str], SellerState]:
        """By source and seller, those with refusals."""
        return {
            (row["source"], row["seller"]): SellerState(
                row["refusals"], at_or_none(row["resting_until"]), trier=row["trier"]
            )
            for row in self.rows("SELECT * FROM seller_rest")
        }

    @property
    def strays(self) -> list[tuple[int | None, str, bytes]]:
        """What was laid aside, oldest first."""
        return [tuple(row) for row in self.rows("SELECT command_key, reason, body FROM stray ORDER BY id")]

    def leased_until(self, worker: str) -> float | None:
        """On the clock, in seconds; None without a lease."""
        rows = self.rows("SELECT leased_until FROM worker WHERE id = ?", worker)
        return rows[0][0] / 1_000_000 if rows else None

    def due_at(self, key: int) -> datetime | None:
        """When it may be begun again."""
        return at_or_none(self.rows("SELECT due_at FROM command WHERE key = ?", key)[0][0])

    def state_of(self, key: int) -> CommandState:
        """Where a command stands."""
        return CommandState(self.rows("SELECT state FROM command WHERE key = ?", key)[0][0])

    def outcomes_of(self, key: int) -> list[str]:
        """The last part of each committed event's type."""
        rows = self.rows("SELECT type FROM event WHERE command_key = ? ORDER BY sequence", key)
        return [row[0].rpartition(".")[2] for row in rows]


def _clues(command: Command) -> dict[str, Any]:
    """As intake reads them; data that cannot be read are open."""
    try:
        sent = SubmittedInvoice.read(loads(command.data))
        lines: Sequence[Any] = [(each.quantity, each.price) for each in sent.lines]
        clues = clues_of(sent.buyer_id, sent.remark, lines, sent.expected_total, prints_bank=sent.prints_bank)
    except (KeyError, TypeError, ValueError):
        return {"buyer": "", "total_cents": None, "expected_cents": None, "mark": None}
    return {"buyer": clues.buyer, "total_cents": clues.total, "expected_cents": clues.expected, "mark": clues.mark}


def is_found_by(probes: Probes, command: Command) -> bool:
    """Whether the store finds this submission by what was listed."""
    store = LaneStore([], VirtualClock())
    store.put(command)
    since = (EPOCH - timedelta(days=9), 0)
    return bool(run_now(store._journal.rivals_by_clues(str(command.seller), since, probes, 1)))
