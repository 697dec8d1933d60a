"""What a random walk over the journal asks beside orders and lanes: look-ups, accounts, sellers, files, operators."""

import random
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from tests.conformance.journal_builders import NOW, PASSWORD, brought, event, found, login, pdf
from tests.conformance.journal_twins import Pair, Twins
from worker.records import AuditedRow, CommandState, Event, Findings, KeptCopy, Probes, StoredFilter, TotalProbe

SELLER: Final = "91330701MA2M37T86L"
LANES: Final = ("u1", "u2", "U2", "u3")
_MINUTES: Final = timedelta(minutes=2)
T = TypeVar("T")


def told(command: Any, sequence: int, outcome: str) -> Event:
    """As builders have it, but that a completed one says where the PDF is."""
    said = event(command, sequence, outcome)
    if outcome != "completed":
        return said
    return Event(
        said.sequence, said.id, said.type, b'{"data":{"invoiceUrl":"https://f/%d","invoice":{}}}' % (sequence % 2)
    )


class Asides:
    """Chance, time, and what needs no lane."""

    def __init__(self, twins: Twins, seed: int, workers: tuple[str, ...]) -> None:
        self.twins = twins
        self.chance = random.Random(seed)
        self.workers = workers
        self.now: datetime = NOW

    def one(self, *values: T) -> T:
        """One of these."""
        return self.chance.choice(values)

    def maybe(self, value: T, odds: float = 0.5) -> T | None:
        """This or nothing."""
        return value if self.is_so(odds) else None

    def is_so(self, odds: float) -> bool:
        """True so often."""
        return self.chance.random() < odds

    async def some(self, *states: CommandState) -> Pair | None:
        """A command in one of these states, or in any."""
        listed = await self.twins.ask("commands", list(states), 50)
        return self.chance.choice(listed.entries()) if listed.sqlite else None

    def findings(self) -> Findings:
        """What a look-up may bring."""
        names = self.chance.sample(["n1", "n2", "n3", "n4"], self.one(1, 2))
        rows = [
            found(
                name,
                lacks_files=self.is_so(0.3),
                total=self.one("1.00", None),
                invoice_date=self.one(NOW, self.now, None),
                number=self.one(name, name, None),
            )
            for name in names
        ]
        files = [pdf(f"id of {name}", f"https://f/{self.one(1, 2)}", type=self.one("pdf", "ofd")) for name in names]
        items = {f"id of {names[0]}": b"[]"}
        return brought(*rows, user_id=self.one("u1", "u2"), files=tuple(files), items=items)

    async def look_ups(self) -> None:
        await self.twins.ask("enter_look_ups", self.now, self.one(1, 200))

    async def accounts(self) -> None:
        ask, user = self.twins.ask, self.one("u1", "u2")
        chosen = login(is_look_up=self.is_so(0.4), password=self.one(PASSWORD, "new one"), user_id=user)
        await ask("account", chosen)
        await ask("count_login", chosen, accepted=self.is_so(0.3), now=self.now, threshold=2, suspend=_MINUTES)
        if self.is_so(0.3):
            await ask("renew_password", chosen, "/login/password", self.now)
        refused = await ask("refused_accounts", 10)
        if self.is_so(0.2):
            await ask("resume_accounts", [row.id for row in refused.sqlite][: self.one(0, 1, 5)], self.now)

    async def sellers(self) -> None:
        ask, whose = self.twins.ask, (self.one("erp", "shop"), self.one(SELLER, "other"))
        await ask("seller", *whose)
        match self.one("refused", "refused", "issued", "rested"):
            case "refused":
                await ask("count_refusal", *whose, now=self.now, threshold=2, rest=_MINUTES)
            case "issued":
                await ask("forget_refusals", *whose, self.now)
            case _:
                await ask("end_rests", self.now, _MINUTES, self.one(1, 20))

    async def outbox(self) -> None:
        """With two workers each store has its own rule of who publishes what."""
        if len(self.workers) > 1:
            return
        rows = await self.twins.ask(self.one("due", "due", "due_heads"), "w1", self.now, 1000)
        names = {(row.event_id, row.destination) for row in rows.sqlite[: self.one(1, 3, 1000)]}
        seqs = rows.map(lambda given: [row.seq for row in given if (row.event_id, row.destination) in names])
        later = self.now + timedelta(seconds=self.one(1, 60, 600))
        match self.one("published", "published", "undeliverable", "postpone"):
            case "postpone":
                await self.twins.ask("postpone", seqs.map(lambda given: [(seq, later) for seq in given]))
            case name:
                await self.twins.ask(name, seqs)

    async def rivals(self) -> None:
        ask, since, low = self.twins.ask, (self.now - timedelta(hours=self.one(1, 5)), 0), self.chance.randrange(5)
        await ask("rivals", SELLER, since, self.one(2, 100))
        total = TotalProbe(low, low + 1, self.maybe(self.one("b1", "b2")))
        await ask("rivals_by_clues", SELLER, since, Probes((total,), self.one((), ("m1", "m2"))), self.one(2, 100))
        await ask("bound", ["n1", "n2", "x3"])
        await ask("find_order", self.one("erp", "shop"), SELLER, self.one("o1", "o2", "O1"))

    async def operate(self) -> None:
        ask = self.twins.ask
        await ask("backlog", self.now)
        await ask("overdue", self.now, 20)
        for name in ("unconfirmed", "broken", "needing_person", "undeliverable_replies"):
            await ask(name, 20)
        if (command := await self.some()) is not None:
            await ask("on_lane", command.of("key"))
            if self.is_so(0.3):
                await ask("replay", command.of("key"), self.now)
        await (ask("resend_replies", [], self.now) if self.is_so(0.5) else ask("discard_replies", []))

    async def stored(self) -> None:
        wanted = StoredFilter(
            user_id=self.maybe(self.one("u1", "u2")),
            source=self.maybe(self.one("erp", "shop", "Shop")),
            number=self.maybe("n1", 0.2),
            invoice_ids=self.maybe(("id of n1", "id of n2"), 0.2) or (),
            buyer=self.maybe(self.one("ABC", "abc", "公"), 0.3),
            since=self.maybe(NOW, 0.2),
            until=self.maybe(self.now, 0.2),
            limit=self.one(1, 50),
            offset=self.one(0, 1),
        )
        await self.twins.ask("stored", wanted)
        await self.twins.ask("brought", self.one("erp", "shop"), ["id of n1", "id of n2"])
        if (command := await self.some()) is not None:
            await self.twins.ask("unseen", command, ["n1", "n2", "n9"])
            await self.twins.ask("lacking", command, "", 10)
            await self.twins.ask("tally", command, 10)

    async def audit(self) -> None:
        if (command := await self.some(CommandState.RUNNING)) is None:
            return
        rows = [
            AuditedRow(name, self.maybe(name, 0.8), b"{}", self.is_so(0.8), self.maybe(self.one("a1", "a2")))
            for name in self.chance.sample(["n1", "n2", "n3", "N1"], self.one(1, 3))
        ]
        ask = self.twins.ask
        await ask("keep_audited", command, rows)
        await ask("count_audited", command)
        await ask("claim_audited", command, {"n1": 0})
        await ask("audited", command, self.one("", "n1"), self.one(1, 10))
        await ask("numbered", command, SELLER, (NOW - timedelta(days=1), 0), self.now, self.one(1, 10))
        if self.is_so(0.2):
            await ask("forget_audited", command, self.one(1, 10))

    async def vault(self) -> None:
        ask = self.twins.ask
        await ask("enter_files", self.now, 100)
        due = await ask("files_due", self.now, self.now + timedelta(minutes=1), 100)
        for file in due.map(lambda files: sorted(files, key=lambda each: (each.number, each.type))).entries():
            match self.one("kept", "missing", "put_off"):
                case "kept":
                    await ask("file_kept", file, KeptCopy("k", "s", 3, self.now, b"[]"))
                case "missing":
                    await ask("file_missing", file, "gone")
                case _:
                    await ask("file_put_off", file, self.now + timedelta(seconds=30), "later")
        untold = await ask("untold_files", 100, 100)
        for each in untold.map(lambda given: sorted(given, key=lambda one: one.command.key)).entries():
            archived = each.map(lambda one: told(one.command, one.command.last_sequence + 1, "archived"))
            await ask("tell_files", each, archived, self.now)
        await ask("vault_years")

    async def prune(self) -> None:
        before = self.now - timedelta(minutes=self.one(0, 5, 120))
        await self.twins.ask("prune", before, dry_run=True)
        await self.twins.ask("prune", before, dry_run=False)

    async def strays(self, lane: str, key: Pair) -> None:
        await self.twins.ask("keep_stray", lane, key, self.one("does_not_fit", "repeated"), b"{}", self.now)
        await self.twins.ask("laid_aside", key.map(lambda one: [one]), 10)
        await self.twins.ask("unsettled", lane)
        await self.twins.ask("last_results", lane, 2)
