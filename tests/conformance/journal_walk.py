"""A random walk over what a journal can be asked: orders, lanes and moves; beside them `journal_asides`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from contracts.envelope import event_id
from tests.conformance.journal_asides import LANES, SELLER, Asides, told
from tests.conformance.journal_builders import ACCOUNT, PASSWORD, login, loose, new
from tests.conformance.journal_stores import LEASE, Store
from tests.conformance.journal_twins import Pair, Twins
from worker.records import (
    ACTIVE,
    FINAL,
    LOOK_UP,
    SUBMITTED,
    UNSETTLED,
    Admission,
    Claim,
    ClaimBounds,
    Clues,
    Event,
    Heard,
    NewCommand,
    Route,
    Settlement,
    Step,
    own_lane,
)
from worker.records import CommandState as S

_AFTER: Final = (S.CHECKING, S.IN_DOUBT, S.COMPLETED, S.COMPLETED, S.FAILED)
_ONWARD: Final = {
    S.RUNNING: (S.RUNNING, S.SUBMITTING, S.SUBMITTING, S.WAITING, S.HELD, S.COMPLETED, S.FAILED),
    S.SUBMITTING: (S.SCANNING, *_AFTER),
    S.SCANNING: (S.SCANNING, *_AFTER),
}
_KINDS: Final = ("issue", "issue", "issue", "query", "items", "audit")
_LANE: Final = "lane, is_ready, is_wanted, due_at IS NULL, holder, epoch, is_ready AND connects, tenant"


class Walk(Asides):
    """One walk, the same on both stores. With one worker alone the outbox is compared too."""

    def __init__(self, twins: Twins, stores: Sequence[Store], seed: int, workers: tuple[str, ...]) -> None:
        super().__init__(twins, seed, workers)
        self._stores = stores
        self._claims: dict[str, Pair] = {}
        """What was claimed and may be held yet, by lane."""
        self._over: set[str] = set()
        """Those of them where nothing runs any more."""
        self._sent: list[NewCommand] = []

    async def run(self, steps: int) -> None:
        """So many acts, each of a call or a few."""
        for worker in self.workers:
            await self.twins.ask("register", worker, LEASE)
        acts = {
            self._admit: 14, self._claim: 14, self._record: 30, self._next: 6, self._release: 5, self._settle: 10,
            self._reap: 4, self._followers: 8, self._come_and_go: 2, self._aside: 4, self.look_ups: 6, self.accounts: 5,
            self.sellers: 5, self.outbox: 8, self.rivals: 3, self.operate: 4, self.stored: 2, self.audit: 2,
            self.vault: 4, self.prune: 1,
        }  # fmt: skip
        for act in self.chance.choices([*acts], [*acts.values()], k=steps):
            by = self.chance.choices([0, 1, 45, 200, 7200, -300], [40, 40, 10, 8, 2, 2])[0]
            self.now += timedelta(seconds=by, microseconds=self.chance.randrange(1, 1_000_000))
            await act()
            if self.is_so(0.1):
                await self._compare()
        await self._compare()

    async def _compare(self) -> None:
        """Each command as it stands, and each lane."""
        await self.twins.ask("commands", [], 1000)
        one, other = [
            sorted(
                tuple(str(int(value) if isinstance(value, bool) else value) for value in row)
                for row in await store.rows(f"SELECT {_LANE} FROM lane")  # noqa: S608  its own words
            )
            for store in self._stores
        ]
        assert one == other, f"lanes, behind {self.twins.asked[-8:]}"

    # ---- intake --------------------------------------------------------------------------------------

    async def _admit(self) -> None:
        """Several at once have no numbers: what waits for another of its batch gets its key behind the whole batch on
        one store, and in its place on the other."""
        count = self.one(1, 1, 1, 2, 4)
        commands = [
            self._again() if count == 1 and self._sent and self.is_so(0.3) else self._new(count) for _ in range(count)
        ]
        most = self.maybe(self.one(3, 6), 0.3)
        worker = self.one(*self.workers)
        admitted = await self.twins.ask("admit", commands, worker=worker, waiting_max=most)
        if Admission.DUPLICATE in admitted.sqlite:  # PostgreSQL wakes its lane before it is found to be one
            lanes = "', '".join(str(command.lane) for command in commands)
            wakes = f"WHERE lane IN ('{lanes}') AND holder <> '{worker}'"
            await self._stores[0].write(f"UPDATE lane SET is_wanted = 1 {wakes}")  # noqa: S608  its own words
            await self._stores[1].write(f"UPDATE lane SET is_wanted = true {wakes}")  # noqa: S608
        if self.is_so(0.1):
            answer = loose(f"answer{self.one(1, 2, 3)}", self._route())
            await self.twins.ask("answer", [answer], worker=self.one(*self.workers))
        await self.twins.ask("commands", [], 1000)

    def _again(self) -> NewCommand:
        before = self.one(*self._sent)
        hashed = "another" if self.is_so(0.2) else before.content_hash
        return replace(before, received_at=self.now, route=self._route(), content_hash=hashed)

    def _route(self) -> Route:
        return Route(self.maybe(self.one("q1", "q2", "q3")), f"corr{len(self._sent)}", self.maybe("00-trace"), None)

    def _new(self, count: int) -> NewCommand:
        source, name, kind = self.one("erp", "shop", "Shop"), f"c{len(self._sent)}", self.one(*_KINDS)
        values: dict[str, Any] = {
            "source": source,
            "type": f"invoice.{kind}",
            "lane": own_lane(source, name) if kind == "items" else self.one(*LANES),
            "received_at": self.now,
            "route": self._route(),
            "deadline_at": self.maybe(self.now + timedelta(minutes=30)),
            "secrets": {"/login/password": PASSWORD} if kind != "items" else {},
        }
        if kind == "issue":
            values |= self._order(has_number=count == 1 and self.is_so(0.6))
        if self.is_so(0.1):
            event = Event(1, event_id(source, name, 1), f"invoice.{kind}.rejected", b'{"data":{}}')
            values |= {"state": S.REJECTED, "lane": None, "events": (event,), "double_since": None}
        made = new(name, **values)
        self._sent.append(made)
        return made

    def _order(self, *, has_number: bool) -> dict[str, Any]:
        total = self.one(*range(5))
        told_clues = self.maybe(total, 0.8), self.maybe(total), self.maybe(self.one("m1", "m2"))
        doubles = {"double_since": self.now - timedelta(minutes=5), "rejects_double": self.is_so(0.5)}
        return {
            "seller": self.one(SELLER, "other"),
            "order_no": self.one("o1", "o2", "O1") if has_number else None,
            "order_hash": self.one("h1", "h2"),
            "is_order_shared": self.is_so(0.1),
            "fingerprint": self.maybe(self.one("f1", "f2", "f3"), 0.8),
            "clues": Clues(self.one("", "b1", "b2"), *told_clues),
            **(doubles if not has_number and self.is_so(0.5) else {}),
        }

    # ---- lanes ---------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        """Lanes that become ready together share turns in an order that is each store's own."""
        for store in self._stores:
            lanes = sorted(lane for (lane,) in await store.rows("SELECT lane FROM lane"))
            turns = " ".join(f"WHEN '{lane}' THEN {place}" for place, lane in enumerate(lanes))
            if lanes:
                await store.write(f"UPDATE lane SET turn = CASE lane {turns} END")  # noqa: S608  the walk's own names
        bounds = ClaimBounds(self.one(0, 1, 3), self.one(1, 2), {"erp": self.one(0, 1, 2)})
        asked = self.one(*self.workers), self.one(1, 2, 5), self.now
        claims = await self.twins.ask("claim", *asked, within=self.maybe(bounds, 0.4))
        for claim in claims.map(lambda given: sorted(given, key=lambda each: each.lease.lane)).entries():
            self._begun(claim)

    def _begun(self, claim: Pair) -> None:
        lane = claim.sqlite.lease.lane
        self._claims[lane] = claim
        self._over.discard(lane)

    def _begun_behind(self, claim: Pair, following: Pair) -> bool:
        """The lane's next command, where there is one."""
        if following.sqlite is not None:
            sqlite = Claim(claim.sqlite.lease, following.sqlite)
            self._begun(Pair(sqlite, Claim(claim.postgres.lease, following.postgres)))
        return following.sqlite is not None

    def _any(self, lanes: Sequence[str]) -> Pair | None:
        return self._claims[self.one(*sorted(lanes))] if lanes else None

    async def _record(self) -> None:
        claim = self._any([*self._claims])
        if claim is None:
            return
        if claim.sqlite.command.type == LOOK_UP:
            await self._end_look_up(claim)
            return
        step, following = self._step(claim, self._to(claim.sqlite.command)), Pair(None, None)
        if self.is_so(0.4) and step.sqlite.to_lane is None:
            answer = await self.twins.ask("record_and_next", step)
            is_written, following = answer.at(0), answer.at(1)
        else:
            is_written = await self.twins.ask("record", step)
        if is_written.sqlite and not self._begun_behind(claim, following):
            self._moved(claim, step.sqlite)

    def _moved(self, claim: Pair, step: Step) -> None:
        lane = step.lease.lane
        self._over.discard(lane)
        if step.to in ACTIVE:
            last = max((each.sequence for each in step.events), default=step.command.last_sequence)
            changes = {"state": step.to, "last_sequence": last}
            self._claims[lane] = claim.map(lambda one: replace(one, command=replace(one.command, **changes)))
        elif self.is_so(0.7):
            self._over.add(lane)  # what is stale by now is tried with it later
        else:
            del self._claims[lane]

    def _to(self, command: Any) -> S:
        to: S = self.one(*_ONWARD.get(command.state, tuple(S)))
        if command.state is S.RUNNING and command.type != "invoice.issue":
            return self.one(S.RUNNING, S.WAITING, S.COMPLETED, S.FAILED)
        return S.WAITING if to is S.HELD and command.seller is None else to

    def _step(self, claim: Pair, to: S) -> Pair:
        command, at = claim.sqlite.command, self.now
        first = max(1, command.last_sequence + 1 - self.is_so(0.05))
        is_sought = to in UNSETTLED or (to is S.COMPLETED and command.type == "invoice.issue")
        is_late = to is S.WAITING and self.is_so(0.5)
        goes_apart = is_late and command.type == "invoice.query" and self.is_so(0.5)
        values: dict[str, Any] = {
            "due_at": at + timedelta(seconds=self.one(5, 60)) if is_late else None,
            "progress": self.maybe(b'{"page":1}', 0.3) if to not in SUBMITTED else None,
            "deadline_at": self.maybe(at + timedelta(hours=1), 0.1),
            "sought_at": self.maybe(at + timedelta(seconds=self.one(0, 30, 300)), 0.8) if is_sought else None,
            "account": self.one(ACCOUNT, "other account") if to is S.SUBMITTING or is_sought else None,
            "findings": self.maybe(self.findings(), 0.2),
            "goes_last": to is S.WAITING and self.is_so(0.1),
            "keeps_order": self.is_so(0.2),
            "to_lane": own_lane(command.source, command.id) if goes_apart else None,
        }
        outcomes = (str(to),) if to in FINAL | {S.IN_DOUBT} else self.one((), ("page",), ("qr_required",))
        expected = self.one(frozenset({command.state}), frozenset({command.state}), ACTIVE)

        def made(one: Claim) -> Step:
            events = tuple(told(one.command, number, outcome) for number, outcome in enumerate(outcomes, first))
            return Step(one.command, one.lease, expected, to, at, events, **values)

        return claim.map(made)

    async def _next(self) -> None:
        if (claim := self._any([*self._over])) is not None:
            self._begun_behind(claim, await self.twins.ask("next_command", claim.of("lease"), self.now))

    async def _release(self) -> None:
        if (claim := self._any([*self._claims])) is not None:
            if self.is_so(0.2):
                await self.twins.ask("count_break", claim.of("command"), claim.of("lease"))
            await self.twins.ask("release", claim.of("lease"), self.now)

    async def _reap(self) -> None:
        await self.twins.ask("reap", self.one(*self.workers), self.now, 200, adopts=False)
        await self.twins.ask("ready_lanes", 100, self.maybe("erp"))
        await self.twins.ask("wanted", self.one(*self.workers))

    async def _come_and_go(self) -> None:
        worker = self.one(*self.workers)
        if self.is_so(0.5):
            await self.twins.ask("retire", worker)
        await self.twins.ask("register", worker, LEASE)
        await self.twins.ask("renew", worker, LEASE)

    async def _aside(self) -> None:
        if (claim := self._any([*self._claims])) is not None:
            await self.twins.ask("has_earlier", claim.of("command"), self.now)
            await self.strays(claim.sqlite.lease.lane, claim.of("command").of("key"))

    async def _end_look_up(self, claim: Pair) -> None:
        command, lane = claim.of("command"), claim.sqlite.lease.lane
        await self.twins.ask("sought", command, self.one(2, 100))
        what = self.one("ends", "put off", "refused", "waits")
        if what == "waits":
            step = self._step(claim, S.WAITING)
            await self.twins.ask("record", step.map(lambda one: replace(one, events=(), findings=None, to_lane=None)))
        else:
            later = None if what == "ends" else self.now + timedelta(minutes=10)
            refused = login(is_look_up=True) if what == "refused" else None
            await self.twins.ask("end_look_up", command, claim.of("lease"), not_before=later, refused=refused)
        self._claims.pop(lane, None)
        self._over.discard(lane)

    # ---- moves without a lane ------------------------------------------------------------------------

    async def _settle(self) -> None:
        states = self.one((S.IN_DOUBT, S.CHECKING), (S.COMPLETED,), (S.WAITING, S.HELD), tuple(S))
        if (command := await self.some(*states)) is None:
            return
        state: S = command.sqlite.state
        to = (
            self.one(S.COMPLETED, S.FAILED, S.IN_DOUBT) if state in UNSETTLED else state if state in FINAL else S.FAILED
        )
        outcomes = self.one((), ("confirmed",)) if state is S.COMPLETED else (str(to),)
        is_sought = to in {S.IN_DOUBT, S.COMPLETED} and command.sqlite.account is not None and self.is_so(0.5)
        number = (
            self.one("n1", "n2", "n3", "n4", f"x{len(self._sent)}") if to is S.COMPLETED and self.is_so(0.6) else None
        )
        values: dict[str, Any] = {
            "invoice_number": number,
            "sought_at": self.now + timedelta(seconds=30) if is_sought else None,
            "has_looked": self.is_so(0.5),
            "findings": self.maybe(self.findings(), 0.2),
            "keeps_order": self.is_so(0.2),
        }
        expected = self.one(frozenset({state}), UNSETTLED, FINAL) if state in UNSETTLED | FINAL else frozenset({state})
        at = self.now

        def made(one: Any) -> Settlement:
            events = tuple(told(one, place, outcome) for place, outcome in enumerate(outcomes, one.last_sequence + 1))
            return Settlement(one, expected, to, at, events, **values)

        await self.twins.ask("settle", command.map(made))

    async def _followers(self) -> None:
        listed = await self.twins.ask("followers", 100)
        if not listed.sqlite:
            return
        one, at = self.one(*listed.entries()), self.now
        what = self.one("heed", "over", "succeed", S.FOLLOWING, S.COMPLETED, S.FAILED, S.REJECTED)
        if what == "succeed":
            if one.sqlite.follower.state is S.FOLLOWING:  # of any other PostgreSQL wakes the lane before it sees so
                await self.twins.ask("succeed", one, self.now)
        elif not isinstance(what, S):
            await self.twins.ask("heed", one, is_over=what == "over" and one.sqlite.first.state in FINAL)
        else:
            has_heard = what is S.FOLLOWING or self.is_so(0.7)
            is_over = what is S.REJECTED or (what is not S.FOLLOWING and self.is_so(0.5))

            def made(f: Any) -> Settlement:
                heard = Heard(f.nudges, max((each.sequence for each in f.events), default=f.heard), is_over)
                events = (told(f.follower, f.follower.last_sequence + 1, str(what)),)
                expected = frozenset({S.FOLLOWING, S.COMPLETED})
                return Settlement(f.follower, expected, what, at, events, heard=heard if has_heard else None)

            await self.twins.ask("settle", one.map(made))
