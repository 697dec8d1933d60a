"""The part of the lanes' journal in memory that looks for invoices and keeps what was found.

Keeps the promises of `worker.ports.LaneJournal` as far as lanes rely on them; the real stores are held to the whole of
it by `tests/conformance`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from contracts.envelope import loads
from worker.flows.evidence.clues import clues_of
from worker.records import (
    LOOK_UP,
    MAY_HAVE_INVOICE,
    UNSETTLED,
    AuditedInvoice,
    AuditedRow,
    AuditOwner,
    AuditTwin,
    Command,
    CommandState,
    FileRow,
    Findings,
    FoundRow,
    LaneLease,
    NumberedCommand,
    Probes,
    Route,
    Stored,
    StoredFilter,
    Stray,
    SubmittedInvoice,
)

MAX_KEY = 2**62


def is_found_by(probes: Probes, command: Command) -> bool:
    """As the stores' indexes find it; data that cannot be read are open."""
    try:
        sent = SubmittedInvoice.read(loads(command.data))
        lines = [(each.quantity, each.price) for each in sent.lines]
        clues = clues_of(sent.buyer_id, sent.remark, lines, sent.expected_total, prints_bank=sent.prints_bank)
    except (KeyError, TypeError, ValueError):
        return True
    if clues.total is None:
        return True
    return clues.mark in probes.marks or any(
        (each.low <= clues.total <= each.high and (each.buyer is None or clues.buyer in {"", each.buyer}))
        or (clues.expected is not None and each.low <= clues.expected <= each.high)
        for each in probes.totals
    )


