"""A journal for operators, in memory, and commands to put into it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contracts.envelope import build_event, dumps
from worker.errors import NotResolvable
from worker.records import (
    EVERY_COMMAND,
    FINAL,
    Backlog,
    Command,
    CommandFilter,
    CommandState,
    Copy,
    Event,
    EventRecord,
    FileRow,
    FoundRow,
    OnLane,
    Pruned,
    RefusedAccount,
    Resealing,
    Route,
    SellerState,
    Settlement,
    Stored,
    StoredFilter,
    Times,
    UndeliverableReply,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NUMBER = "25332000000012345678"
SUBMITTED = {
    "userId": "user-1",
    "invoice": {
        "buyerName": "Buyer",
        "buyerIndentification": "91330106MA27XN2Y1B",
        "buyerInvoiceType": 0,
        "buyerType": 0,
        "invoiceItems": [{"name": "Paper", "quantity": "2", "spec": "", "unit": "box", "unitPrice": "9.90"}],
        "remark": "",
        "sellerName": "Seller",
        "sellerIndentification": "91330106MA27XN2Y1C",
        "sellerBank": "Bank",
        "sellerBankAccount": "1",
        "sellerLoginAccount": "13800138000",
    },
}


class FakeClock:
    """Stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def command(**changes: Any) -> Command:
    """A command in doubt, unless told otherwise."""
    values: dict[str, Any] = {
        "key": 1,
        "source": "erp",
        "id": "cmd-1",
        "type": "invoice.issue",
        "state": CommandState.IN_DOUBT,
        "route": Route(reply_to="answers", correlation_id="cmd-1"),
        "received_at": NOW,
        "lane": "user-1",
        "epoch": 1,
        "attempts": 2,
        "last_sequence": 3,
        "submitted_at": NOW,
        "order_no": "SO-1",
        "data": dumps(SUBMITTED),
    }
    return Command(**{**values, **changes})


def event(sequence: int, outcome: str, data: dict[str, Any], time: datetime = NOW) -> Event:
    """A committed event of a command of the tenant `erp`."""
    event_type = f"invoice.issue.{outcome}"
    identifier, body = build_event(
        worker="/test",
        command_source="erp",
        command_id="cmd-1",
        event_type=event_type,
        sequence=sequence,
        time=time,
        data={"commandId": "cmd-1", "commandSource": "erp", **data},
    )
    return Event(sequence, identifier, event_type, body)