class FakeFindings:
    """Look-ups, and the invoices that they brought. `commands` and `due_at` are the journal's."""

    def __init__(self) -> None:
        self.commands: dict[int, Command] = {}
        self.due_at: dict[int, datetime] = {}
        self.invoices: dict[tuple[str, str], tuple[FoundRow, datetime]] = {}
        """By user and identity, with when it was seen."""
        self.links: dict[int, dict[str, FoundRow]] = {}
        """What each command brought, by identity."""
        self.kept_strays: list[tuple[int | None, str, bytes]] = []
        self.known_addresses: dict[str, list[tuple[str, str]]] = {}
        """By lane, fingerprint and address of what was completed before."""
        self.items: dict[str, bytes] = {}
        self.files: dict[tuple[str, str], FileRow] = {}
        self.audited_rows: dict[str, AuditedRow] = {}
        """Of the one audit that a test has, by identity."""
        self.audit_claims: dict[str, int] = {}

    def _enter(self, method: str) -> None:
        """Outages come in here."""

    async def _leave(self, method: str) -> None:
        """And lost answers here."""

    def keep(self, command: Command, findings: Findings | None, at: datetime) -> None:
        """Store what a step brought."""
        if findings is None:
            return
        for row in findings.invoices if findings.user_id is not None else ():
            self.invoices[findings.user_id or "", row.identity] = (row, at)
            if command.type != LOOK_UP:
                self.links.setdefault(command.key, {})[row.identity] = row
        self.items.update(findings.items)
        self.files.update({(row.invoice_id, row.type): row for row in findings.files})

    async def enter_look_ups(self, now: datetime, limit: int = 200) -> int:
        self._enter("enter_look_ups")
        commands = list(self.commands.values())
        there = {(c.lane, c.account) for c in commands if c.type == LOOK_UP}
        due = {(c.lane, c.account) for c in commands if c.sought_at is not None and c.sought_at <= now} - there
        for lane, account in sorted(due, key=str):
            key = max(self.commands) + 1
            self.commands[key] = Command(
                key, "", f"{lane} {account}", LOOK_UP, CommandState.WAITING, Route(None, ""), now, lane,
                epoch=0, attempts=0, last_sequence=0, account=account,
            )  # fmt: skip
        return len(due)

    async def sought(self, look_up: Command, limit: int) -> Sequence[Command]:
        self._enter("sought")
        sought = [c for c in self.commands.values() if c.sought_at is not None and _same_place(c, look_up)]
        return sorted(sought, key=lambda c: (c.sought_at or c.received_at, c.key))[:limit]

    async def laid_aside(self, keys: Sequence[int], limit: int) -> Sequence[Stray]:
        self._enter("laid_aside")
        telling = {"does_not_fit", "fits_several", "unreadable"}
        return [
            Stray(key, reason, body)
            for key, reason, body in self.kept_strays
            if key is not None and key in keys and reason in telling
        ][:limit]

    async def addresses(self, lane: str, limit: int) -> Sequence[tuple[str, str]]:
        self._enter("addresses")
        return self.known_addresses.get(lane, [])[-limit:]

    async def end_look_up(self, look_up: Command, lease: LaneLease, *, not_before: datetime | None = None) -> bool:
        self._enter("end_look_up")
        kept = self.commands.get(look_up.key)
        if kept is None or kept.epoch != lease.epoch or kept.state is not CommandState.RUNNING:
            return False
        del self.commands[look_up.key]
        for command in list(self.commands.values()):
            if not_before and command.sought_at is not None and _same_place(command, look_up):
                self.commands[command.key] = replace(command, sought_at=max(command.sought_at, not_before))
        await self._leave("end_look_up")
        return True

    async def has_earlier(self, command: Command, now: datetime) -> bool:
        self._enter("has_earlier")
        return any(
            c.lane == command.lane
            and c.state is CommandState.WAITING
            and rank(c)[0] < rank(command)[0]
            and self.due_at.get(c.key, now) <= now
            for c in self.commands.values()
        )

    async def unsettled(self, lane: str) -> Sequence[Command]:
        self._enter("unsettled")
        return [replace(c, secrets={}) for c in self.commands.values() if c.lane == lane and c.state in UNSETTLED]

    async def rivals(self, seller: str, since: tuple[datetime, int], limit: int) -> Sequence[Command]:
        self._enter("rivals")
        found = [
            (c.submitted_at, c.key, replace(c, secrets={}))
            for c in self.commands.values()
            if c.seller == seller and c.invoice_number is None and c.state in MAY_HAVE_INVOICE and c.submitted_at
        ]
        return [c for at, key, c in sorted(found, key=lambda row: row[:2]) if (at, key) > since][:limit]

    async def rivals_by_clues(
        self, seller: str, since: tuple[datetime, int], probes: Probes, limit: int
    ) -> Sequence[Command]:
        self._enter("rivals_by_clues")
        moment, after = since
        rows = await self.rivals(seller, (moment, MAX_KEY), len(self.commands))
        found = [command for command in rows if command.key > after and is_found_by(probes, command)]
        return sorted(found, key=lambda command: command.key)[:limit]

    async def bound(self, numbers: Sequence[str]) -> frozenset[str]:
        self._enter("bound")
        return frozenset(numbers) & {c.invoice_number for c in self.commands.values() if c.invoice_number}

    # ---- audits ------------------------------------------------------------------------------------

    async def keep_audited(self, command: Command, rows: Sequence[AuditedRow]) -> None:
        self._enter("keep_audited")
        self.audited_rows.update({row.identity: row for row in rows})
        await self._leave("keep_audited")

    async def count_audited(self, command: Command) -> int:
        self._enter("count_audited")
        return len(self.audited_rows)

    async def audited(self, command: Command, after: str, limit: int) -> Sequence[AuditedInvoice]:
        self._enter("audited")
        rows = [row for name, row in sorted(self.audited_rows.items()) if name > after][:limit]
        return [
            AuditedInvoice(row, self.audit_claims.get(row.identity), self._owner(command, row), self._twin(row))
            for row in rows
        ]

    def _owner(self, command: Command, row: AuditedRow) -> AuditOwner | None:
        for each in self.commands.values():
            if each.invoice_number is not None and each.invoice_number == row.number:
                is_own = each.source == command.source
                return (
                    AuditOwner(each.key, is_own, each.id, each.order_no, each.data)
                    if is_own
                    else AuditOwner(each.key, is_own)
                )
        return None

    def _twin(self, row: AuditedRow) -> AuditTwin | None:
        if row.alike is None:
            return None
        others = [each for each in self.audited_rows.values() if each.alike == row.alike and each is not row]
        bound = {each.invoice_number for each in self.commands.values()}
        first = min(others, key=lambda each: each.identity, default=None)
        return None if first is None else AuditTwin(first.identity, first.number, first.number in bound)

    async def claim_audited(self, command: Command, claims: Mapping[str, int]) -> None:
        self._enter("claim_audited")
        self.audit_claims.update(claims)

    async def numbered(
        self, command: Command, seller: str, since: tuple[datetime, int], until: datetime, limit: int
    ) -> Sequence[NumberedCommand]:
        self._enter("numbered")
        found = sorted(
            (each.submitted_at, each.key, each)
            for each in self.commands.values()
            if each.seller == seller and each.invoice_number and each.submitted_at and each.submitted_at < until
        )
        return [
            NumberedCommand(
                key, at, each.source == command.source, str(each.invoice_number),
                each.invoice_number in self.audited_rows, each.id, each.order_no,
            )
            for at, key, each in found
            if (at, key) > since
        ][:limit]  # fmt: skip

    async def forget_audited(self, command: Command, limit: int) -> int:
        self._enter("forget_audited")
        gone = list(self.audited_rows)[:limit]
        for name in gone:
            del self.audited_rows[name]
        return len(gone)

    async def unseen(self, command: Command, identities: Sequence[str]) -> frozenset[str]:
        self._enter("unseen")
        return frozenset(identities) - set(self.links.get(command.key, ()))

    async def lacking(self, command: Command, after: str, limit: int) -> Sequence[FoundRow]:
        self._enter("lacking")
        brought = self.links.get(command.key, {})
        return [row for identity, row in sorted(brought.items()) if row.lacks_files and identity > after][:limit]

    async def tally(self, command: Command, limit: int) -> tuple[int, Sequence[str]]:
        self._enter("tally")
        ids = {row.invoice_id for row in self.links.get(command.key, {}).values()}
        lacking = await self.lacking(command, "", limit)
        return sum(invoice_id in ids for invoice_id, _ in self.files), [row.invoice_id for row in lacking]

    async def brought(self, source: str, invoice_ids: Sequence[str]) -> frozenset[str]:
        self._enter("brought")
        return frozenset(invoice_ids) & {
            row.invoice_id for row, _ in self.invoices.values() if self._is_of(row, source)
        }

    async def stored(self, wanted: StoredFilter) -> tuple[int, Sequence[Stored]]:
        self._enter("stored")
        fitting = [
            self._stored(user_id, row, seen_at)
            for (user_id, _), (row, seen_at) in sorted(self.invoices.items())
            if wanted.user_id in {None, user_id}
            and wanted.number in {None, row.number, row.identity}
            and (not wanted.invoice_ids or row.invoice_id in wanted.invoice_ids)
            and (wanted.source is None or self._is_of(row, wanted.source))
            and (wanted.command_key is None or self._brought_by(self.commands[wanted.command_key], row))
        ]
        return len(fitting), fitting[wanted.offset : wanted.offset + wanted.limit]

    def _stored(self, user_id: str, row: FoundRow, seen_at: datetime) -> Stored:
        issued = [c for c in self.commands.values() if c.invoice_number is not None and c.invoice_number == row.number]
        return Stored(
            invoice=replace(row, lacks_files=False),
            user_id=user_id,
            items=self.items.get(row.invoice_id),
            files=tuple(file for (invoice_id, _), file in sorted(self.files.items()) if invoice_id == row.invoice_id),
            seen_at=seen_at,
            command_id=issued[0].id if issued else None,
            command_state=issued[0].state if issued else None,
        )

    def _is_of(self, row: FoundRow, source: str) -> bool:
        return any(c.source == source and self._brought_by(c, row) for c in self.commands.values())

    def _brought_by(self, command: Command, row: FoundRow) -> bool:
        is_issued = command.invoice_number is not None and command.invoice_number == row.number
        return is_issued or row.identity in self.links.get(command.key, {})

    async def find(self, command_id: str, source: str | None = None) -> Sequence[Command]:
        self._enter("find")
        return [
            replace(c, secrets={})
            for c in sorted(self.commands.values(), key=lambda c: -c.key)
            if c.id == command_id and source in {None, c.source} and c.type != LOOK_UP
        ]

    async def find_order(self, source: str, seller: str, order_no: str) -> Command | None:
        self._enter("find_order")
        named = [c for c in self.commands.values() if (c.source, c.seller, c.order_no) == (source, seller, order_no)]
        return replace(min(named, key=lambda c: c.key), secrets={}) if named else None


def rank(command: Command) -> tuple[int, int]:
    """What goes first on a lane: issue, then queries, then look-ups; oldest first."""
    return {"invoice.issue": 0, LOOK_UP: 2}.get(command.type, 1), command.key


def _same_place(command: Command, look_up: Command) -> bool:
    return (command.lane, command.account) == (look_up.lane, look_up.account)