class FakeOperatorJournal:
    """Holds commands and events; remembers what was written."""

    def __init__(self, *commands: Command) -> None:
        self.held = list(commands)
        self.told: dict[int, list[EventRecord]] = {}
        self.settlements: list[Settlement] = []
        self.set_aside: list[UndeliverableReply] = []
        self.bound: dict[str, int] = {}
        self.sellers: dict[tuple[str, str], SellerState] = {}
        self.lost_numbers: list[Command] = []
        """Issued, and no look-up found the number."""
        self.kept: list[Stored] = []
        """What is stored of invoices, newest first."""
        self.asked_for: list[StoredFilter] = []
        self.prunings: list[Pruned] = []
        """What each round of pruning will forget; then nothing."""
        self.pruned_before: list[tuple[datetime, bool]] = []
        self.lanes: dict[int, OnLane] = {}
        self.loses_races = False
        self.refused: list[RefusedAccount] = []
        """Accounts whose last login was refused."""
        self.is_open = False
        self.resealing = Resealing(3, "0a0b0c0d", is_complete=True)

    def tell(self, key: int, *events: Event, pending: tuple[Copy, ...] = ()) -> None:
        """Put events on record."""
        self.told.setdefault(key, []).extend(EventRecord(event, NOW, pending, undeliverable=False) for event in events)

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def upgrade(self) -> Sequence[str]:
        return ["0001_journal"]

    async def ping(self) -> None: ...

    async def times(self) -> Times:
        return Times(None)

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        return [c for c in self.held if c.id == command_id and source in {None, c.source}]

    async def seller(self, source: str, seller: str) -> SellerState:
        return self.sellers.get((source, seller), SellerState())

    async def events_of(self, key: int) -> Sequence[EventRecord]:
        return self.told.get(key, [])

    async def on_lane(self, key: int) -> OnLane:
        return self.lanes.get(key, OnLane(None, None, 0, None))

    async def of_invoice(self, number: str) -> Command | None:
        return next((c for c in self.held if c.invoice_number == number), None)

    async def of_order(self, order_no: str, source: str | None = None, limit: int = 100) -> Sequence[Command]:
        found = [c for c in self.held if c.order_no == order_no and source in {None, c.source}]
        return sorted(found, key=lambda c: (c.holds_order, c.key), reverse=True)[:limit]

    async def commands(
        self, states: Sequence[CommandState], limit: int = 100, wanted: CommandFilter = EVERY_COMMAND
    ) -> Sequence[Command]:
        return [c for c in self.held if (not states or c.state in states) and _fits(c, wanted)][:limit]

    async def broken(self, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> Sequence[Command]:
        return [c for c in self.held if c.breaks and _fits(c, wanted)][:limit]

    async def needing_person(self, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> Sequence[Command]:
        in_doubt = await self.commands([CommandState.IN_DOUBT], len(self.held), wanted)
        return [c for c in in_doubt if c.sought_at is None or c.account is None][:limit]

    async def unconfirmed(self, limit: int = 100, wanted: CommandFilter = EVERY_COMMAND) -> Sequence[Command]:
        return [c for c in self.lost_numbers if _fits(c, wanted)][:limit]

    async def stored(self, wanted: StoredFilter) -> tuple[int, Sequence[Stored]]:
        """Heeds names, the user and the page; the days and the buyer are the stores' matter."""
        self.asked_for.append(wanted)
        found = [
            each
            for each in self.kept
            if wanted.number in {None, each.invoice.number}
            and (not wanted.invoice_ids or each.invoice.invoice_id in wanted.invoice_ids)
            and wanted.user_id in {None, each.user_id}
        ]
        return len(found), found[wanted.offset : wanted.offset + wanted.limit]

    async def prune(self, before: datetime, *, dry_run: bool, limit: int = 1000) -> Pruned:
        self.pruned_before.append((before, dry_run))
        if dry_run:
            counts = [[getattr(each, name) for each in self.prunings] for name in Pruned.__dataclass_fields__]
            return Pruned(*map(sum, counts))
        return self.prunings.pop(0) if self.prunings else Pruned()

    async def backlog(self, now: datetime) -> Backlog:
        return Backlog(1, now, 1, 0, 2, now, len(self.set_aside), 0)

    async def replay(self, key: int, now: datetime) -> int:
        return 2 * len(self.told.get(key, []))

    async def undeliverable_replies(self, limit: int = 100) -> Sequence[UndeliverableReply]:
        return self.set_aside[:limit]

    async def resend_replies(self, seqs: Sequence[int], now: datetime) -> int:
        return self._take_out(seqs)

    async def discard_replies(self, seqs: Sequence[int]) -> int:
        return self._take_out(seqs)

    async def refused_accounts(self, limit: int = 100) -> Sequence[RefusedAccount]:
        return self.refused[:limit]

    async def resume_accounts(self, ids: Sequence[str], now: datetime) -> int:
        before = len(self.refused)
        self.refused = [account for account in self.refused if ids and account.id not in ids]
        return before - len(self.refused)

    async def reseal(self) -> Resealing:
        return self.resealing

    def _take_out(self, seqs: Sequence[int]) -> int:
        chosen = [reply for reply in self.set_aside if not seqs or reply.seq in seqs]
        self.set_aside = [reply for reply in self.set_aside if reply not in chosen]
        return len(chosen)

    async def settle(self, settlement: Settlement) -> bool:
        number = settlement.invoice_number
        if number is not None and self.bound.setdefault(number, settlement.command.key) != settlement.command.key:
            raise NotResolvable("the invoice number is bound to another command")
        if self.loses_races or settlement.command.state not in settlement.expected:
            return False
        self.settlements.append(settlement)
        self.held = [_moved(c, settlement) if c.key == settlement.command.key else c for c in self.held]
        self.tell(settlement.command.key, *settlement.events)
        return True


def _fits(held: Command, wanted: CommandFilter) -> bool:
    return wanted.user_id in {None, held.user_id} and wanted.source in {None, held.source}


def _moved(held: Command, settlement: Settlement) -> Command:
    return command(
        key=held.key, source=held.source, id=held.id, state=settlement.to, invoice_number=settlement.invoice_number,
        settled_at=settlement.at if settlement.to in FINAL else None,
    )  # fmt: skip


def stored(number: str | None = NUMBER, invoice_id: str = "1778381047770263553", **changes: Any) -> Stored:
    """An invoice that a look-up brought, with a PDF and an OFD."""
    data = {"id": invoice_id, "buyerName": "示例购买方", "invoiceDate": "2026-03-01T12:00:02.000+08:00",
            "totalAmount": "394.06", "totalTax": "3.94", "totalPriceAndTax": "398.00"}  # fmt: skip
    invoice = FoundRow(
        identity=number or f"id:{invoice_id}", invoice_id=invoice_id, number=number, query_type=0, invoice_date=NOW,
        seller_id="S", seller_name="Seller", buyer_id="B", buyer_name="示例购买方", total="398.00",
        data=dumps({**data, **({"countETicketNumbers": number} if number else {})}),
    )  # fmt: skip
    values: dict[str, Any] = {
        "invoice": invoice,
        "user_id": "user-1",
        "items": dumps([{"itemName": "Paper", "amount": "394.06"}]),
        "files": tuple(FileRow(invoice_id, kind, f"http://f/{invoice_id}.{kind}", number) for kind in ("ofd", "pdf")),
        "seen_at": NOW,
        "command_id": "cmd-1",
        "command_state": CommandState.COMPLETED,
    }
    return Stored(**{**values, **changes})


def undeliverable(seq: int) -> UndeliverableReply:
    """A reply set aside."""
    return UndeliverableReply(seq, "erp", "cmd-1", "event-1", "invoice.issue.completed", "answers", 9, NOW)
